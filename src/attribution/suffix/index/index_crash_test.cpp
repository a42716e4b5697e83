// An index whose writer is killed at any moment, and one whose files were damaged.
#include <csignal>

#include <sys/wait.h>

#include "attribution/suffix/index/index_for_tests.hpp"
#include "attribution/suffix/query/compare_for_tests.hpp"

namespace ol::attribution::suffix {
namespace {

using test::must;
using test::NaiveIndex;

// Change number n of a story that is the same for the child that writes and the parent that looks.
class Story {
public:
    explicit Story(std::uint64_t seed)
        : seed_(seed) {
        Prng prng(seed);
        corpus_ = test::random_corpus(prng, 400, 30, 60);
        records_ = corpus_.records();
    }

    void write(Index& index, std::uint64_t change) const {
        ThreadPool pool(1);
        Prng prng(seed_ + change * 7919);
        const auto records = index.view().record_count();
        const auto kind = kind_of(change, records);
        if (kind == Kind::append) {
            must(index.append(test::source_of(part(records)), {.segment_symbols = 300}, pool));
        } else if (kind == Kind::remove) {
            must(index.remove(victims(prng, records)));
        } else {
            must(index.merge(0, index.segments().size(), {}, pool));
        }
    }

    void tell(NaiveIndex& twin, std::uint64_t change) const {
        Prng prng(seed_ + change * 7919);
        const auto records = static_cast<std::uint32_t>(twin.records.size());
        const auto kind = kind_of(change, records);
        if (kind == Kind::append) {
            for (const auto& record : part(records)) twin.add(record);
        } else if (kind == Kind::remove) {
            for (const auto r : victims(prng, records)) twin.records[r].dead = true;
        }
    }

private:
    enum class Kind { append, remove, merge };
    Kind kind_of(std::uint64_t change, std::uint32_t records) const {
        // Each of them changes something: what is removed came with the last append, and an append
        // leaves at least two segments to merge.
        if (change % 3 == 0 && records < records_.size()) return Kind::append;
        return change % 3 == 1 ? Kind::remove : Kind::merge;
    }
    std::vector<SourceRecord> part(std::uint32_t from) const {
        const auto to = std::min<std::size_t>(records_.size(), from + 9);
        return {records_.begin() + from, records_.begin() + static_cast<std::ptrdiff_t>(to)};
    }
    static std::vector<std::uint32_t> victims(Prng& prng, std::uint32_t records) {
        return {records - 1, records - 2 - static_cast<std::uint32_t>(prng.below(5))};
    }

    std::uint64_t seed_;
    test::Corpus corpus_;
    std::vector<SourceRecord> records_;
};

constexpr std::uint64_t most_changes = 120;

[[noreturn]] void write_until_killed(const Story& story, const Path& folder) {
    auto index = must(Index::open(folder));
    for (auto change = test::manifest_of(folder).generation; change < most_changes; ++change) {
        story.write(index, change);
    }
    for (;;) ::pause();
}

TEST(IndexCrash, leaves_the_state_before_or_after) {
    const test::ScratchFolder scratch;
    const auto folder = scratch.file("i");
    must(Index::create(folder));
    const Story story(61);
    Prng prng(62);
    NaiveIndex twin;
    std::uint64_t told = 0;
    for (std::uint64_t round = 0; (round < 40 || told < 6) && told < most_changes; ++round) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) write_until_killed(story, folder);
        // Longer each time, so that a slow machine gets on too.
        ::usleep(static_cast<useconds_t>(prng.below(5'000 + 2'000 * round)));
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));

        auto index = must(Index::open(folder));
        for (const auto now = test::manifest_of(folder).generation; told < now; ++told) {
            story.tell(twin, told);
        }
        ASSERT_NO_FATAL_FAILURE(test::compare(index.view(), twin, prng, 2));
        // The next writer cleans up, even when it changes nothing.
        must(index.remove({}));
        ASSERT_EQ(test::files_of(folder), test::named_files(folder));
    }
}

TEST(IndexCrash, readers_clean_up_nothing) {
    const test::ScratchFolder scratch;
    const auto folder = scratch.file("i");
    must(Index::create(folder));
    must(write_file_atomic(folder / "segment-00000001.seg", "half of a segment"));
    must(write_file_atomic(folder / "tombstones-00000002.dead.tmp-1-1", ""));
    must(write_file_atomic(folder / "owners.txt", "{}"));
    auto index = must(Index::open(folder));
    EXPECT_EQ(test::files_of(folder).size(), 3U);
    must(index.remove({}));
    EXPECT_EQ(test::files_of(folder), std::set<std::string>{"owners.txt"});
}

class IndexDamage : public ::testing::Test {
protected:
    IndexDamage() {
        Prng prng(63);
        ThreadPool pool(1);
        const auto corpus = test::random_corpus(prng, 30, 30, 40);
        auto index = must(Index::create(folder_));
        must(index.append(test::source_of(corpus.records()), {.segment_symbols = 400}, pool));
        must(index.remove(std::vector<std::uint32_t>{2, 3, 5}));
    }

    void expect_refused(const Path& path, const Bytes& bytes) {
        must(write_file_atomic(path, ByteView(bytes)));
        const auto opened = Index::open(folder_);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, ErrorCode::corrupted) << opened.error().context;
        EXPECT_NE(opened.error().context.find(path.filename().string()), std::string::npos)
            << opened.error().context;
    }

    test::ScratchFolder scratch_;
    Path folder_ = scratch_.file("i");
};

TEST_F(IndexDamage, is_refused_with_the_name_of_the_file) {
    Prng prng(64);
    auto files = test::named_files(folder_);
    files.insert("manifest.json");
    ASSERT_GE(files.size(), 4U);
    for (const auto& file : files) {
        const Path path = folder_ / file;
        const Bytes good = must(read_file(path, 1 << 30));
        for (int round = 0; round < 40; ++round) {
            auto bad = good;
            bad[prng.below(bad.size())] ^= static_cast<std::uint8_t>(1 << prng.below(8));
            ASSERT_NO_FATAL_FAILURE(expect_refused(path, bad));
            bad = good;
            bad.resize(prng.below(bad.size()));
            ASSERT_NO_FATAL_FAILURE(expect_refused(path, bad));
        }
        auto longer = good;
        longer.push_back(0);
        ASSERT_NO_FATAL_FAILURE(expect_refused(path, longer));
        must(write_file_atomic(path, ByteView(good)));
    }
    EXPECT_TRUE(Index::open(folder_));
}

TEST_F(IndexDamage, a_missing_or_exchanged_file_is_refused) {
    std::vector<std::string> segments;
    for (const auto& entry : test::manifest_of(folder_).segments) segments.push_back(entry.file);
    ASSERT_GE(segments.size(), 2U);
    const Bytes first = must(read_file(folder_ / segments[0], 1 << 30));
    const Bytes second = must(read_file(folder_ / segments[1], 1 << 30));
    expect_refused(folder_ / segments[0], second);
    std::filesystem::remove(folder_ / segments[0]);
    const auto opened = Index::open(folder_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::corrupted);
    EXPECT_NE(opened.error().context.find(segments[0]), std::string::npos);
    must(write_file_atomic(folder_ / segments[0], ByteView(first)));
    EXPECT_TRUE(Index::open(folder_));
}

} // namespace
} // namespace ol::attribution::suffix
