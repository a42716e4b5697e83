// The RLP of trie nodes (Yellow Paper, appendices B and D), written straight into a buffer: nodes
// are encoded by the thousand for every block.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"

namespace ol::chain::trie {

// How a parent names a node: the hash of its RLP, or the RLP itself where that is shorter than 32
// bytes. None: the empty string.
struct NodeRef {
    std::uint8_t size = 0; // 0: none; 32: a hash; less: the node itself
    std::array<std::uint8_t, 32> bytes{};

    static NodeRef of_hash(const Hash32& hash) {
        NodeRef out;
        out.size = 32;
        out.bytes = hash.data;
        return out;
    }
    bool is_none() const { return size == 0; }
    bool is_hash() const { return size == 32; }
    Hash32 hash() const { return {bytes}; }
    ByteView view() const { return {bytes.data(), size}; }
    bool operator==(const NodeRef& other) const {
        return size == other.size && std::memcmp(bytes.data(), other.bytes.data(), size) == 0;
    }
};

inline constexpr std::size_t branch_children = 16;
inline constexpr std::size_t key_nibbles = 64; // of a hashed key
// A list with its header: a full branch without a value, and what a header may take.
inline constexpr std::size_t header_bytes = 9;
inline constexpr std::size_t branch_bytes = 3 + 16 * 33 + 1;

inline std::size_t length_bytes(std::size_t length) {
    std::size_t bytes = 0;
    for (; length != 0; length >>= 8) ++bytes;
    return bytes;
}

// Writes the prefix of a payload of `length` bytes; base 0x80 for strings, 0xc0 for lists.
inline std::uint8_t* put_header(std::uint8_t* out, std::uint8_t base, std::size_t length) {
    if (length <= 55) {
        *out++ = static_cast<std::uint8_t>(base + length);
        return out;
    }
    const std::size_t bytes = length_bytes(length);
    *out++ = static_cast<std::uint8_t>(base + 55 + bytes);
    for (std::size_t i = bytes; i-- > 0;) *out++ = static_cast<std::uint8_t>(length >> (8 * i));
    return out;
}

inline std::size_t string_bytes(ByteView value) {
    if (value.size() == 1 && value[0] < 0x80) return 1;
    return value.size() + 1 + (value.size() <= 55 ? 0 : length_bytes(value.size()));
}

inline std::uint8_t* put_string(std::uint8_t* out, ByteView value) {
    if (value.size() != 1 || value[0] >= 0x80) out = put_header(out, 0x80, value.size());
    if (!value.empty()) std::memcpy(out, value.data(), value.size());
    return out + value.size();
}

inline std::size_t ref_bytes(const NodeRef& ref) {
    return ref.is_hash() ? 33 : ref.size + !ref.size;
}

inline std::uint8_t* put_ref(std::uint8_t* out, const NodeRef& ref) {
    if (ref.is_none()) {
        *out = 0x80;
        return out + 1;
    }
    if (ref.is_hash()) *out++ = 0xa0;
    std::memcpy(out, ref.bytes.data(), ref.size);
    return out + ref.size;
}

// The hex-prefix form of a path given as one nibble a byte: at most 33 bytes.
inline std::size_t put_hex_prefix(std::uint8_t* out, const std::uint8_t* nibbles, std::size_t count,
                                  bool is_leaf) {
    const std::size_t size = count / 2 + 1;
    *out = is_leaf ? 0x20 : 0x00;
    if (count % 2 != 0) *out |= 0x10 | *nibbles++;
    for (std::size_t i = 1; i < size; ++i, nibbles += 2) {
        out[i] = static_cast<std::uint8_t>(nibbles[0] << 4 | nibbles[1]);
    }
    return size;
}

} // namespace ol::chain::trie
