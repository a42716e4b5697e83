// Paths in a trie: nibbles, two to a byte, at most 64 of them.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"
#include "chain/trie/node_rlp.hpp"

namespace ol::chain::trie {

inline std::uint8_t nibble_at(const std::uint8_t* packed, std::size_t at) {
    const std::uint8_t byte = packed[at / 2];
    return at % 2 == 0 ? byte >> 4 : byte & 15;
}

// The place of the first nibble in which two packed paths differ, or `end`.
inline std::size_t first_difference(const std::uint8_t* a, const std::uint8_t* b, std::size_t begin,
                                    std::size_t end) {
    std::size_t at = begin;
    if (at % 2 != 0 && at < end) {
        if (((a[at / 2] ^ b[at / 2]) & 15) != 0) return at;
        ++at;
    }
    while (at + 2 <= end && a[at / 2] == b[at / 2]) at += 2;
    if (at < end && ((a[at / 2] ^ b[at / 2]) >> 4) == 0) ++at;
    return std::min(at, end);
}

struct Path {
    std::array<std::uint8_t, key_nibbles / 2> packed{}; // zero after the last nibble
    std::uint8_t size = 0;                              // nibbles

    Path() = default;
    // The first `nibbles` of a packed path.
    Path(const std::uint8_t* from, std::size_t nibbles)
        : size(static_cast<std::uint8_t>(nibbles)) {
        std::memcpy(packed.data(), from, (nibbles + 1) / 2);
        if (nibbles % 2 != 0) packed[nibbles / 2] &= 0xf0;
    }

    std::uint8_t nibble(std::size_t at) const { return nibble_at(packed.data(), at); }
    Path with(std::uint8_t last) const {
        Path out = *this;
        out.packed[size / 2] |= size % 2 == 0 ? static_cast<std::uint8_t>(last << 4) : last;
        ++out.size;
        return out;
    }
    ByteView view() const { return {packed.data(), (size + 1U) / 2}; }
    bool operator==(const Path&) const = default;
};

} // namespace ol::chain::trie
