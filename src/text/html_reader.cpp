// HTML pages to rows: a section per heading.
#include "text/formats.hpp"
#include "text/html.hpp"
#include "text/rows.hpp"
#include "text/utf8.hpp"

namespace ol::text {

namespace {

// "8.5. Loans" to "Loans"; "2001 Odyssey" stays.
std::string_view without_number(std::string_view heading) {
    std::size_t at = 0;
    bool dotted = false;
    while (at < heading.size() &&
           ((heading[at] >= '0' && heading[at] <= '9') || heading[at] == '.')) {
        dotted |= heading[at] == '.';
        ++at;
    }
    if (!dotted || at == 0 || heading[0] == '.' || at >= heading.size() || heading[at] != ' ') {
        return heading;
    }
    return trim(heading.substr(at));
}

// Pages that declare ISO-8859-1 mean windows-1252 (the Encoding Standard, 4.2).
bool declares_latin1(std::string_view html) {
    std::string head(html.substr(0, 1024));
    for (char& c : head) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    const std::size_t at = head.find("charset=");
    if (at == std::string::npos) return false;
    std::string_view value = std::string_view(head).substr(at + 8);
    if (!value.empty() && (value.front() == '"' || value.front() == '\'')) value.remove_prefix(1);
    return value.starts_with("iso-8859-1\"") || value.starts_with("iso-8859-1'") ||
           value.starts_with("iso-8859-1 ") || value.starts_with("iso-8859-1>") ||
           value.starts_with("windows-1252") || value.starts_with("latin1");
}

} // namespace

ReadResult read_html(std::string_view bytes, const std::string& file) {
    RowSink sink(file);
    std::string converted;
    if (declares_latin1(bytes) && find_invalid_utf8(bytes))
        bytes = converted = decode_windows_1252(bytes);
    const HtmlPage page = parse_html(bytes);
    const std::string page_title(without_number(tidy_title(page.title)));
    std::string title = page_title;
    std::vector<Paragraph> section;
    for (const HtmlBlock& block : page.blocks) {
        if (find_invalid_utf8(block.text)) {
            sink.issue(block.line, "not UTF-8 (paragraph left out)");
            continue;
        }
        if (block.kind == HtmlBlock::Kind::heading) {
            sink.add_section(title, section);
            section.clear();
            const std::string heading(without_number(tidy_title(block.text)));
            title = page_title;
            if (heading != page_title && !heading.empty()) {
                title = page_title.empty() ? heading : page_title + ": " + heading;
            }
            continue;
        }
        section.push_back(
            {block.text, block.line, block.kind == HtmlBlock::Kind::item && !section.empty()});
    }
    sink.add_section(title, section);
    return sink.finish();
}

} // namespace ol::text
