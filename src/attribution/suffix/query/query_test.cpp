#include "attribution/suffix/query/query.hpp"

#include "attribution/suffix/build/builder.hpp"
#include "attribution/suffix/query/compare_for_tests.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {
namespace {

using test::NaiveIndex;
using test::Words;

// A corpus cut into segments, with deleted records: a view without the folder of an index.
class SplitCorpus {
public:
    SplitCorpus(const test::Corpus& corpus, Prng& prng, std::size_t most_records,
                std::uint64_t dead_of_ten)
        : pool_(1) {
        const auto records = corpus.records();
        std::size_t begin = 0;
        while (begin < records.size() || segments_.empty()) {
            const auto size =
                std::min<std::size_t>(records.size() - begin, 1 + prng.below(most_records));
            const std::vector<SourceRecord> part(
                records.begin() + static_cast<std::ptrdiff_t>(begin),
                records.begin() + static_cast<std::ptrdiff_t>(begin + size));
            const auto path = folder_.file(fmt::format("{}", begin));
            SegmentBuilder builder(static_cast<std::uint32_t>(begin));
            test::must(builder.add(part, pool_));
            test::must(builder.write(path, Form::hot, pool_));
            segments_.push_back(std::make_unique<Segment>(test::must(Segment::open(path))));
            std::vector<std::uint32_t> dead;
            for (std::uint32_t r = 0; r < size; ++r) {
                twin.add(part[r]);
                if (prng.below(10) >= dead_of_ten) continue;
                twin.records.back().dead = true;
                const auto start = segments_.back()->table_entry(r).offset;
                const auto words = twin.records.back().symbols.size();
                for (std::uint32_t p = 0; p <= words; ++p) {
                    dead.push_back(segments_.back()->inverse_at(start + p));
                }
            }
            dead_.push_back(std::make_unique<DeadRanks>(dead));
            begin += size;
        }
        std::vector<SegmentRef> refs;
        std::uint32_t first = 0;
        for (std::size_t s = 0; s < segments_.size(); ++s) {
            refs.push_back({segments_[s].get(), first, dead_[s].get()});
            first += segments_[s]->record_count();
        }
        view.emplace(std::move(refs));
    }

    NaiveIndex twin;
    std::optional<IndexView> view;

private:
    test::ScratchFolder folder_;
    ThreadPool pool_;
    std::vector<std::unique_ptr<Segment>> segments_;
    std::vector<std::unique_ptr<DeadRanks>> dead_;
};

TEST(Query, equals_scanning_in_one_segment) {
    Prng prng(31);
    for (int round = 0; round < 20; ++round) {
        const auto corpus = test::random_corpus(prng, prng.below(30), 40, 3 + prng.below(60));
        const SplitCorpus split(corpus, prng, 100, 0);
        ASSERT_NO_FATAL_FAILURE(test::compare(*split.view, split.twin, prng, 25));
        if (split.view->segments().size() != 1) continue;
        const IndexView alone(split.view->segment(0));
        ASSERT_NO_FATAL_FAILURE(test::compare(alone, split.twin, prng, 5));
    }
}

TEST(Query, equals_scanning_over_segments_with_deleted_records) {
    Prng prng(32);
    for (int round = 0; round < 30; ++round) {
        const auto corpus = test::random_corpus(prng, prng.below(30), 40, 3 + prng.below(60));
        const SplitCorpus split(corpus, prng, 1 + prng.below(12), prng.below(11));
        ASSERT_NO_FATAL_FAILURE(test::compare(*split.view, split.twin, prng, 20));
    }
}

TEST(Query, equals_scanning_where_all_is_alike) {
    Prng prng(33);
    for (int round = 0; round < 12; ++round) {
        const auto corpus = test::odd_corpus(prng, round);
        const SplitCorpus split(corpus, prng, 1 + prng.below(4), prng.below(5));
        ASSERT_NO_FATAL_FAILURE(test::compare(*split.view, split.twin, prng, 15));
    }
}

// Names of a test stand for words here.
Words words(std::string_view text) { return test::words_of(text); }

TEST(Query, says_what_follows) {
    Prng prng(1);
    const test::Corpus corpus{{"the cat sat", "the cat ran", "the cat ran", "a cat"}, {0, 1, 1, 3}};
    const SplitCorpus split(corpus, prng, 2, 0);
    const auto next = *next_symbols(*split.view, words("cat"), 10);
    EXPECT_EQ(next.total, 4U);
    EXPECT_EQ(next.ends, 1U);
    EXPECT_EQ(next.distinct, 2U);
    EXPECT_EQ(next.symbols[0].word, words("ran")[0]);
    EXPECT_EQ(next.symbols[0].count, 2U);
    const auto infinity = *infinity_gram(*split.view, words("dog and a cat"), 10);
    EXPECT_EQ(infinity.context, 1U); // "a cat" is followed by nothing
    EXPECT_EQ(infinity.symbols, next.symbols);
    const auto probability =
        *infinity_gram_probability(*split.view, words("the cat"), words("ran")[0]);
    EXPECT_EQ(probability, (Probability{2, 2, 3}));
}

TEST(Query, finds_close_clauses) {
    Prng prng(1);
    const test::Corpus corpus{
        {"court ruled that the seller pays damages", "the seller x x x x x x x pays", "seller"},
        {0, 1, 2}};
    const SplitCorpus split(corpus, prng, 2, 0);
    CnfQuery query{.clauses = {{words("seller"), words("vendor")}, {words("pays")}},
                   .distance = 3,
                   .limit = 10};
    auto result = *cnf_search(*split.view, query);
    EXPECT_EQ(result.records, 1U);
    ASSERT_EQ(result.places.size(), 1U);
    EXPECT_EQ(result.places[0].clauses[0].offset, 21U);
    EXPECT_EQ(result.places[0].clauses[0].size, 6U);
    query.distance = 0;
    EXPECT_EQ(cnf_search(*split.view, query)->records, 2U);
}

TEST(Query, finds_a_sentence_with_changed_words) {
    Prng prng(1);
    const test::Corpus corpus{
        {"nothing of it here", "the quick brown fox jumps over the lazy dog near the old mill"},
        {0, 1}};
    const SplitCorpus split(corpus, prng, 1, 0);
    const auto answer =
        words("they say the quick brown fox leaps over the lazy dog close to the old mill");
    const auto spans = *fuzzy_spans(*split.view, answer, {});
    ASSERT_EQ(spans.size(), 1U);
    const FuzzySpan expected{.start = 2,
                             .length = 14,
                             .at = {1, 0},
                             .at_length = 13,
                             .record = 1,
                             .matched = 11,
                             .edits = 3};
    EXPECT_EQ(spans[0], expected);
}

TEST(Query, refuses_what_makes_no_sense) {
    Prng prng(1);
    const SplitCorpus split({{"one two"}, {0}}, prng, 1, 0);
    const Words separator{text::separator_word(0)};
    const auto& view = *split.view;
    EXPECT_EQ(count(view, separator).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(locate(view, separator, 1).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(spread(view, separator).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(next_symbols(view, separator, 1).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(infinity_gram(view, separator, 1).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(infinity_gram_probability(view, {}, separator[0]).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(fuzzy_spans(view, separator, {}).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(fuzzy_spans(view, words("one"), {.seed_min_symbols = 0}).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(
        fuzzy_spans(view, Words(limits::answer_symbols + 1, words("one")[0]), {}).error().code,
        ErrorCode::too_large);
    EXPECT_EQ(cnf_search(view, {}).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(cnf_search(view, {.clauses = {{}}}).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(cnf_search(view, {.clauses = {{{}}}}).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(cnf_search(view, {.clauses = {{separator}}}).error().code,
              ErrorCode::invalid_argument);
    const std::vector<std::vector<Words>> many(limits::cnf_clauses + 1, {words("one")});
    EXPECT_EQ(cnf_search(view, {.clauses = many}).error().code, ErrorCode::too_large);
}

} // namespace
} // namespace ol::attribution::suffix
