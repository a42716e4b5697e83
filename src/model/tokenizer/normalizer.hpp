// Normalizer: what tokenizer.json's `normalizer` does to a text before it is split, and
// SentencePiece's own normalisation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "codec/json.hpp"
#include "model/tokenizer/charsmap.hpp"
#include "model/tokenizer/regex.hpp"
#include "model/tokenizer/trie.hpp"

namespace ol::model {

// SentencePiece's normalizer_spec. Symbols of the user pass through it as they are.
struct SentencePieceRules {
    std::unique_ptr<Charsmap> charsmap; // none: identity
    bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
    Trie user_symbols;

    std::string apply(std::string_view text) const;
};

class Normalizer {
public:
    Normalizer() = default; // the identity
    // null gives the identity. unsupported: "normalizer 'Foo' is not supported"; too_large: its
    // steps together may make a text more than max_growth times longer.
    static Result<Normalizer> from_json(const codec::Json& json);
    static Normalizer sentencepiece(SentencePieceRules rules);

    bool is_identity() const { return steps_.empty(); }
    // Of valid UTF-8; gives valid UTF-8 as long as the charsmap's replacements are.
    void apply(std::string& text) const;

private:
    enum class Kind : std::uint8_t {
        nfc,
        nfd,
        nfkc,
        nfkd,
        lowercase,
        prepend,
        replace,
        replace_regex,
        strip,
        strip_accents,
        precompiled,
        sentencepiece,
    };
    struct Step {
        Kind kind = Kind::nfc;
        std::string pattern, content;
        bool left = false, right = false;
        std::unique_ptr<Regex> regex;
        std::unique_ptr<Charsmap> charsmap;
        std::unique_ptr<SentencePieceRules> rules;
    };

    Status add(const codec::Json& json, int depth);
    static std::uint64_t growth_of(const Step& step);
    static void run(const Step& step, std::string& text);

    std::vector<Step> steps_;
    std::uint64_t growth_ = 1;
};

// Times that the steps of a normalizer or a decoder may lengthen a text: what a file asks for must
// not take all memory.
inline constexpr std::uint64_t max_growth = 1024;
// Of a replacement: how much longer than what it replaces.
std::uint64_t replacement_growth(std::string_view pattern, bool is_regex, std::string_view content);

// Every occurrence of `pattern` (not empty) becomes `content`.
void replace_all(std::string& text, std::string_view pattern, std::string_view content);
void replace_all(std::string& text, const Regex& regex, std::string_view content);
// Bytes that are not UTF-8 become U+FFFD, one for each maximal broken sequence (as Rust and the
// WHATWG do).
std::string replace_invalid_utf8(std::string_view text);

// `pattern` of a Split or a Replace: {"String": "..."} or {"Regex": "..."}.
struct JsonPattern {
    bool is_regex = false;
    std::string text;
};
Result<JsonPattern> parse_pattern(const codec::Json& json, std::string_view place);

} // namespace ol::model
