// What a run and its reproduction have in common: which examples, in which order, and the record.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "factory/run.hpp"

namespace ol::factory {

// Changes whenever the same record would give other bytes: kernels, optimiser, initialisation,
// order.
inline constexpr std::string_view engine_version = "openledger-cpu-fp32/2";
inline constexpr std::string_view record_format = "openledger/training-record/2";

struct Prepared {
    std::vector<model::Example> examples; // rows that teach nothing are left out; packed if asked
    std::uint64_t record_count = 0;       // that teach something
    std::uint64_t longest = 0;            // tokens of an example
    Hash32 records_hash;                  // keccak of their leaf hashes, in order
};

// invalid_argument when nothing is left to learn or the configuration does not fit the base.
Result<Prepared> prepare(const RunConfig& config, const model::Model& base,
                         const model::Tokenizer& tokenizer, const std::vector<TrainingData>& data);

// Which examples each step takes: every epoch is a Fisher-Yates shuffle by a Prng seeded from
// (seed, epoch), cut into steps of `accumulation` batches; the last step of an epoch may be
// smaller.
class Order {
public:
    Order(std::size_t example_count, const RunConfig& config);
    std::uint64_t steps() const;
    // The batches of a step, counted from 0.
    std::vector<std::vector<model::Example>> batches(std::uint64_t step,
                                                     const std::vector<model::Example>& from);

private:
    std::uint64_t count_, batch_, per_step_, epochs_, seed_;
    std::uint64_t shuffled_epoch_ = static_cast<std::uint64_t>(-1);
    std::vector<std::size_t> permutation_;
};

// What is trained, on what: the adapter as it begins, over the base, quantized where the run says
// so. Stays where it is made: the trainer points into it.
class Training {
public:
    // unsupported or invalid_argument for what this base cannot do.
    static Result<std::unique_ptr<Training>> make(const RunConfig& config, const model::Model& base,
                                                  ThreadPool& pool,
                                                  const model::kernels::Table* kernels = nullptr);
    // All weights of `model` in place; the run's adapter counts for nothing.
    static Result<std::unique_ptr<Training>> make_full(const RunConfig& config, model::Model& model,
                                                       ThreadPool& pool);
    model::Trainer& trainer() { return *trainer_; }
    const model::LoraAdapter& adapter() const { return adapter_; } // empty where all is trained
    // A step of `order`, counted from 0, over the examples. invalid_argument when its loss is not
    // a number.
    Result<model::StepReport> step(Order& order, std::uint64_t number, const Prepared& prepared);
    // Of a step's memory, before the first.
    model::MemoryPlan predict(const Prepared& prepared) const;

private:
    explicit Training(const RunConfig& config)
        : config_(config) {}
    model::TrainOptions options() const;

    RunConfig config_;
    const model::kernels::Table* kernels_ = nullptr;
    std::optional<model::Model> quantized_;
    const model::Model* base_ = nullptr;
    bool full_ = false;
    model::LoraAdapter adapter_;
    std::unique_ptr<model::Trainer> trainer_;
};

// The adapter as it is written: its base is named by its hash, never by a place.
model::AdapterFiles adapter_files(const model::LoraAdapter& adapter, const RunConfig& config);

// unsupported where a record's member is not the only one that this program reproduces.
Status must_be(const codec::Json& record, std::string_view key, std::string_view only);

// The training record's bytes: canonical JSON without line breaks.
std::string training_record(const RunConfig& config, const Prepared& prepared, std::uint64_t steps,
                            const Hash32& adapter_hash);

} // namespace ol::factory
