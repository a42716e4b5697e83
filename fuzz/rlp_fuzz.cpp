// rlp_decode must refuse or read any bytes; what it reads encodes to the same bytes, since it
// accepts the canonical encoding alone.
#include <cstdint>
#include <cstdlib>

#include "codec/rlp.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto item = ol::codec::rlp_decode({data, size});
    if (item && ol::codec::rlp_encode(*item) != ol::Bytes(data, data + size)) std::abort();
    return 0;
}
