// Vocabulary: the tokens of a model by id and by text.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/tokenizer.hpp"

namespace ol::model {

inline constexpr std::uint64_t max_vocabulary = 1ULL << 20;
inline constexpr TokenId no_token = 0xffffffff;

inline std::uint64_t hash_text(std::string_view text) {
    constexpr std::uint64_t mixer = 0x9e3779b97f4a7c15;
    std::uint64_t hash = text.size() * mixer;
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
        std::uint64_t part = 0;
        std::memcpy(&part, text.data() + at, 8);
        hash = (hash ^ part) * mixer;
        hash ^= hash >> 32;
    }
    std::uint64_t part = 0;
    if (at < text.size()) std::memcpy(&part, text.data() + at, text.size() - at);
    hash = (hash ^ part) * mixer;
    return hash ^ hash >> 29;
}

struct Vocabulary {
    // What a token is besides a text of the model.
    static constexpr std::uint8_t raw = 1;     // `texts` holds it as written, not as bytes
    static constexpr std::uint8_t special = 2; // decoding leaves it out
    static constexpr std::uint8_t added = 4;   // of added_tokens

    // Words are bytes (the ByteLevel pre-tokenizer): texts of tokens that are not raw are the bytes
    // that they stand for, not their characters.
    bool byte_level = false;
    std::vector<std::string> texts;  // by id
    std::vector<std::uint8_t> flags; // by id
    std::unordered_map<std::string, TokenId> raw_ids;

    // Once all texts are there.
    void index() {
        std::size_t size = 16;
        while (size < texts.size() * 2) size *= 2;
        slots_.assign(size, no_token);
        for (TokenId id = 0; id < texts.size(); ++id) {
            if ((flags[id] & raw) != 0) continue;
            auto i = hash_text(texts[id]) & (size - 1);
            while (slots_[i] != no_token && texts[slots_[i]] != texts[id]) i = (i + 1) & (size - 1);
            slots_[i] = id; // of equal texts the last, as a map filled in order
        }
    }
    // Of tokens that are not raw.
    TokenId find(std::string_view text) const {
        if (slots_.empty()) return no_token;
        for (auto i = hash_text(text) & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
            if (slots_[i] == no_token || texts[slots_[i]] == text) return slots_[i];
        }
    }
    // The token's text as tokenizer.json writes it.
    std::string written(TokenId id) const;
    // The inverse of written().
    TokenId find_written(std::string_view text) const;

private:
    std::vector<TokenId> slots_;
};

} // namespace ol::model
