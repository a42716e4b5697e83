#include "model/config.hpp"

#include <array>
#include <cmath>
#include <cstdlib>

#include "codec/json.hpp"

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

// The double that prints as the float's shortest decimal: 1e-05, not 9.999999747378752e-06.
double shortest(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

Result<std::uint32_t> shape_number(const Json& json, std::string_view key, std::uint64_t limit) {
    const Json* member = OL_TRY_IN(json.require(key), "config.json");
    const auto value = OL_TRY_IN(member->as_uint(), "config.json: {}", key);
    if (value == 0 || value > limit) {
        return fail(ErrorCode::invalid_argument, "config.json: {} is {}, must be 1..{}", key, value,
                    limit);
    }
    return static_cast<std::uint32_t>(value);
}

Result<std::uint32_t> shape_number_or(const Json& json, std::string_view key, std::uint64_t limit,
                                      std::uint32_t otherwise) {
    if (json[key].is_null()) return otherwise;
    return shape_number(json, key, limit);
}

Result<float> positive_number_or(const Json& json, std::string_view key, float otherwise) {
    if (json[key].is_null()) return otherwise;
    const auto value = static_cast<float>(OL_TRY_IN(json[key].as_double(), "config.json: {}", key));
    if (!std::isfinite(value) || value <= 0) {
        return fail(ErrorCode::invalid_argument, "config.json: {} must be a positive number", key);
    }
    return value;
}

Result<std::int32_t> token_or_none(const Json& json, std::string_view key, std::uint32_t vocab) {
    if (json[key].is_null()) return -1;
    if (json[key].is_array()) {
        return fail(ErrorCode::unsupported,
                    "config.json: {} is a list; give the one token that ends an answer", key);
    }
    const auto value = OL_TRY_IN(json[key].as_int(), "config.json: {}", key);
    if (value < -1 || value >= static_cast<std::int64_t>(vocab)) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: {} is {}, outside the vocabulary of {}", key, value, vocab);
    }
    return static_cast<std::int32_t>(value);
}

Status refuse_unless_false(const Json& json, std::string_view key) {
    if (json[key].is_null()) return {};
    if (OL_TRY_IN(json[key].as_bool(), "config.json: {}", key)) {
        return fail(ErrorCode::unsupported, "config.json: {} is true; biases are not supported",
                    key);
    }
    return {};
}

Status refuse_variants(const Json& json) {
    const Json* type = OL_TRY_IN(json.require("model_type"), "config.json");
    const auto type_name = OL_TRY_IN(type->as_string(), "config.json: model_type");
    if (type_name != "llama") {
        return fail(ErrorCode::unsupported,
                    "config.json: model_type '{}' is not supported, only 'llama' is", type_name);
    }
    if (!json["hidden_act"].is_null()) {
        const auto act = OL_TRY_IN(json["hidden_act"].as_string(), "config.json: hidden_act");
        if (act != "silu") {
            return fail(ErrorCode::unsupported,
                        "config.json: hidden_act '{}' is not supported, only 'silu' is", act);
        }
    }
    OL_TRY(refuse_unless_false(json, "attention_bias"));
    OL_TRY(refuse_unless_false(json, "mlp_bias"));
    for (const std::string_view key : {"rope_scaling", "quantization_config", "sliding_window"}) {
        if (!json[key].is_null()) {
            return fail(ErrorCode::unsupported, "config.json: {} is not supported", key);
        }
    }
    const auto& rope = json["rope_parameters"];
    if (!rope["rope_type"].is_null()) {
        const auto kind = OL_TRY_IN(rope["rope_type"].as_string(), "config.json: rope_type");
        if (kind != "default") {
            return fail(ErrorCode::unsupported,
                        "config.json: rope_parameters.rope_type '{}' is not supported, only "
                        "'default' is",
                        kind);
        }
    }
    return {};
}

} // namespace

std::string_view to_string(Family family) {
    constexpr std::array<std::string_view, 7> names = {"llama",  "mistral", "qwen2", "qwen3",
                                                       "gemma2", "gemma3",  "gpt2"};
    return names[static_cast<std::size_t>(family)];
}

std::uint64_t ModelConfig::parameter_count() const {
    const std::uint64_t hidden = hidden_size;
    const std::uint64_t wide = static_cast<std::uint64_t>(head_count) * head_size;
    const std::uint64_t kv_wide = static_cast<std::uint64_t>(kv_head_count) * head_size;
    const std::uint64_t layer = 2 * hidden             // norms
                                + 2 * wide * hidden    // q, o
                                + 2 * kv_wide * hidden // k, v
                                + 3 * hidden * intermediate_size;
    const std::uint64_t table = hidden * vocab_size;
    return table + layer * layer_count + hidden + (tied_embeddings ? 0 : table);
}

std::string ModelConfig::to_json() const {
    auto token = [](std::int32_t id) { return id < 0 ? Json() : Json(id); };
    auto json = Json::object({
        {"architectures", Json::array({Json("LlamaForCausalLM")})},
        {"attention_bias", false},
        {"attention_dropout", 0.0},
        {"bos_token_id", token(bos_token)},
        {"eos_token_id", token(eos_token)},
        {"head_dim", head_size},
        {"hidden_act", "silu"},
        {"hidden_size", hidden_size},
        {"initializer_range", 0.02},
        {"intermediate_size", intermediate_size},
        {"max_position_embeddings", context_length},
        {"mlp_bias", false},
        {"model_type", "llama"},
        {"num_attention_heads", head_count},
        {"num_hidden_layers", layer_count},
        {"num_key_value_heads", kv_head_count},
        {"rms_norm_eps", shortest(norm_epsilon)},
        {"rope_scaling", nullptr},
        {"rope_theta", shortest(rope_theta)},
        {"tie_word_embeddings", tied_embeddings},
        {"use_cache", true},
        {"vocab_size", vocab_size},
    });
    return json.dump(2) + "\n";
}

Result<ModelConfig> ModelConfig::from_json(std::string_view text) {
    const Json json = OL_TRY_IN(Json::parse(text), "config.json");
    if (!json.is_object()) {
        return fail(ErrorCode::invalid_argument, "config.json: not a JSON object");
    }
    OL_TRY(refuse_variants(json));

    ModelConfig out;
    out.vocab_size = OL_TRY(shape_number(json, "vocab_size", max_vocab));
    out.hidden_size = OL_TRY(shape_number(json, "hidden_size", max_hidden));
    out.intermediate_size = OL_TRY(shape_number(json, "intermediate_size", max_intermediate));
    out.layer_count = OL_TRY(shape_number(json, "num_hidden_layers", max_layers));
    out.head_count = OL_TRY(shape_number(json, "num_attention_heads", max_heads));
    out.kv_head_count =
        OL_TRY(shape_number_or(json, "num_key_value_heads", max_heads, out.head_count));
    out.context_length = OL_TRY(shape_number(json, "max_position_embeddings", max_context));
    if (json["head_dim"].is_null() && out.hidden_size % out.head_count != 0) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: hidden_size {} does not divide by num_attention_heads {}",
                    out.hidden_size, out.head_count);
    }
    out.head_size =
        OL_TRY(shape_number_or(json, "head_dim", max_head_size, out.hidden_size / out.head_count));
    if (out.head_size == 0 || out.head_size > max_head_size || out.head_size % 2 != 0) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: head_dim is {}, must be even and 2..{}", out.head_size,
                    max_head_size);
    }
    if (out.head_count % out.kv_head_count != 0) {
        return fail(ErrorCode::invalid_argument,
                    "config.json: num_attention_heads {} does not divide by num_key_value_heads {}",
                    out.head_count, out.kv_head_count);
    }

    const auto& rope = json["rope_parameters"];
    out.rope_theta = OL_TRY(
        positive_number_or(rope["rope_theta"].is_null() ? json : rope, "rope_theta", 10000.0F));
    // The defaults of transformers' LlamaConfig, which leaves members at their default out.
    out.norm_epsilon = OL_TRY(positive_number_or(json, "rms_norm_eps", 1e-6F));
    out.tied_embeddings = false;
    if (!json["tie_word_embeddings"].is_null()) {
        out.tied_embeddings =
            OL_TRY_IN(json["tie_word_embeddings"].as_bool(), "config.json: tie_word_embeddings");
    }
    out.bos_token = OL_TRY(token_or_none(json, "bos_token_id", out.vocab_size));
    out.eos_token = OL_TRY(token_or_none(json, "eos_token_id", out.vocab_size));
    return out;
}

} // namespace ol::model
