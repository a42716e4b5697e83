// Decoder: from tokens to text (tokenizer.json's decoder, and SentencePiece's own).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "codec/json.hpp"
#include "model/tokenizer/regex.hpp"
#include "model/tokenizer/vocabulary.hpp"

namespace ol::model {

// What SentencePiece's decoder knows of its tokens.
struct SentencePieceTokens {
    enum Type : std::uint8_t {
        normal = 1,
        unknown = 2,
        control = 3,
        user = 4,
        unused = 5,
        byte = 6
    };
    std::vector<std::uint8_t> types; // by id
    std::string unk_surface = " \u2047 ";
    bool strip_prefix = true; // add_dummy_prefix or remove_extra_whitespaces
    bool strip_all = false;   // remove_extra_whitespaces
};

class Decoder {
public:
    Decoder() = default; // tokens joined by spaces, as Hugging Face does without a decoder
    static Result<Decoder> from_json(const codec::Json& json);
    static Decoder byte_level();
    static Decoder sentencepiece(SentencePieceTokens tokens);

    // Whether the text is the tokens' bytes one after the other.
    bool is_byte_level() const;
    bool is_sentencepiece() const { return sentencepiece_ != nullptr; }
    // SentencePiece: tokens that a folder added, which are text.
    void grow(std::size_t tokens) {
        if (sentencepiece_) sentencepiece_->types.resize(tokens, SentencePieceTokens::user);
    }
    // Of tokens as tokenizer.json writes them.
    std::string decode(std::vector<std::string> tokens) const;
    // Of a SentencePiece model's ids.
    std::string decode(const std::vector<TokenId>& ids, const Vocabulary& vocabulary,
                       bool with_special) const;

private:
    enum class Kind : std::uint8_t {
        byte_level,
        byte_fallback,
        fuse,
        replace,
        replace_regex,
        strip,
        metaspace,
    };
    struct Step {
        Kind kind = Kind::byte_level;
        std::string pattern, content;
        std::unique_ptr<Regex> regex;
        std::uint64_t start = 0, stop = 0;
        bool keep_first = false; // Metaspace with prepend_scheme never
    };

    Status add(const codec::Json& json, int depth);
    static void run(const Step& step, std::vector<std::string>& tokens);

    std::vector<Step> steps_;
    std::uint64_t growth_ = 1;
    bool none_ = true;
    std::unique_ptr<SentencePieceTokens> sentencepiece_;
};

} // namespace ol::model
