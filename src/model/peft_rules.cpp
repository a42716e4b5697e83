#include "model/peft_rules.hpp"

#include <algorithm>

namespace ol::model {

using codec::Json;

namespace {

constexpr std::size_t max_keys = 1024; // of one list or pattern

bool is_plain(std::string_view key) {
    return key.find_first_of("\\^$.|?*+()[]{}") == std::string_view::npos;
}

// Whether a module is called so, or its last parts are.
bool ends_in(std::string_view module, std::string_view key) {
    if (!module.ends_with(key)) return false;
    return module.size() == key.size() || module[module.size() - key.size() - 1] == '.';
}

// A pattern of a whole text.
Result<Regex> whole(std::string_view pattern, std::string_view prefix, std::string_view member) {
    // By itself first: "a)|(b" would be another pattern inside the parentheses.
    OL_TRY_IN(Regex::compile(pattern), "adapter_config.json: {}: \"{}\"", member,
              pattern.substr(0, 80));
    return OL_TRY_IN(Regex::compile(fmt::format("^{}(?:{})$", prefix, pattern)),
                     "adapter_config.json: {}", member);
}

bool matches(const Regex& pattern, std::string_view text) {
    const auto found = pattern.find(text, 0);
    return found && found->begin == 0 && found->end == text.size();
}

} // namespace

std::string_view embedding_module(Family family) {
    return family == Family::gpt2 ? "transformer.wte" : "model.embed_tokens";
}

std::vector<PeftModule> peft_modules(const ModelConfig& model) {
    std::vector<PeftModule> out;
    for (std::size_t layer = 0; layer < model.layer_count; ++layer) {
        for (int i = 0; i < site_count; ++i) {
            const auto site = static_cast<Site>(i);
            if (!has_site(model, site)) continue;
            out.push_back({PeftModule::Kind::site, layer, site, module_name(model, layer, site)});
        }
    }
    out.push_back(
        {PeftModule::Kind::embedding, 0, Site::q, std::string(embedding_module(model.family))});
    out.push_back({PeftModule::Kind::head, 0, Site::q, "lm_head"});
    return out;
}

Result<PatternKeys> PatternKeys::compile(const std::vector<std::string>& keys,
                                         std::string_view member) {
    if (keys.size() > max_keys) {
        return fail(ErrorCode::too_large, "adapter_config.json: {} has {} keys, the limit is {}",
                    member, keys.size(), max_keys);
    }
    PatternKeys out;
    for (const auto& key : keys) {
        auto& to = out.keys_.emplace_back();
        to.text = key;
        if (!is_plain(key)) to.pattern = OL_TRY(whole(key, "(?:.*\\.)?", member));
    }
    return out;
}

std::optional<std::size_t> PatternKeys::find(std::string_view module) const {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
        const auto& key = keys_[i];
        const bool found = key.pattern ? matches(*key.pattern, module) : ends_in(module, key.text);
        if (found) return i;
    }
    return {};
}

Result<Patterns> Patterns::of(const LoraConfig& config) {
    const auto keys_of = [](const auto& pattern) {
        std::vector<std::string> out;
        for (const auto& [key, value] : pattern) out.push_back(key);
        return out;
    };
    auto ranks = OL_TRY(PatternKeys::compile(keys_of(config.rank_pattern), "rank_pattern"));
    auto alphas = OL_TRY(PatternKeys::compile(keys_of(config.alpha_pattern), "alpha_pattern"));
    return Patterns(config, std::move(ranks), std::move(alphas));
}

std::uint32_t Patterns::rank(std::string_view module) const {
    const auto found = ranks_.find(module);
    return found ? config_->rank_pattern[*found].second : config_->rank;
}

float Patterns::alpha(std::string_view module) const {
    const auto found = alphas_.find(module);
    return found ? config_->alpha_pattern[*found].second : config_->alpha;
}

bool TargetRules::Names::match(std::string_view module) const {
    if (pattern) return matches(*pattern, module);
    return std::any_of(list.begin(), list.end(),
                       [&](const std::string& key) { return ends_in(module, key); });
}

Result<TargetRules::Names> TargetRules::read_names(const Json& json, std::string_view member) {
    Names out;
    if (json.is_null()) return out;
    if (json.is_string()) {
        out.pattern = OL_TRY(whole(*json.as_string(), "", member));
        return out;
    }
    if (!json.is_array()) {
        return fail(ErrorCode::invalid_argument,
                    "adapter_config.json: {} is neither a list of names nor a pattern", member);
    }
    for (const auto& item : json.items()) {
        auto name = OL_TRY_IN(item.as_string(), "adapter_config.json: {}", member);
        if (std::find(out.list.begin(), out.list.end(), name) != out.list.end()) {
            return fail(ErrorCode::invalid_argument, "adapter_config.json: {} names {} twice",
                        member, name);
        }
        out.list.push_back(std::move(name));
        if (out.list.size() > (1U << 14)) {
            return fail(ErrorCode::too_large, "adapter_config.json: {} has too many names", member);
        }
    }
    return out;
}

Result<TargetRules> TargetRules::read(const Json& config) {
    TargetRules out;
    const auto& targets = config["target_modules"];
    out.all_linear_ = targets == Json("all-linear");
    if (!out.all_linear_) out.targets_ = OL_TRY(read_names(targets, "target_modules"));
    if (!out.all_linear_ && !out.targets_.pattern && out.targets_.list.empty()) {
        return fail(ErrorCode::invalid_argument, "adapter_config.json: target_modules is empty");
    }
    out.excluded_ = OL_TRY(read_names(config["exclude_modules"], "exclude_modules"));
    const auto& layers = config["layers_to_transform"];
    if (!layers.is_null() && out.targets_.pattern) {
        return fail(ErrorCode::invalid_argument,
                    "adapter_config.json: layers_to_transform needs target_modules to be a list");
    }
    if (layers.is_array()) {
        for (const auto& item : layers.items()) {
            out.layers_.push_back(
                OL_TRY_IN(item.as_uint(), "adapter_config.json: layers_to_transform"));
        }
    } else if (!layers.is_null()) {
        out.layers_.push_back(
            OL_TRY_IN(layers.as_uint(), "adapter_config.json: layers_to_transform"));
    }
    std::sort(out.layers_.begin(), out.layers_.end());
    const auto& patterns = config["layers_pattern"];
    auto add = [&](const Json& json) -> Status {
        auto name = OL_TRY_IN(json.as_string(), "adapter_config.json: layers_pattern");
        if (!is_plain(name)) {
            return fail(ErrorCode::unsupported,
                        "adapter_config.json: layers_pattern \"{}\" is not supported, only the "
                        "name of the list of layers is",
                        name);
        }
        if (!name.empty()) out.layer_patterns_.push_back(std::move(name));
        return {};
    };
    if (patterns.is_array()) {
        for (const auto& item : patterns.items()) OL_TRY(add(item));
    } else if (!patterns.is_null()) {
        OL_TRY(add(patterns));
    }
    return out;
}

bool TargetRules::targets(const PeftModule& module) const {
    if (excluded_.match(module.name)) return false;
    if (all_linear_) return module.kind == PeftModule::Kind::site;
    if (!targets_.match(module.name)) return false;
    if (layers_.empty()) return true;
    if (module.kind != PeftModule::Kind::site) return false; // it has no number
    if (!std::binary_search(layers_.begin(), layers_.end(), module.layer)) return false;
    if (layer_patterns_.empty()) return true;
    return std::any_of(layer_patterns_.begin(), layer_patterns_.end(), [&](const auto& list) {
        return module.name.find(fmt::format(".{}.{}.", list, module.layer)) != std::string::npos;
    });
}

} // namespace ol::model
