#include "attribution/suffix/trace.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

#include "base/limits.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

// A span that cannot be made longer on either side, and where it occurs.
struct Maximal {
    u32 start = 0, length = 0;
    struct Place {
        u32 segment;
        Interval interval;
        auto operator<=>(const Place& other) const {
            return std::tie(segment, interval.low, interval.high) <=>
                   std::tie(other.segment, other.interval.low, other.interval.high);
        }
        bool operator==(const Place&) const = default;
    };
    std::vector<Place> places; // by segment
    u32 end() const { return start + length; }
};

// The answer as each segment's ranks.
using Answer = std::vector<std::vector<u32>>;

Answer ranks_of(const IndexView& view, std::span<const text::SymbolWord> words) {
    Answer out;
    for (const auto& ref : view.segments()) out.push_back(ref.segment->ranks_of(words));
    return out;
}

// How often the answer's word i occurs.
std::uint64_t count_of(const IndexView& view, const Answer& answer, std::size_t i) {
    std::uint64_t count = 0;
    for (std::size_t s = 0; s < answer.size(); ++s) {
        const auto& [segment, first_record, dead] = view.segments()[s];
        const Interval bucket = segment->tier().bucket(answer[s][i]);
        count += dead == nullptr ? bucket.count() : dead->alive_in(bucket);
    }
    return count;
}

// Maximal in the whole index are the spans that are maximal in a segment and within no other
// segment's span.
std::vector<Maximal> maximal_spans(const IndexView& view, const Answer& answer, u32 min_length) {
    std::vector<Maximal> found;
    const auto segments = view.segments();
    for (u32 s = 0; s < segments.size(); ++s) {
        const auto here = segments[s].segment->tier().maximal_spans(
            answer[s], std::max(min_length, 1U), segments[s].dead);
        found.reserve(found.size() + here.size());
        for (const auto& [start, longest] : here) {
            found.push_back({start, longest.length, {{s, longest.interval}}});
        }
    }
    if (segments.size() == 1) return found;
    std::stable_sort(found.begin(), found.end(), [](const Maximal& a, const Maximal& b) {
        return a.start != b.start ? a.start < b.start : a.length > b.length;
    });
    std::vector<Maximal> out;
    for (auto& span : found) {
        if (out.empty() || span.end() > out.back().end()) {
            out.push_back(std::move(span));
        } else if (span.start == out.back().start && span.length == out.back().length) {
            out.back().places.push_back(span.places[0]);
        }
    }
    return out;
}

// A cluster that contains a span, and the smallest position of the span in it.
struct Holder {
    u32 cluster = 0;
    Position at;
    auto operator<=>(const Holder&) const = default;
};
using Holders = std::vector<Holder>;

// Sorts and keeps the smallest position of each cluster.
void merge(Holders& holders) {
    std::sort(holders.begin(), holders.end());
    const auto end =
        std::unique(holders.begin(), holders.end(),
                    [](const Holder& a, const Holder& b) { return a.cluster == b.cluster; });
    holders.erase(end, holders.end());
}

// The clusters of a span's places, by cluster; nothing when the span is boilerplate. Merging now
// and then stops the scan early but never changes the answer: the number of distinct clusters only
// grows.
std::optional<Holders> holders_of(const IndexView& view, std::span<const Maximal::Place> places,
                                  const TraceRules& rules) {
    std::uint64_t occurrences = 0;
    for (const auto& [s, interval] : places) {
        const auto* const dead = view.segments()[s].dead;
        occurrences += dead == nullptr ? interval.count() : dead->alive_in(interval);
    }
    if (occurrences > rules.span_max_occurrences) return std::nullopt;
    constexpr u32 step = 256; // positions located at once
    u32 positions[step], clusters[step];
    thread_local Holders holders; // grows once
    holders.clear();
    std::size_t next_merge = step;
    for (const auto& [s, interval] : places) {
        const auto& [segment, first_record, dead] = view.segments()[s];
        for (u32 low = interval.low; low < interval.high; low += step) {
            const u32 count = std::min(step, interval.high - low);
            segment->tier().locate({low, low + count}, {positions, count});
            segment->clusters_at({positions, count}, {clusters, count});
            for (u32 i = 0; i < count; ++i) {
                if (dead != nullptr && dead->contains(low + i)) continue;
                holders.push_back({clusters[i], {s, positions[i]}});
            }
            if (holders.size() < next_merge) continue;
            merge(holders);
            if (holders.size() > rules.span_common) return std::nullopt;
            next_merge = 2 * holders.size() + step;
        }
    }
    merge(holders);
    if (holders.size() > rules.span_common) return std::nullopt;
    return Holders(holders);
}

struct Candidate {
    Span span;
    const Holders* holders = nullptr;
};

// Longest first, then leftmost, each takes the positions that are still free.
void share_positions(std::vector<Candidate>& candidates, const std::vector<u32>& surprises) {
    std::vector<u32> order(candidates.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](u32 a, u32 b) {
        const Span& x = candidates[a].span;
        const Span& y = candidates[b].span;
        return x.length != y.length ? x.length > y.length : x.start < y.start;
    });
    // next_free[p] leads to the first free position at or after p; paths are halved as they are
    // used.
    std::vector<u32> next_free(surprises.size() + 1);
    std::iota(next_free.begin(), next_free.end(), 0U);
    const auto free_from = [&](u32 p) {
        while (next_free[p] != p) p = next_free[p] = next_free[next_free[p]];
        return p;
    };
    for (u32 index : order) {
        Span& span = candidates[index].span;
        const u32 end = span.start + span.length;
        for (u32 p = free_from(span.start); p < end; p = free_from(p)) {
            next_free[p] = p + 1;
            span.owned += 1;
            span.credit += surprises[p];
        }
    }
}

Status check(std::span<const text::SymbolWord> answer, const TraceRules& rules) {
    if (answer.size() > limits::answer_symbols) {
        return fail(ErrorCode::too_large, "an answer of {} symbols is not traced; the limit is {}",
                    answer.size(), limits::answer_symbols);
    }
    if (rules.span_max_clusters == 0) {
        return fail(ErrorCode::invalid_argument, "span_max_clusters must be at least 1");
    }
    for (std::size_t i = 0; i < answer.size(); ++i) {
        if (text::is_separator(answer[i])) {
            return fail(ErrorCode::invalid_argument, "symbol {} of the answer is a separator", i);
        }
    }
    return {};
}

} // namespace

Result<Trace> trace(const IndexView& view, std::span<const text::SymbolWord> words,
                    const TraceRules& rules) {
    OL_TRY(check(words, rules));
    const Answer answer = ranks_of(view, words);
    const auto spans = maximal_spans(view, answer, rules.span_min_symbols);
    // Only what a span covers needs its surprise; bits are the sums of surprises.
    std::vector<u32> surprises(words.size());
    std::vector<std::uint64_t> bits(words.size() + 1, 0);
    std::size_t known_to = 0;
    for (const auto& span : spans) {
        for (std::size_t i = std::max<std::size_t>(known_to, span.start); i < span.end(); ++i) {
            surprises[i] = surprise_of(view.symbol_count(),
                                       std::max<std::uint64_t>(count_of(view, answer, i), 1));
        }
        const std::size_t from = std::max<std::size_t>(known_to, span.start);
        for (std::size_t i = from; i < span.end(); ++i) bits[i + 1] = bits[i] + surprises[i];
        known_to = std::max<std::size_t>(known_to, span.end());
    }

    // Phrases recur within an answer: a length and one place say which phrase it is.
    std::map<std::pair<u32, Maximal::Place>, std::optional<Holders>> known;
    std::vector<Candidate> candidates;
    candidates.reserve(spans.size());
    for (const auto& span : spans) {
        if (bits[span.end()] - bits[span.start] < rules.span_min_bits) continue;
        const auto [at, fresh] = known.try_emplace({span.length, span.places[0]});
        if (fresh) at->second = holders_of(view, span.places, rules);
        if (at->second) {
            candidates.push_back({{.start = span.start, .length = span.length}, &*at->second});
        }
    }
    share_positions(candidates, surprises);

    Trace out;
    out.symbol_count = static_cast<u32>(words.size());
    std::size_t matches = 0, kept = 0;
    for (const auto& [span, holders] : candidates) {
        if (span.owned == 0) continue;
        matches += std::min<std::size_t>(holders->size(), rules.span_max_clusters);
        ++kept;
    }
    out.matches.reserve(matches);
    out.spans.reserve(kept);
    for (const auto& [span, holders] : candidates) {
        if (span.owned == 0) continue;
        const u32 paid =
            static_cast<u32>(std::min<std::size_t>(holders->size(), rules.span_max_clusters));
        for (u32 k = 0; k < paid; ++k) {
            const auto& [cluster, at] = (*holders)[k];
            const u32 record = view.heir_of(cluster);
            out.matches.push_back({.span = static_cast<u32>(out.spans.size()),
                                   .position = at.position,
                                   .record = record,
                                   .owner = view.table_entry(record).owner,
                                   .credit = span.credit / paid + (k < span.credit % paid),
                                   .segment = at.segment});
        }
        out.covered += span.owned;
        out.spans.push_back(span);
    }
    return out;
}

Cursor::Cursor(IndexView view)
    : view_(std::move(view))
    , states_(view_.segments().size()) {
    for (std::size_t s = 0; s < states_.size(); ++s) {
        states_[s].interval = {0, view_.segments()[s].segment->symbol_count()};
    }
}

void Cursor::extend(const SegmentRef& ref, State& state, u32 rank) const {
    state.ranks.push_back(rank);
    if (state.length() > limits::answer_symbols) {
        state.interval = ref.segment->tier().without_first(
            Pattern(state.ranks).subspan(state.begin + 1, limits::answer_symbols - 1),
            state.interval);
        ++state.begin;
    }
    const Longest longest = ref.segment->tier().longest_suffix(
        Pattern(state.ranks).subspan(state.begin), state.interval, ref.dead);
    state.begin = state.ranks.size() - longest.length;
    state.interval = longest.interval;
    if (state.begin > 4096 && state.begin > state.ranks.size() / 2) {
        state.ranks.erase(state.ranks.begin(),
                          state.ranks.begin() + static_cast<std::ptrdiff_t>(state.begin));
        state.begin = 0;
    }
}

u32 Cursor::push(const text::SymbolWord& word) {
    length_ = 0;
    for (std::size_t s = 0; s < states_.size(); ++s) {
        const auto& ref = view_.segments()[s];
        extend(ref, states_[s], ref.segment->ranks_of({&word, 1})[0]);
        length_ = std::max(length_, states_[s].length());
    }
    return length_;
}

Interval Cursor::interval(u32 segment) const {
    return states_[segment].length() == length_ ? states_[segment].interval : Interval{};
}

} // namespace ol::attribution::suffix
