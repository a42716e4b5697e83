// What the parts of Backprop share: the layers' forward (forward.cpp) and backward (backward.cpp),
// the adapter's and weights' gradients (gradients.cpp), the loss (head.cpp),
// the table (embedding.cpp), the batch (run.cpp).
//
// Everything but attention and the gradients of weights works on blocks of rows, each in one
// thread from the norm to the residual sum, so that rows stay in the near caches.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <span>

#include "model/backprop.hpp"
#include "model/kernels/attention.hpp"
#include "model/kernels/train_kernels.hpp"
#include "model/train/adapter_layout.hpp"
#include "model/train/factors.hpp"
#include "model/train/panels.hpp"

namespace ol::model {

namespace train {

inline constexpr std::size_t block_rows = 96; // that pass through a layer together

struct NormTape {
    Buffer r, mean; // mean: LayerNorm only
};

// What backward needs of a layer's forward. Normed rows and the activation's product are computed
// again.
struct LayerTape {
    Buffer qkv;   // [rows, q | k | v], turned
    Buffer raw;   // [rows, q | k] before their norms; qk_norm only
    Buffer mixed; // [rows, q]: attention's output
    Buffer x_mid; // the residual stream between attention and the MLP
    Buffer gate, up;
    Buffer attention_out, mlp_out; // before their norms; out_norms only
    Buffer top, inverse;           // [head][rows]: softmax of attention
    NormTape attention_norm, mlp_norm, attention_out_norm, mlp_out_norm, qk_norm;
    std::array<Buffer, lora_group_count> low; // adapters: x A^T
};

// The factor that a norm multiplies by: offset + weight.
struct NormFactors {
    const Norm* norm = nullptr;
    std::vector<float> shifted; // empty: the weight itself
    const float* factor() const { return shifted.empty() ? norm->weight.data() : shifted.data(); }
    bool present() const { return norm != nullptr && !norm->weight.empty(); }
};

struct LayerNorms {
    NormFactors attention, mlp, attention_out, mlp_out, q, k;
};

// A document of the stack; its last token is only predicted, never read.
struct Document {
    std::size_t first_row, rows;
    const Example* example;
    std::size_t first_token;
    std::uint64_t ordinal; // in the batch
};

} // namespace train

struct Backprop::Impl {
    Impl(const Model& m, const LoraAdapter* a, ThreadPool& p, const BackpropOptions& o);

    using RowBody = std::function<void(std::size_t begin, std::size_t end)>;
    void blocks(std::size_t count, const RowBody& body);

    // run.cpp
    double run(std::span<const Example> batch, const GradientRun& gradient_run, bool backward_);
    double run_stack();
    void reserve();
    void prepare_norms();
    std::uint64_t buffer_bytes() const;

    // embedding.cpp
    void prepare_embedding();
    void embed();
    void embedding_gradients();
    void embedding_adapter_gradients();
    void embedding_magnitude_gradient(const train::Document& document);
    // rows += the table adapter's part, before the table's own scale.
    void adapt_embedding(std::size_t begin, std::size_t end, float* to) const;

    // forward.cpp
    void fill_factors(std::size_t layer, bool forward, bool backward_);
    void forward_layer(std::size_t i, train::LayerTape& t);
    void attention_in(std::size_t i, train::LayerTape& t, std::size_t begin, std::size_t end);
    void attention(std::size_t i, train::LayerTape& t);
    void attention_out(std::size_t i, train::LayerTape& t, std::size_t begin, std::size_t end);
    void project(Site site, std::size_t layer, std::size_t group, const float* from,
                 const float* seen, const train::LayerTape& t, std::size_t begin, std::size_t end,
                 float* to, std::size_t to_row) const;
    // low = x A^T of a group; with dropout of the rows that it leaves in `dropped`. Returns the
    // rows that the adapter sees.
    const float* shrink(std::size_t group, std::size_t layer, const float* from, std::size_t begin,
                        std::size_t end, train::LayerTape& t, train::Buffer& dropped) const;
    void turn(float* qkv_rows, std::size_t layer, std::size_t begin, std::size_t end,
              float direction) const;
    void activate(const train::LayerTape& t, float* to, std::size_t begin, std::size_t end) const;
    void drop(float* rows_of_group, std::size_t width, std::size_t layer, std::size_t group,
              std::size_t begin, std::size_t end) const;

    void norm_rows(const train::NormFactors& norm, const float* from, float* to, std::size_t begin,
                   std::size_t end, train::NormTape& tape_) const;
    void norm_again(const train::NormFactors& norm, const float* from, float* to, std::size_t begin,
                    std::size_t end, const train::NormTape& tape_) const;
    // to += the norm's gradient for dy.
    void norm_back(const train::NormFactors& norm, const float* dy, const float* from, float* to,
                   std::size_t begin, std::size_t end, const train::NormTape& tape_) const;

    // backward.cpp
    void backward_layer(std::size_t i, train::LayerTape& t);
    void mlp_back(std::size_t i, train::LayerTape& t, std::size_t begin, std::size_t end);
    void attention_back(std::size_t i, train::LayerTape& t);
    void projections_back(std::size_t i, train::LayerTape& t, bool need, std::size_t begin,
                          std::size_t end);
    // dx = the gradients dy of a group's sites through W, and with dropout through the adapter; the
    // low rows of dy too. dx null: the low rows alone.
    struct SiteRows {
        Site site;
        const float* dy; // of the block
        std::size_t dy_row;
    };
    void group_back(std::size_t group, std::size_t layer, std::span<const SiteRows> sites,
                    float* dx_block, std::size_t width, std::size_t begin, std::size_t end);

    // gradients.cpp
    struct SiteGradient {
        Site site;
        std::size_t group;
        const float* dy;
        std::size_t dy_row;
        const float* x;
    };
    void adapter_gradients(std::size_t layer, const train::LayerTape& t,
                           std::span<const SiteGradient> sites);
    void a_gradient(std::size_t layer, const SiteGradient& s, std::size_t column,
                    std::size_t width);
    void b_gradient(std::size_t layer, const train::LayerTape& t, const SiteGradient& s,
                    std::size_t column, std::size_t width);
    void magnitude_gradient(std::size_t layer, const SiteGradient& s, std::size_t column,
                            std::size_t width);
    // sum += dy * y over the rows, y the columns of their product, computed again.
    void add_products(std::size_t count, const float* dy, std::size_t dy_row,
                      std::span<const train::Term> product, std::size_t column, std::size_t width,
                      float* sum) const;
    // b[count, rank]: the gradient of scale * gain * B from that of their product; gain null: 1.
    void scale_rows(float* b, std::size_t count, std::size_t rank, float scale,
                    const float* gain) const;
    void weight_gradient(std::size_t layer, const SiteGradient& s);
    void norm_gradient(const train::NormFactors& norm, Norm& to, const float* dy, const float* x,
                       std::size_t count, const train::NormTape& tape_);
    void bias_gradient(const float* dy, std::size_t dy_row, std::size_t count,
                       std::vector<float>& to);
    void qk_norm_gradients(std::size_t layer, const train::LayerTape& t);
    // Adds a document's part to the batch's gradient, and keeps it where that is asked for.
    void give(const train::Document& document, std::size_t place, const float* values,
              std::size_t count, float* total) const;

    // head.cpp
    double head();
    double head_group(std::size_t first, std::size_t count);
    double head_rows(std::size_t first, std::size_t begin, std::size_t end);
    void head_adapter_gradients(std::size_t first, std::size_t count, bool more);
    void fill_head();

    const LoraPair* embedding_pair() const {
        return adapter != nullptr && !adapter->embedding.a.empty() ? &adapter->embedding : nullptr;
    }
    const LoraPair* head_pair() const {
        return adapter != nullptr && !adapter->head.a.empty() ? &adapter->head : nullptr;
    }

    const Model& model;
    const ModelConfig& config;
    const LoraAdapter* adapter;
    ThreadPool& pool;
    const BackpropOptions options;
    const kernels::Table& table;
    const kernels::TrainTable& train_kernels;
    kernels::RopeTable rope;
    kernels::RopeTable local_rope;
    const std::size_t hidden, inner, q_width, kv_width, qkv_width;
    const std::size_t heads, kv_heads, size;
    const float score_scale;

    // The run in progress.
    GradientRun job;
    bool backward = false, dropping = false;
    std::vector<train::Document> documents;
    std::size_t rows = 0;
    std::size_t capacity = 0; // the most rows that a stack of this batch may have
    std::vector<train::LayerNorms> norms;
    train::NormFactors final_norm;
    std::optional<AdapterLayout> layout;
    bool dora = false; // some projection of the adapter

    std::vector<train::Buffer> x;       // the residual stream before each layer, and after the last
    std::vector<train::LayerTape> tape; // of each layer, or of one with checkpointing
    train::LayerFactors factors;
    train::SiteFactors head_factors;

    train::Buffer h, act, dx, dx_mid, dh, dmixed, dqkv, draw, d_attention_out, d_mlp_out;
    std::array<train::Buffer, lora_group_count> dlow;

    std::vector<std::size_t> loss_row;
    std::vector<TokenId> loss_target;
    std::vector<std::size_t> loss_count; // of each document
    train::Buffer head_x, head_h, head_dh, head_dx, logits;
    train::Buffer head_low, head_dlow, head_a, head_b, head_m; // of its adapter
    train::Panels head_a_panels;
    train::NormTape head_norm;
    std::vector<double> row_loss;
    train::Panels table_b, table_low; // of the table's adapter
    train::Buffer table_rows, table_dlow;
    std::vector<float> table_gain;
};

} // namespace ol::model
