// What a Tokenizer holds: shared by its encoder, its learner and its reader.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/pair_table.hpp"
#include "model/tokenizer.hpp"

namespace ol::model {

inline constexpr std::uint64_t max_vocabulary = 1ULL << 20;

inline std::uint64_t pair_key(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(left) << 32 | right;
}

struct Tokenizer::Impl {
    std::vector<std::string> tokens;      // id -> bytes; of specials: their text
    std::vector<std::uint8_t> is_special; // by id
    std::array<TokenId, 256> byte_ids{};
    std::vector<std::pair<TokenId, TokenId>> merges;       // by rank
    PairTable ranks;                                       // pair -> (rank, merged id)
    std::vector<std::pair<std::string, TokenId>> specials; // by id

    void index_merge(TokenId left, TokenId right, TokenId merged) {
        ranks.insert(pair_key(left, right), {static_cast<std::uint32_t>(merges.size()), merged});
        merges.emplace_back(left, right);
    }
    void encode_word(std::string_view word, std::vector<TokenId>& out) const;
    void encode_text(std::string_view text, std::vector<TokenId>& out) const;
};

} // namespace ol::model
