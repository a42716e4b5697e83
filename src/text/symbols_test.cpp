#include "text/symbols.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unicode/uchar.h>

#include "base/file.hpp"
#include "base/prng.hpp"
#include "text/unicode.hpp"
#include "text/utf8.hpp"
#include "text/word_break.hpp"

namespace ol::text {
namespace {

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> out;
    const auto symbols = symbolize(text);
    EXPECT_TRUE(symbols.has_value());
    for (const Symbol& symbol : *symbols) out.emplace_back(symbol_text(symbol.word));
    return out;
}

using Words = std::vector<std::string>;

// ---- the naive twin: every rule of UAX 29 asked at every place of the whole text ----

struct Unit {
    std::uint32_t value = 0;
    std::size_t offset = 0;
    WordBreak kind = WordBreak::other;
};

std::vector<Unit> units_of(std::string_view text) {
    std::vector<Unit> out;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint point = decode(text, at);
        out.push_back({point.value, at, traits_of(point.value).word_break});
        at += point.size;
    }
    return out;
}

bool in(WordBreak value, std::initializer_list<WordBreak> set) {
    return std::find(set.begin(), set.end(), value) != set.end();
}

// Whether there is a boundary before units[i], 0 < i < size, by the text of the rules.
bool naive_boundary(const std::vector<Unit>& units, std::size_t i) {
    using enum WordBreak;
    const auto ignored = [](WordBreak value) { return in(value, {extend, format, zwj}); };
    const auto line_end = [](WordBreak value) { return in(value, {cr, lf, newline}); };
    const auto ah = [](WordBreak value) { return in(value, {a_letter, hebrew_letter}); };
    const auto mid_num_letq = [](WordBreak value) {
        return in(value, {mid_num_let, single_quote});
    };
    const WordBreak raw_left = units[i - 1].kind;
    const WordBreak right = units[i].kind;
    if (raw_left == cr && right == lf) return false;                             // WB3
    if (line_end(raw_left) || line_end(right)) return true;                      // WB3a, WB3b
    if (raw_left == zwj && traits_of(units[i].value).pictographic) return false; // WB3c
    if (raw_left == wseg_space && right == wseg_space) return false;             // WB3d
    if (ignored(right)) return false;                                            // WB4
    // WB4: skip ignored characters to the left; one at the start of a line stands for itself.
    const auto left_from = [&](std::size_t from) -> std::ptrdiff_t {
        std::ptrdiff_t at = static_cast<std::ptrdiff_t>(from);
        while (at >= 0 && ignored(units[static_cast<std::size_t>(at)].kind)) {
            if (at == 0 || line_end(units[static_cast<std::size_t>(at) - 1].kind)) break;
            --at;
        }
        return at;
    };
    const auto kind_at = [&](std::ptrdiff_t at) {
        return at < 0 || at >= static_cast<std::ptrdiff_t>(units.size())
                   ? other
                   : units[static_cast<std::size_t>(at)].kind;
    };
    const std::ptrdiff_t left_at = left_from(i - 1);
    const WordBreak left = kind_at(left_at);
    const WordBreak left2 =
        left_at > 0 ? kind_at(left_from(static_cast<std::size_t>(left_at) - 1)) : other;
    std::size_t right2_at = i + 1;
    while (right2_at < units.size() && ignored(units[right2_at].kind)) ++right2_at;
    const WordBreak right2 = kind_at(static_cast<std::ptrdiff_t>(right2_at));
    if (ah(left) && ah(right)) return false;                                                  // WB5
    if (ah(left) && (right == mid_letter || mid_num_letq(right)) && ah(right2)) return false; // WB6
    if (ah(left2) && (left == mid_letter || mid_num_letq(left)) && ah(right)) return false;   // WB7
    if (left == hebrew_letter && right == single_quote) return false; // WB7a
    if (left == hebrew_letter && right == double_quote && right2 == hebrew_letter) return false;
    if (left2 == hebrew_letter && left == double_quote && right == hebrew_letter) return false;
    if (left == numeric && right == numeric) return false; // WB8
    if (ah(left) && right == numeric) return false;        // WB9
    if (left == numeric && ah(right)) return false;        // WB10
    if (left2 == numeric && (left == mid_num || mid_num_letq(left)) && right == numeric)
        return false;
    if (left == numeric && (right == mid_num || mid_num_letq(right)) && right2 == numeric)
        return false;
    if (left == katakana && right == katakana) return false; // WB13
    if ((ah(left) || in(left, {numeric, katakana, extend_num_let})) && right == extend_num_let) {
        return false; // WB13a
    }
    if (left == extend_num_let && (ah(right) || in(right, {numeric, katakana}))) return false;
    if (left == regional_indicator && right == regional_indicator) { // WB15, WB16
        std::size_t before = 0;
        for (std::ptrdiff_t at = left_at; at >= 0 && kind_at(at) == regional_indicator;) {
            ++before;
            at = at == 0 ? -1 : left_from(static_cast<std::size_t>(at) - 1);
        }
        return before % 2 == 0;
    }
    return true; // WB999
}

std::vector<std::size_t> naive_boundaries(std::string_view text) {
    std::vector<std::size_t> out;
    const auto units = units_of(text);
    for (std::size_t i = 1; i < units.size(); ++i) {
        if (naive_boundary(units, i)) out.push_back(units[i].offset);
    }
    if (!units.empty()) out.push_back(text.size());
    return out;
}

std::vector<std::size_t> boundaries(std::string_view text) {
    std::vector<std::size_t> out;
    for (std::size_t at = 0; at < text.size();) out.push_back(at = word_end(text, at));
    return out;
}

// docs/formats/symbols.md, step by step, for words that need no cut inside a composition unit.
std::vector<Symbol> naive_symbols(std::string_view text) {
    std::vector<Symbol> out;
    const auto put = [&](std::size_t begin, std::size_t end) {
        while (begin < end) {
            std::size_t cut = begin;
            std::string word;
            while (cut < end) {
                std::size_t unit = cut + decode(text, cut).size;
                while (unit < end && !has_composition_boundary_before(decode(text, unit).value)) {
                    unit += decode(text, unit).size;
                }
                const std::string longer = fold_case(text.substr(begin, unit - begin));
                if (longer.size() > symbol_max_bytes) break;
                word = longer;
                cut = unit;
            }
            ASSERT_LT(begin, cut) << "a unit of more than 31 bytes";
            Symbol symbol;
            std::copy(word.begin(), word.end(), symbol.word.begin());
            symbol.offset = static_cast<std::uint32_t>(begin);
            symbol.size = static_cast<std::uint32_t>(cut - begin);
            out.push_back(symbol);
            begin = cut;
        }
    };
    std::size_t begin = 0;
    for (const std::size_t end : naive_boundaries(text)) {
        // Pieces: what white space and CJK code points leave of the segment.
        struct Piece {
            std::size_t begin, end;
            bool connectors;
        };
        std::vector<Piece> pieces;
        bool open = false;
        bool after_cjk = false;
        for (const Unit& unit : units_of(text.substr(begin, end - begin))) {
            const std::size_t at = begin + unit.offset;
            const std::size_t next = at + decode(text, at).size;
            const CodePointTraits traits = traits_of(unit.value);
            const bool mark = in(unit.kind, {WordBreak::extend, WordBreak::format, WordBreak::zwj});
            const bool connector = unit.kind == WordBreak::extend_num_let;
            if (traits.white_space || unit.value == 0) {
                open = after_cjk = false;
            } else if (traits.cjk) {
                pieces.push_back({at, next, false});
                open = false;
                after_cjk = true;
            } else if (mark && (after_cjk || open)) {
                pieces.back().end = next;
            } else if (open) {
                pieces.back().end = next;
                pieces.back().connectors &= connector;
                after_cjk = false;
            } else {
                pieces.push_back({at, next, connector});
                open = true;
                after_cjk = false;
            }
        }
        for (const Piece& piece : pieces) {
            if (!piece.connectors) {
                put(piece.begin, piece.end);
                continue;
            }
            std::size_t first = piece.begin;
            for (const Unit& unit : units_of(text.substr(piece.begin, piece.end - piece.begin))) {
                const std::size_t at = piece.begin + unit.offset;
                if (at > first && unit.kind == WordBreak::extend_num_let) {
                    put(first, at);
                    first = at;
                }
            }
            put(first, piece.end);
        }
        begin = end;
    }
    return out;
}

std::string describe(std::string_view text) { return to_hex(as_bytes(text)); }

void expect_twins(std::string_view text) {
    const auto fast = symbolize(text);
    ASSERT_TRUE(fast.has_value());
    const auto slow = naive_symbols(text);
    ASSERT_EQ(fast->size(), slow.size()) << describe(text);
    for (std::size_t i = 0; i < slow.size(); ++i) {
        ASSERT_EQ(symbol_text((*fast)[i].word), symbol_text(slow[i].word))
            << i << " " << describe(text);
        ASSERT_EQ((*fast)[i].offset, slow[i].offset) << i << " " << describe(text);
        ASSERT_EQ((*fast)[i].size, slow[i].size) << i << " " << describe(text);
    }
}

TEST(Symbols, English) {
    EXPECT_EQ(words("The quick (\"brown\") fox can't jump 32.3 feet, right?"),
              (Words{"the", "quick", "(", "\"", "brown", "\"", ")", "fox", "can't", "jump", "32.3",
                     "feet", ",", "right", "?"}));
    EXPECT_EQ(words("snake_case ___ a:b 1:2 x.y. 1,000;2 e.g. C++ :: a--b"),
              (Words{"snake_case", "_", "_", "_", "a:b", "1", ":", "2", "x.y", ".", "1,000;2",
                     "e.g",        ".", "c", "+", "+",   ":", ":", "a", "-",   "-", "b"}));
    EXPECT_EQ(words(""), Words{});
    EXPECT_EQ(words(" \t\r\n\v\f"), Words{});
    EXPECT_EQ(words(std::string_view("a\0b\0", 4)), (Words{"a", "b"}));
}

TEST(Symbols, OtherScripts) {
    EXPECT_EQ(words("Straße ΣΊΣΥΦΟΣ Ünïcode"), (Words{"strasse", "σίσυφοσ", "ünïcode"}));
    EXPECT_EQ(words("日本語テキスト、ひらがな。"), (Words{"日", "本", "語", "テ", "キ", "ス", "ト",
                                                          "、", "ひ", "ら", "が", "な", "。"}));
    EXPECT_EQ(words("한국어 문장입니다."), (Words{"한국어", "문장입니다", "."}));
    EXPECT_EQ(words("עברית ש\"ס ג'"), (Words{"עברית", "ש\"ס", "ג'"}));
    EXPECT_EQ(words("Привет, мир!"), (Words{"привет", ",", "мир", "!"}));
    EXPECT_EQ(words("a\u00a0b\u202fc\u3000d"), (Words{"a", "b", "c", "d"}));
    EXPECT_EQ(words("🇫🇷🇩🇪👩‍👩‍👧x"),
              (Words{"🇫🇷", "🇩🇪", "👩‍👩‍👧", "x"}));
}

TEST(Symbols, SameForCanonicallyEquivalentText) {
    EXPECT_EQ(words("Cafe\u0301 Noe\u0308l \u212bngstro\u0308m"), words("Café Noël Ångström"));
    EXPECT_EQ(words("\u1112\u1161\u11ab"), words("한"));
    EXPECT_EQ(words("か\u3099"), words("が"));
}

TEST(Symbols, OffsetsAreThoseOfTheOriginal) {
    const std::string text = "Ein  Cafe\u0301, STRASSE–Straße";
    const auto symbols = symbolize(text);
    ASSERT_TRUE(symbols.has_value());
    std::vector<std::string> originals;
    for (const Symbol& symbol : *symbols)
        originals.push_back(text.substr(symbol.offset, symbol.size));
    EXPECT_EQ(originals, (Words{"Ein", "Cafe\u0301", ",", "STRASSE", "–", "Straße"}));
}

TEST(Symbols, LongWordsAreCut) {
    const std::string word(70, 'A');
    const auto symbols = symbolize(word);
    ASSERT_TRUE(symbols.has_value());
    ASSERT_EQ(symbols->size(), 3U);
    EXPECT_EQ(symbol_text((*symbols)[0].word), std::string(31, 'a'));
    EXPECT_EQ((*symbols)[1].offset, 31U);
    EXPECT_EQ((*symbols)[2].size, 8U);
    EXPECT_EQ((*symbols)[0].word[31], 0);
    // Two bytes each: 15 fit in 31 bytes.
    std::string cyrillic;
    for (int i = 0; i < 20; ++i) cyrillic += "Ж";
    const auto cut = symbolize(cyrillic);
    ASSERT_EQ(cut->size(), 2U);
    EXPECT_EQ((*cut)[0].size, 30U);
    EXPECT_EQ((*cut)[1].offset, 30U);
}

TEST(Symbols, MoreMarksThanFitKeepTheirPlace) {
    std::string zalgo = "a";
    for (int i = 0; i < 2000; ++i) zalgo += i % 2 == 0 ? "\u0301" : "\u0316";
    const auto symbols = symbolize(zalgo);
    ASSERT_TRUE(symbols.has_value());
    std::uint32_t end = 0;
    for (const Symbol& symbol : *symbols) {
        EXPECT_GE(symbol.offset, end);
        end = symbol.offset + symbol.size;
        EXPECT_NE(symbol.word[0], 0);
        EXPECT_EQ(find_invalid_utf8(symbol_text(symbol.word)), std::nullopt);
    }
    EXPECT_EQ(end, zalgo.size());
}

TEST(Symbols, BadUtf8IsRefusedWithItsPlace) {
    const auto symbols = symbolize("good \xff bad");
    ASSERT_FALSE(symbols.has_value());
    EXPECT_EQ(symbols.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(symbols.error().context.find("byte 5"), std::string::npos);
}

TEST(Symbols, SeparatorsAreBelowEverySymbolAndOrdered) {
    EXPECT_LT(separator_word(0), separator_word(1));
    EXPECT_LT(separator_word(255), separator_word(256));
    EXPECT_TRUE(is_separator(separator_word(7)));
    const auto symbols = symbolize("\x01 ! a 日");
    ASSERT_TRUE(symbols.has_value());
    for (const Symbol& symbol : *symbols) {
        EXPECT_LT(separator_word(0xfffffffe), symbol.word);
        EXPECT_FALSE(is_separator(symbol.word));
    }
}

TEST(WordBreakRules, UnicodeVersionIsTheDocumentedOne) {
    UVersionInfo version;
    u_getUnicodeVersion(version);
    EXPECT_EQ(version[0], 15); // docs/formats/symbols.md pins 15.0
}

// auxiliary/WordBreakTest.txt of the Unicode Character Database, 15.0.0 (Debian's unicode-data).
TEST(WordBreakRules, UnicodeConformanceFile) {
    const auto file = read_text_file("/usr/share/unicode/auxiliary/WordBreakTest.txt", 1 << 20);
    ASSERT_TRUE(file.has_value()) << "install the Debian package unicode-data";
    std::size_t cases = 0;
    std::string_view rest = *file;
    while (!rest.empty()) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        line = line.substr(0, line.find('#'));
        while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
        if (line.empty()) continue;
        std::string text;
        std::vector<std::size_t> expected;
        for (std::size_t at = 0; at < line.size();) {
            const std::size_t end = std::min(line.find(' ', at), line.size());
            const std::string token(line.substr(at, end - at));
            at = end + 1;
            if (token == "÷") {
                if (!text.empty()) expected.push_back(text.size());
            } else if (token != "×") {
                append_utf8(text, static_cast<std::uint32_t>(std::stoul(token, nullptr, 16)));
            }
        }
        EXPECT_EQ(boundaries(text), expected) << line;
        EXPECT_EQ(naive_boundaries(text), expected) << line;
        expect_twins(text);
        ++cases;
    }
    EXPECT_EQ(cases, 1823U);
}

// Every class of UAX 29 on both sides of the ASCII border, and what symbols treat apart.
const std::vector<std::string> alphabet = {
    "a",      "B",      "z",      "7",          "0",
    "_",      ":",      ".",      ",",          ";",
    "'",      "\"",     " ",      "\n",         "\r",
    "\t",     "-",      "(",      "#",          std::string(1, '\0'),
    "é",      "É",      "\u0301", "\u0316",     "\u00ad",
    "\u200d", "\u200c", "\u05d0", "\u05d1",     "\u30ab",
    "\u30fc", "\u3099", "漢",     "々",         "ひ",
    "\uff66", "한",     "\u1100", "\u1161",     "\u2019",
    "\u00b7", "\u037e", "\u203f", "\u202f",     "\u00a0",
    "\u2028", "\u0085", "\u3000", "🇫",          "🇷",
    "👩",     "©",      "\u24c2", "\u0660",     "\u066c",
    "ß",      "İ",      "ﬃ",      "Ж",          "ж",
    "\u0e01", "\u0e31", "\u0345", "\U0001d400", "\ufe0f",
    "\u2160", "\u0958", "\ufeff"};

TEST(Symbols, FastPathAgainstTheRulesOnRandomText) {
    Prng prng(42);
    for (int round = 0; round < 30000; ++round) {
        // Rounds of mostly ASCII reach the fast path's borders, others the full rules.
        const bool ascii_mostly = round % 2 == 0;
        std::string text;
        const std::size_t size = 1 + prng.below(14);
        std::string last;
        for (std::size_t i = 0; i < size; ++i) {
            const bool repeat = !last.empty() && prng.below(4) == 0;
            if (!repeat)
                last =
                    alphabet[prng.below(ascii_mostly && prng.below(6) != 0 ? 20 : alphabet.size())];
            // A unit may not outgrow a symbol here; MoreMarksThanFit covers those.
            if (last == "\u0301" || last == "\u0316" || last == "\u0345" || last == "\u3099") {
                if (text.size() > 6 && prng.below(2) == 0) continue;
            }
            text += last;
        }
        expect_twins(text);
        EXPECT_EQ(boundaries(text), naive_boundaries(text)) << describe(text);
        if (HasFatalFailure()) return;
    }
}

TEST(Symbols, LongRandomTextAgainstTheRules) {
    Prng prng(7);
    for (int round = 0; round < 60; ++round) {
        std::string text;
        for (int i = 0; i < 400; ++i) {
            const std::size_t kind = prng.below(10);
            if (kind < 7) {
                for (std::size_t n = prng.below(40); n > 0; --n) {
                    text.push_back(static_cast<char>('a' + prng.below(26)));
                }
            }
            text += kind < 9 ? alphabet[prng.below(20)] : alphabet[prng.below(alphabet.size())];
        }
        expect_twins(text);
        if (HasFatalFailure()) return;
    }
}

} // namespace
} // namespace ol::text
