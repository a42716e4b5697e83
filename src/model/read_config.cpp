// Reading config.json: members as transformers' configuration classes name them, with what those
// classes assume of members that a file leaves out.
#include <algorithm>
#include <cmath>

#include "codec/json.hpp"
#include "model/config.hpp"

namespace ol::model {

namespace {

using codec::Json;

// Shapes past these are no model that fits the machine: they are a damaged or hostile file.
constexpr std::uint64_t max_vocab = 1ULL << 20;
constexpr std::uint64_t max_hidden = 1ULL << 16;
constexpr std::uint64_t max_intermediate = 1ULL << 18;
constexpr std::uint64_t max_layers = 512;
constexpr std::uint64_t max_heads = 512;
constexpr std::uint64_t max_head_size = 1024;
constexpr std::uint64_t max_context = 1ULL << 20;
constexpr std::size_t max_end_tokens = 64;

// 0 and -1: no assumption.
struct Assumed {
    std::uint32_t vocab = 0, hidden = 0, inner = 0, layers = 0, heads = 0, kv_heads = 0;
    std::uint32_t head_size = 0, context = 0, window = 0;
    float rope_theta = 10000.0F;
    bool tied = false;
    std::int32_t bos = -1, eos = -1;
};

Assumed assumed_of(Family family) {
    switch (family) {
    case Family::llama:
        return {.bos = 1, .eos = 2};
    case Family::mistral:
        return {.kv_heads = 8, .window = 4096, .bos = 1, .eos = 2};
    case Family::qwen2:
        return {.kv_heads = 32, .window = 4096};
    case Family::qwen3:
        return {.kv_heads = 32, .head_size = 128, .window = 4096};
    case Family::gemma2:
        return {.vocab = 256'000,
                .hidden = 2304,
                .inner = 9216,
                .layers = 26,
                .heads = 8,
                .kv_heads = 4,
                .head_size = 256,
                .context = 8192,
                .window = 4096,
                .tied = true,
                .bos = 2,
                .eos = 1};
    case Family::gemma3:
        return {.vocab = 262'208,
                .hidden = 2304,
                .inner = 9216,
                .layers = 26,
                .heads = 8,
                .kv_heads = 4,
                .head_size = 256,
                .context = 131'072,
                .window = 4096,
                .rope_theta = 1e6F,
                .tied = true,
                .bos = 2,
                .eos = 1};
    case Family::gpt2:
        return {.tied = true, .bos = 50256, .eos = 50256};
    }
    return {};
}

Result<std::int32_t> token_in(const ModelConfig& config, std::string_view key, const Json& value) {
    const auto id = OL_TRY_IN(value.as_int(), "{}", key);
    if (id < -1 || id >= static_cast<std::int64_t>(config.vocab_size)) {
        return fail(ErrorCode::invalid_argument, "{} is {}, outside the vocabulary of {}", key, id,
                    config.vocab_size);
    }
    return static_cast<std::int32_t>(id);
}

// A number or a list of them.
Status read_ends(const Json& value, ModelConfig& config) {
    constexpr std::string_view key = "eos_token_id";
    const auto ends = value.is_array()  ? value.items()
                      : value.is_null() ? Json::Array{}
                                        : Json::Array{value};
    if (ends.size() > max_end_tokens) {
        return fail(ErrorCode::invalid_argument, "{} has {} entries, at most {} are read", key,
                    ends.size(), max_end_tokens);
    }
    config.eos_tokens.clear();
    for (const auto& item : ends) {
        const auto id = OL_TRY(token_in(config, key, item));
        const auto& known = config.eos_tokens;
        if (id >= 0 && std::find(known.begin(), known.end(), id) == known.end()) {
            config.eos_tokens.push_back(id);
        }
    }
    config.eos_token = config.eos_tokens.empty() ? -1 : config.eos_tokens[0];
    return {};
}

class Reader {
public:
    Reader(const Json& json, Family family)
        : json_(json)
        , family_(family)
        , assumed_(assumed_of(family)) {}
    Result<ModelConfig> read();

private:
    Result<std::uint32_t> shape(std::string_view key, std::uint64_t limit,
                                std::uint32_t otherwise) const;
    Result<float> positive(const Json& json, std::string_view key, float otherwise) const;
    Result<float> positive_or_none(std::string_view key, float otherwise) const;
    Result<float> inverse_root(std::string_view key, double otherwise) const;
    Result<bool> flag(std::string_view key, bool otherwise) const;

    Status refuse_variants() const;
    Status read_shape();
    Status read_activation();
    Status read_traits();
    Status read_rope();
    Result<RopeScaling> read_scaling(const Json& rope) const;
    Status read_windows();
    Status read_tokens();

    const Json& json_;
    const Family family_;
    const Assumed assumed_;
    ModelConfig out_;
};

// GPT-2's class has its own names and takes the common ones too.
std::string_view name_in(Family family, const Json& json, std::string_view key) {
    if (family != Family::gpt2) return key;
    std::string_view own = key;
    if (key == "hidden_size") own = "n_embd";
    if (key == "intermediate_size") own = "n_inner";
    if (key == "num_hidden_layers") own = "n_layer";
    if (key == "num_attention_heads") own = "n_head";
    if (key == "max_position_embeddings") own = "n_positions";
    return json.contains(own) || !json.contains(key) ? own : key;
}

Result<std::uint32_t> Reader::shape(std::string_view key, std::uint64_t limit,
                                    std::uint32_t otherwise) const {
    const auto name = name_in(family_, json_, key);
    if (otherwise != 0 && !json_.contains(name)) return otherwise;
    const Json* member = OL_TRY_IN(json_.require(name), "config.json");
    const auto value = OL_TRY_IN(member->as_uint(), "config.json: {}", name);
    if (value == 0 || value > limit) {
        return fail(ErrorCode::invalid_argument, "config.json: {} is {}, must be 1..{}", name,
                    value, limit);
    }
    return static_cast<std::uint32_t>(value);
}

Result<float> Reader::positive(const Json& json, std::string_view key, float otherwise) const {
    if (json[key].is_null()) return otherwise;
    const auto value = static_cast<float>(OL_TRY_IN(json[key].as_double(), "config.json: {}", key));
    if (!std::isfinite(value) || value <= 0) {
        return fail(ErrorCode::invalid_argument, "config.json: {} must be a positive number", key);
    }
    return value;
}

// null says: none; an absent member what the class assumes.
Result<float> Reader::positive_or_none(std::string_view key, float otherwise) const {
    if (!json_.contains(key)) return otherwise;
    return positive(json_, key, 0.0F);
}

Result<float> Reader::inverse_root(std::string_view key, double otherwise) const {
    double value = otherwise;
    if (json_.contains(key)) value = OL_TRY_IN(json_[key].as_double(), "config.json: {}", key);
    if (!(value >= 1e-6 && value <= 1e12)) {
        return fail(ErrorCode::invalid_argument, "config.json: {} is {}, must be 1e-6..1e12", key,
                    value);
    }
    return static_cast<float>(1.0 / std::sqrt(value));
}

Result<bool> Reader::flag(std::string_view key, bool otherwise) const {
    if (json_[key].is_null()) return otherwise;
    return OL_TRY_IN(json_[key].as_bool(), "config.json: {}", key);
}

Status Reader::refuse_variants() const {
    if (!json_["quantization_config"].is_null()) {
        return fail(ErrorCode::unsupported,
                    "config.json: quantization_config is not supported; take the unquantized "
                    "checkpoint (F32, BF16 or F16), which can be quantized while it is loaded");
    }
    for (const std::string_view key :
         {"use_bidirectional_attention", "scale_attn_by_inverse_layer_idx", "add_cross_attention",
          "is_encoder_decoder"}) {
        if (OL_TRY(flag(key, false))) {
            return fail(ErrorCode::unsupported,
                        "config.json: {} is true, which changes what the model computes and is "
                        "not supported",
                        key);
        }
    }
    if (const auto part = OL_TRY(positive(json_, "partial_rotary_factor", 1.0F)); part != 1.0F) {
        return fail(ErrorCode::unsupported,
                    "config.json: partial_rotary_factor is {}, only 1 is supported", part);
    }
    if (family_ == Family::llama && !json_["sliding_window"].is_null()) {
        return fail(ErrorCode::unsupported,
                    "config.json: sliding_window is not supported in a model of type 'llama'; "
                    "one with a window is of type 'mistral' or 'qwen2'");
    }
    if (family_ == Family::gemma3 && !json_["attn_logit_softcapping"].is_null()) {
        return fail(ErrorCode::unsupported,
                    "config.json: attn_logit_softcapping is not supported in Gemma 3, whose "
                    "attention has none");
    }
    return {};
}

Status Reader::read_shape() {
    const auto& a = assumed_;
    out_.vocab_size = OL_TRY(shape("vocab_size", max_vocab, a.vocab));
    out_.hidden_size = OL_TRY(shape("hidden_size", max_hidden, a.hidden));
    const std::uint32_t inner = family_ == Family::gpt2 ? 4 * out_.hidden_size : a.inner;
    const auto inner_name = name_in(family_, json_, "intermediate_size");
    out_.intermediate_size = family_ == Family::gpt2 && json_[inner_name].is_null()
                                 ? inner
                                 : OL_TRY(shape("intermediate_size", max_intermediate, inner));
    out_.layer_count = OL_TRY(shape("num_hidden_layers", max_layers, a.layers));
    out_.head_count = OL_TRY(shape("num_attention_heads", max_heads, a.heads));
    out_.kv_head_count = out_.head_count;
    // null, too, says: as many as there are heads.
    if (family_ != Family::gpt2 &&
        (!json_["num_key_value_heads"].is_null() || !json_.contains("num_key_value_heads"))) {
        out_.kv_head_count = OL_TRY(shape("num_key_value_heads", max_heads,
                                          a.kv_heads == 0 ? out_.head_count : a.kv_heads));
    }
    out_.context_length = OL_TRY(shape("max_position_embeddings", max_context, a.context));

    const bool has_head_size = family_ != Family::gpt2 && !json_["head_dim"].is_null();
    if (!has_head_size && a.head_size == 0 && out_.hidden_size % out_.head_count != 0) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: hidden_size {} does not divide by num_attention_heads {}",
                    out_.hidden_size, out_.head_count);
    }
    out_.head_size = a.head_size != 0 ? a.head_size : out_.hidden_size / out_.head_count;
    if (has_head_size) out_.head_size = OL_TRY(shape("head_dim", max_head_size, 0));
    const bool turned = family_ != Family::gpt2;
    if (out_.head_size == 0 || out_.head_size > max_head_size ||
        (turned && out_.head_size % 2 != 0)) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: head_dim is {}, must be even and 2..{}", out_.head_size,
                    max_head_size);
    }
    if (out_.head_count % out_.kv_head_count != 0) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: num_attention_heads {} does not divide by num_key_value_heads {}",
                    out_.head_count, out_.kv_head_count);
    }
    return {};
}

Status Reader::read_activation() {
    std::string_view key = "hidden_act";
    if (family_ == Family::gemma2 || family_ == Family::gemma3) key = "hidden_activation";
    if (family_ == Family::gpt2) key = "activation_function";
    std::string name = family_ == Family::gpt2      ? "gelu_new"
                       : key == "hidden_activation" ? "gelu_pytorch_tanh"
                                                    : "silu";
    if (!json_[key].is_null()) name = OL_TRY_IN(json_[key].as_string(), "config.json: {}", key);
    if (name == "silu" || name == "swish") {
        out_.activation = Activation::silu;
    } else if (name == "gelu_pytorch_tanh" || name == "gelu_new" || name == "gelu_fast") {
        out_.activation = Activation::gelu_tanh; // three names of one formula
    } else {
        return fail(ErrorCode::unsupported,
                    "config.json: {} '{}' is not supported, only 'silu' and 'gelu_pytorch_tanh' "
                    "(or 'gelu_new') are",
                    key, name);
    }
    if (family_ == Family::gpt2 && out_.activation != Activation::gelu_tanh) {
        return fail(ErrorCode::unsupported,
                    "config.json: {} '{}' is not supported in GPT-2, only 'gelu_new' is", key,
                    name);
    }
    return {};
}

Status Reader::read_traits() {
    out_.norm_epsilon = family_ == Family::gpt2
                            ? OL_TRY(positive(json_, "layer_norm_epsilon", 1e-5F))
                            : OL_TRY(positive(json_, "rms_norm_eps", 1e-6F));
    out_.tied_embeddings = OL_TRY(flag("tie_word_embeddings", assumed_.tied));
    switch (family_) {
    case Family::llama:
        out_.qkv_bias = out_.o_bias = OL_TRY(flag("attention_bias", false));
        out_.mlp_bias = OL_TRY(flag("mlp_bias", false));
        break;
    case Family::mistral:
        break;
    case Family::qwen2:
        out_.qkv_bias = true;
        break;
    case Family::qwen3:
        out_.qkv_bias = out_.o_bias = OL_TRY(flag("attention_bias", false));
        out_.qk_norm = true;
        break;
    case Family::gemma2:
    case Family::gemma3: {
        out_.qkv_bias = out_.o_bias = OL_TRY(flag("attention_bias", false));
        out_.qk_norm = family_ == Family::gemma3;
        out_.out_norms = true;
        out_.norm_offset = 1.0F;
        out_.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(out_.hidden_size)));
        out_.attention_scale = OL_TRY(inverse_root("query_pre_attn_scalar", 256.0));
        const bool caps = family_ == Family::gemma2;
        if (caps) {
            out_.attention_softcap = OL_TRY(positive_or_none("attn_logit_softcapping", 50.0F));
        }
        out_.logit_softcap =
            OL_TRY(positive_or_none("final_logit_softcapping", caps ? 30.0F : 0.0F));
        break;
    }
    case Family::gpt2:
        out_.layer_norm = out_.fused_qkv = out_.learned_positions = true;
        out_.gated_mlp = false;
        out_.qkv_bias = out_.o_bias = out_.mlp_bias = true;
        if (!OL_TRY(flag("scale_attn_weights", true))) out_.attention_scale = 1.0F;
        break;
    }
    return {};
}

Result<RopeScaling> Reader::read_scaling(const Json& rope) const {
    RopeScaling out;
    if (rope.is_null()) return out;
    if (!rope.is_object()) {
        return fail(ErrorCode::invalid_argument, "config.json: the rope's scaling is no object");
    }
    const Json& type = rope["rope_type"].is_null() ? rope["type"] : rope["rope_type"];
    if (type.is_null()) {
        if (rope["factor"].is_null()) return out;
        return fail(ErrorCode::invalid_argument,
                    "config.json: the rope's scaling has a factor but no rope_type");
    }
    const auto kind = OL_TRY_IN(type.as_string(), "config.json: rope_type");
    if (kind == "default") return out;
    if (kind != "linear" && kind != "llama3") {
        return fail(ErrorCode::unsupported,
                    "config.json: rope_scaling of type '{}' is not supported, only 'default', "
                    "'linear' and 'llama3' are",
                    kind);
    }
    if (rope["factor"].is_null()) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: rope_scaling of type '{}' has no factor", kind);
    }
    out.factor = OL_TRY_IN(positive(rope, "factor", 1.0F), "rope_scaling");
    out.kind = RopeScaling::Kind::linear;
    if (kind == "linear") return out;
    out.kind = RopeScaling::Kind::llama3;
    for (const std::string_view key :
         {"low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}) {
        OL_TRY_IN(rope.require(key), "config.json: rope_scaling of type 'llama3'");
    }
    out.low_frequency_factor = OL_TRY(positive(rope, "low_freq_factor", 1.0F));
    out.high_frequency_factor = OL_TRY(positive(rope, "high_freq_factor", 4.0F));
    if (out.high_frequency_factor <= out.low_frequency_factor) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: rope_scaling: high_freq_factor {} must be above low_freq_factor "
                    "{}",
                    out.high_frequency_factor, out.low_frequency_factor);
    }
    constexpr std::string_view original = "original_max_position_embeddings";
    const auto context = OL_TRY_IN(rope[original].as_uint(), "config.json: {}", original);
    if (context == 0 || context > max_context) {
        return fail(ErrorCode::invalid_argument, "config.json: {} is {}, must be 1..{}", original,
                    context, max_context);
    }
    out.original_context = static_cast<std::uint32_t>(context);
    return out;
}

// rope_theta and rope_scaling, or, since transformers 5, rope_parameters with both; Gemma 3 then
// has one such object for each kind of layer.
Status Reader::read_rope() {
    if (family_ == Family::gpt2) return {};
    const Json& parameters = json_["rope_parameters"];
    const bool per_kind =
        parameters.contains("full_attention") || parameters.contains("sliding_attention");
    const Json& global = per_kind ? parameters["full_attention"] : parameters;
    out_.rope_theta = OL_TRY(positive(global["rope_theta"].is_null() ? json_ : global, "rope_theta",
                                      assumed_.rope_theta));
    out_.rope_scaling = OL_TRY(read_scaling(global));
    const auto older = OL_TRY(read_scaling(json_["rope_scaling"]));
    if (global.is_null()) {
        out_.rope_scaling = older;
    } else if (!json_["rope_scaling"].is_null() && older != out_.rope_scaling) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: rope_parameters and rope_scaling disagree; keep one of them");
    }
    if (family_ == Family::gemma3) {
        const Json& local = parameters["sliding_attention"];
        out_.local_rope_theta = OL_TRY(positive(json_, "rope_local_base_freq", 10000.0F));
        out_.local_rope_theta = OL_TRY(positive(local, "rope_theta", out_.local_rope_theta));
        if (OL_TRY(read_scaling(local)) != RopeScaling{}) {
            return fail(ErrorCode::unsupported,
                        "config.json: a rope_scaling of windowed layers is not supported");
        }
    } else if (per_kind && parameters["sliding_attention"] != parameters["full_attention"]) {
        return fail(ErrorCode::unsupported,
                    "config.json: rope_parameters that differ between kinds of layers are "
                    "supported in Gemma 3 only");
    }
    return {};
}

Status Reader::read_windows() {
    if (family_ == Family::llama || family_ == Family::gpt2) return {};
    const bool qwen = family_ == Family::qwen2 || family_ == Family::qwen3;
    const bool off = json_.contains("sliding_window") && json_["sliding_window"].is_null();
    const bool on = !off && (!qwen || OL_TRY(flag("use_sliding_window", false)));
    std::vector<std::uint8_t> windowed(out_.layer_count, 0);
    const Json& types = json_["layer_types"];
    if (!types.is_null()) {
        if (types.items().size() != out_.layer_count) {
            return fail(ErrorCode::invalid_argument,
                        "config.json: layer_types has {} entries for {} layers",
                        types.items().size(), out_.layer_count);
        }
        for (std::size_t i = 0; i < windowed.size(); ++i) {
            const auto type =
                OL_TRY_IN(types.items()[i].as_string(), "config.json: layer_types[{}]", i);
            if (type != "sliding_attention" && type != "full_attention") {
                return fail(ErrorCode::unsupported,
                            "config.json: layer_types[{}] is '{}', only 'sliding_attention' and "
                            "'full_attention' are supported",
                            i, type);
            }
            windowed[i] = type == "sliding_attention" ? 1 : 0;
        }
    }
    const auto all = static_cast<std::ptrdiff_t>(out_.layer_count);
    const auto count = std::count(windowed.begin(), windowed.end(), 1);
    if (family_ == Family::mistral) {
        // The class gives every layer the window and does not read layer_types.
        if (!types.is_null() && count != (on ? all : 0)) {
            return fail(ErrorCode::unsupported,
                        "config.json: layer_types that mix kinds of layers are not supported in "
                        "a model of type 'mistral'");
        }
        std::fill(windowed.begin(), windowed.end(), on ? 1 : 0);
    } else if (types.is_null()) {
        std::uint64_t pattern = family_ == Family::gemma2 ? 2 : 6, first = 28;
        if (family_ == Family::gemma3 && !json_["sliding_window_pattern"].is_null()) {
            pattern = OL_TRY(shape("sliding_window_pattern", max_layers, 0));
        }
        if (!json_["max_window_layers"].is_null()) {
            first =
                OL_TRY_IN(json_["max_window_layers"].as_uint(), "config.json: max_window_layers");
        }
        for (std::size_t i = 0; i < windowed.size(); ++i) {
            windowed[i] = qwen ? on && i >= first : (i + 1) % pattern != 0;
        }
    }
    if (std::find(windowed.begin(), windowed.end(), 1) == windowed.end()) return {};
    if (!on) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: layer_types has windowed layers, but there is no sliding_window");
    }
    out_.sliding_window = OL_TRY(shape("sliding_window", max_context, assumed_.window));
    out_.windowed = std::move(windowed);
    return {};
}

Status Reader::read_tokens() {
    const auto otherwise = [&](std::string_view key, std::int32_t id) {
        return json_.contains(key) || id >= static_cast<std::int64_t>(out_.vocab_size) ? -1 : id;
    };
    const Json& begin = json_["bos_token_id"];
    out_.bos_token = begin.is_null()
                         ? otherwise("bos_token_id", assumed_.bos)
                         : OL_TRY_IN(token_in(out_, "bos_token_id", begin), "config.json");
    const Json& end = json_["eos_token_id"];
    const auto assumed = otherwise("eos_token_id", assumed_.eos);
    OL_TRY_IN(read_ends(end.is_null() && assumed >= 0 ? Json(assumed) : end, out_), "config.json");
    return {};
}

Result<ModelConfig> Reader::read() {
    out_.family = family_;
    OL_TRY(refuse_variants());
    OL_TRY(read_shape());
    OL_TRY(read_activation());
    OL_TRY(read_traits());
    OL_TRY(read_rope());
    OL_TRY(read_windows());
    OL_TRY(read_tokens());
    return out_;
}

Result<Family> family_of(std::string_view type) {
    if (type == "gemma3_text") return Family::gemma3;
    for (int i = 0; i <= static_cast<int>(Family::gpt2); ++i) {
        const auto family = static_cast<Family>(i);
        if (to_string(family) == type) return family;
    }
    return fail(ErrorCode::unsupported,
                "config.json: model_type '{}' is not supported; llama, mistral, qwen2, qwen3, "
                "gemma2, gemma3, gemma3_text and gpt2 are",
                type);
}

} // namespace

Result<ModelConfig> ModelConfig::from_json(std::string_view text) {
    Json json = OL_TRY_IN(Json::parse(text), "config.json");
    if (!json.is_object()) {
        return fail(ErrorCode::invalid_argument, "config.json: not a JSON object");
    }
    const Json* type = OL_TRY_IN(json.require("model_type"), "config.json");
    const auto name = OL_TRY_IN(type->as_string(), "config.json: model_type");
    const auto family = OL_TRY(family_of(name));
    if (json["text_config"].is_object()) {
        // Gemma 3 with eyes: the text model's members are one level down, some of the whole apply
        // to it too.
        if (name != "gemma3") {
            return fail(ErrorCode::unsupported,
                        "config.json: text_config is supported for model_type 'gemma3' only");
        }
        Json inner = json["text_config"];
        for (const std::string_view key :
             {"eos_token_id", "bos_token_id", "tie_word_embeddings", "quantization_config"}) {
            if (!json[key].is_null()) inner.set(key, json[key]);
        }
        json = std::move(inner);
    }
    return Reader(json, family).read();
}

Status ModelConfig::read_generation_config(std::string_view text) {
    constexpr std::string_view name = "generation_config.json";
    const Json json = OL_TRY_IN(Json::parse(text), "{}", name);
    if (!json.is_object()) return fail(ErrorCode::invalid_argument, "{}: no JSON object", name);
    if (json["eos_token_id"].is_null()) return {};
    OL_TRY_IN(read_ends(json["eos_token_id"], *this), "{}", name);
    return {};
}

} // namespace ol::model
