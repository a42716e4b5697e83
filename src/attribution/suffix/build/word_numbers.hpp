// WordNumbers: distinct words, numbered as they come, with how often each came.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "attribution/suffix/word_hash.hpp"
#include "base/prefetch.hpp"

namespace ol::attribution::suffix {

// The hash is keyed by chance, so that no contributor can choose words that collide; it reaches
// neither the numbers nor a file.
class WordNumbers {
public:
    WordNumbers()
        : hash_([] {
            std::random_device random;
            return std::uint64_t{random()} << 32 | random();
        }())
        , slots_(1 << 12, 0) {}

    std::uint64_t hash_of(const text::SymbolWord& word) const { return hash_(word); }
    void fetch(std::uint64_t hash) const { prefetch(&slots_[hash & (slots_.size() - 1)]); }
    std::uint32_t number(const text::SymbolWord& word) { return number(word, hash_of(word)); }
    std::uint32_t number(const text::SymbolWord& word, std::uint64_t hash) {
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = hash & mask;
        const auto tag = static_cast<std::uint32_t>(hash >> 32);
        while (slots_[at] != 0) {
            const std::uint32_t found = static_cast<std::uint32_t>(slots_[at]) - 1;
            if (slots_[at] >> 32 == tag && same_word(words_[found], word)) return found;
            at = (at + 1) & mask;
        }
        words_.push_back(word);
        slots_[at] = std::uint64_t{tag} << 32 | words_.size();
        if (words_.size() * 2 > slots_.size()) grow();
        return static_cast<std::uint32_t>(words_.size() - 1);
    }

    const std::vector<text::SymbolWord>& words() const { return words_; }
    std::size_t memory_bytes() const {
        return words_.capacity() * sizeof(text::SymbolWord) + slots_.size() * 8;
    }

private:
    void grow() {
        std::vector<std::uint64_t> wider(slots_.size() * 2, 0);
        const std::size_t mask = wider.size() - 1;
        for (std::size_t i = 0; i < words_.size(); ++i) {
            const std::uint64_t hash = hash_of(words_[i]);
            std::size_t at = hash & mask;
            while (wider[at] != 0) at = (at + 1) & mask;
            wider[at] = hash >> 32 << 32 | (i + 1);
        }
        slots_ = std::move(wider);
    }

    WordHash hash_;
    std::vector<text::SymbolWord> words_;
    std::vector<std::uint64_t> slots_; // upper half of the hash, number + 1; 0 when free
};

} // namespace ol::attribution::suffix
