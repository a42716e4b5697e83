#include "text/rows.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "text/utf8.hpp"

namespace ol::text {

namespace {

constexpr std::size_t wrapped_line_chars = 45;

struct Line {
    std::string_view text; // without indentation and trailing blanks
    std::size_t indent = 0;
};

std::vector<Line> lines_of(std::string_view text) {
    std::vector<Line> out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        std::size_t indent = 0;
        while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) {
            indent = line.front() == '\t' ? (indent / 8 + 1) * 8 : indent + 1;
            line.remove_prefix(1);
        }
        while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
        out.push_back({line, line.empty() ? 0 : indent});
    }
    return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "- x", "* x", "1. x", "2) x", "3: x", "[4] x", "| x"
bool starts_item(std::string_view line) {
    if (line.empty()) return false;
    if (line.front() == '|' || line.front() == '>') return true;
    if ((line.front() == '-' || line.front() == '*' || line.front() == '+') && line.size() > 1) {
        return line[1] == ' ';
    }
    if (line.starts_with("\xe2\x80\xa2")) return true; // bullet
    std::size_t at = line.front() == '[' || line.front() == '(' ? 1 : 0;
    const std::size_t first = at;
    while (at < line.size() && is_digit(line[at])) ++at;
    if (at == first || at == line.size()) return false;
    return line[at] == '.' || line[at] == ')' || line[at] == ':' || line[at] == ']';
}

// Where to cut `text`, which is longer than row_max_chars characters: after the last sentence that
// ends in the second half of the window, else at the last white space in it, else at its end.
std::size_t cut_point(std::string_view text) {
    std::size_t window = 0;
    for (std::size_t chars = 0; window < text.size(); ++window) {
        if ((static_cast<unsigned char>(text[window]) & 0xc0) != 0x80 && chars++ == row_max_chars) {
            break;
        }
    }
    std::size_t space = 0;
    for (std::size_t at = window; at > window / 2; --at) {
        const char c = text[at - 1];
        if (c != ' ' && c != '\n' && c != '\t') continue;
        if (space == 0) space = at;
        const char before = at >= 2 ? text[at - 2] : '\0';
        if (c == '\n' || before == '.' || before == '!' || before == '?') return at;
    }
    return space != 0 ? space : window;
}

} // namespace

std::string_view trim(std::string_view text) {
    while (!text.empty() && (is_blank(text.front()) || text.front() == '\n')) text.remove_prefix(1);
    while (!text.empty() && (is_blank(text.back()) || text.back() == '\n')) text.remove_suffix(1);
    return text;
}

std::size_t count_chars(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

std::string unwrap(std::string_view paragraph) {
    const std::vector<Line> lines = lines_of(paragraph);
    std::size_t common = SIZE_MAX;
    for (const Line& line : lines) {
        if (!line.text.empty()) common = std::min(common, line.indent);
    }
    std::string out;
    const Line* before = nullptr;
    bool hanging = false; // whether `before` started an item or the paragraph
    for (const Line& line : lines) {
        const bool item = starts_item(line.text);
        const bool joins =
            before != nullptr && !item && !line.text.empty() &&
            before->indent + count_chars(before->text) >= wrapped_line_chars &&
            (line.indent == before->indent ||
             (hanging && line.indent > before->indent && line.indent <= before->indent + 8));
        if (joins) {
            // "dark-on-" and "light" were one word.
            const bool hyphen = before->text.size() >= 2 && before->text.back() == '-' &&
                                before->text[before->text.size() - 2] != ' ' &&
                                before->text[before->text.size() - 2] != '-';
            if (!hyphen) out.push_back(' ');
            hanging = false;
        } else {
            if (before != nullptr) out.push_back('\n');
            if (!line.text.empty()) out.append(line.indent - common, ' ');
            hanging = item || before == nullptr;
        }
        out.append(line.text);
        before = &line;
    }
    return out;
}

std::vector<Paragraph> gather_rows(const std::vector<Paragraph>& paragraphs) {
    std::vector<Paragraph> rows;
    std::size_t chars = 0; // of the open row; 0: none is open
    const auto put = [&](std::string_view text, std::uint64_t line, bool tight) {
        while (!text.empty() && (is_blank(text.back()) || text.back() == '\n'))
            text.remove_suffix(1);
        const std::size_t more = count_chars(text);
        if (more == 0) return;
        if (chars > 0 && (chars >= row_min_chars || chars + more > row_max_chars)) chars = 0;
        if (chars == 0) {
            rows.push_back({std::string(text), line, false});
        } else {
            rows.back().text.append(tight ? "\n" : "\n\n").append(text);
        }
        chars += more + 1;
    };
    for (const Paragraph& paragraph : paragraphs) {
        std::string_view left = paragraph.text;
        bool tight = paragraph.tight;
        while (count_chars(left.substr(0, 4 * row_max_chars + 4)) > row_max_chars) {
            const std::size_t cut = cut_point(left);
            put(trim(left.substr(0, cut)), paragraph.line, tight);
            left.remove_prefix(cut);
            tight = true;
        }
        put(left, paragraph.line, tight);
    }
    if (rows.size() >= 2 && count_chars(rows.back().text) < row_tail_chars) {
        Paragraph tail = std::move(rows.back());
        rows.pop_back();
        rows.back().text.append("\n\n").append(tail.text);
    }
    return rows;
}

void RowSink::add(std::string_view title, std::string_view text, std::uint64_t line) {
    if (text.size() > limits::record_bytes) {
        add_section(title, {{std::string(text), line, false}});
        return;
    }
    Result<std::string> normal = normalize_text(text);
    if (!normal) {
        issue(line, normal.error().context);
        return;
    }
    // NFC may lengthen a text; rows of gather_rows stay far below the limit.
    if (normal->empty() || normal->size() > limits::record_bytes) return;
    result_.documents.push_back({tidy_title(title), std::move(*normal), file_, line});
}

void RowSink::add_section(std::string_view title, const std::vector<Paragraph>& paragraphs) {
    for (const Paragraph& row : gather_rows(paragraphs)) add(title, row.text, row.line);
}

void RowSink::issue(std::uint64_t line, std::string reason) {
    if (result_.issues.size() < issues_max) {
        result_.issues.push_back({file_, line, std::move(reason)});
    } else {
        ++issues_dropped_;
    }
}

ReadResult RowSink::finish() {
    if (issues_dropped_ > 0) {
        result_.issues.back().reason +=
            fmt::format(" (and {} more like it in this file)", issues_dropped_);
    }
    return std::move(result_);
}

std::string tidy_title(std::string_view title) {
    const Result<std::string> normal = normalize_text(truncate_utf8(title, 16 * title_max_bytes));
    if (!normal) return "";
    std::string out;
    bool space_due = false;
    for (std::size_t i = 0; i < normal->size(); ++i) {
        const char c = (*normal)[i];
        const bool nbsp = std::string_view(*normal).substr(i).starts_with("\xc2\xa0");
        if (c == ' ' || c == '\n' || c == '\t' || nbsp) {
            space_due = !out.empty();
            if (nbsp) ++i;
            continue;
        }
        if (space_due) out.push_back(' ');
        space_due = false;
        out.push_back(c);
    }
    if (out.size() > title_max_bytes) {
        out.resize(truncate_utf8(out, title_max_bytes).size());
        while (!out.empty() && out.back() == ' ') out.pop_back();
    }
    return out;
}

} // namespace ol::text
