// Adapters in PEFT's form: adapter_config.json and adapter_model.safetensors.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "base/limits.hpp"
#include "codec/json.hpp"
#include "crypto/hash.hpp"
#include "model/lora.hpp"
#include "model/safetensors.hpp"

namespace ol::model {

namespace {

using codec::Json;

constexpr std::uint64_t config_bytes = 1ULL << 20;
constexpr std::uint32_t max_rank = 4096;
constexpr std::string_view config_name = "adapter_config.json";
constexpr std::string_view weights_name = "adapter_model.safetensors";

// "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight"
std::string tensor_name(std::size_t layer, Site site, char half) {
    const bool attention = site <= Site::o;
    return fmt::format("base_model.model.model.layers.{}.{}.{}.lora_{}.weight", layer,
                       attention ? "self_attn" : "mlp", to_string(site), half);
}

Json alpha_json(float alpha) {
    // Whole numbers as PEFT's users write them: 32, not 32.0.
    if (alpha == std::floor(alpha) && std::fabs(alpha) < 1e6F) {
        return Json(static_cast<std::int64_t>(alpha));
    }
    return Json(std::strtod(fmt::format("{}", alpha).c_str(), nullptr));
}

// Members that change what an adapter computes; allowed only with the value that changes nothing.
Status refuse_variants(const Json& json) {
    for (const std::string_view key :
         {"use_dora", "use_rslora", "fan_in_fan_out", "lora_bias", "use_qalora"}) {
        if (!json[key].is_null() && json[key] != Json(false)) {
            return fail(ErrorCode::unsupported, "{}: {} is not supported", config_name, key);
        }
    }
    for (const std::string_view key :
         {"rank_pattern", "alpha_pattern", "modules_to_save", "layers_to_transform",
          "layers_pattern", "layer_replication", "exclude_modules", "target_parameters",
          "trainable_token_indices", "megatron_config", "arrow_config", "corda_config",
          "eva_config"}) {
        const auto& value = json[key];
        const bool empty = value.is_null() || (value.is_array() && value.items().empty()) ||
                           (value.is_object() && value.members().empty());
        if (!empty)
            return fail(ErrorCode::unsupported, "{}: {} is not supported", config_name, key);
    }
    struct Fixed {
        std::string_view key, only;
        bool required;
    };
    for (const auto& [key, only, required] :
         {Fixed{"peft_type", "LORA", true}, Fixed{"bias", "none", false},
          Fixed{"task_type", "CAUSAL_LM", false}}) {
        if (json[key].is_null() && !required) continue;
        if (json[key] != Json(only)) {
            return fail(ErrorCode::unsupported, "{}: {} {} is not supported, only \"{}\" is",
                        config_name, key, json[key].dump().substr(0, 80), only);
        }
    }
    return {};
}

Result<LoraConfig> parse_config(std::string_view text) {
    const Json json = OL_TRY_IN(Json::parse(text), "{}", config_name);
    if (!json.is_object()) {
        return fail(ErrorCode::invalid_argument, "{}: not a JSON object", config_name);
    }
    OL_TRY(refuse_variants(json));
    LoraConfig out;
    const Json* rank = OL_TRY_IN(json.require("r"), "{}", config_name);
    const auto r = OL_TRY_IN(rank->as_uint(), "{}: r", config_name);
    if (r == 0 || r > max_rank) {
        return fail(ErrorCode::invalid_argument, "{}: r is {}, must be 1..{}", config_name, r,
                    max_rank);
    }
    out.rank = static_cast<std::uint32_t>(r);
    const Json* alpha = OL_TRY_IN(json.require("lora_alpha"), "{}", config_name);
    out.alpha = static_cast<float>(OL_TRY_IN(alpha->as_double(), "{}: lora_alpha", config_name));
    if (!std::isfinite(out.alpha)) {
        return fail(ErrorCode::invalid_argument, "{}: lora_alpha is not a finite number",
                    config_name);
    }
    const Json* targets = OL_TRY_IN(json.require("target_modules"), "{}", config_name);
    if (!targets->is_array()) {
        return fail(ErrorCode::unsupported,
                    "{}: target_modules as a pattern is not supported; list the modules' names",
                    config_name);
    }
    out.targets.clear();
    for (const auto& item : targets->items()) {
        const auto name = OL_TRY_IN(item.as_string(), "{}: target_modules", config_name);
        const auto site = OL_TRY_IN(site_from(name), "{}: target_modules", config_name);
        if (std::find(out.targets.begin(), out.targets.end(), site) != out.targets.end()) {
            return fail(ErrorCode::invalid_argument, "{}: target_modules names {} twice",
                        config_name, name);
        }
        out.targets.push_back(site);
    }
    if (out.targets.empty()) {
        return fail(ErrorCode::invalid_argument, "{}: target_modules is empty", config_name);
    }
    std::sort(out.targets.begin(), out.targets.end()); // PEFT writes a set, in any order
    return out;
}

} // namespace

AdapterFiles LoraAdapter::to_files(std::string_view base_name) const {
    auto targets = Json::array();
    for (const auto site : config.targets) targets.push(Json(to_string(site)));
    auto json = Json::object({
        {"alpha_pattern", Json::object()},
        {"auto_mapping", nullptr},
        {"base_model_name_or_path", base_name},
        {"bias", "none"},
        {"fan_in_fan_out", false},
        {"inference_mode", true},
        {"init_lora_weights", true},
        {"layer_replication", nullptr},
        {"layers_pattern", nullptr},
        {"layers_to_transform", nullptr},
        {"lora_alpha", alpha_json(config.alpha)},
        {"lora_dropout", 0.0},
        {"modules_to_save", nullptr},
        {"peft_type", "LORA"},
        {"r", config.rank},
        {"rank_pattern", Json::object()},
        {"revision", nullptr},
        {"target_modules", std::move(targets)},
        {"task_type", "CAUSAL_LM"},
        {"use_dora", false},
        {"use_rslora", false},
    });

    std::vector<TensorOut> tensors;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        for (std::size_t s = 0; s < site_count; ++s) {
            const auto& pair = layers[i][s];
            if (pair.a.empty()) continue;
            const auto site = static_cast<Site>(s);
            const std::uint64_t rank = pair.rank;
            tensors.push_back(
                {tensor_name(i, site, 'A'), {rank, pair.a.size() / rank}, pair.a.data()});
            tensors.push_back(
                {tensor_name(i, site, 'B'), {pair.b.size() / rank, rank}, pair.b.data()});
        }
    }
    return {json.dump(2) + "\n", write_safetensors(tensors, Dtype::f32, {{"format", "pt"}})};
}

Result<LoraAdapter> LoraAdapter::parse(const AdapterFiles& files, const ModelConfig& model) {
    LoraAdapter out;
    out.config = OL_TRY(parse_config(files.config));
    const auto file = OL_TRY_IN(Safetensors::parse(files.weights), "{}", weights_name);
    out.layers.resize(model.layer_count);
    std::set<std::string> used;
    auto read = [&](const std::string& name,
                    std::vector<std::uint64_t> shape) -> Result<std::vector<float>> {
        auto values = OL_TRY_IN(file.read_f32(name, shape), "{}", weights_name);
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!std::isfinite(values[i])) {
                return fail(ErrorCode::corrupted,
                            "{}: tensor '{}': element {} is not a finite number", weights_name,
                            name, i);
            }
        }
        used.insert(name);
        return values;
    };
    for (std::size_t i = 0; i < out.layers.size(); ++i) {
        for (const auto site : out.config.targets) {
            auto& pair = out.layers[i][static_cast<std::size_t>(site)];
            const std::uint64_t rank = out.config.rank;
            pair.rank = out.config.rank;
            pair.scale = out.config.scale();
            pair.a = OL_TRY(read(tensor_name(i, site, 'A'), {rank, site_in(model, site)}));
            pair.b = OL_TRY(read(tensor_name(i, site, 'B'), {site_out(model, site), rank}));
        }
    }
    for (const auto& [name, info] : file.tensors()) {
        if (!used.contains(name)) {
            return fail(ErrorCode::unsupported,
                        "{}: tensor '{}' belongs to no target of this model", weights_name, name);
        }
    }
    out.pack();
    return out;
}

Status LoraAdapter::save(const Path& folder, std::string_view base_name) const {
    const auto files = to_files(base_name);
    OL_TRY(write_file_atomic(folder / config_name, std::string_view(files.config)));
    return write_file_atomic(folder / weights_name, ByteView(files.weights));
}

Result<LoraAdapter> LoraAdapter::load(const Path& folder, const ModelConfig& model) {
    const auto files = OL_TRY(AdapterFiles::read(folder));
    return OL_TRY_IN(parse(files, model), "{}", folder.string());
}

Result<AdapterFiles> AdapterFiles::read(const Path& folder) {
    AdapterFiles out;
    out.config = OL_TRY(read_text_file(folder / config_name, config_bytes));
    out.weights = OL_TRY(read_file(folder / weights_name, limits::model_file_bytes));
    return out;
}

Hash32 AdapterFiles::hash() const {
    Bytes hashes;
    append(hashes, crypto::keccak256(config).view());
    append(hashes, crypto::keccak256(weights).view());
    return crypto::keccak256(hashes);
}

Result<Hash32> adapter_hash(const Path& folder) {
    const auto files = OL_TRY(AdapterFiles::read(folder));
    return files.hash();
}

} // namespace ol::model
