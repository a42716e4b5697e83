#include "attribution/suffix/trace.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "attribution/suffix/corpus_for_tests.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {
namespace {

using test::Corpus;
using text::SymbolWord;
using Words = std::vector<SymbolWord>;

// Trace from the definition, by scanning the records' words for each piece of the answer.
Trace naive_trace(const Corpus& corpus, const Segment& segment, const Words& answer,
                  const TraceRules& rules) {
    const auto texts = test::words_of(corpus);
    std::vector<std::uint32_t> offsets;
    std::uint32_t offset = 0;
    for (const auto& text : texts) {
        offsets.push_back(offset);
        offset += static_cast<std::uint32_t>(text.size() + 1);
    }
    const auto occurrences = [&](std::size_t start, std::size_t length) {
        std::vector<std::pair<std::uint32_t, std::uint32_t>> out; // record, position in T
        for (std::uint32_t r = 0; r < texts.size(); ++r) {
            for (std::size_t p = 0; p + length <= texts[r].size(); ++p) {
                if (std::equal(answer.begin() + static_cast<std::ptrdiff_t>(start),
                               answer.begin() + static_cast<std::ptrdiff_t>(start + length),
                               texts[r].begin() + static_cast<std::ptrdiff_t>(p))) {
                    out.emplace_back(r, offsets[r] + static_cast<std::uint32_t>(p));
                }
            }
        }
        return out;
    };
    const auto longest_from = [&](std::size_t start) {
        std::size_t best = 0;
        for (const auto& text : texts) {
            for (std::size_t p = 0; p < text.size(); ++p) {
                std::size_t k = 0;
                while (start + k < answer.size() && p + k < text.size() &&
                       answer[start + k] == text[p + k]) {
                    ++k;
                }
                best = std::max(best, k);
            }
        }
        return best;
    };
    struct Candidate {
        Span span;
        std::map<std::uint32_t, std::uint32_t> clusters; // head, smallest position
    };
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < answer.size(); ++i) {
        const std::size_t length = longest_from(i);
        // Maximal: cannot be extended to the left either.
        if (length == 0 || (i > 0 && longest_from(i - 1) > length)) continue;
        std::uint64_t bits = 0;
        for (std::size_t k = 0; k < length; ++k) bits += segment.surprise(answer[i + k]);
        if (length < rules.span_min_symbols || bits < rules.span_min_bits) continue;
        const auto found = occurrences(i, length);
        if (found.size() > rules.span_max_occurrences) continue;
        Candidate candidate;
        candidate.span = {.start = static_cast<std::uint32_t>(i),
                          .length = static_cast<std::uint32_t>(length)};
        for (const auto& [record, position] : found) { // by position, so the first is the smallest
            candidate.clusters.try_emplace(corpus.clusters[record], position);
        }
        if (candidate.clusters.size() <= rules.span_common) candidates.push_back(candidate);
    }
    Trace out;
    out.symbol_count = static_cast<std::uint32_t>(answer.size());
    for (std::size_t p = 0; p < answer.size(); ++p) {
        Candidate* owner = nullptr;
        for (auto& candidate : candidates) {
            const auto& span = candidate.span;
            if (span.start <= p && p < span.start + span.length &&
                (owner == nullptr || span.length > owner->span.length)) {
                owner = &candidate;
            }
        }
        if (owner == nullptr) continue;
        owner->span.owned += 1;
        owner->span.credit += segment.surprise(answer[p]);
        out.covered += 1;
    }
    for (const auto& [span, clusters] : candidates) {
        if (span.owned == 0) continue;
        const auto n = static_cast<std::uint32_t>(
            std::min<std::size_t>(clusters.size(), rules.span_max_clusters));
        std::uint32_t k = 0;
        for (const auto& [head, position] : clusters) {
            if (k == n) break;
            out.matches.push_back({static_cast<std::uint32_t>(out.spans.size()), position, head,
                                   corpus.records()[head].owner,
                                   span.credit / n + (k < span.credit % n ? 1U : 0U), 0});
            ++k;
        }
        out.spans.push_back(span);
    }
    return out;
}

void expect_equal(const Trace& a, const Trace& b) {
    ASSERT_EQ(a.symbol_count, b.symbol_count);
    ASSERT_EQ(a.covered, b.covered);
    ASSERT_EQ(a.spans, b.spans);
    ASSERT_EQ(a.matches, b.matches);
}

TEST(Trace, equals_scanning) {
    const test::ScratchFolder folder;
    Prng prng(20);
    std::size_t spans = 0, shared = 0, dropped = 0;
    for (int round = 0; round < 60; ++round) {
        const std::size_t vocabulary = 4 + prng.below(60);
        const auto corpus = test::random_corpus(prng, prng.below(40), 40, vocabulary);
        const auto segment = test::build_segment(corpus, folder.file("t.seg"));
        for (int query = 0; query < 3; ++query) {
            const auto answer = test::words_of(test::random_answer(prng, corpus, 7, vocabulary));
            const TraceRules rules{
                .span_min_symbols = static_cast<std::uint32_t>(1 + prng.below(7)),
                .span_min_bits = static_cast<std::uint32_t>(prng.below(24 * 256)),
                .span_max_clusters = static_cast<std::uint32_t>(1 + prng.below(4)),
                .span_common = static_cast<std::uint32_t>(prng.below(9)),
                .span_max_occurrences = static_cast<std::uint32_t>(prng.below(3) == 0 ? 8 : 1000)};
            const auto got = trace(segment, answer, rules);
            ASSERT_TRUE(got);
            expect_equal(*got, naive_trace(corpus, segment, answer, rules));
            spans += got->spans.size();
            for (const auto& span : got->spans) shared += span.owned < span.length;
            auto open_rules = rules;
            open_rules.span_common = open_rules.span_max_occurrences = ~0U;
            dropped += trace(segment, answer, open_rules)->covered > got->covered;
            std::uint64_t credit = 0, paid = 0;
            for (const auto& span : got->spans) credit += span.credit;
            for (const auto& match : got->matches) paid += match.credit;
            ASSERT_EQ(credit, paid);
        }
    }
    EXPECT_GT(spans, 100U); // the corpora do exercise overlaps and boilerplate
    EXPECT_GT(shared, 10U);
    EXPECT_GT(dropped, 10U);
}

TEST(Trace, quotes_are_found_and_paid_to_the_earliest_of_a_cluster) {
    const test::ScratchFolder folder;
    const Corpus corpus{{"something else entirely about nothing in particular",
                         "a suffix array is a sorted array of all suffixes of a string",
                         "A Suffix  Array is a sorted array of all suffixes of a string!"},
                        {0, 1, 1}};
    const auto segment = test::build_segment(corpus, folder.file("q.seg"));
    const auto answer = test::words_of("well, a suffix array IS a sorted array of all suffixes!");
    const auto got = trace(segment, answer, {});
    ASSERT_TRUE(got);
    ASSERT_EQ(got->spans.size(), 1U);
    EXPECT_EQ(got->symbol_count, 13U);
    EXPECT_EQ(got->spans[0].start, 2U);
    EXPECT_EQ(got->spans[0].length, 10U);
    EXPECT_EQ(got->covered, 10U);
    ASSERT_EQ(got->matches.size(), 1U);
    EXPECT_EQ(got->matches[0].record, 1U);
    EXPECT_EQ(got->matches[0].position, 8U); // after the seven symbols and separator of record 0
    EXPECT_EQ(got->matches[0].credit, got->spans[0].credit);
}

TEST(Trace, long_overlapping_matches_share_positions) {
    const test::ScratchFolder folder;
    // Both spans have five symbols: the leftmost takes the overlap.
    const Corpus corpus{{"a b c d e", "c d e f g", "x y z u v w q r s t"}, {0, 1, 2}};
    const auto segment = test::build_segment(corpus, folder.file("o.seg"));
    const TraceRules rules{.span_min_symbols = 2, .span_min_bits = 0};
    const auto got = trace(segment, test::words_of("a b c d e f g"), rules);
    ASSERT_TRUE(got);
    ASSERT_EQ(got->spans.size(), 2U);
    EXPECT_EQ(got->spans[0].owned, 5U);
    EXPECT_EQ(got->spans[1].owned, 2U);
    EXPECT_EQ(got->covered, 7U);
}

TEST(Trace, boilerplate_by_clusters_or_by_occurrences_earns_nothing) {
    const test::ScratchFolder folder;
    Corpus corpus;
    for (std::uint32_t r = 0; r < 65; ++r) {
        corpus.texts.push_back(fmt::format("no warranty of any kind is given n{}", r));
        corpus.clusters.push_back(r);
    }
    const auto answer = test::words_of("there is no warranty of any kind is given");
    const TraceRules rules{.span_min_bits = 0};
    const auto common = test::build_segment(corpus, folder.file("common.seg"));
    EXPECT_TRUE(trace(common, answer, rules)->spans.empty());
    corpus.clusters[64] = 3; // 64 clusters are just few enough
    const auto rare = test::build_segment(corpus, folder.file("rare.seg"));
    const auto paid = trace(rare, answer, rules);
    ASSERT_EQ(paid->spans.size(), 1U);
    ASSERT_EQ(paid->matches.size(), rules.span_max_clusters);
    for (std::uint32_t k = 0; k < paid->matches.size(); ++k) {
        EXPECT_EQ(paid->matches[k].record, k); // earliest first
    }

    Corpus copies; // one cluster, but more copies than are looked at
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "six words that come again often. ";
    for (std::uint32_t r = 0; r < 17; ++r) {
        copies.texts.push_back(text);
        copies.clusters.push_back(0);
    }
    const auto many = test::build_segment(copies, folder.file("many.seg"));
    const auto phrase = test::words_of("six words that come again often");
    EXPECT_TRUE(trace(many, phrase, rules)->spans.empty());
    TraceRules patient = rules;
    patient.span_max_occurrences = 17000;
    const auto all = trace(many, phrase, patient);
    ASSERT_EQ(all->matches.size(), 1U);
    EXPECT_EQ(all->matches[0].position, 0U);
}

TEST(Trace, refuses_what_it_cannot_trace) {
    const test::ScratchFolder folder;
    const Corpus corpus{{"a b"}, {0}};
    const auto segment = test::build_segment(corpus, folder.file("r.seg"));
    EXPECT_EQ(trace(segment, Words(limits::answer_symbols + 1), {}).error().code,
              ErrorCode::too_large);
    EXPECT_EQ(trace(segment, Words{text::separator_word(0)}, {}).error().code,
              ErrorCode::invalid_argument);
    TraceRules rules;
    rules.span_max_clusters = 0;
    EXPECT_EQ(trace(segment, Words{}, rules).error().code, ErrorCode::invalid_argument);
    const auto nothing = trace(segment, Words{}, {});
    ASSERT_TRUE(nothing);
    EXPECT_EQ(nothing->symbol_count, 0U);
}

TEST(Cursor, equals_scanning) {
    const test::ScratchFolder folder;
    Prng prng(21);
    for (int round = 0; round < 40; ++round) {
        const std::size_t vocabulary = 2 + prng.below(30);
        const auto corpus = test::random_corpus(prng, prng.below(25), 30, vocabulary);
        const auto segment = test::build_segment(corpus, folder.file("c.seg"));
        const Words text = test::text_of(corpus);
        const Words pushed = test::words_of(test::random_answer(prng, corpus, 8, vocabulary));
        Cursor cursor{IndexView(segment)};
        EXPECT_EQ(cursor.interval(), (Interval{0, segment.symbol_count()}));
        for (std::size_t i = 0; i < pushed.size(); ++i) {
            std::size_t longest = 0;
            for (std::size_t end = 1; end <= text.size(); ++end) {
                std::size_t k = 0;
                while (k <= i && k < end && text[end - 1 - k] == pushed[i - k]) ++k;
                longest = std::max(longest, k);
            }
            ASSERT_EQ(cursor.push(pushed[i]), longest);
            const Words suffix(pushed.begin() + static_cast<std::ptrdiff_t>(i + 1 - longest),
                               pushed.begin() + static_cast<std::ptrdiff_t>(i + 1));
            ASSERT_EQ(cursor.interval(), segment.find(suffix));
        }
    }
}

} // namespace
} // namespace ol::attribution::suffix
