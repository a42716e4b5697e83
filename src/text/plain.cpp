// Plain text and Markdown: lines to paragraphs to rows.
#include <algorithm>

#include "text/formats.hpp"
#include "text/rows.hpp"
#include "text/utf8.hpp"

namespace ol::text {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

// Walks over the lines of a file and knows where each one is.
class LineWalk {
public:
    explicit LineWalk(std::string_view bytes)
        : bytes_(bytes) {
        if (bytes_.starts_with(byte_order_mark)) at_ = byte_order_mark.size();
    }
    bool next() {
        if (at_ >= bytes_.size()) return false;
        begin_ = at_;
        const std::size_t end = std::min(bytes_.find('\n', at_), bytes_.size());
        line_ = bytes_.substr(at_, end - at_);
        while (!line_.empty() && is_blank(line_.back())) line_.remove_suffix(1);
        at_ = std::min(end + 1, bytes_.size());
        ++number_;
        return true;
    }
    std::string_view line() const { return line_; } // without trailing blanks
    std::uint64_t number() const { return number_; }
    std::size_t begin() const { return begin_; }

private:
    std::string_view bytes_;
    std::string_view line_;
    std::size_t at_ = 0;
    std::size_t begin_ = 0;
    std::uint64_t number_ = 0;
};

// Lines of one paragraph until it is closed; a line that is not UTF-8 spoils its paragraph only.
class OpenParagraph {
public:
    void add(std::string_view line, std::uint64_t number, std::size_t offset, RowSink& sink) {
        if (first_line_ == 0) first_line_ = number;
        if (const auto bad = find_invalid_utf8(line); bad && !spoilt_) {
            sink.issue(number,
                       fmt::format("not UTF-8 at byte {} (paragraph left out)", offset + *bad));
            spoilt_ = true;
        }
        text_.append(line).push_back('\n');
    }
    bool empty() const { return first_line_ == 0; }
    std::string_view text() const { return text_; }
    void close(std::vector<Paragraph>& to, bool verbatim) {
        if (!empty() && !spoilt_) {
            if (!text_.empty() && text_.back() == '\n') text_.pop_back();
            to.push_back({verbatim ? text_ : unwrap(text_), first_line_, false});
        }
        clear();
    }
    void clear() {
        text_.clear();
        first_line_ = 0;
        spoilt_ = false;
    }

private:
    std::string text_;
    std::uint64_t first_line_ = 0;
    bool spoilt_ = false;
};

// "## Title ##" gives "Title"; anything else nothing.
std::string_view atx_heading(std::string_view line) {
    std::size_t level = 0;
    while (level < line.size() && line[level] == '#') ++level;
    if (level == 0 || level > 6 || level >= line.size() || !is_blank(line[level])) return {};
    line.remove_prefix(level);
    line = trim(line);
    std::string_view bare = line;
    while (!bare.empty() && bare.back() == '#') bare.remove_suffix(1);
    return bare.empty() || is_blank(bare.back()) ? trim(bare) : line;
}

bool is_underline(std::string_view line) {
    return line.size() >= 2 && (line.find_first_not_of('=') == std::string_view::npos ||
                                line.find_first_not_of('-') == std::string_view::npos);
}

// The fence of a code block: three or more ` or ~, indented by at most three spaces.
std::string_view fence_of(std::string_view line) {
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    if (indent > 3 || indent == line.size()) return {};
    line.remove_prefix(indent);
    if (line.front() != '`' && line.front() != '~') return {};
    const std::size_t size = std::min(line.find_first_not_of(line.front()), line.size());
    return size >= 3 ? line.substr(0, size) : std::string_view{};
}

} // namespace

ReadResult read_plain(std::string_view bytes, const std::string& file) {
    RowSink sink(file);
    std::vector<Paragraph> paragraphs;
    OpenParagraph open;
    LineWalk walk(bytes);
    while (walk.next()) {
        if (walk.line().empty()) {
            open.close(paragraphs, false);
        } else {
            open.add(walk.line(), walk.number(), walk.begin(), sink);
        }
    }
    open.close(paragraphs, false);
    sink.add_section("", paragraphs);
    return sink.finish();
}

ReadResult read_markdown(std::string_view bytes, const std::string& file) {
    RowSink sink(file);
    std::vector<Paragraph> paragraphs;
    std::string title;
    OpenParagraph open;
    std::string fence; // of the code block that is open
    bool front_matter = false;
    const auto start_section = [&](std::string_view heading) {
        sink.add_section(title, paragraphs);
        paragraphs.clear();
        title = tidy_title(heading);
    };
    LineWalk walk(bytes);
    while (walk.next()) {
        const std::string_view line = walk.line();
        const auto add = [&] { open.add(line, walk.number(), walk.begin(), sink); };
        if (walk.number() == 1 && line == "---") {
            front_matter = true;
        } else if (front_matter) {
            front_matter = line != "---" && line != "...";
        } else if (!fence.empty()) {
            const std::string_view closing = fence_of(line);
            add();
            if (closing.starts_with(fence) && trim(line) == closing) {
                open.close(paragraphs, true);
                fence.clear();
            }
        } else if (const std::string_view opening = fence_of(line); !opening.empty()) {
            open.close(paragraphs, false);
            fence = opening;
            add();
        } else if (line.empty()) {
            open.close(paragraphs, false);
        } else if (const std::string_view heading = atx_heading(line); !heading.empty()) {
            open.close(paragraphs, false);
            start_section(heading);
        } else if (!open.empty() && is_underline(line) &&
                   std::count(open.text().begin(), open.text().end(), '\n') == 1) {
            const std::string setext(open.text());
            open.clear();
            start_section(setext);
        } else {
            add();
        }
    }
    open.close(paragraphs, !fence.empty());
    sink.add_section(title, paragraphs);
    return sink.finish();
}

} // namespace ol::text
