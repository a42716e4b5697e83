#include "attribution/suffix/dead_ranks.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace ol::attribution::suffix {

DeadRanks::DeadRanks(std::vector<std::uint32_t> ranks)
    : ranks_(std::move(ranks)) {
    std::sort(ranks_.begin(), ranks_.end());
    OL_CHECK(std::adjacent_find(ranks_.begin(), ranks_.end()) == ranks_.end());
}

bool DeadRanks::contains(std::uint32_t rank) const {
    return std::binary_search(ranks_.begin(), ranks_.end(), rank);
}

std::uint32_t DeadRanks::count_in(Interval interval) const {
    const auto low = std::lower_bound(ranks_.begin(), ranks_.end(), interval.low);
    const auto high = std::lower_bound(low, ranks_.end(), interval.high);
    return static_cast<std::uint32_t>(high - low);
}

// Dead ranks that are neighbours in `ranks_` and in value form a run; its other end is found by
// halving, since value minus index never falls.
std::int64_t DeadRanks::alive_at_or_below(std::int64_t rank) const {
    if (rank < 0) return -1;
    const auto at =
        std::lower_bound(ranks_.begin(), ranks_.end(), static_cast<std::uint32_t>(rank));
    if (at == ranks_.end() || *at != rank) return rank;
    const std::int64_t index = at - ranks_.begin();
    std::int64_t low = 0, high = index; // the first index of the run is in [low, high]
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        if (ranks_[middle] - middle == rank - index) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return std::int64_t{ranks_[low]} - 1;
}

std::int64_t DeadRanks::alive_at_or_above(std::int64_t rank) const {
    const auto at =
        std::lower_bound(ranks_.begin(), ranks_.end(), static_cast<std::uint32_t>(rank));
    if (at == ranks_.end() || *at != rank) return rank;
    const std::int64_t index = at - ranks_.begin();
    std::int64_t low = index, high = static_cast<std::int64_t>(ranks_.size()) - 1;
    while (low < high) {
        const std::int64_t middle = low + (high - low + 1) / 2;
        if (ranks_[middle] - middle == rank - index) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return std::int64_t{ranks_[low]} + 1;
}

} // namespace ol::attribution::suffix
