// Fine-tuning of a model's folder without a node: an adapter, or all weights, from one file. What
// it reads: tuning_data.hpp; what it leaves: docs/formats/training-record.md.
#pragma once

#include <functional>

#include "factory/run.hpp"
#include "factory/tuning_data.hpp"

namespace ol::factory {

struct TuneConfig {
    Path folder, data, output;
    Path held_out;     // data whose loss is measured before and after; empty: none
    bool full = false; // all weights, in place of an adapter
    std::string dtype; // of these: "f32", "bf16"; empty: as the folder has them
    // How to train: name, datanet and version, record_limit and base_hash count for nothing.
    // max_tokens 0: 512, or the model's context where that is less.
    RunConfig run;
};

struct TuneStart {
    std::uint64_t step = 0, steps = 0; // step > 0: resumed from there
    std::uint64_t rows = 0, examples = 0, cut = 0, empty = 0;
    std::uint64_t trained_parameters = 0;
    std::string form;
    model::MemoryPlan memory;           // predicted
    std::uint64_t checkpoint_bytes = 0; // and so much more while one is written; 0: none is
};

struct TuneReport {
    TuneStart start;
    double loss_first = 0, loss_last = 0;         // of a step; 0 where this call took none
    std::uint64_t tokens = 0;                     // that carried loss, of this call's steps
    double seconds = 0;                           // of these
    double held_out_first = 0, held_out_last = 0; // mean loss before and after these
    std::uint64_t trainer_bytes = 0;              // gradients, moments and activations as they grew
    Hash32 hash; // of the result: keccak of adapter_model.safetensors, or model::base_hash
};

struct TuneWatch {
    std::function<void(const TuneStart&)> start;
    std::function<void(std::uint64_t step, const model::StepReport&, double seconds)> step;
};

// Runs to the end, or goes on from the output's checkpoint to the bytes of a run that never
// stopped: the same folder, data and configuration give the same output for every thread count.
// already_exists when the output is finished; conflict when its checkpoint is of another run.
Result<TuneReport> tune(const TuneConfig& config, ThreadPool& pool, const TuneWatch& watch = {});

// A record's file, or the one in a folder that tune() left: then unverified where the folder's own
// files are not those that the record names.
Result<codec::Json> read_tuning_record(const Path& file_or_folder);

struct TuneAgain {
    Path folder, data;
    bool checkpointing = false; // less memory, more time, the same bytes
};

// Tunes as a tuning record says, in a temporary folder that is removed, and compares with its
// result_hash. Before the first step: unsupported for another format or engine, unverified where
// the folder, the data or what they become are not the record's; each by name. After the last one:
// unverified with both hashes where the bytes differ.
Result<TuneReport> tune_again(const codec::Json& record, const TuneAgain& from, ThreadPool& pool,
                              const TuneWatch& watch = {});

} // namespace ol::factory
