// The naive twin of an index: the records' symbols in a list. Each query is answered by scanning
// them, from the words of its header, and compared with a view that should hold the same.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "attribution/suffix/corpus_for_tests.hpp"
#include "attribution/suffix/query/cnf.hpp"
#include "attribution/suffix/query/fuzzy.hpp"
#include "attribution/suffix/query/query.hpp"

namespace ol::attribution::suffix::test {

using Words = std::vector<text::SymbolWord>;

struct NaiveRecord {
    std::vector<text::Symbol> symbols;
    Address owner;
    Hash32 leaf_hash;
    std::uint32_t cluster = 0;
    std::string label;
    bool dead = false;

    Words words() const {
        Words out;
        for (const auto& symbol : symbols) out.push_back(symbol.word);
        return out;
    }
};

// A symbol by its record and its number there: the same however an index is cut.
struct NaivePlace {
    std::uint32_t record = 0, symbol = 0;
    auto operator<=>(const NaivePlace&) const = default;
};

class NaiveIndex {
public:
    std::vector<NaiveRecord> records;

    void add(const SourceRecord& source) {
        NaiveRecord record;
        record.symbols = *text::symbolize(source.text);
        record.owner = source.owner;
        record.leaf_hash = source.leaf_hash;
        record.cluster = source.cluster;
        record.label = source.label;
        records.push_back(std::move(record));
    }

    // Of the empty phrase: every symbol, separators included.
    std::vector<NaivePlace> places(Phrase phrase) const {
        std::vector<NaivePlace> out;
        for (std::uint32_t r = 0; r < records.size(); ++r) {
            if (records[r].dead) continue;
            const Words words = records[r].words();
            for (std::uint32_t p = 0; p + phrase.size() <= words.size(); ++p) {
                if (std::equal(phrase.begin(), phrase.end(), words.begin() + p)) {
                    out.push_back({r, p});
                }
            }
        }
        return out;
    }

    Hit hit(NaivePlace at, std::size_t length) const {
        Hit out;
        out.record = at.record;
        const auto& symbols = records[at.record].symbols;
        if (at.symbol == symbols.size()) return out;
        out.offset = symbols[at.symbol].offset;
        if (length > 0) {
            const auto& last = symbols[at.symbol + length - 1];
            out.size = last.offset + last.size - out.offset;
        }
        return out;
    }

    Spread spread(Phrase phrase) const {
        Spread out;
        std::set<std::uint32_t> holders, clusters;
        std::map<Address, OwnerCount> owners;
        for (const auto& place : places(phrase)) {
            const auto& record = records[place.record];
            auto& owner = owners[record.owner];
            owner.owner = record.owner;
            owner.count += 1;
            owner.records += holders.insert(place.record).second;
            clusters.insert(record.cluster);
            out.count += 1;
        }
        out.records = static_cast<std::uint32_t>(holders.size());
        out.clusters = static_cast<std::uint32_t>(clusters.size());
        for (const auto& [address, owner] : owners) out.owners.push_back(owner);
        std::sort(out.owners.begin(), out.owners.end(), [](const auto& a, const auto& b) {
            return std::pair(b.count, a.owner) < std::pair(a.count, b.owner);
        });
        return out;
    }

    Continuation next(Phrase phrase, std::size_t limit) const {
        Continuation out;
        out.context = static_cast<std::uint32_t>(phrase.size());
        std::map<text::SymbolWord, std::uint64_t> counts;
        for (const auto& place : places(phrase)) {
            out.total += 1;
            const auto& symbols = records[place.record].symbols;
            if (place.symbol + phrase.size() >= symbols.size()) {
                out.ends += 1;
            } else {
                ++counts[symbols[place.symbol + phrase.size()].word];
            }
        }
        out.distinct = counts.size();
        for (const auto& [word, count] : counts) out.symbols.push_back({word, count});
        std::sort(out.symbols.begin(), out.symbols.end(), [](const auto& a, const auto& b) {
            return std::pair(b.count, a.word) < std::pair(a.count, b.word);
        });
        if (out.symbols.size() > limit) out.symbols.resize(limit);
        return out;
    }

    Continuation infinity(Phrase context, std::size_t limit) const {
        for (std::size_t length = context.size(); length > 0; --length) {
            auto out = next(context.last(length), limit);
            if (out.total > out.ends) return out;
        }
        return next({}, limit);
    }

    CnfResult cnf(const CnfQuery& query) const;
    std::vector<FuzzySpan> fuzzy(Phrase answer, const FuzzyRules& rules) const;
};

// By its definition: each possible end in turn, and for each clause the latest start up to there.
inline CnfResult NaiveIndex::cnf(const CnfQuery& query) const {
    CnfResult out;
    for (std::uint32_t r = 0; r < records.size(); ++r) {
        if (records[r].dead) continue;
        const Words words = records[r].words();
        const auto stands = [&](const Words& phrase, std::uint32_t at) {
            return at + phrase.size() <= words.size() &&
                   std::equal(phrase.begin(), phrase.end(), words.begin() + at);
        };
        for (std::uint32_t end = 0; end < words.size(); ++end) {
            CnfPlace place{.record = r, .clauses = {}};
            std::uint32_t low = end;
            bool starts_here = false;
            for (const auto& clause : query.clauses) {
                std::optional<Hit> hit;
                for (std::int64_t at = end; at >= 0 && !hit; --at) {
                    for (const auto& phrase : clause) {
                        if (!stands(phrase, static_cast<std::uint32_t>(at))) continue;
                        const auto start = static_cast<std::uint32_t>(at);
                        hit = this->hit({r, start}, phrase.size());
                        low = std::min(low, start);
                        starts_here |= start == end;
                        break;
                    }
                }
                if (hit) place.clauses.push_back(*hit);
            }
            if (place.clauses.size() < query.clauses.size() || !starts_here) continue;
            if (query.distance != 0 && end - low > query.distance) continue;
            out.records += 1;
            if (out.places.size() < query.limit) out.places.push_back(place);
            break;
        }
    }
    return out;
}

} // namespace ol::attribution::suffix::test
