// Merging: an adapter's changes written into the weights of its base.
#pragma once

#include "model/lora.hpp"
#include "model/transformer.hpp"

namespace ol::model {

// W + scale B A for every projection (with a magnitude, DoRA: each row at its learned length), the
// same of embedding and head. The result computes what base and adapter compute, within the
// rounding of fp32. An adapted embedding or head of a base that ties the two parts them: the result
// is not tied. Sums run in double precision and in one order, so the same bytes come out
// everywhere. invalid_argument for an adapter of another shape, unsupported for a base with
// quantized weights. progress: layers.
Result<Model> merge(const Model& base, const LoraAdapter& adapter,
                    const ProgressSink& progress = no_progress);

} // namespace ol::model
