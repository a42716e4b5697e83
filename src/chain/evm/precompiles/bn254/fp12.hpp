// The tower above Fp2: Fp6 = Fp2[v] / (v^3 - xi) and Fp12 = Fp6[w] / (w^2 - v).
#pragma once

#include "chain/evm/precompiles/bn254/fp2.hpp"

namespace ol::chain::evm::bn254 {

struct Fp6 {
    Fp2 c0, c1, c2; // c0 + c1 v + c2 v^2

    constexpr bool operator==(const Fp6&) const = default;
    Fp6 inverse() const;
};

Fp6 operator*(const Fp6& a, const Fp6& b);

struct Fp12 {
    Fp6 c0, c1; // c0 + c1 w

    constexpr bool operator==(const Fp12&) const = default;
    // The p^6-th power; the inverse of what lies in the cyclotomic subgroup.
    Fp12 conjugate() const;
    Fp12 inverse() const;
    // The p^n-th power for n = 1, 2, 3.
    Fp12 frobenius() const;
    Fp12 frobenius_2() const;
    Fp12 frobenius_3() const;
};

inline constexpr Fp12 fp12_one{{fp2_one, {}, {}}, {}};

Fp12 operator*(const Fp12& a, const Fp12& b);
Fp12 square(const Fp12& a);
// Of an element of the cyclotomic subgroup: one whose (p^6 + 1)(p^2 - 1)... th power was taken, as
// the easy part of the final exponentiation does (Granger and Scott, eprint 2009/565).
Fp12 cyclotomic_square(const Fp12& a);

// A line of the Miller loop: c0 + c3 w + c4 v w.
struct Line {
    Fp2 c0, c3, c4;
};
Fp12 multiply_by_line(const Fp12& a, const Line& line);
Fp12 multiply_by_lines(const Fp12& a, const Line& first, const Line& second);

// 3 / xi, of the twist y^2 = x^3 + 3 / xi.
extern const Fp2 twist_b;
// xi^((p-1) n / 6): w^(n p) = w^n times this.
extern const Fp2 frobenius_factor[6];

} // namespace ol::chain::evm::bn254
