#include "attribution/suffix/query/fuzzy.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

#include "attribution/suffix/query/phrase.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// answer[start, start + length) = T[at, at + length).
struct Match {
    u32 record = 0; // in its segment
    u32 start = 0, at = 0, length = 0;
    u32 end() const { return start + length; }
    u32 at_end() const { return at + length; }
};

// A seed's occurrence; `line` is the same along a match.
struct Anchor {
    std::int64_t line = 0; // at - start
    u32 start = 0;
    auto operator<=>(const Anchor&) const = default;
};

struct Gap {
    u32 edits = 0, equal = 0;
};

struct Chain {
    u32 start = 0, at = 0, end = 0, at_end = 0;
    u32 matched = 0, edits = 0;

    std::int64_t score() const { return std::int64_t{matched} - edits; }
    // Smaller is better.
    auto order() const { return std::tuple(-score(), edits, start, at, end, at_end); }
};

// Levenshtein distance, and the equal symbols of the alignment of that distance that has most.
class Levenshtein {
public:
    Gap operator()(Pattern a, Pattern b) {
        if (a.empty() || b.empty()) return {static_cast<u32>(a.size() + b.size()), 0};
        row_.resize(b.size() + 1);
        for (u32 j = 0; j <= b.size(); ++j) row_[j] = {j, 0};
        for (u32 i = 0; i < a.size(); ++i) {
            Gap diagonal = row_[0];
            row_[0] = {i + 1, 0};
            for (u32 j = 0; j < b.size(); ++j) {
                const bool same = a[i] == b[j] && a[i] != absent;
                Gap best{diagonal.edits + !same, diagonal.equal + same};
                best = better(best, {row_[j + 1].edits + 1, row_[j + 1].equal});
                best = better(best, {row_[j].edits + 1, row_[j].equal});
                diagonal = row_[j + 1];
                row_[j + 1] = best;
            }
        }
        return row_.back();
    }

private:
    static Gap better(Gap a, Gap b) {
        if (a.edits != b.edits) return a.edits < b.edits ? a : b;
        return a.equal >= b.equal ? a : b;
    }
    std::vector<Gap> row_;
};

class FuzzySearch {
public:
    FuzzySearch(const IndexView& view, Phrase answer, const FuzzyRules& rules)
        : view_(view)
        , rules_(rules)
        , size_(static_cast<u32>(answer.size()))
        , anchors_(view.segments().size()) {
        for (const SegmentRef& ref : view.segments()) {
            answers_.push_back(ref.segment->ranks_of(answer));
        }
    }

    std::vector<FuzzySpan> run();

private:
    void find_anchors();
    void find_seed(u32 start);
    std::vector<Match> matches_of(u32 segment);
    void chain_record(u32 segment, std::span<Match> matches);
    std::optional<Chain> follow(u32 segment, const Match& x, const Chain& chain, const Match& y);
    void keep_best(u32 segment, u32 record, std::vector<Chain>& chains);

    const IndexView& view_;
    const FuzzyRules& rules_;
    u32 size_;                                 // of the answer
    std::vector<std::vector<u32>> answers_;    // per segment, as its ranks
    std::vector<std::vector<Anchor>> anchors_; // per segment
    Levenshtein levenshtein_;
    std::vector<u32> gap_text_;
    std::vector<std::pair<Chain, FuzzySpan>> spans_;
};

void FuzzySearch::find_seed(u32 start) {
    std::vector<Interval> intervals(answers_.size());
    u32 length = rules_.seed_min_symbols;
    const u32 longest = std::min(rules_.seed_max_symbols, size_ - start);
    for (; length <= longest; ++length) {
        u64 alive = 0;
        for (std::size_t s = 0; s < answers_.size(); ++s) {
            const SegmentRef& ref = view_.segments()[s];
            const Pattern answer(answers_[s]);
            if (length == rules_.seed_min_symbols) {
                intervals[s] = ref.segment->tier().find(answer.subspan(start, length));
            } else if (intervals[s].count() > 0) {
                const u32 next = answer[start + length - 1];
                intervals[s] = next == absent
                                   ? Interval{}
                                   : ref.segment->tier().narrow(intervals[s], length - 1, next);
            }
            alive += alive_in(ref, intervals[s]);
        }
        if (alive == 0) return;
        if (alive <= rules_.seed_max_occurrences) break;
    }
    if (length > longest) return;
    for (std::size_t s = 0; s < answers_.size(); ++s) {
        for_each_alive(view_.segments()[s], intervals[s], [&](u32 at) {
            anchors_[s].push_back({std::int64_t{at} - start, start});
        });
    }
}

void FuzzySearch::find_anchors() {
    for (u32 i = 0; u64{i} + rules_.seed_min_symbols <= size_; ++i) find_seed(i);
}

// Anchors on one line that lie in the same match become it; by record.
std::vector<Match> FuzzySearch::matches_of(u32 segment) {
    auto& anchors = anchors_[segment];
    std::sort(anchors.begin(), anchors.end());
    const Segment& index = view_.segment(segment);
    const auto& tier = index.tier();
    const auto& answer = answers_[segment];
    std::vector<Match> out;
    std::int64_t line = -std::int64_t{size_} - 1;
    u32 covered = 0; // end of the last match on this line
    for (const Anchor& anchor : anchors) {
        if (anchor.line == line && anchor.start < covered) continue;
        line = anchor.line;
        u32 start = anchor.start, end = start + 1;
        const auto same = [&](u32 i) {
            const std::int64_t at = line + i;
            return at >= 0 && at < index.symbol_count() &&
                   tier.text_at(static_cast<u32>(at)) == answer[i];
        };
        while (start > 0 && same(start - 1)) --start;
        while (end < size_ && same(end)) ++end;
        covered = end;
        const u32 at = static_cast<u32>(line + start);
        out.push_back({index.record_at(at), start, at, end - start});
    }
    anchors = {};
    std::sort(out.begin(), out.end(), [](const Match& a, const Match& b) {
        return std::tuple(a.record, b.length, a.start, a.at) <
               std::tuple(b.record, a.length, b.start, b.at);
    });
    return out;
}

// The chain of x made longer by y.
std::optional<Chain> FuzzySearch::follow(u32 segment, const Match& x, const Chain& chain,
                                         const Match& y) {
    if (y.end() <= x.end() || y.at_end() <= x.at_end()) return std::nullopt;
    u32 cut = 0;
    if (x.end() > y.start) cut = x.end() - y.start;
    if (x.at_end() > y.at) cut = std::max(cut, x.at_end() - y.at);
    if (cut >= y.length) return std::nullopt;
    const u32 gap = y.start + cut - x.end(), gap_there = y.at + cut - x.at_end();
    if (gap > rules_.max_gap || gap_there > rules_.max_gap) return std::nullopt;
    gap_text_.resize(gap_there);
    if (gap_there > 0) view_.segment(segment).tier().read_text(x.at_end(), gap_text_);
    const Gap cost = levenshtein_(Pattern(answers_[segment]).subspan(x.end(), gap), gap_text_);
    return Chain{.start = chain.start,
                 .at = chain.at,
                 .end = y.end(),
                 .at_end = y.at_end(),
                 .matched = chain.matched + y.length - cut + cost.equal,
                 .edits = chain.edits + cost.edits};
}

void FuzzySearch::chain_record(u32 segment, std::span<Match> matches) {
    matches = matches.first(std::min(matches.size(), fuzzy_matches)); // longest first
    std::sort(matches.begin(), matches.end(),
              [](const Match& a, const Match& b) { return a.end() < b.end(); });
    std::vector<Chain> chains;
    for (const Match& y : matches) {
        Chain best{y.start, y.at, y.end(), y.at_end(), y.length, 0};
        for (std::size_t i = 0; i < chains.size(); ++i) {
            const auto longer = follow(segment, matches[i], chains[i], y);
            if (longer && longer->order() < best.order()) best = *longer;
        }
        chains.push_back(best);
    }
    keep_best(segment, matches.front().record, chains);
}

void FuzzySearch::keep_best(u32 segment, u32 record, std::vector<Chain>& chains) {
    std::erase_if(chains, [&](const Chain& chain) {
        return chain.matched < rules_.min_matched ||
               u64{chain.edits} * 100 > u64{chain.matched} * rules_.max_edit_percent;
    });
    std::sort(chains.begin(), chains.end(),
              [](const Chain& a, const Chain& b) { return a.order() < b.order(); });
    std::vector<Chain> kept;
    for (const Chain& chain : chains) {
        const bool overlaps = std::ranges::any_of(kept, [&](const Chain& better) {
            return chain.start < better.end && better.start < chain.end;
        });
        if (overlaps) continue;
        kept.push_back(chain);
        spans_.push_back({chain,
                          {.start = chain.start,
                           .length = chain.end - chain.start,
                           .at = {segment, chain.at},
                           .at_length = chain.at_end - chain.at,
                           .record = view_.segments()[segment].first_record + record,
                           .matched = chain.matched,
                           .edits = chain.edits}});
    }
}

std::vector<FuzzySpan> FuzzySearch::run() {
    find_anchors();
    for (u32 s = 0; s < answers_.size(); ++s) {
        auto matches = matches_of(s);
        for (std::size_t begin = 0; begin < matches.size();) {
            std::size_t end = begin;
            while (end < matches.size() && matches[end].record == matches[begin].record) ++end;
            chain_record(s, std::span(matches).subspan(begin, end - begin));
            begin = end;
        }
    }
    const auto key = [](const std::pair<Chain, FuzzySpan>& entry) {
        const auto& [chain, span] = entry;
        return std::tuple(-chain.score(), span.edits, span.start, span.at, span.length,
                          span.at_length);
    };
    std::sort(spans_.begin(), spans_.end(),
              [&](const auto& a, const auto& b) { return key(a) < key(b); });
    std::vector<FuzzySpan> out;
    for (const auto& [chain, span] : spans_) {
        if (out.size() == rules_.limit) break;
        out.push_back(span);
    }
    return out;
}

} // namespace

Result<std::vector<FuzzySpan>> fuzzy_spans(const IndexView& view, Phrase answer,
                                           const FuzzyRules& rules) {
    OL_TRY(check_phrase(answer));
    if (answer.size() > limits::answer_symbols) {
        return fail(ErrorCode::too_large,
                    "an answer of {} symbols is not compared; the limit is {}", answer.size(),
                    limits::answer_symbols);
    }
    if (rules.seed_min_symbols == 0 || rules.seed_max_symbols < rules.seed_min_symbols) {
        return fail(ErrorCode::invalid_argument,
                    "seeds have at least 1 symbol and seed_min_symbols <= seed_max_symbols");
    }
    if (rules.max_gap > limits::answer_symbols) {
        return fail(ErrorCode::invalid_argument, "max_gap is at most {}", limits::answer_symbols);
    }
    return FuzzySearch(view, answer, rules).run();
}

} // namespace ol::attribution::suffix
