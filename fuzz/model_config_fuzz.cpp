// ModelConfig::from_json must refuse or read any text; what it reads is written as text that says
// the same, and its sizes are within bounds.
#include <cstdint>
#include <cstdlib>

#include "model/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ol::model;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    auto config = ModelConfig::from_json(text);
    if (!config) return 0;
    const auto again = ModelConfig::from_json(config->to_json());
    if (!again || *again != *config) std::abort();
    if (config->parameter_count() == 0 || config->head_count % config->kv_head_count != 0) {
        std::abort();
    }
    for (std::size_t i = 0; i < config->layer_count; ++i) {
        if (config->window(i) > 1U << 20) std::abort();
    }
    // The same bytes as generation_config.json: refused or read, ids stay inside the vocabulary.
    if (config->read_generation_config(text)) {
        for (const auto id : config->eos_tokens) {
            if (id < 0 || static_cast<std::uint32_t>(id) >= config->vocab_size) std::abort();
        }
    }
    return 0;
}
