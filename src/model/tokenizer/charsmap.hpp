// Charsmap: SentencePiece's precompiled normalisation rules: a little-endian u32 with the bytes of
// a double-array trie (Darts-clone), the trie, then the replacements, each ended by a zero byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace ol::model {

class Charsmap {
public:
    // corrupted when the sizes do not fit or a replacement is over 256 bytes. Of at most 16 MiB.
    static Result<Charsmap> parse(std::string_view blob);

    // Bytes, at least 1.
    std::size_t longest_replacement() const { return longest_replacement_; }

    struct Rule {
        std::size_t size = 0; // bytes of the text that it replaces; 0: no rule
        std::string_view replacement;
    };
    // The longest rule for what text[at...] begins with (SentencePiece).
    Rule longest(std::string_view text, std::size_t at) const;
    // The shortest one (Hugging Face's Precompiled, asked for a grapheme cluster).
    Rule shortest(std::string_view text) const;

private:
    std::uint32_t unit(std::size_t at) const { return at < units_.size() ? units_[at] : 0; }
    template <class Visit>
    void each_prefix(std::string_view text, std::size_t at, Visit&& visit) const;
    std::string_view replacement(std::uint32_t value) const;

    std::vector<std::uint32_t> units_;
    std::string replacements_;
    std::size_t longest_replacement_ = 1;
};

} // namespace ol::model
