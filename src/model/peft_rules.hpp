// Which modules of a model an adapter_config.json of PEFT speaks of, and with what rank and alpha:
// the rules of peft/tuners/tuners_utils.py (check_target_module_exists) and of get_pattern_key.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codec/json.hpp"
#include "model/lora.hpp"
#include "model/tokenizer/regex.hpp"

namespace ol::model {

struct PeftModule {
    enum class Kind { site, embedding, head };
    Kind kind = Kind::site;
    std::size_t layer = 0;
    Site site = Site::q;
    std::string name; // "model.layers.3.self_attn.q_proj", "model.embed_tokens", "lm_head"
};

// Every module of a model of this family that can carry an adapter: the layers' first.
std::vector<PeftModule> peft_modules(const ModelConfig& model);
std::string_view embedding_module(Family family);

// Which key of a pattern counts for a module.
class PatternKeys {
public:
    static Result<PatternKeys> compile(const std::vector<std::string>& keys,
                                       std::string_view member);
    // The index of the first key that is the module's name or matches its end.
    std::optional<std::size_t> find(std::string_view module) const;

private:
    struct Key {
        std::string text;
        std::optional<Regex> pattern; // absent: the text is a plain name
    };
    std::vector<Key> keys_;
};

// What rank_pattern and alpha_pattern of a configuration, which must stay, give a module.
class Patterns {
public:
    // invalid_argument for a key that is no pattern.
    static Result<Patterns> of(const LoraConfig& config);
    std::uint32_t rank(std::string_view module) const;
    float alpha(std::string_view module) const;
    float scale(std::string_view module) const {
        return config_->scale(rank(module), alpha(module));
    }

private:
    Patterns(const LoraConfig& config, PatternKeys ranks, PatternKeys alphas)
        : config_(&config)
        , ranks_(std::move(ranks))
        , alphas_(std::move(alphas)) {}

    const LoraConfig* config_;
    PatternKeys ranks_, alphas_;
};

// target_modules, exclude_modules, layers_to_transform and layers_pattern.
class TargetRules {
public:
    static Result<TargetRules> read(const codec::Json& config);
    bool targets(const PeftModule& module) const;

private:
    // A list of names, of which a module's name is one or ends in one, or a pattern of all of it.
    struct Names {
        std::vector<std::string> list;
        std::optional<Regex> pattern;
        bool match(std::string_view module) const;
    };
    static Result<Names> read_names(const codec::Json& json, std::string_view member);

    Names targets_, excluded_;
    bool all_linear_ = false;
    std::vector<std::uint64_t> layers_;       // empty: all
    std::vector<std::string> layer_patterns_; // names before the number; empty: any
};

} // namespace ol::model
