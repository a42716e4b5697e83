// SignatureIndex: finds near-duplicates by locality-sensitive hashing, 14 bands of 8 rows.
//
// Two signatures that differ in at most 13 of 112 places agree in a whole band, so for a threshold
// of 99 or more equal places the search is exact; below, pairs may be missed.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "datanet/record.hpp"

namespace ol::datanet {

class SignatureIndex {
public:
    // Of one band's bucket: later ones are found through their other bands. It bounds the time that
    // text made to share bands can cost.
    static constexpr std::uint32_t bucket_members = 512;

    struct Match {
        std::uint32_t index = 0;
        unsigned equal = 0;
    };

    // Its index: 0, 1, 2, ...
    std::uint32_t add(const MinHash& signature);
    std::size_t size() const { return signatures_.size(); }
    // All with at least min_equal equal places that share a band, ascending by index.
    std::vector<Match> find(const MinHash& signature, unsigned min_equal) const;

private:
    static constexpr std::uint32_t none = 0xffffffff;
    static constexpr std::size_t bands = 14;
    static constexpr std::size_t rows = minhash_size / bands;

    struct Bucket {
        std::uint64_t key = 0; // 0: free
        std::uint32_t first = none;
        std::uint32_t last = none;
        std::uint32_t count = 0;
    };

    static std::uint64_t key_of(const MinHash& signature, std::size_t band);
    std::size_t slot_of(std::uint64_t key) const;
    void grow();

    std::deque<MinHash> signatures_;
    std::deque<std::array<std::uint32_t, bands>> next_; // in each band's bucket
    std::vector<Bucket> buckets_; // open addressing, at most half full; a power of two
    std::size_t used_ = 0;
};

} // namespace ol::datanet
