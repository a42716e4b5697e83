// Regular expressions of tokenizer.json: Oniguruma's dialect (Ruby syntax), matched by PCRE2 with
// Unicode properties. Where the two dialects differ the pattern is translated (\s, \w, \uXXXX,
// scripts, line anchors); what cannot be said in PCRE2 is refused by name. Thread-safe once made.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace ol::model {

class Regex {
public:
    struct Match {
        std::size_t begin = 0, end = 0;
    };

    // Patterns of at most 64 KiB. unsupported names the construct, invalid_argument says what
    // PCRE2 dislikes and where.
    static Result<Regex> compile(std::string_view pattern);

    Regex(Regex&&) noexcept;
    Regex& operator=(Regex&&) noexcept;
    ~Regex();

    // The first match at or after `from`; text is valid UTF-8. A match that takes more than the
    // limit of steps (limits::regex_steps) counts as none.
    std::optional<Match> find(std::string_view text, std::size_t from) const;

private:
    struct Impl;
    explicit Regex(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// The pattern that PCRE2 gets.
Result<std::string> translate_regex(std::string_view pattern);

} // namespace ol::model
