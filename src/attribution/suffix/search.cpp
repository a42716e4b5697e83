#include "attribution/suffix/search.hpp"

#include <algorithm>
#include <cstring>

namespace ol::attribution::suffix {

using u32 = std::uint32_t;
using i64 = std::int64_t;

Interval Search::bucket(u32 rank) const {
    const u32 records = view_.counts.records;
    if (rank < records) return {rank, rank + 1};
    if (rank - records >= view_.counts.words) return {};
    return {view_.first[rank - records], view_.first[rank - records + 1]};
}

// How many symbols the suffix at `rank` shares with the pattern, given that it shares `shared`.
u32 Search::extend(Pattern pattern, u32 shared, i64 rank) const {
    const u32 position = view_.suffixes[rank];
    const u32 limit =
        static_cast<u32>(std::min<std::size_t>(pattern.size(), view_.counts.symbols - position));
    const u32* const text = view_.text + position;
    const u32 soon = std::min(limit, shared + 8); // most suffixes part within a few symbols
    while (shared < soon && text[shared] == pattern[shared]) ++shared;
    if (shared < soon) return shared;
    constexpr u32 block = 16;
    while (limit - shared >= block &&
           std::memcmp(text + shared, pattern.data() + shared, block * sizeof(u32)) == 0) {
        shared += block;
    }
    while (shared < limit && text[shared] == pattern[shared]) ++shared;
    return shared;
}

Search::Comparison Search::compare(Pattern pattern, u32 shared, i64 rank) const {
    shared = extend(pattern, shared, rank);
    if (shared == pattern.size()) return {shared, false};
    const u32 position = view_.suffixes[rank] + shared;
    return {shared, position == view_.counts.symbols || view_.text[position] < pattern[shared]};
}

// Between two suffixes each suffix shares with the pattern at least what both of them do.
void Search::close(Pattern pattern, Edges& edges) const {
    while (edges.high - edges.low > 1) {
        const i64 middle = edges.low + (edges.high - edges.low) / 2;
        const auto [shared, less] =
            compare(pattern, std::min(edges.low_shared, edges.high_shared), middle);
        if (less) {
            edges.low = middle;
            edges.low_shared = shared;
        } else {
            edges.high = middle;
            edges.high_shared = shared;
        }
    }
}

// The first rank beyond `inside` toward `limit` (which lies outside, on either side) whose suffix
// does not start with the pattern: gallops, then halves.
i64 Search::first_without(Pattern pattern, i64 inside, i64 limit) const {
    const i64 direction = limit > inside ? 1 : -1;
    i64 step = direction;
    i64 outside = limit;
    u32 shared_outside = 1;
    while ((limit - inside) * direction > step * direction) {
        const i64 probe = inside + step;
        const u32 shared = extend(pattern, 1, probe);
        if (shared < pattern.size()) {
            outside = probe;
            shared_outside = shared;
            break;
        }
        inside = probe;
        step *= 2;
    }
    while ((outside - inside) * direction > 1) {
        const i64 middle = inside + (outside - inside) / 2;
        const u32 shared = extend(pattern, shared_outside, middle);
        if (shared < pattern.size()) {
            outside = middle;
            shared_outside = shared;
        } else {
            inside = middle;
        }
    }
    return outside;
}

Segment::Longest Search::finish(Pattern pattern, Interval bucket, const Edges& edges) const {
    const u32 length = std::max(edges.low_shared, edges.high_shared);
    if (length == 1) return {1, bucket};
    const Pattern prefix = pattern.first(length);
    i64 low = edges.high, high = edges.high;
    if (edges.low_shared == length) low = first_without(prefix, edges.low, i64{bucket.low} - 1) + 1;
    if (edges.high_shared == length) high = first_without(prefix, edges.high, bucket.high);
    return {length, {static_cast<u32>(low), static_cast<u32>(high)}};
}

Segment::Longest Search::longest(Pattern pattern) const {
    const Interval all = pattern.empty() ? Interval{} : bucket(pattern[0]);
    if (all.count() == 0) return {0, everything()};
    Edges edges{i64{all.low} - 1, all.high, 1, 1};
    close(pattern, edges);
    return finish(pattern, all, edges);
}

Segment::Longest Search::longest(Pattern pattern, u32 hint, u32 shared) const {
    const Interval all = bucket(pattern[0]);
    const auto at_hint = compare(pattern, shared, hint);
    Edges edges{i64{all.low} - 1, all.high, 1, 1};
    if (at_hint.less) {
        edges.low = hint;
        edges.low_shared = at_hint.shared;
        for (i64 step = 1; edges.low + step < all.high; step *= 2) {
            const auto [probe_shared, less] = compare(pattern, 1, edges.low + step);
            if (!less) {
                edges.high = edges.low + step;
                edges.high_shared = probe_shared;
                break;
            }
            edges.low += step;
            edges.low_shared = probe_shared;
        }
    } else {
        edges.high = hint;
        edges.high_shared = at_hint.shared;
        for (i64 step = 1; edges.high - step >= all.low; step *= 2) {
            const auto [probe_shared, less] = compare(pattern, 1, edges.high - step);
            if (less) {
                edges.low = edges.high - step;
                edges.low_shared = probe_shared;
                break;
            }
            edges.high -= step;
            edges.high_shared = probe_shared;
        }
    }
    close(pattern, edges);
    return finish(pattern, all, edges);
}

Interval Search::around(Pattern pattern, u32 inside) const {
    if (pattern.empty()) return everything();
    const Interval all = bucket(pattern[0]);
    if (pattern.size() == 1) return all;
    return {static_cast<u32>(first_without(pattern, inside, i64{all.low} - 1) + 1),
            static_cast<u32>(first_without(pattern, inside, all.high))};
}

Interval Search::narrow(Interval interval, u32 depth, u32 rank) const {
    if (rank == absent) return {};
    const auto next_is_less = [&](u32 position, u32 bound) {
        const u32 at = position + depth; // the end of the text is smaller than every symbol
        return at >= view_.counts.symbols || view_.text[at] < bound;
    };
    const u32* const begin = view_.suffixes + interval.low;
    const u32* const end = view_.suffixes + interval.high;
    const u32* const low = std::lower_bound(begin, end, rank, next_is_less);
    const u32* const high = std::lower_bound(low, end, rank + 1, next_is_less);
    if (low == high) return {};
    return {static_cast<u32>(low - view_.suffixes), static_cast<u32>(high - view_.suffixes)};
}

} // namespace ol::attribution::suffix
