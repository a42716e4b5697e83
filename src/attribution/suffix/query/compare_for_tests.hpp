// Asks a view and its naive twin the same questions.
#pragma once

#include "attribution/suffix/query/naive_fuzzy_for_tests.hpp"

namespace ol::attribution::suffix::test {

inline NaivePlace place_of(const IndexView& view, Position at) {
    const auto record = view.record_at(at);
    return {record, at.position - view.table_entry(record).offset};
}

// A piece of a record, at times with other words in it; empty now and then.
inline Words random_phrase(Prng& prng, const NaiveIndex& twin, std::size_t most) {
    Words out;
    if (prng.below(20) == 0) return out;
    if (!twin.records.empty()) {
        const Words words = twin.records[prng.below(twin.records.size())].words();
        if (!words.empty()) {
            const auto from = prng.below(words.size());
            const auto size = 1 + prng.below(std::min<std::size_t>(most, words.size() - from));
            out.assign(words.begin() + static_cast<std::ptrdiff_t>(from),
                       words.begin() + static_cast<std::ptrdiff_t>(from + size));
        }
    }
    if (prng.below(5) == 0) {
        const auto word = words_of(prng.below(3) == 0 ? "unheardof" : word_name(prng.below(12)));
        out.insert(out.begin() + static_cast<std::ptrdiff_t>(prng.below(out.size() + 1)),
                   word.begin(), word.end());
    }
    return out;
}

// Pieces of records with words changed, added and left out.
inline Words random_paraphrase(Prng& prng, const NaiveIndex& twin, std::size_t pieces) {
    Words out;
    for (std::size_t i = 0; i < pieces; ++i) {
        for (const auto& word : random_phrase(prng, twin, 25)) {
            const auto choice = prng.below(12);
            if (choice == 0) continue;
            if (choice == 1) out.push_back(words_of("unheardof")[0]);
            out.push_back(choice == 2 ? words_of("w3")[0] : word);
        }
    }
    return out;
}

inline void compare_phrase(const IndexView& view, const NaiveIndex& twin, Prng& prng,
                           const Words& phrase) {
    auto places = twin.places(phrase);
    if (phrase.empty()) {
        ASSERT_EQ(count(view, phrase), view.symbol_count());
    }
    ASSERT_EQ(count(view, phrase), places.size());
    const auto skip = prng.below(3) == 0 ? prng.below(places.size() + 2) : 0;
    const auto limit = prng.below(2) == 0 ? prng.below(6) : places.size() + 1;
    const auto hits = locate(view, phrase, limit, skip);
    ASSERT_TRUE(hits);
    const std::size_t end = std::min<std::size_t>(places.size(), skip + limit);
    ASSERT_EQ(hits->size(), end - std::min<std::size_t>(skip, end));
    for (std::size_t i = 0; i < hits->size(); ++i) {
        Hit hit = (*hits)[i];
        ASSERT_EQ(place_of(view, hit.at), places[skip + i]);
        hit.at = {};
        ASSERT_EQ(hit, twin.hit(places[skip + i], phrase.size()));
    }
    ASSERT_EQ(spread(view, phrase), twin.spread(phrase));
    const auto most = prng.below(2) == 0 ? prng.below(4) : 1000;
    ASSERT_EQ(next_symbols(view, phrase, most), twin.next(phrase, most));
    const auto expected = twin.infinity(phrase, 1000);
    ASSERT_EQ(infinity_gram(view, phrase, 1000), expected);
    const auto word = words_of(word_name(prng.below(12)))[0];
    Probability probability{expected.context, 0, expected.total};
    for (const auto& next : expected.symbols) {
        if (next.word == word) probability.count = next.count;
    }
    ASSERT_EQ(infinity_gram_probability(view, phrase, word), probability);
}

inline void compare_cnf(const IndexView& view, const NaiveIndex& twin, Prng& prng) {
    CnfQuery query;
    query.distance = static_cast<std::uint32_t>(prng.below(2) == 0 ? 0 : prng.below(20));
    query.limit = prng.below(3) == 0 ? 2 : 1000;
    for (auto c = 1 + prng.below(3); c > 0; --c) {
        auto& clause = query.clauses.emplace_back();
        for (auto p = 1 + prng.below(3); p > 0; --p) {
            auto phrase = random_phrase(prng, twin, 3);
            if (phrase.empty()) phrase = words_of(word_name(prng.below(12)));
            clause.push_back(phrase);
        }
    }
    auto result = cnf_search(view, query);
    ASSERT_TRUE(result) << result.error().to_string();
    for (auto& place : result->places) {
        for (auto& hit : place.clauses) {
            ASSERT_EQ(hit.record, place.record);
            hit.at = {};
        }
    }
    const auto expected = twin.cnf(query);
    ASSERT_EQ(result->records, expected.records);
    ASSERT_EQ(result->places, expected.places);
}

inline void compare_fuzzy(const IndexView& view, const NaiveIndex& twin, Prng& prng) {
    FuzzyRules rules;
    rules.seed_min_symbols = 1 + static_cast<std::uint32_t>(prng.below(3));
    rules.seed_max_symbols = rules.seed_min_symbols + static_cast<std::uint32_t>(prng.below(6));
    rules.seed_max_occurrences = 1 + static_cast<std::uint32_t>(prng.below(40));
    rules.max_gap = static_cast<std::uint32_t>(prng.below(9));
    rules.min_matched = 1 + static_cast<std::uint32_t>(prng.below(8));
    rules.max_edit_percent = static_cast<std::uint32_t>(prng.below(80));
    rules.limit = prng.below(3) == 0 ? 3 : 1000;
    const auto answer = random_paraphrase(prng, twin, 1 + prng.below(4));
    auto spans = fuzzy_spans(view, answer, rules);
    ASSERT_TRUE(spans) << spans.error().to_string();
    for (auto& span : *spans) span.at = {0, place_of(view, span.at).symbol};
    ASSERT_EQ(*spans, twin.fuzzy(answer, rules));
}

inline void compare_tables(const IndexView& view, const NaiveIndex& twin) {
    ASSERT_EQ(view.record_count(), twin.records.size());
    std::uint64_t symbols = 0;
    std::map<text::SymbolWord, std::uint64_t> counts;
    std::map<std::uint32_t, std::uint32_t> heirs;
    for (std::uint32_t r = 0; r < twin.records.size(); ++r) {
        const auto& record = twin.records[r];
        const auto entry = view.table_entry(r);
        ASSERT_EQ(entry.owner, record.owner);
        ASSERT_EQ(entry.leaf_hash, record.leaf_hash);
        ASSERT_EQ(entry.cluster, record.cluster);
        ASSERT_EQ(view.is_dead(r), record.dead);
        ASSERT_EQ(view.record_at({view.segment_of(r), entry.offset}), r);
        if (record.dead) continue;
        heirs.try_emplace(record.cluster, r);
        symbols += record.symbols.size() + 1;
        for (const auto& symbol : record.symbols) ++counts[symbol.word];
    }
    ASSERT_EQ(view.symbol_count(), symbols);
    for (const auto& [word, occurrences] : counts) {
        ASSERT_EQ(view.occurrences(word), occurrences);
        ASSERT_EQ(view.surprise(word), surprise_of(symbols, occurrences));
    }
    ASSERT_EQ(view.occurrences(words_of("unheardof")[0]), 0U);
    for (const auto& [cluster, heir] : heirs) ASSERT_EQ(view.heir_of(cluster), heir);
}

inline void compare(const IndexView& view, const NaiveIndex& twin, Prng& prng, std::size_t rounds) {
    compare_tables(view, twin);
    for (std::size_t i = 0; i < rounds && !::testing::Test::HasFatalFailure(); ++i) {
        compare_phrase(view, twin, prng, random_phrase(prng, twin, 8));
        compare_cnf(view, twin, prng);
        if (i % 2 == 0) compare_fuzzy(view, twin, prng);
    }
}

} // namespace ol::attribution::suffix::test
