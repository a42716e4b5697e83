// Queries of one phrase over a view: counts, places, owners, what comes next. Deleted records are
// as if they were not there. Phrases hold no separator (invalid_argument else).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "attribution/suffix/index/view.hpp"

namespace ol::attribution::suffix {

using Phrase = std::span<const text::SymbolWord>;

// Occurrences of the phrase; of the empty phrase: every symbol, separators included.
Result<std::uint64_t> count(const IndexView& view, Phrase phrase);

struct Hit {
    Position at;
    std::uint32_t record = 0; // number
    std::uint32_t offset = 0; // of its first byte in the record's text
    std::uint32_t size = 0;   // bytes from its first to its last symbol; 0 for the empty phrase
    bool operator==(const Hit&) const = default;
};
// The first `limit` occurrences in the order of the index (segment, position), after `skip`.
Result<std::vector<Hit>> locate(const IndexView& view, Phrase phrase, std::size_t limit,
                                std::size_t skip = 0);

struct OwnerCount {
    Address owner;
    std::uint64_t count = 0;   // occurrences in his records
    std::uint32_t records = 0; // records of his that hold the phrase
    bool operator==(const OwnerCount&) const = default;
};
struct Spread {
    std::uint64_t count = 0;
    std::uint32_t records = 0, clusters = 0; // that hold it; clusters by their number
    std::vector<OwnerCount> owners;          // most occurrences first, then by address
    bool operator==(const Spread&) const = default;
};
// How the phrase is spread over records, clusters and owners. Scans all its occurrences.
Result<Spread> spread(const IndexView& view, Phrase phrase);

struct NextSymbol {
    text::SymbolWord word;
    std::uint64_t count = 0;
    bool operator==(const NextSymbol&) const = default;
};
struct Continuation {
    std::uint32_t context = 0;  // symbols of the context that were used
    std::uint64_t total = 0;    // occurrences of that context: ends + the counts of all symbols
    std::uint64_t ends = 0;     // of them at the end of a record
    std::uint64_t distinct = 0; // different symbols that follow
    std::vector<NextSymbol> symbols; // most frequent first, then by word; at most `limit`
    bool operator==(const Continuation&) const = default;
};
// What follows the phrase as it is (context = its length).
Result<Continuation> next_symbols(const IndexView& view, Phrase phrase, std::size_t limit);
// Infinity-gram (Liu et al. 2024, "Infini-gram", section 3): what follows the longest suffix of the
// context that occurs and is followed by something; context 0 where none is.
Result<Continuation> infinity_gram(const IndexView& view, Phrase context, std::size_t limit);
// P(word | context) = count / total, with the context and the total of infinity_gram; what is left
// is for the ends of records. invalid_argument when the word is a separator.
struct Probability {
    std::uint32_t context = 0;
    std::uint64_t count = 0, total = 0;
    bool operator==(const Probability&) const = default;
};
Result<Probability> infinity_gram_probability(const IndexView& view, Phrase context,
                                              const text::SymbolWord& word);

} // namespace ol::attribution::suffix
