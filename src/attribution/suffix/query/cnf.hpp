// CNF search: records in which every clause holds, each clause by one of its phrases, close to each
// other: (a OR b) AND (c) AND ... within a distance.
#pragma once

#include <cstdint>
#include <vector>

#include "attribution/suffix/query/query.hpp"

namespace ol::attribution::suffix {

struct CnfQuery {
    // Clauses of phrases: all clauses, any phrase of each. At most limits::cnf_clauses clauses and
    // limits::cnf_phrases phrases in all; none empty.
    std::vector<std::vector<std::vector<text::SymbolWord>>> clauses;
    // The first symbols of the clauses' occurrences lie within so many symbols of each other (and
    // in one record); 0: anywhere in the record.
    std::uint32_t distance = 0;
    std::size_t limit = 100; // places returned
};

struct CnfPlace {
    std::uint32_t record = 0; // number
    std::vector<Hit> clauses; // one a clause, in the order of the query
    bool operator==(const CnfPlace&) const = default;
};
struct CnfResult {
    std::uint64_t records = 0;    // in which the query holds; all of them are counted
    std::vector<CnfPlace> places; // one a record, by record: the places with the smallest last
                                  // symbol start, each clause's latest place not after it
};
// too_large (naming the phrase and its count) when the rarest clause has more occurrences than
// limits::cnf_occurrences.
Result<CnfResult> cnf_search(const IndexView& view, const CnfQuery& query);

} // namespace ol::attribution::suffix
