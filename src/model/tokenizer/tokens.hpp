// TokenList: the tokens of a file while it is read: each id once, no holes, limits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/tokenizer/vocabulary.hpp"

namespace ol::model {

inline constexpr std::size_t max_added_bytes = 1024;     // text of an added token
inline constexpr std::size_t max_token_bytes = 8U << 20; // texts of tokens in a trie, together

class TokenList {
public:
    static constexpr std::uint8_t outside = 8; // an added token that is not in the model
    static constexpr std::uint8_t taken = 128;

    // count: tokens of the file, so that memory follows the file's size and not its ids.
    explicit TokenList(std::size_t count)
        : count_(count) {}

    // `name`: as the file writes it.
    Status place(std::uint64_t id, std::string text, std::string_view name, std::uint8_t flags) {
        if (id >= max_vocabulary) {
            return fail(ErrorCode::too_large, "id {} of '{}' passes the limit of {}", id, name,
                        max_vocabulary);
        }
        if (id >= count_) {
            return fail(ErrorCode::invalid_argument,
                        "id {} of '{}' leaves holes: there are {} tokens", id, name, count_);
        }
        if (flags_.size() <= id) {
            flags_.resize(id + 1);
            texts_.resize(id + 1);
        }
        if (flags_[id] != 0) {
            return fail(ErrorCode::invalid_argument, "id {} is there twice ('{}')", id, name);
        }
        flags_[id] = static_cast<std::uint8_t>(taken | flags);
        texts_[id] = std::move(text);
        return {};
    }
    bool has(TokenId id) const { return id < flags_.size() && flags_[id] != 0; }
    void mark(TokenId id, std::uint8_t flags) { flags_[id] |= flags; }
    std::uint8_t flags(TokenId id) const { return flags_[id]; }

    Status check_holes() const {
        for (std::size_t id = 0; id < flags_.size(); ++id) {
            if (flags_[id] == 0) {
                return fail(ErrorCode::invalid_argument, "no token has the id {}", id);
            }
        }
        return {};
    }
    void move_to(Vocabulary& out, bool byte_level) {
        out.byte_level = byte_level;
        out.texts = std::move(texts_);
        out.flags = std::move(flags_);
        for (TokenId id = 0; id < out.texts.size(); ++id) {
            if ((out.flags[id] & Vocabulary::raw) != 0) out.raw_ids.emplace(out.texts[id], id);
        }
    }

private:
    std::size_t count_;
    std::vector<std::string> texts_;
    std::vector<std::uint8_t> flags_;
};

} // namespace ol::model
