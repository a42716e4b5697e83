// Points of y^2 = x^3 + b over a field F (Fp for G1, Fp2 for the twist of G2).
#pragma once

#include <type_traits>

#include "chain/evm/precompiles/bn254/fp2.hpp"

namespace ol::chain::evm::bn254 {

template <class F>
struct AffinePoint {
    F x, y; // (0, 0) is the point at infinity, as in EIP-196

    bool is_infinity() const { return x.is_zero() && y.is_zero(); }
    bool operator==(const AffinePoint&) const = default;
    AffinePoint operator-() const { return {x, -y}; }
};

// (x / z^2, y / z^3); infinity for z = 0. The formulas know nothing of b.
template <class F>
struct JacobianPoint {
    F x, y, z;

    bool is_infinity() const { return z.is_zero(); }
    JacobianPoint operator-() const { return {x, -y, z}; }

    AffinePoint<F> to_affine() const {
        if (is_infinity()) return {};
        const F inverse = z.inverse();
        const F inverse_2 = square(inverse);
        return {x * inverse_2, y * (inverse_2 * inverse)};
    }
};

using G1Affine = AffinePoint<Fp>;
using G1Jacobian = JacobianPoint<Fp>;
using G2Affine = AffinePoint<Fp2>;
using G2Jacobian = JacobianPoint<Fp2>;

// "dbl-2009-l" of the Explicit-Formulas Database. No point of either curve has y = 0 (their
// orders are odd). Here and in add(), products that do not wait for each other stand together, so
// that the processor works on two at once.
template <class F>
JacobianPoint<F> twice(const JacobianPoint<F>& p) {
    const F xx = square(p.x);
    const F yy = square(p.y);
    const F yz = p.y * p.z;
    const F s = square(p.x + yy);
    const F m = twice(xx) + xx;
    const F mm = square(m);
    const F yyyy = square(yy);
    const F d = twice(s - xx - yyyy);
    const F x = mm - twice(d);
    return {x, m * (d - x) - twice(twice(twice(yyyy))), twice(yz)};
}

template <class F>
JacobianPoint<F> to_jacobian(const AffinePoint<F>& p) {
    if (p.is_infinity()) return {};
    if constexpr (std::is_same_v<F, Fp>) {
        return {p.x, p.y, fp_one};
    } else {
        return {p.x, p.y, fp2_one};
    }
}

// p + q. Where the sum is not infinity nor a doubling, `ratio` becomes its z over that of p.
template <class F>
JacobianPoint<F> add(const JacobianPoint<F>& p, const AffinePoint<F>& q, F* ratio = nullptr) {
    if (p.is_infinity()) return to_jacobian(q);
    if (q.is_infinity()) return p;
    const F zz = square(p.z);
    const F zzz = zz * p.z;
    const F h = q.x * zz - p.x;
    const F r = q.y * zzz - p.y;
    if (h.is_zero()) return r.is_zero() ? twice(p) : JacobianPoint<F>{};
    if (ratio != nullptr) *ratio = h;
    const F hh = square(h);
    const F rr = square(r);
    const F hhh = hh * h;
    const F v = p.x * hh;
    const F z = p.z * h;
    const F yh = p.y * hhh;
    const F x = rr - hhh - twice(v);
    return {x, r * (v - x) - yh, z};
}

inline constexpr Fp g1_b = Fp::of(3);

inline bool on_curve(const G1Affine& p) { return square(p.y) == square(p.x) * p.x + g1_b; }

// p + q and scalar * p for points of the curve or infinity; any 256-bit scalar, big endian.
G1Affine add(const G1Affine& p, const G1Affine& q);
G1Affine multiply(const G1Affine& p, const std::uint8_t* scalar);

// On the twist y^2 = x^3 + 3 / xi, and in its subgroup of order r.
bool on_twist(const G2Affine& p);
bool in_subgroup(const G2Affine& p); // for points of the twist

// (x, y) -> the twist's image of (x^p, y^p): multiplication by p in the subgroup.
G2Affine frobenius(const G2Affine& p);

} // namespace ol::chain::evm::bn254
