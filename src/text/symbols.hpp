// Symbols: the alphabet of the text witness (docs/formats/symbols.md).
//
// The text is NFC-normalised and case-folded, split at Unicode word boundaries (UAX 29); white
// space gives no symbol, a CJK code point and each punctuation character are symbols of their own,
// and a word longer than 31 UTF-8 bytes is cut at a code-point boundary. Left-aligned and
// zero-padded to 32 bytes a symbol is one EVM word: byte order is integer order.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol::text {

inline constexpr std::size_t symbol_max_bytes = 31;

using SymbolWord = Hash32;

struct Symbol {
    SymbolWord word;
    // The bytes of the *original* text that this symbol stands for.
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
};

// The symbols of `text` in order. invalid_argument with the byte offset when it is not UTF-8;
// too_large when it is longer than 2^32 - 1 bytes. No symbol starts with byte 0x00: U+0000 gives
// none.
Result<std::vector<Symbol>> symbolize(std::string_view text);

// The symbol's text ("\0" padding removed).
std::string_view symbol_text(const SymbolWord& word);

// The separator that ends record `record_index` in an index: 28 zero bytes, then index + 1 as
// big-endian 4 bytes. Smaller than every symbol, unique, ordered by record.
SymbolWord separator_word(std::uint32_t record_index);
inline bool is_separator(const SymbolWord& word) { return word[0] == 0; }

} // namespace ol::text
