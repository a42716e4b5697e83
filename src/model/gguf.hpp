// Writing a model as one GGUF file (version 3), as llama.cpp reads it: docs/formats/gguf-export.md.
#pragma once

#include "base/file.hpp"
#include "base/progress.hpp"
#include "model/transformer.hpp"

namespace ol::model {

// Of the matrices; norms, biases and tables of positions are always f32. A matrix whose rows are
// not whole blocks of 32 is written as f16 in place of q8_0 and q4_0.
enum class GgufType { f32, f16, q8_0, q4_0 };
std::string_view to_string(GgufType type);

// The model with the tokenizer, the chat template and the special tokens of `folder`. One tensor is
// in memory at a time; the file is there whole or not at all. unsupported, by name, for what
// llama.cpp would compute otherwise: other layouts of windows, scales of attention or scaled
// rotations than its own, tokenizers that it does not have. cancelled when `progress` says so.
Status write_gguf(const Model& model, const Path& folder, const Path& to, GgufType type,
                  const ProgressSink& progress = no_progress);

} // namespace ol::model
