// A layer's matrices as a step computes with them: dequantized, with the adapter merged, packed.
//
// Merging: W' = W + scale B A (and m / |W'| W' with DoRA) costs rank multiply-adds a weight and
// saves two products of every row, and makes DoRA and quantized bases the same as any other. Only
// one layer is held at a time. With dropout the adapter sees other rows x' than W, so it stays
// apart: y = W x + scale B A x'. With DoRA it is all that changes W: y = W x + (W' - W) x', which
// is PEFT's W x + (m / |W'| - 1) W x' + m / |W'| scale B A x'.
#pragma once

#include <array>
#include <vector>

#include "base/thread_pool.hpp"
#include "model/packed_lora.hpp"
#include "model/train/panels.hpp"
#include "model/weights.hpp"

namespace ol::model::train {

struct SiteFactors {
    Panels forward;                       // [in, out]: y = x forward
    Panels backward;                      // [out, in]: dx = dy backward
    Panels low;                           // [out, rank]: scale * gain * B, for the gradient of A
    Panels b;                             // [rank, out]: scale * B, with dropout, not DoRA
    Panels change, change_back;           // W' - W as forward and backward: dropout and DoRA
    std::vector<float> gain;              // DoRA: m / |W + scale B A| per output
    std::vector<float> inverse_magnitude; // DoRA: 1 / m (0 where m is 0)
    std::size_t rank = 0;                 // 0: no adapter
    std::size_t column = 0;               // of the site in its group's low rows
    std::size_t bytes() const;
};

// Sites that read the same rows: their A matrices are one product (packed_lora.hpp).
struct GroupFactors {
    Panels a;      // [in, width]
    Panels a_back; // [width, in], with dropout, not DoRA
    std::size_t width = 0;
};

struct LayerFactors {
    std::array<SiteFactors, site_count> sites;
    std::array<GroupFactors, lora_group_count> groups;
    const SiteFactors& at(Site site) const { return sites[static_cast<std::size_t>(site)]; }
    std::size_t bytes() const;
};

struct FactorUse {
    bool forward = true, backward = false; // which layouts are filled
    bool apart = false;                    // the adapter is not merged (dropout)
};

// pair null: no adapter. W is [out, in]; `rows` stands in for an empty `linear.weight` (the head
// that is tied to the table).
void fill_site(const Linear& linear, const float* rows, const LoraPair* pair, std::size_t in,
               std::size_t out, const FactorUse& use, SiteFactors& to, ThreadPool& pool,
               const kernels::Table& table);

// Every site of a layer; pairs null: no adapter.
void fill_layer(const ModelConfig& config, const LayerWeights& weights,
                const std::array<LoraPair, site_count>* pairs, const FactorUse& use,
                LayerFactors& to, ThreadPool& pool, const kernels::Table& table);

} // namespace ol::model::train
