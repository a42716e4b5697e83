#include "attribution/suffix/index/index.hpp"

#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

#include "attribution/suffix/index/index_for_tests.hpp"
#include "attribution/suffix/query/compare_for_tests.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {
namespace {

using test::must;
using test::NaiveIndex;

// An index, its naive twin and the records that both get one after the other.
class Twins {
public:
    explicit Twins(test::Corpus corpus)
        : corpus_(std::move(corpus))
        , records_(corpus_.records())
        , labels_(test::label(records_))
        , index(must(Index::create(folder.file("index")))) {}

    void append(Prng& prng, std::size_t count) {
        const std::size_t from = twin.records.size();
        const auto to = std::min(records_.size(), from + count);
        const std::vector part(records_.begin() + static_cast<std::ptrdiff_t>(from),
                               records_.begin() + static_cast<std::ptrdiff_t>(to));
        BuildLimits limits;
        if (prng.below(2) == 0) limits.segment_symbols = 1 + prng.below(400);
        ASSERT_EQ(must(index.append(test::source_of(part), limits, pool_)), part.size());
        for (const auto& record : part) twin.add(record);
    }

    void remove(Prng& prng, std::size_t count) {
        if (twin.records.empty()) return;
        std::vector<std::uint32_t> numbers;
        std::uint32_t alive = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const auto number = static_cast<std::uint32_t>(prng.below(twin.records.size()));
            numbers.push_back(number);
            alive += !twin.records[number].dead;
            twin.records[number].dead = true;
        }
        ASSERT_EQ(must(index.remove(numbers)), alive);
    }

    void merge(Prng& prng) {
        const auto segments = index.segments().size();
        if (segments == 0) return;
        auto range = index.merge_candidate();
        if (!range || prng.below(2) == 0) {
            const auto from = prng.below(segments);
            range = {from, from + 1 + prng.below(segments - from)};
        }
        must(index.merge(range->first, range->second, {}, pool_));
        for (std::size_t i = 1; i < index.segments().size(); ++i) {
            ASSERT_EQ(index.segments()[i].first_record,
                      index.segments()[i - 1].first_record + index.segments()[i - 1].records);
        }
    }

    void convert(Prng& prng) {
        const auto segments = index.segments().size();
        if (segments == 0) return;
        const auto number = prng.below(segments);
        const auto form = prng.below(2) == 0 ? Form::hot : Form::cold;
        const auto done = index.convert(number, form, pool_);
        if (!done && done.error().code == ErrorCode::unsupported) return;
        must(done);
        ASSERT_EQ(index.segments()[number].form, form);
    }

    void reopen() { index = must(Index::open(folder.file("index"))); }

private:
    test::ScratchFolder folder_keeper_;
    test::Corpus corpus_;
    std::vector<SourceRecord> records_;
    std::vector<std::string> labels_;
    ThreadPool pool_{1};

public:
    test::ScratchFolder& folder = folder_keeper_;
    NaiveIndex twin;
    Index index;
};

void live(Prng& prng, const test::Corpus& corpus, int steps) {
    Twins twins(corpus);
    for (int step = 0; step < steps; ++step) {
        const auto choice = prng.below(10);
        if (choice < 4) {
            twins.append(prng, 1 + prng.below(12));
        } else if (choice < 6) {
            twins.remove(prng, prng.below(5));
        } else if (choice < 8) {
            twins.merge(prng);
        } else if (choice < 9) {
            twins.convert(prng);
        } else {
            twins.reopen();
        }
        if (::testing::Test::HasFatalFailure()) return;
        ASSERT_NO_FATAL_FAILURE(test::compare(twins.index.view(), twins.twin, prng, 3));
    }
    for (std::uint32_t r = 0; r < twins.twin.records.size(); ++r) {
        const auto segment = twins.index.view().segment_of(r);
        const auto& ref = twins.index.view().segments()[segment];
        ASSERT_EQ(ref.segment->label(r - ref.first_record), twins.twin.records[r].label);
    }
}

TEST(Index, lives_like_its_naive_twin) {
    Prng prng(41);
    for (int round = 0; round < 12; ++round) {
        const auto corpus = test::random_corpus(prng, 60, 40, 3 + prng.below(60));
        ASSERT_NO_FATAL_FAILURE(live(prng, corpus, 14));
    }
}

TEST(Index, lives_like_its_naive_twin_on_odd_texts) {
    Prng prng(42);
    for (int round = 0; round < 15; ++round) {
        ASSERT_NO_FATAL_FAILURE(live(prng, test::odd_corpus(prng, round), 10));
    }
}

TEST(Index, merges_to_the_bytes_of_one_build) {
    Prng prng(43);
    ThreadPool pool(1);
    for (int round = 0; round < 10; ++round) {
        const test::ScratchFolder folder;
        auto corpus = test::random_corpus(prng, 30, 40, 40);
        auto records = corpus.records();
        const auto labels = test::label(records);
        auto index = must(Index::create(folder.file("i")));
        must(index.append(test::source_of(records), {.segment_symbols = 1 + prng.below(1500)},
                          pool));
        const std::vector<std::uint32_t> dead{3, 7, 8, 29};
        if (round % 2 == 0) {
            must(index.remove(dead));
            for (const auto r : dead) records[r].text = "";
        }
        must(index.merge(0, index.segments().size(), {}, pool));
        ASSERT_EQ(index.segments().size(), 1U);
        must(Segment::build(records, folder.file("whole"), pool));
        EXPECT_EQ(*read_file(folder.file("i") / index.segments()[0].file, 1 << 30),
                  *read_file(folder.file("whole"), 1 << 30));
    }
}

TEST(Index, keeps_few_segments) {
    Prng prng(44);
    Twins twins(test::random_corpus(prng, 200, 30, 100));
    ThreadPool pool(1);
    while (twins.twin.records.size() < 200) {
        twins.append(prng, 5);
        while (const auto range = twins.index.merge_candidate()) {
            must(twins.index.merge(range->first, range->second, {}, pool));
        }
        const auto segments = twins.index.segments();
        for (std::size_t i = 1; i < segments.size(); ++i) {
            ASSERT_GE(segments[i - 1].symbols, 2 * segments[i].symbols);
        }
    }
    EXPECT_LE(twins.index.segments().size(), 12U);
    // What is deleted is not kept for long.
    std::vector<std::uint32_t> most;
    for (std::uint32_t r = 0; r < 190; ++r) most.push_back(r);
    must(twins.index.remove(most));
    for (const auto r : most) twins.twin.records[r].dead = true;
    ASSERT_TRUE(twins.index.merge_candidate());
    while (const auto range = twins.index.merge_candidate()) {
        must(twins.index.merge(range->first, range->second, {}, pool));
    }
    test::compare(twins.index.view(), twins.twin, prng, 10);
}

TEST(Index, says_why_it_refuses) {
    const test::ScratchFolder folder;
    ThreadPool pool(1);
    const auto path = folder.file("i");
    EXPECT_EQ(Index::open(path).error().code, ErrorCode::not_found);
    auto index = must(Index::create(path));
    EXPECT_EQ(Index::create(path).error().code, ErrorCode::already_exists);
    EXPECT_EQ(index.view().record_count(), 0U);
    EXPECT_EQ(count(index.view(), test::words_of("word")), 0U);
    must(write_file_atomic(folder.file("other") / "mine.txt", "text"));
    EXPECT_EQ(Index::create(folder.file("other")).error().code, ErrorCode::invalid_argument);

    // Whatever is beside the manifest.
    must(write_file_atomic(path / "a", ""));
    must(write_file_atomic(path / "z", ""));
    EXPECT_EQ(Index::create(path).error().code, ErrorCode::already_exists);
    std::filesystem::remove(path / "a");
    std::filesystem::remove(path / "z");

    const test::Corpus corpus{{"one two", "bad \xff"}, {0, 1}};
    const auto bad = index.append(test::source_of(corpus.records()), {}, pool);
    EXPECT_EQ(bad.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(bad.error().context.find("record 1"), std::string::npos);
    const test::Corpus clusters{{"one", "two"}, {0, 2}};
    EXPECT_EQ(index.append(test::source_of(clusters.records()), {}, pool).error().code,
              ErrorCode::invalid_argument);
    const RecordSource broken = [] { return fail(ErrorCode::io, "the disk is gone"); };
    EXPECT_EQ(index.append(broken, {}, pool).error().context, "the disk is gone");
    EXPECT_TRUE(test::files_of(path).empty());
    const std::vector<std::uint32_t> number{0};
    EXPECT_EQ(index.remove(number).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(index.merge(0, 1, {}, pool).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(index.convert(0, Form::cold, pool).error().code, ErrorCode::invalid_argument);
}

TEST(Index, stops_when_asked_and_leaves_nothing) {
    Prng prng(45);
    const test::ScratchFolder folder;
    ThreadPool pool(1);
    const auto corpus = test::random_corpus(prng, 40, 30, 50);
    auto index = must(Index::create(folder.file("i")));
    must(index.append(test::source_of(corpus.records()), {.segment_symbols = 800}, pool));
    const auto before = test::files_of(folder.file("i"));
    std::vector<SourceRecord> more(10);
    for (std::uint32_t i = 0; i < 10; ++i) {
        more[i].cluster = 40 + i;
        more[i].text = "more of it";
    }
    for (int after = 0; after < 60; ++after) {
        int left = after;
        const ProgressSink stop = [&](std::string_view, std::uint64_t, std::uint64_t) {
            return left-- > 0;
        };
        const auto merged = index.merge(0, index.segments().size(), {}, pool, stop);
        if (merged) break;
        ASSERT_EQ(merged.error().code, ErrorCode::cancelled);
        ASSERT_EQ(test::files_of(folder.file("i")), before);
        left = after;
        const auto added = index.append(test::source_of(more), {.segment_symbols = 30}, pool, stop);
        if (added) break;
        ASSERT_EQ(added.error().code, ErrorCode::cancelled);
        ASSERT_EQ(test::files_of(folder.file("i")), before);
        ASSERT_EQ(index.view().record_count(), 40U);
    }
}

TEST(Index, has_one_writer_and_readers_that_keep_what_they_opened) {
    Prng prng(46);
    Twins twins(test::random_corpus(prng, 40, 30, 50));
    ThreadPool pool(1);
    const auto path = twins.folder.file("index");
    twins.append(prng, 10);
    const auto reader = must(Index::open(path));
    const NaiveIndex as_opened = twins.twin;
    auto other = must(Index::open(path));
    Result<std::uint32_t> refused = 0;
    const RecordSource source = [&]() -> Result<std::optional<SourceRecord>> {
        refused = other.remove(std::vector<std::uint32_t>{0});
        return std::nullopt;
    };
    must(twins.index.append(source, {}, pool));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_NE(refused.error().context.find(fmt::format("process {}", ::getpid())),
              std::string::npos)
        << refused.error().context;

    twins.append(prng, 10);
    twins.remove(prng, 5);
    must(twins.index.merge(0, twins.index.segments().size(), {}, pool));
    ASSERT_NO_FATAL_FAILURE(test::compare(reader.view(), as_opened, prng, 10));
    // A writer that opened before goes on from what is there now.
    EXPECT_EQ(other.merge(0, 1, {}, pool).error().code, ErrorCode::conflict);
    const std::vector<std::uint32_t> number{1};
    must(other.remove(number));
    twins.twin.records[1].dead = true;
    ASSERT_NO_FATAL_FAILURE(test::compare(other.view(), twins.twin, prng, 10));
    twins.reopen();
    ASSERT_NO_FATAL_FAILURE(test::compare(twins.index.view(), twins.twin, prng, 10));
}

TEST(Index, checks_a_file_once_and_again_when_it_was_touched) {
    const test::ScratchFolder folder;
    const Path path = folder.file("index");
    ThreadPool pool(1);
    auto index = Index::create(path);
    ASSERT_TRUE(index);
    bool given = false;
    ASSERT_TRUE(index->append(
        [&]() -> Result<std::optional<SourceRecord>> {
            if (std::exchange(given, true)) return std::nullopt;
            SourceRecord record;
            record.text = "some words of a record";
            return record;
        },
        {}, pool));
    const Path file = path / index->segments()[0].file;
    // As if it had been written long ago: what is fresh is not remembered.
    ASSERT_TRUE(Index::open(path));
    EXPECT_FALSE(std::filesystem::exists(path / "checked"));
    std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() -
                                               std::chrono::hours(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(2100));
    ASSERT_TRUE(Index::open(path));
    EXPECT_TRUE(std::filesystem::exists(path / "checked"));
    ASSERT_TRUE(Index::open(path));

    auto bytes = *read_file(file, 1 << 20);
    bytes.back() ^= 1;
    ASSERT_TRUE(write_file_atomic(file, ByteView(bytes)));
    const auto damaged = Index::open(path);
    ASSERT_FALSE(damaged);
    EXPECT_EQ(damaged.error().code, ErrorCode::corrupted);
    bytes.back() ^= 1;
    ASSERT_TRUE(write_file_atomic(file, ByteView(bytes)));
    ASSERT_TRUE(Index::open(path, {.recheck = true}));
}

} // namespace
} // namespace ol::attribution::suffix
