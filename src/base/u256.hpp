// U256: the unsigned 256-bit integer of the EVM, and the type of every amount of wei. Arithmetic
// wraps modulo 2^256 as the EVM's does; money code uses the checked forms.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ol {

struct U256 {
    // Least significant limb first.
    std::array<std::uint64_t, 4> limb{};

    constexpr U256() = default;
    constexpr U256(std::uint64_t low)
        : limb{low, 0, 0, 0} {}          // NOLINT: numbers are numbers
    static U256 from_be(ByteView bytes); // at most 32 bytes
    static Result<U256> from_decimal(std::string_view text);
    // Decimal, or hex with "0x" (the JSON-RPC quantity form; leading zeros allowed).
    static Result<U256> parse(std::string_view text);

    Hash32 to_be() const;
    std::string to_decimal() const;
    std::string to_quantity() const; // "0x1f", "0x0"

    bool is_zero() const { return (limb[0] | limb[1] | limb[2] | limb[3]) == 0; }
    bool fits_u64() const { return (limb[1] | limb[2] | limb[3]) == 0; }
    std::uint64_t low_u64() const { return limb[0]; }
    int bit_length() const;

    constexpr bool operator==(const U256&) const = default;
    std::strong_ordering operator<=>(const U256& other) const;
};

U256 operator+(const U256& a, const U256& b);
U256 operator-(const U256& a, const U256& b);
U256 operator*(const U256& a, const U256& b);
U256 operator/(const U256& a, const U256& b); // x / 0 is a programmer's error
U256 operator%(const U256& a, const U256& b);
U256 operator<<(const U256& a, unsigned bits);
U256 operator>>(const U256& a, unsigned bits);
inline U256& operator+=(U256& a, const U256& b) { return a = a + b; }
inline U256& operator-=(U256& a, const U256& b) { return a = a - b; }

// too_large on overflow, conflict on a negative difference: what money uses.
Result<U256> checked_add(const U256& a, const U256& b);
Result<U256> checked_sub(const U256& a, const U256& b);
Result<U256> checked_mul(const U256& a, const U256& b);

// "12.5" -> 12500000000000000000; at most 18 decimals.
Result<U256> parse_open(std::string_view text);
// "12.5 OPEN"; exact, trailing zeros cut.
std::string format_open(const U256& wei);

} // namespace ol
