// The arithmetic of fp_portable.hpp for x86-64. The compiler's code for 128-bit integers takes two
// to four times as long.
#pragma once

#if defined(__x86_64__)

#include "chain/evm/precompiles/bn254/fp_portable.hpp"

namespace ol::chain::evm::bn254::detail {

// Whether the processor has mulx, adcx and adox.
extern const bool has_adx;
Limbs adx_multiply(const Limbs& a, const Limbs& b);
Limbs adx_multiply_sum(const Limbs& a, const Limbs& b, const Limbs& c, const Limbs& d);

inline Limbs x86_plain_add(const Limbs& a, const Limbs& b) {
    std::uint64_t r0 = a[0], r1 = a[1], r2 = a[2], r3 = a[3];
    asm("addq %[b0], %[r0]\n\t"
        "adcq %[b1], %[r1]\n\t"
        "adcq %[b2], %[r2]\n\t"
        "adcq %[b3], %[r3]\n\t"
        : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3)
        : [b0] "rm"(b[0]), [b1] "rm"(b[1]), [b2] "rm"(b[2]), [b3] "rm"(b[3])
        : "cc");
    return {r0, r1, r2, r3};
}

// a + b mod p.
inline Limbs x86_add(const Limbs& a, const Limbs& b) {
    std::uint64_t r0 = a[0], r1 = a[1], r2 = a[2], r3 = a[3], s0, s1, s2, s3;
    asm("addq %[b0], %[r0]\n\t"
        "adcq %[b1], %[r1]\n\t"
        "adcq %[b2], %[r2]\n\t"
        "adcq %[b3], %[r3]\n\t"
        "movq %[r0], %[s0]\n\t"
        "movq %[r1], %[s1]\n\t"
        "movq %[r2], %[s2]\n\t"
        "movq %[r3], %[s3]\n\t"
        "subq %[p0], %[s0]\n\t"
        "sbbq %[p1], %[s1]\n\t"
        "sbbq %[p2], %[s2]\n\t"
        "sbbq %[p3], %[s3]\n\t"
        "cmovncq %[s0], %[r0]\n\t"
        "cmovncq %[s1], %[r1]\n\t"
        "cmovncq %[s2], %[r2]\n\t"
        "cmovncq %[s3], %[r3]\n\t"
        : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3), [s0] "=&r"(s0),
          [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3)
        : [b0] "rm"(b[0]), [b1] "rm"(b[1]), [b2] "rm"(b[2]), [b3] "rm"(b[3]), [p0] "m"(modulus[0]),
          [p1] "m"(modulus[1]), [p2] "m"(modulus[2]), [p3] "m"(modulus[3])
        : "cc");
    return {r0, r1, r2, r3};
}

// a - b mod p.
inline Limbs x86_subtract(const Limbs& a, const Limbs& b) {
    std::uint64_t r0 = a[0], r1 = a[1], r2 = a[2], r3 = a[3];
    std::uint64_t s0 = modulus[0], s1 = modulus[1], s2 = modulus[2], s3 = modulus[3];
    const std::uint64_t zero = 0;
    asm("subq %[b0], %[r0]\n\t"
        "sbbq %[b1], %[r1]\n\t"
        "sbbq %[b2], %[r2]\n\t"
        "sbbq %[b3], %[r3]\n\t"
        "cmovncq %[zero], %[s0]\n\t"
        "cmovncq %[zero], %[s1]\n\t"
        "cmovncq %[zero], %[s2]\n\t"
        "cmovncq %[zero], %[s3]\n\t"
        "addq %[s0], %[r0]\n\t"
        "adcq %[s1], %[r1]\n\t"
        "adcq %[s2], %[r2]\n\t"
        "adcq %[s3], %[r3]\n\t"
        : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3), [s0] "+&r"(s0),
          [s1] "+&r"(s1), [s2] "+&r"(s2), [s3] "+&r"(s3)
        : [b0] "rm"(b[0]), [b1] "rm"(b[1]), [b2] "rm"(b[2]), [b3] "rm"(b[3]), [zero] "rm"(zero)
        : "cc");
    return {r0, r1, r2, r3};
}

} // namespace ol::chain::evm::bn254::detail

#endif
