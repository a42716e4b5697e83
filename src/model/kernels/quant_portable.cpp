// The portable instance of the quantised kernels, and the twin that the others are tested against.
#include <bit>
#include <cmath>
#include <cstring>

#include "model/half.hpp"
#include "model/kernels/quant_internal.hpp"

namespace ol::model::kernels {
namespace {

float scale_of(const std::uint8_t* block, int output) {
    std::uint16_t bits;
    std::memcpy(&bits, block + 2 * output, 2);
    return f16_to_f32(bits);
}

int value_q8(const std::uint8_t* values, int output, int i) {
    return static_cast<std::int8_t>(values[i / 4 * 4 * panel + output * 4 + i % 4]);
}

int value_q4(const std::uint8_t* values, int output, int i) {
    const int byte = values[i % 16 / 4 * 4 * panel + output * 4 + i % 4];
    return (i < 16 ? byte & 15 : byte >> 4) - 8;
}

template <QuantType type>
void tile_of_panel(const QuantTile& t) {
    for (int m = 0; m < t.rows; ++m) {
        float* y = t.y + m * t.y_row;
        for (int n = 0; n < t.columns; ++n) {
            float acc = t.accumulate ? y[n] : 0.0F;
            for (std::size_t b = 0; b < t.blocks; ++b) {
                const std::uint8_t* block = t.weights + b * quant_panel_block_bytes(type);
                const std::size_t at = b * t.stride + static_cast<std::size_t>(m);
                const std::int8_t* x = t.values + at * quant_block;
                int sum = 0;
                for (int i = 0; i < static_cast<int>(quant_block); ++i) {
                    const std::uint8_t* values = block + quant_scale_bytes;
                    const int w =
                        type == QuantType::q8_0 ? value_q8(values, n, i) : value_q4(values, n, i);
                    sum += w * x[i];
                }
                acc = std::fma(static_cast<float>(sum), scale_of(block, n) * t.scales[at], acc);
            }
            y[n] = acc;
        }
    }
}

template <QuantType type>
void tile(const QuantTile& t) {
    QuantTile one = t;
    for (int p = 0; p < t.panels; ++p) {
        tile_of_panel<type>(one);
        one.weights += t.apart;
        one.y += t.y_apart;
    }
}

// Scale of a block of x whose largest magnitude has these bits, and its inverse (0: all zeros).
struct QuantScale {
    float scale, inverse;
};
QuantScale quant_scale(std::uint32_t top) {
    if (top >= 0x7f800000U) return {std::bit_cast<float>(0x7fc00000U), 0.0F};
    const float most = std::bit_cast<float>(top);
    if (most < 0x1.0p-100F) return {0.0F, 0.0F};
    return {most / 127.0F, 127.0F / most};
}

// Adding 1.5 * 2^23 rounds to an integer, ties to even.
float nearest(float x) {
    constexpr float magic = 12582912.0F;
    return (x + magic) - magic;
}

void quantize(const float* x, std::size_t blocks, std::size_t stride, std::int8_t* values,
              float* scales, std::int32_t* sums) {
    for (std::size_t b = 0; b < blocks; ++b, x += quant_block) {
        // Magnitudes compare as their bits do, and not-a-number is the largest.
        std::uint32_t top = 0;
        for (std::size_t i = 0; i < quant_block; ++i) {
            const std::uint32_t bits = std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffU;
            top = bits > top ? bits : top;
        }
        const QuantScale scale = quant_scale(top);
        std::int8_t* q = values + b * stride * quant_block;
        std::int32_t sum = 0;
        for (std::size_t i = 0; i < quant_block; ++i) {
            q[i] = scale.inverse == 0.0F ? std::int8_t{0}
                                         : static_cast<std::int8_t>(nearest(x[i] * scale.inverse));
            sum += q[i];
        }
        scales[b * stride] = scale.scale;
        sums[b * stride] = sum;
    }
}

void widen(const std::uint16_t* x, float* y, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) y[i] = bf16_to_f32(x[i]);
}

} // namespace

const QuantKernels portable_quant = {tile<QuantType::q8_0>, tile<QuantType::q4_0>, quantize, widen};

} // namespace ol::model::kernels
