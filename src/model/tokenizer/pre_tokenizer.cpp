#include "model/tokenizer/pre_tokenizer.hpp"

#include <algorithm>

#include "model/tokenizer/characters.hpp"
#include "model/tokenizer/normalizer.hpp"

namespace ol::model {

namespace {

using codec::Json;

// Rust's char::is_ascii_punctuation or general category P.
bool is_punctuation(std::string_view text, const Character& c) {
    const auto byte = static_cast<std::uint8_t>(text[0]);
    const bool ascii =
        byte > 32 && byte < 127 && (c.classes & (character::letter | character::number)) == 0;
    return ascii || (c.classes & character::punctuation) != 0;
}

} // namespace

PreTokenizer PreTokenizer::byte_level() {
    PreTokenizer out;
    out.byte_level_ = true;
    Step step;
    step.kind = Kind::byte_level;
    step.scanner = WordPattern::gpt2;
    out.steps_.push_back(std::move(step));
    return out;
}

std::optional<WordPattern> PreTokenizer::scanner() const {
    if (!byte_level_ || steps_.back().prefix) return std::nullopt;
    if (steps_.size() == 1) return steps_[0].scanner;
    const auto& split = steps_[0];
    // Every character is in a match, so keeping matches and keeping what is between is the same.
    const bool whole = steps_.size() == 2 && split.kind == Kind::split && !steps_[1].scanner &&
                       ((!split.invert && split.behavior == Behavior::isolated) ||
                        (split.invert && split.behavior == Behavior::removed) ||
                        (split.invert && split.behavior == Behavior::isolated));
    return whole ? split.scanner : std::nullopt;
}

Result<PreTokenizer> PreTokenizer::from_json(const Json& json) {
    PreTokenizer out;
    if (!json.is_null()) OL_TRY(out.add(json, 0));
    return out;
}

Result<PreTokenizer::Behavior> PreTokenizer::read_behavior(const Json& json,
                                                           std::string_view place) {
    const auto name = OL_TRY_IN(json["behavior"].as_string(), "{}.behavior", place);
    if (name == "Removed") return Behavior::removed;
    if (name == "Isolated") return Behavior::isolated;
    if (name == "MergedWithPrevious") return Behavior::with_previous;
    if (name == "MergedWithNext") return Behavior::with_next;
    if (name == "Contiguous") return Behavior::contiguous;
    return fail(ErrorCode::unsupported, "{}: behavior '{}' is not supported", place, name);
}

Result<PreTokenizer::Step> PreTokenizer::read_split(const Json& json) {
    constexpr std::string_view place = "pre_tokenizer Split";
    Step step;
    step.kind = Kind::split;
    step.behavior = OL_TRY(read_behavior(json, place));
    if (!json["invert"].is_null()) {
        step.invert = OL_TRY_IN(json["invert"].as_bool(), "{}.invert", place);
    }
    const auto pattern = OL_TRY(parse_pattern(json["pattern"], place));
    if (!pattern.is_regex) {
        step.literal = pattern.text;
        return step;
    }
    step.scanner = known_pattern(pattern.text);
    step.regex = std::make_unique<Regex>(OL_TRY_IN(Regex::compile(pattern.text), "{}", place));
    return step;
}

Result<PreTokenizer::Step> PreTokenizer::read_metaspace(const Json& json) {
    constexpr std::string_view place = "pre_tokenizer Metaspace";
    Step step;
    step.kind = Kind::metaspace;
    step.behavior = Behavior::with_next;
    step.literal = OL_TRY_IN(json["replacement"].as_string(), "{}.replacement", place);
    if (step.literal.empty() || character_at(step.literal, 0).size != step.literal.size()) {
        return fail(ErrorCode::invalid_argument, "{}: the replacement must be one character",
                    place);
    }
    const auto& scheme = json["prepend_scheme"];
    const auto name = scheme.is_null() ? std::string("always")
                                       : OL_TRY_IN(scheme.as_string(), "{}.prepend_scheme", place);
    if (name == "first") {
        step.prepend = Prepend::first;
    } else if (name == "never" || json["add_prefix_space"] == Json(false)) {
        step.prepend = Prepend::never;
    } else if (name != "always") {
        return fail(ErrorCode::unsupported, "{}: prepend_scheme '{}' is not supported", place,
                    name);
    }
    step.split = json["split"] != Json(false);
    return step;
}

Status PreTokenizer::add(const Json& json, int depth) {
    const auto type = OL_TRY_IN(json["type"].as_string(), "pre_tokenizer.type");
    if (type == "Sequence") {
        if (depth == 8) return fail(ErrorCode::too_large, "pre_tokenizer: nested too deeply");
        for (const auto& item : json["pretokenizers"].items()) OL_TRY(add(item, depth + 1));
        return {};
    }
    if (byte_level_) {
        return fail(ErrorCode::unsupported,
                    "pre_tokenizer '{}' after ByteLevel is not supported: ByteLevel must be last",
                    type);
    }
    Step step;
    if (type == "ByteLevel") {
        byte_level_ = true;
        step.kind = Kind::byte_level;
        step.prefix = json["add_prefix_space"] != Json(false);
        if (json["use_regex"] != Json(false)) step.scanner = WordPattern::gpt2;
    } else if (type == "Split") {
        step = OL_TRY(read_split(json));
    } else if (type == "Metaspace") {
        step = OL_TRY(read_metaspace(json));
    } else if (type == "Digits") {
        const bool individual = json["individual_digits"] == Json(true);
        step.kind = individual ? Kind::individual_digits : Kind::digits;
        step.behavior = individual ? Behavior::isolated : Behavior::contiguous;
    } else if (type == "Punctuation") {
        step.kind = Kind::punctuation;
        if (!json["behavior"].is_null()) {
            step.behavior = OL_TRY(read_behavior(json, "pre_tokenizer Punctuation"));
        }
    } else if (type == "Whitespace") {
        step.kind = Kind::whitespace;
        step.behavior = Behavior::removed;
    } else if (type == "WhitespaceSplit") {
        step.kind = Kind::whitespace_split;
        step.behavior = Behavior::removed;
    } else {
        return fail(ErrorCode::unsupported, "pre_tokenizer '{}' is not supported", type);
    }
    steps_.push_back(std::move(step));
    return {};
}

void PreTokenizer::run(Pieces& pieces) const {
    for (const auto& step : steps_) run_step(step, pieces);
}

std::string_view PreTokenizer::prepare(const Step& step, const Pieces::Piece& piece,
                                       std::deque<std::string>& owned) {
    if (step.kind == Kind::byte_level && step.prefix && !piece.text.starts_with(' ')) {
        return owned.emplace_back(" " + std::string(piece.text));
    }
    if (step.kind != Kind::metaspace) return piece.text;
    std::string text(piece.text);
    replace_all(text, " ", step.literal);
    const bool wanted =
        step.prepend == Prepend::always || (step.prepend == Prepend::first && piece.at_start);
    if (wanted && !text.starts_with(step.literal)) text.insert(0, step.literal);
    return owned.emplace_back(std::move(text));
}

void PreTokenizer::run_step(const Step& step, Pieces& pieces) {
    std::vector<Pieces::Piece> out;
    std::vector<Span> spans;
    for (const auto& piece : pieces.pieces) {
        const auto text = prepare(step, piece, pieces.owned);
        spans.clear();
        find(step, text, spans);
        cut(spans, step.behavior);
        for (const auto& span : spans) {
            if (span.begin == span.end || (span.match && step.behavior == Behavior::removed))
                continue;
            out.push_back({text.substr(span.begin, span.end - span.begin),
                           piece.at_start && span.begin == 0});
        }
    }
    pieces.pieces = std::move(out);
}

void PreTokenizer::find(const Step& step, std::string_view text, std::vector<Span>& out) {
    std::size_t done = 0;
    const auto match = [&](std::size_t begin, std::size_t end) {
        if (begin > done) out.push_back({done, begin, step.invert});
        out.push_back({begin, end, !step.invert});
        done = end;
    };
    const auto each = [&](auto&& matches) { // each character that matches, by itself
        for (std::size_t at = 0; at < text.size();) {
            const auto c = character_at(text, at);
            if (matches(text.substr(at), c)) match(at, at + c.size);
            at += c.size;
        }
    };
    const auto literal = [&](std::string_view wanted) {
        for (auto at = text.find(wanted); at != std::string_view::npos;
             at = text.find(wanted, at + wanted.size())) {
            match(at, at + wanted.size());
        }
    };
    if (step.scanner) {
        while (done < text.size()) match(done, done + next_word(text.substr(done), *step.scanner));
        return;
    }
    switch (step.kind) {
    case Kind::split:
        if (!step.regex) {
            literal(step.literal);
            break;
        }
        for (std::size_t from = 0; from < text.size();) {
            const auto found = step.regex->find(text, from);
            if (!found) break;
            from = found->end;
            if (found->begin != found->end || found->begin > done) match(found->begin, found->end);
            if (found->begin == found->end && from < text.size())
                from += character_at(text, from).size;
        }
        break;
    case Kind::digits:
    case Kind::individual_digits:
        each([](std::string_view, const Character& c) {
            return (c.classes & character::number) != 0;
        });
        break;
    case Kind::punctuation:
        each([](std::string_view rest, const Character& c) { return is_punctuation(rest, c); });
        break;
    case Kind::whitespace_split:
        each([](std::string_view, const Character& c) {
            return (c.classes & character::space) != 0;
        });
        break;
    case Kind::whitespace: // \w+|[^\w\s]+ are kept
        for (std::size_t at = 0; at < text.size();) {
            const auto begin = at;
            const auto kind = character_at(text, at).classes & (character::word | character::space);
            while (at < text.size()) {
                const auto c = character_at(text, at);
                if ((c.classes & (character::word | character::space)) != kind) break;
                at += c.size;
            }
            out.push_back({begin, at, (kind & character::space) != 0});
        }
        return;
    case Kind::metaspace:
        if (step.split) literal(step.literal);
        break;
    case Kind::byte_level:
        break;
    }
    if (done < text.size()) out.push_back({done, text.size(), step.invert});
}

// Hugging Face's SplitDelimiterBehavior: what happens to matches.
void PreTokenizer::cut(std::vector<Span>& spans, Behavior behavior) {
    if (behavior == Behavior::removed || behavior == Behavior::isolated) return;
    const bool backwards = behavior == Behavior::with_next;
    if (backwards) std::reverse(spans.begin(), spans.end());
    std::vector<Span> out;
    bool previous = false;
    for (const auto& span : spans) {
        const bool join =
            behavior == Behavior::contiguous ? span.match == previous : span.match && !previous;
        previous = span.match;
        if (!join || out.empty()) {
            out.push_back({span.begin, span.end, false});
        } else if (backwards) {
            out.back().begin = span.begin;
        } else {
            out.back().end = span.end;
        }
    }
    if (backwards) std::reverse(out.begin(), out.end());
    spans = std::move(out);
}

} // namespace ol::model
