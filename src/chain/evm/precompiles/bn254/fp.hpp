// The prime field of bn254 (alt_bn128, EIP-196) in Montgomery form: x is held as x * 2^256 mod p,
// below p. Not constant time: everything here is public. Thread-safe: values only.
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "chain/evm/precompiles/bn254/fp_portable.hpp"
#include "chain/evm/precompiles/bn254/fp_x86.hpp"

namespace ol::chain::evm::bn254 {

struct Fp {
    Limbs limb{};

    constexpr Fp() = default;
    constexpr explicit Fp(const Limbs& montgomery)
        : limb(montgomery) {}
    // The number itself, in Montgomery form.
    static constexpr Fp of(const Limbs& number);
    static constexpr Fp of(std::uint64_t number) { return of(Limbs{number, 0, 0, 0}); }
    // 32 bytes, big endian; nothing for p and above.
    static std::optional<Fp> from_be(const std::uint8_t* bytes);
    void to_be(std::uint8_t* bytes) const;

    constexpr bool is_zero() const { return (limb[0] | limb[1] | limb[2] | limb[3]) == 0; }
    constexpr bool operator==(const Fp&) const = default;
    Fp inverse() const; // of zero: zero
};

constexpr Fp operator+(const Fp& a, const Fp& b) {
#if defined(__x86_64__)
    if (!std::is_constant_evaluated()) return Fp(detail::x86_add(a.limb, b.limb));
#endif
    return Fp(detail::reduce_once(detail::plain_add(a.limb, b.limb)));
}

constexpr Fp operator-(const Fp& a, const Fp& b) {
#if defined(__x86_64__)
    if (!std::is_constant_evaluated()) return Fp(detail::x86_subtract(a.limb, b.limb));
#endif
    Limbs out;
    if (detail::subtract(out, a.limb, b.limb)) out = detail::plain_add(out, modulus);
    return Fp(out);
}

constexpr Fp operator-(const Fp& a) { return Fp() - a; }

// Sums that are left unreduced, below 2p. They may only be multiplied: see multiply_sum.
constexpr Fp lazy_add(const Fp& a, const Fp& b) {
#if defined(__x86_64__)
    if (!std::is_constant_evaluated()) return Fp(detail::x86_plain_add(a.limb, b.limb));
#endif
    return Fp(detail::plain_add(a.limb, b.limb));
}
// p - a for a up to p.
constexpr Fp lazy_negate(const Fp& a) {
    Limbs out;
    detail::subtract(out, modulus, a.limb);
    return Fp(out);
}

// a*b for a*b at most 5 p^2: both may be lazy sums.
constexpr Fp operator*(const Fp& a, const Fp& b) {
#if defined(__x86_64__)
    if (!std::is_constant_evaluated() && detail::has_adx) {
        return Fp(detail::adx_multiply(a.limb, b.limb));
    }
#endif
    return Fp(detail::portable_multiply(a.limb, b.limb));
}

// a*b + c*d with one reduction, for a*b + c*d at most 5 p^2: two of the four may be lazy sums, one
// in each product.
constexpr Fp multiply_sum(const Fp& a, const Fp& b, const Fp& c, const Fp& d) {
#if defined(__x86_64__)
    if (!std::is_constant_evaluated() && detail::has_adx) {
        return Fp(detail::adx_multiply_sum(a.limb, b.limb, c.limb, d.limb));
    }
#endif
    return Fp(detail::portable_multiply_sum(a.limb, b.limb, c.limb, d.limb));
}

constexpr Fp square(const Fp& a) { return a * a; }
constexpr Fp twice(const Fp& a) { return a + a; }

namespace detail {
// 2^512 mod p, which takes a number into Montgomery form.
constexpr Limbs montgomery_square() {
    Limbs out{1, 0, 0, 0};
    for (int i = 0; i < 512; ++i) out = reduce_once(plain_add(out, out));
    return out;
}
inline constexpr Fp to_montgomery{montgomery_square()};
} // namespace detail

constexpr Fp Fp::of(const Limbs& number) { return Fp(number) * detail::to_montgomery; }

inline constexpr Fp fp_one = Fp::of(1);

} // namespace ol::chain::evm::bn254
