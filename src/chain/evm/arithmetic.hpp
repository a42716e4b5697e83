// The EVM's arithmetic that plain 256-bit numbers do not have: signed operations in two's
// complement, x / 0 = 0, powers, bytes and sign extension (Yellow Paper, appendix H.2).
#pragma once

#include <bit>
#include <cstdint>

#include "base/u256.hpp"

namespace ol::chain::evm {

inline bool is_negative(const U256& x) { return x.limb[3] >> 63 != 0; }
inline U256 negate(const U256& x) { return U256() - x; }
inline U256 magnitude(const U256& x) { return is_negative(x) ? negate(x) : x; }

inline U256 div(const U256& a, const U256& b) { return b.is_zero() ? U256() : a / b; }
inline U256 mod(const U256& a, const U256& b) { return b.is_zero() ? U256() : a % b; }

// Towards zero; -2^255 / -1 wraps.
inline U256 sdiv(const U256& a, const U256& b) {
    if (b.is_zero()) return {};
    const U256 quotient = magnitude(a) / magnitude(b);
    return is_negative(a) != is_negative(b) ? negate(quotient) : quotient;
}

// The sign of the dividend.
inline U256 smod(const U256& a, const U256& b) {
    if (b.is_zero()) return {};
    const U256 remainder = magnitude(a) % magnitude(b);
    return is_negative(a) ? negate(remainder) : remainder;
}

inline U256 addmod(const U256& a, const U256& b, const U256& m) {
    return m.is_zero() ? U256() : add_mod(a, b, m);
}
inline U256 mulmod(const U256& a, const U256& b, const U256& m) {
    return m.is_zero() ? U256() : mul_mod(a, b, m);
}

inline bool slt(const U256& a, const U256& b) {
    return is_negative(a) != is_negative(b) ? is_negative(a) : a < b;
}

// base ^ exponent, with 0 ^ 0 = 1.
inline U256 exp(const U256& base, const U256& exponent) {
    if (base == U256(2)) {
        return exponent < U256(256) ? U256(1) << static_cast<unsigned>(exponent.limb[0]) : U256();
    }
    U256 out(1);
    for (int i = exponent.bit_length() - 1; i >= 0; --i) {
        out = out * out;
        if ((exponent.limb[i / 64] >> (i % 64) & 1) != 0) out = out * base;
    }
    return out;
}

// x taken as a signed number of `index` + 1 bytes.
inline U256 sign_extend(const U256& index, const U256& x) {
    if (!(index < U256(31))) return x;
    const auto top = static_cast<unsigned>(index.limb[0]) * 8 + 7; // the sign's bit
    const unsigned word = top / 64, shift = 63 - top % 64;
    U256 out = x;
    const auto extended = static_cast<std::int64_t>(x.limb[word] << shift) >> shift;
    out.limb[word] = static_cast<std::uint64_t>(extended);
    for (unsigned i = word + 1; i < 4; ++i) {
        out.limb[i] = static_cast<std::uint64_t>(extended >> 63);
    }
    return out;
}

// Byte `index` of x, 0 being the most significant.
inline U256 byte_at(const U256& index, const U256& x) {
    if (!(index < U256(32))) return {};
    const auto i = 31 - static_cast<unsigned>(index.limb[0]);
    return {x.limb[i / 8] >> (i % 8 * 8) & 0xff};
}

inline U256 shl(const U256& bits, const U256& x) {
    return bits < U256(256) ? x << static_cast<unsigned>(bits.limb[0]) : U256();
}
inline U256 shr(const U256& bits, const U256& x) {
    return bits < U256(256) ? x >> static_cast<unsigned>(bits.limb[0]) : U256();
}
inline U256 sar(const U256& bits, const U256& x) {
    if (!is_negative(x)) return shr(bits, x);
    return ~shr(bits, ~x);
}

// EIP-7939: leading zero bits, 256 for zero.
inline U256 clz(const U256& x) { return {static_cast<std::uint64_t>(256 - x.bit_length())}; }

} // namespace ol::chain::evm
