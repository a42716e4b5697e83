// The group of bn254. Multiplication splits the scalar with the endomorphism (x, y) -> (beta x, y)
// = lambda (x, y) (Gallant, Lambert, Vanstone, CRYPTO 2001) and walks both halves at once.
#include <algorithm>

#include "chain/evm/precompiles/bn254/curve.hpp"
#include "chain/evm/precompiles/bn254/signed_digits.hpp"

namespace ol::chain::evm::bn254 {

namespace {

// The order of the group.
constexpr Limbs order{0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d,
                      0x30644e72e131a029};

// lambda^2 + lambda + 1 = 0 modulo the order r. The vectors (a1, b1) and (a2, -b2) with
// a + b lambda = 0 modulo r generate the lattice of all such pairs: a1 b2 + a2 b1 = r.
constexpr Wide u1 = curve_u;
constexpr Wide u2 = u1 * u1;
constexpr Wide a1 = 6 * u2 + 4 * u1 + 1;
constexpr std::uint64_t b1 = 2 * curve_u + 1;
constexpr std::uint64_t a2 = b1;
constexpr Wide b2 = 6 * u2 + 2 * u1;

constexpr Limbs limbs_of(Wide a) {
    return {static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(a >> 64), 0, 0};
}

// 2^256 a / r, rounded down, for a below r.
constexpr Limbs over_order(const Limbs& a) {
    Limbs rest = a;
    Limbs quotient{};
    for (int i = 0; i < 256; ++i) {
        rest = detail::plain_add(rest, rest);
        quotient = detail::plain_add(quotient, quotient);
        Limbs reduced{};
        if (!detail::subtract(reduced, rest, order)) {
            rest = reduced;
            quotient[0] |= 1;
        }
    }
    return quotient;
}
constexpr Limbs b1_over_order = over_order({b1, 0, 0, 0});
constexpr Limbs b2_over_order = over_order(limbs_of(b2));

std::array<std::uint64_t, 8> multiply_wide(const Limbs& a, const Limbs& b) {
    std::array<std::uint64_t, 8> out{};
    for (int i = 0; i < 4; ++i) {
        std::uint64_t carry = 0;
        for (int j = 0; j < 4; ++j) {
            const Wide sum = static_cast<Wide>(a[i]) * b[j] + out[i + j] + carry;
            out[i + j] = static_cast<std::uint64_t>(sum);
            carry = static_cast<std::uint64_t>(sum >> 64);
        }
        out[i + 4] = carry;
    }
    return out;
}

// a * b modulo 2^256.
Limbs multiply_low(const Limbs& a, const Limbs& b) {
    const auto wide = multiply_wide(a, b);
    return {wide[0], wide[1], wide[2], wide[3]};
}

// a * b / 2^256.
Limbs multiply_high(const Limbs& a, const Limbs& b) {
    const auto wide = multiply_wide(a, b);
    return {wide[4], wide[5], wide[6], wide[7]};
}

constexpr int window = 5;
// Halves are below 2^130: a1 + a2 below 2^127, times the errors of two roundings.
using Digits = SignedDigits<136, 4>;

struct Half {
    Digits digits;
    bool negative;
};

Half half_of(Limbs a) {
    const bool negative = (a[3] >> 63) != 0;
    if (negative) {
        const Limbs positive = a;
        detail::subtract(a, Limbs{}, positive);
    }
    return {Digits(a, window), negative};
}

// k = first + second * lambda modulo r: k less the lattice point near it.
void split(const Limbs& k, Half& first, Half& second) {
    const Limbs x = multiply_high(k, b2_over_order);
    const Limbs y = multiply_high(k, b1_over_order);
    Limbs k1 = k;
    detail::subtract(k1, k1, multiply_low(x, limbs_of(a1)));
    detail::subtract(k1, k1, multiply_low(y, {a2, 0, 0, 0}));
    Limbs k2 = multiply_low(y, limbs_of(b2));
    detail::subtract(k2, k2, multiply_low(x, {b1, 0, 0, 0}));
    first = half_of(k1);
    second = half_of(k2);
}

// The cube root of unity that belongs to lambda = 36u^3 + 18u^2 + 6u + 1.
constexpr Fp beta = square(power(Fp::of(3), detail::prime_less_one_over(3), fp_one));

constexpr int table_size = 1 << (window - 2);

// p, 3p, 5p, ... as affine points of an isomorphic curve: (x z^2, y z^3) for one z, which is what
// it costs no inversion to find.
struct OddMultiples {
    std::array<G1Affine, table_size> point;
    Fp z;

    explicit OddMultiples(const G1Affine& p) {
        // On the curve where 2p is affine.
        const G1Jacobian two = twice(to_jacobian(p));
        const Fp zz = square(two.z);
        const G1Affine step{two.x, two.y};
        G1Jacobian sum{p.x * zz, p.y * (zz * two.z), fp_one};
        std::array<Fp, table_size> ratio;
        point[0] = {sum.x, sum.y};
        for (int i = 1; i < table_size; ++i) {
            sum = add(sum, step, &ratio[i]);
            point[i] = {sum.x, sum.y};
        }
        // All to the last one's z.
        Fp scale = fp_one;
        for (int i = table_size - 2; i >= 0; --i) {
            scale = scale * ratio[i + 1];
            const Fp scale_2 = square(scale);
            point[i] = {point[i].x * scale_2, point[i].y * (scale_2 * scale)};
        }
        z = sum.z * two.z;
    }
};

} // namespace

G1Affine add(const G1Affine& p, const G1Affine& q) {
    if (p.is_infinity()) return q;
    if (q.is_infinity()) return p;
    Fp slope;
    if (p.x == q.x) {
        if (!(p.y == q.y)) return {};
        const Fp xx = square(p.x);
        slope = (twice(xx) + xx) * twice(p.y).inverse();
    } else {
        slope = (q.y - p.y) * (q.x - p.x).inverse();
    }
    const Fp x = square(slope) - p.x - q.x;
    return {x, slope * (p.x - x) - p.y};
}

G1Affine multiply(const G1Affine& p, const std::uint8_t* scalar) {
    Limbs k;
    for (int i = 0; i < 4; ++i) k[i] = get_be64(scalar + 8 * (3 - i));
    for (Limbs reduced; !detail::subtract(reduced, k, order);) k = reduced;
    if (p.is_infinity()) return {};

    Half first{Digits({}, window), false}, second{Digits({}, window), false};
    split(k, first, second);
    const OddMultiples multiples(p);
    std::array<Fp, table_size> beta_x;
    for (int i = 0; i < table_size; ++i) beta_x[i] = multiples.point[i].x * beta;

    G1Jacobian sum;
    const auto add_digit = [&](int digit, bool negative, bool endomorphism) {
        if (digit == 0) return;
        const int index = (digit < 0 ? -digit : digit) / 2;
        G1Affine term = multiples.point[index];
        if (endomorphism) term.x = beta_x[index];
        if ((digit < 0) != negative) term.y = -term.y;
        sum = add(sum, term);
    };
    for (int i = std::max(first.digits.size, second.digits.size) - 1; i >= 0; --i) {
        sum = twice(sum);
        add_digit(first.digits.digit[i], first.negative, false);
        add_digit(second.digits.digit[i], second.negative, true);
    }
    sum.z = sum.z * multiples.z;
    return sum.to_affine();
}

} // namespace ol::chain::evm::bn254
