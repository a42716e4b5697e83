// Rows: how the readers cut long text. One set of rules for every file type, so that the same words
// in .txt and in .md give the same rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/reader.hpp"

namespace ol::text {

inline constexpr std::size_t row_min_chars = 600;  // a row is closed once it has as many
inline constexpr std::size_t row_max_chars = 1200; // and takes no paragraph that leads past this
inline constexpr std::size_t row_tail_chars = 200; // a shorter last row joins the one before
inline constexpr std::size_t title_max_bytes = 256;
inline constexpr std::size_t issues_max = 1000; // of one file; the last says how many more

// A block of text with its place: a paragraph, a list item, a piece of code.
struct Paragraph {
    std::string text;
    std::uint64_t line = 0;
    bool tight = false; // follows the one before on the next line, not after a blank line
};

std::size_t count_chars(std::string_view text); // code points of valid UTF-8

// Hard-wrapped lines of prose joined: a line is continued by the next when it has at least 45
// characters, and the next is indented alike (or hangs below a list item) and starts no list item.
// Common indentation is removed. Lines of code and verse are short or indented and stay.
std::string unwrap(std::string_view paragraph);

// Gathers paragraphs to rows; a paragraph that is too long for one row is cut after a sentence,
// else between words, else between code points.
std::vector<Paragraph> gather_rows(const std::vector<Paragraph>& paragraphs);

// Collects what a reader finds: normalises, drops empty rows, keeps issues below issues_max.
class RowSink {
public:
    explicit RowSink(std::string file)
        : file_(std::move(file)) {}
    // A row as it stands; one longer than limits::record_bytes is cut by gather_rows.
    void add(std::string_view title, std::string_view text, std::uint64_t line);
    // Paragraphs of one section.
    void add_section(std::string_view title, const std::vector<Paragraph>& paragraphs);
    void issue(std::uint64_t line, std::string reason);
    ReadResult finish();

private:
    std::string file_;
    ReadResult result_;
    std::uint64_t issues_dropped_ = 0;
};

// One line, blanks collapsed, at most title_max_bytes; "" when it is not UTF-8.
std::string tidy_title(std::string_view title);

inline bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}
std::string_view trim(std::string_view text); // blanks and newlines at both ends

} // namespace ol::text
