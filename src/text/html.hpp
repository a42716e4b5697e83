// HTML to blocks of text, tolerant as browsers are: no input is refused. Bytes that are not UTF-8
// pass through; the caller judges each block.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ol::text {

struct HtmlBlock {
    enum class Kind { paragraph, item, heading, preformatted };
    Kind kind = Kind::paragraph;
    std::string text; // white space collapsed but in preformatted blocks; entities decoded
    std::uint64_t line = 0;
};

struct HtmlPage {
    std::string title; // <title>
    std::vector<HtmlBlock> blocks;
};

// Dropped: script, style, nav, footer, form controls, embedded objects, elements that are hidden or
// whose class or role marks them as navigation (html.cpp lists the names).
HtmlPage parse_html(std::string_view bytes);

// "&amp;" and the like, numeric forms included; what is no reference stays as it is.
std::string decode_entities(std::string_view text);
// windows-1252 bytes as UTF-8 (the Encoding Standard, 9.1); every byte has a meaning.
std::string decode_windows_1252(std::string_view bytes);
// The code point of a named reference of HTML 4 ("amp"), or 0.
std::uint32_t entity_code_point(std::string_view name);

} // namespace ol::text
