#include "factory/training.hpp"

#include <numeric>

#include "base/prng.hpp"
#include "crypto/hash.hpp"
#include "factory/format.hpp"
#include "factory/reproduce.hpp"

namespace ol::factory {

using codec::Json;

Result<Prepared> prepare(const RunConfig& config, const model::Model& base,
                         const model::Tokenizer& tokenizer, const std::vector<TrainingData>& data) {
    OL_TRY(config.check());
    if (config.max_tokens > base.config.context_length) {
        return fail(ErrorCode::invalid_argument, "max_tokens is {}, the base's context is {}",
                    config.max_tokens, base.config.context_length);
    }
    if (tokenizer.vocab_size() > base.config.vocab_size) {
        return fail(ErrorCode::invalid_argument,
                    "the tokenizer has {} ids, the base {}: they do not belong together",
                    tokenizer.vocab_size(), base.config.vocab_size);
    }
    if (config.record_limit != 0 && data.size() > config.record_limit) {
        return fail(ErrorCode::invalid_argument,
                    "{} records were given, record_limit is {}: choose them by sample_records",
                    data.size(), config.record_limit);
    }
    Prepared out;
    crypto::Keccak256 records;
    for (const auto& row : data) {
        auto example = make_example(tokenizer, row.title, row.text, config.max_tokens);
        if (!has_loss(example)) continue;
        out.examples.push_back(std::move(example));
        records.update(row.leaf_hash.view());
    }
    if (out.examples.empty()) {
        return fail(ErrorCode::invalid_argument,
                    "none of {} records leaves anything to learn within max_tokens = {}",
                    data.size(), config.max_tokens);
    }
    out.record_count = out.examples.size();
    out.records_hash = records.finish();
    return out;
}

Order::Order(std::size_t example_count, const RunConfig& config)
    : count_(example_count)
    , batch_(config.batch_examples)
    , epochs_(config.epochs)
    , seed_(config.seed) {}

std::uint64_t Order::steps() const { return (count_ + batch_ - 1) / batch_ * epochs_; }

std::vector<model::Example> Order::batch(std::uint64_t step,
                                         const std::vector<model::Example>& from) {
    const std::uint64_t per_epoch = (count_ + batch_ - 1) / batch_;
    const std::uint64_t epoch = step / per_epoch;
    if (epoch != shuffled_epoch_) {
        permutation_.resize(count_);
        std::iota(permutation_.begin(), permutation_.end(), 0);
        Prng prng(seed_ ^ (epoch + 1) * 0x9e3779b97f4a7c15);
        for (std::size_t i = count_; i > 1; --i) {
            std::swap(permutation_[i - 1], permutation_[prng.below(i)]);
        }
        shuffled_epoch_ = epoch;
    }
    const std::uint64_t begin = step % per_epoch * batch_;
    std::vector<model::Example> out;
    for (std::uint64_t i = begin; i < std::min(begin + batch_, count_); ++i) {
        out.push_back(from[permutation_[i]]);
    }
    return out;
}

model::AdapterFiles adapter_files(const model::LoraAdapter& adapter, const RunConfig& config) {
    return adapter.to_files(to_hex0x(config.base_hash.view()));
}

std::string training_record(const RunConfig& config, const Prepared& prepared, std::uint64_t steps,
                            const Hash32& adapter_hash) {
    // How often a checkpoint is written changes no byte of the adapter.
    auto run = Json::object();
    const auto all = config.to_json();
    for (const auto& [key, value] : all.members()) {
        if (key != "checkpoint_every") run.set(key, value);
    }
    return Json::object({{"format", Json(record_format)},
                         {"engine", Json(engine_version)},
                         {"template", Json(chat_template)},
                         {"run", std::move(run)},
                         {"records", Json::object({{"count", prepared.record_count},
                                                   {"hash", prepared.records_hash}})},
                         {"steps", steps},
                         {"adapter_hash", adapter_hash}})
        .dump();
}

Result<Hash32> reproduce(const Json& record, const model::Model& base,
                         const model::Tokenizer& tokenizer, const std::vector<TrainingData>& data,
                         ThreadPool& pool) {
    for (const auto& [key, only] :
         {std::pair("format", record_format), std::pair("engine", engine_version),
          std::pair("template", chat_template)}) {
        if (record[key] != Json(only)) {
            return fail(ErrorCode::unsupported,
                        "training record: {} is {}, this program reproduces \"{}\"", key,
                        record[key].dump().substr(0, 80), only);
        }
    }
    const auto config = OL_TRY_IN(RunConfig::from_json(record["run"]), "training record");
    const auto prepared = OL_TRY(prepare(config, base, tokenizer, data));
    const auto count = record["records"]["count"].as_uint();
    const auto hash = record["records"]["hash"].as_hash32();
    if (!count || *count != prepared.record_count || !hash || *hash != prepared.records_hash) {
        return fail(ErrorCode::unverified,
                    "the {} records given hash to {}; the training record names {} with hash {}",
                    prepared.record_count, to_hex0x(prepared.records_hash.view()),
                    record["records"]["count"].dump(), record["records"]["hash"].dump());
    }
    auto adapter = model::LoraAdapter::init(base.config, config.lora, config.seed);
    const auto trainer = model::Trainer::for_adapter(base, adapter, config.optimizer, pool);
    Order order(prepared.examples.size(), config);
    for (std::uint64_t step = 0; step < order.steps(); ++step) {
        OL_TRY_IN(trainer->step(order.batch(step, prepared.examples)), "step {}", step + 1);
    }
    return adapter_files(adapter, config).hash();
}

} // namespace ol::factory
