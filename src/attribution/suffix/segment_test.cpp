#include "attribution/suffix/segment.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "attribution/suffix/corpus_for_tests.hpp"
#include "crypto/merkle.hpp"
#include "text/reader.hpp"

namespace ol::attribution::suffix {
namespace {

using test::Corpus;
using text::SymbolWord;
using Words = std::vector<SymbolWord>;

std::vector<std::uint32_t> naive_suffix_array(const Words& text) {
    std::vector<std::uint32_t> out(text.size());
    std::iota(out.begin(), out.end(), 0U);
    std::sort(out.begin(), out.end(), [&](std::uint32_t a, std::uint32_t b) {
        return std::lexicographical_compare(text.begin() + a, text.end(), text.begin() + b,
                                            text.end());
    });
    return out;
}

// Where the pattern's first `length` words occur, ascending.
std::vector<std::uint32_t> naive_occurrences(const Words& text,
                                             std::span<const SymbolWord> pattern) {
    std::vector<std::uint32_t> out;
    for (std::size_t p = 0; p + pattern.size() <= text.size(); ++p) {
        if (std::equal(pattern.begin(), pattern.end(),
                       text.begin() + static_cast<std::ptrdiff_t>(p))) {
            out.push_back(static_cast<std::uint32_t>(p));
        }
    }
    return out;
}

std::vector<std::uint32_t> positions_of(const Segment& segment, Interval interval) {
    const auto sa = segment.suffix_array();
    std::vector<std::uint32_t> out(sa.begin() + interval.low, sa.begin() + interval.high);
    std::sort(out.begin(), out.end());
    return out;
}

void expect_equals_definition(const Segment& segment, const Corpus& corpus) {
    const Words text = test::text_of(corpus);
    ASSERT_EQ(segment.symbol_count(), text.size());
    ASSERT_EQ(segment.record_count(), corpus.texts.size());
    std::map<SymbolWord, std::uint64_t> counts;
    for (const auto& word : text) ++counts[word];
    EXPECT_EQ(segment.dictionary_size() + segment.record_count(), counts.size());
    std::uint32_t rank = 0;
    std::map<SymbolWord, std::uint32_t> ranks;
    for (const auto& [word, count] : counts) {
        ranks[word] = rank;
        ASSERT_EQ(segment.rank_of(word), rank++);
        ASSERT_EQ(segment.occurrences(word), count);
        const auto expected =
            static_cast<double>(256 * std::log2l(static_cast<long double>(text.size()) /
                                                 static_cast<long double>(count)));
        ASSERT_NEAR(segment.surprise(word), expected, 1.0);
    }
    ASSERT_TRUE(std::ranges::equal(segment.suffix_array(), naive_suffix_array(text)));
    const auto records = corpus.records();
    std::uint32_t position = 0;
    for (std::uint32_t r = 0; r < records.size(); ++r) {
        const auto entry = segment.table_entry(r);
        EXPECT_EQ(entry.offset, position);
        EXPECT_EQ(entry.leaf_hash, records[r].leaf_hash);
        EXPECT_EQ(entry.owner, records[r].owner);
        EXPECT_EQ(entry.cluster, records[r].cluster);
        auto symbols = *text::symbolize(records[r].text);
        symbols.push_back({text::separator_word(r), 0, 0});
        for (const auto& symbol : symbols) {
            ASSERT_EQ(segment.word_at(position), symbol.word);
            ASSERT_EQ(segment.ranks()[position], ranks[symbol.word]);
            ASSERT_EQ(segment.record_at(position), r);
            ASSERT_EQ(segment.place_at(position).offset, symbol.offset);
            ASSERT_EQ(segment.place_at(position).size, symbol.size);
            ASSERT_EQ(segment.suffix_array()[segment.inverse()[position]], position);
            ++position;
        }
    }
    const auto audited = segment.audit();
    EXPECT_TRUE(audited) << audited.error().to_string();
}

TEST(Segment, equals_its_definition) {
    const test::ScratchFolder folder;
    Prng prng(10);
    for (int round = 0; round < 40; ++round) {
        const auto corpus = test::random_corpus(prng, prng.below(30), 40, 3 + prng.below(60));
        expect_equals_definition(test::build_segment(corpus, folder.file("a.seg")), corpus);
    }
}

TEST(Segment, of_nothing_and_of_empty_records) {
    const test::ScratchFolder folder;
    const Corpus nothing;
    const auto empty = test::build_segment(nothing, folder.file("empty.seg"));
    expect_equals_definition(empty, nothing);
    EXPECT_EQ(empty.find({}), (Interval{0, 0}));
    const Words pattern = test::words_of("some words");
    EXPECT_EQ(empty.find(pattern), (Interval{0, 0}));
    ASSERT_EQ(empty.matching_statistics(pattern).size(), 2U);
    EXPECT_EQ(empty.surprise(pattern[0]), 0U);

    const Corpus blank{{"", " \n", "word", ""}, {0, 0, 2, 3}};
    expect_equals_definition(test::build_segment(blank, folder.file("blank.seg")), blank);
    const Corpus same{{"a a a a a a a", "a a a", "a"}, {0, 1, 2}};
    expect_equals_definition(test::build_segment(same, folder.file("same.seg")), same);
}

TEST(Segment, same_bytes_for_every_thread_count) {
    const test::ScratchFolder folder;
    Prng prng(11);
    const auto corpus = test::random_corpus(prng, 3000, 60, 900);
    test::build_segment(corpus, folder.file("1"), 1);
    test::build_segment(corpus, folder.file("2"), 2);
    test::build_segment(corpus, folder.file("7"), 7);
    const auto one = *read_file(folder.file("1"), 1 << 30);
    EXPECT_EQ(one, *read_file(folder.file("2"), 1 << 30));
    EXPECT_EQ(one, *read_file(folder.file("7"), 1 << 30));
}

TEST(Segment, refuses_bad_records) {
    const test::ScratchFolder folder;
    ThreadPool pool(2);
    Corpus corpus{{"one", "two", "bad \xff byte", "also \xfe bad"}, {0, 1, 2, 3}};
    const auto bad_text = Segment::build(corpus.records(), folder.file("x"), pool);
    ASSERT_FALSE(bad_text);
    EXPECT_EQ(bad_text.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(bad_text.error().context.find("record 2"), std::string::npos);

    for (const auto& clusters :
         {std::vector<std::uint32_t>{0, 2, 2, 3}, {0, 0, 1, 3}, {1, 1, 2, 3}}) {
        corpus = {{"one", "two", "three", "four"}, clusters};
        const auto segment = Segment::build(corpus.records(), folder.file("x"), pool);
        ASSERT_FALSE(segment);
        EXPECT_EQ(segment.error().code, ErrorCode::invalid_argument);
    }
    EXPECT_FALSE(std::filesystem::exists(folder.file("x")));

    corpus = {{"one"}, {0}};
    const auto stopped = Segment::build(corpus.records(), folder.file("x"), pool,
                                        [](auto, auto, auto) { return false; });
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
    const auto nowhere = Segment::build(corpus.records(), "/proc/no/such/folder/x", pool);
    EXPECT_FALSE(nowhere);
}

TEST(Segment, open_finds_every_kind_of_damage) {
    const test::ScratchFolder folder;
    const Corpus corpus{{"the quick brown fox", "the quick red fox", ""}, {0, 0, 2}};
    const Path path = folder.file("damaged.seg");
    test::build_segment(corpus, path);
    const auto good = *read_file(path, 1 << 20);
    ASSERT_TRUE(Segment::open(path));
    ASSERT_TRUE(Segment::parse(good, "memory"));

    for (std::size_t size = 0; size < good.size(); ++size) {
        const auto cut = Segment::parse(
            Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)), "cut.seg");
        ASSERT_FALSE(cut) << size;
        ASSERT_EQ(cut.error().code, ErrorCode::corrupted);
        ASSERT_NE(cut.error().context.find("cut.seg"), std::string::npos);
    }
    for (std::size_t at = 0; at < good.size(); ++at) {
        Bytes flipped = good;
        flipped[at] ^= static_cast<std::uint8_t>(1U << at % 8);
        const auto segment = Segment::parse(std::move(flipped), "flipped.seg");
        ASSERT_FALSE(segment) << at;
        ASSERT_EQ(segment.error().code, ErrorCode::corrupted);
    }
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_FALSE(Segment::parse(longer, "longer.seg"));

    Bytes swapped = good;
    swapped[good.size() / 2] ^= 1;
    ASSERT_TRUE(write_file_atomic(path, ByteView(swapped)));
    const auto opened = Segment::open(path);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().context.find("damaged.seg"), std::string::npos);
    EXPECT_EQ(Segment::open(folder.file("missing.seg")).error().code, ErrorCode::not_found);
}

TEST(Segment, find_equals_scanning) {
    const test::ScratchFolder folder;
    Prng prng(12);
    for (int round = 0; round < 25; ++round) {
        const std::size_t vocabulary = 2 + prng.below(40);
        const auto corpus = test::random_corpus(prng, 1 + prng.below(30), 30, vocabulary);
        const auto segment = test::build_segment(corpus, folder.file("f.seg"));
        const Words text = test::text_of(corpus);
        EXPECT_EQ(segment.find({}).count(), segment.symbol_count());
        for (int query = 0; query < 60; ++query) {
            Words pattern;
            if (prng.below(2) == 0) { // a piece of T, separators included
                const auto from = prng.below(text.size());
                const auto size = 1 + prng.below(std::min<std::size_t>(8, text.size() - from));
                pattern.assign(text.begin() + static_cast<std::ptrdiff_t>(from),
                               text.begin() + static_cast<std::ptrdiff_t>(from + size));
            } else {
                for (auto n = 1 + prng.below(3); n > 0; --n) {
                    pattern.push_back(
                        test::words_of(test::word_name(prng.below(vocabulary + 2)))[0]);
                }
            }
            const auto found = segment.find(pattern);
            ASSERT_EQ(positions_of(segment, found), naive_occurrences(text, pattern));
            if (found.count() == 0) {
                ASSERT_EQ(found, (Interval{0, 0}));
            }
        }
        EXPECT_EQ(segment.find(Words{text::separator_word(segment.record_count())}).count(), 0U);
        EXPECT_FALSE(segment.rank_of(SymbolWord{}));
    }
}

TEST(Segment, matching_statistics_equal_scanning) {
    const test::ScratchFolder folder;
    Prng prng(13);
    for (int round = 0; round < 40; ++round) {
        const std::size_t vocabulary = 2 + prng.below(30);
        const auto corpus = test::random_corpus(prng, prng.below(25), 30, vocabulary);
        const auto segment = test::build_segment(corpus, folder.file("m.seg"));
        const Words text = test::text_of(corpus);
        Words pattern = test::words_of(test::random_answer(prng, corpus, 8, vocabulary));
        if (!text.empty() && prng.below(3) == 0) { // across a separator
            pattern.insert(pattern.end(), text.begin(), text.end());
        }
        const auto statistics = segment.matching_statistics(pattern);
        ASSERT_EQ(statistics.size(), pattern.size());
        for (std::size_t i = 0; i < pattern.size(); ++i) {
            const auto rest = std::span<const SymbolWord>(pattern).subspan(i);
            std::size_t longest = 0;
            for (std::size_t p = 0; p < text.size(); ++p) {
                std::size_t k = 0;
                while (k < rest.size() && p + k < text.size() && text[p + k] == rest[k]) ++k;
                longest = std::max(longest, k);
            }
            ASSERT_EQ(statistics[i].length, longest);
            ASSERT_EQ(positions_of(segment, statistics[i].interval),
                      longest == 0 ? positions_of(segment, {0, segment.symbol_count()})
                                   : naive_occurrences(text, rest.first(longest)));
        }
    }
}

TEST(Segment, surprise_is_the_logarithm_rounded_down) {
    EXPECT_EQ(surprise_of(1, 1), 0U);
    EXPECT_EQ(surprise_of(2, 1), 256U);
    EXPECT_EQ(surprise_of(1ULL << 31, 1), 31U * 256);
    EXPECT_EQ(surprise_of(3, 2), 149U); // 256 log2(1.5) = 149.75
    EXPECT_EQ(surprise_of(0, 1), 0U);
    EXPECT_EQ(surprise_of(5, 7), 0U);
    Prng prng(14);
    for (int round = 0; round < 200000; ++round) {
        const std::uint64_t symbols = 1 + prng.below(1ULL << (1 + prng.below(32)));
        const std::uint64_t count =
            1 + prng.below(round % 2 == 0 ? symbols : std::min<std::uint64_t>(symbols, 50));
        const long double exact =
            256 * std::log2l(static_cast<long double>(symbols) / static_cast<long double>(count));
        const auto got = static_cast<long double>(surprise_of(symbols, count));
        ASSERT_LE(got, exact + 1e-9L);
        ASSERT_GT(got, exact - 1 - 1e-9L);
    }
}

TEST(Segment, table_entry_is_abi_encoded) {
    TableEntry entry{0x01020304, {}, {}, 0x0a0b0c0d};
    entry.leaf_hash.data.fill(0x11);
    entry.owner.data.fill(0x22);
    EXPECT_EQ(to_hex(entry.encode()), std::string(56, '0') + "01020304" + std::string(64, '1') +
                                          std::string(24, '0') + std::string(40, '2') +
                                          std::string(56, '0') + "0a0b0c0d");
}

TEST(Segment, of_a_real_dictionary) {
    const Path source = "/usr/share/dictd/foldoc.index";
    if (!std::filesystem::exists(source)) GTEST_SKIP() << "no " << source;
    const auto read = text::read_documents(source);
    ASSERT_TRUE(read) << read.error().to_string();
    Corpus corpus;
    for (const auto& document : read->documents) {
        corpus.clusters.push_back(static_cast<std::uint32_t>(corpus.texts.size()));
        corpus.texts.push_back(document.title + "\n" + document.text);
    }
    const test::ScratchFolder folder;
    const auto segment = test::build_segment(corpus, folder.file("foldoc.seg"), 2);
    const auto audited = segment.audit();
    ASSERT_TRUE(audited) << audited.error().to_string();
    const Words text = test::text_of(corpus);
    ASSERT_EQ(text.size(), segment.symbol_count());
    Prng prng(16);
    for (int query = 0; query < 60; ++query) {
        const auto from = static_cast<std::ptrdiff_t>(prng.below(text.size() - 8));
        const Words pattern(text.begin() + from,
                            text.begin() + from + 1 + static_cast<std::ptrdiff_t>(prng.below(7)));
        ASSERT_EQ(positions_of(segment, segment.find(pattern)), naive_occurrences(text, pattern));
    }
}

} // namespace
} // namespace ol::attribution::suffix
