// U256: the unsigned 256-bit integer of the EVM, and the type of every amount of wei. Arithmetic
// wraps modulo 2^256 as the EVM's does; money code uses the checked forms.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ol {

struct U256 {
    // Least significant limb first.
    std::array<std::uint64_t, 4> limb{};

    constexpr U256() = default;
    constexpr U256(std::uint64_t low)
        : limb{low, 0, 0, 0} {} // NOLINT: numbers are numbers
    constexpr U256(std::uint64_t l0, std::uint64_t l1, std::uint64_t l2, std::uint64_t l3)
        : limb{l0, l1, l2, l3} {}
    static U256 from_be(ByteView bytes); // at most 32 bytes
    static Result<U256> from_decimal(std::string_view text);
    // Decimal, or hex with "0x" (the JSON-RPC quantity form; leading zeros allowed).
    static Result<U256> parse(std::string_view text);

    Hash32 to_be() const;
    std::string to_decimal() const;
    std::string to_quantity() const; // "0x1f", "0x0"

    constexpr bool is_zero() const { return (limb[0] | limb[1] | limb[2] | limb[3]) == 0; }
    constexpr bool fits_u64() const { return (limb[1] | limb[2] | limb[3]) == 0; }
    constexpr std::uint64_t low_u64() const { return limb[0]; }
    constexpr int bit_length() const {
        for (int i = 3; i > 0; --i) {
            if (limb[i] != 0) return 64 * i + 64 - std::countl_zero(limb[i]);
        }
        return 64 - std::countl_zero(limb[0]);
    }

    constexpr bool operator==(const U256& other) const {
        return ((limb[0] ^ other.limb[0]) | (limb[1] ^ other.limb[1]) | (limb[2] ^ other.limb[2]) |
                (limb[3] ^ other.limb[3])) == 0;
    }
    constexpr std::strong_ordering operator<=>(const U256& other) const {
        for (int i = 3; i > 0; --i) {
            if (limb[i] != other.limb[i]) return limb[i] <=> other.limb[i];
        }
        return limb[0] <=> other.limb[0];
    }
};

namespace detail {

// a + b + carry, a - b - borrow: one instruction each, where the compiler is told so.
inline std::uint64_t add_carry(std::uint64_t a, std::uint64_t b, unsigned char& carry) {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    unsigned long long out = 0;
    carry = __builtin_ia32_addcarryx_u64(carry, a, b, &out);
    return out;
#else
    const auto sum = static_cast<unsigned __int128>(a) + b + carry;
    carry = static_cast<unsigned char>(sum >> 64);
    return static_cast<std::uint64_t>(sum);
#endif
}

inline std::uint64_t sub_borrow(std::uint64_t a, std::uint64_t b, unsigned char& borrow) {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    unsigned long long out = 0;
    borrow = __builtin_ia32_sbb_u64(borrow, a, b, &out);
    return out;
#else
    const auto difference = static_cast<unsigned __int128>(a) - b - borrow;
    borrow = static_cast<unsigned char>((difference >> 64) & 1);
    return static_cast<std::uint64_t>(difference);
#endif
}

} // namespace detail

// out = a + b; true when it passed 2^256. `out` may be either operand.
inline bool add_overflow(const U256& a, const U256& b, U256& out) {
    unsigned char carry = 0;
    const auto l0 = detail::add_carry(a.limb[0], b.limb[0], carry);
    const auto l1 = detail::add_carry(a.limb[1], b.limb[1], carry);
    const auto l2 = detail::add_carry(a.limb[2], b.limb[2], carry);
    const auto l3 = detail::add_carry(a.limb[3], b.limb[3], carry);
    out = U256(l0, l1, l2, l3);
    return carry != 0;
}

// out = a - b; true when it is negative.
inline bool sub_overflow(const U256& a, const U256& b, U256& out) {
    unsigned char borrow = 0;
    const auto l0 = detail::sub_borrow(a.limb[0], b.limb[0], borrow);
    const auto l1 = detail::sub_borrow(a.limb[1], b.limb[1], borrow);
    const auto l2 = detail::sub_borrow(a.limb[2], b.limb[2], borrow);
    const auto l3 = detail::sub_borrow(a.limb[3], b.limb[3], borrow);
    out = U256(l0, l1, l2, l3);
    return borrow != 0;
}

inline U256 operator+(const U256& a, const U256& b) {
    U256 out;
    add_overflow(a, b, out);
    return out;
}
inline U256 operator-(const U256& a, const U256& b) {
    U256 out;
    sub_overflow(a, b, out);
    return out;
}
inline U256& operator+=(U256& a, const U256& b) { return a = a + b; }
inline U256& operator-=(U256& a, const U256& b) { return a = a - b; }

inline bool operator<(const U256& a, const U256& b) {
    U256 unused;
    return sub_overflow(a, b, unused);
}
inline bool operator>(const U256& a, const U256& b) { return b < a; }
inline bool operator<=(const U256& a, const U256& b) { return !(b < a); }
inline bool operator>=(const U256& a, const U256& b) { return !(a < b); }

constexpr U256 operator&(const U256& a, const U256& b) {
    return {a.limb[0] & b.limb[0], a.limb[1] & b.limb[1], a.limb[2] & b.limb[2],
            a.limb[3] & b.limb[3]};
}
constexpr U256 operator|(const U256& a, const U256& b) {
    return {a.limb[0] | b.limb[0], a.limb[1] | b.limb[1], a.limb[2] | b.limb[2],
            a.limb[3] | b.limb[3]};
}
constexpr U256 operator^(const U256& a, const U256& b) {
    return {a.limb[0] ^ b.limb[0], a.limb[1] ^ b.limb[1], a.limb[2] ^ b.limb[2],
            a.limb[3] ^ b.limb[3]};
}
constexpr U256 operator~(const U256& a) { return {~a.limb[0], ~a.limb[1], ~a.limb[2], ~a.limb[3]}; }

// Zero from 256 bits on. Whole limbs move by where they are read from, so nothing branches.
constexpr U256 operator<<(const U256& a, unsigned bits) {
    if (bits >= 256) return {};
    const std::uint64_t wide[8] = {0, 0, 0, 0, a.limb[0], a.limb[1], a.limb[2], a.limb[3]};
    const std::uint64_t* from = wide + 4 - bits / 64;
    const unsigned shift = bits % 64;
    const auto limb = [from, shift](int i) {
        return from[i] << shift | from[i - 1] >> 1 >> (63 - shift);
    };
    return {limb(0), limb(1), limb(2), limb(3)};
}
constexpr U256 operator>>(const U256& a, unsigned bits) {
    if (bits >= 256) return {};
    const std::uint64_t wide[8] = {a.limb[0], a.limb[1], a.limb[2], a.limb[3], 0, 0, 0, 0};
    const std::uint64_t* from = wide + bits / 64;
    const unsigned shift = bits % 64;
    const auto limb = [from, shift](int i) {
        return from[i] >> shift | from[i + 1] << 1 << (63 - shift);
    };
    return {limb(0), limb(1), limb(2), limb(3)};
}

inline U256 operator*(const U256& a, const U256& b) {
    using Wide = unsigned __int128;
    const auto [a0, a1, a2, a3] = a.limb;
    const auto [b0, b1, b2, b3] = b.limb;
    const Wide p00 = static_cast<Wide>(a0) * b0;
    const Wide p01 = static_cast<Wide>(a0) * b1;
    const Wide p02 = static_cast<Wide>(a0) * b2;
    const Wide p10 = static_cast<Wide>(a1) * b0;
    const Wide p11 = static_cast<Wide>(a1) * b1;
    const Wide p20 = static_cast<Wide>(a2) * b0;
    const auto low = [](Wide x) { return static_cast<std::uint64_t>(x); };
    const auto high = [](Wide x) { return static_cast<std::uint64_t>(x >> 64); };
    std::uint64_t l3 = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
    // Column sums; what passes the third limb may wrap.
    unsigned char carry = 0;
    std::uint64_t l1 = detail::add_carry(high(p00), low(p01), carry);
    std::uint64_t l2 = detail::add_carry(high(p01), low(p02), carry);
    l3 = detail::add_carry(l3, high(p02), carry);
    carry = 0;
    l1 = detail::add_carry(l1, low(p10), carry);
    l2 = detail::add_carry(l2, high(p10), carry);
    l3 = detail::add_carry(l3, high(p11), carry);
    carry = 0;
    l2 = detail::add_carry(l2, low(p11), carry);
    l3 = detail::add_carry(l3, high(p20), carry);
    carry = 0;
    l2 = detail::add_carry(l2, low(p20), carry);
    l3 = detail::add_carry(l3, 0, carry);
    return {low(p00), l1, l2, l3};
}

struct Division {
    U256 quotient, remainder;
};
Division divide(const U256& a, const U256& b); // x / 0 is a programmer's error
inline U256 operator/(const U256& a, const U256& b) { return divide(a, b).quotient; }
inline U256 operator%(const U256& a, const U256& b) { return divide(a, b).remainder; }

// (a + b) mod m, (a * b) mod m without wrapping in between; m is not zero.
U256 add_mod(const U256& a, const U256& b, const U256& m);
U256 mul_mod(const U256& a, const U256& b, const U256& m);

// 32 bytes, big endian.
inline U256 load_be(const std::uint8_t* in) {
    std::uint64_t word[4];
    std::memcpy(word, in, 32);
    if constexpr (std::endian::native == std::endian::big) {
        return {word[3], word[2], word[1], word[0]};
    }
    return {__builtin_bswap64(word[3]), __builtin_bswap64(word[2]), __builtin_bswap64(word[1]),
            __builtin_bswap64(word[0])};
}
inline void store_be(std::uint8_t* out, const U256& value) {
    for (int i = 0; i < 4; ++i) {
        std::uint64_t word = value.limb[3 - i];
        if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
        std::memcpy(out + 8 * i, &word, 8);
    }
}

// too_large on overflow, conflict on a negative difference: what money uses.
Result<U256> checked_add(const U256& a, const U256& b);
Result<U256> checked_sub(const U256& a, const U256& b);
Result<U256> checked_mul(const U256& a, const U256& b);

// "12.5" -> 12500000000000000000; at most 18 decimals.
Result<U256> parse_open(std::string_view text);
// "12.5 OPEN"; exact, trailing zeros cut.
std::string format_open(const U256& wei);

} // namespace ol
