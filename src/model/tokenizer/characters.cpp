#include "model/tokenizer/characters.hpp"

#include <utf8proc.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "text/unicode.hpp"
#include "text/utf8.hpp"

namespace ol::model {

namespace {

constexpr std::uint32_t code_points = 0x110000;
constexpr std::uint32_t block = 256;

// Other_Alphabetic outside of \p{M}: circled and squared letters.
bool is_enclosed_letter(std::uint32_t c) {
    return (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
           (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

bool is_own_nfc(utf8proc_int32_t c) {
    std::string text;
    text::append_utf8(text, static_cast<std::uint32_t>(c));
    utf8proc_uint8_t* out = nullptr;
    const auto size =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                     static_cast<utf8proc_ssize_t>(text.size()), &out,
                     static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    const bool same = size >= 0 && std::string_view(reinterpret_cast<const char*>(out),
                                                    static_cast<std::size_t>(size)) == text;
    std::free(out);
    return same;
}

std::uint16_t general_classes(std::uint32_t code_point) {
    const auto c = static_cast<utf8proc_int32_t>(code_point);
    if (code_point == '\r' || code_point == '\n') return character::space | character::newline;
    if ((c >= 9 && c <= 13) || c == 0x85) return character::space;
    if (c == 0x200c || c == 0x200d) return character::word;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return character::letter | character::word;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
        return character::number | character::word;
    case UTF8PROC_CATEGORY_NO:
        return character::number;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return character::space;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return character::mark | character::word;
    case UTF8PROC_CATEGORY_PC:
        return character::punctuation | character::word;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return character::punctuation;
    default:
        return is_enclosed_letter(code_point) ? character::word : std::uint16_t{0};
    }
}

// Blocks of 256 code points; equal blocks of the unassigned planes are shared.
class ClassTable {
public:
    ClassTable()
        : index_(code_points / block) {
        entries_.resize(block); // the first block: what is not assigned
        for (std::uint32_t i = 0; i < block; ++i) entries_[i] = character::composed;
        for (std::uint32_t b = 0; b < index_.size(); ++b) {
            const auto first = b * block;
            const bool empty = (first >= 0xd800 && first < 0xf900) || first >= 0x32000;
            if (empty && first != 0xe0000 && first != 0xe0100) continue;
            index_[b] = static_cast<std::uint16_t>(entries_.size() / block);
            for (std::uint32_t c = first; c < first + block; ++c) entries_.push_back(compute(c));
        }
        for (std::uint32_t c = 0; c < 128; ++c) ascii[c] = of(c);
    }

    std::uint16_t of(std::uint32_t c) const {
        return entries_[index_[c / block] * block + c % block];
    }

    std::array<std::uint16_t, 128> ascii{};

private:
    static std::uint16_t compute(std::uint32_t c) {
        auto out = general_classes(c);
        // Below U+0300 nothing decomposes for good or combines with what stands before it.
        if (c < 0x300 || (text::has_composition_boundary_before(c) &&
                          is_own_nfc(static_cast<utf8proc_int32_t>(c)))) {
            out |= character::composed;
        }
        return out;
    }

    std::vector<std::uint16_t> index_;
    std::vector<std::uint16_t> entries_;
};

const ClassTable& table() {
    static const ClassTable classes;
    return classes;
}

} // namespace

std::uint16_t classes_of(std::uint32_t code_point) {
    return code_point < code_points ? table().of(code_point) : std::uint16_t{0};
}

Character character_at(std::string_view text, std::size_t at) {
    static const ClassTable& classes = table();
    const auto byte = static_cast<std::uint8_t>(text[at]);
    if (byte < 128) return {classes.ascii[byte], 1};
    const auto c = text::decode(text, at);
    if (c.size == 0) return {};
    return {classes.of(c.value), static_cast<std::uint16_t>(c.size)};
}

} // namespace ol::model
