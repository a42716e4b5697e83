// Unicode word boundaries: the default rules of UAX 29 (revision of Unicode 15.0, WB1 to WB999),
// without the dictionaries that libraries add for Thai, Lao, Khmer or Chinese: those change with
// every release, and a commitment must not.
#pragma once

#include <cstdint>
#include <string_view>

namespace ol::text {

// Word_Break property values (UAX 29, table 3).
enum class WordBreak : std::uint8_t {
    other,
    cr,
    lf,
    newline,
    extend,
    zwj,
    format,
    katakana,
    hebrew_letter,
    a_letter,
    single_quote,
    double_quote,
    mid_num_let,
    mid_letter,
    mid_num,
    numeric,
    extend_num_let,
    wseg_space,
    regional_indicator,
};

// What symbols need to know of a code point. The first call for the process fills a table of the
// basic plane (about a millisecond); thread-safe.
struct CodePointTraits {
    WordBreak word_break = WordBreak::other;
    bool pictographic = false; // Extended_Pictographic
    bool white_space = false;  // White_Space
    bool cjk = false;          // Han, Hiragana, Katakana: a symbol for each code point
    bool plain = false;        // NFC and case folding leave it alone, whatever stands beside it
};
CodePointTraits traits_of(std::uint32_t code_point);

// The end of the word segment that begins at text[at], a boundary; at < text.size(). The text is
// valid UTF-8. Boundaries found one after the other from the start are those of the whole text: no
// rule looks back across a boundary.
std::size_t word_end(std::string_view text, std::size_t at);

} // namespace ol::text
