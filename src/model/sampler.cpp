#include "model/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.hpp"
#include "model/kernels/exact_math.hpp"

namespace ol::model {

Sampler::Sampler(const SamplingConfig& config)
    : config_(config)
    , prng_(config.seed) {}

TokenId Sampler::sample(std::span<const float> logits, std::span<const TokenId> recent) {
    OL_CHECK(!logits.empty());
    std::vector<float> score(logits.begin(), logits.end());
    if (config_.repetition_penalty != 1.0F && config_.repetition_penalty > 0) {
        // Once per distinct token (Keskar et al. 2019, CTRL, section 4.1).
        std::vector<TokenId> seen(recent.begin(), recent.end());
        std::sort(seen.begin(), seen.end());
        seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
        for (auto token : seen) {
            if (token >= score.size()) continue;
            auto& s = score[token];
            s = s > 0 ? s / config_.repetition_penalty : s * config_.repetition_penalty;
        }
    }
    if (!(config_.temperature > 0)) {
        return static_cast<TokenId>(std::max_element(score.begin(), score.end()) - score.begin());
    }

    // Candidates from the most likely down; equal scores in the order of their ids.
    std::vector<TokenId> order(score.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<TokenId>(i);
    const auto before = [&](TokenId a, TokenId b) {
        return score[a] != score[b] ? score[a] > score[b] : a < b;
    };
    std::size_t count = order.size();
    if (config_.top_k > 0 && config_.top_k < count) {
        count = config_.top_k;
        std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count),
                          order.end(), before);
    } else {
        std::sort(order.begin(), order.end(), before);
    }
    const double top = static_cast<double>(score[order[0]]);
    std::vector<double> weight(count);
    double total = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double x =
            (static_cast<double>(score[order[i]]) - top) / static_cast<double>(config_.temperature);
        weight[i] = x > -600 ? kernels::exact_exp(x) : 0.0;
        total += weight[i];
    }
    if (config_.top_p < 1.0F) {
        const double enough = std::max(0.0, static_cast<double>(config_.top_p)) * total;
        double sum = 0;
        std::size_t kept = 0;
        while (kept < count && (kept == 0 || sum < enough)) sum += weight[kept++];
        count = kept;
        total = sum;
    }
    double left = static_cast<double>(prng_.next() >> 11) * 0x1.0p-53 * total;
    for (std::size_t i = 0; i + 1 < count; ++i) {
        if (left < weight[i]) return order[i];
        left -= weight[i];
    }
    return order[count - 1];
}

} // namespace ol::model
