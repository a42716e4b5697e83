// Adapters in PEFT's form: adapter_config.json and adapter_model.safetensors.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "base/limits.hpp"
#include "codec/json.hpp"
#include "crypto/hash.hpp"
#include "model/lora.hpp"
#include "model/peft_rules.hpp"
#include "model/safetensors.hpp"

namespace ol::model {

namespace {

using codec::Json;

constexpr std::uint64_t config_bytes = 1ULL << 20;
constexpr std::uint32_t max_rank = 4096;
constexpr std::string_view config_name = "adapter_config.json";
constexpr std::string_view weights_name = "adapter_model.safetensors";

constexpr std::string_view prefix = "base_model.model.";

Json alpha_json(float alpha) {
    // Whole numbers as PEFT's users write them: 32, not 32.0.
    if (alpha == std::floor(alpha) && std::fabs(alpha) < 1e6F) {
        return Json(static_cast<std::int64_t>(alpha));
    }
    return Json(std::strtod(fmt::format("{}", alpha).c_str(), nullptr));
}

bool is_neutral(const Json& value) {
    return value.is_null() || value == Json(false) || (value.is_array() && value.items().empty()) ||
           (value.is_object() && value.members().empty());
}

// Members that change what an adapter computes and are not supported; allowed with the value that
// changes nothing.
constexpr std::array<std::string_view, 18> refused = {
    "modules_to_save", "layer_replication", "target_parameters",
    "lora_bias",       "use_qalora",        "trainable_token_indices",
    "megatron_config", "arrow_config",      "corda_config",
    "eva_config",      "lora_ga_config",    "velora_config",
    "kasa_config",     "monteclora_config", "alora_invocation_tokens",
    "use_bdlora",      "runtime_config",    "ensure_weight_tying"};
// Those that are read below, and those that say nothing of the result.
constexpr std::array<std::string_view, 26> known = {"alpha_pattern",
                                                    "auto_mapping",
                                                    "base_model_name_or_path",
                                                    "bias",
                                                    "exclude_modules",
                                                    "fan_in_fan_out",
                                                    "inference_mode",
                                                    "init_lora_weights",
                                                    "layers_pattern",
                                                    "layers_to_transform",
                                                    "loftq_config",
                                                    "lora_alpha",
                                                    "lora_dropout",
                                                    "megatron_core",
                                                    "peft_type",
                                                    "peft_version",
                                                    "qalora_group_size",
                                                    "r",
                                                    "rank_pattern",
                                                    "revision",
                                                    "target_modules",
                                                    "task_type",
                                                    "use_dora",
                                                    "use_rslora",
                                                    "base_model_class",
                                                    "parent_library"};

Status refuse_variants(const Json& json) {
    for (const auto key : refused) {
        if (!is_neutral(json[key])) {
            return fail(ErrorCode::unsupported, "{}: {} is not supported", config_name, key);
        }
    }
    for (const auto& [key, value] : json.members()) {
        if (is_neutral(value) || std::find(known.begin(), known.end(), key) != known.end()) {
            continue;
        }
        return fail(ErrorCode::unsupported, "{}: {} is not known to this version", config_name,
                    key);
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
    // Some ways to begin change the base too, so that the files alone do not say what it becomes.
    const auto& start = json["init_lora_weights"];
    if (!start.is_null() && !start.is_bool() && start != Json("gaussian") &&
        start != Json("orthogonal") && start != Json("eva")) {
        return fail(ErrorCode::unsupported,
                    "{}: init_lora_weights {} changes the base; convert the adapter with PEFT "
                    "(path_initial_model_for_weight_conversion)",
                    config_name, start.dump().substr(0, 80));
    }
    return {};
}

Result<std::uint32_t> read_rank(const Json& json, std::string_view place) {
    const auto r = OL_TRY_IN(json.as_uint(), "{}: {}", config_name, place);
    if (r == 0 || r > max_rank) {
        return fail(ErrorCode::invalid_argument, "{}: {} is {}, must be 1..{}", config_name, place,
                    r, max_rank);
    }
    return static_cast<std::uint32_t>(r);
}

Result<float> read_alpha(const Json& json, std::string_view place) {
    const auto alpha =
        static_cast<float>(OL_TRY_IN(json.as_double(), "{}: {}", config_name, place));
    if (!std::isfinite(alpha)) {
        return fail(ErrorCode::invalid_argument, "{}: {} is not a finite number", config_name,
                    place);
    }
    return alpha;
}

Result<bool> read_flag(const Json& json, std::string_view key) {
    if (json[key].is_null()) return false;
    return OL_TRY_IN(json[key].as_bool(), "{}: {}", config_name, key);
}

// All but the targets.
Result<LoraConfig> read_config(const Json& json) {
    OL_TRY(refuse_variants(json));
    LoraConfig out;
    out.targets.clear();
    out.rank = OL_TRY(read_rank(*OL_TRY_IN(json.require("r"), "{}", config_name), "r"));
    out.alpha =
        OL_TRY(read_alpha(*OL_TRY_IN(json.require("lora_alpha"), "{}", config_name), "lora_alpha"));
    out.rslora = OL_TRY(read_flag(json, "use_rslora"));
    out.dora = OL_TRY(read_flag(json, "use_dora"));
    if (!json["lora_dropout"].is_null()) {
        out.dropout = OL_TRY(read_alpha(json["lora_dropout"], "lora_dropout"));
        if (out.dropout < 0 || out.dropout >= 1) {
            return fail(ErrorCode::invalid_argument, "{}: lora_dropout is {}, must be 0..1",
                        config_name, out.dropout);
        }
    }
    for (const auto& [key, value] : json["rank_pattern"].members()) {
        out.rank_pattern.emplace_back(key, OL_TRY(read_rank(value, "rank_pattern: " + key)));
    }
    for (const auto& [key, value] : json["alpha_pattern"].members()) {
        out.alpha_pattern.emplace_back(key, OL_TRY(read_alpha(value, "alpha_pattern: " + key)));
    }
    return out;
}

template <class Adapter>
auto& pair_of(Adapter& adapter, const PeftModule& module) {
    if (module.kind == PeftModule::Kind::embedding) return adapter.embedding;
    if (module.kind == PeftModule::Kind::head) return adapter.head;
    return adapter.layers[module.layer][static_cast<std::size_t>(module.site)];
}

// The modules of an adapter's family, as far as it has layers.
std::vector<PeftModule> modules_of(const LoraAdapter& adapter) {
    ModelConfig model;
    model.family = adapter.family;
    model.layer_count = static_cast<std::uint32_t>(adapter.layers.size());
    model.fused_qkv = adapter.family == Family::gpt2;
    model.gated_mlp = adapter.family != Family::gpt2;
    return peft_modules(model);
}

// target_modules: the last part of the names where that says it, else whole names.
Json targets_json(const LoraAdapter& adapter, const std::vector<PeftModule>& modules) {
    auto last_part = [](const std::string& name) { return name.substr(name.rfind('.') + 1); };
    std::map<std::string, std::pair<std::size_t, std::size_t>> counts; // with a pair, and all
    for (const auto& module : modules) {
        auto& [with, all] = counts[last_part(module.name)];
        with += pair_of(adapter, module).a.empty() ? 0 : 1;
        ++all;
    }
    auto out = Json::array();
    std::set<std::string> listed;
    for (const auto& module : modules) {
        if (pair_of(adapter, module).a.empty()) continue;
        const auto part = last_part(module.name);
        const auto& [with, all] = counts[part];
        const auto& key = with == all ? part : module.name;
        if (listed.insert(key).second) out.push(Json(key));
    }
    return out;
}

// Tensors by what follows "base_model.model.", which some tools leave out.
class TensorReader {
public:
    explicit TensorReader(const Safetensors& file)
        : file_(file) {}

    bool has(const std::string& name) const { return !found(name).empty(); }

    Result<std::vector<float>> read(const std::string& name, std::vector<std::uint64_t> shape) {
        auto whole = found(name);
        if (whole.empty()) whole = std::string(prefix) + name; // for the message
        auto values = OL_TRY_IN(file_.read_f32(whole, shape), "{}", weights_name);
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!std::isfinite(values[i])) {
                return fail(ErrorCode::corrupted,
                            "{}: tensor '{}': element {} is not a finite number", weights_name,
                            whole, i);
            }
        }
        used_.insert(whole);
        return values;
    }

    // A copy of the base's own table, which PEFT adds when it is adapted: its shape must be the
    // base's; its values are those of the base.
    Status skip_copy(const std::string& name, const std::vector<std::uint64_t>& shape) {
        const auto whole = found(name);
        if (whole.empty()) return {};
        if (file_.tensors().at(whole).shape != shape) {
            return fail(ErrorCode::unsupported,
                        "{}: tensor '{}' has not the shape of the base's table: a changed "
                        "vocabulary is not supported",
                        weights_name, whole);
        }
        used_.insert(whole);
        return {};
    }

    Status refuse_unused() const {
        for (const auto& [name, info] : file_.tensors()) {
            if (!used_.contains(name)) {
                return fail(ErrorCode::unsupported,
                            "{}: tensor '{}' belongs to no target of this model", weights_name,
                            name);
            }
        }
        return {};
    }

private:
    std::string found(const std::string& name) const {
        auto whole = std::string(prefix) + name;
        if (file_.tensors().contains(whole)) return whole;
        return file_.tensors().contains(name) ? name : std::string();
    }

    const Safetensors& file_;
    std::set<std::string> used_;
};

Status read_pair(TensorReader& tensors, const PeftModule& module, const ModelConfig& model,
                 const LoraConfig& config, LoraPair& pair) {
    const std::uint64_t rank = pair.rank;
    const std::vector<std::uint64_t> table = {model.vocab_size, model.hidden_size};
    auto read_magnitude = [&](std::uint64_t size) -> Status {
        const auto name = module.name + ".lora_magnitude_vector";
        // Both names are PEFT's, of different versions.
        pair.magnitude =
            OL_TRY(tensors.read(tensors.has(name + ".weight") ? name + ".weight" : name, {size}));
        return {};
    };
    if (module.kind == PeftModule::Kind::embedding) {
        pair.a = OL_TRY(tensors.read(module.name + ".lora_embedding_A", {rank, model.vocab_size}));
        pair.b = OL_TRY(tensors.read(module.name + ".lora_embedding_B", {model.hidden_size, rank}));
        if (config.dora) OL_TRY(read_magnitude(model.hidden_size));
        return tensors.skip_copy(module.name + ".base_layer.weight", table);
    }
    const bool is_head = module.kind == PeftModule::Kind::head;
    const std::uint64_t in = is_head ? model.hidden_size : site_in(model, module.site);
    const std::uint64_t out = is_head ? model.vocab_size : site_out(model, module.site);
    pair.a = OL_TRY(tensors.read(module.name + ".lora_A.weight", {rank, in}));
    pair.b = OL_TRY(tensors.read(module.name + ".lora_B.weight", {out, rank}));
    if (config.dora) OL_TRY(read_magnitude(out));
    if (is_head) return tensors.skip_copy(module.name + ".base_layer.weight", table);
    return {};
}

} // namespace

AdapterFiles LoraAdapter::to_files(std::string_view base_name) const {
    const auto modules = modules_of(*this);
    // The patterns that make of every module what it is; those of the config come last, so that
    // what they say already need not be said again.
    auto ranks = Json::object(), alphas = Json::object();
    const auto patterns = Patterns::of(config);
    for (const auto& module : modules) {
        const auto& pair = pair_of(*this, module);
        if (pair.a.empty()) continue;
        const auto rank = patterns ? patterns->rank(module.name) : config.rank;
        const auto alpha = patterns ? patterns->alpha(module.name) : config.alpha;
        if (rank != pair.rank) ranks.set(module.name, pair.rank);
        if (config.scale(pair.rank, alpha) != pair.scale) {
            const auto r = static_cast<float>(pair.rank);
            alphas.set(module.name, alpha_json(pair.scale * (config.rslora ? std::sqrt(r) : r)));
        }
    }
    if (patterns) {
        for (const auto& [key, rank] : config.rank_pattern) {
            if (!ranks.contains(key)) ranks.set(key, rank);
        }
        for (const auto& [key, alpha] : config.alpha_pattern) {
            if (!alphas.contains(key)) alphas.set(key, alpha_json(alpha));
        }
    }
    auto json = Json::object({
        {"alpha_pattern", std::move(alphas)},
        {"auto_mapping", nullptr},
        {"base_model_name_or_path", base_name},
        {"bias", "none"},
        {"fan_in_fan_out", family == Family::gpt2},
        {"inference_mode", true},
        {"init_lora_weights", true},
        {"layer_replication", nullptr},
        {"layers_pattern", nullptr},
        {"layers_to_transform", nullptr},
        {"lora_alpha", alpha_json(config.alpha)},
        {"lora_dropout", config.dropout == 0 ? Json(0.0) : alpha_json(config.dropout)},
        {"modules_to_save", nullptr},
        {"peft_type", "LORA"},
        {"r", config.rank},
        {"rank_pattern", std::move(ranks)},
        {"revision", nullptr},
        {"target_modules", targets_json(*this, modules)},
        {"task_type", "CAUSAL_LM"},
        {"use_dora", config.dora},
        {"use_rslora", config.rslora},
    });

    std::vector<TensorOut> tensors;
    for (const auto& module : modules) {
        const auto& pair = pair_of(*this, module);
        if (pair.a.empty()) continue;
        const std::uint64_t rank = pair.rank;
        const bool is_table = module.kind == PeftModule::Kind::embedding;
        const auto name = std::string(prefix) + module.name;
        tensors.push_back({name + (is_table ? ".lora_embedding_A" : ".lora_A.weight"),
                           {rank, pair.a.size() / rank},
                           pair.a.data()});
        tensors.push_back({name + (is_table ? ".lora_embedding_B" : ".lora_B.weight"),
                           {pair.b.size() / rank, rank},
                           pair.b.data()});
        if (pair.magnitude.empty()) continue;
        tensors.push_back(
            {name + ".lora_magnitude_vector", {pair.magnitude.size()}, pair.magnitude.data()});
    }
    return {json.dump(2) + "\n", write_safetensors(tensors, Dtype::f32, {{"format", "pt"}})};
}

Result<LoraAdapter> LoraAdapter::parse(const AdapterFiles& files, const ModelConfig& model) {
    const Json json = OL_TRY_IN(Json::parse(files.config), "{}", config_name);
    if (!json.is_object()) {
        return fail(ErrorCode::invalid_argument, "{}: not a JSON object", config_name);
    }
    LoraAdapter out;
    out.family = model.family;
    out.config = OL_TRY(read_config(json));
    const auto rules = OL_TRY(TargetRules::read(json));
    const auto patterns = OL_TRY(Patterns::of(out.config));
    const auto file = OL_TRY_IN(Safetensors::parse(files.weights), "{}", weights_name);
    TensorReader tensors(file);
    out.layers.resize(model.layer_count);
    bool any = false;
    for (const auto& module : peft_modules(model)) {
        if (!rules.targets(module)) continue;
        any = true;
        auto& pair = pair_of(out, module);
        pair.rank = patterns.rank(module.name);
        pair.scale = patterns.scale(module.name);
        OL_TRY(read_pair(tensors, module, model, out.config, pair));
        auto& targets = out.config.targets;
        if (module.kind == PeftModule::Kind::embedding) {
            out.config.embedding = true;
        } else if (module.kind == PeftModule::Kind::head) {
            out.config.head = true;
        } else if (std::find(targets.begin(), targets.end(), module.site) == targets.end()) {
            targets.push_back(module.site);
        }
    }
    if (!any) {
        return fail(ErrorCode::unsupported,
                    "{}: target_modules {} names no module of this model ({})", config_name,
                    json["target_modules"].dump().substr(0, 200), to_string(model.family));
    }
    std::sort(out.config.targets.begin(), out.config.targets.end());
    OL_TRY(tensors.refuse_unused());
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
