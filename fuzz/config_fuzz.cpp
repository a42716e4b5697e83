// ModelConfig::from_json must refuse or read any config.json; what it reads is written and read
// again as the same.
#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"
#include "model/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ol::model;
    const auto config = ModelConfig::from_json(ol::as_text({data, size}));
    if (!config) return 0;
    (void)config->parameter_count();
    const auto again = ModelConfig::from_json(config->to_json());
    if (!again || !(*again == *config)) std::abort();
    return 0;
}
