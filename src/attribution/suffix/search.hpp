// Search over ranks: exact intervals of patterns in a suffix array without an LCP table.
#pragma once

#include <cstdint>
#include <span>

#include "attribution/suffix/layout.hpp"
#include "attribution/suffix/tier/tier.hpp"

namespace ol::attribution::suffix {

class Search {
public:
    using Pattern = std::span<const std::uint32_t>;

    Search() = default;
    explicit Search(const SegmentView& view)
        : view_(view) {}

    Interval everything() const { return {0, view_.counts.symbols}; }
    // All suffixes that start with one symbol; empty for an absent one.
    Interval bucket(std::uint32_t rank) const;
    // The longest prefix of the pattern that occurs.
    Segment::Longest longest(Pattern pattern) const;
    // The same, from a suffix (by its rank) known to share `shared` >= 1 symbols with the pattern.
    Segment::Longest longest(Pattern pattern, std::uint32_t hint, std::uint32_t shared) const;
    // All suffixes that start with the whole pattern, from one of them.
    Interval around(Pattern pattern, std::uint32_t inside) const;
    // The suffixes of an interval of common prefix `depth` whose next symbol is `rank`.
    Interval narrow(Interval interval, std::uint32_t depth, std::uint32_t rank) const;

private:
    // Neighbours in the suffix array around the place of a pattern: the suffix at low is smaller
    // than the pattern, the one at high is not. An edge just outside the bucket stands for no
    // suffix; it counts as sharing the one symbol that the whole bucket shares.
    struct Edges {
        std::int64_t low, high;
        std::uint32_t low_shared, high_shared;
    };
    struct Comparison {
        std::uint32_t shared;
        bool less; // the suffix is smaller than the pattern
    };

    std::uint32_t extend(Pattern pattern, std::uint32_t shared, std::int64_t rank) const;
    Comparison compare(Pattern pattern, std::uint32_t shared, std::int64_t rank) const;
    void close(Pattern pattern, Edges& edges) const;
    Segment::Longest finish(Pattern pattern, Interval bucket, const Edges& edges) const;
    std::int64_t first_without(Pattern pattern, std::int64_t inside, std::int64_t limit) const;

    SegmentView view_;
};

} // namespace ol::attribution::suffix
