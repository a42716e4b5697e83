// Inversion modulo p by the divsteps of Bernstein and Yang ("Fast constant-time gcd computation and
// modular inversion", 2019), in batches of 62 steps and in variable time, which public values
// allow.
//
// f = p and g = x shrink to f = +-1 and g = 0 by steps that look at their low bits alone; a batch
// is a 2x2 matrix of 62-bit integers over 2^62. d and e follow so that f = d*x and g = e*x modulo
// p.
#include <bit>
#include <utility>

#include "chain/evm/precompiles/bn254/fp.hpp"

namespace ol::chain::evm::bn254 {

namespace {

using Signed = __int128;
constexpr std::uint64_t low_62 = (std::uint64_t{1} << 62) - 1;

// A signed number of five digits of 62 bits; all but the last are in [0, 2^62).
using Digits = std::array<std::int64_t, 5>;

constexpr Digits to_digits(const Limbs& a) {
    return {static_cast<std::int64_t>(a[0] & low_62),
            static_cast<std::int64_t>((a[0] >> 62 | a[1] << 2) & low_62),
            static_cast<std::int64_t>((a[1] >> 60 | a[2] << 4) & low_62),
            static_cast<std::int64_t>((a[2] >> 58 | a[3] << 6) & low_62),
            static_cast<std::int64_t>(a[3] >> 56)};
}

constexpr Limbs to_limbs(const Digits& a) {
    const auto digit = [&](int i) { return static_cast<std::uint64_t>(a[i]); };
    return {digit(0) | digit(1) << 62, digit(1) >> 2 | digit(2) << 60,
            digit(2) >> 4 | digit(3) << 58, digit(3) >> 6 | digit(4) << 56};
}

constexpr Digits prime = to_digits(modulus);
// p^-1 mod 2^62.
constexpr std::uint64_t prime_inverse = -detail::montgomery_factor & low_62;

// A batch of 62 steps: 2^62 * (f, g) after it = (u f + v g, q f + r g) before it.
struct Matrix {
    std::int64_t u, v, q, r;
};

// `eta` is minus the delta of the paper. f and g are the low 64 bits; f is odd.
Matrix divsteps(std::int64_t& eta, std::uint64_t f, std::uint64_t g) {
    std::uint64_t u = 1, v = 0, q = 0, r = 1;
    int left = 62;
    for (;;) {
        // An even g is halved: all such steps at once.
        const int zeros = std::countr_zero(g | ~std::uint64_t{0} << left);
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= zeros;
        left -= zeros;
        if (left == 0) break;
        if (eta < 0) {
            eta = -eta;
            f = std::exchange(g, -f);
            u = std::exchange(q, -u);
            v = std::exchange(r, -v);
        }
        // Up to eta + 1 steps need no exchange: the multiple of f that clears that many bits of g
        // stands for them, six at most with f^-1 = f (2 - f^2) modulo 64.
        const int steps = eta + 1 < left ? static_cast<int>(eta) + 1 : left;
        const std::uint64_t mask = ~std::uint64_t{0} >> (64 - (steps < 6 ? steps : 6));
        const std::uint64_t w = f * g * (f * f - 2) & mask;
        g += f * w;
        q += u * w;
        r += v * w;
    }
    return {static_cast<std::int64_t>(u), static_cast<std::int64_t>(v),
            static_cast<std::int64_t>(q), static_cast<std::int64_t>(r)};
}

// (f, g) by the matrix, over 2^62; the division is exact.
void apply(const Matrix& m, Digits& f, Digits& g) {
    Signed cf = static_cast<Signed>(m.u) * f[0] + static_cast<Signed>(m.v) * g[0];
    Signed cg = static_cast<Signed>(m.q) * f[0] + static_cast<Signed>(m.r) * g[0];
    cf >>= 62;
    cg >>= 62;
#pragma GCC unroll 4
    for (int i = 1; i < 5; ++i) {
        cf += static_cast<Signed>(m.u) * f[i] + static_cast<Signed>(m.v) * g[i];
        cg += static_cast<Signed>(m.q) * f[i] + static_cast<Signed>(m.r) * g[i];
        f[i - 1] = static_cast<std::int64_t>(static_cast<std::uint64_t>(cf) & low_62);
        g[i - 1] = static_cast<std::int64_t>(static_cast<std::uint64_t>(cg) & low_62);
        cf >>= 62;
        cg >>= 62;
    }
    f[4] = static_cast<std::int64_t>(cf);
    g[4] = static_cast<std::int64_t>(cg);
}

// (d, e) by the matrix, over 2^62 modulo p: multiples of p make the division exact. Both stay in
// (-2p, p).
void apply_modular(const Matrix& m, Digits& d, Digits& e) {
    // A negative d or e counts as itself plus p.
    const std::int64_t negative_d = d[4] >> 63;
    const std::int64_t negative_e = e[4] >> 63;
    std::int64_t md = (m.u & negative_d) + (m.v & negative_e);
    std::int64_t me = (m.q & negative_d) + (m.r & negative_e);
    Signed cd = static_cast<Signed>(m.u) * d[0] + static_cast<Signed>(m.v) * e[0];
    Signed ce = static_cast<Signed>(m.q) * d[0] + static_cast<Signed>(m.r) * e[0];
    const auto clearing = [](Signed sum, std::int64_t multiple) {
        const std::uint64_t wanted =
            prime_inverse * static_cast<std::uint64_t>(sum) + static_cast<std::uint64_t>(multiple);
        return multiple - static_cast<std::int64_t>(wanted & low_62);
    };
    md = clearing(cd, md);
    me = clearing(ce, me);
    cd += static_cast<Signed>(prime[0]) * md;
    ce += static_cast<Signed>(prime[0]) * me;
    cd >>= 62;
    ce >>= 62;
#pragma GCC unroll 4
    for (int i = 1; i < 5; ++i) {
        cd += static_cast<Signed>(m.u) * d[i] + static_cast<Signed>(m.v) * e[i] +
              static_cast<Signed>(prime[i]) * md;
        ce += static_cast<Signed>(m.q) * d[i] + static_cast<Signed>(m.r) * e[i] +
              static_cast<Signed>(prime[i]) * me;
        d[i - 1] = static_cast<std::int64_t>(static_cast<std::uint64_t>(cd) & low_62);
        e[i - 1] = static_cast<std::int64_t>(static_cast<std::uint64_t>(ce) & low_62);
        cd >>= 62;
        ce >>= 62;
    }
    d[4] = static_cast<std::int64_t>(cd);
    e[4] = static_cast<std::int64_t>(ce);
}

// a + p or -a, with the digits put right.
void carry(Digits& a) {
    for (int i = 0; i < 4; ++i) {
        a[i + 1] += a[i] >> 62;
        a[i] &= static_cast<std::int64_t>(low_62);
    }
}

// From (-2p, p), times `sign`, to [0, p).
Limbs normalised(Digits a, bool negate) {
    const auto add_prime_if_negative = [&] {
        if (a[4] >= 0) return;
        for (int i = 0; i < 5; ++i) a[i] += prime[i];
        carry(a);
    };
    add_prime_if_negative();
    if (negate) {
        for (auto& digit : a) digit = -digit;
        carry(a);
    }
    add_prime_if_negative();
    return to_limbs(a);
}

// 2^768 mod p: the inverse of x * 2^256 times this, by Montgomery's product, is x^-1 * 2^256.
constexpr Fp correction = detail::to_montgomery * detail::to_montgomery;

} // namespace

Fp Fp::inverse() const {
    if (is_zero()) return {};
    Digits f = prime, g = to_digits(limb), d{}, e{1, 0, 0, 0, 0};
    std::int64_t eta = -1;
    while ((g[0] | g[1] | g[2] | g[3] | g[4]) != 0) {
        const auto low = [](const Digits& a) {
            return static_cast<std::uint64_t>(a[0]) | static_cast<std::uint64_t>(a[1]) << 62;
        };
        const Matrix matrix = divsteps(eta, low(f), low(g));
        apply_modular(matrix, d, e);
        apply(matrix, f, g);
    }
    return Fp(normalised(d, f[4] < 0)) * correction;
}

} // namespace ol::chain::evm::bn254
