#include "model/kernels/kernels.hpp"
#include "model/kernels/quant_internal.hpp"
#include "model/kernels/train_kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#pragma GCC optimize("O3")

namespace ol::model::kernels {
namespace {

using F8 = __m256;

inline F8 load(const float* p) { return _mm256_loadu_ps(p); }
inline F8 load(const std::uint16_t* bf16) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bf16));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
inline void store(float* p, F8 v) { _mm256_storeu_ps(p, v); }
inline F8 set(float x) { return _mm256_set1_ps(x); }
inline F8 add(F8 a, F8 b) { return _mm256_add_ps(a, b); }
inline F8 sub(F8 a, F8 b) { return _mm256_sub_ps(a, b); }
inline F8 mul(F8 a, F8 b) { return _mm256_mul_ps(a, b); }
inline F8 div(F8 a, F8 b) { return _mm256_div_ps(a, b); }
inline F8 min(F8 a, F8 b) { return _mm256_min_ps(a, b); }
inline F8 max(F8 a, F8 b) { return _mm256_max_ps(a, b); }
inline F8 fma(F8 a, F8 b, F8 c) { return _mm256_fmadd_ps(a, b, c); }
inline F8 square_root(F8 a) { return _mm256_sqrt_ps(a); }
inline float square_root(float a) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a))); }
inline F8 power_of_two(F8 n) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
// v, but 0 in lanes where x < limit.
inline F8 zero_where_less(F8 v, F8 x, F8 limit) {
    return _mm256_andnot_ps(_mm256_cmp_ps(x, limit, _CMP_LT_OQ), v);
}

#include "model/kernels/avx2_tile.inc"
#include "model/kernels/lane_kernels.inc"
#include "model/kernels/lane_train.inc"

} // namespace

const Table* avx2_table() {
    static constexpr Table table = make_table("avx2", &avx2_quant);
    return &table;
}

const TrainTable* avx2_train_table() {
    static constexpr TrainTable table = make_train_table();
    return &table;
}

} // namespace ol::model::kernels

#pragma GCC pop_options

#else

namespace ol::model::kernels {
const Table* avx2_table() { return nullptr; }
const TrainTable* avx2_train_table() { return nullptr; }
} // namespace ol::model::kernels

#endif
