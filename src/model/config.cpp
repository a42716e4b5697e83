#include "model/config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>

#include "codec/json.hpp"
#include "model/weights.hpp"

namespace ol::model {

namespace {

using codec::Json;

constexpr std::array<std::string_view, 7> family_names = {"llama",  "mistral", "qwen2", "qwen3",
                                                          "gemma2", "gemma3",  "gpt2"};

bool is_gemma(Family family) { return family == Family::gemma2 || family == Family::gemma3; }

// The double that prints as the float's shortest decimal: 1e-05, not 9.999999747378752e-06.
double shortest(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

// The number whose inverse root is the scale: an integer where one is.
Json squared_inverse(float scale) {
    const double exact = 1.0 / (static_cast<double>(scale) * static_cast<double>(scale));
    const double whole = std::round(exact);
    if (static_cast<float>(1.0 / std::sqrt(whole)) == scale) {
        return Json(static_cast<std::int64_t>(whole));
    }
    return Json(exact);
}

using Members = std::map<std::string, Json>; // sorted, as transformers writes them

void add_rope(const ModelConfig& c, Members& json) {
    json["rope_theta"] = shortest(c.rope_theta);
    json["rope_scaling"] = nullptr;
    const auto& scaling = c.rope_scaling;
    if (scaling.kind == RopeScaling::Kind::linear) {
        json["rope_scaling"] =
            Json::object({{"factor", shortest(scaling.factor)}, {"rope_type", "linear"}});
    } else if (scaling.kind == RopeScaling::Kind::llama3) {
        json["rope_scaling"] =
            Json::object({{"factor", shortest(scaling.factor)},
                          {"high_freq_factor", shortest(scaling.high_frequency_factor)},
                          {"low_freq_factor", shortest(scaling.low_frequency_factor)},
                          {"original_max_position_embeddings", scaling.original_context},
                          {"rope_type", "llama3"}});
    }
    if (c.local_rope_theta > 0) json["rope_local_base_freq"] = shortest(c.local_rope_theta);
}

void add_windows(const ModelConfig& c, Members& json) {
    const bool any = std::find(c.windowed.begin(), c.windowed.end(), 1) != c.windowed.end();
    const Json window = any ? Json(c.sliding_window) : Json();
    if (c.family == Family::llama) return;
    json["sliding_window"] = window;
    if (c.family == Family::mistral) return;
    auto types = Json::array();
    for (std::size_t i = 0; i < c.layer_count; ++i) {
        types.push(c.window(i) != 0 ? "sliding_attention" : "full_attention");
    }
    json["layer_types"] = std::move(types);
    if (c.family == Family::qwen2 || c.family == Family::qwen3) {
        json["use_sliding_window"] = any;
        const auto first = std::find(c.windowed.begin(), c.windowed.end(), 1);
        json["max_window_layers"] = any ? first - c.windowed.begin() : c.layer_count;
    }
}

Members gpt2_members(const ModelConfig& c) {
    return {
        {"activation_function", "gelu_new"},
        {"architectures", Json::array({Json("GPT2LMHeadModel")})},
        {"layer_norm_epsilon", shortest(c.norm_epsilon)},
        {"model_type", "gpt2"},
        {"n_ctx", c.context_length},
        {"n_embd", c.hidden_size},
        {"n_head", c.head_count},
        {"n_inner", c.intermediate_size},
        {"n_layer", c.layer_count},
        {"n_positions", c.context_length},
        {"scale_attn_weights", c.attention_scale == 0},
    };
}

Members common_members(const ModelConfig& c) {
    constexpr std::array<std::string_view, 6> classes = {"LlamaForCausalLM",  "MistralForCausalLM",
                                                         "Qwen2ForCausalLM",  "Qwen3ForCausalLM",
                                                         "Gemma2ForCausalLM", "Gemma3ForCausalLM"};
    const auto family = static_cast<std::size_t>(c.family);
    const std::string_view activation =
        c.activation == Activation::silu ? "silu" : "gelu_pytorch_tanh";
    Members out = {
        {"architectures", Json::array({Json(classes[family])})},
        {"attention_dropout", 0.0},
        {"head_dim", c.head_size},
        {is_gemma(c.family) ? "hidden_activation" : "hidden_act", activation},
        {"hidden_size", c.hidden_size},
        {"intermediate_size", c.intermediate_size},
        {"max_position_embeddings", c.context_length},
        {"model_type", c.family == Family::gemma3 ? "gemma3_text" : family_names[family]},
        {"num_attention_heads", c.head_count},
        {"num_hidden_layers", c.layer_count},
        {"num_key_value_heads", c.kv_head_count},
        {"rms_norm_eps", shortest(c.norm_epsilon)},
    };
    if (c.family != Family::mistral && c.family != Family::qwen2) {
        out["attention_bias"] = c.qkv_bias;
    }
    if (c.family == Family::llama) out["mlp_bias"] = c.mlp_bias;
    if (is_gemma(c.family)) {
        const auto cap = [](float value) { return value > 0 ? Json(shortest(value)) : Json(); };
        out["query_pre_attn_scalar"] = squared_inverse(c.attention_scale);
        out["attn_logit_softcapping"] = cap(c.attention_softcap);
        out["final_logit_softcapping"] = cap(c.logit_softcap);
    }
    add_rope(c, out);
    add_windows(c, out);
    return out;
}

} // namespace

std::string_view to_string(Family family) { return family_names[static_cast<std::size_t>(family)]; }

std::uint64_t ModelConfig::parameter_count() const {
    const std::uint64_t norm = std::uint64_t{hidden_size} * (layer_norm ? 2 : 1);
    std::uint64_t layer = norm * (out_norms ? 4 : 2);
    if (qk_norm) layer += 2 * std::uint64_t{head_size};
    for (int i = 0; i < site_count; ++i) {
        const auto site = static_cast<Site>(i);
        if (!has_site(*this, site)) continue;
        const std::uint64_t out = site_out(*this, site);
        layer += out * site_in(*this, site) + (has_bias(*this, site) ? out : 0);
    }
    const std::uint64_t table = std::uint64_t{hidden_size} * vocab_size;
    const std::uint64_t positions =
        learned_positions ? std::uint64_t{context_length} * hidden_size : 0;
    return table + positions + layer * layer_count + norm + (tied_embeddings ? 0 : table);
}

std::string ModelConfig::to_json() const {
    Members members = family == Family::gpt2 ? gpt2_members(*this) : common_members(*this);
    const auto token = [](std::int32_t id) { return id < 0 ? Json() : Json(id); };
    members["bos_token_id"] = token(bos_token);
    members["eos_token_id"] = token(eos_token);
    if (eos_tokens.size() > 1) {
        auto list = Json::array();
        for (const auto id : eos_tokens) list.push(id);
        members["eos_token_id"] = std::move(list);
    }
    members["initializer_range"] = 0.02;
    members["tie_word_embeddings"] = tied_embeddings;
    members["use_cache"] = true;
    members["vocab_size"] = vocab_size;
    auto json = Json::object();
    for (auto& [key, value] : members) json.set(key, std::move(value));
    return json.dump(2) + "\n";
}

} // namespace ol::model
