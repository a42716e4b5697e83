// ModelConfig: the shape of a transformer, as Hugging Face's config.json (model_type "llama") says
// it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"

namespace ol::model {

struct ModelConfig {
    std::uint32_t vocab_size = 0;
    std::uint32_t hidden_size = 0;
    std::uint32_t intermediate_size = 0;
    std::uint32_t layer_count = 0;    // num_hidden_layers
    std::uint32_t head_count = 0;     // num_attention_heads
    std::uint32_t kv_head_count = 0;  // num_key_value_heads
    std::uint32_t head_size = 0;      // head_dim; hidden_size / head_count when absent
    std::uint32_t context_length = 0; // max_position_embeddings
    float rope_theta = 10000.0F;
    float norm_epsilon = 1e-5F;  // rms_norm_eps
    bool tied_embeddings = true; // tie_word_embeddings
    std::int32_t bos_token = -1, eos_token = -1;
    bool operator==(const ModelConfig&) const = default;

    std::uint64_t parameter_count() const;
    std::string to_json() const; // config.json as Hugging Face writes it
    // unsupported (by name) for other model types, activations, rope scaling, biases;
    // invalid_argument for shapes that do not divide or pass sane limits.
    static Result<ModelConfig> from_json(std::string_view text);
};

} // namespace ol::model
