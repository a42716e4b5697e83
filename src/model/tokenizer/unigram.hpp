// Unigram: the most likely way to spell a text with tokens that have scores (Kudo 2018), by
// Viterbi's algorithm. Ties go to what is found first, as in Hugging Face's and SentencePiece's
// optimised encoders.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "model/tokenizer/trie.hpp"
#include "model/tokenizer/vocabulary.hpp"

namespace ol::model {

class Unigram {
public:
    TokenId unk = no_token;
    bool byte_fallback = false;
    // SentencePiece keeps the scores of paths in single precision, Hugging Face in double.
    bool single_precision = false;
    std::vector<double> scores; // by id
    double unk_score = 0;       // of a character that no token begins with
    Trie trie;                  // text -> id

    void finish(const Vocabulary& vocabulary);
    // Appends the ids of a text. Time: bytes by the longest token.
    void encode(const Vocabulary& vocabulary, std::string_view text,
                std::vector<TokenId>& out) const;

private:
    void encode_fresh(const Vocabulary& vocabulary, std::string_view text,
                      std::vector<TokenId>& out) const;
    void unknown(const Vocabulary& vocabulary, std::string_view text,
                 std::vector<TokenId>& out) const;

    std::array<TokenId, 256> fallback_{};
    std::uint32_t owner_ = 0;
};

} // namespace ol::model
