#include "model/weights.hpp"

#include <cmath>

#include "model/kernels/exact_math.hpp"
#include "model/transformer.hpp"

namespace ol::model {

namespace {

constexpr std::array<std::string_view, site_count> site_names = {
    "q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};

std::vector<float> normal_values(kernels::Normal& normal, std::size_t count, double deviation) {
    std::vector<float> out(count);
    for (auto& value : out) value = static_cast<float>(normal.next() * deviation);
    return out;
}

} // namespace

std::string_view to_string(Site site) { return site_names[static_cast<std::size_t>(site)]; }

Result<Site> site_from(std::string_view name) {
    for (std::size_t i = 0; i < site_names.size(); ++i) {
        if (site_names[i] == name) return static_cast<Site>(i);
    }
    return fail(ErrorCode::unsupported,
                "\"{}\" is not a projection that may carry an adapter; use q_proj, k_proj, v_proj, "
                "o_proj, gate_proj, up_proj or down_proj (qkv_proj for GPT-2's c_attn)",
                name);
}

bool has_site(const ModelConfig& config, Site site) {
    switch (site) {
    case Site::q:
    case Site::k:
    case Site::v:
        return !config.fused_qkv;
    case Site::qkv:
        return config.fused_qkv;
    case Site::gate:
        return config.gated_mlp;
    default:
        return true;
    }
}

bool has_bias(const ModelConfig& config, Site site) {
    if (site < Site::o) return config.qkv_bias;
    return site == Site::o ? config.o_bias : config.mlp_bias;
}

std::uint32_t site_in(const ModelConfig& config, Site site) {
    switch (site) {
    case Site::o:
        return config.head_count * config.head_size;
    case Site::down:
        return config.intermediate_size;
    default:
        return config.hidden_size;
    }
}

std::uint32_t site_out(const ModelConfig& config, Site site) {
    switch (site) {
    case Site::q:
        return config.head_count * config.head_size;
    case Site::k:
    case Site::v:
        return config.kv_head_count * config.head_size;
    case Site::qkv:
        return (config.head_count + 2 * config.kv_head_count) * config.head_size;
    case Site::gate:
    case Site::up:
        return config.intermediate_size;
    default:
        return config.hidden_size;
    }
}

std::string module_name(const ModelConfig& config, std::size_t layer, Site site) {
    if (config.family == Family::gpt2) {
        const std::string_view name = site == Site::qkv  ? "attn.c_attn"
                                      : site == Site::o  ? "attn.c_proj"
                                      : site == Site::up ? "mlp.c_fc"
                                                         : "mlp.c_proj";
        return fmt::format("transformer.h.{}.{}", layer, name);
    }
    return fmt::format("model.layers.{}.{}.{}", layer, site <= Site::o ? "self_attn" : "mlp",
                       to_string(site));
}

Model Model::random(const ModelConfig& config, std::uint64_t seed) {
    Model out;
    out.config = config;
    kernels::Normal normal(seed);
    const double deviation = 0.02;
    const double residual = deviation / std::sqrt(2.0 * config.layer_count);
    const std::size_t hidden = config.hidden_size;
    const std::size_t table = std::size_t{config.vocab_size} * hidden;
    const auto norm = [&](std::size_t size) {
        Norm made;
        made.weight.assign(size, 1.0F - config.norm_offset);
        if (config.layer_norm) made.bias.assign(size, 0.0F);
        return made;
    };
    out.weights.embedding = normal_values(normal, table, deviation);
    if (config.learned_positions) {
        out.weights.positions =
            normal_values(normal, std::size_t{config.context_length} * hidden, deviation);
    }
    for (std::uint32_t i = 0; i < config.layer_count; ++i) {
        LayerWeights layer;
        layer.attention_norm = norm(hidden);
        layer.mlp_norm = norm(hidden);
        if (config.out_norms) layer.attention_out_norm = layer.mlp_out_norm = norm(hidden);
        if (config.qk_norm) layer.q_norm = layer.k_norm = norm(config.head_size);
        for (int s = 0; s < site_count; ++s) {
            const auto site = static_cast<Site>(s);
            if (!has_site(config, site)) continue;
            const std::size_t rows = site_out(config, site);
            const bool writes_residual = site == Site::o || site == Site::down;
            layer.at(site).weight = normal_values(normal, rows * site_in(config, site),
                                                  writes_residual ? residual : deviation);
            if (has_bias(config, site)) layer.at(site).bias.assign(rows, 0.0F);
        }
        out.weights.layers.push_back(std::move(layer));
    }
    out.weights.final_norm = norm(hidden);
    if (!config.tied_embeddings) out.weights.head.weight = normal_values(normal, table, deviation);
    return out;
}

} // namespace ol::model
