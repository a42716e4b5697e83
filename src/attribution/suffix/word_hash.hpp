// A keyed hash of symbol words: fast, and without the key nobody can choose words that collide.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/prng.hpp"
#include "text/symbols.hpp"

namespace ol::attribution::suffix {

inline bool same_word(const text::SymbolWord& a, const text::SymbolWord& b) {
    std::array<std::uint64_t, 4> x, y;
    std::memcpy(x.data(), a.data.data(), sizeof x);
    std::memcpy(y.data(), b.data.data(), sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
}

// Products of 64 bits folded to 64, as in wyhash (Wang Yi, public domain).
class WordHash {
public:
    explicit WordHash(std::uint64_t key) {
        Prng prng(key);
        for (auto& seed : seeds_) seed = prng.next();
    }

    std::uint64_t operator()(const text::SymbolWord& word) const {
        std::array<std::uint64_t, 4> parts;
        std::memcpy(parts.data(), word.data.data(), sizeof parts);
        // Most words are short: their last half is zero and needs no product of its own.
        const std::uint64_t low = fold(parts[0] ^ seeds_[0], parts[1] ^ seeds_[1]);
        if ((parts[2] | parts[3]) == 0) return fold(low ^ seeds_[4], seeds_[5]);
        return fold(low ^ seeds_[4], fold(parts[2] ^ seeds_[2], parts[3] ^ seeds_[3]) ^ seeds_[5]);
    }

private:
    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        const auto product = static_cast<unsigned __int128>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    std::array<std::uint64_t, 6> seeds_;
};

} // namespace ol::attribution::suffix
