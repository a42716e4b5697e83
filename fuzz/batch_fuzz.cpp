// Batch and manifest decoders refuse any bytes, or read exactly what prints to the same bytes.
#include <cstdint>
#include <cstdlib>

#include "datanet/record.hpp"
#include "datanet/version.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = ol::as_text({data, size});
    if (const auto batch = ol::datanet::Batch::from_jsonl(bytes)) {
        if (batch->to_jsonl() != bytes) std::abort();
    }
    if (const auto version = ol::datanet::VersionManifest::from_jsonl(bytes)) {
        if (version->to_jsonl() != bytes) std::abort();
    }
    return 0;
}
