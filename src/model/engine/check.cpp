#include <unordered_set>

#include "model/engine/engine.hpp"

namespace ol::model {

namespace {

bool fits_shape(const LoraPair& pair, std::size_t out, std::size_t in) {
    const std::size_t rank = pair.rank;
    return rank != 0 && pair.a.size() == rank * in && pair.b.size() == rank * out &&
           (pair.magnitude.empty() || pair.magnitude.size() == out);
}

bool is_empty(const LoraPair& pair) {
    return pair.a.empty() && pair.b.empty() && pair.magnitude.empty();
}

} // namespace

bool Engine::Impl::fits(const LoraAdapter& adapter) const {
    if (adapter.layers.size() != config.layer_count) return false;
    if (adapter.packed != nullptr && adapter.packed->layers.size() != config.layer_count)
        return false;
    for (const auto& layer : adapter.layers) {
        for (std::size_t i = 0; i < site_count; ++i) {
            const auto site = static_cast<Site>(i);
            if (is_empty(layer[i])) continue;
            if (!has_site(config, site) ||
                !fits_shape(layer[i], site_out(config, site), site_in(config, site))) {
                return false;
            }
        }
    }
    const std::size_t vocab = config.vocab_size, hidden = config.hidden_size;
    return (is_empty(adapter.embedding) || fits_shape(adapter.embedding, hidden, vocab)) &&
           (is_empty(adapter.head) || fits_shape(adapter.head, vocab, hidden));
}

Status Engine::Impl::check(std::span<const StepInput> inputs) const {
    std::unordered_set<const KvCache*> seen;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const auto& input = inputs[i];
        if (input.cache == nullptr || input.cache->layers_.size() != config.layer_count) {
            return fail(ErrorCode::invalid_argument, "input {}: its cache is not of this model", i);
        }
        if (!seen.insert(input.cache).second) {
            return fail(ErrorCode::invalid_argument,
                        "input {}: another input of the step uses the same cache", i);
        }
        if (input.tokens.empty()) {
            return fail(ErrorCode::invalid_argument, "input {}: no tokens", i);
        }
        if (input.tokens.size() + input.cache->length_ > config.context_length) {
            return fail(ErrorCode::too_large,
                        "input {}: {} tokens after {} pass the model's context of {}; shorten the "
                        "prompt or the answer",
                        i, input.tokens.size(), input.cache->length_, config.context_length);
        }
        for (auto token : input.tokens) {
            if (token >= config.vocab_size) {
                return fail(ErrorCode::invalid_argument,
                            "input {}: token {} is outside the vocabulary of {}", i, token,
                            config.vocab_size);
            }
        }
        if (input.adapter != nullptr && !fits(*input.adapter)) {
            return fail(ErrorCode::invalid_argument,
                        "input {}: the adapter is not of this model's shape", i);
        }
    }
    return {};
}

} // namespace ol::model
