#include "text/symbols.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <string>

#include "text/unicode.hpp"
#include "text/utf8.hpp"
#include "text/word_break.hpp"

namespace ol::text {

namespace {

// What the rules say of an ASCII character (UAX 29, table 3); none of the others occurs below
// U+0080.
enum class Ascii : std::uint8_t { blank, other, letter, digit, underscore, colon, comma, dot, non };

constexpr std::array<Ascii, 256> ascii_class = [] {
    std::array<Ascii, 256> table{};
    for (std::size_t c = 0; c < 256; ++c) {
        table[c] = c < 128 ? Ascii::other : Ascii::non;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) table[c] = Ascii::letter;
        if (c >= '0' && c <= '9') table[c] = Ascii::digit;
    }
    for (const unsigned char c : {0, 9, 10, 11, 12, 13, 32}) table[c] = Ascii::blank;
    table['_'] = Ascii::underscore;         // ExtendNumLet
    table[':'] = Ascii::colon;              // MidLetter
    table[','] = table[';'] = Ascii::comma; // MidNum
    table['.'] = table['\''] = Ascii::dot;  // MidNumLet, Single_Quote
    return table;
}();

Ascii class_at(std::string_view text, std::size_t at) {
    return at < text.size() ? ascii_class[static_cast<unsigned char>(text[at])] : Ascii::blank;
}

bool is_word(Ascii value) {
    return value == Ascii::letter || value == Ascii::digit || value == Ascii::underscore;
}

constexpr std::size_t max_unit_bytes = 1024;

class Symbolizer {
public:
    explicit Symbolizer(std::string_view text)
        : text_(text) {
        symbols_.reserve(text.size() / 5);
    }

    std::vector<Symbol> run() {
        std::size_t at = 0;
        while (at < text_.size()) {
            const Ascii kind = class_at(text_, at);
            if (kind == Ascii::blank) {
                ++at;
                continue;
            }
            std::size_t end = at;
            if (kind != Ascii::non) end = is_word(kind) ? ascii_word_end(at) : ascii_mark_end(at);
            if (end > at) {
                emit_ascii(at, end);
                at = end;
                continue;
            }
            end = word_end(text_, at);
            emit_segment(at, end);
            at = end;
        }
        return std::move(symbols_);
    }

private:
    // The end of the segment of letters, digits and underscores at `at`, or `at` itself when a
    // character beyond ASCII has a say in it.
    std::size_t ascii_word_end(std::size_t at) const {
        std::size_t end = at + 1;
        Ascii left = class_at(text_, at);
        for (;;) {
            const Ascii right = class_at(text_, end);
            if (is_word(right)) {
                left = right;
                ++end;
                continue;
            }
            if (right == Ascii::non) return at;
            if (end + 1 < text_.size() && class_at(text_, end + 1) == Ascii::non &&
                right != Ascii::blank && right != Ascii::other) {
                return at; // a mark may hide the character after it, or be a letter itself
            }
            const Ascii beyond = class_at(text_, end + 1);
            const bool inner = (left == Ascii::letter && beyond == Ascii::letter &&
                                (right == Ascii::colon || right == Ascii::dot)) ||
                               (left == Ascii::digit && beyond == Ascii::digit &&
                                (right == Ascii::comma || right == Ascii::dot));
            if (!inner) return end;
            end += 2;
            left = beyond;
        }
    }

    std::size_t ascii_mark_end(std::size_t at) const {
        return class_at(text_, at + 1) == Ascii::non ? at : at + 1;
    }

    void push(std::string_view word, std::size_t begin, std::size_t end) {
        Symbol& symbol = symbols_.emplace_back();
        std::memcpy(symbol.word.data.data(), word.data(), word.size());
        symbol.offset = static_cast<std::uint32_t>(begin);
        symbol.size = static_cast<std::uint32_t>(end - begin);
    }

    void emit_ascii(std::size_t begin, std::size_t end) {
        if (text_.find_first_not_of('_', begin) >= end) {
            for (; begin < end; ++begin) push("_", begin, begin + 1);
            return;
        }
        for (std::size_t at = begin; at < end; at += symbol_max_bytes) {
            const std::size_t size = std::min(end - at, symbol_max_bytes);
            Symbol& symbol = symbols_.emplace_back();
            for (std::size_t i = 0; i < size; ++i) {
                const char c = text_[at + i];
                symbol.word.data[i] = static_cast<std::uint8_t>(c | (c >= 'A' && c <= 'Z') << 5);
            }
            symbol.offset = static_cast<std::uint32_t>(at);
            symbol.size = static_cast<std::uint32_t>(size);
        }
    }

    // A word segment: white space and U+0000 in it separate; a CJK code point with its marks is a
    // symbol; the rest between them is one word, or single underscores and their like.
    void emit_segment(std::size_t begin, std::size_t end) {
        std::size_t piece = begin; // of the word that is open
        std::size_t at = begin;
        const auto close = [&](std::size_t until) {
            if (piece < until) emit_word(piece, until);
        };
        while (at < end) {
            const CodePoint point = decode(text_, at);
            const CodePointTraits traits = traits_of(point.value);
            if (traits.white_space || point.value == 0) {
                close(at);
                piece = at += point.size;
            } else if (traits.cjk) {
                close(at);
                piece = at;
                at = after_marks(at + point.size, end);
                close(at);
                piece = at;
            } else {
                at += point.size;
            }
        }
        close(end);
    }

    std::size_t after_marks(std::size_t at, std::size_t end) const {
        while (at < end) {
            const CodePoint point = decode(text_, at);
            const WordBreak value = traits_of(point.value).word_break;
            if (value != WordBreak::extend && value != WordBreak::format &&
                value != WordBreak::zwj) {
                break;
            }
            at += point.size;
        }
        return at;
    }

    void emit_word(std::size_t begin, std::size_t end) {
        bool connectors = true; // only ExtendNumLet and marks
        bool plain = true;
        for (std::size_t at = begin; at < end;) {
            const CodePoint point = decode(text_, at);
            const CodePointTraits traits = traits_of(point.value);
            connectors &= traits.word_break == WordBreak::extend_num_let ||
                          (at > begin && (traits.word_break == WordBreak::extend ||
                                          traits.word_break == WordBreak::format ||
                                          traits.word_break == WordBreak::zwj));
            plain &= traits.plain;
            at += point.size;
        }
        if (connectors) {
            while (begin < end) {
                const std::size_t after = after_marks(begin + decode(text_, begin).size, end);
                emit_folded(begin, after);
                begin = after;
            }
        } else if (plain && end - begin <= symbol_max_bytes) {
            push(text_.substr(begin, end - begin), begin, end);
        } else {
            emit_folded(begin, end);
        }
    }

    // Folds text_[begin, end) and cuts it: a symbol takes as many composition units as fit. A unit
    // is a code point with what may compose with it, so that no cut changes the folded text (short
    // of max_unit_bytes of marks on one base, which no script has).
    void emit_folded(std::size_t begin, std::size_t end) {
        if (end - begin <= 4 * symbol_max_bytes) {
            const std::string whole = fold_case(text_.substr(begin, end - begin));
            if (whole.size() <= symbol_max_bytes) {
                push(whole, begin, end);
                return;
            }
        }
        std::string word;
        std::size_t word_begin = begin;
        while (begin < end) {
            const std::size_t after = unit_end(begin, end);
            const std::string unit = fold_case(text_.substr(begin, after - begin));
            if (!word.empty() && word.size() + unit.size() > symbol_max_bytes) {
                push(word, word_begin, begin);
                word.clear();
            }
            if (word.empty()) word_begin = begin;
            word += unit;
            begin = after;
            // One unit with more marks than fit: its first piece stands for all its bytes.
            std::size_t until = after;
            while (word.size() > symbol_max_bytes) {
                const std::string_view piece = truncate_utf8(word, symbol_max_bytes);
                push(piece, word_begin, until);
                word.erase(0, piece.size());
                word_begin = until = after;
            }
        }
        if (!word.empty()) push(word, word_begin, end);
    }

    std::size_t unit_end(std::size_t begin, std::size_t end) const {
        std::size_t at = begin + decode(text_, begin).size;
        while (at < end) {
            const CodePoint point = decode(text_, at);
            if (has_composition_boundary_before(point.value)) break;
            if (at + point.size - begin > max_unit_bytes) break;
            at += point.size;
        }
        return at;
    }

    std::string_view text_;
    std::vector<Symbol> symbols_;
};

} // namespace

Result<std::vector<Symbol>> symbolize(std::string_view text) {
    if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
        return fail(ErrorCode::too_large, "text of {} bytes, symbols count to 2^32 - 1",
                    text.size());
    }
    if (const auto bad = find_invalid_utf8(text)) {
        return fail(ErrorCode::invalid_argument, "not UTF-8 at byte {}", *bad);
    }
    return Symbolizer(text).run();
}

std::string_view symbol_text(const SymbolWord& word) {
    static_assert(std::endian::native == std::endian::little);
    std::array<std::uint64_t, 4> parts;
    std::memcpy(parts.data(), word.data.data(), sizeof parts);
    std::size_t part = parts.size();
    while (part > 0 && parts[part - 1] == 0) --part;
    const std::size_t size =
        part == 0 ? 0 : 8 * part - static_cast<std::size_t>(std::countl_zero(parts[part - 1])) / 8;
    return {reinterpret_cast<const char*>(word.data.data()), size};
}

SymbolWord separator_word(std::uint32_t record_index) {
    SymbolWord word;
    // Index 2^32 - 1 has no successor in 4 bytes; a segment has at most 2^31 symbols.
    put_be32(word.data.data() + 28, record_index + 1);
    return word;
}

} // namespace ol::text
