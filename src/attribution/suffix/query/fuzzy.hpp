// Fuzzy spans: stretches of an answer that stand in a record with a few words changed, added or
// left out. Seeds are exact matches; seeds of one record that follow each other on both sides are
// chained, and the gaps between them are compared by edit distance.
#pragma once

#include <cstdint>
#include <vector>

#include "attribution/suffix/query/query.hpp"

namespace ol::attribution::suffix {

struct FuzzyRules {
    std::uint32_t seed_min_symbols = 3;       // of an exact match that may start a chain
    std::uint32_t seed_max_occurrences = 256; // more frequent seeds say nothing of a record
    std::uint32_t max_gap = 8;                // symbols between two seeds, on either side
    std::uint32_t min_matched = 8;            // matched symbols of a span that is returned
    std::uint32_t max_edit_percent = 30;      // edits per 100 matched symbols
    std::size_t limit = 64;                   // spans returned
};

struct FuzzySpan {
    std::uint32_t start = 0, length = 0; // in the answer
    Position at;                         // first symbol in the index
    std::uint32_t at_length = 0;         // symbols there
    std::uint32_t record = 0;            // number
    std::uint32_t matched = 0;           // symbols in seeds or equal in gaps
    std::uint32_t edits = 0;             // Levenshtein distance of the gaps together
    bool operator==(const FuzzySpan&) const = default;
};

// Best first: most matched minus edits, then by answer start, then by place. Of chains that overlap
// in the answer and in the same record only the best is returned.
Result<std::vector<FuzzySpan>> fuzzy_spans(const IndexView& view, Phrase answer,
                                           const FuzzyRules& rules);

} // namespace ol::attribution::suffix
