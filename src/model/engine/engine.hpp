// Engine's inside: the weights in the kernels' layout, the buffers of a step and its phases.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "model/engine/projection.hpp"
#include "model/kernels/attention.hpp"
#include "model/packed_lora.hpp"
#include "model/transformer.hpp"

namespace ol::model {

// A norm's factor (offset + weight) and bias.
struct ReadyNorm {
    ReadyNorm() = default;
    ReadyNorm(const Norm& norm, float offset);
    ReadyNorm(ReadyNorm&&) = default; // not copied: `factor` may point into `own`
    ReadyNorm& operator=(ReadyNorm&&) = default;
    const float* factor = nullptr; // of `own` or of the model
    const float* bias = nullptr;
    std::vector<float> own;
};

// DoRA's factors of one adapter over this engine's weights.
struct AdapterFactors {
    std::vector<std::array<std::vector<float>, site_count>> layers;
    std::vector<float> embedding, head;
};

struct Engine::Impl {
    struct Layer {
        ReadyNorm attention_norm, mlp_norm, attention_out_norm, mlp_out_norm, q_norm, k_norm;
        Projection qkv, o, up, down; // `up`: gate and up
        const kernels::RopeTable* rope = nullptr;
    };
    // One input's place in the step: its rows of the common matrices and its positions.
    struct Slot {
        const StepInput* input;
        std::size_t first_row, rows, first_position;
        std::shared_ptr<const AdapterFactors> factors; // null: no DoRA
    };
    // One adapted projection of some rows: y[:, column...] += scale B (A x), and DoRA's factor.
    struct AdaptedSite {
        const LoraPair* pair;
        const kernels::PackedMatrix* b; // null: the adapter is not packed
        const std::vector<float>* factor;
        std::size_t column;
    };
    struct Rows {
        const float* x;
        std::size_t x_row;
        float* y;
        std::size_t y_row;
    };

    Impl(const Model& m, ThreadPool& p, const kernels::Table& t);
    std::vector<Projection::Part> parts(std::size_t layer, int first, int last) const;

    // check.cpp: whether a step can be computed.
    bool fits(const LoraAdapter& adapter) const;
    Status check(std::span<const StepInput> inputs) const;

    // adapt.cpp: adapters.
    std::shared_ptr<const AdapterFactors> factors_of(const LoraAdapter& adapter);
    // Of a linear that is `projection`'s outputs from `column` on; its rows may be released.
    std::vector<float> dora_of(const Linear& linear, const Projection& projection,
                               std::size_t column, std::size_t outputs, std::size_t in,
                               const LoraPair& pair) const;
    void adapt(std::span<const AdaptedSite> sites, const kernels::PackedMatrix* a, Rows at,
               std::size_t rows) const;
    void adapt_group(const std::vector<Slot>& slots, std::size_t layer, std::size_t group, Rows at);
    void adapt_embedding(const Slot& slot);
    void adapt_head(const Slot& slot, const float* from, float* to, std::size_t rows);

    // step.cpp: the phases of a step.
    void reserve(std::size_t rows);
    void for_rows(std::size_t rows, std::size_t work_each,
                  const std::function<void(std::size_t, std::size_t)>& body);
    void copy_embedding(TokenId token, float* to) const; // its row of the table
    void embed(const std::vector<Slot>& slots);
    void normalise(const ReadyNorm& norm, const float* from, float* to) const;
    void normalise_rows(const ReadyNorm& norm, const float* from, float* to, std::size_t rows);
    void project(const Projection& projection, const std::vector<Slot>& slots, std::size_t layer,
                 std::size_t group, Rows at, std::size_t rows);
    void store_keys(const std::vector<Slot>& slots, std::size_t layer);
    void store_row(const Slot& slot, std::size_t r, std::size_t layer);
    void attention(const std::vector<Slot>& slots, std::size_t layer);
    void drop_unseen(const std::vector<Slot>& slots, std::size_t layer);
    void run_layer(const std::vector<Slot>& slots, std::size_t layer, std::size_t rows);
    std::vector<std::vector<float>> logits(const std::vector<Slot>& slots);

    const Model& model;
    const ModelConfig& config;
    ThreadPool& pool;
    const kernels::Table& table;
    kernels::RopeTable rope, local_rope;
    std::vector<Layer> layers;
    ReadyNorm final_norm;
    Projection head;
    std::size_t q_width, kv_width, qkv_width, value_head, up_width;
    // Rows of the step: residual stream, normed rows, projections.
    std::vector<float> x, h, qkv, mixed, up, act, out;
    kernels::QuantRows quantised;

    struct KnownFactors {
        std::weak_ptr<const PackedLora> of;
        std::shared_ptr<const AdapterFactors> factors;
    };
    std::map<const PackedLora*, KnownFactors> known_factors;
};

} // namespace ol::model
