// The rotation's frequencies of a model's layers.
#pragma once

#include <vector>

#include "model/config.hpp"

namespace ol::model {

// Of global layers (scaled as config.rope_scaling says) or of windowed ones, computed in fp32 as
// transformers' modeling_rope_utils.py does; for kernels::RopeTable. Empty: learned positions.
std::vector<float> rope_frequencies(const ModelConfig& config, bool windowed);

// Whether windowed layers turn by other frequencies than global ones.
bool has_local_rope(const ModelConfig& config);

} // namespace ol::model
