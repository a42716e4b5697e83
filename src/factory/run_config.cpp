// RunConfig and its JSON, the names of states, and the sample of a version's records.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>

#include "base/prng.hpp"
#include "factory/run.hpp"
#include "model/kernels/quant.hpp"
#include "model/peft_rules.hpp"

namespace ol::factory {

namespace {

using codec::Json;

constexpr std::uint32_t max_rank = 1024;
constexpr std::uint32_t max_epochs = 10'000;
constexpr std::uint32_t max_batch = 4096;
constexpr std::size_t max_name = 200;

// A float as its shortest decimal, which reads back as the same float.
Json number(float value) { return Json(std::strtod(fmt::format("{}", value).c_str(), nullptr)); }

// Reads members of one object; the first error stays.
class Reader {
public:
    Reader(const Json& json, std::string_view place)
        : json_(json)
        , place_(place) {}

    template <class T>
    void whole(std::string_view key, T& to) {
        read(key, [&](const Json& value) -> Status {
            const auto n = OL_TRY(value.as_uint());
            if (n > std::numeric_limits<T>::max()) {
                return fail(ErrorCode::invalid_argument, "{} is too large", n);
            }
            to = static_cast<T>(n);
            return {};
        });
    }
    void real(std::string_view key, float& to) {
        read(key, [&](const Json& value) -> Status {
            to = static_cast<float>(OL_TRY(value.as_double()));
            return {};
        });
    }
    void text(std::string_view key, std::string& to) {
        read(key, [&](const Json& value) -> Status {
            to = OL_TRY(value.as_string());
            return {};
        });
    }
    void flag(std::string_view key, bool& to) {
        read(key, [&](const Json& value) -> Status {
            to = OL_TRY(value.as_bool());
            return {};
        });
    }
    bool has(std::string_view key) const { return json_.contains(key); }
    void hash(std::string_view key, Hash32& to) {
        read(key, [&](const Json& value) -> Status {
            to = OL_TRY(value.as_hash32());
            return {};
        });
    }
    template <class Read>
    void read(std::string_view key, const Read& take) {
        if (!status_) return;
        const auto member = json_.require(key);
        if (!member) {
            status_ = std::unexpected(member.error().within(place_));
        } else if (auto taken = take(**member); !taken) {
            status_ = std::unexpected(taken.error().within(fmt::format("{}.{}", place_, key)));
        }
    }
    Status status() const { return status_; }

private:
    const Json& json_;
    std::string_view place_;
    Status status_;
};

Status in_range(std::string_view name, double value, double low, double high) {
    if (value >= low && value <= high) return {};
    return fail(ErrorCode::invalid_argument, "{} is {}, must be {} to {}", name, value, low, high);
}

} // namespace

std::string_view to_string(RunState state) {
    switch (state) {
    case RunState::queued:
        return "queued";
    case RunState::preparing:
        return "preparing";
    case RunState::running:
        return "running";
    case RunState::paused:
        return "paused";
    case RunState::stopped:
        return "stopped";
    case RunState::failed:
        return "failed";
    case RunState::done:
        return "done";
    }
    return "?";
}

Json RunConfig::to_json() const {
    auto targets = Json::array();
    for (const auto site : lora.targets) targets.push(Json(model::to_string(site)));
    auto of_lora = Json::object({{"rank", lora.rank},
                                 {"alpha", number(lora.alpha)},
                                 {"targets", std::move(targets)},
                                 {"embedding", lora.embedding},
                                 {"head", lora.head},
                                 {"rslora", lora.rslora},
                                 {"dora", lora.dora},
                                 {"dropout", number(lora.dropout)}});
    // Members of their own only where there are some: older records have none.
    const auto set_pattern = [&](std::string_view key, const auto& pattern, const auto& value_of) {
        if (pattern.empty()) return;
        auto members = Json::object();
        for (const auto& [module, value] : pattern) members.set(module, value_of(value));
        of_lora.set(key, std::move(members));
    };
    set_pattern("rank_pattern", lora.rank_pattern, [](std::uint32_t rank) { return Json(rank); });
    set_pattern("alpha_pattern", lora.alpha_pattern, number);
    return Json::object({
        {"name", name},
        {"datanet_id", datanet_id},
        {"version", version},
        {"version_root", version_root},
        {"base_hash", base_hash},
        {"lora", std::move(of_lora)},
        {"optimizer", Json::object({{"learning_rate", number(optimizer.learning_rate)},
                                    {"beta1", number(optimizer.beta1)},
                                    {"beta2", number(optimizer.beta2)},
                                    {"epsilon", number(optimizer.epsilon)},
                                    {"weight_decay", number(optimizer.weight_decay)},
                                    {"clip_norm", number(optimizer.clip_norm)},
                                    {"warmup_steps", optimizer.warmup_steps},
                                    {"total_steps", optimizer.total_steps},
                                    {"schedule", model::to_string(optimizer.schedule)},
                                    {"minimum_ratio", number(optimizer.minimum_ratio)},
                                    {"lora_plus_ratio", number(optimizer.lora_plus_ratio)}})},
        {"epochs", epochs},
        {"batch_examples", batch_examples},
        {"accumulation", accumulation},
        {"max_tokens", max_tokens},
        {"packing", packing},
        {"neftune_alpha", number(neftune_alpha)},
        {"quantization", quantization},
        {"record_limit", record_limit},
        {"seed", seed},
        {"checkpointing", checkpointing},
        {"checkpoint_every", checkpoint_every},
    });
}

Result<RunConfig> RunConfig::from_json(const Json& json) {
    RunConfig out;
    Reader run(json, "run");
    run.text("name", out.name);
    run.hash("datanet_id", out.datanet_id);
    run.whole("version", out.version);
    run.hash("version_root", out.version_root);
    run.hash("base_hash", out.base_hash);
    run.whole("epochs", out.epochs);
    run.whole("batch_examples", out.batch_examples);
    run.whole("max_tokens", out.max_tokens);
    run.whole("record_limit", out.record_limit);
    run.whole("seed", out.seed);
    if (run.has("checkpoint_every")) run.whole("checkpoint_every", out.checkpoint_every);
    if (run.has("accumulation")) run.whole("accumulation", out.accumulation);
    if (run.has("packing")) run.flag("packing", out.packing);
    if (run.has("neftune_alpha")) run.real("neftune_alpha", out.neftune_alpha);
    if (run.has("quantization")) run.text("quantization", out.quantization);
    if (run.has("checkpointing")) run.flag("checkpointing", out.checkpointing);
    run.read("lora", [&](const Json& value) -> Status {
        Reader lora(value, "lora");
        lora.whole("rank", out.lora.rank);
        lora.real("alpha", out.lora.alpha);
        lora.read("targets", [&](const Json& targets) -> Status {
            out.lora.targets.clear();
            for (const auto& item : targets.items()) {
                const auto name = OL_TRY(item.as_string());
                out.lora.targets.push_back(OL_TRY(model::site_from(name)));
            }
            return {};
        });
        if (lora.has("embedding")) lora.flag("embedding", out.lora.embedding);
        if (lora.has("head")) lora.flag("head", out.lora.head);
        if (lora.has("rslora")) lora.flag("rslora", out.lora.rslora);
        if (lora.has("dora")) lora.flag("dora", out.lora.dora);
        if (lora.has("dropout")) lora.real("dropout", out.lora.dropout);
        if (lora.status()) OL_TRY(read_patterns(value, out.lora));
        return lora.status();
    });
    run.read("optimizer", [&](const Json& value) -> Status {
        Reader optimizer(value, "optimizer");
        optimizer.real("learning_rate", out.optimizer.learning_rate);
        optimizer.real("beta1", out.optimizer.beta1);
        optimizer.real("beta2", out.optimizer.beta2);
        optimizer.real("epsilon", out.optimizer.epsilon);
        optimizer.real("weight_decay", out.optimizer.weight_decay);
        optimizer.real("clip_norm", out.optimizer.clip_norm);
        optimizer.whole("warmup_steps", out.optimizer.warmup_steps);
        optimizer.whole("total_steps", out.optimizer.total_steps);
        if (optimizer.has("schedule")) {
            optimizer.read("schedule", [&](const Json& name) -> Status {
                const auto text = OL_TRY(name.as_string());
                out.optimizer.schedule = OL_TRY(model::schedule_from(text));
                return {};
            });
        }
        if (optimizer.has("minimum_ratio")) {
            optimizer.real("minimum_ratio", out.optimizer.minimum_ratio);
        }
        if (optimizer.has("lora_plus_ratio")) {
            optimizer.real("lora_plus_ratio", out.optimizer.lora_plus_ratio);
        }
        return optimizer.status();
    });
    OL_TRY(run.status());
    OL_TRY(out.check());
    return out;
}

RunConfig default_run_config() {
    RunConfig out;
    out.epochs = 12;
    out.batch_examples = 4;
    out.max_tokens = 64;
    out.lora.rank = 32;
    out.lora.alpha = alpha_of_rank(out.lora.rank);
    out.optimizer.learning_rate = 5e-3F;
    return out;
}

Status read_patterns(const Json& json, model::LoraConfig& to) {
    const auto read = [&](std::string_view key, const auto& take) -> Status {
        const auto& pattern = json[key];
        if (pattern.is_null()) return {};
        if (!pattern.is_object()) {
            return fail(ErrorCode::invalid_argument,
                        "{} is no object of modules and their numbers, {{\"q_proj\": 8}}", key);
        }
        for (const auto& [module, value] : pattern.members()) {
            OL_TRY_IN(take(module, value), "{}: {}", key, module);
        }
        return {};
    };
    OL_TRY(read("rank_pattern", [&](const std::string& module, const Json& value) -> Status {
        const auto rank = OL_TRY(value.as_uint());
        OL_TRY(in_range("rank", static_cast<double>(rank), 1, max_rank));
        to.rank_pattern.emplace_back(module, static_cast<std::uint32_t>(rank));
        return {};
    }));
    return read("alpha_pattern", [&](const std::string& module, const Json& value) -> Status {
        to.alpha_pattern.emplace_back(module, static_cast<float>(OL_TRY(value.as_double())));
        return {};
    });
}

void RunConfig::end_schedule_at(std::uint64_t steps) {
    if (optimizer.total_steps != 0 || optimizer.schedule == model::Schedule::constant) return;
    optimizer.total_steps = steps;
    if (optimizer.warmup_steps == 0 || optimizer.warmup_steps > steps) {
        optimizer.warmup_steps = steps / 20;
    }
}

Status RunConfig::check() const {
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
    if (name.empty() || name.size() > max_name || !plain) {
        return fail(ErrorCode::invalid_argument,
                    "name '{}': give 1 to {} letters, digits, '-', '_' or '.'", name, max_name);
    }
    OL_TRY(in_range("rank", lora.rank, 1, max_rank));
    OL_TRY(in_range("alpha", lora.alpha, 1e-6, 1e6));
    if (lora.targets.empty() && !lora.embedding && !lora.head) {
        return fail(ErrorCode::invalid_argument, "targets is empty");
    }
    for (const auto& [module, rank] : lora.rank_pattern) {
        OL_TRY(in_range("rank_pattern: " + module, rank, 1, max_rank));
    }
    for (const auto& [module, alpha] : lora.alpha_pattern) {
        OL_TRY(in_range("alpha_pattern: " + module, static_cast<double>(alpha), 1e-6, 1e6));
    }
    OL_TRY(model::Patterns::of(lora));
    // Each once and in the order of Site: the same choice is always the same record.
    if (!std::is_sorted(lora.targets.begin(), lora.targets.end()) ||
        std::adjacent_find(lora.targets.begin(), lora.targets.end()) != lora.targets.end()) {
        return fail(ErrorCode::invalid_argument, "targets must be in order and each once");
    }
    OL_TRY(in_range("dropout", lora.dropout, 0, 0.9));
    OL_TRY(optimizer.check());
    OL_TRY(in_range("neftune_alpha", neftune_alpha, 0, 1000));
    OL_TRY(in_range("accumulation", accumulation, 1, max_batch));
    if (!quantization.empty()) OL_TRY(model::kernels::quant_type(quantization));
    OL_TRY(in_range("epochs", epochs, 1, max_epochs));
    OL_TRY(in_range("batch_examples", batch_examples, 1, max_batch));
    OL_TRY(in_range("max_tokens", max_tokens, 2, 1 << 20));
    if (checkpoint_every == 0) {
        return fail(ErrorCode::invalid_argument, "checkpoint_every is 0, must be 1 or more steps");
    }
    return {};
}

std::vector<std::size_t> sample_records(const std::vector<Address>& owners, std::uint64_t limit,
                                        std::uint64_t seed) {
    std::vector<std::size_t> out(owners.size());
    std::iota(out.begin(), out.end(), 0);
    if (limit == 0 || limit >= owners.size()) return out;

    std::map<Address, std::size_t> place; // of an owner in order of first appearance
    std::vector<std::vector<std::size_t>> of_owner;
    for (std::size_t i = 0; i < owners.size(); ++i) {
        const auto [at, added] = place.try_emplace(owners[i], of_owner.size());
        if (added) of_owner.emplace_back();
        of_owner[at->second].push_back(i);
    }
    Prng prng(seed);
    for (auto& records : of_owner) {
        for (std::size_t i = records.size(); i > 1; --i) {
            std::swap(records[i - 1], records[prng.below(i)]);
        }
    }
    out.clear();
    for (std::size_t round = 0; out.size() < limit; ++round) {
        for (const auto& records : of_owner) {
            if (round < records.size() && out.size() < limit) out.push_back(records[round]);
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

} // namespace ol::factory
