#include "model/tokenizer/decoder.hpp"

#include <algorithm>

#include "model/tokenizer/byte_alphabet.hpp"
#include "model/tokenizer/characters.hpp"
#include "model/tokenizer/normalizer.hpp"
#include "text/unicode.hpp"
#include "text/utf8.hpp"

namespace ol::model {

namespace {

using codec::Json;

constexpr std::string_view space_symbol = "\u2581";
constexpr std::string_view replacement = "\ufffd";

// The byte of "<0x41>", or -1. SentencePiece and Hugging Face write capitals; small letters read
// too.
int byte_of(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
    int out = 0;
    for (const char c : token.substr(3, 2)) {
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                 : -1;
        if (digit < 0) return -1;
        out = out * 16 + digit;
    }
    return out;
}

void byte_fallback(std::vector<std::string>& tokens) {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
        if (bytes.empty()) return;
        if (text::find_invalid_utf8(bytes)) {
            for (std::size_t i = 0; i < bytes.size(); ++i) out.emplace_back(replacement);
        } else {
            out.push_back(bytes);
        }
        bytes.clear();
    };
    for (auto& token : tokens) {
        if (const int byte = byte_of(token); byte >= 0) {
            bytes.push_back(static_cast<char>(byte));
            continue;
        }
        flush();
        out.push_back(std::move(token));
    }
    flush();
    tokens = std::move(out);
}

void byte_level_tokens(std::vector<std::string>& tokens) {
    std::string out;
    for (const auto& token : tokens) {
        const auto bytes = bytes_from_characters(token);
        out += bytes ? *bytes : token;
    }
    tokens = {std::move(out)};
}

void fuse(std::vector<std::string>& tokens) {
    std::string out;
    for (const auto& token : tokens) out += token;
    tokens = {std::move(out)};
}

void strip(std::string& token, std::string_view content, std::uint64_t start, std::uint64_t stop) {
    std::string_view text = token;
    for (; start > 0 && text.starts_with(content); --start) text.remove_prefix(content.size());
    for (; stop > 0 && text.ends_with(content); --stop) text.remove_suffix(content.size());
    token = std::string(text);
}

} // namespace

Decoder Decoder::byte_level() {
    Decoder out;
    out.none_ = false;
    out.steps_.emplace_back();
    return out;
}

Decoder Decoder::sentencepiece(SentencePieceTokens tokens) {
    Decoder out;
    out.none_ = false;
    out.sentencepiece_ = std::make_unique<SentencePieceTokens>(std::move(tokens));
    return out;
}

bool Decoder::is_byte_level() const {
    return steps_.size() == 1 && steps_[0].kind == Kind::byte_level;
}

Result<Decoder> Decoder::from_json(const Json& json) {
    Decoder out;
    if (json.is_null()) return out;
    out.none_ = false;
    OL_TRY(out.add(json, 0));
    return out;
}

Status Decoder::add(const Json& json, int depth) {
    const auto type = OL_TRY_IN(json["type"].as_string(), "decoder.type");
    if (type == "Sequence") {
        if (depth == 8) return fail(ErrorCode::too_large, "decoder: nested too deeply");
        for (const auto& item : json["decoders"].items()) OL_TRY(add(item, depth + 1));
        return {};
    }
    Step step;
    const auto place = "decoder " + type;
    if (type == "ByteLevel") {
        step.kind = Kind::byte_level;
    } else if (type == "ByteFallback") {
        step.kind = Kind::byte_fallback;
    } else if (type == "Fuse") {
        step.kind = Kind::fuse;
    } else if (type == "Replace") {
        const auto pattern = OL_TRY(parse_pattern(json["pattern"], place));
        step.kind = pattern.is_regex ? Kind::replace_regex : Kind::replace;
        step.pattern = pattern.text;
        step.content = OL_TRY_IN(json["content"].as_string(), "{}.content", place);
        if (pattern.is_regex) {
            step.regex =
                std::make_unique<Regex>(OL_TRY_IN(Regex::compile(pattern.text), "{}", place));
        }
    } else if (type == "Strip") {
        step.kind = Kind::strip;
        step.content = OL_TRY_IN(json["content"].as_string(), "{}.content", place);
        step.start = OL_TRY_IN(json["start"].as_uint(), "{}.start", place);
        step.stop = OL_TRY_IN(json["stop"].as_uint(), "{}.stop", place);
        if (step.content.empty()) {
            return fail(ErrorCode::invalid_argument, "{}: the content is empty", place);
        }
    } else if (type == "Metaspace") {
        step.kind = Kind::metaspace;
        step.pattern = OL_TRY_IN(json["replacement"].as_string(), "{}.replacement", place);
        step.keep_first =
            json["prepend_scheme"] == Json("never") || json["add_prefix_space"] == Json(false);
        if (step.pattern.empty()) {
            return fail(ErrorCode::invalid_argument, "{}: the replacement is empty", place);
        }
    } else {
        return fail(ErrorCode::unsupported, "decoder '{}' is not supported", type);
    }
    if (step.kind == Kind::replace || step.kind == Kind::replace_regex) {
        growth_ *= replacement_growth(step.pattern, step.kind == Kind::replace_regex, step.content);
        if (growth_ > max_growth) {
            return fail(ErrorCode::too_large, "{}: a text may become over {} times longer", place,
                        max_growth);
        }
    }
    steps_.push_back(std::move(step));
    return {};
}

void Decoder::run(const Step& step, std::vector<std::string>& tokens) {
    switch (step.kind) {
    case Kind::byte_level:
        byte_level_tokens(tokens);
        break;
    case Kind::byte_fallback:
        byte_fallback(tokens);
        break;
    case Kind::fuse:
        fuse(tokens);
        break;
    case Kind::replace:
        for (auto& token : tokens) replace_all(token, step.pattern, step.content);
        break;
    case Kind::replace_regex:
        for (auto& token : tokens) {
            if (!text::find_invalid_utf8(token)) replace_all(token, *step.regex, step.content);
        }
        break;
    case Kind::strip:
        for (auto& token : tokens) strip(token, step.content, step.start, step.stop);
        break;
    case Kind::metaspace:
        for (std::size_t i = 0; i < tokens.size(); ++i)
            replace_all(tokens[i], step.pattern, i == 0 && !step.keep_first ? "" : " ");
        break;
    }
}

std::string Decoder::decode(std::vector<std::string> tokens) const {
    for (const auto& step : steps_) run(step, tokens);
    std::string out;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (none_ && i > 0) out.push_back(' ');
        out += tokens[i];
    }
    return out;
}

// SentencePieceProcessor::Decode.
std::string Decoder::decode(const std::vector<TokenId>& ids, const Vocabulary& vocabulary,
                            bool with_special) const {
    using Types = SentencePieceTokens;
    const auto& tokens = *sentencepiece_;
    std::string out, bytes;
    bool at_begin = true, prefix_seen = false;
    const auto flush = [&] { // a character or U+FFFD for each byte that begins none
        for (std::size_t at = 0; at < bytes.size();) {
            const auto c = text::decode(bytes, at);
            out += c.size == 0 ? replacement : std::string_view(bytes).substr(at, c.size);
            at += std::max<std::size_t>(c.size, 1);
        }
        bytes.clear();
    };
    for (const auto id : ids) {
        if (id >= vocabulary.texts.size()) continue;
        const auto type = tokens.types[id];
        if (type == Types::byte) {
            bytes.push_back(static_cast<char>(byte_of(vocabulary.texts[id])));
            continue;
        }
        flush();
        if (prefix_seen || !out.empty()) at_begin = false;
        prefix_seen = false;
        if (type == Types::control || (vocabulary.flags[id] & Vocabulary::special) != 0) {
            if (with_special) out += vocabulary.texts[id];
            continue;
        }
        if (type == Types::unknown) {
            out += tokens.unk_surface;
            continue;
        }
        std::string text = vocabulary.texts[id];
        if (at_begin && tokens.strip_prefix && text.starts_with(space_symbol)) {
            text.erase(0, space_symbol.size());
            prefix_seen = !tokens.strip_all;
        }
        replace_all(text, space_symbol, " ");
        out += text;
    }
    flush();
    return out;
}

} // namespace ol::model
