#include "attribution/suffix/trace.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "attribution/suffix/segment_impl.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

// A cluster that contains a span, and the smallest position of the span in it.
struct Holder {
    u32 cluster = 0;
    u32 position = 0;
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

// The clusters of an interval, by cluster; nothing when the span is boilerplate. Merging now and
// then stops the scan early but never changes the answer: the number of distinct clusters only
// grows.
std::optional<Holders> holders_of(const Segment& segment, Interval interval,
                                  const TraceRules& rules) {
    if (interval.count() > rules.span_max_occurrences) return std::nullopt;
    Holders holders;
    std::size_t next_merge = 256;
    for (u32 i = interval.low; i < interval.high; ++i) {
        const u32 position = segment.suffix_array()[i];
        holders.push_back({segment.table_entry(segment.record_at(position)).cluster, position});
        if (holders.size() < next_merge) continue;
        merge(holders);
        if (holders.size() > rules.span_common) return std::nullopt;
        next_merge = 2 * holders.size() + 256;
    }
    merge(holders);
    if (holders.size() > rules.span_common) return std::nullopt;
    return holders;
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

Result<Trace> trace(const Segment& segment, std::span<const text::SymbolWord> answer,
                    const TraceRules& rules) {
    OL_TRY(check(answer, rules));
    const auto statistics = segment.matching_statistics(answer);
    std::vector<u32> surprises;
    surprises.reserve(answer.size());
    for (const auto& word : answer) surprises.push_back(segment.surprise(word));
    std::vector<std::uint64_t> bits(answer.size() + 1, 0); // sums of surprises
    for (std::size_t i = 0; i < answer.size(); ++i) bits[i + 1] = bits[i] + surprises[i];

    std::map<std::pair<u32, u32>, std::optional<Holders>> known; // phrases recur within an answer
    std::vector<Candidate> candidates;
    u32 last_end = 0;
    for (u32 i = 0; i < answer.size(); ++i) {
        const auto [length, interval] = statistics[i];
        const u32 end = i + length;
        if (length == 0 || end <= last_end) continue; // within the match before it
        last_end = end;
        if (length < rules.span_min_symbols || bits[end] - bits[i] < rules.span_min_bits) continue;
        const auto [at, fresh] = known.try_emplace({interval.low, interval.high});
        if (fresh) at->second = holders_of(segment, interval, rules);
        if (at->second) candidates.push_back({{.start = i, .length = length}, &*at->second});
    }
    share_positions(candidates, surprises);

    Trace out;
    out.symbol_count = static_cast<u32>(answer.size());
    for (const auto& [span, holders] : candidates) {
        if (span.owned == 0) continue;
        const u32 paid =
            static_cast<u32>(std::min<std::size_t>(holders->size(), rules.span_max_clusters));
        for (u32 k = 0; k < paid; ++k) {
            const auto [cluster, position] = (*holders)[k];
            out.matches.push_back({.span = static_cast<u32>(out.spans.size()),
                                   .position = position,
                                   .record = cluster,
                                   .owner = segment.table_entry(cluster).owner,
                                   .credit = span.credit / paid + (k < span.credit % paid)});
        }
        out.covered += span.owned;
        out.spans.push_back(span);
    }
    return out;
}

Cursor::Cursor(const Segment& segment)
    : segment_(&segment)
    , interval_(segment.impl_->search.everything()) {}

u32 Cursor::push(const text::SymbolWord& word) {
    const auto& impl = *segment_->impl_;
    const u32 rank = impl.rank_of(word);
    if (rank == absent) {
        ranks_.clear();
        begin_ = 0;
        interval_ = impl.search.everything();
        return 0;
    }
    for (;;) {
        const u32 depth = static_cast<u32>(ranks_.size() - begin_);
        const Interval longer =
            depth == 0 ? impl.search.bucket(rank) : impl.search.narrow(interval_, depth, rank);
        if (longer.count() > 0) {
            ranks_.push_back(rank);
            interval_ = longer;
            return depth + 1;
        }
        const u32 hint_position = impl.view.suffixes[interval_.low] + 1;
        ++begin_;
        if (depth == 1) {
            ranks_.clear();
            begin_ = 0;
            interval_ = impl.search.everything();
            continue;
        }
        interval_ = impl.search.around(Search::Pattern(ranks_).subspan(begin_),
                                       impl.view.inverse[hint_position]);
        if (begin_ > 4096 && begin_ > ranks_.size() / 2) {
            ranks_.erase(ranks_.begin(), ranks_.begin() + static_cast<std::ptrdiff_t>(begin_));
            begin_ = 0;
        }
    }
}

} // namespace ol::attribution::suffix
