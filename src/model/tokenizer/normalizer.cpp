#include "model/tokenizer/normalizer.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "base/check.hpp"
#include "codec/base64.hpp"
#include "model/tokenizer/characters.hpp"
#include "text/unicode.hpp"
#include "text/utf8.hpp"

namespace ol::model {

namespace {

using codec::Json;

constexpr int max_depth = 8; // of sequences in sequences
constexpr std::string_view space_symbol = "\u2581";

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<signed char>(c) >= 0; });
}

bool is_composed(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto c = character_at(text, at);
        if ((c.classes & character::composed) == 0) return false;
        at += c.size;
    }
    return true;
}

void transform(std::string& text, int options) {
    if (is_ascii(text)) return;
    utf8proc_uint8_t* out = nullptr;
    const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &out,
                                   static_cast<utf8proc_option_t>(options | UTF8PROC_STABLE));
    if (size >= 0) text.assign(reinterpret_cast<const char*>(out), static_cast<std::size_t>(size));
    std::free(out);
}

// Each character by itself, as Rust's char::to_lowercase.
void lowercase(std::string& text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto c = text::decode(text, at);
        if (c.value == 0x130) {
            out += "i\u0307"; // the one character whose lower case is two
        } else if (c.size == 0) {
            out.push_back(text[at]);
        } else {
            const auto lower = utf8proc_tolower(static_cast<utf8proc_int32_t>(c.value));
            text::append_utf8(out, static_cast<std::uint32_t>(lower));
        }
        at += std::max<std::size_t>(c.size, 1);
    }
    text = std::move(out);
}

void strip(std::string& text, bool left, bool right) {
    std::size_t begin = 0, end = 0;
    bool leading = left;
    for (std::size_t at = 0; at < text.size();) {
        const auto c = character_at(text, at);
        const bool space = (c.classes & character::space) != 0;
        at += c.size;
        if (leading && space) begin = at;
        if (!space) leading = false;
        if (!space || !right) end = at;
    }
    text = end > begin ? text.substr(begin, end - begin) : std::string();
}

void strip_accents(std::string& text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto c = character_at(text, at);
        if ((c.classes & character::mark) == 0) out += std::string_view(text).substr(at, c.size);
        at += c.size;
    }
    text = std::move(out);
}

// Hugging Face's Precompiled: grapheme clusters of less than 6 bytes are looked up whole, then each
// character.
void precompiled(const Charsmap& map, std::string& text) {
    std::string out;
    const std::string_view view = text;
    std::size_t at = 0;
    while (at < view.size()) {
        utf8proc_int32_t state = 0;
        auto c = text::decode(view, at);
        std::size_t end = at + std::max<std::size_t>(c.size, 1);
        while (end < view.size() && c.size != 0) {
            const auto next = text::decode(view, end);
            if (next.size == 0 || utf8proc_grapheme_break_stateful(
                                      static_cast<utf8proc_int32_t>(c.value),
                                      static_cast<utf8proc_int32_t>(next.value), &state)) {
                break;
            }
            end += next.size;
            c = next;
        }
        const auto cluster = view.substr(at, end - at);
        at = end;
        if (cluster.size() < 6) {
            if (const auto rule = map.shortest(cluster); rule.size != 0) {
                out += rule.replacement;
                continue;
            }
        }
        for (std::size_t i = 0; i < cluster.size();) {
            const auto part = cluster.substr(i, character_at(cluster, i).size);
            const auto rule = map.shortest(part);
            out += rule.size != 0 ? rule.replacement : part;
            i += part.size();
        }
    }
    text = std::move(out);
}

Result<std::string> member_text(const Json& json, std::string_view key, std::string_view place) {
    return OL_TRY_IN(json[key].as_string(), "{}.{}", place, key);
}

} // namespace

void replace_all(std::string& text, std::string_view pattern, std::string_view content) {
    auto found = text.find(pattern);
    if (found == std::string::npos) return;
    std::string out;
    out.reserve(text.size() + text.size() / 2);
    std::size_t at = 0;
    for (; found != std::string::npos; found = text.find(pattern, at)) {
        out.append(text, at, found - at);
        out += content;
        at = found + pattern.size();
    }
    out.append(text, at);
    text = std::move(out);
}

void replace_all(std::string& text, const Regex& regex, std::string_view content) {
    std::string out;
    std::size_t at = 0, from = 0;
    while (from <= text.size()) {
        const auto match = regex.find(text, from);
        if (!match) break;
        out.append(text, at, match->begin - at);
        out += content;
        at = match->end;
        from = match->end;
        if (match->begin == match->end) { // an empty match: go on after the next character
            if (from == text.size()) break;
            from += character_at(text, from).size;
        }
    }
    out.append(text, at);
    text = std::move(out);
}

std::string replace_invalid_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto c = text::decode(text, at);
        if (c.size != 0) {
            out += text.substr(at, c.size);
            at += c.size;
            continue;
        }
        // As long as some tail would make it valid, the bytes belong to one broken sequence.
        std::string probe(1, text[at++]);
        const auto lead = static_cast<std::uint8_t>(probe[0]);
        const std::size_t wanted = lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 ? 3 : 2;
        while (at < text.size() && lead >= 0xc2 && lead <= 0xf4 && probe.size() + 1 < wanted) {
            auto candidate = probe + text[at];
            // 0x80..0xbf narrows by the lead: a tail of 0x80 or 0xbf decides.
            auto low = candidate, high = candidate;
            low.resize(wanted, '\x80');
            high.resize(wanted, '\xbf');
            if (text::decode(low, 0).size == 0 && text::decode(high, 0).size == 0) break;
            probe = std::move(candidate);
            ++at;
        }
        out += "\ufffd";
    }
    return out;
}

Result<JsonPattern> parse_pattern(const Json& json, std::string_view place) {
    for (const bool regex : {false, true}) {
        const auto& text = json[regex ? "Regex" : "String"];
        if (!text.is_string()) continue;
        JsonPattern out{regex, OL_TRY(text.as_string())};
        if (out.text.empty()) {
            return fail(ErrorCode::invalid_argument, "{}: the pattern is empty", place);
        }
        return out;
    }
    return fail(ErrorCode::invalid_argument, "{}: the pattern is neither String nor Regex", place);
}

std::uint64_t replacement_growth(std::string_view pattern, bool is_regex,
                                 std::string_view content) {
    if (is_regex) return content.size() + 1; // it may match nothing, or a byte
    return std::max<std::uint64_t>(1, (content.size() + pattern.size() - 1) / pattern.size());
}

std::string SentencePieceRules::apply(std::string_view text) const {
    std::string out;
    std::size_t at = 0;
    // What stands at text[at], normalised, and its bytes.
    const auto next = [&]() -> Charsmap::Rule {
        if (const auto symbol = user_symbols.longest(text, at); symbol.size != 0)
            return {symbol.size, text.substr(at, symbol.size)};
        if (charsmap) {
            if (const auto rule = charsmap->longest(text, at); rule.size != 0) return rule;
        }
        const auto c = text::decode(text, at);
        if (c.size == 0) return {1, "\ufffd"};
        return {c.size, text.substr(at, c.size)};
    };
    if (remove_extra_whitespaces) {
        while (at < text.size()) {
            const auto rule = next();
            if (rule.replacement != " ") break;
            at += rule.size;
        }
    }
    if (at == text.size()) return out;
    const std::string_view space = escape_whitespaces ? space_symbol : " ";
    out.reserve(text.size() + text.size() / 2);
    if (add_dummy_prefix) out += space;
    bool after_space = remove_extra_whitespaces;
    while (at < text.size()) {
        auto rule = next();
        at += rule.size;
        while (after_space && rule.replacement.starts_with(' ')) rule.replacement.remove_prefix(1);
        if (!rule.replacement.empty()) {
            for (const char c : rule.replacement) {
                if (c == ' ') {
                    out += space;
                } else {
                    out.push_back(c);
                }
            }
            after_space = rule.replacement.ends_with(' ');
        }
        if (!remove_extra_whitespaces) after_space = false;
    }
    if (remove_extra_whitespaces) {
        while (out.ends_with(space)) out.erase(out.size() - space.size());
    }
    return out;
}

Normalizer Normalizer::sentencepiece(SentencePieceRules rules) {
    Normalizer out;
    Step step;
    step.kind = Kind::sentencepiece;
    step.rules = std::make_unique<SentencePieceRules>(std::move(rules));
    out.steps_.push_back(std::move(step));
    return out;
}

Result<Normalizer> Normalizer::from_json(const Json& json) {
    Normalizer out;
    if (!json.is_null()) OL_TRY(out.add(json, 0));
    return out;
}

Status Normalizer::add(const Json& json, int depth) {
    const auto type = OL_TRY_IN(json["type"].as_string(), "normalizer.type");
    if (type == "Sequence") {
        if (depth == max_depth) return fail(ErrorCode::too_large, "normalizer: nested too deeply");
        for (const auto& item : json["normalizers"].items()) OL_TRY(add(item, depth + 1));
        return {};
    }
    Step step;
    const auto place = "normalizer " + type;
    if (type == "NFC") {
        step.kind = Kind::nfc;
    } else if (type == "NFD") {
        step.kind = Kind::nfd;
    } else if (type == "NFKC") {
        step.kind = Kind::nfkc;
    } else if (type == "NFKD") {
        step.kind = Kind::nfkd;
    } else if (type == "Lowercase") {
        step.kind = Kind::lowercase;
    } else if (type == "StripAccents") {
        step.kind = Kind::strip_accents;
    } else if (type == "Prepend") {
        step.kind = Kind::prepend;
        step.content = OL_TRY(member_text(json, "prepend", place));
    } else if (type == "Strip") {
        step.kind = Kind::strip;
        step.left = OL_TRY_IN(json["strip_left"].as_bool(), "{}.strip_left", place);
        step.right = OL_TRY_IN(json["strip_right"].as_bool(), "{}.strip_right", place);
    } else if (type == "Replace") {
        const auto pattern = OL_TRY(parse_pattern(json["pattern"], place));
        step.kind = pattern.is_regex ? Kind::replace_regex : Kind::replace;
        step.pattern = pattern.text;
        step.content = OL_TRY(member_text(json, "content", place));
        if (pattern.is_regex) {
            step.regex =
                std::make_unique<Regex>(OL_TRY_IN(Regex::compile(pattern.text), "{}", place));
        }
    } else if (type == "Precompiled") {
        const auto text = OL_TRY(member_text(json, "precompiled_charsmap", place));
        if (text.empty()) return {}; // the identity
        const auto blob = OL_TRY_IN(codec::base64_decode(text), "{}", place);
        step.kind = Kind::precompiled;
        step.charsmap =
            std::make_unique<Charsmap>(OL_TRY_IN(Charsmap::parse(as_text(blob)), "{}", place));
    } else {
        return fail(ErrorCode::unsupported, "normalizer '{}' is not supported", type);
    }
    growth_ *= growth_of(step);
    if (growth_ > max_growth) {
        return fail(ErrorCode::too_large, "{}: a text may become over {} times longer", place,
                    max_growth);
    }
    steps_.push_back(std::move(step));
    return {};
}

// Upper bounds for UTF-8; those of Unicode are in UAX 15, section 9.3.
std::uint64_t Normalizer::growth_of(const Step& step) {
    switch (step.kind) {
    case Kind::nfc:
    case Kind::nfd:
        return 3;
    case Kind::nfkc:
    case Kind::nfkd:
        return 11;
    case Kind::lowercase:
        return 2;
    case Kind::prepend:
        return step.content.size() + 1;
    case Kind::replace:
    case Kind::replace_regex:
        return replacement_growth(step.pattern, step.kind == Kind::replace_regex, step.content);
    case Kind::precompiled:
        return step.charsmap->longest_replacement();
    case Kind::strip:
    case Kind::strip_accents:
    case Kind::sentencepiece:
        break;
    }
    return 1;
}

void Normalizer::apply(std::string& text) const {
    for (const auto& step : steps_) run(step, text);
}

void Normalizer::run(const Step& step, std::string& text) {
    switch (step.kind) {
    case Kind::nfc:
        if (!is_composed(text)) transform(text, UTF8PROC_COMPOSE);
        break;
    case Kind::nfd:
        transform(text, UTF8PROC_DECOMPOSE);
        break;
    case Kind::nfkc:
        transform(text, UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
        break;
    case Kind::nfkd:
        transform(text, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
        break;
    case Kind::lowercase:
        lowercase(text);
        break;
    case Kind::prepend:
        if (!text.empty()) text.insert(0, step.content);
        break;
    case Kind::replace:
        replace_all(text, step.pattern, step.content);
        break;
    case Kind::replace_regex:
        replace_all(text, *step.regex, step.content);
        break;
    case Kind::strip:
        strip(text, step.left, step.right);
        break;
    case Kind::strip_accents:
        strip_accents(text);
        break;
    case Kind::precompiled:
        precompiled(*step.charsmap, text);
        break;
    case Kind::sentencepiece:
        text = step.rules->apply(text);
        break;
    }
}

} // namespace ol::model
