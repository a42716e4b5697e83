// Words of the pre-tokenizers of byte-level models, by hand-written scanners.
//
// gpt2 is Hugging Face's ByteLevel pre-tokenizer with its regular expression
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// llama3 (also GPT-4's cl100k) and qwen2 are
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
//   |\s*[\r\n]+|\s+(?!\S)|\s+
// with \p{N} for \p{N}{1,3} in qwen2. The twin in the tests is PCRE2. \p{L} and \p{N} are those of
// utf8proc's Unicode version; \s is White_Space. A byte that is not UTF-8 counts as one character
// of no class, so every input has words that cover all its bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ol::model {

enum class WordPattern : std::uint8_t { gpt2, llama3, qwen2 };

// The scanner of a regular expression as tokenizer.json writes it, if there is one.
std::optional<WordPattern> known_pattern(std::string_view regex);

// Bytes of the first word of a text that is not empty; the text must reach to its real end, because
// a run of white space before a word gives its last character to that word.
std::size_t next_word(std::string_view text, WordPattern pattern = WordPattern::gpt2);

} // namespace ol::model
