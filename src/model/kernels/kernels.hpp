// Kernels: the arithmetic of the engine, with one fixed order for every sum.
//
// Two rules make results equal to the bit for every thread count, batch, sequence split and
// machine:
//
//   Chains. A matrix product's output element is one chain of fused multiply-adds in the order of
//   the reduction index: acc = fma(a[m,0], b[0,n], acc), then index 1, 2, ... Vector lanes hold
//   different outputs, never parts of one, so tiles, blocks and threads cannot change an element. A
//   chain may stop and go on from its stored fp32 value.
//
//   Lanes. A reduction along a row (norms, softmax sums, clip norms) keeps 8 partial sums, element
//   i in lane i mod 8, and ends in ((l0+l4)+(l2+l6))+((l1+l5)+(l3+l7)). A short tail counts as
//   zeros.
//
// exp and tanh are the polynomials of lane_kernels.inc; +, -, *, / and sqrt are IEEE single
// operations. Nothing of libm takes part. There are three instances: AVX2 with FMA, the same with
// AVX-512 tiles, and a portable twin that performs each lane's operation alone (std::fma); tests
// compare them bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ol::model::kernels {

inline constexpr int tile_rows = 6;
inline constexpr int panel = 16; // columns that a tile advances together

// n up to whole panels; n as a distance between rows.
constexpr std::size_t padded(std::size_t n) { return (n + panel - 1) / panel * panel; }
constexpr std::ptrdiff_t signed_width(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

// C[m, n] (=, or += when accumulate) sum over k of A[m, k] * B[k, n]; rows m < 6, columns n <
// columns. B is read in panels of 16 columns: element (k, n) at b[n / 16 * b_panel + k * b_step + n
// % 16], and whole panels must be readable.
struct Tile {
    int rows = 0;
    int columns = 0;
    std::size_t depth = 0;
    const float* a = nullptr;
    std::ptrdiff_t a_row = 0, a_step = 1;
    const float* b = nullptr;
    const std::uint16_t* b_bf16 = nullptr; // in place of b, for tile_bf16
    std::ptrdiff_t b_panel = 0, b_step = panel;
    float* c = nullptr;
    std::ptrdiff_t c_row = 0;
    bool accumulate = false;
};

struct AdamStep {
    float learning_rate, beta1, beta2, epsilon, decay;
    float correction1, correction2; // 1 / (1 - beta^t)
    float gradient_scale;           // clipping
};

struct QuantKernels; // quant_internal.hpp

struct Table {
    const char* name;
    const QuantKernels* quant;
    int tile_panels; // that a tile of six rows advances together
    void (*tile)(const Tile& tile);
    void (*tile_bf16)(const Tile& tile); // B in bf16: the same bits as tile over it widened
    float (*dot)(const float* a, const float* b, std::size_t n);
    void (*add)(float* y, const float* x, std::size_t n);      // y += x
    void (*multiply)(float* y, const float* x, std::size_t n); // y *= x
    void (*scale)(float* y, float factor, std::size_t n);      // y *= factor
    // y = x * r * weight with r = 1 / sqrt(mean(x^2) + epsilon); returns r.
    float (*rms_norm)(const float* x, const float* weight, float* y, std::size_t n, float epsilon);
    // y = x * r * weight for a known r.
    void (*rms_apply)(const float* x, const float* weight, float r, float* y, std::size_t n);
    // dx += the gradient of rms_norm with respect to x.
    void (*rms_backward)(const float* dy, const float* x, const float* weight, float r, float* dx,
                         std::size_t n);
    // y = fma(a * r, b, y): the norm weight's gradient, row after row.
    void (*rms_weight)(const float* dy, const float* x, float r, float* dw, std::size_t n);
    // y = (x - mean) * r * weight + bias with r = 1 / sqrt(mean((x - mean)^2) + epsilon); returns
    // r.
    float (*layer_norm)(const float* x, const float* weight, const float* bias, float* y,
                        std::size_t n, float epsilon, float* mean);
    // The same for a known mean and r.
    void (*layer_apply)(const float* x, const float* weight, const float* bias, float mean, float r,
                        float* y, std::size_t n);
    // y = gelu(x) by tanh: x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    void (*gelu)(const float* x, float* y, std::size_t n);
    // y = gelu(gate) * up
    void (*geglu)(const float* gate, const float* up, float* y, std::size_t n);
    // x = cap * tanh(x * factor / cap), in place.
    void (*softcap)(float* x, float factor, float cap, std::size_t n);
    // y = silu(gate) * up
    void (*swiglu)(const float* gate, const float* up, float* y, std::size_t n);
    // gate, up -> their gradients, in place; y = silu(gate) * up again.
    void (*swiglu_backward)(float* gate, float* up, const float* dy, float* y, std::size_t n);
    // Largest of x * factor; n > 0.
    float (*max_scaled)(const float* x, float factor, std::size_t n);
    // x = exp(x * factor - top) in place; returns the sum.
    float (*exp_sum)(float* x, float factor, float top, std::size_t n);
    // dp = p * (dp - inner) * factor, in place.
    void (*softmax_backward)(float* dp, const float* p, float inner, float factor, std::size_t n);
    // Rotate-half in place: (x1, x2) -> (x1 c - x2 s, x2 c + x1 s); direction -1 turns back.
    void (*rope)(float* x, const float* cosine, const float* sine, std::size_t half,
                 float direction);
    void (*adam)(float* w, const float* g, float* m, float* v, std::size_t n, const AdamStep& step);
};

const Table& portable();
// The fastest that this processor has. Equal results.
const Table& best();
// All that this processor has, the portable one first.
std::vector<const Table*> available();

} // namespace ol::model::kernels
