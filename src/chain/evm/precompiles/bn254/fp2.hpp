// Fp2 = Fp[i] / (i^2 + 1). Operators as in fp.hpp.
#pragma once

#include "chain/evm/precompiles/bn254/fp.hpp"

namespace ol::chain::evm::bn254 {

struct Fp2 {
    Fp c0, c1; // c0 + c1 i

    constexpr bool is_zero() const { return c0.is_zero() && c1.is_zero(); }
    constexpr bool operator==(const Fp2&) const = default;
    constexpr Fp2 conjugate() const { return {c0, -c1}; }
    Fp2 inverse() const; // of zero: zero
};

constexpr Fp2 operator+(const Fp2& a, const Fp2& b) { return {a.c0 + b.c0, a.c1 + b.c1}; }
constexpr Fp2 operator-(const Fp2& a, const Fp2& b) { return {a.c0 - b.c0, a.c1 - b.c1}; }
constexpr Fp2 operator-(const Fp2& a) { return {-a.c0, -a.c1}; }
constexpr Fp2 twice(const Fp2& a) { return a + a; }
constexpr Fp2 lazy_add(const Fp2& a, const Fp2& b) {
    return {lazy_add(a.c0, b.c0), lazy_add(a.c1, b.c1)};
}

namespace detail {
constexpr Fp2 multiply_inline(const Fp2& a, const Fp2& b) {
    return {multiply_sum(a.c0, b.c0, a.c1, lazy_negate(b.c1)),
            multiply_sum(a.c0, b.c1, a.c1, b.c0)};
}
// (c0 + c1)(c0 - c1) + 2 c0 c1 i; the factors are below 2p.
constexpr Fp2 square_inline(const Fp2& a) {
    return {lazy_add(a.c0, a.c1) * lazy_add(a.c0, lazy_negate(a.c1)), lazy_add(a.c0, a.c0) * a.c1};
}
Fp2 multiply_at_run_time(const Fp2& a, const Fp2& b);
Fp2 square_at_run_time(const Fp2& a);
} // namespace detail

// `a` may be a lazy sum, `b` may not.
constexpr Fp2 operator*(const Fp2& a, const Fp2& b) {
    if (std::is_constant_evaluated()) return detail::multiply_inline(a, b);
    return detail::multiply_at_run_time(a, b);
}
constexpr Fp2 square(const Fp2& a) {
    if (std::is_constant_evaluated()) return detail::square_inline(a);
    return detail::square_at_run_time(a);
}
constexpr Fp2 operator*(const Fp2& a, const Fp& b) { return {a.c0 * b, a.c1 * b}; }

// xi = 9 + i, which has neither a square nor a cube root in Fp2: the tower and the twist stand on
// it.
inline constexpr Fp2 xi{Fp::of(9), fp_one};
inline constexpr Fp2 fp2_one{fp_one, Fp()};

// a * (9 + i).
constexpr Fp2 multiply_by_xi(const Fp2& a) {
    const Fp2 eight = twice(twice(twice(a)));
    return {eight.c0 + a.c0 - a.c1, eight.c1 + a.c1 + a.c0};
}

template <class F>
constexpr F power(const F& base, const Limbs& exponent, const F& one) {
    F out = one;
    for (int bit = 255; bit >= 0; --bit) {
        out = square(out);
        if ((exponent[bit / 64] >> (bit % 64) & 1) != 0) out = out * base;
    }
    return out;
}

namespace detail {
// (p - 1) / divisor.
constexpr Limbs prime_less_one_over(std::uint64_t divisor) {
    Limbs out{};
    Wide rest = 0;
    for (int i = 3; i >= 0; --i) {
        const Wide value = rest << 64 | (i == 0 ? modulus[0] - 1 : modulus[i]);
        out[i] = static_cast<std::uint64_t>(value / divisor);
        rest = value % divisor;
    }
    return out;
}
} // namespace detail

} // namespace ol::chain::evm::bn254
