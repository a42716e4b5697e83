#include "attribution/suffix/tier/hot_tier.hpp"

#include <algorithm>
#include <bitset>
#include <cstring>

#include "attribution/suffix/tier/hot_search.hpp"
#include "base/prefetch.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr std::size_t positions_in_step = 128;
// After a match of so many symbols the next one is found from it: nearly all of it is known.
constexpr u32 long_match = 48;
// Intervals below this are searched without the keys.
constexpr u32 small_interval = 2 * key_spacing;

} // namespace

std::vector<u64> suffix_keys(std::span<const u32> text, std::span<const u32> suffixes,
                             ThreadPool& pool) {
    std::vector<u64> keys((suffixes.size() + key_spacing - 1) / key_spacing);
    pool.parallel_for(keys.size(), 1 << 12, [&](std::size_t from, std::size_t to) {
        constexpr std::size_t ahead = 16;
        for (std::size_t j = from; j < to; ++j) {
            if (j + ahead < to) {
                __builtin_prefetch(text.data() + suffixes[(j + ahead) * key_spacing] + 1);
            }
            const std::size_t second = std::size_t{suffixes[j * key_spacing]} + 1;
            const u64 high = second < text.size() ? u64{text[second]} + 1 : 0;
            const u64 low = second + 1 < text.size() ? u64{text[second + 1]} + 1 : 0;
            keys[j] = high << 32 | low;
        }
    });
    return keys;
}

Result<std::unique_ptr<HotTier>> HotTier::open(const Container& container) {
    const auto& counts = container.counts();
    auto out = std::unique_ptr<HotTier>(new HotTier);
    out->symbols_ = counts.symbols;
    out->records_ = counts.records;
    out->text_ = OL_TRY(container.array<u32>(SectionId::text, counts.symbols));
    out->suffixes_ = OL_TRY(container.array<u32>(SectionId::suffix_array, counts.symbols));
    out->inverse_ = OL_TRY(container.array<u32>(SectionId::inverse, counts.symbols));
    out->first_ = OL_TRY(container.array<u32>(SectionId::first, u64{counts.words} + 1));
    out->keys_ = OL_TRY(container.array<u64>(
        SectionId::keys, (u64{counts.symbols} + key_spacing - 1) / key_spacing));
    return out;
}

// What each public call makes its searches with.
class HotTier::Search : public HotSearch {
public:
    explicit Search(const HotTier& tier)
        : HotSearch({tier.text_.data(), tier.suffixes_.data(), tier.inverse_.data(),
                     tier.keys_.data(), tier.symbols_})
        , tier_(tier) {}

    // Calls use(i, walk) with the closed walk of each position of the pattern, in order; a walk
    // with an empty bucket stands for no match. Positions at which no match of min_length symbols
    // can start may be passed by.
    template <class Use>
    void each_position(Pattern pattern, u32 min_length, const DeadRanks* dead, Use use) const {
        Walk walks[positions_in_step];
        std::size_t i = 0;
        while (i < pattern.size()) {
            const std::size_t count = std::min(positions_in_step, pattern.size() - i);
            const auto closed = close_some(pattern.subspan(i), {walks, count}, min_length, dead);
            for (std::size_t k = 0; k < count; ++k) {
                if (closed[k]) use(i + k, walks[k]);
            }
            i += count;
            if (!closed[count - 1]) continue;
            Walk last = walks[count - 1];
            while (i < pattern.size() && last.bucket.count() > 0 && last.length() > long_match) {
                last = after(last, pattern.subspan(i));
                Walk alive = last;
                finish(alive, dead);
                use(i, alive);
                ++i;
            }
        }
    }

private:
    // The end of a match never moves left from one position to the next. So once the match at a
    // position is known, those before it end there at the latest, and most that are to be long need
    // no search: every fourth position is searched first, then what may still matter between them.
    std::bitset<positions_in_step> close_some(Pattern pattern, std::span<Walk> walks,
                                              u32 min_length, const DeadRanks* dead) const {
        for (std::size_t k = 0; k < walks.size(); ++k) tier_.prefetch_bucket(pattern[k]);
        std::bitset<positions_in_step> closed;
        Walk some[positions_in_step];
        std::size_t place_of[positions_in_step];
        for (const unsigned round : {3U, 1U, 0U}) {
            std::size_t searched = 0;
            std::size_t end = pattern.size(); // of the matches here at the latest
            for (std::size_t k = walks.size(); k-- > 0;) {
                if (closed[k]) {
                    end = k + (walks[k].bucket.count() == 0 ? 0 : walks[k].length());
                    continue;
                }
                const bool last =
                    round == 3 && k + 1 == walks.size(); // the next ones start from it
                if ((round != 0 && k % 4 != round && !last) || end < k + min_length) continue;
                closed[k] = true;
                Walk& walk = walks[k];
                walk.pattern = pattern.subspan(k);
                walk.bucket = tier_.bucket(pattern[k]);
                if (walk.bucket.count() == 0) {
                    end = k;
                    continue;
                }
                place_of[searched] = k;
                some[searched++] = walk;
            }
            close({some, searched});
            for (std::size_t j = 0; j < searched; ++j) {
                walks[place_of[j]] = some[j];
                finish(walks[place_of[j]], dead);
            }
        }
        return closed;
    }
    // The walk of the next position: one symbol further in the text, all but the first symbol of
    // the last match are there.
    Walk after(const Walk& walk, Pattern pattern) const {
        Walk next;
        next.pattern = pattern;
        next.bucket = tier_.bucket(pattern[0]);
        const u32 hint = tier_.inverse_[tier_.suffixes_[walk.witness()] + 1];
        close_from(next, hint, walk.length() - 1);
        return next;
    }
    void finish(Walk& walk, const DeadRanks* dead) const {
        if (walk.bucket.count() > 0 && dead != nullptr && !skip_dead(walk, *dead)) {
            walk.bucket = {};
        }
    }

    const HotTier& tier_;
};

void HotTier::prefetch_bucket(u32 symbol) const {
    if (symbol >= records_ && symbol != absent) {
        prefetch(first_.data() + (symbol - records_));
    }
}

Interval HotTier::bucket(u32 symbol) const {
    if (symbol < records_) return {symbol, symbol + 1};
    if (symbol - records_ >= first_.size() - 1) return {};
    return {first_[symbol - records_], first_[symbol - records_ + 1]};
}

void HotTier::read_text(u32 position, std::span<u32> out) const {
    std::memcpy(out.data(), text_.data() + position, out.size_bytes());
}

void HotTier::locate(Interval interval, std::span<u32> positions) const {
    std::memcpy(positions.data(), suffixes_.data() + interval.low, positions.size_bytes());
}

std::int64_t HotTier::symbol_after(u32 rank, u32 depth) const {
    const u64 position = u64{suffixes_[rank]} + depth;
    return position < symbols_ ? std::int64_t{text_[position]} : end_of_text;
}

Interval HotTier::find(Pattern pattern) const {
    if (pattern.empty()) return {0, symbols_};
    const Interval all = bucket(pattern[0]);
    if (all.count() == 0 || pattern.size() == 1) return all;
    return Search(*this).find(pattern, all);
}

Interval HotTier::narrow(Interval interval, u32 depth, u32 symbol) const {
    if (symbol == absent) return {};
    if (depth == 0) return bucket(symbol);
    const auto next_is_less = [&](u32 position, u64 bound) {
        const u64 at = u64{position} + depth; // the end of the text is smaller than every symbol
        return at >= symbols_ || text_[at] < bound;
    };
    // The first rank of [low, high) whose next symbol is not below `bound`.
    const auto first_from = [&](u32 low, u32 high, u64 bound) {
        if (depth <= 2 && high - low > small_interval) {
            const auto key_is_less = [&](u64 key, u64 part) {
                return (depth == 1 ? key >> 32 : key & 0xffffffff) < part;
            };
            const auto* const begin = keys_.data() + (low + key_spacing - 1) / key_spacing;
            const auto* const end = keys_.data() + (high + key_spacing - 1) / key_spacing;
            const auto* const found = std::lower_bound(begin, end, bound + 1, key_is_less);
            if (found != begin) low = static_cast<u32>(found - 1 - keys_.data()) * key_spacing;
            if (found != end) high = static_cast<u32>(found - keys_.data()) * key_spacing;
        }
        const u32* const sa = suffixes_.data();
        return static_cast<u32>(std::lower_bound(sa + low, sa + high, bound, next_is_less) - sa);
    };
    const u32 low = first_from(interval.low, interval.high, symbol);
    if (low == interval.high || symbol_after(low, depth) != symbol) return {};
    return {low, first_from(low, interval.high, u64{symbol} + 1)};
}

Interval HotTier::without_first(Pattern rest, Interval whole) const {
    if (rest.empty()) return {0, symbols_};
    const u32 inside = inverse_[suffixes_[whole.low] + 1];
    return Search(*this).around(rest, bucket(rest[0]), inside);
}

void HotTier::matching_statistics(Pattern pattern, const DeadRanks* dead,
                                  std::span<Longest> out) const {
    const Search search(*this);
    search.each_position(pattern, 0, dead, [&](std::size_t i, const Walk& walk) {
        out[i] = walk.bucket.count() == 0 ? Longest{0, {0, symbols_}}
                                          : Longest{walk.length(), search.interval_of(walk)};
    });
}

std::vector<Tier::Maximal> HotTier::maximal_spans(Pattern pattern, u32 min_length,
                                                  const DeadRanks* dead) const {
    const Search search(*this);
    std::vector<Maximal> out;
    // With a separator in it a match may reach into a deleted record, and a piece of what occurs
    // need not occur: nothing may be passed by.
    const bool plain = dead == nullptr || std::all_of(pattern.begin(), pattern.end(),
                                                      [&](u32 s) { return s >= records_; });
    if (!plain) {
        std::vector<Longest> all(pattern.size());
        matching_statistics(pattern, dead, all);
        for (u32 i = 0; i < all.size(); ++i) {
            const bool within = i > 0 && all[i].length + 1 <= all[i - 1].length;
            if (!within && all[i].length >= min_length) out.push_back({i, all[i]});
        }
        return out;
    }
    std::size_t last_end = 0;
    search.each_position(pattern, min_length, dead, [&](std::size_t i, const Walk& walk) {
        if (walk.bucket.count() == 0) return;
        const u32 length = walk.length();
        if (i + length <= last_end) return; // within the match before it
        last_end = i + length;
        if (length < min_length) return;
        out.push_back({static_cast<u32>(i), {length, search.interval_of(walk)}});
    });
    return out;
}

Longest HotTier::longest_suffix(Pattern pattern, Interval before_last,
                                const DeadRanks* dead) const {
    const u32 last = pattern.back();
    const auto occurs = [&](Interval interval) {
        return interval.count() > 0 && (dead == nullptr || dead->alive_in(interval) > 0);
    };
    Longest out{0, {0, symbols_}};
    if (last == absent) return out;
    const std::size_t size = pattern.size();
    for (std::size_t start = 0;; ++start) {
        const u32 depth = static_cast<u32>(size - 1 - start);
        const Interval longer = narrow(before_last, depth, last);
        if (occurs(longer)) return {depth + 1, longer};
        if (depth == 0) return out;
        if (depth > long_match) break;
        before_last = without_first(pattern.subspan(start + 1, depth - 1), before_last);
    }
    // Much would have to be dropped: what occurs is found by halving.
    std::size_t low = 1, high = size; // pattern[high..] occurs, pattern[low - 1..] does not
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        const Interval found = find(pattern.subspan(middle));
        if (occurs(found)) {
            out = {static_cast<u32>(size - middle), found};
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return out;
}

} // namespace ol::attribution::suffix
