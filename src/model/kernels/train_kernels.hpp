// Gradients of the activations, norms and soft-caps of kernels.hpp. Its rules hold here too; equal
// results in every instance.
#pragma once

#include <cstddef>

namespace ol::model::kernels {

struct TrainTable {
    // d *= 1 - (y / cap)^2, for y that softcap gave.
    void (*softcap_backward)(float* d, const float* y, float cap, std::size_t n);
    // x (or gate, up) -> their gradients, in place.
    void (*gelu_backward)(float* x, const float* dy, std::size_t n);
    void (*geglu_backward)(float* gate, float* up, const float* dy, std::size_t n);
    // dx += the gradient with respect to x.
    void (*layer_backward)(const float* dy, const float* x, const float* weight, float mean,
                           float r, float* dx, std::size_t n);
    // dw = fma(dy, (x - mean) * r, dw): the weight's gradient, row after row.
    void (*layer_weight)(const float* dy, const float* x, float mean, float r, float* dw,
                         std::size_t n);
};

struct Table;
// The training part of one of kernels.hpp's tables.
const TrainTable& train_table(const Table& table);

} // namespace ol::model::kernels
