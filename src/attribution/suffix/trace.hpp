// Trace: the spans of an answer that occur in an index, and their credit (docs/formats/segment.md,
// "Trace"). Deleted records are as if they were not there.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "attribution/suffix/index/view.hpp"

namespace ol::attribution::suffix {

struct TraceRules {
    std::uint32_t span_min_symbols = 6;
    std::uint32_t span_min_bits = 24 * 256; // surprise in 1/256 bit
    std::uint32_t span_max_clusters = 16;   // paid clusters a span, earliest first
    std::uint32_t span_common = 64;         // spans in more clusters than this are boilerplate
    // Spans with more occurrences than this are boilerplate too, whatever their clusters: it bounds
    // the work of one span, and a count is provable by the two ends of its interval.
    std::uint32_t span_max_occurrences = 1U << 14;
};

struct Span {
    std::uint32_t start = 0;  // symbol position in the answer
    std::uint32_t length = 0; // symbols
    std::uint32_t owned = 0;  // positions that belong to this span
    std::uint32_t credit = 0; // surprise of the owned positions, 1/256 bit
    bool operator==(const Span&) const = default;
};

// One paid cluster of a span.
struct Match {
    std::uint32_t span = 0;     // index into Trace::spans
    std::uint32_t position = 0; // in T: the smallest position of an occurrence within the cluster
    std::uint32_t record = 0;   // number of the cluster's earliest record, who is paid
    Address owner;              // of that record
    std::uint32_t credit = 0; // the span's credit / clusters; the first (credit mod n) get one more
    std::uint32_t segment = 0; // of the position, in the view
    bool operator==(const Match&) const = default;
};

struct Trace {
    std::uint32_t symbol_count = 0; // of the answer
    std::uint32_t covered = 0;      // positions owned by paid spans
    std::vector<Span> spans;        // paid spans, by start
    std::vector<Match> matches;     // by span, then record
};

// Maximal spans that pass the rules; each position belongs to the longest span that covers it
// (ties: the leftmost). Spans that own nothing, or that are boilerplate, are left out, and
// boilerplate spans own no position. too_large beyond limits::answer_symbols; invalid_argument when
// span_max_clusters is 0 or the answer holds a separator.
Result<Trace> trace(const IndexView& view, std::span<const text::SymbolWord> answer,
                    const TraceRules& rules);
inline Result<Trace> trace(const Segment& segment, std::span<const text::SymbolWord> answer,
                           const TraceRules& rules) {
    return trace(IndexView(segment), answer, rules);
}

// Follows a decode symbol by symbol: how long a suffix of what was pushed occurs in the index.
// At most limits::answer_symbols of it are remembered.
class Cursor {
public:
    explicit Cursor(IndexView view); // the view's segments must outlive the cursor
    // Length of the longest suffix of all pushed symbols (this one included) that occurs.
    std::uint32_t push(const text::SymbolWord& word);
    // Of that suffix in one segment: every suffix for length 0, {0, 0} where only a shorter one
    // occurs.
    Interval interval(std::uint32_t segment = 0) const;
    std::uint32_t length() const { return length_; }

private:
    struct State {
        std::vector<std::uint32_t> ranks; // the match is ranks[begin, end)
        std::size_t begin = 0;
        Interval interval;
        std::uint32_t length() const { return static_cast<std::uint32_t>(ranks.size() - begin); }
    };
    void extend(const SegmentRef& ref, State& state, std::uint32_t rank) const;
    IndexView view_;
    std::vector<State> states_; // one a segment
    std::uint32_t length_ = 0;
};

} // namespace ol::attribution::suffix
