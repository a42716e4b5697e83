// UTF-8: validation and normalisation (ICU behind it).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace ol::text {

// Offset of the first byte that is not UTF-8 (overlong forms and surrogates included), or nothing.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// NFC, CR LF and CR to LF, control characters but \n and \t dropped, runs of blank lines to one,
// trailing blanks of lines and blank lines at both ends removed. invalid_argument with the offset
// for bad UTF-8 and for more than 256 combining marks in a row. Doing it twice changes nothing.
Result<std::string> normalize_text(std::string_view text);

// Longest prefix of at most max_bytes that ends at a code-point boundary.
std::string_view truncate_utf8(std::string_view text, std::size_t max_bytes);

// NFC of the full case folding of the NFC of `text` (the Unicode Standard, 3.13; no Turkic rules).
// `text` is UTF-8 of at most 256 MiB.
std::string fold_case(std::string_view text);

// NFD of `text`, under the same conditions.
std::string decompose(std::string_view text);

// Whether nothing before this code point can compose with it or be reordered past it in NFC.
bool has_composition_boundary_before(std::uint32_t code_point);

} // namespace ol::text
