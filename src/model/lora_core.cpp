#include <algorithm>
#include <cmath>
#include <optional>

#include "base/prng.hpp"
#include "model/kernels/exact_math.hpp"
#include "model/kernels/quant.hpp"
#include "model/packed_lora.hpp"
#include "model/peft_rules.hpp"
#include "model/train/adapter_layout.hpp"

namespace ol::model {

float LoraConfig::scale(std::uint32_t of_rank, float of_alpha) const {
    const auto r = static_cast<float>(of_rank);
    return of_alpha / (rslora ? std::sqrt(r) : r);
}

namespace {

// What the patterns give the modules of a model; keys that are no pattern count for nothing.
class Patterns {
public:
    explicit Patterns(const LoraConfig& config)
        : config_(config)
        , ranks_(compile(config.rank_pattern))
        , alphas_(compile(config.alpha_pattern)) {}

    std::uint32_t rank(std::string_view module) const {
        const auto found = ranks_ ? ranks_->find(module) : std::nullopt;
        return found ? config_.rank_pattern[*found].second : config_.rank;
    }
    float scale(std::string_view module) const {
        const auto found = alphas_ ? alphas_->find(module) : std::nullopt;
        return config_.scale(rank(module),
                             found ? config_.alpha_pattern[*found].second : config_.alpha);
    }

private:
    template <class T>
    static std::optional<PatternKeys> compile(const std::vector<std::pair<std::string, T>>& pairs) {
        if (pairs.empty()) return std::nullopt;
        std::vector<std::string> keys;
        for (const auto& [key, value] : pairs) keys.push_back(key);
        auto made = PatternKeys::compile(keys, "pattern");
        if (!made) return std::nullopt;
        return std::move(*made);
    }

    const LoraConfig& config_;
    std::optional<PatternKeys> ranks_, alphas_;
};

bool is_target(const ModelConfig& model, const LoraConfig& config, Site site) {
    return has_site(model, site) &&
           std::find(config.targets.begin(), config.targets.end(), site) != config.targets.end();
}

void uniform_values(Prng& prng, std::size_t count, std::size_t in, std::vector<float>& to) {
    const float bound = 1.0F / std::sqrt(static_cast<float>(in));
    to.resize(count);
    for (auto& value : to) value = (2.0F * prng.uniform() - 1.0F) * bound;
}

} // namespace

std::vector<std::array<std::uint32_t, site_count>> LoraAdapter::shape(const ModelConfig& model,
                                                                      const LoraConfig& config) {
    const Patterns patterns(config);
    std::vector<std::array<std::uint32_t, site_count>> out(model.layer_count);
    for (std::size_t layer = 0; layer < out.size(); ++layer) {
        for (std::size_t i = 0; i < site_count; ++i) {
            const auto site = static_cast<Site>(i);
            if (!is_target(model, config, site)) continue;
            out[layer][i] = patterns.rank(module_name(model, layer, site));
        }
    }
    return out;
}

LoraAdapter LoraAdapter::init(const ModelConfig& model, const LoraConfig& config,
                              std::uint64_t seed) {
    const Patterns patterns(config);
    const auto ranks = shape(model, config);
    LoraAdapter out;
    out.family = model.family;
    out.config = config;
    out.layers.resize(model.layer_count);
    Prng prng(seed);
    for (std::size_t layer = 0; layer < out.layers.size(); ++layer) {
        for (std::size_t i = 0; i < site_count; ++i) {
            const auto site = static_cast<Site>(i);
            if (ranks[layer][i] == 0) continue;
            const std::size_t in = site_in(model, site), rank = ranks[layer][i];
            auto& pair = out.layers[layer][i];
            pair.rank = ranks[layer][i];
            pair.scale = patterns.scale(module_name(model, layer, site));
            uniform_values(prng, rank * in, in, pair.a);
            pair.b.assign(site_out(model, site) * rank, 0.0F);
        }
    }
    const auto place = [&](LoraPair& pair, std::string_view module) {
        pair.rank = patterns.rank(module);
        pair.scale = patterns.scale(module);
        return std::size_t{pair.rank};
    };
    if (config.embedding) {
        const std::size_t rank = place(out.embedding, embedding_module(model.family));
        out.embedding.a.assign(rank * model.vocab_size, 0.0F);
        kernels::Normal normal(prng.next());
        out.embedding.b.resize(rank * model.hidden_size);
        for (auto& value : out.embedding.b) value = static_cast<float>(normal.next());
    }
    if (config.head) {
        const std::size_t rank = place(out.head, "lm_head");
        uniform_values(prng, rank * model.hidden_size, model.hidden_size, out.head.a);
        out.head.b.assign(rank * model.vocab_size, 0.0F);
    }
    return out;
}

void LoraAdapter::init_magnitudes(const Weights& base) {
    const auto& table = kernels::best();
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
        for (std::size_t i = 0; i < site_count; ++i) {
            auto& pair = layers[layer][i];
            if (pair.a.empty()) continue;
            const auto& linear = base.layers[layer].linears[i];
            const std::size_t out = pair.b.size() / pair.rank, in = pair.a.size() / pair.rank;
            std::vector<float> row(in);
            pair.magnitude.resize(out);
            for (std::size_t r = 0; r < out; ++r) {
                const float* from = row.data();
                if (linear.quantized != nullptr) {
                    linear.quantized->dequantize_rows(r, 1, row.data());
                } else {
                    from = linear.weight.data() + r * in;
                }
                pair.magnitude[r] = std::sqrt(table.dot(from, from, in));
            }
        }
    }
}

std::uint64_t LoraAdapter::parameter_count() const {
    std::uint64_t count = 0;
    visit_adapter(*this, [&](const std::vector<float>& values, bool) { count += values.size(); });
    return count;
}

namespace {

kernels::PackedMatrix packed_matrix(const std::vector<float>& rows, std::size_t out) {
    if (rows.empty()) return {};
    kernels::PackedMatrix made(out, rows.size() / out);
    made.set_rows(0, rows.data(), out);
    return made;
}

} // namespace

void LoraAdapter::pack() {
    auto out = std::make_shared<PackedLora>();
    if (!embedding.b.empty()) {
        out->embedding_b = packed_matrix(embedding.b, embedding.b.size() / embedding.rank);
    }
    if (!head.b.empty()) {
        out->head_a = packed_matrix(head.a, head.rank);
        out->head_b = packed_matrix(head.b, head.b.size() / head.rank);
    }
    for (const auto& layer : layers) {
        auto& to = out->layers.emplace_back();
        for (std::size_t group = 0; group < lora_group_count; ++group) {
            std::vector<float> rows;
            for (int i = lora_groups[group][0]; i < lora_groups[group][1]; ++i) {
                const auto& pair = layer[static_cast<std::size_t>(i)];
                if (pair.a.empty()) continue;
                const std::size_t rank = pair.rank;
                rows.insert(rows.end(), pair.a.begin(), pair.a.end());
                to.b[static_cast<std::size_t>(i)] = packed_matrix(pair.b, pair.b.size() / rank);
                auto& a = to.a[group];
                const std::size_t in = pair.a.size() / rank;
                a = kernels::PackedMatrix(rows.size() / in, in);
            }
            if (!rows.empty()) to.a[group].set_rows(0, rows.data(), to.a[group].out());
        }
    }
    packed = std::move(out);
}

} // namespace ol::model
