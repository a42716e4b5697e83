// Fuzzy spans: stretches of an answer that stand in a record with a few words changed, added or
// left out. Exact matches of one record that follow each other on both sides are chained, and the
// gaps between them are compared by edit distance. How an index is cut into segments has no say.
//
// Seeds. For each position i of the answer: the shortest phrase answer[i, i + l), with
// seed_min_symbols <= l <= seed_max_symbols, that occurs at most seed_max_occurrences times in the
// view ("adaptive seeds": Kielbasa et al. 2011, Genome Research 21, 487); none when there is no
// such l or the phrase does not occur. Matches. Each occurrence of a seed, made as long as the
// record agrees with the answer on both sides; each match once. Of a record's matches the
// fuzzy_matches longest are chained (ties: by start in the answer, then in the record). Chains.
// Match y may follow the chain of match x when y ends after x on both sides. What y overlaps with x
// is cut from its start; the gap between them is then at most max_gap symbols on either side, and
// costs its Levenshtein distance in edits; of the alignments with so few edits the one with most
// equal symbols counts. The chain of y is the best of y alone and of all it may follow: the highest
// matched - edits, then fewest edits, then the earliest start in the answer, then in the record.
#pragma once

#include <cstdint>
#include <vector>

#include "attribution/suffix/query/query.hpp"

namespace ol::attribution::suffix {

inline constexpr std::size_t fuzzy_matches = 256; // of one record

struct FuzzyRules {
    std::uint32_t seed_min_symbols = 3;       // 1 at least
    std::uint32_t seed_max_symbols = 32;      // phrases still too frequent then are boilerplate
    std::uint32_t seed_max_occurrences = 256; // more frequent phrases say nothing of a record
    std::uint32_t max_gap = 8;                // symbols between two matches, on either side
    std::uint32_t min_matched = 8;            // matched symbols of a span that is returned
    std::uint32_t max_edit_percent = 30;      // edits per 100 matched symbols
    std::size_t limit = 64;                   // spans returned
};

struct FuzzySpan {
    std::uint32_t start = 0, length = 0; // in the answer
    Position at;                         // first symbol in the index
    std::uint32_t at_length = 0;         // symbols there
    std::uint32_t record = 0;            // number
    std::uint32_t matched = 0;           // symbols in matches or equal in gaps
    std::uint32_t edits = 0;             // Levenshtein distance of the gaps together
    bool operator==(const FuzzySpan&) const = default;
};

// The chains that pass min_matched and max_edit_percent, best first: most matched minus edits, then
// fewest edits, then by answer start, by place and shorter first (in the answer, then there). Of
// chains in one record that overlap in the answer the best is returned. too_large beyond
// limits::answer_symbols; invalid_argument for rules without sense or an answer with a separator.
Result<std::vector<FuzzySpan>> fuzzy_spans(const IndexView& view, Phrase answer,
                                           const FuzzyRules& rules);

} // namespace ol::attribution::suffix
