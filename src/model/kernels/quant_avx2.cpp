// The quantised kernels with AVX2. Products of bytes are exact: a maddubs of |w| <= 128 and |x| <=
// 127 stays below 2^15 in each pair, and so do the eight pairs of a block of 4-bit weights (0..15)
// added up. A processor with VNNI would need another body of `sum` alone.
#include "model/kernels/quant_internal.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#pragma GCC optimize("O3")

namespace ol::model::kernels {
namespace {

constexpr int rows_at_once = 3;
constexpr std::size_t prefetch_ahead =
    2048; // bytes: more than a page's prefetcher dares at its end

inline __m256i four_inputs(const std::int8_t* x) {
    int bits;
    __builtin_memcpy(&bits, x, 4);
    return _mm256_set1_epi32(bits);
}
inline __m256i load(const std::uint8_t* p) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}

// Sums of a block of some panels, `apart` bytes from each other, for rows x, 32 bytes apart: 16
// outputs for each panel and row, panel after panel.
template <int Panels, int Rows>
struct Q8 {
    static constexpr QuantType type = QuantType::q8_0;
    static inline void sum(const std::uint8_t* w, std::size_t apart, const std::int8_t* x,
                           const std::int32_t*, __m256i (&out)[Panels * Rows][2]) {
        const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 8
        for (int i = 0; i < Panels * Rows; ++i) out[i][0] = out[i][1] = _mm256_setzero_si256();
#pragma GCC unroll 1
        for (int g = 0; g < 8; ++g) {
#pragma GCC unroll 8
            for (int p = 0; p < Panels; ++p) {
                const std::uint8_t* at = w + static_cast<std::size_t>(p) * apart + g * 64;
                const __m256i w0 = load(at), w1 = load(at + 32);
                const __m256i a0 = _mm256_abs_epi8(w0), a1 = _mm256_abs_epi8(w1);
#pragma GCC unroll 8
                for (int m = 0; m < Rows; ++m) {
                    auto& to = out[p * Rows + m];
                    const __m256i in = four_inputs(x + m * 32 + g * 4);
                    const __m256i p0 = _mm256_maddubs_epi16(a0, _mm256_sign_epi8(in, w0));
                    const __m256i p1 = _mm256_maddubs_epi16(a1, _mm256_sign_epi8(in, w1));
                    to[0] = _mm256_add_epi32(to[0], _mm256_madd_epi16(p0, ones));
                    to[1] = _mm256_add_epi32(to[1], _mm256_madd_epi16(p1, ones));
                }
            }
        }
    }
};

template <int Panels, int Rows>
struct Q4 {
    static constexpr QuantType type = QuantType::q4_0;
    static inline void sum(const std::uint8_t* w, std::size_t apart, const std::int8_t* x,
                           const std::int32_t* sums, __m256i (&out)[Panels * Rows][2]) {
        const __m256i low = _mm256_set1_epi8(15);
#pragma GCC unroll 8
        for (int i = 0; i < Panels * Rows; ++i) out[i][0] = out[i][1] = _mm256_setzero_si256();
#pragma GCC unroll 1
        for (int g = 0; g < 4; ++g) {
#pragma GCC unroll 8
            for (int p = 0; p < Panels; ++p) {
                const std::uint8_t* at = w + static_cast<std::size_t>(p) * apart + g * 64;
                const __m256i w0 = load(at), w1 = load(at + 32);
                const __m256i l0 = _mm256_and_si256(w0, low), l1 = _mm256_and_si256(w1, low);
                const __m256i h0 = _mm256_and_si256(_mm256_srli_epi16(w0, 4), low);
                const __m256i h1 = _mm256_and_si256(_mm256_srli_epi16(w1, 4), low);
#pragma GCC unroll 8
                for (int m = 0; m < Rows; ++m) {
                    auto& to = out[p * Rows + m];
                    const __m256i first = four_inputs(x + m * 32 + g * 4);
                    const __m256i second = four_inputs(x + m * 32 + 16 + g * 4);
                    to[0] = _mm256_add_epi16(to[0], _mm256_maddubs_epi16(l0, first));
                    to[1] = _mm256_add_epi16(to[1], _mm256_maddubs_epi16(l1, first));
                    to[0] = _mm256_add_epi16(to[0], _mm256_maddubs_epi16(h0, second));
                    to[1] = _mm256_add_epi16(to[1], _mm256_maddubs_epi16(h1, second));
                }
            }
        }
        const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 8
        for (int i = 0; i < Panels * Rows; ++i) {
            // Stored values are larger by 8.
            const __m256i excess = _mm256_set1_epi32(8 * sums[i % Rows]);
            out[i][0] = _mm256_sub_epi32(_mm256_madd_epi16(out[i][0], ones), excess);
            out[i][1] = _mm256_sub_epi32(_mm256_madd_epi16(out[i][1], ones), excess);
        }
    }
};

template <template <int, int> class Format, int Panels, int Rows>
inline void advance(const std::uint8_t* block, std::size_t apart, const std::int8_t* x,
                    const float* scales, const std::int32_t* sums, float* acc) {
    __m256i sum[Panels * Rows][2];
    Format<Panels, Rows>::sum(block + quant_scale_bytes, apart, x, sums, sum);
#pragma GCC unroll 8
    for (int p = 0; p < Panels; ++p) {
        const auto* halves =
            reinterpret_cast<const __m128i*>(block + static_cast<std::size_t>(p) * apart);
        const __m256 d0 = _mm256_cvtph_ps(_mm_load_si128(halves));
        const __m256 d1 = _mm256_cvtph_ps(_mm_load_si128(halves + 1));
#pragma GCC unroll 8
        for (int m = 0; m < Rows; ++m) {
            const __m256 s = _mm256_set1_ps(scales[m]);
            const auto& of = sum[p * Rows + m];
            float* a = acc + (p * Rows + m) * panel;
            _mm256_store_ps(a, _mm256_fmadd_ps(_mm256_cvtepi32_ps(of[0]), _mm256_mul_ps(d0, s),
                                               _mm256_load_ps(a)));
            _mm256_store_ps(a + 8, _mm256_fmadd_ps(_mm256_cvtepi32_ps(of[1]), _mm256_mul_ps(d1, s),
                                                   _mm256_load_ps(a + 8)));
        }
    }
}

// The processor fetches ahead by itself here: asking for it makes four streams slower.
template <template <int, int> class Format>
void one_row(const QuantTile& t) {
    constexpr std::size_t bytes = quant_panel_block_bytes(Format<1, 1>::type);
    alignas(32) float acc[quant_row_panels * panel] = {};
    for (int p = 0; t.accumulate && p < quant_row_panels; ++p) {
        __builtin_memcpy(acc + p * panel, t.y + p * t.y_apart, panel * sizeof(float));
    }
    const std::uint8_t* block = t.weights;
    for (std::size_t b = 0; b < t.blocks; ++b, block += bytes) {
        advance<Format, quant_row_panels, 1>(block, t.apart, t.values + b * t.stride * quant_block,
                                             t.scales + b * t.stride, t.sums + b * t.stride, acc);
    }
    for (int p = 0; p < quant_row_panels; ++p) {
        __builtin_memcpy(t.y + p * t.y_apart, acc + p * panel, panel * sizeof(float));
    }
}

template <template <int, int> class Format>
void tile(const QuantTile& t) {
    if (t.panels == quant_row_panels) return one_row<Format>(t);
    constexpr std::size_t bytes = quant_panel_block_bytes(Format<1, 1>::type);
    alignas(32) float acc[quant_tile_rows * panel];
    for (int m = 0; m < t.rows; ++m) {
        for (int n = 0; n < panel; ++n) {
            acc[m * panel + n] = t.accumulate && n < t.columns ? t.y[m * t.y_row + n] : 0.0F;
        }
    }
    const std::uint8_t* block = t.weights;
    for (std::size_t b = 0; b < t.blocks; ++b, block += bytes) {
        for (std::size_t i = 0; i < bytes; i += 64) {
            _mm_prefetch(reinterpret_cast<const char*>(block + prefetch_ahead + i), _MM_HINT_T0);
        }
        const std::int8_t* x = t.values + b * t.stride * quant_block;
        const float* scales = t.scales + b * t.stride;
        const std::int32_t* sums = t.sums + b * t.stride;
        int m = 0;
        for (; m + rows_at_once <= t.rows; m += rows_at_once) {
            advance<Format, 1, rows_at_once>(block, 0, x + m * 32, scales + m, sums + m,
                                             acc + m * panel);
        }
        switch (t.rows - m) {
        case 1:
            advance<Format, 1, 1>(block, 0, x + m * 32, scales + m, sums + m, acc + m * panel);
            break;
        case 2:
            advance<Format, 1, 2>(block, 0, x + m * 32, scales + m, sums + m, acc + m * panel);
            break;
        default:
            break;
        }
    }
    for (int m = 0; m < t.rows; ++m) {
        for (int n = 0; n < t.columns; ++n) t.y[m * t.y_row + n] = acc[m * panel + n];
    }
}

void quantize(const float* x, std::size_t blocks, std::size_t stride, std::int8_t* values,
              float* scales, std::int32_t* sums) {
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    for (std::size_t b = 0; b < blocks; ++b, x += quant_block) {
        __m256 v[4];
        __m256i top = _mm256_setzero_si256();
        for (int i = 0; i < 4; ++i) {
            v[i] = _mm256_loadu_ps(x + 8 * i);
            top = _mm256_max_epi32(top, _mm256_and_si256(_mm256_castps_si256(v[i]), magnitude));
        }
        __m128i half = _mm_max_epi32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
        half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e));
        half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0xb1));
        const auto bits = static_cast<std::uint32_t>(_mm_cvtsi128_si32(half));
        float scale = 0.0F, inverse_scale = 0.0F;
        const float most = _mm_cvtss_f32(_mm_castsi128_ps(half));
        if (bits >= 0x7f800000U) {
            scale = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(0x7fc00000)));
        } else if (most >= 0x1.0p-100F) {
            scale = most / 127.0F;
            inverse_scale = 127.0F / most;
        }
        std::int8_t* to = values + b * stride * quant_block;
        std::int32_t sum = 0;
        if (inverse_scale == 0.0F) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_setzero_si256());
        } else {
            const __m256 inverse = _mm256_set1_ps(inverse_scale);
            __m256i q[4];
            for (int i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
            const __m256i all =
                _mm256_add_epi32(_mm256_add_epi32(q[0], q[1]), _mm256_add_epi32(q[2], q[3]));
            __m128i s =
                _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
            s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
            s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
            sum = _mm_cvtsi128_si32(s);
            const __m256i bytes =
                _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
            _mm256_storeu_si256(
                reinterpret_cast<__m256i*>(to),
                _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
        }
        scales[b * stride] = scale;
        sums[b * stride] = sum;
    }
}

void widen(const std::uint16_t* x, float* y, std::size_t n) {
    for (std::size_t i = 0; i < n; i += 8) {
        const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i));
        const __m256i wide = _mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16);
        _mm256_storeu_ps(y + i, _mm256_castsi256_ps(wide));
    }
}

} // namespace

const QuantKernels avx2_quant = {tile<Q8>, tile<Q4>, quantize, widen};

} // namespace ol::model::kernels

#pragma GCC pop_options

#endif
