// DoRA's factors: an adapted output is m / |W + scale B A| times what LoRA gives.
#pragma once

#include <cstddef>
#include <vector>

#include "base/thread_pool.hpp"
#include "model/kernels/kernels.hpp"
#include "model/lora.hpp"
#include "model/weights.hpp"

namespace ol::model {

// magnitude / length of the rows of W + scale B A, one per output of the site; W [out, in]. The
// same bits for every thread count and table.
std::vector<float> dora_factors(const float* weight, std::size_t out, std::size_t in,
                                const LoraPair& pair, ThreadPool& pool,
                                const kernels::Table& table = kernels::best());
std::vector<float> dora_factors(const Linear& linear, std::size_t out, std::size_t in,
                                const LoraPair& pair, ThreadPool& pool,
                                const kernels::Table& table = kernels::best());
// Of the embedding: its outputs are the columns of the table [vocab, hidden].
std::vector<float> dora_embedding_factors(const std::vector<float>& embedding, std::size_t vocab,
                                          std::size_t hidden, const LoraPair& pair,
                                          ThreadPool& pool,
                                          const kernels::Table& table = kernels::best());

} // namespace ol::model
