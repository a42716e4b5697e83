// Montgomery multiplication with mulx and the two carry chains of adcx and adox. The compiler's
// code for 128-bit integers keeps one chain and takes longer.
#include "chain/evm/precompiles/bn254/fp_x86.hpp"

#if defined(__x86_64__)

namespace ol::chain::evm::bn254::detail {

const bool has_adx = __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("adx");

// The modulus and, behind it, its factor: one pointer for both.
const std::uint64_t constants[5] = {modulus[0], modulus[1], modulus[2], modulus[3],
                                    montgomery_factor};

// Operands: t0..t4 the accumulator, lo and hi for products, rdx the multiplier; the pointers a, b,
// c, d and p (the constants). With the stack's and the frame's pointers that leaves one register,
// which sanitizers take.

// One product into the accumulator: lo along the chain of CF, hi along the chain of OF.
#define OL_TERM(y, low, high)                                                                      \
    "mulxq " y ", %[lo], %[hi]\n\t"                                                                \
    "adcxq %[lo], %[" low "]\n\t"                                                                  \
    "adoxq %[hi], %[" high "]\n\t"

// t += rdx * (y0, y1, y2, y3). The sum fits five limbs (fp_portable.hpp), so that after the last
// high half both chains end in t4.
#define OL_ROW(y0, y1, y2, y3, t0, t1, t2, t3, t4)                                                 \
    "xorl %k[lo], %k[lo]\n\t" OL_TERM(y0, t0, t1) OL_TERM(y1, t1, t2) OL_TERM(y2, t2, t3)          \
        OL_TERM(y3, t3, t4) "movl $0, %k[lo]\n\t"                                                  \
                            "adcxq %[lo], %[" t4 "]\n\t"

// t += x[i] * y, for the limb of x at byte `at`.
#define OL_PRODUCT(x, at, y, t0, t1, t2, t3, t4)                                                   \
    "movq " at "(%[" x "]), %%rdx\n\t" OL_ROW("(%[" y "])", "8(%[" y "])", "16(%[" y "])",         \
                                              "24(%[" y "])", t0, t1, t2, t3, t4)

// t = x[0] * y.
#define OL_FIRST_PRODUCT(x, y)                                                                     \
    "movq (%[" x "]), %%rdx\n\t"                                                                   \
    "mulxq (%[" y "]), %[t0], %[t1]\n\t"                                                           \
    "mulxq 8(%[" y "]), %[lo], %[t2]\n\t"                                                          \
    "addq %[lo], %[t1]\n\t"                                                                        \
    "mulxq 16(%[" y "]), %[lo], %[t3]\n\t"                                                         \
    "adcq %[lo], %[t2]\n\t"                                                                        \
    "mulxq 24(%[" y "]), %[lo], %[t4]\n\t"                                                         \
    "adcq %[lo], %[t3]\n\t"                                                                        \
    "adcq $0, %[t4]\n\t"

// t += m * p with the m that makes t0 zero: t0 is the next row's t4.
#define OL_REDUCE(t0, t1, t2, t3, t4)                                                              \
    "movq %[" t0 "], %%rdx\n\t"                                                                    \
    "imulq 32(%[p]), %%rdx\n\t" OL_ROW("(%[p])", "8(%[p])", "16(%[p])", "24(%[p])", t0, t1, t2,    \
                                       t3, t4)

// r0..r3 (below 2p) to below p; `free` is overwritten.
#define OL_REDUCE_ONCE(r0, r1, r2, r3, free)                                                       \
    "movq %[" r0 "], %[lo]\n\t"                                                                    \
    "movq %[" r1 "], %[hi]\n\t"                                                                    \
    "movq %[" r2 "], %%rdx\n\t"                                                                    \
    "movq %[" r3 "], %[" free "]\n\t"                                                              \
    "subq (%[p]), %[lo]\n\t"                                                                       \
    "sbbq 8(%[p]), %[hi]\n\t"                                                                      \
    "sbbq 16(%[p]), %%rdx\n\t"                                                                     \
    "sbbq 24(%[p]), %[" free "]\n\t"                                                               \
    "cmovncq %[lo], %[" r0 "]\n\t"                                                                 \
    "cmovncq %[hi], %[" r1 "]\n\t"                                                                 \
    "cmovncq %%rdx, %[" r2 "]\n\t"                                                                 \
    "cmovncq %[" free "], %[" r3 "]\n\t"

// clang-format off
Limbs adx_multiply(const Limbs& a, const Limbs& b) {
    std::uint64_t t0, t1, t2, t3, t4, lo, hi;
    asm(OL_FIRST_PRODUCT("a", "b")
        OL_REDUCE("t0", "t1", "t2", "t3", "t4")
        OL_PRODUCT("a", "8", "b", "t1", "t2", "t3", "t4", "t0")
        OL_REDUCE("t1", "t2", "t3", "t4", "t0")
        OL_PRODUCT("a", "16", "b", "t2", "t3", "t4", "t0", "t1")
        OL_REDUCE("t2", "t3", "t4", "t0", "t1")
        OL_PRODUCT("a", "24", "b", "t3", "t4", "t0", "t1", "t2")
        OL_REDUCE("t3", "t4", "t0", "t1", "t2")
        OL_REDUCE_ONCE("t4", "t0", "t1", "t2", "t3")
        : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4),
          [lo] "=&r"(lo), [hi] "=&r"(hi)
        : [a] "r"(a.data()), [b] "r"(b.data()), [p] "r"(constants)
        : "rdx", "cc", "memory");
    return {t4, t0, t1, t2};
}

Limbs adx_multiply_sum(const Limbs& a, const Limbs& b, const Limbs& c, const Limbs& d) {
    std::uint64_t t0, t1, t2, t3, t4, lo, hi;
    asm(OL_FIRST_PRODUCT("a", "b")
        OL_PRODUCT("c", "0", "d", "t0", "t1", "t2", "t3", "t4")
        OL_REDUCE("t0", "t1", "t2", "t3", "t4")
        OL_PRODUCT("a", "8", "b", "t1", "t2", "t3", "t4", "t0")
        OL_PRODUCT("c", "8", "d", "t1", "t2", "t3", "t4", "t0")
        OL_REDUCE("t1", "t2", "t3", "t4", "t0")
        OL_PRODUCT("a", "16", "b", "t2", "t3", "t4", "t0", "t1")
        OL_PRODUCT("c", "16", "d", "t2", "t3", "t4", "t0", "t1")
        OL_REDUCE("t2", "t3", "t4", "t0", "t1")
        OL_PRODUCT("a", "24", "b", "t3", "t4", "t0", "t1", "t2")
        OL_PRODUCT("c", "24", "d", "t3", "t4", "t0", "t1", "t2")
        OL_REDUCE("t3", "t4", "t0", "t1", "t2")
        OL_REDUCE_ONCE("t4", "t0", "t1", "t2", "t3")
        : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4),
          [lo] "=&r"(lo), [hi] "=&r"(hi)
        : [a] "r"(a.data()), [b] "r"(b.data()), [c] "r"(c.data()), [d] "r"(d.data()),
          [p] "r"(constants)
        : "rdx", "cc", "memory");
    return {t4, t0, t1, t2};
}
// clang-format on

} // namespace ol::chain::evm::bn254::detail

#endif
