// abi_decode must refuse or read any bytes; what it reads encodes to the same bytes, since one list
// of values has one encoding. The first byte picks a type; 0xff tries the rest as a spelling.
#include <cstdint>
#include <cstdlib>
#include <iterator>

#include "codec/abi.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ol::codec;
    static constexpr const char* types[] = {
        "(uint256,int8,address,bool,bytes5)",
        "(string,bytes,string)",
        "(uint16[3][],uint16[][3])",
        "((address,uint32[])[],bytes32)",
        "((bool,(string,int24)[2])[],(bytes4,uint8),string[2][])",
        "(bytes[][],((string)))",
        "()",
    };
    if (size == 0) return 0;
    const ol::ByteView rest(data + 1, size - 1);
    if (data[0] == 0xff) {
        (void)AbiType::parse(ol::as_text(rest));
        return 0;
    }
    const char* type = types[data[0] % std::size(types)];
    const auto values = abi_decode(type, rest);
    if (!values) return 0;
    const auto encoded = abi_encode(type, *values);
    if (!encoded || *encoded != ol::Bytes(rest.begin(), rest.end())) std::abort();
    return 0;
}
