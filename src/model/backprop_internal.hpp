// What backprop.cpp (the layers) and backprop_head.cpp (the loss and the batch) share.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <span>

#include "model/backprop.hpp"
#include "model/kernels/attention.hpp"
#include "model/kernels/gemm.hpp"

namespace ol::model {

inline std::ptrdiff_t signed_(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

inline void grow(std::vector<float>& buffer, std::size_t count) {
    if (buffer.size() < count) buffer.resize(count);
}

// What backward needs of a layer's forward. Normed rows and SwiGLU's product are computed again.
struct LayerTape {
    std::vector<float> x, norm1, q, k, v, mixed, top, inverse, x_mid, norm2, gate, up;
    std::array<std::vector<float>, site_count> low; // adapters: scale * x A^T
};

struct Piece {
    std::size_t first_row, rows;
    const Example* example;
};

struct Backprop::Impl {
    Impl(const Model& m, const LoraAdapter* a, ThreadPool& p)
        : model(m)
        , config(m.config)
        , adapter(a)
        , pool(p)
        , rope(config.head_size, config.rope_theta)
        , hidden(config.hidden_size)
        , inner(config.intermediate_size)
        , q_width(std::size_t{config.head_count} * config.head_size)
        , kv_width(std::size_t{config.kv_head_count} * config.head_size)
        , tape(config.layer_count) {}

    double run(const std::vector<Example>& batch, float factor, Weights* weights, LoraAdapter* lora,
               bool backward);
    double run_stack(std::span<const Example> examples);
    void reserve(std::size_t count);

    void rows_do(std::size_t count, const std::function<void(std::size_t, std::size_t)>& body) {
        pool.parallel_for(count, 16, body);
    }
    // x (+= added, where given), kept in `kept`, and normed into `to`.
    void norm(const std::vector<float>& weight, const float* added, float* kept, float* to,
              float* r) {
        rows_do(rows, [&, added, kept, to, r](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                float* row = x.data() + i * hidden;
                if (added != nullptr) table.add(row, added + i * hidden, hidden);
                std::copy_n(row, hidden, kept + i * hidden);
                r[i] = table.rms_norm(row, weight.data(), to + i * hidden, hidden,
                                      config.norm_epsilon);
            }
        });
    }
    void norm_again(const std::vector<float>& weight, const float* from, const float* r,
                    float* to) {
        rows_do(rows, [&, to, from, r](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                table.rms_apply(from + i * hidden, weight.data(), r[i], to + i * hidden, hidden);
            }
        });
    }
    // to += norm's gradient for dy; the weight's gradient too when all weights are trained.
    void norm_backward(const std::vector<float>& weight, const float* dy, const float* from,
                       const float* r, float* to, std::size_t count, std::vector<float>* dw) {
        rows_do(count, [&, dy, from, r, to](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                table.rms_backward(dy + i * hidden, from + i * hidden, weight.data(), r[i],
                                   to + i * hidden, hidden);
            }
        });
        if (dw == nullptr) return;
        pool.parallel_for((hidden + 31) / 32, 1, [&](std::size_t begin, std::size_t end) {
            const std::size_t first = begin * 32, last = std::min(hidden, end * 32);
            for (std::size_t i = 0; i < count; ++i) {
                table.rms_weight(dy + i * hidden + first, from + i * hidden + first, r[i],
                                 dw->data() + first, last - first);
            }
        });
    }

    const std::vector<float>& matrix(std::size_t layer, Site site) const {
        return model.weights.layers[layer].at(site).weight;
    }
    const LoraPair* pair(std::size_t layer, Site site) const {
        if (adapter == nullptr) return nullptr;
        const auto& found = adapter->layers[layer][static_cast<std::size_t>(site)];
        return found.a.empty() ? nullptr : &found;
    }
    void linear(std::size_t layer, Site site, const float* from, float* to);
    void linear_backward(std::size_t layer, Site site, const float* dy, const float* from,
                         float* dx, bool accumulate);

    void forward_layer(std::size_t i);
    void backward_layer(std::size_t i);
    void attention_forward(std::size_t i);
    void attention_backward(std::size_t i);
    void turn(float* q, float* k, float direction);
    double head();
    double head_block(std::size_t first, std::size_t count);

    const Model& model;
    const ModelConfig& config;
    const LoraAdapter* adapter;
    ThreadPool& pool;
    const kernels::Table& table = kernels::best();
    kernels::RopeTable rope;
    const std::size_t hidden, inner, q_width, kv_width;

    // The run in progress.
    float factor = 0;
    Weights* weight_gradients = nullptr;
    LoraAdapter* adapter_gradients = nullptr;
    bool backward = false;
    std::vector<Piece> pieces;
    std::size_t rows = 0;

    std::vector<LayerTape> tape;
    std::vector<float> x, h, out, act, dx, dq, dk, dv, dmixed, dh, dact, low;
    std::vector<std::size_t> loss_row;
    std::vector<TokenId> loss_target;
    std::vector<float> head_x, head_h, head_norm, head_dh, head_dx, logits;
    std::vector<double> row_loss;
};

} // namespace ol::model
