#include "text/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/check.hpp"
#include "text/unicode.hpp"

namespace ol::text {

namespace {

bool is_ascii(std::string_view text) {
    unsigned char seen = 0;
    for (const char c : text) seen |= static_cast<unsigned char>(c);
    return seen < 0x80;
}

using Wide = std::vector<UChar>;

Wide to_wide(std::string_view text, UErrorCode& status) {
    Wide wide(text.size() + 1);
    std::int32_t size = 0;
    u_strFromUTF8(wide.data(), static_cast<std::int32_t>(wide.size()), &size, text.data(),
                  static_cast<std::int32_t>(text.size()), &status);
    wide.resize(static_cast<std::size_t>(size));
    return wide;
}

std::string to_narrow(const Wide& wide, UErrorCode& status) {
    std::string text(wide.size() * 3 + 1, '\0');
    std::int32_t size = 0;
    u_strToUTF8(text.data(), static_cast<std::int32_t>(text.size()), &size, wide.data(),
                static_cast<std::int32_t>(wide.size()), &status);
    text.resize(static_cast<std::size_t>(size));
    return text;
}

void compose(Wide& wide, UErrorCode& status) {
    const UNormalizer2* const normalizer = unorm2_getNFCInstance(&status);
    const auto size = static_cast<std::int32_t>(wide.size());
    if (unorm2_isNormalized(normalizer, wide.data(), size, &status) != 0) return;
    Wide composed(wide.size() * 3 + 1); // UAX 15, table 11: NFC at most trebles UTF-16
    const std::int32_t composed_size =
        unorm2_normalize(normalizer, wide.data(), size, composed.data(),
                         static_cast<std::int32_t>(composed.size()), &status);
    composed.resize(static_cast<std::size_t>(std::max(composed_size, 0)));
    wide = std::move(composed);
}

// The library fails here only when its data is missing or memory is out: with every buffer at its
// bound and the input checked, no text makes it.
void check_unicode(UErrorCode status) { OL_CHECK(U_SUCCESS(status)); }

std::string nfc(std::string text) {
    if (is_ascii(text)) return text;
    UErrorCode status = U_ZERO_ERROR;
    Wide wide = to_wide(text, status);
    compose(wide, status);
    text = to_narrow(wide, status);
    check_unicode(status);
    return text;
}

// Offset of the first run of more than max_marks characters that NFC may reorder: sorting such a
// run takes time that grows with its square, and no script has one.
constexpr std::size_t max_marks = 256;

std::optional<std::size_t> find_mark_run(std::string_view text) {
    if (is_ascii(text)) return std::nullopt;
    std::size_t run = 0;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint point = decode(text, at);
        run = point.value < 0x300 || u_getCombiningClass(static_cast<UChar32>(point.value)) == 0
                  ? 0
                  : run + 1;
        if (run > max_marks) return at;
        at += point.size;
    }
    return std::nullopt;
}

// CR LF and CR to LF; C0, DEL and C1 controls but \n and \t dropped.
std::string without_controls(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c == '\r') {
            out.push_back('\n');
            if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
        } else if (c == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
            ++i; // U+0080..U+009F
        } else if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t') {
            out.push_back(static_cast<char>(c));
        }
    }
    return out;
}

// Trailing blanks of lines, runs of blank lines, blank lines at both ends.
std::string tidy_lines(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    bool blank_line_due = false;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
        if (line.empty()) {
            blank_line_due = !out.empty();
            continue;
        }
        if (!out.empty()) out.push_back('\n');
        if (blank_line_due) out.push_back('\n');
        blank_line_due = false;
        out.append(line);
    }
    return out;
}

} // namespace

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
    const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
    const std::size_t size = text.size();
    std::size_t i = 0;
    while (i < size) {
        if (i + 8 <= size) {
            std::uint64_t word = 0;
            std::memcpy(&word, data + i, 8);
            if ((word & 0x8080808080808080) == 0) {
                i += 8;
                continue;
            }
        }
        if (data[i] < 0x80) {
            ++i;
            continue;
        }
        const CodePoint point = decode(text, i);
        if (point.size == 0) return i;
        i += point.size;
    }
    return std::nullopt;
}

Result<std::string> normalize_text(std::string_view text) {
    if (text.size() > max_text_bytes) {
        return fail(ErrorCode::too_large, "text of {} bytes, the limit is {}", text.size(),
                    max_text_bytes);
    }
    if (const auto bad = find_invalid_utf8(text)) {
        return fail(ErrorCode::invalid_argument, "not UTF-8 at byte {}", *bad);
    }
    // Controls go first: a mark that followed one must still compose with its base.
    std::string bare = without_controls(text);
    if (const auto run = find_mark_run(bare)) {
        return fail(ErrorCode::invalid_argument,
                    "more than {} combining marks in a row before byte {}", max_marks, *run);
    }
    return tidy_lines(nfc(std::move(bare)));
}

std::string fold_case(std::string_view text) {
    if (is_ascii(text)) {
        std::string folded(text);
        for (char& c : folded) {
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        }
        return folded;
    }
    OL_CHECK(text.size() <= max_text_bytes);
    UErrorCode status = U_ZERO_ERROR;
    Wide wide = to_wide(text, status);
    compose(wide, status);
    Wide folded(wide.size() * 3 + 1); // CaseFolding.txt: at most three code units for one
    const std::int32_t folded_size =
        u_strFoldCase(folded.data(), static_cast<std::int32_t>(folded.size()), wide.data(),
                      static_cast<std::int32_t>(wide.size()), U_FOLD_CASE_DEFAULT, &status);
    folded.resize(static_cast<std::size_t>(std::max(folded_size, 0)));
    compose(folded, status);
    std::string out = to_narrow(folded, status);
    check_unicode(status);
    return out;
}

std::string_view truncate_utf8(std::string_view text, std::size_t max_bytes) {
    if (text.size() <= max_bytes) return text;
    std::size_t end = max_bytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return text.substr(0, end);
}

std::string decompose(std::string_view text) {
    if (is_ascii(text)) return std::string(text);
    OL_CHECK(text.size() <= max_text_bytes);
    UErrorCode status = U_ZERO_ERROR;
    const Wide wide = to_wide(text, status);
    Wide apart(wide.size() * 4 + 1); // UAX 15, table 11
    const std::int32_t size = unorm2_normalize(unorm2_getNFDInstance(&status), wide.data(),
                                               static_cast<std::int32_t>(wide.size()), apart.data(),
                                               static_cast<std::int32_t>(apart.size()), &status);
    apart.resize(static_cast<std::size_t>(std::max(size, 0)));
    std::string out = to_narrow(apart, status);
    check_unicode(status);
    return out;
}

bool has_composition_boundary_before(std::uint32_t code_point) {
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2* const normalizer = unorm2_getNFCInstance(&status);
    check_unicode(status);
    return unorm2_hasBoundaryBefore(normalizer, static_cast<UChar32>(code_point)) != 0;
}

} // namespace ol::text
