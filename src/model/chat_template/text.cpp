#include "model/chat_template/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <utf8proc.h>

#include "text/unicode.hpp"

namespace ol::model::chat_template {

namespace {

// The code point at text[at]; a byte that is not UTF-8 stands for itself.
text::CodePoint code_point_at(std::string_view text, std::size_t at) {
    auto out = text::decode(text, at);
    if (out.size == 0) out = {static_cast<unsigned char>(text[at]), 1};
    return out;
}

// Where the last character of a text that is not empty begins.
std::size_t last_character(std::string_view text) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
    return at;
}

template <class Map>
std::string map_each(std::string_view text, Map map) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto point = code_point_at(text, at);
        map(point.value, out);
        at += point.size;
    }
    return out;
}

void append_upper(std::uint32_t value, std::string& out) {
    if (value == 0xdf) {
        out += "SS";
        return;
    }
    text::append_utf8(
        out, static_cast<std::uint32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(value))));
}

void append_lower(std::uint32_t value, std::string& out) {
    text::append_utf8(
        out, static_cast<std::uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(value))));
}

bool is_cased(std::uint32_t value) {
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(value));
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
           category == UTF8PROC_CATEGORY_LT;
}

bool is_printable(std::uint32_t value) {
    if (value == ' ') return true;
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(value))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
        return false;
    default:
        return true;
    }
}

} // namespace

bool is_space(std::uint32_t c) {
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

std::string_view strip(std::string_view text, bool left, bool right,
                       std::optional<std::string_view> chars) {
    std::vector<std::uint32_t> set;
    if (chars) {
        for (const auto c : characters(*chars)) set.push_back(code_point_at(c, 0).value);
        std::sort(set.begin(), set.end());
    }
    auto drops = [&](std::uint32_t value) {
        return chars ? std::binary_search(set.begin(), set.end(), value) : is_space(value);
    };
    while (left && !text.empty()) {
        const auto point = code_point_at(text, 0);
        if (!drops(point.value)) break;
        text.remove_prefix(point.size);
    }
    while (right && !text.empty()) {
        const auto at = last_character(text);
        if (!drops(code_point_at(text, at).value)) break;
        text.remove_suffix(text.size() - at);
    }
    return text;
}

std::string upper(std::string_view text) { return map_each(text, append_upper); }
std::string lower(std::string_view text) { return map_each(text, append_lower); }

std::string title(std::string_view text) {
    bool inside = false;
    return map_each(text, [&](std::uint32_t value, std::string& out) {
        if (inside) {
            append_lower(value, out);
        } else {
            append_upper(value, out);
        }
        inside = is_cased(value);
    });
}

std::string capitalize(std::string_view text) {
    bool first = true;
    return map_each(text, [&](std::uint32_t value, std::string& out) {
        if (first) {
            append_upper(value, out);
        } else {
            append_lower(value, out);
        }
        first = false;
    });
}

std::string repr(std::string_view text) {
    const bool has_single = text.find('\'') != std::string_view::npos;
    const bool has_double = text.find('"') != std::string_view::npos;
    const char quote = has_single && !has_double ? '"' : '\'';
    std::string out(1, quote);
    out += map_each(text, [&](std::uint32_t value, std::string& to) {
        if (value == static_cast<unsigned char>(quote) || value == '\\') {
            to += '\\';
            to += static_cast<char>(value);
        } else if (value == '\n') {
            to += "\\n";
        } else if (value == '\r') {
            to += "\\r";
        } else if (value == '\t') {
            to += "\\t";
        } else if (is_printable(value)) {
            text::append_utf8(to, value);
        } else if (value < 0x100) {
            to += fmt::format("\\x{:02x}", value);
        } else if (value < 0x10000) {
            to += fmt::format("\\u{:04x}", value);
        } else {
            to += fmt::format("\\U{:08x}", value);
        }
    });
    return out + quote;
}

std::string repr(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
    char digits[64];
    const auto end =
        std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific).ptr;
    const std::string_view text(digits, static_cast<std::size_t>(end - digits));
    int exponent = 0;
    const auto e = text.find('e');
    const auto* from = text.data() + e + 1 + (text[e + 1] == '+' ? 1 : 0);
    std::from_chars(from, end, exponent);
    if (exponent < -4 || exponent >= 16) return std::string(text);
    char fixed[64];
    const auto stop =
        std::to_chars(fixed, fixed + sizeof fixed, value, std::chars_format::fixed).ptr;
    std::string out(fixed, stop);
    if (out.find('.') == std::string::npos) out += ".0";
    return out;
}

std::size_t length(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

std::vector<std::string_view> characters(std::string_view text) {
    std::vector<std::string_view> out;
    for (std::size_t at = 0; at < text.size();) {
        const auto size = code_point_at(text, at).size;
        out.push_back(text.substr(at, size));
        at += size;
    }
    return out;
}

namespace {

std::vector<std::string_view> split_at_space(std::string_view text, std::int64_t limit,
                                             bool from_right) {
    std::vector<std::string_view> out;
    text = strip(text, !from_right, from_right);
    while (!text.empty()) {
        if (limit >= 0 && static_cast<std::int64_t>(out.size()) >= limit) {
            out.push_back(text);
            break;
        }
        if (from_right) {
            std::size_t start = text.size();
            while (start > 0) {
                const auto before = last_character(text.substr(0, start));
                if (is_space(code_point_at(text, before).value)) break;
                start = before;
            }
            out.push_back(text.substr(start));
            text = strip(text.substr(0, start), false, true);
        } else {
            std::size_t size = 0;
            while (size < text.size()) {
                const auto point = code_point_at(text, size);
                if (is_space(point.value)) break;
                size += point.size;
            }
            out.push_back(text.substr(0, size));
            text = strip(text.substr(size), true, false);
        }
    }
    if (from_right) std::reverse(out.begin(), out.end());
    return out;
}

} // namespace

std::vector<std::string_view> split(std::string_view text,
                                    std::optional<std::string_view> separator, std::int64_t limit,
                                    bool from_right) {
    std::vector<std::string_view> out;
    if (!separator) {
        if (limit >= 0) return split_at_space(text, limit, from_right);
        std::size_t start = 0;
        for (std::size_t at = 0; at <= text.size();) {
            const auto point = at < text.size() ? code_point_at(text, at) : text::CodePoint{' ', 1};
            if (is_space(point.value)) {
                if (at > start) out.push_back(text.substr(start, at - start));
                start = at + point.size;
            }
            at += point.size;
        }
        return out;
    }
    while (limit < 0 || static_cast<std::int64_t>(out.size()) < limit) {
        const auto found = from_right ? text.rfind(*separator) : text.find(*separator);
        if (found == std::string_view::npos) break;
        if (from_right) {
            out.push_back(text.substr(found + separator->size()));
            text = text.substr(0, found);
        } else {
            out.push_back(text.substr(0, found));
            text = text.substr(found + separator->size());
        }
    }
    out.push_back(text);
    if (from_right) std::reverse(out.begin(), out.end());
    return out;
}

std::vector<std::string_view> split_lines(std::string_view text) {
    std::vector<std::string_view> out;
    std::size_t start = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto point = code_point_at(text, at);
        const auto c = point.value;
        std::size_t next = at + point.size;
        const bool ends =
            (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
        if (ends) {
            out.push_back(text.substr(start, at - start));
            if (c == '\r' && next < text.size() && text[next] == '\n') ++next;
            start = next;
        }
        at = next;
    }
    if (start < text.size()) out.push_back(text.substr(start));
    return out;
}

std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    std::int64_t limit) {
    std::string out;
    std::int64_t done = 0;
    if (from.empty()) { // before each character and at the end
        for (const auto c : characters(text)) {
            if (limit < 0 || done < limit) {
                out += to;
                ++done;
            }
            out += c;
        }
        if (limit < 0 || done < limit) out += to;
        return out;
    }
    for (;;) {
        const auto found = limit >= 0 && done >= limit ? std::string_view::npos : text.find(from);
        if (found == std::string_view::npos) break;
        out += text.substr(0, found);
        out += to;
        text.remove_prefix(found + from.size());
        ++done;
    }
    out += text;
    return out;
}

std::string json_text(std::string_view text, bool ascii_only) {
    std::string out = "\"";
    out += map_each(text, [&](std::uint32_t value, std::string& to) {
        switch (value) {
        case '"':
            to += "\\\"";
            return;
        case '\\':
            to += "\\\\";
            return;
        case '\n':
            to += "\\n";
            return;
        case '\r':
            to += "\\r";
            return;
        case '\t':
            to += "\\t";
            return;
        case '\b':
            to += "\\b";
            return;
        case '\f':
            to += "\\f";
            return;
        default:
            break;
        }
        if (value < 0x20 || (ascii_only && value > 0x7e && value < 0x10000)) {
            to += fmt::format("\\u{:04x}", value);
        } else if (ascii_only && value >= 0x10000) {
            const auto rest = value - 0x10000;
            to += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
        } else {
            text::append_utf8(to, value);
        }
    });
    return out + '"';
}

} // namespace ol::model::chat_template
