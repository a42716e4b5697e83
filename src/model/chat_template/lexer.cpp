#include "model/chat_template/lexer.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/limits.hpp"
#include "model/chat_template/text.hpp"
#include "text/unicode.hpp"
#include "text/utf8.hpp"

namespace ol::model::chat_template {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

class Lexer {
public:
    explicit Lexer(Lexed& lexed)
        : source_(lexed.source)
        , tokens_(lexed.tokens) {}

    Status run() {
        while (at_ < source_.size()) OL_TRY(text_and_tag());
        add(TokenKind::end, "", source_.size());
        return {};
    }

private:
    std::unexpected<Error> bad(std::size_t offset, std::string_view what) const {
        const auto place = place_of(source_, offset);
        return fail(ErrorCode::invalid_argument, "line {}, column {}: {}", place.line, place.column,
                    what);
    }

    void add(TokenKind kind, std::string value, std::size_t offset) {
        tokens_.push_back({kind, std::move(value), offset});
    }
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
    }
    bool starts(std::string_view what) const {
        return std::string_view(source_).substr(at_).starts_with(what);
    }
    void skip_space() {
        const auto rest = std::string_view(source_).substr(at_);
        at_ += rest.size() - strip(rest, true, false).size();
    }
    // Text up to a tag, cut as the tag's sign says.
    void add_data(std::size_t end, char sign, bool strips_line) {
        auto text = std::string_view(source_).substr(at_, end - at_);
        if (sign == '-') {
            text = strip(text, false, true);
        } else if (sign != '+' && strips_line) {
            const auto line = text.rfind('\n') + 1; // 0 when there is none
            if ((line > 0 || line_starting_) && strip(text.substr(line), true, false).empty()) {
                text = text.substr(0, line);
            }
        }
        if (!text.empty()) add(TokenKind::data, std::string(text), at_);
    }
    void ended(std::size_t begin) { line_starting_ = at_ > begin && source_[at_ - 1] == '\n'; }

    Status text_and_tag() {
        std::size_t open = at_;
        for (;; ++open) {
            open = source_.find('{', open);
            if (open == std::string::npos || open + 1 >= source_.size()) {
                open = std::string::npos;
                break;
            }
            const char kind = source_[open + 1];
            if (kind == '%' || kind == '{' || kind == '#') break;
        }
        if (open == std::string::npos) {
            add(TokenKind::data, source_.substr(at_), at_);
            at_ = source_.size();
            return {};
        }
        const char kind = source_[open + 1];
        char sign = open + 2 < source_.size() ? source_[open + 2] : '\0';
        if (sign != '-' && sign != '+') sign = '\0';
        add_data(open, sign, kind != '{');
        at_ = open + 2 + (sign != '\0' ? 1 : 0);
        if (kind == '#') return comment(open);
        if (kind == '%') {
            const auto body = at_;
            skip_space();
            if (starts("raw")) {
                at_ += 3;
                skip_space();
                const bool trims = starts("-%}");
                if (trims || starts("%}")) {
                    at_ += trims ? 3 : 2;
                    if (trims) skip_space();
                    return raw(open);
                }
            }
            at_ = body;
        }
        return tag(open, kind == '%');
    }

    // The end of a block or of a comment: what follows goes as its sign says.
    bool block_end(std::string_view mark) {
        const char sign = peek();
        if ((sign == '-' || sign == '+') &&
            std::string_view(source_).substr(at_ + 1).starts_with(mark)) {
            at_ += 1 + mark.size();
            if (sign == '-') skip_space();
            return true;
        }
        if (!starts(mark)) return false;
        at_ += mark.size();
        if (peek() == '\n') ++at_;
        return true;
    }

    Status comment(std::size_t open) {
        const auto close = source_.find("#}", at_);
        if (close == std::string::npos) return bad(open, "the comment has no end '#}'");
        const bool has_sign =
            close > at_ && (source_[close - 1] == '-' || source_[close - 1] == '+');
        at_ = has_sign ? close - 1 : close;
        const auto begin = at_;
        block_end("#}");
        ended(begin);
        return {};
    }

    Status raw(std::size_t open) {
        for (std::size_t from = at_;;) {
            const auto close = source_.find("{%", from);
            if (close == std::string::npos) return bad(open, "'raw' has no 'endraw'");
            const auto begin = at_;
            char sign = close + 2 < source_.size() ? source_[close + 2] : '\0';
            if (sign != '-' && sign != '+') sign = '\0';
            at_ = close + 2 + (sign != '\0' ? 1 : 0);
            skip_space();
            if (starts("endraw")) {
                at_ += 6;
                skip_space();
                const auto end = at_;
                if (block_end("%}")) {
                    const auto after = at_;
                    at_ = begin;
                    line_starting_ = false;
                    add_data(close, sign, true);
                    at_ = after;
                    ended(end);
                    return {};
                }
            }
            at_ = begin;
            from = close + 2;
        }
    }

    Status tag(std::size_t open, bool is_block) {
        add(is_block ? TokenKind::block_begin : TokenKind::variable_begin, "", open);
        std::string balance;
        for (;;) {
            if (balance.empty()) {
                const auto begin = at_;
                if (is_block && block_end("%}")) {
                    add(TokenKind::block_end, "", begin);
                    ended(begin);
                    return {};
                }
                if (!is_block && (starts("-}}") || starts("}}"))) {
                    const bool trims = peek() == '-';
                    at_ += trims ? 3 : 2;
                    if (trims) skip_space();
                    add(TokenKind::variable_end, "", begin);
                    ended(begin);
                    return {};
                }
            }
            if (at_ >= source_.size()) return bad(open, "the tag has no end");
            const auto before = at_;
            skip_space();
            if (at_ != before) continue;
            const char c = peek();
            if (is_digit(c)) {
                OL_TRY(number());
            } else if (is_name_start(c)) {
                while (is_name_start(peek()) || is_digit(peek())) ++at_;
                if (static_cast<unsigned char>(peek()) >= 0x80) {
                    return bad(at_, "names of other than ASCII letters are not supported");
                }
                add(TokenKind::name, source_.substr(before, at_ - before), before);
            } else if (c == '"' || c == '\'') {
                OL_TRY(quoted());
            } else {
                OL_TRY(op(balance));
            }
        }
    }

    Status op(std::string& balance) {
        static constexpr std::array<std::string_view, 24> known = {
            "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~",
            "[",  "]",  "(",  ")",  "{",  "}",  ">", "<", "=", ".", ":", "|"};
        const auto begin = at_;
        for (const auto text : known) {
            if (!starts(text)) continue;
            const char c = text[0];
            if (c == '(') balance += ')';
            if (c == '[') balance += ']';
            if (c == '{') balance += '}';
            if (c == ')' || c == ']' || c == '}') {
                if (balance.empty() || balance.back() != c) {
                    return bad(begin, fmt::format("unexpected '{}'", c));
                }
                balance.pop_back();
            }
            at_ += text.size();
            add(TokenKind::op, std::string(text), begin);
            return {};
        }
        if (peek() == ',' || peek() == ';') {
            add(TokenKind::op, std::string(1, source_[at_++]), begin);
            return {};
        }
        return bad(begin, fmt::format("unexpected character {}",
                                      repr(std::string_view(source_).substr(
                                          begin, text::decode(source_, begin).size))));
    }

    void digits() {
        while (is_digit(peek()) || (peek() == '_' && is_digit(peek(1)))) ++at_;
    }

    Status number() {
        const auto begin = at_;
        if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X' || peek(1) == 'o' ||
                              peek(1) == 'O' || peek(1) == 'b' || peek(1) == 'B')) {
            return bad(begin, "only decimal numbers are supported");
        }
        digits();
        bool is_real = false;
        // "1.foo" and the second number of "a.0.1" are no fractions.
        const bool after_dot = begin > 0 && source_[begin - 1] == '.';
        if (!after_dot) {
            if (peek() == '.' && is_digit(peek(1))) {
                ++at_;
                digits();
                is_real = true;
            }
            if (peek() == 'e' || peek() == 'E') {
                const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
                if (is_digit(peek(1 + sign))) {
                    at_ += 1 + sign;
                    digits();
                    is_real = true;
                }
            }
        }
        std::string text = source_.substr(begin, at_ - begin);
        std::erase(text, '_');
        if (!is_real && text.size() > 1 && text[0] == '0' &&
            text.find_first_not_of('0') != std::string::npos) {
            return bad(begin, "a number may not begin with 0");
        }
        add(is_real ? TokenKind::real : TokenKind::integer, std::move(text), begin);
        return {};
    }

    Result<std::uint32_t> code(std::size_t count, int base, std::size_t most) {
        const auto begin = at_;
        std::uint32_t value = 0;
        std::size_t seen = 0;
        for (; seen < most; ++seen) {
            const char c = peek();
            int digit = -1;
            if (is_digit(c)) digit = c - '0';
            if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
            if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
            if (digit < 0 || digit >= base) break;
            value = value * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit);
            ++at_;
        }
        if (seen < count) return bad(begin, "the escape is too short");
        if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
            return bad(begin, "the escape is no character");
        }
        return value;
    }

    Status escape(std::string& out) {
        const auto begin = at_ - 1;
        const char c = peek();
        static constexpr std::string_view from = "\\'\"abfnrtv", to = "\\'\"\a\b\f\n\r\t\v";
        if (const auto found = from.find(c); found != std::string_view::npos) {
            out += to[found];
            ++at_;
        } else if (c == '\n') {
            ++at_;
        } else if (c == 'x' || c == 'u' || c == 'U') {
            ++at_;
            const std::size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
            text::append_utf8(out, OL_TRY(code(count, 16, count)));
        } else if (c >= '0' && c <= '7') {
            text::append_utf8(out, OL_TRY(code(1, 8, 3)));
        } else if (c == 'N') {
            return bad(begin, "escapes by name (\\N) are not supported");
        } else {
            out += '\\'; // as Python: an unknown escape is no escape
        }
        return {};
    }

    Status quoted() {
        const auto begin = at_;
        const char quote = source_[at_++];
        std::string out;
        while (peek() != quote) {
            if (at_ >= source_.size()) return bad(begin, "the text has no end");
            const char c = source_[at_++];
            if (c == '\\') {
                if (at_ >= source_.size()) return bad(begin, "the text has no end");
                OL_TRY(escape(out));
            } else {
                out += c;
            }
        }
        ++at_;
        add(TokenKind::text, std::move(out), begin);
        return {};
    }

    const std::string& source_;
    std::vector<Token>& tokens_;
    std::size_t at_ = 0;
    bool line_starting_ = true;
};

} // namespace

Place place_of(std::string_view source, std::size_t offset) {
    const auto before = source.substr(0, offset);
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const auto line_start = before.rfind('\n') + 1;
    return {static_cast<std::uint32_t>(lines + 1),
            static_cast<std::uint32_t>(offset - line_start + 1)};
}

Result<Lexed> lex(std::string_view source) {
    if (source.size() > limits::template_bytes) {
        return fail(ErrorCode::too_large, "the template has {} bytes, the limit is {}",
                    source.size(), limits::template_bytes);
    }
    if (const auto at = text::find_invalid_utf8(source)) {
        return fail(ErrorCode::invalid_argument, "byte {} is not UTF-8", *at);
    }
    Lexed out;
    out.source.reserve(source.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] != '\r') {
            out.source += source[i];
        } else {
            out.source += '\n';
            if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
        }
    }
    if (out.source.ends_with('\n')) out.source.pop_back();
    OL_TRY(Lexer(out).run());
    return out;
}

} // namespace ol::model::chat_template
