// Arithmetic modulo the prime of bn254 in plain C++, also at compile time: four limbs, least
// significant first; products are Montgomery's, a*b / 2^256.
#pragma once

#include <array>
#include <cstdint>

namespace ol::chain::evm::bn254 {

using Limbs = std::array<std::uint64_t, 4>;
using Wide = unsigned __int128;

// p = 36u^4 + 36u^3 + 24u^2 + 6u + 1 with the curve's parameter u.
inline constexpr std::uint64_t curve_u = 4965661367192848881;
inline constexpr Limbs modulus{0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d,
                               0x30644e72e131a029};

namespace detail {

// out = a - b; whether it borrowed.
constexpr bool subtract(Limbs& out, const Limbs& a, const Limbs& b) {
    bool borrow = false;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        const Wide difference = static_cast<Wide>(a[i]) - b[i] - borrow;
        out[i] = static_cast<std::uint64_t>(difference);
        borrow = (difference >> 64) != 0;
    }
    return borrow;
}

// Below 2p -> below p.
constexpr Limbs reduce_once(const Limbs& a) {
    Limbs reduced;
    return subtract(reduced, a, modulus) ? a : reduced;
}

// Without reduction.
constexpr Limbs plain_add(const Limbs& a, const Limbs& b) {
    Limbs out;
    std::uint64_t carry = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        const Wide sum = static_cast<Wide>(a[i]) + b[i] + carry;
        out[i] = static_cast<std::uint64_t>(sum);
        carry = static_cast<std::uint64_t>(sum >> 64);
    }
    return out;
}

// -p^-1 mod 2^64, by Newton's iteration.
constexpr std::uint64_t negative_inverse() {
    std::uint64_t inverse = 1;
    for (int i = 0; i < 6; ++i) inverse *= 2 - modulus[0] * inverse;
    return -inverse;
}
inline constexpr std::uint64_t montgomery_factor = negative_inverse();

constexpr void multiply_add(std::array<std::uint64_t, 5>& t, std::uint64_t x, const Limbs& y) {
    std::uint64_t carry = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        const Wide product = static_cast<Wide>(x) * y[i] + t[i] + carry;
        t[i] = static_cast<std::uint64_t>(product);
        carry = static_cast<std::uint64_t>(product >> 64);
    }
    t[4] += carry;
}

// Montgomery reduction by one limb. p is below 2^254, so sums of these steps never pass five limbs.
constexpr void reduce_step(std::array<std::uint64_t, 5>& t) {
    multiply_add(t, t[0] * montgomery_factor, modulus);
    t = {t[1], t[2], t[3], t[4], 0};
}

// (a*b) / 2^256 mod p for a*b <= 5 p^2.
constexpr Limbs portable_multiply(const Limbs& a, const Limbs& b) {
    std::array<std::uint64_t, 5> t{};
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        multiply_add(t, a[i], b);
        reduce_step(t);
    }
    return reduce_once({t[0], t[1], t[2], t[3]});
}

// (a*b + c*d) / 2^256 mod p for a*b + c*d <= 5 p^2, b and d at most 2p.
constexpr Limbs portable_multiply_sum(const Limbs& a, const Limbs& b, const Limbs& c,
                                      const Limbs& d) {
    std::array<std::uint64_t, 5> t{};
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        multiply_add(t, a[i], b);
        multiply_add(t, c[i], d);
        reduce_step(t);
    }
    return reduce_once({t[0], t[1], t[2], t[3]});
}

} // namespace detail
} // namespace ol::chain::evm::bn254
