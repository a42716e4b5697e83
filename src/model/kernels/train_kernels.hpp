// What training needs of the kernels beside kernels.hpp: activations, norms and soft-caps with
// their gradients. The rules are those of kernels.hpp; equal results in every instance.
#pragma once

#include <cstddef>

namespace ol::model::kernels {

struct TrainTable {
    // x = cap * tanh(x * factor / cap), in place.
    void (*softcap)(float* x, float factor, float cap, std::size_t n);
    // d *= 1 - (y / cap)^2, for y that softcap gave.
    void (*softcap_backward)(float* d, const float* y, float cap, std::size_t n);
    // y = gelu(x), tanh's approximation; y = gelu(gate) * up.
    void (*gelu)(const float* x, float* y, std::size_t n);
    void (*geglu)(const float* gate, const float* up, float* y, std::size_t n);
    // x (or gate, up) -> their gradients, in place.
    void (*gelu_backward)(float* x, const float* dy, std::size_t n);
    void (*geglu_backward)(float* gate, float* up, const float* dy, std::size_t n);
    // y = (x - mean) * r * weight + bias with r = 1 / sqrt(mean((x - mean)^2) + epsilon); returns
    // r.
    float (*layer_norm)(const float* x, const float* weight, const float* bias, float* y,
                        std::size_t n, float epsilon, float* mean);
    void (*layer_apply)(const float* x, const float* weight, const float* bias, float mean, float r,
                        float* y, std::size_t n);
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
