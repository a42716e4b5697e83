// scrypt (RFC 7914): a key from a password, at the price of memory.
#pragma once

#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol::crypto {

struct ScryptCost {
    std::uint64_t n = 262144; // a power of two above 1
    std::uint32_t r = 8;
    std::uint32_t p = 1;
};

// Fills out. invalid_argument for a cost that is none; too_large when it asks for more than 1 GiB
// of memory or more than eight times the default's work (n r p > 2^24), so that a hostile file
// cannot hold the process; unavailable when the memory is not there.
Status scrypt(std::string_view password, ByteView salt, const ScryptCost& cost,
              std::span<std::uint8_t> out);

// The same by the RFC's text, for the costs that OpenSSL refuses: n >= 2^(16 r), which the RFC
// forbids and which published keystores use (r = 1, n = 262144). The cost has been checked.
void scrypt_by_definition(std::string_view password, ByteView salt, const ScryptCost& cost,
                          std::span<std::uint8_t> out);

} // namespace ol::crypto
