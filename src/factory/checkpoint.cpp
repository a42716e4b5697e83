#include "factory/checkpoint.hpp"

#include "base/limits.hpp"
#include "crypto/hash.hpp"

namespace ol::factory {

namespace {

// magic (8) | fingerprint (32) | step (8, big endian) | state | keccak of all before (32)
constexpr std::string_view magic = "OLRUNCK1";
constexpr std::size_t header_bytes = 8 + 32 + 8;

} // namespace

Status write_checkpoint(const Path& file, const Checkpoint& checkpoint) {
    Bytes out;
    out.reserve(header_bytes + checkpoint.state.size() + 32);
    append(out, as_bytes(magic));
    append(out, checkpoint.fingerprint.view());
    std::uint8_t step[8];
    put_be64(step, checkpoint.step);
    append(out, step);
    append(out, checkpoint.state);
    append(out, crypto::keccak256(out).view());
    return write_file_atomic(file, ByteView(out));
}

Result<Checkpoint> read_checkpoint(const Path& file) {
    const auto bytes = OL_TRY(read_file(file, limits::model_file_bytes));
    const ByteView view(bytes);
    if (view.size() < header_bytes + 32 || as_text(view.first(8)) != magic) {
        return fail(ErrorCode::corrupted, "{}: no checkpoint of a run", file.string());
    }
    const auto body = view.first(view.size() - 32);
    const auto sum = view.last(32);
    if (crypto::keccak256(body) != OL_TRY(Hash32::from(sum))) {
        return fail(ErrorCode::corrupted, "{}: the bytes do not match their hash", file.string());
    }
    Checkpoint out;
    out.fingerprint = OL_TRY(Hash32::from(body.subspan(8, 32)));
    out.step = get_be64(body.data() + 40);
    out.state.assign(body.begin() + header_bytes, body.end());
    return out;
}

} // namespace ol::factory
