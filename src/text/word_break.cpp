#include "text/word_break.hpp"

#include <vector>

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>

#include "base/check.hpp"
#include "text/unicode.hpp"

namespace ol::text {

namespace {

WordBreak from_library(int value) {
    switch (value) {
    case U_WB_CR:
        return WordBreak::cr;
    case U_WB_LF:
        return WordBreak::lf;
    case U_WB_NEWLINE:
        return WordBreak::newline;
    case U_WB_EXTEND:
        return WordBreak::extend;
    case U_WB_ZWJ:
        return WordBreak::zwj;
    case U_WB_FORMAT:
        return WordBreak::format;
    case U_WB_KATAKANA:
        return WordBreak::katakana;
    case U_WB_HEBREW_LETTER:
        return WordBreak::hebrew_letter;
    case U_WB_ALETTER:
        return WordBreak::a_letter;
    case U_WB_SINGLE_QUOTE:
        return WordBreak::single_quote;
    case U_WB_DOUBLE_QUOTE:
        return WordBreak::double_quote;
    case U_WB_MIDNUMLET:
        return WordBreak::mid_num_let;
    case U_WB_MIDLETTER:
        return WordBreak::mid_letter;
    case U_WB_MIDNUM:
        return WordBreak::mid_num;
    case U_WB_NUMERIC:
        return WordBreak::numeric;
    case U_WB_EXTENDNUMLET:
        return WordBreak::extend_num_let;
    case U_WB_WSEGSPACE:
        return WordBreak::wseg_space;
    case U_WB_REGIONAL_INDICATOR:
        return WordBreak::regional_indicator;
    default:
        return WordBreak::other;
    }
}

CodePointTraits look_up(std::uint32_t code_point) {
    const auto c = static_cast<UChar32>(code_point);
    CodePointTraits traits;
    traits.word_break = from_library(u_getIntPropertyValue(c, UCHAR_WORD_BREAK));
    traits.pictographic = u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC) != 0;
    traits.white_space = u_hasBinaryProperty(c, UCHAR_WHITE_SPACE) != 0;
    UErrorCode status = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(c, &status);
    // U+30FC and the half-width voiced marks are of script Common but word-break Katakana.
    traits.cjk = traits.word_break == WordBreak::katakana || script == USCRIPT_HAN ||
                 script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA;
    // Marks (Extend) always belong to what precedes them.
    if (traits.word_break == WordBreak::extend) traits.cjk = false;
    const UNormalizer2* const normalizer = unorm2_getNFCInstance(&status);
    OL_CHECK(U_SUCCESS(status));
    const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
    traits.plain = !surrogate && u_hasBinaryProperty(c, UCHAR_CHANGES_WHEN_CASEFOLDED) == 0 &&
                   u_foldCase(c, U_FOLD_CASE_DEFAULT) == c && unorm2_isInert(normalizer, c) != 0;
    return traits;
}

const std::vector<CodePointTraits>& basic_plane() {
    static const std::vector<CodePointTraits> table = [] {
        std::vector<CodePointTraits> traits(0x10000);
        for (std::uint32_t c = 0; c < traits.size(); ++c) traits[c] = look_up(c);
        return traits;
    }();
    return table;
}

bool is_ignored(WordBreak value) { // WB4
    return value == WordBreak::extend || value == WordBreak::format || value == WordBreak::zwj;
}
bool is_ah_letter(WordBreak value) {
    return value == WordBreak::a_letter || value == WordBreak::hebrew_letter;
}
bool is_line_end(WordBreak value) {
    return value == WordBreak::cr || value == WordBreak::lf || value == WordBreak::newline;
}
bool is_mid_letter(WordBreak value) { // (MidLetter | MidNumLetQ)
    return value == WordBreak::mid_letter || value == WordBreak::mid_num_let ||
           value == WordBreak::single_quote;
}
bool is_mid_num(WordBreak value) { // (MidNum | MidNumLetQ)
    return value == WordBreak::mid_num || value == WordBreak::mid_num_let ||
           value == WordBreak::single_quote;
}

struct Step {
    CodePointTraits traits;
    std::size_t after = 0;
};

Step step_at(std::string_view text, std::size_t at) {
    const CodePoint point = decode(text, at);
    OL_CHECK(point.size != 0);
    return {traits_of(point.value), at + point.size};
}

// The next code point that WB4 does not skip; its traits are `other` at the end of the text.
Step next_significant(std::string_view text, std::size_t at) {
    while (at < text.size()) {
        const Step step = step_at(text, at);
        if (!is_ignored(step.traits.word_break)) return step;
        at = step.after;
    }
    return {{}, at};
}

// Rules 5 and 8 to 13b: whether there is no boundary between neighbours of these values.
bool joins(WordBreak left, WordBreak right) {
    const bool left_word = is_ah_letter(left) || left == WordBreak::numeric;
    const bool right_word = is_ah_letter(right) || right == WordBreak::numeric;
    if (left_word && right_word) return true;
    if (left == WordBreak::katakana && right == WordBreak::katakana) return true;
    if (right == WordBreak::extend_num_let) {
        return left_word || left == WordBreak::katakana || left == WordBreak::extend_num_let;
    }
    return left == WordBreak::extend_num_let && (right_word || right == WordBreak::katakana);
}

} // namespace

CodePointTraits traits_of(std::uint32_t code_point) {
    return code_point < 0x10000 ? basic_plane()[code_point] : look_up(code_point);
}

std::size_t word_end(std::string_view text, std::size_t at) {
    const Step first = step_at(text, at);
    WordBreak left = first.traits.word_break; // the last value that WB4 does not skip
    WordBreak raw = left;                     // the value of the code point right before
    at = first.after;
    if (left == WordBreak::cr) return at < text.size() && text[at] == '\n' ? at + 1 : at; // WB3
    if (is_line_end(left)) return at;                                                     // WB3a
    unsigned regional = left == WordBreak::regional_indicator ? 1 : 0;
    while (at < text.size()) {
        const Step next = step_at(text, at);
        const WordBreak right = next.traits.word_break;
        if (is_line_end(right)) return at; // WB3b
        std::size_t end = 0;               // after what is joined; 0: a boundary
        WordBreak joined = right;
        if (raw == WordBreak::zwj && next.traits.pictographic) { // WB3c
            end = next.after;
        } else if (raw == WordBreak::wseg_space && right == WordBreak::wseg_space) { // WB3d
            end = next.after;
        } else if (is_ignored(right)) { // WB4
            end = next.after;
            joined = left;
        } else if (joins(left, right)) {
            end = next.after;
        } else if (left == WordBreak::regional_indicator && right == left && regional % 2 == 1) {
            end = next.after; // WB15, WB16
            ++regional;
        } else if (is_ah_letter(left) && is_mid_letter(right)) { // WB6, WB7, WB7a
            const Step beyond = next_significant(text, next.after);
            if (is_ah_letter(beyond.traits.word_break)) {
                end = beyond.after;
                joined = beyond.traits.word_break;
            } else if (left == WordBreak::hebrew_letter && right == WordBreak::single_quote) {
                end = next.after;
            }
        } else if (left == WordBreak::hebrew_letter && right == WordBreak::double_quote) {
            const Step beyond = next_significant(text, next.after); // WB7b, WB7c
            if (beyond.traits.word_break == WordBreak::hebrew_letter) {
                end = beyond.after;
                joined = beyond.traits.word_break;
            }
        } else if (left == WordBreak::numeric && is_mid_num(right)) { // WB11, WB12
            const Step beyond = next_significant(text, next.after);
            if (beyond.traits.word_break == WordBreak::numeric) {
                end = beyond.after;
                joined = WordBreak::numeric;
            }
        }
        if (end == 0) return at; // WB999
        raw = is_ignored(right) && end == next.after ? right : joined;
        left = joined;
        at = end;
    }
    return at;
}

} // namespace ol::text
