// Keys, values and random changes for the tests of tries.
#pragma once

#include <map>

#include "base/prng.hpp"
#include "chain/trie/update.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::trie {

using Leaves = std::map<Bytes, Bytes>;

// Keys that often share long prefixes, so that there are splits, collapses and inline nodes; or
// keys that are hashes; or keys of several lengths.
enum class Shape { deep, hashed, uneven };

inline Bytes pick_key(Prng& prng, Shape shape, std::uint64_t count = 200) {
    if (shape == Shape::hashed) {
        Bytes number(8);
        put_be64(number.data(), prng.below(count));
        const Hash32 hash = crypto::keccak256(number);
        return {hash.begin(), hash.end()};
    }
    static constexpr std::uint8_t bytes[] = {0x00, 0x01, 0x10, 0x11, 0xf0};
    Bytes out(shape == Shape::uneven ? 1 + prng.below(4) : 32);
    for (auto& byte : out) {
        const bool is_end = &byte - out.data() < 2 || &byte - out.data() > 29;
        byte = is_end || shape == Shape::uneven ? bytes[prng.below(5)] : 0;
    }
    return out;
}

inline Bytes pick_value(Prng& prng) {
    const std::size_t sizes[] = {1, 1, 2, 20, 32, 70, 112, 113, 300};
    return Bytes(sizes[prng.below(9)], static_cast<std::uint8_t>(1 + prng.below(200)));
}

// Some changes, among them deletions of what is there and of what is not.
inline Leaves pick_changes(Prng& prng, Shape shape, const Leaves& present,
                           std::uint64_t count = 200) {
    Leaves out;
    const bool is_shrinking = prng.below(3) == 0;
    for (std::uint64_t i = 1 + prng.below(prng.below(4) == 0 ? count / 5 : 5); i-- > 0;) {
        const bool is_erased = is_shrinking && prng.below(5) != 0;
        out[pick_key(prng, shape, count)] = is_erased ? Bytes{} : pick_value(prng);
    }
    if (is_shrinking) {
        for (const auto& [key, value] : present) {
            if (prng.below(3) == 0) out[key] = {};
        }
    }
    return out;
}

inline void merge_into(Leaves& leaves, const Leaves& changes) {
    for (const auto& [key, value] : changes) {
        if (value.empty()) {
            leaves.erase(key);
        } else {
            leaves[key] = value;
        }
    }
}

// Views into `changes`.
inline std::vector<Change> as_changes(const Leaves& changes) {
    std::vector<Change> out;
    for (const auto& [key, value] : changes) out.push_back({key, value});
    return out;
}

} // namespace ol::chain::trie
