// Fuzzy spans of the naive twin, from the words of query/fuzzy.hpp.
#pragma once

#include "attribution/suffix/query/naive_for_tests.hpp"

namespace ol::attribution::suffix::test {

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

// The length of the seed at each position; 0 where there is none.
inline std::vector<std::uint32_t> naive_seeds(const NaiveIndex& twin, Phrase answer,
                                              const FuzzyRules& rules) {
    std::vector<std::uint32_t> out(answer.size(), 0);
    for (std::uint32_t i = 0; i < answer.size(); ++i) {
        for (std::uint32_t l = rules.seed_min_symbols;
             l <= rules.seed_max_symbols && i + l <= answer.size(); ++l) {
            const auto count = twin.places(answer.subspan(i, l)).size();
            if (count > rules.seed_max_occurrences) continue;
            if (count > 0) out[i] = l;
            break;
        }
    }
    return out;
}

inline std::vector<NaiveMatch> naive_matches(Phrase answer, const Words& words,
                                             const std::vector<std::uint32_t>& seeds) {
    using u32 = std::uint32_t;
    std::vector<NaiveMatch> out;
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
            if (seeded) out.push_back({i, j, length});
        }
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
        return std::tuple(b.length, a.start, a.at) < std::tuple(a.length, b.start, b.at);
    });
    if (out.size() > fuzzy_matches) out.resize(fuzzy_matches);
    return out;
}

// The chain of each match: any may follow any other, again and again until nothing gets better.
inline std::vector<NaiveChain> naive_chains(Phrase answer, const Words& words,
                                            const std::vector<NaiveMatch>& matches,
                                            const FuzzyRules& rules) {
    using u32 = std::uint32_t;
    std::vector<NaiveChain> out;
    for (const auto& m : matches) {
        out.push_back({m.start, m.at, m.start + m.length, m.at + m.length, m.length, 0});
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (std::size_t y = 0; y < matches.size(); ++y) {
            for (std::size_t x = 0; x < matches.size(); ++x) {
                const u32 x_end = out[x].end, x_at_end = out[x].at_end;
                if (out[y].end <= x_end || out[y].at_end <= x_at_end) continue;
                u32 cut = 0;
                while (matches[y].start + cut < x_end || matches[y].at + cut < x_at_end) ++cut;
                if (cut >= matches[y].length) continue;
                const u32 gap = matches[y].start + cut - x_end;
                const u32 there = matches[y].at + cut - x_at_end;
                if (gap > rules.max_gap || there > rules.max_gap) continue;
                const auto [edits, equal] = naive_alignment(answer.subspan(x_end, gap),
                                                            Phrase(words).subspan(x_at_end, there));
                NaiveChain longer = out[x];
                longer.end = out[y].end;
                longer.at_end = out[y].at_end;
                longer.matched += matches[y].length - cut - static_cast<u32>(equal);
                longer.edits += static_cast<u32>(edits);
                if (longer.order() >= out[y].order()) continue;
                out[y] = longer;
                changed = true;
            }
        }
    }
    return out;
}

// Those that pass the rules, the best of those that overlap in the answer.
inline std::vector<NaiveChain> naive_best(std::vector<NaiveChain> chains, const FuzzyRules& rules) {
    std::sort(chains.begin(), chains.end(),
              [](const auto& a, const auto& b) { return a.order() < b.order(); });
    std::vector<NaiveChain> out;
    for (const auto& chain : chains) {
        if (chain.matched < rules.min_matched) continue;
        if (chain.edits * 100 > chain.matched * rules.max_edit_percent) continue;
        bool free = true;
        for (const auto& k : out) free &= chain.end <= k.start || k.end <= chain.start;
        if (free) out.push_back(chain);
    }
    return out;
}

inline std::vector<FuzzySpan> NaiveIndex::fuzzy(Phrase answer, const FuzzyRules& rules) const {
    const auto seeds = naive_seeds(*this, answer, rules);
    std::vector<std::pair<NaiveChain, std::uint32_t>> found;
    for (std::uint32_t r = 0; r < records.size(); ++r) {
        if (records[r].dead) continue;
        const Words words = records[r].words();
        const auto matches = naive_matches(answer, words, seeds);
        for (const auto& chain : naive_best(naive_chains(answer, words, matches, rules), rules)) {
            found.emplace_back(chain, r);
        }
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
