// Json::parse must refuse or read any bytes; what it reads prints to text that reads back equal.
#include <cstdint>
#include <cstdlib>

#include "codec/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using ol::codec::Json;
    const auto value = Json::parse(ol::as_text({data, size}));
    if (!value) return 0;
    for (const int indent : {0, 2}) {
        const std::string printed = value->dump(indent);
        const auto again = Json::parse(printed);
        if (!again || *again != *value || again->dump(indent) != printed) std::abort();
    }
    // The typed reads never crash on any kind.
    (void)value->as_int();
    (void)value->as_uint();
    (void)value->as_double();
    (void)value->as_u256();
    (void)value->as_hex_bytes();
    (void)value->require("a");
    return 0;
}
