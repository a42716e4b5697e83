// The streaming reader accepts what the tree form accepts and nothing else, and the writer makes
// the same bytes of it again.
#include <cstdint>
#include <cstdlib>

#include "codec/rlp.hpp"

namespace {

// Depth is the caller's in the streaming form: the tree form's limit.
bool copy(ol::codec::RlpReader& in, ol::codec::RlpWriter& out, int depth) {
    if (!in.next_is_list()) {
        const auto bytes = in.bytes("item");
        if (bytes) out.bytes(*bytes);
        return bytes.has_value();
    }
    auto items = in.list("items");
    if (!items || depth == 64) return false;
    bool good = true;
    out.list([&] {
        while (good && !items->at_end()) good = copy(*items, out, depth + 1);
    });
    return good;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ol::ByteView bytes(data, size);
    ol::codec::RlpReader in(bytes, "text");
    ol::codec::RlpWriter out;
    const bool read = copy(in, out, 0) && in.at_end();
    if (read != ol::codec::rlp_decode(bytes).has_value()) std::abort();
    if (read && out.take() != ol::Bytes(bytes.begin(), bytes.end())) std::abort();
    return 0;
}
