// Words as duplicate detection compares them (docs/formats/record.md): lower-cased, digits to 0,
// marks removed; everything that is no letter or number separates. A CJK code point is a word.
#pragma once

#include <string>
#include <string_view>

namespace ol::text {

// The words of `text` (UTF-8 of at most 256 MiB), each followed by one space.
std::string simplify_words(std::string_view text);

} // namespace ol::text
