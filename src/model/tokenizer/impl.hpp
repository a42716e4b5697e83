// What a Tokenizer holds: shared by its encoder, its learner and its readers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "codec/json.hpp"
#include "model/tokenizer.hpp"
#include "model/tokenizer/added_tokens.hpp"
#include "model/tokenizer/bpe.hpp"
#include "model/tokenizer/decoder.hpp"
#include "model/tokenizer/normalizer.hpp"
#include "model/tokenizer/post_processor.hpp"
#include "model/tokenizer/pre_tokenizer.hpp"
#include "model/tokenizer/unigram.hpp"
#include "model/tokenizer/vocabulary.hpp"

namespace ol::model {

struct Tokenizer::Impl {
    Vocabulary vocabulary;
    AddedTokens added;
    Normalizer normalizer;
    PreTokenizer pre_tokenizer;
    std::variant<Bpe, Unigram> model;
    PostProcessor post_processor;
    Decoder decoder;
    // SentencePiece: symbols of the user, which no merge touches.
    Trie frozen;
    std::optional<TokenId> bos, eos;

    // Sections of tokenizer.json as they were read, for to_json(). Of a tokenizer.model: null.
    codec::Json sections;

    // Once everything is there.
    void finish() {
        vocabulary.index();
        std::visit([&](auto& m) { m.finish(vocabulary); }, model);
        scanner = normalizer.is_identity() ? pre_tokenizer.scanner() : std::nullopt;
    }
    std::optional<WordPattern> scanner; // all that is done to a text before the model

    void encode_word(std::string_view word, std::vector<TokenId>& out) const;
    // A text without added tokens of the raw kind.
    void encode_text(std::string_view text, bool at_start, bool allow_special,
                     std::vector<TokenId>& out) const;
    void encode_normalized(std::string_view text, bool at_start, std::vector<TokenId>& out) const;
    std::string decoded_text(TokenId id) const; // as the decoder gets it
};

// Sections of a tokenizer that was trained here.
codec::Json byte_level_sections();

} // namespace ol::model
