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

inline constexpr std::uint64_t training_record_limit_bytes = 1 << 20; // of its file

enum class RunState { queued, preparing, running, paused, stopped, failed, done };
std::string_view to_string(RunState state);

struct RunConfig {
    std::string name; // becomes the adapter's id
    Hash32 datanet_id;
    std::uint64_t version = 0;
    Hash32 version_root;
    Hash32 base_hash;
    model::LoraConfig lora;
    model::OptimizerConfig optimizer;
    std::uint32_t epochs = 3;
    std::uint32_t batch_examples = 8;
    std::uint32_t accumulation = 1; // batches of a step
    std::uint32_t max_tokens = 128;
    bool packing = false;           // several examples share a row of max_tokens
    float neftune_alpha = 0.0F;     // noise on the embeddings; 0: none
    std::string quantization;       // of the base while training (QLoRA): "", "q8_0" or "q4_0"
    bool checkpointing = false;     // less memory, more time; changes no byte, so no record has it
    std::uint64_t record_limit = 0; // sample of this many records, chosen by seed; 0: all
    std::uint64_t seed = 1;
    std::uint64_t checkpoint_every = 50; // steps
    codec::Json to_json() const;
    // Members that the first records did not have may be missing and stand for none of what they
    // say; invalid_argument names another one that is missing, or one that is out of range.
    static Result<RunConfig> from_json(const codec::Json& json);
    Status check() const;
    // A schedule whose end was left open (total_steps 0) ends with the run: a constant rate would
    // leave the last steps noisy. Warm-up, where none is given, is a twentieth.
    void end_schedule_at(std::uint64_t steps);
};

// How a node trains where a request leaves it open: passes, rank and rate for short records on a
// small base. alpha_of_rank: where a request names a rank and no alpha.
RunConfig default_run_config();
inline float alpha_of_rank(std::uint32_t rank) { return 2.0F * static_cast<float>(rank); }

// rank_pattern and alpha_pattern of an object, as PEFT names them: modules or patterns of their
// names, the first that fits counts. Absent: none.
Status read_patterns(const codec::Json& json, model::LoraConfig& to);

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

// States: queued -> preparing -> running -> done, failed or stopped; running <-> paused. What was
// `done` or `stopped` stays so; `failed` may be executed again. Events of steps after the latest
// checkpoint are taken back when a run resumes, so that each step has one event. Thread-safe; one
// run is executed by one thread of one process at a time.
class RunStore {
public:
    // Migrates its tables; an error of that is returned by every call. Each run has its folder in
    // `folder`.
    RunStore(store::Database& db, Path folder);
    Result<RunInfo> create(const RunConfig& config); // state queued
    Result<RunInfo> get(const std::string& id) const;
    Result<std::vector<RunInfo>> list() const; // newest first
    Result<std::vector<RunEvent>> events(const std::string& id, std::uint64_t from_offset) const;
    // Asks a running run to pause or stop at its next step; `queued` lets it go back to waiting
    // (with its checkpoint written), as a process does that ends. A run that nobody executes
    // changes at once. conflict when its state does not allow it.
    Status request(const std::string& id, RunState wanted);

    // Runs (or resumes) to the end in the calling thread: done, or paused, stopped or queued when
    // that was asked for. Writes adapter and training record, state done. conflict when it is
    // executed already, is done or stopped, or when `data` is not what its checkpoint was made
    // with.
    Result<RunInfo> execute(const std::string& id, const model::Model& base,
                            const model::Tokenizer& tokenizer, std::vector<TrainingData> data,
                            ThreadPool& pool);
    // Fails a run that cannot begin, `why` its error; it may be executed again. What is done or
    // stopped stays so, and what is executed now is left alone: conflict.
    Status give_up(const std::string& id, const Error& why);
    // Runs that wait, or were left `preparing` or `running` by a crash, oldest first: to be
    // executed at start. Those that a thread or process executes now are not among them.
    Result<std::vector<std::string>> interrupted() const;

private:
    class Execution;
    Status set_state(const std::string& id, RunState state, std::string_view note);
    Status add_event(const std::string& id, std::string_view kind, std::uint64_t step,
                     const codec::Json& data);

    store::Database& db_;
    Path folder_;
    Status ready_;
};

// The indices that record_limit and seed choose, ascending: every count of records gets the same
// share of each owner's records where possible (round-robin over owners in order of first
// appearance).
std::vector<std::size_t> sample_records(const std::vector<Address>& owners, std::uint64_t limit,
                                        std::uint64_t seed);

} // namespace ol::factory
