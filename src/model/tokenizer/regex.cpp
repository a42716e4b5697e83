#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "model/tokenizer/regex.hpp"

namespace ol::model {

namespace {

constexpr std::size_t max_pattern_bytes = 64U << 10;
// Oniguruma's word characters.
constexpr std::string_view word_class = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";

constexpr std::array<std::string_view, 22> scripts = {
    "Han",   "Hiragana", "Katakana", "Hangul",  "Latin",    "Greek",      "Cyrillic", "Arabic",
    "Thai",  "Hebrew",   "Armenian", "Bengali", "Bopomofo", "Devanagari", "Ethiopic", "Georgian",
    "Khmer", "Lao",      "Myanmar",  "Tamil",   "Telugu",   "Tibetan"};

std::unexpected<Error> refuse(std::string_view what, std::size_t at) {
    return fail(ErrorCode::unsupported, "regular expression: {} at byte {} is not supported", what,
                at);
}

// One pass over the pattern; knows escapes, character classes and groups.
class Translator {
public:
    explicit Translator(std::string_view pattern)
        : pattern_(pattern) {}

    Result<std::string> run() {
        while (at_ < pattern_.size()) {
            const char c = pattern_[at_];
            if (c == '\\') {
                OL_TRY(escape());
            } else if (in_class_) {
                OL_TRY(class_character(c));
            } else {
                OL_TRY(plain(c));
            }
        }
        return std::move(out_);
    }

private:
    void copy(std::size_t size) {
        out_ += pattern_.substr(at_, size);
        at_ += size;
    }
    void replace(std::size_t size, std::string_view text) {
        out_ += text;
        at_ += size;
    }

    Status plain(char c) {
        const auto rest = pattern_.substr(at_);
        if (c == '[') {
            in_class_ = true;
            const bool negated = rest.size() > 1 && rest[1] == '^';
            copy(negated ? 2 : 1);
            class_start_ = at_;
            return {};
        }
        if (rest.starts_with("}+")) return refuse("a plus after an interval", at_);
        if (rest.starts_with("(?m") || rest.starts_with("(?x") || rest.starts_with("(?~") ||
            rest.starts_with("(?{") || rest.starts_with("(*")) {
            return refuse(rest.substr(0, 3), at_);
        }
        copy(1);
        return {};
    }

    Status class_character(char c) {
        const auto rest = pattern_.substr(at_);
        if (rest.starts_with("&&")) return refuse("an intersection of classes", at_);
        if (c == '[') {
            if (!rest.starts_with("[:")) return refuse("a class inside of a class", at_);
            const auto end = rest.find(":]");
            if (end == std::string_view::npos) return refuse("'[:'", at_);
            copy(end + 2);
            return {};
        }
        if (c == ']' && at_ != class_start_) in_class_ = false;
        copy(1);
        return {};
    }

    Status escape() {
        if (at_ + 1 == pattern_.size()) {
            return fail(ErrorCode::invalid_argument, "regular expression: ends in a backslash");
        }
        const char c = pattern_[at_ + 1];
        switch (c) {
        case 's':
            replace(2, R"(\p{White_Space})");
            return {};
        case 'S':
            replace(2, R"(\P{White_Space})");
            return {};
        case 'w':
            replace(2, in_class_ ? std::string(word_class) : fmt::format("[{}]", word_class));
            return {};
        case 'W':
            if (in_class_) return refuse("\\W in a class", at_);
            replace(2, fmt::format("[^{}]", word_class));
            return {};
        case 'u':
            return code_unit();
        case 'p':
        case 'P':
            return property();
        default:
            break;
        }
        if (std::string_view("bBhHRXKGOZyYNCQEkgvV").find(c) != std::string_view::npos) {
            return refuse(pattern_.substr(at_, 2), at_);
        }
        copy(2);
        return {};
    }

    Status code_unit() { // \uHHHH
        const auto digits = pattern_.substr(at_ + 2, 4);
        const bool hex = std::all_of(digits.begin(), digits.end(), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        });
        if (digits.size() != 4 || !hex) return refuse("\\u without four digits", at_);
        replace(6, fmt::format("\\x{{{}}}", digits));
        return {};
    }

    Status property() {
        const auto rest = pattern_.substr(at_);
        const auto close = pattern_.find('}', at_);
        if (rest.size() < 3 || rest[2] != '{' || close == std::string_view::npos) {
            return refuse("a property without braces", at_);
        }
        auto name = rest.substr(3, close - at_ - 3);
        const bool caret = name.starts_with('^');
        if (caret) name.remove_prefix(1);
        const bool negative = (rest[1] == 'P') != caret;
        const bool script = std::find(scripts.begin(), scripts.end(), name) != scripts.end();
        replace(close - at_ + 1,
                fmt::format("\\{}{{{}{}}}", negative ? 'P' : 'p', script ? "sc:" : "", name));
        return {};
    }

    std::string_view pattern_;
    std::size_t at_ = 0, class_start_ = 0;
    bool in_class_ = false;
    std::string out_;
};

struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeContext {
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeMatch {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

} // namespace

Result<std::string> translate_regex(std::string_view pattern) { return Translator(pattern).run(); }

struct Regex::Impl {
    std::unique_ptr<pcre2_code, FreeCode> code;
    std::unique_ptr<pcre2_match_context, FreeContext> context;
};

Regex::Regex(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern) {
    if (pattern.size() > max_pattern_bytes) {
        return fail(ErrorCode::too_large, "regular expression of {} bytes: the limit is {}",
                    pattern.size(), max_pattern_bytes);
    }
    const auto translated = OL_TRY(translate_regex(pattern));
    int error = 0;
    std::size_t offset = 0;
    auto impl = std::make_unique<Impl>();
    // Oniguruma's Ruby syntax: ^ and $ are those of lines.
    impl->code.reset(
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
                      &offset, nullptr));
    if (impl->code == nullptr) {
        std::array<PCRE2_UCHAR, 200> message{};
        pcre2_get_error_message(error, message.data(), message.size());
        return fail(ErrorCode::invalid_argument, "regular expression '{}': {} (byte {} of '{}')",
                    pattern.substr(0, 80), reinterpret_cast<const char*>(message.data()), offset,
                    translated.substr(0, 80));
    }
    // Without a just-in-time compiler the interpreter does the same, slower.
    pcre2_jit_compile(impl->code.get(), PCRE2_JIT_COMPLETE);
    impl->context.reset(pcre2_match_context_create(nullptr));
    OL_CHECK(impl->context != nullptr);
    pcre2_set_match_limit(impl->context.get(), static_cast<std::uint32_t>(limits::regex_steps));
    pcre2_set_heap_limit(impl->context.get(), 64U << 10); // in KiB
    return Regex(std::move(impl));
}

std::optional<Regex::Match> Regex::find(std::string_view text, std::size_t from) const {
    thread_local const std::unique_ptr<pcre2_match_data, FreeMatch> data(
        pcre2_match_data_create(1, nullptr));
    OL_CHECK(data != nullptr);
    // One pair of offsets: 0 says that groups did not fit, which nobody asks for.
    const auto match = [&](std::uint32_t options) {
        return pcre2_match(impl_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                           text.size(), from, PCRE2_NO_UTF_CHECK | options, data.get(),
                           impl_->context.get());
    };
    int found = match(0);
    // The interpreter has a heap where compiled code has a stack.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = match(PCRE2_NO_JIT);
    if (found < 0) return std::nullopt;
    const auto* const offsets = pcre2_get_ovector_pointer(data.get());
    return Match{offsets[0], std::max(offsets[0], offsets[1])};
}

} // namespace ol::model
