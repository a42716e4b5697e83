// The text side of pretraining: sources to token streams.
#pragma once

#include <string>
#include <vector>

#include "base/progress.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "model/pretrain.hpp"
#include "model/tokenizer.hpp"

namespace ol::model {

// One source as the record names it.
struct SourceSummary {
    std::string path;
    std::uint64_t files = 0, documents = 0, bytes = 0; // of text used
    Hash32 hash; // keccak over the hashes of its files, in order
};

struct PretrainText {
    Hash32 key; // of the sources' bytes and of everything that shapes the streams
    std::vector<SourceSummary> sources;
    std::uint64_t train_bytes = 0, held_out_bytes = 0;
    std::vector<TokenId> train, held_out; // documents end with <|end|>
};

// Not prose: generated indices, change logs, licences, highlighted sources. By the file's name and
// the folders below `root`.
bool is_left_out(const Path& file, const Path& root);

// Reads output/tokens.bin when it belongs to these sources and settings; else reads the sources,
// trains the tokenizer and writes output/tokenizer.json and output/tokens.bin.
Result<PretrainText> prepare_text(const PretrainConfig& config, ThreadPool& pool,
                                  const ProgressSink& progress);

} // namespace ol::model
