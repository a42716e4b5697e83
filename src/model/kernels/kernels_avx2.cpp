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

// Six rows times a panel, four steps of the chains at a time, in the registers and the order written
// here: a compiler's own unrolling moves accumulators about, and without unrolling the loop's
// counting takes the multiply-adds' place wherever another thread shares the core. Chains are in
// ymm4 to ymm15. A's rows lie apart, each a stream (rows), or beside each other (columns).
#define OL_ROW(a, low, high)                                                                       \
    "vbroadcastss " a ", %%ymm2\n\t"                                                               \
    "vfmadd231ps %%ymm0, %%ymm2, %%ymm" low "\n\tvfmadd231ps %%ymm1, %%ymm2, %%ymm" high "\n\t"
#define OL_STEP(b, b_high, a0, a1, a2, a3, a4, a5)                                                 \
    "vmovups " b "(%[b]), %%ymm0\n\tvmovups " b_high "(%[b]), %%ymm1\n\t" OL_ROW(a0, "4", "5")     \
        OL_ROW(a1, "6", "7") OL_ROW(a2, "8", "9") OL_ROW(a3, "10", "11") OL_ROW(a4, "12", "13")    \
            OL_ROW(a5, "14", "15")
#define OL_ROWS(a, b, b_high)                                                                      \
    OL_STEP(b, b_high, a "(%[a])", a "(%[a],%[r],1)", a "(%[a],%[r],2)", a "(%[a],%[r3],1)",       \
            a "(%[a],%[r],4)", a "(%[a],%[r5],1)")
#define OL_COLUMNS(b, b_high)                                                                      \
    OL_STEP(b, b_high, "(%[a])", "4(%[a])", "8(%[a])", "12(%[a])", "16(%[a])", "20(%[a])")         \
    "prefetcht0 (%[a],%[r3],8)\n\tadd %[r], %[a]\n\t"
#define OL_ADD(what, to) "add " what ", %[" to "]\n\t"
#define OL_C_ROW(move_low, move_high) move_low move_high OL_ADD("%[cr]", "c")
#define OL_LOAD(low, high)                                                                         \
    OL_C_ROW("vmovups (%[c]), %%ymm" low "\n\t", "vmovups 32(%[c]), %%ymm" high "\n\t")
#define OL_STORE(low, high)                                                                        \
    OL_C_ROW("vmovups %%ymm" low ", (%[c])\n\t", "vmovups %%ymm" high ", 32(%[c])\n\t")
#define OL_ZERO(low, high)                                                                         \
    "vxorps %%ymm" low ", %%ymm" low ", %%ymm" low "\n\tvxorps %%ymm" high ", %%ymm" high          \
    ", %%ymm" high "\n\t"
#define OL_CLAIM(low, high) OL_C_ROW("prefetchw (%[c])\n\t", "")
#define OL_EACH(what)                                                                              \
    what("4", "5") what("6", "7") what("8", "9") what("10", "11") what("12", "13") what("14", "15")
// four: the loop's body, which moves a and b; one: that of a single step.
#define OL_TILE(four, one)                                                                         \
    asm volatile("cmpb $0, %[more]\n\tje 1f\n\t" OL_EACH(OL_LOAD) OL_ADD("%[back]", "c")           \
                 "jmp 2f\n\t"                                                                      \
                 "1:\n\t" OL_EACH(OL_CLAIM) OL_ADD("%[back]", "c") OL_EACH(OL_ZERO)                                                         \
                 "2:\n\ttest %[fours], %[fours]\n\tje 4f\n\t.p2align 5\n\t"                        \
                 "3:\n\t" four "dec %[fours]\n\tjne 3b\n\t"                                        \
                 "4:\n\ttest %[ones], %[ones]\n\tje 6f\n\t"                                        \
                 "5:\n\t" one "dec %[ones]\n\tjne 5b\n\t"                                          \
                 "6:\n\t" OL_EACH(OL_STORE) "vzeroupper"                                           \
                 : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [fours] "+r"(fours), [ones] "+r"(ones)   \
                 : [r] "r"(row), [r3] "r"(3 * row), [r5] "r"(5 * row), [s] "r"(step),              \
                   [cr] "r"(c_row), [back] "g"(-6 * c_row), [more] "m"(t.accumulate)               \
                 : "memory", "cc", "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", \
                   "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15")

template <class B, int Rows, int Panels, bool Whole>
void run_chains(const Tile& t, const B* b, float* first, int columns);

[[gnu::noinline]] void whole_tile(const Tile& t, const float* b, float* c) {
    const float* a = t.a;
    std::size_t fours = t.depth / 4, ones = t.depth % 4;
    const std::ptrdiff_t c_row = t.c_row * 4;
    std::ptrdiff_t row = t.a_row * 4, step = t.b_step * 4;
    if (t.a_step == 1 && t.b_step == panel) {
        OL_TILE(OL_ROWS("0", "0", "32") OL_ROWS("4", "64", "96") OL_ROWS("8", "128", "160")
                    OL_ROWS("12", "192", "224") OL_ADD("$16", "a") OL_ADD("$256", "b"),
                OL_ROWS("0", "0", "32") OL_ADD("$4", "a") OL_ADD("$64", "b"));
    } else if (t.a_step == 1) {
        OL_TILE(OL_ROWS("0", "0", "32") OL_ADD("%[s]", "b") OL_ROWS("4", "0", "32")
                    OL_ADD("%[s]", "b") OL_ROWS("8", "0", "32") OL_ADD("%[s]", "b")
                        OL_ROWS("12", "0", "32") OL_ADD("%[s]", "b") OL_ADD("$16", "a"),
                OL_ROWS("0", "0", "32") OL_ADD("$4", "a") OL_ADD("%[s]", "b"));
    } else if (t.a_row == 1 && t.b_step == panel) {
        row = t.a_step * 4;
        OL_TILE(OL_COLUMNS("0", "32") OL_COLUMNS("64", "96") OL_COLUMNS("128", "160")
                    OL_COLUMNS("192", "224") OL_ADD("$256", "b"),
                OL_COLUMNS("0", "32") OL_ADD("$64", "b"));
    } else if (t.a_row == 1) {
        row = t.a_step * 4;
        OL_TILE(OL_COLUMNS("0", "32") OL_ADD("%[s]", "b") OL_COLUMNS("0", "32")
                    OL_ADD("%[s]", "b") OL_COLUMNS("0", "32") OL_ADD("%[s]", "b")
                        OL_COLUMNS("0", "32") OL_ADD("%[s]", "b"),
                OL_COLUMNS("0", "32") OL_ADD("%[s]", "b"));
    } else {
        run_chains<float, tile_rows, 1, true>(t, b, c, panel);
    }
}

#undef OL_TILE
#undef OL_EACH
#undef OL_ZERO
#undef OL_STORE
#undef OL_LOAD
#undef OL_C_ROW
#undef OL_ADD
#undef OL_COLUMNS
#undef OL_ROWS
#undef OL_STEP
#undef OL_ROW

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
