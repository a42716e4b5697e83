#include "attribution/suffix/query/cnf.hpp"

#include <algorithm>
#include <numeric>

#include "attribution/suffix/query/phrase.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// Where a clause holds: its first symbol, and which of its phrases stands there.
struct Occurrence {
    u32 position = 0;
    u32 phrase = 0;
    auto operator<=>(const Occurrence&) const = default;
};
using Occurrences = std::vector<Occurrence>;

struct Clause {
    std::vector<std::vector<u32>> phrases; // ranks in the segment
    std::vector<Interval> intervals;
    u64 count = 0;
};

// A record that may hold the query: its symbols are T[start, end).
struct Range {
    u32 start = 0, end = 0, record = 0;
};

// One start a position: of several phrases there the first of the clause stays.
void sort_out(Occurrences& found) {
    std::sort(found.begin(), found.end());
    const auto end =
        std::unique(found.begin(), found.end(), [](const Occurrence& a, const Occurrence& b) {
            return a.position == b.position;
        });
    found.erase(end, found.end());
}

class SegmentSearch {
public:
    SegmentSearch(const IndexView& view, u32 segment, const CnfQuery& query)
        : view_(view)
        , ref_(view.segments()[segment])
        , number_(segment)
        , query_(query)
        , found_(query.clauses.size()) {}

    void run(CnfResult& out);

private:
    void find_clauses();
    Range range_of(u32 record) const;
    std::vector<Range> ranges_of(const Occurrences& found) const;
    Occurrences all_of(const Clause& clause) const;
    Occurrences within(const Clause& clause, const std::vector<Range>& ranges) const;
    void scan(const Clause& clause, const Range& range, Occurrences& out) const;
    void sweep(const Range& range, std::vector<std::size_t>& next, CnfResult& out) const;
    CnfPlace place_of(u32 record, const std::vector<Occurrence>& last) const;

    const IndexView& view_;
    const SegmentRef& ref_;
    u32 number_;
    const CnfQuery& query_;
    std::vector<Clause> clauses_;
    std::vector<Occurrences> found_; // per clause, by position
};

void SegmentSearch::find_clauses() {
    const auto& tier = ref_.segment->tier();
    for (const auto& phrases : query_.clauses) {
        Clause& clause = clauses_.emplace_back();
        for (const auto& phrase : phrases) {
            clause.phrases.push_back(ref_.segment->ranks_of(phrase));
            clause.intervals.push_back(tier.find(clause.phrases.back()));
            clause.count += alive_in(ref_, clause.intervals.back());
        }
    }
}

Range SegmentSearch::range_of(u32 record) const {
    return {ref_.segment->start_of(record), ref_.segment->start_of(record + 1), record};
}

// The records in which something was found.
std::vector<Range> SegmentSearch::ranges_of(const Occurrences& found) const {
    std::vector<Range> out;
    for (const Occurrence& at : found) {
        if (!out.empty() && at.position < out.back().end) continue;
        out.push_back(range_of(ref_.segment->record_at(at.position)));
    }
    return out;
}

Occurrences SegmentSearch::all_of(const Clause& clause) const {
    Occurrences out;
    for (u32 i = 0; i < clause.intervals.size(); ++i) {
        for_each_alive(ref_, clause.intervals[i], [&](u32 position) {
            out.push_back({position, i});
        });
    }
    sort_out(out);
    return out;
}

// The clause's occurrences in the ranges, which are alive: by its intervals, or by reading the
// records where that is less work.
Occurrences SegmentSearch::within(const Clause& clause, const std::vector<Range>& ranges) const {
    Occurrences out;
    const u64 symbols =
        std::accumulate(ranges.begin(), ranges.end(), u64{0}, [](u64 sum, const Range& range) {
            return sum + (range.end - range.start);
        });
    if (symbols * clause.phrases.size() < clause.count) {
        for (const Range& range : ranges) scan(clause, range, out);
    } else {
        for (u32 i = 0; i < clause.intervals.size(); ++i) {
            for_each_alive(ref_, clause.intervals[i], [&](u32 position) {
                const auto after =
                    std::upper_bound(ranges.begin(), ranges.end(), position,
                                     [](u32 at, const Range& range) { return at < range.start; });
                if (after == ranges.begin() || position >= (after - 1)->end) return;
                out.push_back({position, i});
            });
        }
    }
    sort_out(out);
    return out;
}

void SegmentSearch::scan(const Clause& clause, const Range& range, Occurrences& out) const {
    std::vector<u32> text(range.end - range.start);
    ref_.segment->tier().read_text(range.start, text);
    for (u32 i = 0; i < clause.phrases.size(); ++i) {
        const auto& phrase = clause.phrases[i];
        auto at = text.begin();
        while ((at = std::search(at, text.end(), phrase.begin(), phrase.end())) != text.end()) {
            out.push_back({range.start + static_cast<u32>(at - text.begin()), i});
            ++at;
        }
    }
}

CnfPlace SegmentSearch::place_of(u32 record, const std::vector<Occurrence>& last) const {
    CnfPlace out;
    out.record = ref_.first_record + record;
    for (std::size_t c = 0; c < last.size(); ++c) {
        const std::size_t length = query_.clauses[c][last[c].phrase].size();
        out.clauses.push_back(hit_at(view_, {number_, last[c].position}, length));
    }
    return out;
}

// Goes through the starts of all clauses in one record, until the latest of each are close enough.
// next[c] is the first occurrence of clause c that was not passed yet.
void SegmentSearch::sweep(const Range& range, std::vector<std::size_t>& next,
                          CnfResult& out) const {
    std::vector<Occurrence> last(found_.size());
    std::vector<bool> seen(found_.size(), false);
    for (std::size_t c = 0; c < found_.size(); ++c) {
        while (next[c] < found_[c].size() && found_[c][next[c]].position < range.start) ++next[c];
    }
    for (;;) {
        u32 at = range.end;
        for (std::size_t c = 0; c < found_.size(); ++c) {
            if (next[c] < found_[c].size()) at = std::min(at, found_[c][next[c]].position);
        }
        if (at == range.end) return;
        for (std::size_t c = 0; c < found_.size(); ++c) {
            if (next[c] == found_[c].size() || found_[c][next[c]].position != at) continue;
            last[c] = found_[c][next[c]++];
            seen[c] = true;
        }
        if (std::ranges::find(seen, false) != seen.end()) continue;
        const u32 first = std::ranges::min(last).position;
        if (query_.distance != 0 && at - first > query_.distance) continue;
        out.records += 1;
        if (out.places.size() < query_.limit) out.places.push_back(place_of(range.record, last));
        return;
    }
}

void SegmentSearch::run(CnfResult& out) {
    find_clauses();
    std::vector<std::size_t> order(clauses_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return clauses_[a].count < clauses_[b].count;
    });
    std::vector<Range> ranges;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const std::size_t c = order[i];
        found_[c] = i == 0 ? all_of(clauses_[c]) : within(clauses_[c], ranges);
        ranges = ranges_of(found_[c]);
        if (ranges.empty()) return;
    }
    std::vector<std::size_t> next(found_.size(), 0);
    for (const Range& range : ranges) sweep(range, next, out);
}

Status check(const CnfQuery& query) {
    if (query.clauses.empty()) {
        return fail(ErrorCode::invalid_argument, "the query has no clause; give one at least");
    }
    if (query.clauses.size() > limits::cnf_clauses) {
        return fail(ErrorCode::too_large, "the query has {} clauses; the limit is {}",
                    query.clauses.size(), limits::cnf_clauses);
    }
    std::size_t phrases = 0;
    for (std::size_t c = 0; c < query.clauses.size(); ++c) {
        phrases += query.clauses[c].size();
        if (query.clauses[c].empty()) {
            return fail(ErrorCode::invalid_argument, "clause {} has no phrase", c + 1);
        }
        for (const auto& phrase : query.clauses[c]) {
            if (phrase.empty()) {
                return fail(ErrorCode::invalid_argument, "clause {} has a phrase without a symbol",
                            c + 1);
            }
            OL_TRY_IN(check_phrase(phrase), "clause {}", c + 1);
        }
    }
    if (phrases > limits::cnf_phrases) {
        return fail(ErrorCode::too_large, "the query has {} phrases; the limit is {}", phrases,
                    limits::cnf_phrases);
    }
    return {};
}

std::string text_of(Phrase phrase) {
    std::string out;
    for (const auto& word : phrase) {
        if (!out.empty()) out += ' ';
        out += text::symbol_text(word);
    }
    return out;
}

// The rarest clause bounds the work.
Status check_rarest(const IndexView& view, const CnfQuery& query) {
    u64 rarest = ~u64{0}, most = 0;
    std::string phrase_text;
    for (const auto& clause : query.clauses) {
        u64 sum = 0, largest = 0;
        std::string text;
        for (const auto& phrase : clause) {
            const u64 here = OL_TRY(count(view, phrase));
            sum += here;
            if (here < largest || (!text.empty() && here == largest)) continue;
            largest = here;
            text = text_of(phrase);
        }
        if (sum >= rarest) continue;
        rarest = sum;
        most = largest;
        phrase_text = text;
    }
    if (rarest <= limits::cnf_occurrences) return {};
    return fail(ErrorCode::too_large,
                "the rarest clause occurs {} times, its phrase \"{}\" {} times; the limit is {}: "
                "add a clause that is rarer, or a longer phrase",
                rarest, phrase_text, most, limits::cnf_occurrences);
}

} // namespace

Result<CnfResult> cnf_search(const IndexView& view, const CnfQuery& query) {
    OL_TRY(check(query));
    OL_TRY(check_rarest(view, query));
    CnfResult out;
    for (u32 s = 0; s < view.segments().size(); ++s) SegmentSearch(view, s, query).run(out);
    return out;
}

} // namespace ol::attribution::suffix
