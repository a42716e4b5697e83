// AddedTokens: tokens that are cut out of a text before the model sees it (tokenizer.json's
// added_tokens). The longest of those that begin leftmost wins, as in Hugging Face's matcher.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/trie.hpp"
#include "model/tokenizer/vocabulary.hpp"

namespace ol::model {

struct AddedToken {
    std::string content;
    TokenId id = 0;
    bool single_word = false;            // only where no letter or digit stands beside it
    bool lstrip = false, rstrip = false; // takes the white space beside it along
    bool normalized = false; // is looked for in the normalised text, in its normalised form
    bool special = false;
    std::string pattern; // what is looked for
};

class AddedTokens {
public:
    // In ascending order of ids. A pattern that is there already goes to the later token.
    void add(AddedToken token);

    const std::vector<AddedToken>& all() const { return tokens_; }
    const AddedToken* find(TokenId id) const; // null: none has it
    bool none_normalized() const { return normalized_.empty(); }

    // A part of a text: text between tokens, or a token.
    struct Part {
        std::string_view text;
        TokenId id = no_token;
    };
    // Parts that are not empty and cover the text. Without allow_special special tokens stay text.
    std::vector<Part> split(std::string_view text, bool normalized, bool allow_special) const;

private:
    std::vector<AddedToken> tokens_;
    Trie plain_, normalized_; // pattern -> place in tokens_
};

} // namespace ol::model
