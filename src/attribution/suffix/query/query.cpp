#include "attribution/suffix/query/query.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "attribution/suffix/query/phrase.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// The `wanted` smallest living positions of the interval, ascending.
std::vector<u32> smallest_positions(const SegmentRef& ref, Interval interval, std::size_t wanted) {
    std::vector<u32> out;
    if (wanted == 0) return out;
    const std::size_t most = 2 * wanted + 4096;
    u32 bound = 0xffffffff; // positions from here on are not wanted
    const auto shrink = [&] {
        const auto end = out.begin() + static_cast<std::ptrdiff_t>(wanted);
        std::nth_element(out.begin(), end - 1, out.end());
        bound = *(end - 1);
        out.erase(end, out.end());
    };
    for_each_alive(ref, interval, [&](u32 position) {
        if (position >= bound) return;
        out.push_back(position);
        if (out.size() == most) shrink();
    });
    if (out.size() > wanted) shrink();
    std::sort(out.begin(), out.end());
    return out;
}

// The symbols that follow a phrase of `depth` symbols in one segment: each with its living count.
// Each distinct one costs a few steps: the end of its suffixes is first bounded by doubling.
void next_in_segment(const SegmentRef& ref, Interval interval, u32 depth,
                     std::vector<NextSymbol>& out) {
    const auto& tier = ref.segment->tier();
    u32 low = interval.low;
    while (low < interval.high) {
        const std::int64_t symbol = tier.symbol_after(low, depth);
        u64 step = 1;
        while (low + step < interval.high &&
               tier.symbol_after(static_cast<u32>(low + step), depth) == symbol) {
            step *= 2;
        }
        Interval same{low, low + 1};
        if (step > 1) {
            const u32 high = static_cast<u32>(std::min<u64>(low + step, interval.high));
            same = tier.narrow({low, high}, depth, static_cast<u32>(symbol));
        }
        if (const u32 alive = alive_in(ref, same); alive > 0) {
            out.push_back({ref.segment->word_at(tier.suffix_at(low) + depth), alive});
        }
        low = same.high;
    }
}

// Adds up the counts of equal words; afterwards in order of words.
void add_up(std::vector<NextSymbol>& symbols) {
    std::sort(symbols.begin(), symbols.end(),
              [](const NextSymbol& a, const NextSymbol& b) { return a.word < b.word; });
    std::size_t used = 0;
    for (const NextSymbol& next : symbols) {
        if (used > 0 && symbols[used - 1].word == next.word) {
            symbols[used - 1].count += next.count;
        } else {
            symbols[used++] = next;
        }
    }
    symbols.resize(used);
}

Continuation continuation(const IndexView& view, Phrase phrase, std::size_t limit) {
    Continuation out;
    out.context = static_cast<u32>(phrase.size());
    u32 segments_with_it = 0;
    for (const SegmentRef& ref : view.segments()) {
        const Interval all = ref.segment->tier().find(ref.segment->ranks_of(phrase));
        if (all.count() == 0) continue;
        const Interval followed{first_followed(*ref.segment, all, out.context), all.high};
        const u32 alive = alive_in(ref, all);
        out.total += alive;
        out.ends += alive - alive_in(ref, followed);
        next_in_segment(ref, followed, out.context, out.symbols);
        ++segments_with_it;
    }
    if (segments_with_it > 1) add_up(out.symbols);
    out.distinct = out.symbols.size();
    const auto end =
        out.symbols.begin() + static_cast<std::ptrdiff_t>(std::min(limit, out.symbols.size()));
    std::partial_sort(out.symbols.begin(), end, out.symbols.end(),
                      [](const NextSymbol& a, const NextSymbol& b) {
                          return a.count != b.count ? a.count > b.count : a.word < b.word;
                      });
    out.symbols.erase(end, out.symbols.end());
    return out;
}

bool is_followed(const IndexView& view, Phrase phrase) {
    return std::ranges::any_of(view.segments(), [&](const SegmentRef& ref) {
        const Interval all = ref.segment->tier().find(ref.segment->ranks_of(phrase));
        if (all.count() == 0) return false;
        const u32 low = first_followed(*ref.segment, all, static_cast<u32>(phrase.size()));
        return alive_in(ref, {low, all.high}) > 0;
    });
}

// The longest suffix of the context that is followed by a symbol. What follows a suffix follows the
// shorter ones too, so the length is searched: by doubling, then by halves.
Phrase longest_followed(const IndexView& view, Phrase context) {
    std::size_t known = 0, step = 1;
    while (known + step <= context.size() && is_followed(view, context.last(known + step))) {
        known += step;
        step *= 2;
    }
    for (; step > 0; step /= 2) {
        if (known + step <= context.size() && is_followed(view, context.last(known + step))) {
            known += step;
        }
    }
    return context.last(known);
}

} // namespace

Status check_phrase(Phrase phrase) {
    for (std::size_t i = 0; i < phrase.size(); ++i) {
        if (text::is_separator(phrase[i])) {
            return fail(ErrorCode::invalid_argument, "symbol {} of the phrase is a separator", i);
        }
    }
    return {};
}

u32 first_followed(const Segment& segment, Interval interval, u32 depth) {
    const auto& tier = segment.tier();
    u32 low = interval.low, high = interval.high;
    while (low < high) {
        const u32 middle = low + (high - low) / 2;
        if (tier.symbol_after(middle, depth) < std::int64_t{segment.record_count()}) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

Hit hit_at(const IndexView& view, Position at, std::size_t length) {
    const Segment& segment = view.segment(at.segment);
    const auto first = segment.place_at(at.position);
    Hit out{at, view.record_at(at), first.offset, 0};
    if (length > 0) {
        const auto last = segment.place_at(at.position + static_cast<u32>(length) - 1);
        out.size = last.offset + last.size - first.offset;
    }
    return out;
}

Result<u64> count(const IndexView& view, Phrase phrase) {
    OL_TRY(check_phrase(phrase));
    u64 out = 0;
    for (const SegmentRef& ref : view.segments()) {
        out += alive_in(ref, ref.segment->tier().find(ref.segment->ranks_of(phrase)));
    }
    return out;
}

Result<std::vector<Hit>> locate(const IndexView& view, Phrase phrase, std::size_t limit,
                                std::size_t skip) {
    OL_TRY(check_phrase(phrase));
    std::vector<Hit> out;
    for (u32 s = 0; s < view.segments().size() && out.size() < limit; ++s) {
        const SegmentRef& ref = view.segments()[s];
        const Interval all = ref.segment->tier().find(ref.segment->ranks_of(phrase));
        const std::size_t alive = alive_in(ref, all);
        if (skip >= alive) {
            skip -= alive;
            continue;
        }
        const std::size_t wanted = skip + std::min(alive - skip, limit - out.size());
        const auto positions = smallest_positions(ref, all, wanted);
        for (std::size_t i = skip; i < positions.size(); ++i) {
            out.push_back(hit_at(view, {s, positions[i]}, phrase.size()));
        }
        skip = 0;
    }
    return out;
}

Result<Spread> spread(const IndexView& view, Phrase phrase) {
    OL_TRY(check_phrase(phrase));
    Spread out;
    std::vector<u32> clusters;
    std::map<Address, OwnerCount> owners;
    for (const SegmentRef& ref : view.segments()) {
        const Interval all = ref.segment->tier().find(ref.segment->ranks_of(phrase));
        std::unordered_map<u32, u64> in_record;
        for_each_alive(ref, all,
                       [&](u32 position) { ++in_record[ref.segment->record_at(position)]; });
        for (const auto& [record, occurrences] : in_record) {
            const TableEntry entry = ref.segment->table_entry(record);
            clusters.push_back(entry.cluster);
            OwnerCount& owner = owners[entry.owner];
            owner.count += occurrences;
            owner.records += 1;
            out.count += occurrences;
            out.records += 1;
        }
    }
    std::sort(clusters.begin(), clusters.end());
    const auto end = std::unique(clusters.begin(), clusters.end());
    out.clusters = static_cast<u32>(end - clusters.begin());
    for (auto& [address, owner] : owners) {
        owner.owner = address;
        out.owners.push_back(owner);
    }
    std::stable_sort(out.owners.begin(), out.owners.end(),
                     [](const OwnerCount& a, const OwnerCount& b) { return a.count > b.count; });
    return out;
}

Result<Continuation> next_symbols(const IndexView& view, Phrase phrase, std::size_t limit) {
    OL_TRY(check_phrase(phrase));
    return continuation(view, phrase, limit);
}

Result<Continuation> infinity_gram(const IndexView& view, Phrase context, std::size_t limit) {
    OL_TRY(check_phrase(context));
    return continuation(view, longest_followed(view, context), limit);
}

Result<Probability> infinity_gram_probability(const IndexView& view, Phrase context,
                                              const text::SymbolWord& word) {
    OL_TRY(check_phrase(context));
    OL_TRY(check_phrase(Phrase(&word, 1)));
    const Phrase used = longest_followed(view, context);
    std::vector<text::SymbolWord> longer(used.begin(), used.end());
    longer.push_back(word);
    Probability out;
    out.context = static_cast<u32>(used.size());
    out.count = OL_TRY(count(view, longer));
    out.total = OL_TRY(count(view, used));
    return out;
}

} // namespace ol::attribution::suffix
