// Trace: the spans of an answer that occur in a segment, and their credit (design 02 A).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "attribution/suffix/segment.hpp"

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
    std::uint32_t record = 0;   // the cluster's earliest record (table index), who is paid
    Address owner;              // of that record
    std::uint32_t credit = 0; // the span's credit / clusters; the first (credit mod n) get one more
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
Result<Trace> trace(const Segment& segment, std::span<const text::SymbolWord> answer,
                    const TraceRules& rules);

// Follows a decode symbol by symbol: how long a suffix of what was pushed occurs in the segment.
class Cursor {
public:
    explicit Cursor(const Segment& segment);
    // Length of the longest suffix of all pushed symbols (this one included) that occurs.
    std::uint32_t push(const text::SymbolWord& word);
    Interval interval() const { return interval_; } // of that suffix; every suffix for length 0

private:
    const Segment* segment_; // must outlive the cursor
    std::vector<std::uint32_t> ranks_;
    std::size_t begin_ = 0; // the match is ranks_[begin_, end)
    Interval interval_;
};

} // namespace ol::attribution::suffix
