// Bytes and the fixed-size byte strings of the ledger. Big endian wherever a number is meant.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace ol {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline void append(Bytes& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

// N bytes by value, ordered as bytes (which for big-endian numbers is the numeric order).
template <std::size_t N>
struct FixedBytes {
    std::array<std::uint8_t, N> data{};

    static constexpr std::size_t size() { return N; }
    std::uint8_t* begin() { return data.data(); }
    std::uint8_t* end() { return data.data() + N; }
    const std::uint8_t* begin() const { return data.data(); }
    const std::uint8_t* end() const { return data.data() + N; }
    std::uint8_t& operator[](std::size_t i) { return data[i]; }
    std::uint8_t operator[](std::size_t i) const { return data[i]; }

    ByteView view() const { return {data.data(), N}; }
    bool is_zero() const {
        for (auto byte : data) {
            if (byte != 0) return false;
        }
        return true;
    }
    auto operator<=>(const FixedBytes&) const = default;

    // Exactly N bytes, or invalid_argument.
    static Result<FixedBytes> from(ByteView bytes) {
        if (bytes.size() != N) {
            return fail(ErrorCode::invalid_argument, "expected {} bytes, got {}", N, bytes.size());
        }
        FixedBytes out;
        std::memcpy(out.data.data(), bytes.data(), N);
        return out;
    }
};

using Hash32 = FixedBytes<32>;
using Address = FixedBytes<20>;

// Hash for unordered containers; never used where the order could reach a hash or a file.
struct FixedBytesHasher {
    template <std::size_t N>
    std::size_t operator()(const FixedBytes<N>& value) const {
        std::size_t out = 0;
        std::memcpy(&out, value.data.data(), N < sizeof out ? N : sizeof out);
        return out;
    }
};

// Lower-case hex without and with "0x".
std::string to_hex(ByteView bytes);
std::string to_hex0x(ByteView bytes);
// Accepts an optional "0x" and either case; an odd length or another character is refused.
Result<Bytes> from_hex(std::string_view hex);
Result<Hash32> hash32_from_hex(std::string_view hex);
Result<Address> address_from_hex(std::string_view hex);

inline void put_be32(std::uint8_t* out, std::uint32_t value) {
    for (int i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}
inline void put_be64(std::uint8_t* out, std::uint64_t value) {
    for (int i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
}
inline std::uint32_t get_be32(const std::uint8_t* in) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | in[i];
    return value;
}
inline std::uint64_t get_be64(const std::uint8_t* in) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | in[i];
    return value;
}

} // namespace ol
