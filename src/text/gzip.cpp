#include "text/gzip.hpp"

#include <algorithm>
#include <string>

#include <zlib.h>

namespace ol::text {

namespace {

class Inflater {
public:
    Inflater() { ready_ = inflateInit2(&stream, 15 + 16) == Z_OK; } // + 16: gzip headers only
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() {
        if (ready_) inflateEnd(&stream);
    }
    bool ready() const { return ready_; }
    z_stream stream{};

private:
    bool ready_ = false;
};

} // namespace

bool is_gzip(ByteView bytes) { return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

Result<std::string> gunzip(ByteView bytes, std::uint64_t limit_bytes) {
    if (!is_gzip(bytes)) {
        return fail(ErrorCode::corrupted, "not a gzip file (it does not start with 1f 8b)");
    }
    Inflater inflater;
    if (!inflater.ready()) return fail(ErrorCode::internal, "zlib has no memory");
    z_stream& stream = inflater.stream;
    std::string out;
    std::size_t consumed = 0;
    std::size_t produced = 0;
    for (;;) {
        // One byte more than the limit is room enough to know that the limit was passed.
        const std::size_t room = static_cast<std::size_t>(std::min<std::uint64_t>(
            limit_bytes + 1 - produced, std::max<std::size_t>(produced, 65536)));
        out.resize(produced + room);
        stream.next_in = const_cast<Bytef*>(bytes.data() + consumed);
        stream.avail_in =
            static_cast<uInt>(std::min<std::size_t>(bytes.size() - consumed, 1U << 30));
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + produced);
        stream.avail_out = static_cast<uInt>(std::min<std::size_t>(room, 1U << 30));
        const uInt had_in = stream.avail_in;
        const uInt had_out = stream.avail_out;
        const int code = inflate(&stream, Z_NO_FLUSH);
        consumed += had_in - stream.avail_in;
        produced += had_out - stream.avail_out;
        if (produced > limit_bytes) {
            return fail(ErrorCode::too_large,
                        "unpacks to more than {} bytes (split the file into smaller ones)",
                        limit_bytes);
        }
        if (code == Z_STREAM_END) {
            if (consumed == bytes.size()) break;
            if (!is_gzip(bytes.subspan(consumed))) {
                return fail(ErrorCode::corrupted, "gzip: {} stray bytes after the last member",
                            bytes.size() - consumed);
            }
            inflateReset(&stream);
            continue;
        }
        if (code == Z_OK &&
            (stream.avail_in > 0 || consumed < bytes.size() || stream.avail_out == 0)) {
            continue;
        }
        if (code == Z_OK || code == Z_BUF_ERROR) {
            return fail(ErrorCode::corrupted,
                        "gzip: the file is cut off after {} packed bytes (copy it again)",
                        consumed);
        }
        return fail(ErrorCode::corrupted, "gzip: {} near packed byte {} (copy the file again)",
                    stream.msg != nullptr ? stream.msg : "bad data", consumed);
    }
    out.resize(produced);
    return out;
}

} // namespace ol::text
