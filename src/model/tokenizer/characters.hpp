// Classes of code points, as regular expressions and normalizers of tokenizers name them. The data
// are those of utf8proc's Unicode version.
#pragma once

#include <cstdint>
#include <string_view>

namespace ol::model {

namespace character {
inline constexpr std::uint16_t letter = 1;       // \p{L}
inline constexpr std::uint16_t number = 2;       // \p{N}
inline constexpr std::uint16_t space = 4;        // White_Space: \s
inline constexpr std::uint16_t mark = 8;         // \p{M}
inline constexpr std::uint16_t punctuation = 16; // \p{P}
inline constexpr std::uint16_t word = 32;        // \w: Alphabetic, \p{M}, \p{Nd}, \p{Pc}, joiners
inline constexpr std::uint16_t newline = 64;     // \r, \n
// NFC leaves it alone whatever stands before it (a text of such characters alone is in NFC).
inline constexpr std::uint16_t composed = 128;
} // namespace character

// Bits of `character`. The first call of the process fills a table (some milliseconds);
// thread-safe.
std::uint16_t classes_of(std::uint32_t code_point);

struct Character {
    std::uint16_t classes = 0; // 0 for a byte that is not UTF-8
    std::uint16_t size = 1;    // bytes
};

// The character at text[at], at < text.size(). A byte that is not UTF-8 is one of no class.
Character character_at(std::string_view text, std::size_t at);

} // namespace ol::model
