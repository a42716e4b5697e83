// Writing a model beside the files that belong to it.
#pragma once

#include "model/transformer.hpp"

namespace ol::model {

// Whether a folder's weights are in bf16, by its config.json. f16 becomes f32, which holds it.
Result<bool> is_bf16(const Path& folder);

// A Hugging Face folder: the model's weights, config.json as `folder` has it (but for what changed:
// the type of the numbers, whether head and embedding are tied), and copies of the tokenizer, the
// chat template and generation_config.json. already_exists when `to` has a model.
Status export_folder(const Model& model, const Path& folder, const Path& to, bool as_bf16,
                     const ProgressSink& progress = no_progress);

} // namespace ol::model
