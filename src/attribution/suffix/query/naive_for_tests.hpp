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

struct NaiveMatch {
    std::uint32_t start = 0, at = 0, length = 0;
};

struct NaiveChain {
    std::uint32_t start = 0, at = 0, end = 0, at_end = 0, matched = 0, edits = 0;
    auto order() const {
        return std::tuple(std::int64_t{edits} - matched, edits, start, at, end, at_end);
    }
};

// (edits, -equal) of the best alignment, over the whole table.
inline std::pair<int, int> naive_alignment(Phrase a, Phrase b) {
    std::vector<std::vector<std::pair<int, int>>> table(
        a.size() + 1, std::vector<std::pair<int, int>>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            auto& best = table[i][j];
            best = {static_cast<int>(i + j), 0};
            const auto consider = [&](std::pair<int, int> from, int edits, int equal) {
                best = std::min(best, {from.first + edits, from.second - equal});
            };
            if (i > 0) consider(table[i - 1][j], 1, 0);
            if (j > 0) consider(table[i][j - 1], 1, 0);
            if (i > 0 && j > 0) {
                const bool same = a[i - 1] == b[j - 1];
                consider(table[i - 1][j - 1], !same, same);
            }
        }
    }
    return table[a.size()][b.size()];
}

inline std::vector<FuzzySpan> NaiveIndex::fuzzy(Phrase answer, const FuzzyRules& rules) const {
    using u32 = std::uint32_t;
    std::vector<u32> seeds(answer.size(), 0); // length of the seed at each position
    for (u32 i = 0; i < answer.size(); ++i) {
        for (u32 l = rules.seed_min_symbols; l <= rules.seed_max_symbols && i + l <= answer.size();
             ++l) {
            const auto count = places(answer.subspan(i, l)).size();
            if (count > rules.seed_max_occurrences) continue;
            if (count > 0) seeds[i] = l;
            break;
        }
    }
    std::vector<std::pair<NaiveChain, u32>> found;
    for (u32 r = 0; r < records.size(); ++r) {
        if (records[r].dead) continue;
        const Words words = records[r].words();
        std::vector<NaiveMatch> matches;
        for (u32 i = 0; i < answer.size(); ++i) {
            for (u32 j = 0; j < words.size(); ++j) {
                if (answer[i] != words[j]) continue;
                if (i > 0 && j > 0 && answer[i - 1] == words[j - 1]) continue;
                u32 length = 0;
                while (i + length < answer.size() && j + length < words.size() &&
                       answer[i + length] == words[j + length]) {
                    ++length;
                }
                bool seeded = false;
                for (u32 k = i; k < i + length; ++k) {
                    seeded |= seeds[k] != 0 && k + seeds[k] <= i + length;
                }
                if (seeded) matches.push_back({i, j, length});
            }
        }
        std::sort(matches.begin(), matches.end(), [](const auto& a, const auto& b) {
            return std::tuple(b.length, a.start, a.at) < std::tuple(a.length, b.start, b.at);
        });
        if (matches.size() > fuzzy_matches) matches.resize(fuzzy_matches);
        // Chains in any order until nothing gets better.
        std::vector<NaiveChain> chains;
        for (const auto& m : matches) {
            chains.push_back({m.start, m.at, m.start + m.length, m.at + m.length, m.length, 0});
        }
        for (bool changed = true; changed;) {
            changed = false;
            for (std::size_t y = 0; y < matches.size(); ++y) {
                for (std::size_t x = 0; x < matches.size(); ++x) {
                    const u32 x_end = chains[x].end, x_at_end = chains[x].at_end;
                    if (chains[y].end <= x_end || chains[y].at_end <= x_at_end) continue;
                    u32 cut = 0;
                    while (matches[y].start + cut < x_end || matches[y].at + cut < x_at_end) ++cut;
                    if (cut >= matches[y].length) continue;
                    const u32 gap = matches[y].start + cut - x_end;
                    const u32 there = matches[y].at + cut - x_at_end;
                    if (gap > rules.max_gap || there > rules.max_gap) continue;
                    const auto [edits, equal] = naive_alignment(
                        answer.subspan(x_end, gap), Phrase(words).subspan(x_at_end, there));
                    NaiveChain longer = chains[x];
                    longer.end = chains[y].end;
                    longer.at_end = chains[y].at_end;
                    longer.matched += matches[y].length - cut - static_cast<u32>(equal);
                    longer.edits += static_cast<u32>(edits);
                    if (longer.order() >= chains[y].order()) continue;
                    chains[y] = longer;
                    changed = true;
                }
            }
        }
        std::sort(chains.begin(), chains.end(),
                  [](const auto& a, const auto& b) { return a.order() < b.order(); });
        std::vector<NaiveChain> kept;
        for (const auto& chain : chains) {
            if (chain.matched < rules.min_matched) continue;
            if (chain.edits * 100 > chain.matched * rules.max_edit_percent) continue;
            bool free = true;
            for (const auto& k : kept) free &= chain.end <= k.start || k.end <= chain.start;
            if (free) kept.push_back(chain);
        }
        for (const auto& chain : kept) found.emplace_back(chain, r);
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        const auto key = [](const auto& entry) {
            const auto& [c, record] = entry;
            return std::tuple(std::int64_t{c.edits} - c.matched, c.edits, c.start, record, c.at,
                              c.end, c.at_end);
        };
        return key(a) < key(b);
    });
    std::vector<FuzzySpan> out;
    for (const auto& [c, record] : found) {
        if (out.size() == rules.limit) break;
        out.push_back({.start = c.start,
                       .length = c.end - c.start,
                       .at = {0, c.at}, // in the record
                       .at_length = c.at_end - c.at,
                       .record = record,
                       .matched = c.matched,
                       .edits = c.edits});
    }
    return out;
}

} // namespace ol::attribution::suffix::test
