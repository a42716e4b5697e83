#include "factory/training.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/prng.hpp"
#include "crypto/hash.hpp"
#include "factory/format.hpp"
#include "factory/reproduce.hpp"
#include "model/kernels/quant.hpp"

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
        ++out.record_count;
        out.longest = std::max<std::uint64_t>(out.longest, example.tokens.size());
        out.examples.push_back(std::move(example));
        records.update(row.leaf_hash.view());
    }
    if (out.examples.empty()) {
        return fail(ErrorCode::invalid_argument,
                    "none of {} records leaves anything to learn within max_tokens = {}",
                    data.size(), config.max_tokens);
    }
    if (config.packing) out.examples = model::pack_examples(out.examples, config.max_tokens);
    out.records_hash = records.finish();
    return out;
}

Order::Order(std::size_t example_count, const RunConfig& config)
    : count_(example_count)
    , batch_(config.batch_examples)
    , per_step_(batch_ * config.accumulation)
    , epochs_(config.epochs)
    , seed_(config.seed) {}

std::uint64_t Order::steps() const { return (count_ + per_step_ - 1) / per_step_ * epochs_; }

std::vector<std::vector<model::Example>> Order::batches(std::uint64_t step,
                                                        const std::vector<model::Example>& from) {
    const std::uint64_t per_epoch = (count_ + per_step_ - 1) / per_step_;
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
    const std::uint64_t begin = step % per_epoch * per_step_;
    std::vector<std::vector<model::Example>> out;
    for (std::uint64_t i = begin; i < std::min(begin + per_step_, count_); ++i) {
        if ((i - begin) % batch_ == 0) out.emplace_back();
        out.back().push_back(from[permutation_[i]]);
    }
    return out;
}

namespace {

// The base with its projections quantized; the table and the head stay as they are.
Result<model::Model> quantized(const model::Model& base, model::kernels::QuantType type) {
    model::Model out = base;
    for (std::size_t i = 0; i < out.weights.layers.size(); ++i) {
        for (std::size_t s = 0; s < model::site_count; ++s) {
            const auto site = static_cast<model::Site>(s);
            auto& linear = out.weights.layers[i].at(site);
            if (linear.weight.empty()) continue;
            auto made =
                OL_TRY_IN(model::kernels::QuantMatrix::quantize(type, linear.weight.data(),
                                                                model::site_out(base.config, site),
                                                                model::site_in(base.config, site)),
                          "quantization of {}", model::module_name(base.config, i, site));
            linear.quantized = std::make_shared<const model::kernels::QuantMatrix>(std::move(made));
            linear.weight = {};
        }
    }
    return out;
}

} // namespace

model::TrainOptions Training::options() const {
    return {.seed = config_.seed,
            .neftune_alpha = config_.neftune_alpha,
            .checkpointing = config_.checkpointing,
            .kernels = kernels_};
}

Result<std::unique_ptr<Training>> Training::make(const RunConfig& config, const model::Model& base,
                                                 ThreadPool& pool,
                                                 const model::kernels::Table* kernels) {
    std::unique_ptr<Training> out(new Training(config));
    out->kernels_ = kernels;
    out->base_ = &base;
    if (!config.quantization.empty()) {
        const auto type = OL_TRY(model::kernels::quant_type(config.quantization));
        out->quantized_ = OL_TRY(quantized(base, type));
        out->base_ = &*out->quantized_;
    }
    out->adapter_ = model::LoraAdapter::init(base.config, config.lora, config.seed);
    if (config.lora.dora) out->adapter_.init_magnitudes(out->base_->weights);
    out->trainer_ = OL_TRY(
        model::Trainer::make(*out->base_, out->adapter_, config.optimizer, out->options(), pool));
    return out;
}

Result<std::unique_ptr<Training>> Training::make_full(const RunConfig& config, model::Model& model,
                                                      ThreadPool& pool) {
    std::unique_ptr<Training> out(new Training(config));
    out->base_ = &model;
    out->full_ = true;
    out->trainer_ = OL_TRY(model::Trainer::make(model, config.optimizer, out->options(), pool));
    return out;
}

Result<model::StepReport> Training::step(Order& order, std::uint64_t number,
                                         const Prepared& prepared) {
    const auto batches = order.batches(number, prepared.examples);
    const auto report = OL_TRY_IN(trainer_->step_over(batches), "step {}", number + 1);
    if (!std::isfinite(report.loss)) {
        return fail(ErrorCode::invalid_argument,
                    "the loss of step {} is not a number; lower the learning rate", number + 1);
    }
    return report;
}

model::MemoryPlan Training::predict(const Prepared& prepared) const {
    std::vector<std::uint64_t> sizes;
    for (const auto& example : prepared.examples) sizes.push_back(example.tokens.size());
    std::ranges::sort(sizes, std::greater());
    sizes.resize(std::min<std::size_t>(sizes.size(), config_.batch_examples));
    const auto tokens = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
    return model::predict_memory(base_->config, full_ ? nullptr : &config_.lora, options(), tokens,
                                 prepared.longest);
}

model::AdapterFiles adapter_files(const model::LoraAdapter& adapter, const RunConfig& config) {
    return adapter.to_files(to_hex0x(config.base_hash.view()));
}

std::string training_record(const RunConfig& config, const Prepared& prepared, std::uint64_t steps,
                            const Hash32& adapter_hash) {
    // These change no byte of the adapter.
    auto run = Json::object();
    const auto all = config.to_json();
    for (const auto& [key, value] : all.members()) {
        if (key != "checkpoint_every" && key != "checkpointing") run.set(key, value);
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

Status must_be(const Json& record, std::string_view key, std::string_view only) {
    if (record[key] == Json(only)) return {};
    return fail(ErrorCode::unsupported, "{} is {}, this program reproduces \"{}\"", key,
                record[key].dump().substr(0, 80), only);
}

Status check_record(const Json& record) {
    for (const auto& [key, only] :
         {std::pair("format", record_format), std::pair("engine", engine_version),
          std::pair("template", chat_template)}) {
        OL_TRY_IN(must_be(record, key, only), "training record");
    }
    return {};
}

namespace {

void add_differences(const Json& record, const Json& other, const std::string& path,
                     std::vector<std::string>& out) {
    if (record == other) return;
    if (!record.is_object() || !other.is_object()) {
        const auto shown = [](const Json& value) {
            return value.is_null() ? "absent" : value.dump().substr(0, 80);
        };
        out.push_back(fmt::format("{} is {}, not {}", path, shown(record), shown(other)));
        return;
    }
    const auto below = [&](const std::string& key) {
        return path.empty() ? key : path + "." + key;
    };
    for (const auto& [key, value] : other.members()) {
        add_differences(record[key], value, below(key), out);
    }
    for (const auto& [key, value] : record.members()) {
        if (!other.contains(key)) add_differences(value, Json(), below(key), out);
    }
}

} // namespace

std::vector<std::string> differences(const Json& record, const Json& other) {
    std::vector<std::string> out;
    add_differences(record, other, "", out);
    return out;
}

Result<Hash32> reproduce(const Json& record, const model::Model& base,
                         const model::Tokenizer& tokenizer, const std::vector<TrainingData>& data,
                         ThreadPool& pool, const model::kernels::Table* kernels) {
    OL_TRY(check_record(record));
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
    const auto training = OL_TRY(Training::make(config, base, pool, kernels));
    Order order(prepared.examples.size(), config);
    for (std::uint64_t step = 0; step < order.steps(); ++step) {
        OL_TRY_IN(training->trainer().step_over(order.batches(step, prepared.examples)), "step {}",
                  step + 1);
    }
    return adapter_files(training->adapter(), config).hash();
}

} // namespace ol::factory
