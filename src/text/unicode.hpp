// Code points of UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ol::text {

// The Unicode library counts in 32-bit integers; NFC may treble a text.
inline constexpr std::size_t max_text_bytes = 256U << 20;

struct CodePoint {
    std::uint32_t value = 0;
    std::uint32_t size = 0; // bytes; 0: not UTF-8 here
};

// The code point at text[at], at < text.size(). Table 3-7 of the Unicode Standard: no overlong
// forms, no surrogates, nothing above U+10FFFF.
inline CodePoint decode(std::string_view text, std::size_t at) {
    const auto* const p = reinterpret_cast<const unsigned char*>(text.data()) + at;
    const std::size_t left = text.size() - at;
    const std::uint32_t lead = p[0];
    if (lead < 0x80) return {lead, 1};
    const auto tail = [&](std::size_t i) { return i < left && (p[i] & 0xc0) == 0x80; };
    if (lead >= 0xc2 && lead <= 0xdf) {
        if (!tail(1)) return {};
        return {(lead & 0x1f) << 6 | (p[1] & 0x3fU), 2};
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        if (!tail(1) || !tail(2)) return {};
        if ((lead == 0xe0 && p[1] < 0xa0) || (lead == 0xed && p[1] > 0x9f)) return {};
        return {(lead & 0xf) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU), 3};
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (!tail(1) || !tail(2) || !tail(3)) return {};
        if ((lead == 0xf0 && p[1] < 0x90) || (lead == 0xf4 && p[1] > 0x8f)) return {};
        return {(lead & 7) << 18 | (p[1] & 0x3fU) << 12 | (p[2] & 0x3fU) << 6 | (p[3] & 0x3fU), 4};
    }
    return {};
}

// Appends a scalar value (not a surrogate, at most U+10FFFF).
inline void append_utf8(std::string& to, std::uint32_t value) {
    const auto put = [&](std::uint32_t byte) { to.push_back(static_cast<char>(byte)); };
    if (value < 0x80) {
        put(value);
    } else if (value < 0x800) {
        put(0xc0 | value >> 6);
        put(0x80 | (value & 0x3f));
    } else if (value < 0x10000) {
        put(0xe0 | value >> 12);
        put(0x80 | (value >> 6 & 0x3f));
        put(0x80 | (value & 0x3f));
    } else {
        put(0xf0 | value >> 18);
        put(0x80 | (value >> 12 & 0x3f));
        put(0x80 | (value >> 6 & 0x3f));
        put(0x80 | (value & 0x3f));
    }
}

} // namespace ol::text
