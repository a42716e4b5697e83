// Sampling with a seed: the same logits and seed give the same tokens.
#pragma once

#include <span>

#include "base/prng.hpp"
#include "model/tokenizer.hpp"

namespace ol::model {

struct SamplingConfig {
    float temperature = 0.0F; // 0: the most likely token (ties: the lowest id)
    float top_p = 1.0F;
    std::uint32_t top_k = 0; // 0: all
    float repetition_penalty = 1.0F;
    std::uint64_t seed = 0;
};

class Sampler {
public:
    explicit Sampler(const SamplingConfig& config);
    // `recent` are the tokens that the repetition penalty looks at.
    TokenId sample(std::span<const float> logits, std::span<const TokenId> recent);

private:
    SamplingConfig config_;
    Prng prng_;
};

} // namespace ol::model
