#include "chain/evm/precompiles/bn254/curve.hpp"
#include "chain/evm/precompiles/bn254/fp12.hpp"
#include "chain/evm/precompiles/bn254/signed_digits.hpp"

namespace ol::chain::evm::bn254 {

namespace {

constexpr SignedDigits<66, 1> u_digits({curve_u}, 2);

G2Affine times_u(const G2Affine& q) {
    const G2Affine minus_q = -q;
    G2Jacobian sum = to_jacobian(q);
    for (int i = u_digits.size - 2; i >= 0; --i) {
        sum = twice(sum);
        if (u_digits.digit[i] != 0) sum = add(sum, u_digits.digit[i] > 0 ? q : minus_q);
    }
    return sum.to_affine();
}

} // namespace

bool on_twist(const G2Affine& p) { return square(p.y) == square(p.x) * p.x + twist_b; }

// The untwisted point is (x w^2, y w^3), and w^(n p) = gamma_n w^n.
G2Affine frobenius(const G2Affine& p) {
    return {p.x.conjugate() * frobenius_factor[2], p.y.conjugate() * frobenius_factor[3]};
}

// With psi for frobenius(): q is in the subgroup of order r exactly when
//     (u + 1) q + psi(u q) + psi^2(u q) = psi^3(2u q)
// (El Housni, Guillevic, Piellard, eprint 2022/352). psi satisfies psi^2 - t psi + p = 0 on the
// twist, so the left side less the right is N q for a multiple N of r whose other factors are
// coprime to the twist's order; the tests check that with whole numbers.
bool in_subgroup(const G2Affine& q) {
    if (q.is_infinity()) return true;
    const G2Affine uq = times_u(q);
    const G2Affine once = frobenius(uq);
    const G2Affine two = frobenius(once);
    const G2Affine minus_thrice = -frobenius(two);
    G2Jacobian sum = add(to_jacobian(uq), q);
    sum = add(sum, once);
    sum = add(sum, two);
    sum = add(sum, minus_thrice);
    sum = add(sum, minus_thrice);
    return sum.is_infinity();
}

} // namespace ol::chain::evm::bn254
