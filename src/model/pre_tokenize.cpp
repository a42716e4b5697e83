#include "model/pre_tokenize.hpp"

#include <utf8proc.h>

#include <algorithm>

namespace ol::model {

namespace {

enum class Kind : std::uint8_t { letter, number, space, other };

struct Character {
    Kind kind = Kind::other;
    std::size_t size = 1; // bytes
};

Kind kind_of(utf8proc_int32_t c) {
    if ((c >= 9 && c <= 13) || c == 0x20 || c == 0x85) return Kind::space;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return Kind::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return Kind::number;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return Kind::space;
    default:
        return Kind::other;
    }
}

std::array<Kind, 128> ascii_kinds() {
    std::array<Kind, 128> out{};
    for (std::size_t c = 0; c < 128; ++c) out[c] = kind_of(static_cast<utf8proc_int32_t>(c));
    return out;
}

Character character_at(std::string_view text, std::size_t at) {
    static const auto ascii = ascii_kinds();
    const auto byte = static_cast<std::uint8_t>(text[at]);
    if (byte < 128) return {ascii[byte], 1};
    utf8proc_int32_t c = 0;
    const auto left = static_cast<utf8proc_ssize_t>(std::min<std::size_t>(text.size() - at, 4));
    const auto size =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at), left, &c);
    if (size <= 0) return {Kind::other, 1};
    return {kind_of(c), static_cast<std::size_t>(size)};
}

std::size_t end_of_run(std::string_view text, std::size_t at, Kind kind) {
    while (at < text.size()) {
        const auto next = character_at(text, at);
        if (next.kind != kind) break;
        at += next.size;
    }
    return at;
}

// The character of each byte, below U+0144.
std::array<std::uint16_t, 256> make_alphabet() {
    std::array<std::uint16_t, 256> out{};
    std::uint16_t spare = 256;
    for (std::uint16_t byte = 0; byte < 256; ++byte) {
        const bool itself =
            (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
        out[byte] = itself ? byte : spare++;
    }
    return out;
}

const std::array<std::uint16_t, 256>& alphabet() {
    static const auto table = make_alphabet();
    return table;
}

} // namespace

std::size_t next_word(std::string_view text) {
    if (text[0] == '\'') {
        for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
            if (text.starts_with(ending)) return ending.size();
        }
    }
    const auto first = character_at(text, 0);
    std::size_t start = 0;
    auto kind = first.kind;
    if (text[0] == ' ' && text.size() > 1) {
        const auto second = character_at(text, 1);
        if (second.kind != Kind::space) {
            start = 1;
            kind = second.kind;
        }
    }
    if (kind != Kind::space) return end_of_run(text, start, kind);

    // White space: all of it at the end of the text, else all but the last character, unless that
    // leaves nothing.
    std::size_t at = 0, last = 0;
    while (at < text.size()) {
        const auto next = character_at(text, at);
        if (next.kind != Kind::space) break;
        last = at;
        at += next.size;
    }
    return at == text.size() || last == 0 ? at : last;
}

std::string characters_from_bytes(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        const auto character = alphabet()[static_cast<std::uint8_t>(c)];
        if (character < 128) {
            out.push_back(static_cast<char>(character));
        } else {
            out.push_back(static_cast<char>(0xc0 | character >> 6));
            out.push_back(static_cast<char>(0x80 | (character & 0x3f)));
        }
    }
    return out;
}

std::optional<std::string> bytes_from_characters(std::string_view characters) {
    static const auto inverse = [] {
        std::array<std::int16_t, 0x144> out{};
        out.fill(-1);
        for (std::size_t byte = 0; byte < 256; ++byte) {
            out[alphabet()[byte]] = static_cast<std::int16_t>(byte);
        }
        return out;
    }();
    std::string out;
    for (std::size_t i = 0; i < characters.size(); ++i) {
        auto c = static_cast<std::uint32_t>(static_cast<std::uint8_t>(characters[i]));
        if (c >= 128) {
            if (c < 0xc2 || c > 0xdf || i + 1 == characters.size()) return std::nullopt;
            const auto low = static_cast<std::uint8_t>(characters[++i]);
            if ((low & 0xc0) != 0x80) return std::nullopt;
            c = (c & 0x1f) << 6 | (low & 0x3f);
        }
        if (c >= inverse.size() || inverse[c] < 0) return std::nullopt;
        out.push_back(static_cast<char>(inverse[c]));
    }
    return out;
}

std::array<std::uint8_t, 256> bytes_by_character() {
    std::array<std::uint8_t, 256> out{};
    for (std::size_t i = 0; i < 256; ++i) out[i] = static_cast<std::uint8_t>(i);
    std::sort(out.begin(), out.end(),
              [](std::uint8_t a, std::uint8_t b) { return alphabet()[a] < alphabet()[b]; });
    return out;
}

} // namespace ol::model
