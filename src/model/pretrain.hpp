// Pretraining: a base model from text files, with a record of how it was made (`openledger
// pretrain`).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "model/config.hpp"
#include "model/trainer.hpp"

namespace ol::model {

struct PretrainConfig {
    std::vector<Path> sources; // files and folders, read by text::read_documents
    Path output;               // the Hugging Face folder to write
    ModelConfig shape;         // vocab_size included
    std::uint32_t sequence_tokens = 256;
    std::uint32_t batch_sequences = 16;
    std::uint64_t steps = 2000;
    OptimizerConfig optimizer;
    std::uint64_t seed = 1;
    double held_out_fraction = 0.01;             // by hash of the document
    std::uint64_t checkpoint_every = 100;        // steps; output/checkpoint.bin
    std::uint64_t max_bytes = 0;                 // of text; 0: all
    std::map<std::string, std::string> licences; // by source path, for the record
};

struct PretrainReport {
    double first_loss = 0, last_loss = 0, held_out_loss = 0, held_out_bits_per_byte = 0;
    std::uint64_t tokens = 0, steps = 0;
    double seconds = 0;
};

// Documents come in the order of the sorted paths, repeated texts once; indices, change logs,
// licence texts and source listings (pretrain_text.hpp) are left out. Half of the titled documents,
// chosen by hash, are written as a chat turn "What is TITLE?" so that the base knows the form. The
// text is read and encoded once, to output/tokens.bin and output/tokenizer.json.
//
// Resumes from output/checkpoint.bin when it belongs to the same configuration and text (else
// conflict, with the remedy). With another number of steps the schedule goes on as that of the new
// number, and the record lists both plans (optimizer.total_steps is not read: the schedule has the
// run's steps). Writes config.json, tokenizer.json, model.safetensors (bf16) and
// training_record.json (sources with their hashes and licences where known, shape,
// hyper-parameters, seed, losses). Cancelled: the checkpoint stays.
Result<PretrainReport> pretrain(const PretrainConfig& config, ThreadPool& pool,
                                const ProgressSink& progress);

} // namespace ol::model
