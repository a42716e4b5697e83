// WordNumbers: distinct words, numbered as they come, with how often each came.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "text/symbols.hpp"

namespace ol::attribution::suffix {

// The hash is keyed by chance, so that no contributor can choose words that collide; it reaches
// neither the numbers nor a file.
class WordNumbers {
public:
    WordNumbers()
        : slots_(1 << 12, 0) {
        std::random_device random;
        for (auto& seed : seeds_) seed = std::uint64_t{random()} << 32 | random();
    }

    std::uint64_t hash_of(const text::SymbolWord& word) const {
        std::array<std::uint64_t, 4> parts;
        std::memcpy(parts.data(), word.data.data(), sizeof parts);
        // Most words are short: their last half is zero and needs no second product.
        const std::uint64_t low = fold(parts[0] ^ seeds_[0], parts[1] ^ seeds_[1]);
        if ((parts[2] | parts[3]) == 0) return fold(low ^ seeds_[4], seeds_[5]);
        return fold(low ^ seeds_[4], fold(parts[2] ^ seeds_[2], parts[3] ^ seeds_[3]) ^ seeds_[5]);
    }
    void prefetch(std::uint64_t hash) const {
        __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
    }
    std::uint32_t number(const text::SymbolWord& word) { return number(word, hash_of(word)); }
    std::uint32_t number(const text::SymbolWord& word, std::uint64_t hash) {
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = hash & mask;
        const auto tag = static_cast<std::uint32_t>(hash >> 32);
        while (slots_[at] != 0) {
            const std::uint32_t found = static_cast<std::uint32_t>(slots_[at]) - 1;
            if (slots_[at] >> 32 == tag && same(words_[found], word)) return found;
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
    static bool same(const text::SymbolWord& a, const text::SymbolWord& b) {
        std::array<std::uint64_t, 4> x, y;
        std::memcpy(x.data(), a.data.data(), sizeof x);
        std::memcpy(y.data(), b.data.data(), sizeof y);
        return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
    }
    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        const auto product = static_cast<unsigned __int128>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
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

    std::array<std::uint64_t, 6> seeds_;
    std::vector<text::SymbolWord> words_;
    std::vector<std::uint64_t> slots_; // upper half of the hash, number + 1; 0 when free
};

} // namespace ol::attribution::suffix
