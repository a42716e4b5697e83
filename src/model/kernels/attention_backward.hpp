// Gradients of causal attention for the query heads that share one key and value head.
#pragma once

#include <cstddef>

#include "model/kernels/kernels.hpp"

namespace ol::model::kernels {

// One document at positions 0..rows - 1, `heads` query heads side by side in a row. Rows of q, k,
// v, dq, dk and dv are `row` apart, those of out and d_out `out_row`. top and inverse are attend's,
// per head `stat` apart. dq, dk and dv are written.
//
// Per head and block of queries: the probabilities P again from top and inverse, dP = dO V^T, dS =
// P (dP - rowsum(dO O)) * scale (and the soft-cap's slope), dQ = dS K, dK += dS^T Q, dV += P^T dO;
// the chains of dK and dV run over the heads, then the queries.
struct AttentionBackward {
    std::size_t head_size = 0, rows = 0, heads = 1;
    float scale = 0;
    float softcap = 0;      // 0: none
    std::size_t window = 0; // 0: the whole past; else itself and window - 1 before
    std::ptrdiff_t row = 0, out_row = 0, stat = 0;
    const float* q = nullptr;
    const float* k = nullptr;
    const float* v = nullptr;
    const float* out = nullptr;
    const float* d_out = nullptr;
    const float* top = nullptr;
    const float* inverse = nullptr;
    float* dq = nullptr;
    float* dk = nullptr;
    float* dv = nullptr;
};
void attend_backward(const AttentionBackward& head, const Table& table = best());

} // namespace ol::model::kernels
