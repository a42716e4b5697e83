#include "text/html.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "text/rows.hpp"

namespace ol::text {

namespace {

using Kind = HtmlBlock::Kind;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_space(char c) { return is_blank(c) || c == '\n'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 38> block_names = {
    "address", "article", "aside",  "blockquote", "body",    "caption",  "center",     "dd",
    "details", "dir",     "div",    "dl",         "dt",      "fieldset", "figcaption", "figure",
    "form",    "header",  "hgroup", "hr",         "html",    "legend",   "li",         "main",
    "menu",    "ol",      "p",      "pre",        "section", "summary",  "table",      "tbody",
    "tfoot",   "thead",   "tr",     "ul",         "footer",  "nav"};
constexpr std::array<std::string_view, 16> dropped_names = {
    "nav",   "footer", "template", "svg",    "math", "select",   "button", "object",
    "audio", "video",  "canvas",   "dialog", "map",  "datalist", "applet", "noframes"};
// Elements whose content is text up to their own end tag, whatever stands in it.
constexpr std::array<std::string_view, 6> raw_names = {"script", "style",   "textarea",
                                                       "iframe", "noembed", "xmp"};
constexpr std::array<std::string_view, 14> void_names = {
    "area",  "base", "br",   "col",   "embed",  "hr",    "img",
    "input", "link", "meta", "param", "source", "track", "wbr"};
// Class and role tokens of navigation: DocBook, Sphinx, SQLite's and common site templates.
constexpr std::array<std::string_view, 20> navigation_tokens = {
    "navheader", "navfooter", "navbar",        "navigation", "nav",
    "menu",      "sidebar",   "sphinxsidebar", "toc",        "fancy_toc",
    "nosearch",  "related",   "headerlink",    "breadcrumb", "breadcrumbs",
    "skip-link", "footer",    "search",        "mobile-nav", "no-print"};

// A class that is dropped must be closed somewhere; so many that are not make the page too broken
// to trust its classes, and bound the time that looking for ends takes.
constexpr unsigned max_unclosed = 16;

struct Tag {
    std::string name; // lower case; empty for comments and declarations
    bool end = false;
    bool navigation = false; // hidden or marked as navigation
    std::size_t after = 0;   // the byte after '>'
};

std::size_t find_or_end(std::string_view text, std::string_view what, std::size_t from) {
    return std::min(text.find(what, from), text.size());
}

bool has_navigation_token(std::string_view value) {
    while (!value.empty()) {
        const std::size_t begin = std::min(value.find_first_not_of(" \t\r\n\f"), value.size());
        value.remove_prefix(begin);
        const std::size_t end = std::min(value.find_first_of(" \t\r\n\f"), value.size());
        std::string token(value.substr(0, end));
        for (char& c : token) c = lower(c);
        if (is_one_of(token, navigation_tokens)) return true;
        value.remove_prefix(end);
    }
    return false;
}

// Attributes from `at` to the end of the tag; returns the byte after '>'.
std::size_t parse_attributes(std::string_view html, std::size_t at, Tag& tag) {
    while (at < html.size() && html[at] != '>') {
        if (is_space(html[at]) || html[at] == '/') {
            ++at;
            continue;
        }
        const std::size_t name_begin = at++;
        while (at < html.size() && !is_space(html[at]) && html[at] != '=' && html[at] != '>' &&
               html[at] != '/') {
            ++at;
        }
        const std::string_view name = html.substr(name_begin, at - name_begin);
        std::size_t equals = at;
        while (equals < html.size() && is_space(html[equals])) ++equals;
        std::string_view value;
        if (equals < html.size() && html[equals] == '=') {
            at = equals + 1;
            while (at < html.size() && is_space(html[at])) ++at;
            if (at < html.size() && (html[at] == '"' || html[at] == '\'')) {
                const std::size_t close = find_or_end(html, html.substr(at, 1), at + 1);
                value = html.substr(at + 1, close - at - 1);
                at = std::min(close + 1, html.size());
            } else {
                const std::size_t begin = at;
                while (at < html.size() && !is_space(html[at]) && html[at] != '>') ++at;
                value = html.substr(begin, at - begin);
            }
        }
        if (equal_ignoring_case(name, "class") || equal_ignoring_case(name, "role")) {
            tag.navigation |= has_navigation_token(value);
        } else if (equal_ignoring_case(name, "hidden")) {
            tag.navigation = true;
        }
    }
    return std::min(at + 1, html.size());
}

// The tag, comment or declaration at html[at] == '<'; nothing when '<' is text there.
std::optional<Tag> parse_tag(std::string_view html, std::size_t at) {
    Tag tag;
    const std::string_view rest = html.substr(at);
    if (rest.starts_with("<!--")) {
        const std::size_t end = html.find("-->", at + 4);
        tag.after = end == std::string_view::npos ? html.size() : end + 3;
        return tag;
    }
    if (rest.size() >= 2 && (rest[1] == '!' || rest[1] == '?')) {
        tag.after = std::min(find_or_end(html, ">", at) + 1, html.size());
        return tag;
    }
    tag.end = rest.size() >= 2 && rest[1] == '/';
    std::size_t name_at = at + (tag.end ? 2 : 1);
    if (name_at >= html.size() || !is_letter(html[name_at])) return std::nullopt;
    while (name_at < html.size() && !is_space(html[name_at]) && html[name_at] != '>' &&
           html[name_at] != '/') {
        if (tag.name.size() < 32) tag.name.push_back(lower(html[name_at]));
        ++name_at;
    }
    tag.after = parse_attributes(html, name_at, tag);
    return tag;
}

// The end tag "</name" at or after `from`, or the end of the text.
std::size_t find_end_tag(std::string_view html, std::size_t from, std::string_view name) {
    for (;;) {
        const std::size_t at = find_or_end(html, "</", from);
        if (at == html.size()) return at;
        const std::string_view rest = html.substr(at + 2);
        if (rest.size() >= name.size() && equal_ignoring_case(rest.substr(0, name.size()), name) &&
            (rest.size() == name.size() || !is_letter(rest[name.size()]))) {
            return at;
        }
        from = at + 2;
    }
}

class Parser {
public:
    explicit Parser(std::string_view html)
        : html_(html) {}

    HtmlPage parse() {
        std::size_t at = 0;
        while (at < html_.size()) {
            const std::size_t tag_at = find_or_end(html_, "<", at);
            add_text(html_.substr(at, tag_at - at), at);
            if (tag_at == html_.size()) break;
            const std::optional<Tag> tag = parse_tag(html_, tag_at);
            if (!tag) {
                add_text("<", tag_at);
                at = tag_at + 1;
                continue;
            }
            at = take(*tag, tag_at);
        }
        flush();
        return std::move(page_);
    }

private:
    // Acts on a tag; returns where to go on.
    std::size_t take(const Tag& tag, std::size_t tag_at) {
        if (tag.name.empty()) return tag.after;
        if (!tag.end) {
            if (tag.name == "title" && !have_title_) {
                const std::size_t end = find_end_tag(html_, tag.after, "title");
                page_.title = decode_entities(html_.substr(tag.after, end - tag.after));
                have_title_ = true;
                return end;
            }
            if (is_one_of(tag.name, raw_names)) return find_end_tag(html_, tag.after, tag.name);
            const bool dropped = is_one_of(tag.name, dropped_names);
            if ((dropped || tag.navigation) && !is_one_of(tag.name, void_names) &&
                tag.name != "body" && tag.name != "html") {
                if (const auto end = end_of_element(tag.after, tag.name)) {
                    // The text on both sides was not joined by what is gone.
                    if (is_one_of(tag.name, block_names)) flush();
                    return *end;
                }
            }
        }
        place(tag, tag_at);
        return tag.after;
    }

    // The byte after the end tag that closes an element of this name, counting nested ones.
    std::optional<std::size_t> end_of_element(std::size_t from, const std::string& name) {
        if (unclosed_ >= max_unclosed) return std::nullopt;
        std::size_t depth = 1;
        std::size_t at = from;
        while ((at = find_or_end(html_, "<", at)) < html_.size()) {
            const std::optional<Tag> tag = parse_tag(html_, at);
            if (!tag) {
                ++at;
                continue;
            }
            at = tag->after;
            if (tag->name == name) {
                if (!tag->end) {
                    ++depth;
                } else if (--depth == 0) {
                    return at;
                }
            } else if (!tag->end && is_one_of(tag->name, raw_names)) {
                at = find_end_tag(html_, at, tag->name);
            }
        }
        ++unclosed_;
        return std::nullopt;
    }

    void place(const Tag& tag, std::size_t tag_at) {
        const std::string_view name = tag.name;
        const bool heading = name.size() == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6';
        if (name == "br") {
            if (block_.kind == Kind::heading) {
                space_due_ = true;
            } else {
                text_break('\n', tag_at);
            }
        } else if (name == "td" || name == "th") {
            space_due_ = true;
        } else if (name == "pre") {
            flush();
            if (!tag.end) {
                block_.kind = Kind::preformatted;
                // A newline right after <pre> is not part of it.
                pre_starts_ = true;
            }
        } else if (block_.kind == Kind::preformatted) {
            return; // markup inside <pre> colours it
        } else if (heading) {
            flush();
            if (!tag.end) block_.kind = Kind::heading;
        } else if (is_one_of(name, block_names)) {
            if (block_.kind == Kind::heading && (name == "div" || name == "center")) {
                space_due_ = true;
                return;
            }
            // "<li><p>text": the paragraph is the item.
            if (name == "p" && !tag.end && block_.kind == Kind::item && block_.text.empty()) return;
            flush();
            if (!tag.end && (name == "li" || name == "tr" || name == "dd")) {
                block_.kind = Kind::item;
                bullet_ = name == "li";
            }
        }
    }

    void text_break(char c, std::size_t at) {
        if (block_.text.empty()) return;
        start_line(at);
        while (!block_.text.empty() && block_.text.back() == ' ') block_.text.pop_back();
        if (block_.text.back() != c || block_.kind == Kind::preformatted) block_.text.push_back(c);
        space_due_ = false;
    }

    void add_text(std::string_view raw, std::size_t at) {
        if (raw.empty()) return;
        if (pre_starts_) {
            pre_starts_ = false;
            if (raw.front() == '\n') raw.remove_prefix(1);
            if (raw.empty()) return;
        }
        std::string decoded;
        if (raw.find('&') != std::string_view::npos ||
            raw.find("\xc2\xa0") != std::string_view::npos) {
            decoded = decode_entities(raw);
            if (decoded.find("\xc2\xa0") != std::string::npos) decoded = spaced(decoded);
            raw = decoded;
        }
        if (block_.kind == Kind::preformatted) {
            start_line(at);
            block_.text.append(raw);
            return;
        }
        for (const char c : raw) {
            if (is_space(c)) {
                space_due_ = true;
                continue;
            }
            if (block_.text.empty()) {
                start_line(at);
                if (bullet_ && block_.kind == Kind::item) block_.text = "- ";
            } else if (space_due_ && block_.text.back() != '\n') {
                block_.text.push_back(' ');
            }
            space_due_ = false;
            block_.text.push_back(c);
        }
    }

    static std::string spaced(std::string_view text) { // U+00A0 to a space
        std::string out;
        out.reserve(text.size());
        for (std::size_t i = 0; i < text.size(); ++i) {
            const bool nbsp = text.substr(i).starts_with("\xc2\xa0");
            out.push_back(nbsp ? ' ' : text[i]);
            if (nbsp) ++i;
        }
        return out;
    }

    void start_line(std::size_t at) {
        if (block_.line != 0) return;
        line_ += static_cast<std::uint64_t>(
            std::count(html_.begin() + static_cast<std::ptrdiff_t>(counted_),
                       html_.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
        counted_ = at;
        block_.line = line_;
    }

    void flush() {
        while (!block_.text.empty() && is_space(block_.text.back())) block_.text.pop_back();
        if (!block_.text.empty()) page_.blocks.push_back(std::move(block_));
        block_ = {};
        space_due_ = false;
        pre_starts_ = false;
        bullet_ = false;
    }

    std::string_view html_;
    HtmlPage page_;
    HtmlBlock block_;
    bool have_title_ = false;
    bool space_due_ = false;
    bool pre_starts_ = false;
    bool bullet_ = false;
    unsigned unclosed_ = 0;
    std::uint64_t line_ = 1;
    std::size_t counted_ = 0; // line_ is the line of this byte
};

} // namespace

HtmlPage parse_html(std::string_view bytes) { return Parser(bytes).parse(); }

} // namespace ol::text
