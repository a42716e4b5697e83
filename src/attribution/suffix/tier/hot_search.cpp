#include "attribution/suffix/tier/hot_search.hpp"

#include <algorithm>
#include <cstring>

#include "attribution/suffix/tier/hot_tier.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using i64 = std::int64_t;
using u64 = std::uint64_t;

constexpr std::size_t walks_in_step = 128;

// A symbol as it stands in a key; one that does not occur is above all that do.
u64 key_part(u32 symbol) { return std::min(symbol, absent - 1) + u64{1}; }

} // namespace

u32 HotSearch::extend(Pattern pattern, u32 shared, i64 rank) const {
    const u32 position = a_.suffixes[rank];
    const u32 limit =
        static_cast<u32>(std::min<std::size_t>(pattern.size(), a_.symbols - position));
    const u32* const text = a_.text + position;
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

HotSearch::Comparison HotSearch::compare(Pattern pattern, u32 shared, i64 rank) const {
    shared = extend(pattern, shared, rank);
    if (shared == pattern.size()) return {shared, false};
    const u32 position = a_.suffixes[rank] + shared;
    return {shared, position == a_.symbols || a_.text[position] < pattern[shared]};
}

// The first key beyond those equal to `key` from `begin` on.
u32 HotSearch::after_equal_keys(u32 begin, u32 end, u64 key) const {
    u32 step = 1;
    while (begin + step < end && a_.keys[begin + step] == key) {
        begin += step;
        step *= 2;
    }
    const u64* const found =
        std::partition_point(a_.keys + begin, a_.keys + std::min(begin + step, end),
                             [&](u64 other) { return other == key; });
    return static_cast<u32>(found - a_.keys);
}

// The keys tell most of the order of the second and third symbol. A walk's edges end at suffixes
// with keys that are known to be smaller or not smaller.
void HotSearch::narrow_by_keys(std::span<Walk> walks) const {
    struct Step {
        Walk* walk;
        u64 key;
        u32 low, high; // the first key that is not below `key` is in [low, high]
        u32 end;
    };
    Step steps[walks_in_step];
    std::size_t count = 0;
    for (auto& walk : walks) {
        walk.low = i64{walk.bucket.low} - 1;
        walk.high = walk.bucket.high;
        walk.low_shared = walk.high_shared = 1;
        if (walk.pattern.size() < 2) continue;
        const u32 begin = (walk.bucket.low + key_spacing - 1) / key_spacing;
        const u32 end = (walk.bucket.high + key_spacing - 1) / key_spacing;
        if (begin >= end) continue;
        const u64 third = walk.pattern.size() > 2 ? key_part(walk.pattern[2]) : 0;
        steps[count++] = {&walk, key_part(walk.pattern[1]) << 32 | third, begin, end, end};
    }
    for (bool more = true; more;) {
        more = false;
        for (std::size_t i = 0; i < count; ++i) {
            __builtin_prefetch(a_.keys + steps[i].low + (steps[i].high - steps[i].low) / 2);
        }
        for (std::size_t i = 0; i < count; ++i) {
            auto& step = steps[i];
            if (step.low == step.high) continue;
            const u32 middle = step.low + (step.high - step.low) / 2;
            const bool below = a_.keys[middle] < step.key;
            step.low = below ? middle + 1 : step.low;
            step.high = below ? step.high : middle;
            more |= step.low < step.high;
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        auto& [walk, key, found, ignored, end] = steps[i];
        const u32 begin = (walk->bucket.low + key_spacing - 1) / key_spacing;
        if (found > begin) {
            walk->low = i64{found - 1} * key_spacing;
            walk->low_shared = 1 + (a_.keys[found - 1] >> 32 == key >> 32);
        }
        // With two symbols a key that is not below is a suffix that is not smaller; with more, an
        // equal key says nothing.
        if (walk->pattern.size() > 2) found = after_equal_keys(found, end, key);
        if (found < end) {
            walk->high = i64{found} * key_spacing;
            walk->high_shared = 1 + (a_.keys[found] >> 32 == key >> 32);
            walk->high_shared =
                std::min<u32>(walk->high_shared, static_cast<u32>(walk->pattern.size()));
        }
    }
}

// Between two suffixes each suffix shares with the pattern at least what both of them do.
void HotSearch::close_edges(std::span<Walk> walks) const {
    Walk* open[walks_in_step];
    std::size_t count = 0;
    for (auto& walk : walks) {
        if (walk.high - walk.low > 1) open[count++] = &walk;
    }
    const auto middle_of = [](const Walk& walk) { return walk.low + (walk.high - walk.low) / 2; };
    for (std::size_t i = 0; i < count; ++i) __builtin_prefetch(a_.suffixes + middle_of(*open[i]));
    while (count > 0) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto& walk = *open[i];
            __builtin_prefetch(a_.text + a_.suffixes[middle_of(walk)] +
                               std::min(walk.low_shared, walk.high_shared));
        }
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count; ++i) {
            auto& walk = *open[i];
            const i64 middle = middle_of(walk);
            const auto [shared, less] =
                compare(walk.pattern, std::min(walk.low_shared, walk.high_shared), middle);
            (less ? walk.low : walk.high) = middle;
            (less ? walk.low_shared : walk.high_shared) = shared;
            if (walk.high - walk.low > 1) {
                __builtin_prefetch(a_.suffixes + middle_of(walk));
                open[kept++] = &walk;
            }
        }
        count = kept;
    }
}

void HotSearch::close(std::span<Walk> walks) const {
    for (; !walks.empty(); walks = walks.subspan(std::min(walks_in_step, walks.size()))) {
        const auto some = walks.first(std::min(walks_in_step, walks.size()));
        narrow_by_keys(some);
        close_edges(some);
    }
}

void HotSearch::close_from(Walk& walk, u32 hint, u32 shared) const {
    const auto at_hint = compare(walk.pattern, shared, hint);
    walk.low = i64{walk.bucket.low} - 1;
    walk.high = walk.bucket.high;
    walk.low_shared = walk.high_shared = 1;
    if (at_hint.less) {
        walk.low = hint;
        walk.low_shared = at_hint.shared;
        for (i64 step = 1; walk.low + step < walk.bucket.high; step *= 2) {
            const auto [probe_shared, less] = compare(walk.pattern, 1, walk.low + step);
            if (!less) {
                walk.high = walk.low + step;
                walk.high_shared = probe_shared;
                break;
            }
            walk.low += step;
            walk.low_shared = probe_shared;
        }
    } else {
        walk.high = hint;
        walk.high_shared = at_hint.shared;
        for (i64 step = 1; walk.high - step >= walk.bucket.low; step *= 2) {
            const auto [probe_shared, less] = compare(walk.pattern, 1, walk.high - step);
            if (less) {
                walk.low = walk.high - step;
                walk.low_shared = probe_shared;
                break;
            }
            walk.high -= step;
            walk.high_shared = probe_shared;
        }
    }
    close_edges({&walk, 1});
}

namespace {

// The first keys that are not below each of two values, their cache misses overlapping.
std::pair<const u64*, const u64*> lower_bounds(const u64* begin, const u64* end, u64 one,
                                               u64 other) {
    const u64* first = begin;
    const u64* second = begin;
    for (std::size_t size = static_cast<std::size_t>(end - begin); size > 0;) {
        const std::size_t half = size / 2, rest = size - half - 1;
        __builtin_prefetch(first + half / 2);
        __builtin_prefetch(first + half + 1 + rest / 2);
        __builtin_prefetch(second + half / 2);
        __builtin_prefetch(second + half + 1 + rest / 2);
        // The two halves differ by one at most: both searches go on with the larger size, which
        // never leaves the array.
        first = first[half] < one ? first + (size - half) : first;
        second = second[half] < other ? second + (size - half) : second;
        size = half;
    }
    return {first, second};
}

} // namespace

Interval HotSearch::find(Pattern pattern, Interval bucket) const {
    // The keys that are not below the pattern's, and those above it.
    const u64* const begin = a_.keys + (bucket.low + key_spacing - 1) / key_spacing;
    const u64* const end = a_.keys + (bucket.high + key_spacing - 1) / key_spacing;
    const u64 second = key_part(pattern[1]);
    const u64 low_key = second << 32 | (pattern.size() > 2 ? key_part(pattern[2]) : 0);
    const u64 high_key = pattern.size() > 2 ? low_key + 1 : (second + 1) << 32;
    const auto [low, high] = lower_bounds(begin, end, low_key, high_key);
    const auto rank_before = [&](const u64* key) {
        return key == begin ? bucket.low : static_cast<u32>(key - 1 - a_.keys) * key_spacing;
    };
    const auto rank_at = [&](const u64* key) {
        return key == end ? bucket.high : static_cast<u32>(key - a_.keys) * key_spacing;
    };
    struct Edge {
        u32 low, high; // the edge is in [low, high]
        bool
            after_pattern; // the first suffix beyond those that start with it, or the first of them
    };
    // Two symbols are all that a key holds: it tells on which side its suffix is. With more, equal
    // keys say nothing.
    const bool told = pattern.size() == 2;
    Edge edges[2] = {{rank_before(low), rank_at(told ? low : high), false},
                     {rank_before(told ? high : low), rank_at(high), true}};
    const auto prefetch_text = [&](u32 rank) {
        __builtin_prefetch(a_.text + a_.suffixes[rank] + 1);
    };
    for (const auto& edge : edges) {
        __builtin_prefetch(a_.suffixes + edge.low);
        __builtin_prefetch(a_.suffixes + (edge.low + edge.high) / 2);
    }
    while (edges[0].low < edges[0].high || edges[1].low < edges[1].high) {
        // The next two steps' suffixes: one of the outer two is asked for in any case.
        for (const auto& edge : edges) {
            if (edge.low == edge.high) continue;
            const u32 size = edge.high - edge.low;
            prefetch_text(edge.low + size / 2);
            prefetch_text(edge.low + size / 4);
            prefetch_text(std::min(edge.low + size / 2 + 1 + (size - size / 2) / 2, edge.high - 1));
        }
        for (auto& edge : edges) {
            if (edge.low == edge.high) continue;
            const u32 middle = edge.low + (edge.high - edge.low) / 2;
            const auto [shared, less] = compare(pattern, 1, middle);
            const bool before = less || (edge.after_pattern && shared == pattern.size());
            (before ? edge.low : edge.high) = before ? middle + 1 : middle;
        }
    }
    return edges[0].low < edges[1].low ? Interval{edges[0].low, edges[1].low} : Interval{};
}

bool HotSearch::skip_dead(Walk& walk, const DeadRanks& dead) const {
    const i64 outside_low = i64{walk.bucket.low} - 1;
    if (walk.low > outside_low && dead.contains(static_cast<u32>(walk.low))) {
        walk.low = std::max(dead.alive_at_or_below(walk.low), outside_low);
        walk.low_shared = walk.low == outside_low ? 1 : extend(walk.pattern, 1, walk.low);
    }
    if (walk.high < walk.bucket.high && dead.contains(static_cast<u32>(walk.high))) {
        walk.high = std::min<i64>(dead.alive_at_or_above(walk.high), walk.bucket.high);
        walk.high_shared = walk.high == walk.bucket.high ? 1 : extend(walk.pattern, 1, walk.high);
    }
    return walk.low > outside_low || walk.high < walk.bucket.high;
}

// The first rank beyond `inside` toward `limit` (which lies outside, on either side) whose suffix
// does not start with the pattern: gallops, then halves.
i64 HotSearch::first_without(Pattern pattern, i64 inside, i64 limit) const {
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

Interval HotSearch::around(Pattern prefix, Interval bucket, u32 inside) const {
    if (prefix.size() <= 1) return bucket;
    return {static_cast<u32>(first_without(prefix, inside, i64{bucket.low} - 1) + 1),
            static_cast<u32>(first_without(prefix, inside, bucket.high))};
}

Interval HotSearch::interval_of(const Walk& walk) const {
    const u32 length = walk.length();
    if (length == 1) return walk.bucket;
    return around(walk.pattern.first(length), walk.bucket, walk.witness());
}

} // namespace ol::attribution::suffix
