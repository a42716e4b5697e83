#include "model/tokenizer/words.hpp"

#include "model/tokenizer/characters.hpp"

namespace ol::model {

namespace {

constexpr std::uint16_t graphic = character::letter | character::number | character::space;

// The three classes that the patterns tell apart; 0: anything else.
std::uint16_t kind_of(const Character& c) { return c.classes & graphic; }

std::size_t end_of_run(std::string_view text, std::size_t at, std::uint16_t kind) {
    while (at < text.size()) {
        const auto next = character_at(text, at);
        if (kind_of(next) != kind) break;
        at += next.size;
    }
    return at;
}

// Where white space that begins at 0 ends (and where its last character and what follows the last
// line break stand).
struct SpaceRun {
    std::size_t end = 0, last = 0, after_newline = 0;
};

SpaceRun space_run(std::string_view text) {
    SpaceRun run;
    while (run.end < text.size()) {
        const auto next = character_at(text, run.end);
        if ((next.classes & character::space) == 0) break;
        run.last = run.end;
        run.end += next.size;
        if ((next.classes & character::newline) != 0) run.after_newline = run.end;
    }
    return run;
}

// \s+(?!\S)|\s+ : all of it at the end of the text, else all but the last character, unless that
// leaves nothing.
std::size_t end_of_space(const SpaceRun& run, std::size_t text_size) {
    return run.end == text_size || run.last == 0 ? run.end : run.last;
}

std::size_t next_gpt2(std::string_view text) {
    if (text[0] == '\'') {
        for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
            if (text.starts_with(ending)) return ending.size();
        }
    }
    std::size_t start = 0;
    auto kind = kind_of(character_at(text, 0));
    if (text[0] == ' ' && text.size() > 1) {
        const auto second = kind_of(character_at(text, 1));
        if (second != character::space) {
            start = 1;
            kind = second;
        }
    }
    if (kind != character::space) return end_of_run(text, start, kind);
    return end_of_space(space_run(text), text.size());
}

// Bytes of a contraction without regard to case, 0 if there is none. U+017F folds to s.
std::size_t contraction(std::string_view text) {
    if (text.size() < 2) return 0;
    const auto lower = [&](std::size_t i) {
        const char c = i < text.size() ? text[i] : '\0';
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    };
    const char first = lower(1), second = lower(2);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
    if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
        (first == 'l' && second == 'l')) {
        return 3;
    }
    return text.substr(1).starts_with("\u017f") ? 3 : 0;
}

std::size_t next_modern(std::string_view text, std::size_t digits) {
    if (text[0] == '\'') {
        if (const auto size = contraction(text); size != 0) return size;
    }
    const auto first = character_at(text, 0);
    const auto kind = kind_of(first);
    if (kind == character::letter) return end_of_run(text, first.size, character::letter);
    if (kind == character::number) {
        std::size_t at = first.size;
        for (std::size_t i = 1; i < digits && at < text.size(); ++i) {
            const auto next = character_at(text, at);
            if (kind_of(next) != character::number) break;
            at += next.size;
        }
        return at;
    }
    std::size_t start = 0;
    auto other = kind == 0;
    if (first.size < text.size() && (first.classes & character::newline) == 0) {
        const auto second = kind_of(character_at(text, first.size));
        if (second == character::letter) return end_of_run(text, first.size, character::letter);
        if (text[0] == ' ' && second == 0) {
            other = true;
            start = 1;
        }
    }
    if (other) {
        auto at = end_of_run(text, start, 0);
        while (at < text.size() && (text[at] == '\r' || text[at] == '\n')) ++at;
        return at;
    }
    const auto run = space_run(text);
    return run.after_newline != 0 ? run.after_newline : end_of_space(run, text.size());
}

} // namespace

std::optional<WordPattern> known_pattern(std::string_view regex) {
    if (regex == R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)")
        return WordPattern::gpt2;
    constexpr std::string_view head =
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})";
    constexpr std::string_view tail = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    if (regex.size() < head.size() + tail.size() || !regex.starts_with(head) ||
        !regex.ends_with(tail)) {
        return std::nullopt;
    }
    const auto middle = regex.substr(head.size(), regex.size() - head.size() - tail.size());
    if (middle.empty()) return WordPattern::qwen2;
    if (middle == "{1,3}") return WordPattern::llama3;
    return std::nullopt;
}

std::size_t next_word(std::string_view text, WordPattern pattern) {
    switch (pattern) {
    case WordPattern::llama3:
        return next_modern(text, 3);
    case WordPattern::qwen2:
        return next_modern(text, 1);
    case WordPattern::gpt2:
        break;
    }
    return next_gpt2(text);
}

} // namespace ol::model
