// Training runs: a row in the database with a state machine and replayable events; a run survives a
// crash and resumes from its checkpoint to the bit (docs/formats/training-record.md).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "codec/json.hpp"
#include "datanet/record.hpp"
#include "model/lora.hpp"
#include "model/trainer.hpp"
#include "store/database.hpp"

namespace ol::factory {

enum class RunState { queued, preparing, running, paused, stopped, failed, done };
std::string_view to_string(RunState state);

struct RunConfig {
    std::string name;              // becomes the adapter's id
    Hash32 datanet_id;
    std::uint64_t version = 0;
    Hash32 version_root;
    Hash32 base_hash;
    model::LoraConfig lora;
    model::OptimizerConfig optimizer;
    std::uint32_t epochs = 3;
    std::uint32_t batch_examples = 8;
    std::uint32_t max_tokens = 128;
    std::uint64_t record_limit = 0; // sample of this many records, chosen by seed; 0: all
    std::uint64_t seed = 1;
    std::uint64_t checkpoint_every = 50; // steps
    codec::Json to_json() const;
    static Result<RunConfig> from_json(const codec::Json& json);
};

struct RunEvent {
    std::uint64_t offset = 0; // 0, 1, 2, ... per run
    std::string kind;         // "state", "step", "checkpoint", "done", "error"
    codec::Json data;         // step: {"step","steps","loss","lr","grad_norm","tokens_per_second"}
};

struct RunInfo {
    std::string id;
    RunConfig config;
    RunState state = RunState::queued;
    std::string error;
    std::uint64_t step = 0, steps = 0;
    double loss_first = 0, loss_last = 0, seconds = 0, tokens_per_second = 0;
    std::optional<Hash32> adapter_hash, record_hash;
    Path folder; // adapter_config.json, adapter_model.safetensors, training_record.json
};

struct TrainingData {
    std::string title, text;
    Hash32 leaf_hash; // of the record: what the training record lists
};

class RunStore {
public:
    RunStore(store::Database& db, Path folder); // migrates its tables
    Result<RunInfo> create(const RunConfig& config); // state queued
    Result<RunInfo> get(const std::string& id) const;
    Result<std::vector<RunInfo>> list() const;       // newest first
    Result<std::vector<RunEvent>> events(const std::string& id, std::uint64_t from_offset) const;
    // Asks a running run to pause / stop at its next step.
    Status request(const std::string& id, RunState wanted);

    // Runs (or resumes) to the end in the calling thread. Writes adapter and training record, state
    // done. conflict when it is already running elsewhere in this process.
    Result<RunInfo> execute(const std::string& id, const model::Model& base,
                            const model::Tokenizer& tokenizer, std::vector<TrainingData> data,
                            ThreadPool& pool);
    // Runs left `preparing` or `running` by a crash: to be executed again at start.
    Result<std::vector<std::string>> interrupted() const;

private:
    store::Database& db_;
    Path folder_;
};

// The indices that record_limit and seed choose, ascending: every count of records gets the same share
// of each owner's records where possible (round-robin over owners in order of first appearance).
std::vector<std::size_t> sample_records(const std::vector<Address>& owners, std::uint64_t limit,
                                        std::uint64_t seed);

} // namespace ol::factory
