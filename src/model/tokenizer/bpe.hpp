// Bpe: words to ids by merges, the lowest rank first and the leftmost of equals (Hugging Face's BPE
// model; SentencePiece's with ranks from scores).
#pragma once

#include <array>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "model/tokenizer/pair_table.hpp"
#include "model/tokenizer/vocabulary.hpp"

namespace ol::model {

inline std::uint64_t pair_key(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(left) << 32 | right;
}

class Bpe {
public:
    TokenId unk = no_token; // none: what has no token is left out
    bool fuse_unk = false;
    bool byte_fallback = false;
    bool ignore_merges = false; // a word that is a token is that token

    std::array<TokenId, 256> byte_ids{}; // of byte-level vocabularies; no_token: missing
    std::vector<std::pair<TokenId, TokenId>> merges; // by rank

    // With the next rank. The pair must not be there yet.
    void add_merge(TokenId left, TokenId right, TokenId merged);
    // With a rank that others may share; such pairs are not in `merges`.
    void add_ranked(TokenId left, TokenId right, TokenId merged, std::uint32_t rank);
    bool merges_pair(TokenId left, TokenId right) const {
        return ranks_.find(pair_key(left, right)).rank != PairTable::none;
    }
    // Once vocabulary, merges and byte_ids are there.
    void finish(const Vocabulary& vocabulary);

    // Appends the ids of a word. Time n log n for any word.
    void encode(const Vocabulary& vocabulary, std::string_view word,
                std::vector<TokenId>& out) const;

private:
    void encode_part(const Vocabulary& vocabulary, std::string_view word,
                     std::vector<TokenId>& out) const;
    void encode_fresh(const Vocabulary& vocabulary, std::string_view word,
                      std::vector<TokenId>& out) const;
    void first_symbols(const Vocabulary& vocabulary, std::string_view word,
                       std::vector<TokenId>& out) const;
    std::size_t safe_end(std::string_view word, std::size_t from) const;

    PairTable ranks_;                     // pair -> (rank, merged id)
    std::vector<TokenId> merged_;         // until finish()
    std::array<TokenId, 256> fallback_{}; // the tokens <0x00>..<0xFF>
    bool all_bytes_ = false;
    // Characters that some merged token has before a space symbol: elsewhere no merge reaches over
    // the place before a space symbol, and the text may be cut there.
    std::unordered_set<std::uint32_t> joined_;
    bool may_cut_ = false;
    std::uint32_t owner_ = 0; // in the word cache
};

// The ids of the tokens <0x00>..<0xFF>, no_token where one is missing.
std::array<TokenId, 256> byte_tokens(const Vocabulary& vocabulary);

} // namespace ol::model
