// UTF-8: validation and normalisation (ICU behind it).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace ol::text {

// Offset of the first byte that is not UTF-8 (overlong forms and surrogates included), or nothing.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// NFC, CR LF and CR to LF, control characters but \n and \t dropped, runs of blank lines to one,
// trailing blanks of lines and of the text removed. invalid_argument with the offset for bad UTF-8.
Result<std::string> normalize_text(std::string_view text);

// Longest prefix of at most max_bytes that ends at a code-point boundary.
std::string_view truncate_utf8(std::string_view text, std::size_t max_bytes);

// NFC of the full case folding of the NFC of `text` (the Unicode Standard, 3.13; no Turkic rules).
// `text` is UTF-8 of at most 512 MiB.
std::string fold_case(std::string_view text);

} // namespace ol::text
