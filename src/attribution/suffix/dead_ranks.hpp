// DeadRanks: the suffix-array ranks of the suffixes that start in deleted records of one segment.
// They are subtracted from every count; the segment itself stays as it is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "attribution/suffix/interval.hpp"

namespace ol::attribution::suffix {

class DeadRanks {
public:
    DeadRanks() = default;
    // Ranks in any order, each once.
    explicit DeadRanks(std::vector<std::uint32_t> ranks);

    bool empty() const { return ranks_.empty(); }
    std::size_t size() const { return ranks_.size(); }
    std::span<const std::uint32_t> ranks() const { return ranks_; } // ascending
    bool contains(std::uint32_t rank) const;
    std::uint32_t count_in(Interval interval) const;
    // How many suffixes of the interval are alive.
    std::uint32_t alive_in(Interval interval) const {
        return interval.count() - count_in(interval);
    }
    // The nearest rank at or below (at or above) `rank` that is not dead; -1 below all (2^32 is
    // never reached: the caller bounds the result by its bucket).
    std::int64_t alive_at_or_below(std::int64_t rank) const;
    std::int64_t alive_at_or_above(std::int64_t rank) const;

private:
    std::vector<std::uint32_t> ranks_;
};

} // namespace ol::attribution::suffix
