// Words of the GPT-2 pre-tokenizer, and the byte-level alphabet in which tokenizer.json writes
// bytes.
//
// The words are those of Hugging Face's ByteLevel pre-tokenizer with its regular expression
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// \p{L} and \p{N} are those of utf8proc's Unicode version; \s is White_Space. A byte that is not
// UTF-8 counts as one character of neither class, so every input has words that cover all its
// bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ol::model {

// Bytes of the first word of a text that is not empty; the text must reach to its real end, because
// a run of white space before a word gives its last character to that word.
std::size_t next_word(std::string_view text);

// GPT-2's map of bytes to printable characters: itself for 33..126, 161..172, 174..255; the others
// in order from U+0100.
std::string characters_from_bytes(std::string_view bytes);
// The inverse; nothing when a character is not of the alphabet.
std::optional<std::string> bytes_from_characters(std::string_view characters);
// All bytes in the order of their characters.
std::array<std::uint8_t, 256> bytes_by_character();

} // namespace ol::model
