// The decoders of blocks, headers and receipts must refuse or read any bytes; what they read
// encodes to the same bytes. The first byte chooses the decoder.
#include <cstdint>
#include <cstdlib>

#include "chain/types/block.hpp"

namespace {

template <class T>
void check(const ol::Result<T>& value, ol::ByteView bytes) {
    if (value && ol::chain::encode(*value) != ol::Bytes(bytes.begin(), bytes.end())) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ol::ByteView bytes(data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        check(ol::chain::decode_block(bytes), bytes);
        break;
    case 1:
        check(ol::chain::decode_header(bytes), bytes);
        break;
    default:
        check(ol::chain::decode_receipt(bytes), bytes);
        break;
    }
    return 0;
}
