#include <algorithm>
#include <cmath>

#include "base/check.hpp"
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

Status LoraConfig::set_target_modules(const std::vector<std::string>& names) {
    targets.clear();
    embedding = head = false;
    for (const auto& name : names) {
        if (name == "embed_tokens" || name == "wte") {
            embedding = true;
        } else if (name == "lm_head") {
            head = true;
        } else if (name == "all-linear") {
            for (int i = 0; i < site_count; ++i) targets.push_back(static_cast<Site>(i));
        } else if (name == "c_attn") {
            targets.push_back(Site::qkv);
        } else if (name == "c_fc") {
            targets.push_back(Site::up);
        } else if (name == "c_proj") {
            targets.insert(targets.end(), {Site::o, Site::down});
        } else {
            targets.push_back(OL_TRY(site_from(name)));
        }
    }
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    return {};
}

namespace {

Patterns patterns_of(const LoraConfig& config) {
    auto made = Patterns::of(config);
    OL_CHECK(made.has_value());
    return std::move(*made);
}

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

LoraAdapter::Ranks LoraAdapter::ranks(const ModelConfig& model, const LoraConfig& config) {
    const auto patterns = patterns_of(config);
    Ranks out;
    out.layers.resize(model.layer_count);
    for (std::size_t layer = 0; layer < out.layers.size(); ++layer) {
        for (std::size_t i = 0; i < site_count; ++i) {
            const auto site = static_cast<Site>(i);
            if (!is_target(model, config, site)) continue;
            out.layers[layer][i] = patterns.rank(module_name(model, layer, site));
        }
    }
    if (config.embedding) out.embedding = patterns.rank(embedding_module(model.family));
    if (config.head) out.head = patterns.rank("lm_head");
    return out;
}

LoraAdapter LoraAdapter::init(const ModelConfig& model, const LoraConfig& config,
                              std::uint64_t seed) {
    const auto patterns = patterns_of(config);
    const auto of = ranks(model, config);
    LoraAdapter out;
    out.family = model.family;
    out.config = config;
    out.layers.resize(model.layer_count);
    Prng prng(seed);
    for (std::size_t layer = 0; layer < out.layers.size(); ++layer) {
        for (std::size_t i = 0; i < site_count; ++i) {
            const auto site = static_cast<Site>(i);
            if (of.layers[layer][i] == 0) continue;
            const std::size_t in = site_in(model, site), rank = of.layers[layer][i];
            auto& pair = out.layers[layer][i];
            pair.rank = of.layers[layer][i];
            pair.scale = patterns.scale(module_name(model, layer, site));
            uniform_values(prng, rank * in, in, pair.a);
            pair.b.assign(site_out(model, site) * rank, 0.0F);
        }
    }
    if (config.embedding) {
        const std::size_t rank = out.embedding.rank = of.embedding;
        out.embedding.scale = patterns.scale(embedding_module(model.family));
        out.embedding.a.assign(rank * model.vocab_size, 0.0F);
        kernels::Normal normal(prng.next());
        out.embedding.b.resize(rank * model.hidden_size);
        for (auto& value : out.embedding.b) value = static_cast<float>(normal.next());
    }
    if (config.head) {
        const std::size_t rank = out.head.rank = of.head;
        out.head.scale = patterns.scale("lm_head");
        uniform_values(prng, rank * model.hidden_size, model.hidden_size, out.head.a);
        out.head.b.assign(rank * model.vocab_size, 0.0F);
    }
    return out;
}

namespace {

// Lengths of the rows of W [out, in].
std::vector<float> row_lengths(const Linear& linear, const std::vector<float>& weight,
                               std::size_t out, std::size_t in) {
    std::vector<float> made(out), row(in);
    for (std::size_t r = 0; r < out; ++r) {
        const float* from = row.data();
        if (linear.quantized != nullptr) {
            linear.quantized->dequantize_rows(r, 1, row.data());
        } else {
            from = weight.data() + r * in;
        }
        made[r] = std::sqrt(kernels::best().dot(from, from, in));
    }
    return made;
}

} // namespace

void LoraAdapter::init_magnitudes(const Weights& base) {
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
        for (std::size_t i = 0; i < site_count; ++i) {
            auto& pair = layers[layer][i];
            if (pair.a.empty()) continue;
            const auto& linear = base.layers[layer].linears[i];
            pair.magnitude = row_lengths(linear, linear.weight, pair.b.size() / pair.rank,
                                         pair.a.size() / pair.rank);
        }
    }
    if (!head.a.empty()) {
        const bool tied = base.head.quantized == nullptr && base.head.weight.empty();
        head.magnitude = row_lengths(base.head, tied ? base.embedding : base.head.weight,
                                     head.b.size() / head.rank, head.a.size() / head.rank);
    }
    if (embedding.a.empty()) return;
    // The table's outputs are its columns.
    const std::size_t hidden = embedding.b.size() / embedding.rank;
    std::vector<float> column(base.embedding.size() / hidden);
    embedding.magnitude.resize(hidden);
    for (std::size_t n = 0; n < hidden; ++n) {
        for (std::size_t t = 0; t < column.size(); ++t) column[t] = base.embedding[t * hidden + n];
        embedding.magnitude[n] =
            std::sqrt(kernels::best().dot(column.data(), column.data(), column.size()));
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
