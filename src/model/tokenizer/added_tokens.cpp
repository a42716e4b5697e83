#include "model/tokenizer/added_tokens.hpp"

#include <algorithm>

#include "model/tokenizer/characters.hpp"

namespace ol::model {

namespace {

// Start of the character that ends at `end` (0 < end).
std::size_t start_of_last(std::string_view text, std::size_t end) {
    std::size_t start = end - 1;
    while (start > 0 && end - start < 4 && (static_cast<std::uint8_t>(text[start]) & 0xc0) == 0x80)
        --start;
    return start;
}

bool is_word(std::string_view text, std::size_t at) {
    return (character_at(text, at).classes & character::word) != 0;
}

bool is_space(std::string_view text, std::size_t at) {
    return (character_at(text, at).classes & character::space) != 0;
}

} // namespace

void AddedTokens::add(AddedToken token) {
    auto& trie = token.normalized ? normalized_ : plain_;
    trie.insert(token.pattern, static_cast<std::uint32_t>(tokens_.size()));
    tokens_.push_back(std::move(token));
}

const AddedToken* AddedTokens::find(TokenId id) const {
    const auto found = std::lower_bound(tokens_.begin(), tokens_.end(), id,
                                        [](const auto& token, TokenId i) { return token.id < i; });
    return found != tokens_.end() && found->id == id ? &*found : nullptr;
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text, bool normalized,
                                                  bool allow_special) const {
    const auto& trie = normalized ? normalized_ : plain_;
    std::vector<Part> out;
    std::size_t done = 0, at = 0;
    while (at < text.size() && !trie.empty()) {
        const auto found = trie.longest(text, at);
        if (found.size == 0) {
            ++at;
            continue;
        }
        const auto& token = tokens_[found.value];
        auto begin = at, end = at + found.size;
        at = end;
        if (token.special && !allow_special) continue;
        if (token.single_word && ((begin > 0 && is_word(text, start_of_last(text, begin))) ||
                                  (end < text.size() && is_word(text, end)))) {
            continue;
        }
        if (token.lstrip) {
            while (begin > done && is_space(text, start_of_last(text, begin)))
                begin = start_of_last(text, begin);
        }
        if (token.rstrip) {
            while (end < text.size() && is_space(text, end)) end += character_at(text, end).size;
        }
        // A token of white space may lie in what rstrip of the one before took.
        begin = std::max(begin, done);
        end = std::max(end, begin);
        if (begin > done) out.push_back({text.substr(done, begin - done), no_token});
        out.push_back({text.substr(begin, end - begin), token.id});
        done = end;
    }
    if (done < text.size()) out.push_back({text.substr(done), no_token});
    return out;
}

} // namespace ol::model
