// How quantised weights lie in memory, and what an instance does with them.
//
// A panel holds 16 outputs. For each block of 32 inputs it has 16 f16 scales (32 bytes) and then
//   q8_0: 8 groups of 4 inputs: [group][output][4], 512 bytes of signed values
//   q4_0: 4 pairs of groups: [pair][output][4], 256 bytes; the low nibbles are group `pair`, the
//   high
//         ones group `pair + 4`, as value + 8
// so that a vector register has eight outputs with four inputs each, all of a panel is one stream,
// and the sums of a block stay in one lane per output.
#pragma once

#include "model/kernels/quant.hpp"

namespace ol::model::kernels {

inline constexpr std::size_t quant_scale_bytes = 2 * panel;
constexpr std::size_t quant_panel_block_bytes(QuantType type) {
    return quant_scale_bytes + panel * (type == QuantType::q8_0 ? quant_block : quant_block / 2);
}
constexpr std::size_t quant_gguf_block_bytes(QuantType type) {
    return 2 + (type == QuantType::q8_0 ? quant_block : quant_block / 2);
}

// One panel times some rows; or one row times several whole panels, `apart` bytes from each other,
// whose outputs are `y_apart` from each other: memory brings several streams faster than one.
struct QuantTile {
    const std::uint8_t* weights = nullptr;
    std::size_t blocks = 0;
    int panels = 1; // 1, or quant_row_panels with one row
    std::size_t apart = 0;
    std::ptrdiff_t y_apart = 0;
    // Of QuantRows, at the first row; the next block is `stride` rows on.
    const std::int8_t* values = nullptr;
    const float* scales = nullptr;
    const std::int32_t* sums = nullptr;
    std::size_t stride = 0;
    int rows = 0; // at most quant_tile_rows
    float* y = nullptr;
    std::ptrdiff_t y_row = 0;
    int columns = 0; // of y that are there, at most 16
    bool accumulate = false;
};
inline constexpr int quant_tile_rows = 64, quant_row_panels = 4;

struct QuantKernels {
    void (*tile_q8)(const QuantTile& tile);
    void (*tile_q4)(const QuantTile& tile);
    // One row, block after block: values and so on of block b at b * stride rows.
    void (*quantize)(const float* x, std::size_t blocks, std::size_t stride, std::int8_t* values,
                     float* scales, std::int32_t* sums);
    // y = the fp32 values of bf16 bits; n a multiple of 16.
    void (*widen)(const std::uint16_t* x, float* y, std::size_t n);
};

extern const QuantKernels portable_quant;
extern const QuantKernels avx2_quant; // only where avx2_table() is

} // namespace ol::model::kernels
