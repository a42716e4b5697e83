#include "text/words.hpp"

#include <cstdint>

#include <unicode/uchar.h>

#include "text/unicode.hpp"
#include "text/utf8.hpp"
#include "text/word_break.hpp"

namespace ol::text {

namespace {

enum class Use { separate, drop, digit, keep, alone };

Use use_of(std::uint32_t code_point) {
    const auto c = static_cast<UChar32>(code_point);
    const auto mask = U_GET_GC_MASK(c);
    if ((mask & (U_GC_MN_MASK | U_GC_ME_MASK | U_GC_CF_MASK)) != 0) return Use::drop;
    if ((mask & U_GC_ND_MASK) != 0) return Use::digit;
    if ((mask & (U_GC_L_MASK | U_GC_N_MASK | U_GC_MC_MASK)) == 0) return Use::separate;
    return traits_of(code_point).cjk ? Use::alone : Use::keep;
}

} // namespace

std::string simplify_words(std::string_view text) {
    std::string unfolded;
    bool ascii = true;
    for (const char c : text) ascii &= static_cast<unsigned char>(c) < 0x80;
    if (!ascii) text = unfolded = decompose(fold_case(text));

    std::string out(text.size() * 2 + 1, '\0'); // a separate word takes at most one byte more
    char* const begin = out.data();
    char* to = begin;
    const auto close = [&] {
        if (to != begin && to[-1] != ' ') *to++ = ' ';
    };
    for (std::size_t at = 0; at < text.size();) {
        const auto c = static_cast<unsigned char>(text[at]);
        if (c < 0x80) {
            const auto lower = static_cast<unsigned char>(c | 0x20);
            if (lower >= 'a' && lower <= 'z') {
                *to++ = static_cast<char>(lower);
            } else if (c >= '0' && c <= '9') {
                *to++ = '0';
            } else {
                close();
            }
            ++at;
            continue;
        }
        const CodePoint point = decode(text, at);
        if (point.size == 0) break; // the caller promised UTF-8
        const Use use = use_of(point.value);
        if (use == Use::separate || use == Use::alone) close();
        if (use == Use::digit) *to++ = '0';
        if (use == Use::keep || use == Use::alone) {
            for (std::size_t i = 0; i < point.size; ++i) *to++ = text[at + i];
        }
        if (use == Use::alone) close();
        at += point.size;
    }
    close();
    out.resize(static_cast<std::size_t>(to - begin));
    return out;
}

} // namespace ol::text
