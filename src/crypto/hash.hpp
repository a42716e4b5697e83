// Hashes. keccak256 is Ethereum's (padding 0x01, not SHA-3's 0x06).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.hpp"

namespace ol::crypto {

Hash32 keccak256(ByteView bytes);
inline Hash32 keccak256(std::string_view text) { return keccak256(as_bytes(text)); }
Hash32 sha256(ByteView bytes);

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
