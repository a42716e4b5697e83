#include <cmath>

#include "base/prng.hpp"
#include "model/packed_lora.hpp"

namespace ol::model {

float LoraConfig::scale(std::uint32_t of_rank, float of_alpha) const {
    const auto r = static_cast<float>(of_rank);
    return of_alpha / (rslora ? std::sqrt(r) : r);
}

LoraAdapter LoraAdapter::init(const ModelConfig& model, const LoraConfig& config,
                              std::uint64_t seed) {
    LoraAdapter out;
    out.family = model.family;
    out.config = config;
    out.layers.resize(model.layer_count);
    Prng prng(seed);
    for (auto& layer : out.layers) {
        for (int i = 0; i < site_count; ++i) {
            const auto site = static_cast<Site>(i);
            bool wanted = false;
            for (auto target : config.targets) wanted = wanted || target == site;
            if (!wanted || !has_site(model, site)) continue;
            const std::size_t in = site_in(model, site);
            auto& pair = layer[static_cast<std::size_t>(i)];
            const float bound = 1.0F / std::sqrt(static_cast<float>(in));
            pair.rank = config.rank;
            pair.scale = config.scale();
            pair.a.resize(config.rank * in);
            for (auto& value : pair.a) value = (2.0F * prng.uniform() - 1.0F) * bound;
            pair.b.assign(static_cast<std::size_t>(site_out(model, site)) * config.rank, 0.0F);
        }
    }
    return out;
}

std::uint64_t LoraAdapter::parameter_count() const {
    std::uint64_t count = 0;
    for (const auto& layer : layers) {
        for (const auto& pair : layer)
            count += pair.a.size() + pair.b.size() + pair.magnitude.size();
    }
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
