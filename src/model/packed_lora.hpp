// An adapter in the kernels' layout, made once for many steps.
#pragma once

#include <array>
#include <vector>

#include "model/kernels/gemm.hpp"
#include "model/lora.hpp"

namespace ol::model {

// Sites that read the same rows: their A matrices are one product.
inline constexpr int lora_group_count = 4;
inline constexpr std::array<std::array<int, 2>, lora_group_count> lora_groups = {
    {{0, 4}, {4, 5}, {5, 7}, {7, 8}}}; // [first, last) of q k v qkv | o | gate up | down

struct PackedLora {
    struct Layer {
        std::array<kernels::PackedMatrix, lora_group_count> a; // [targets of the group * rank, in]
        std::array<kernels::PackedMatrix, site_count> b;       // [out, rank]
    };
    std::vector<Layer> layers;
    kernels::PackedMatrix embedding_b;    // [hidden, rank]
    kernels::PackedMatrix head_a, head_b; // [rank, hidden], [vocab, rank]
};

} // namespace ol::model
