// What the queries share: a phrase as a segment's ranks, and its living occurrences.
#pragma once

#include <cstdint>
#include <vector>

#include "attribution/suffix/query/query.hpp"

namespace ol::attribution::suffix {

// invalid_argument when a symbol is a separator.
Status check_phrase(Phrase phrase);

inline std::uint32_t alive_in(const SegmentRef& ref, Interval interval) {
    return ref.dead == nullptr ? interval.count() : ref.dead->alive_in(interval);
}
// The first rank of `interval`, whose suffixes share `depth` symbols, where a word follows and not
// a separator: separators are the smallest symbols.
std::uint32_t first_followed(const Segment& segment, Interval interval, std::uint32_t depth);

Hit hit_at(const IndexView& view, Position at, std::size_t length);

// Calls visit(position) for each living suffix of the interval, in the order of SA.
template <class Visit>
void for_each_alive(const SegmentRef& ref, Interval interval, const Visit& visit) {
    constexpr std::uint32_t chunk = 4096;
    const auto& tier = ref.segment->tier();
    std::vector<std::uint32_t> positions(std::min(interval.count(), chunk));
    std::span<const std::uint32_t> dead;
    if (ref.dead != nullptr) dead = ref.dead->ranks();
    auto next_dead = std::lower_bound(dead.begin(), dead.end(), interval.low);
    for (std::uint32_t low = interval.low; low < interval.high;) {
        const std::uint32_t high = low + std::min(chunk, interval.high - low);
        tier.locate({low, high}, std::span(positions).first(high - low));
        for (std::uint32_t rank = low; rank < high; ++rank) {
            if (next_dead != dead.end() && *next_dead == rank) {
                ++next_dead;
            } else {
                visit(positions[rank - low]);
            }
        }
        low = high;
    }
}

} // namespace ol::attribution::suffix
