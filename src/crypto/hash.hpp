// Hashes. keccak256 is Ethereum's (padding 0x01, not SHA-3's 0x06).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.hpp"

namespace ol::crypto {

Hash32 keccak256(ByteView bytes);
inline Hash32 keccak256(std::string_view text) { return keccak256(as_bytes(text)); }
Hash32 sha256(ByteView bytes);
Hash32 hmac_sha256(ByteView key, ByteView message); // RFC 2104
// Equal or not in a time that does not tell where they differ.
bool equal_secrets(ByteView a, ByteView b);

// out[i] = keccak256(inputs[i]), for many short inputs: four at once on machines with AVX2, the
// same bytes everywhere. `out` must not overlap the inputs.
void keccak256_many(std::span<const ByteView> inputs, std::span<Hash32> out);
// The same for rows of one length, packed one after another: out[i] = keccak256(prefix | row i).
// rows.size() is out.size() times the length, which is at most keccak_row_bytes: with its prefix a
// row fits two blocks. `out` may be the front of `rows`.
inline constexpr std::size_t keccak_row_bytes = 270;
void keccak256_rows(std::uint8_t prefix, ByteView rows, std::span<Hash32> out);

// Incremental keccak-256, for bytes that do not fit in memory at once.
class Keccak256 {
public:
    void update(ByteView bytes);
    Hash32 finish(); // once

private:
    std::array<std::uint64_t, 25> state_{};
    std::array<std::uint8_t, 136> block_{};
    std::size_t used_ = 0;
    bool finished_ = false;
};

// size bytes from the system's generator; stops the process if it has none.
Bytes random_bytes(std::size_t size);

} // namespace ol::crypto
