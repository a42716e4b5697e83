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
    // The first symbols of the clauses' occurrences lie in one record, and the last of them at most
    // so many symbols after the first; 0: anywhere in the record. Clauses may share an occurrence.
    std::uint32_t distance = 0;
    std::size_t limit = 100; // places returned
};

struct CnfPlace {
    std::uint32_t record = 0; // number
    std::vector<Hit> clauses; // one a clause, in the order of the query
    bool operator==(const CnfPlace&) const = default;
};
struct CnfResult {
    std::uint64_t records = 0; // in which the query holds; all of them are counted
    // One a record, by record: where the last of the clauses starts earliest, and with it each
    // clause's latest start that is not after it. Of several phrases of a clause that start at one
    // symbol the hit is the first in the query.
    std::vector<CnfPlace> places;
};
// invalid_argument without a clause, for an empty one or for an empty phrase; too_large (naming the
// phrase and its count) when the rarest clause has more occurrences than limits::cnf_occurrences
// (the sum over its phrases), or when the query is beyond its limits.
Result<CnfResult> cnf_search(const IndexView& view, const CnfQuery& query);

} // namespace ol::attribution::suffix
