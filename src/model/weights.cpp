#include "model/weights.hpp"

namespace ol::model {

namespace {

constexpr std::array<std::string_view, site_count> site_names = {
    "q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};

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

} // namespace ol::model
