// Searches over the hot arrays, many in step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "attribution/suffix/dead_ranks.hpp"
#include "attribution/suffix/tier/tier.hpp"

namespace ol::attribution::suffix {

struct HotArrays {
    const std::uint32_t* text = nullptr;
    const std::uint32_t* suffixes = nullptr;
    const std::uint32_t* inverse = nullptr;
    const std::uint64_t* keys = nullptr;
    std::uint32_t symbols = 0;
};

// Where one pattern belongs in the suffix array: the suffix at `low` is smaller than the pattern,
// the one at `high` is not. The edges just outside of the bucket of the first symbol stand for no
// suffix; they count as sharing the one symbol that the whole bucket shares.
struct Walk {
    Pattern pattern; // not empty
    Interval bucket; // of its first symbol, not empty
    std::int64_t low = 0, high = 0;
    std::uint32_t low_shared = 1, high_shared = 1;

    std::uint32_t length() const { return low_shared > high_shared ? low_shared : high_shared; }
    // A suffix that shares length() symbols; only where length() > 1.
    std::uint32_t witness() const {
        return static_cast<std::uint32_t>(low_shared > high_shared ? low : high);
    }
};

class HotSearch {
public:
    explicit HotSearch(const HotArrays& arrays)
        : a_(arrays) {}

    // Starts each walk at its bucket and brings its edges together until they are neighbours.
    void close(std::span<Walk> walks) const;
    // The same for one walk that is known to share `shared` >= 1 symbols with the suffix at `hint`.
    void close_from(Walk& walk, std::uint32_t hint, std::uint32_t shared) const;
    // All suffixes that start with the pattern (of at least two symbols) in the bucket of its first
    // one; {0, 0} when there is none. Both ends are searched in step.
    Interval find(Pattern pattern, Interval bucket) const;
    // Moves the edges of a closed walk to the nearest suffixes that are alive. False when the
    // bucket holds none.
    bool skip_dead(Walk& walk, const DeadRanks& dead) const;
    // All suffixes that share the first `length` >= 1 symbols of the walk's pattern, given a suffix
    // that does.
    Interval around(Pattern prefix, Interval bucket, std::uint32_t inside) const;
    Interval interval_of(const Walk& walk) const;
    // How many symbols the suffix at `rank` shares with the pattern, given that it shares `shared`.
    std::uint32_t extend(Pattern pattern, std::uint32_t shared, std::int64_t rank) const;

private:
    struct Comparison {
        std::uint32_t shared;
        bool less; // the suffix is smaller than the pattern
    };
    Comparison compare(Pattern pattern, std::uint32_t shared, std::int64_t rank) const;
    void narrow_by_keys(std::span<Walk> walks) const;
    std::uint32_t after_equal_keys(std::uint32_t begin, std::uint32_t end, std::uint64_t key) const;
    void close_edges(std::span<Walk> walks) const;
    std::int64_t first_without(Pattern pattern, std::int64_t inside, std::int64_t limit) const;

    const HotArrays a_;
};

} // namespace ol::attribution::suffix
