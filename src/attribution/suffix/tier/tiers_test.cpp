#include "attribution/suffix/tier/cold_tier.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "attribution/suffix/corpus_for_tests.hpp"
#include "attribution/suffix/dead_ranks.hpp"
#include "attribution/suffix/tier/front_coded.hpp"
#include "attribution/suffix/tier/hot_tier.hpp"

namespace ol::attribution::suffix {
namespace {

using Ranks = std::vector<std::uint32_t>;

// A segment as plain arrays, sorted by comparing suffixes.
struct Arrays {
    Counts counts;
    Ranks text, suffixes, inverse, first, starts;
    std::vector<text::SymbolWord> words;
};

Arrays arrays_of(const std::vector<std::vector<text::SymbolWord>>& records) {
    Arrays out;
    std::set<text::SymbolWord> words;
    for (const auto& record : records) words.insert(record.begin(), record.end());
    out.words.assign(words.begin(), words.end());
    const auto separators = static_cast<std::uint32_t>(records.size());
    for (std::uint32_t r = 0; r < separators; ++r) {
        out.starts.push_back(static_cast<std::uint32_t>(out.text.size()));
        for (const auto& word : records[r]) {
            const auto at = std::lower_bound(out.words.begin(), out.words.end(), word);
            out.text.push_back(separators + static_cast<std::uint32_t>(at - out.words.begin()));
        }
        out.text.push_back(r);
    }
    const auto symbols = static_cast<std::uint32_t>(out.text.size());
    out.counts = {symbols, separators, static_cast<std::uint32_t>(out.words.size()), 2};
    out.suffixes.resize(symbols);
    std::iota(out.suffixes.begin(), out.suffixes.end(), 0U);
    std::sort(out.suffixes.begin(), out.suffixes.end(), [&](std::uint32_t a, std::uint32_t b) {
        return std::lexicographical_compare(out.text.begin() + a, out.text.end(),
                                            out.text.begin() + b, out.text.end());
    });
    out.inverse.resize(symbols);
    for (std::uint32_t i = 0; i < symbols; ++i) out.inverse[out.suffixes[i]] = i;
    for (std::uint32_t d = 0; d <= out.words.size(); ++d) {
        out.first.push_back(static_cast<std::uint32_t>(
            std::count_if(out.text.begin(), out.text.end(),
                          [&](std::uint32_t symbol) { return symbol < separators + d; })));
    }
    return out;
}

// Records of numbered words; few words and copies make long repeats.
Arrays random_arrays(Prng& prng, std::size_t records, std::size_t most, std::size_t vocabulary) {
    std::vector<std::vector<text::SymbolWord>> out;
    for (std::size_t r = 0; r < records; ++r) {
        auto& record = out.emplace_back();
        const auto length = prng.below(most + 1);
        while (record.size() < length) {
            const auto source = out[prng.below(out.size())]; // a copy: it may be this record
            if (prng.below(3) == 0 && !source.empty()) {
                const auto from = prng.below(source.size());
                const auto to = from + 1 + prng.below(source.size() - from);
                for (auto i = from; i < to; ++i) record.push_back(source[i]);
            } else {
                text::SymbolWord word;
                word[0] = 'w';
                put_be32(word.data.data() + 1,
                         0x41414141 + static_cast<std::uint32_t>(prng.below(vocabulary)));
                record.push_back(word);
            }
        }
    }
    return arrays_of(out);
}

struct Cold {
    Bytes first;
    PsiSections psi;

    explicit Cold(const Arrays& arrays, std::uint32_t sample_step = cold_sample_step,
                  unsigned threads = 1) {
        ThreadPool pool(threads);
        const auto& counts = arrays.counts;
        psi = encode_psi({counts.symbols, counts.records, counts.words, sample_step},
                         arrays.suffixes, arrays.inverse, arrays.first, pool);
        first.resize(arrays.first.size() * 4);
        std::memcpy(first.data(), arrays.first.data(), first.size());
    }
    ColdTier::Sections sections() const {
        return {first, psi.blocks, psi.bits, psi.samples, psi.inverse_samples};
    }
    std::unique_ptr<ColdTier> open(const Counts& counts, const PsiKernels& kernels) const {
        auto tier = ColdTier::open(counts, sections(), kernels);
        EXPECT_TRUE(tier) << tier.error().to_string();
        return tier ? std::move(*tier) : nullptr;
    }
};

// The answers, from their definitions.
struct Naive {
    const Arrays& arrays;

    std::uint32_t shared(std::uint32_t rank, Pattern pattern) const {
        std::uint32_t at = arrays.suffixes[rank], length = 0;
        while (length < pattern.size() && at < arrays.text.size() &&
               arrays.text[at] == pattern[length]) {
            ++at;
            ++length;
        }
        return length;
    }
    Interval find(Pattern pattern) const {
        Interval out;
        for (std::uint32_t rank = 0; rank < arrays.counts.symbols; ++rank) {
            if (shared(rank, pattern) < pattern.size()) continue;
            if (out.count() == 0) out.low = rank;
            out.high = rank + 1;
        }
        return out;
    }
    std::vector<Longest> statistics(Pattern pattern, const DeadRanks* dead) const {
        std::vector<Longest> out;
        for (std::size_t i = 0; i < pattern.size(); ++i) {
            std::uint32_t longest = 0;
            for (std::uint32_t rank = 0; rank < arrays.counts.symbols; ++rank) {
                if (dead != nullptr && dead->contains(rank)) continue;
                longest = std::max(longest, shared(rank, pattern.subspan(i)));
            }
            out.push_back({longest, find(pattern.subspan(i, longest))});
        }
        return out;
    }
    std::vector<Tier::Maximal> maximal(std::span<const Longest> statistics,
                                       std::uint32_t min_length) const {
        std::vector<Tier::Maximal> out;
        for (std::uint32_t i = 0; i < statistics.size(); ++i) {
            const auto length = statistics[i].length;
            if (length < min_length || (i > 0 && length + 1 <= statistics[i - 1].length)) continue;
            out.push_back({i, statistics[i]});
        }
        return out;
    }
};

DeadRanks random_dead(Prng& prng, const Arrays& arrays) {
    Ranks ranks;
    for (std::uint32_t r = 0; r < arrays.counts.records; ++r) {
        if (prng.below(3) != 0) continue;
        const auto end =
            r + 1 < arrays.starts.size() ? arrays.starts[r + 1] : arrays.counts.symbols;
        for (auto p = arrays.starts[r]; p < end; ++p) ranks.push_back(arrays.inverse[p]);
    }
    return DeadRanks(ranks);
}

// Pieces of the text, single symbols, now and then separators and what is absent.
Ranks random_pattern(Prng& prng, const Arrays& arrays, std::size_t most, bool separators) {
    Ranks out;
    const auto symbols = arrays.counts.symbols;
    const auto length = prng.below(most + 1);
    while (out.size() < length) {
        const auto kind = prng.below(8);
        const auto at = static_cast<std::uint32_t>(prng.below(symbols));
        if (kind < 5) {
            for (auto p = at; p < symbols && out.size() < length; ++p) {
                if (!separators && arrays.text[p] < arrays.counts.records) break;
                out.push_back(arrays.text[p]);
                if (prng.below(6) == 0) break;
            }
        } else if (kind < 7) {
            const auto symbol = arrays.text[at];
            if (separators || symbol >= arrays.counts.records) out.push_back(symbol);
        } else if (kind < 7) {
            const auto symbol = arrays.text[at];
            if (separators || symbol >= arrays.counts.records) out.push_back(symbol);
        } else {
            out.push_back(absent);
        }
    }
    return out;
}

void expect_arrays(const Tier& tier, const Arrays& arrays, Prng& prng) {
    const auto symbols = arrays.counts.symbols;
    for (std::uint32_t i = 0; i < symbols; ++i) {
        ASSERT_EQ(tier.text_at(i), arrays.text[i]) << i;
        ASSERT_EQ(tier.suffix_at(i), arrays.suffixes[i]) << i;
        ASSERT_EQ(tier.inverse_at(i), arrays.inverse[i]) << i;
    }
    Ranks out(symbols);
    tier.read_text(0, out);
    ASSERT_EQ(out, arrays.text);
    tier.locate({0, symbols}, out);
    ASSERT_EQ(out, arrays.suffixes);
    for (int i = 0; i < 20 && symbols > 0; ++i) {
        const auto low = static_cast<std::uint32_t>(prng.below(symbols + 1));
        const auto high = low + static_cast<std::uint32_t>(prng.below(symbols - low + 1));
        out.assign(high - low, 0);
        tier.locate({low, high}, out);
        ASSERT_TRUE(std::equal(out.begin(), out.end(), arrays.suffixes.begin() + low));
        tier.read_text(low, out);
        ASSERT_TRUE(std::equal(out.begin(), out.end(), arrays.text.begin() + low));
    }
    for (int i = 0; i < 100 && symbols > 0; ++i) {
        const auto rank = static_cast<std::uint32_t>(prng.below(symbols));
        const auto depth = static_cast<std::uint32_t>(prng.below(i % 2 == 0 ? 9 : symbols + 9));
        const auto at = std::uint64_t{arrays.suffixes[rank]} + depth;
        const std::int64_t expected = at < symbols ? std::int64_t{arrays.text[at]} : end_of_text;
        ASSERT_EQ(tier.symbol_after(rank, depth), expected);
    }
}

void expect_phrases(const Tier& tier, const Arrays& arrays, Prng& prng) {
    const Naive naive{arrays};
    for (std::uint32_t s = 0; s < arrays.counts.records + arrays.counts.words; ++s) {
        ASSERT_EQ(tier.bucket(s), naive.find({&s, 1}));
    }
    ASSERT_EQ(tier.bucket(arrays.counts.records + arrays.counts.words), Interval{});
    ASSERT_EQ(tier.bucket(absent), Interval{});
    for (int i = 0; i < 15; ++i) {
        const Ranks pattern = random_pattern(prng, arrays, 12, true);
        const Interval found = naive.find(pattern);
        ASSERT_EQ(tier.find(pattern), found);
        if (pattern.empty() || found.count() == 0) continue;
        const Pattern rest = Pattern(pattern).subspan(1);
        ASSERT_EQ(tier.without_first(rest, found), naive.find(rest));
        const auto depth = static_cast<std::uint32_t>(pattern.size());
        for (int k = 0; k < 4; ++k) {
            Ranks longer = pattern;
            longer.push_back(k == 0 ? absent : arrays.text[prng.below(arrays.text.size())]);
            const Interval narrowed = naive.find(longer);
            ASSERT_EQ(tier.narrow(found, depth, longer.back()), narrowed);
            // A part of the suffixes that share the prefix.
            const Interval part{found.low + found.count() / 3, found.high};
            Interval both{std::max(part.low, narrowed.low), narrowed.high};
            if (both.low >= both.high) both = {};
            ASSERT_EQ(tier.narrow(part, depth, longer.back()), both);
        }
    }
    ASSERT_EQ(tier.narrow({0, arrays.counts.symbols}, 0, arrays.text[0]),
              tier.bucket(arrays.text[0]));
}

void expect_matches(const Tier& tier, const Arrays& arrays, Prng& prng) {
    const Naive naive{arrays};
    const DeadRanks some = random_dead(prng, arrays), none;
    for (const DeadRanks* dead : {static_cast<const DeadRanks*>(nullptr), &none, &some}) {
        for (int i = 0; i < 6; ++i) {
            const Ranks pattern = random_pattern(prng, arrays, i % 2 == 0 ? 10 : 80, i % 3 == 0);
            const auto expected = naive.statistics(pattern, dead);
            std::vector<Longest> statistics(pattern.size());
            tier.matching_statistics(pattern, dead, statistics);
            ASSERT_EQ(statistics, expected);
            if (i % 3 != 0 && !pattern.empty()) {
                Longest suffix{0, {0, arrays.counts.symbols}};
                for (std::uint32_t k = 0; k < pattern.size() && suffix.length == 0; ++k) {
                    const auto rest = static_cast<std::uint32_t>(pattern.size()) - k;
                    if (expected[k].length == rest) suffix = expected[k];
                }
                const Pattern before = Pattern(pattern).first(pattern.size() - 1);
                const Interval occurs = naive.find(before);
                if (before.empty() || occurs.count() > 0) {
                    const Interval hint =
                        before.empty() ? Interval{0, arrays.counts.symbols} : occurs;
                    ASSERT_EQ(tier.longest_suffix(pattern, hint, dead), suffix);
                }
            }
            for (const std::uint32_t least : {1U, 2U, 4U, 7U, 100U}) {
                ASSERT_EQ(tier.maximal_spans(pattern, least, dead), naive.maximal(expected, least));
            }
        }
    }
}

Container hot_container(const Arrays& arrays) {
    ThreadPool alone(1);
    ContainerWriter writer;
    const auto add = [&]<class T>(SectionId id, const std::vector<T>& items) {
        writer.add_array(id, std::span<const T>(items));
    };
    add(SectionId::first, arrays.first);
    add(SectionId::text, arrays.text);
    add(SectionId::suffix_array, arrays.suffixes);
    add(SectionId::inverse, arrays.inverse);
    add(SectionId::keys, suffix_keys(arrays.text, arrays.suffixes, alone));
    auto parsed = Container::parse(writer.take(arrays.counts), "hot");
    EXPECT_TRUE(parsed) << parsed.error().to_string();
    return std::move(*parsed);
}

// Both tiers against the arrays and scans.
void expect_equal(const Arrays& arrays, Prng& prng, std::uint32_t sample_step) {
    const Cold cold(arrays, sample_step);
    for (const PsiKernels* kernels : {&psi_portable(), psi_bmi2()}) {
        if (kernels == nullptr) continue;
        const auto tier = cold.open(arrays.counts, *kernels);
        ASSERT_TRUE(tier);
        expect_arrays(*tier, arrays, prng);
        if (arrays.counts.symbols == 0) continue;
        expect_phrases(*tier, arrays, prng);
        expect_matches(*tier, arrays, prng);
    }
    const auto file = hot_container(arrays);
    const auto hot = HotTier::open(file);
    ASSERT_TRUE(hot) << hot.error().to_string();
    expect_arrays(**hot, arrays, prng);
    if (arrays.counts.symbols == 0) return;
    expect_phrases(**hot, arrays, prng);
    expect_matches(**hot, arrays, prng);
}

TEST(Tiers, equal_arrays_and_scans) {
    Prng prng(1);
    for (int round = 0; round < 60 && !testing::Test::HasFatalFailure(); ++round) {
        const auto records = 1 + prng.below(round % 4 == 0 ? 40 : 6);
        const auto most = prng.below(round % 3 == 0 ? 5 : 150);
        const auto vocabulary = 1 + prng.below(round % 2 == 0 ? 3 : 60);
        const std::uint32_t steps[] = {1, 2, 7, 32, 64, 1000};
        expect_equal(random_arrays(prng, records, most, vocabulary), prng, steps[round % 6]);
    }
}

TEST(Tiers, equal_arrays_of_larger_texts) {
    Prng prng(2);
    for (const std::size_t vocabulary : {2, 6, 50, 3000}) {
        expect_equal(random_arrays(prng, 12, 700, vocabulary), prng, 32);
    }
}

TEST(Tiers, hold_corpora_of_odd_words) {
    Prng prng(3);
    for (int round = 0; round < 8; ++round) {
        const auto corpus = test::random_corpus(prng, 20, 40, 12);
        expect_equal(arrays_of(test::words_of(corpus)), prng, 32);
    }
    test::Corpus corpus;
    corpus.texts = {"",  "\xf0\x9f\x98\x80 \xf0\x9d\x94\xb8 \xe4\xb8\xad\xe5\x9b\xbd", "",
                    "a", "\xf0\x9f\x98\x80 \xf0\x9d\x94\xb8 \xd0\xb6\xd1\x83\xd0\xba", "",
                    ""};
    expect_equal(arrays_of(test::words_of(corpus)), prng, 32);
}

TEST(Tiers, hold_extremes) {
    Prng prng(4);
    expect_equal(arrays_of({}), prng, 32);
    expect_equal(arrays_of({{}}), prng, 32);
    expect_equal(arrays_of(std::vector<std::vector<text::SymbolWord>>(300)), prng, 32);
    const text::SymbolWord word = test::words_of("a")[0];
    expect_equal(arrays_of({{word}}), prng, 1);
    expect_equal(arrays_of({std::vector(700, word)}), prng, 32); // one symbol, 700 times
    expect_equal(arrays_of({std::vector(128, word), std::vector(127, word)}), prng, 64);
    // Blocks whose every rank starts with another word.
    std::vector<text::SymbolWord> all;
    for (int i = 0; i < 600; ++i) all.push_back(test::words_of(fmt::format("x{:04}", i))[0]);
    expect_equal(arrays_of({all}), prng, 32);
    std::reverse(all.begin(), all.end());
    expect_equal(arrays_of({all, all, all}), prng, 32);
}

TEST(ColdTier, has_the_same_bytes_for_each_thread_count) {
    Prng prng(5);
    // More than two chunks of blocks.
    std::vector<std::vector<text::SymbolWord>> records(100'000);
    const text::SymbolWord word = test::words_of("a")[0];
    for (std::size_t r = 0; r < records.size(); r += 1 + prng.below(3)) records[r] = {word};
    Arrays arrays;
    arrays.words = {word};
    for (std::uint32_t r = 0; r < records.size(); ++r) {
        if (!records[r].empty()) arrays.text.push_back(static_cast<std::uint32_t>(records.size()));
        arrays.text.push_back(r);
    }
    // Suffixes of one word differ in the separator that follows: both runs ascend with the text.
    const auto symbols = static_cast<std::uint32_t>(arrays.text.size());
    for (const bool separators : {true, false}) {
        for (std::uint32_t p = 0; p < symbols; ++p) {
            if ((arrays.text[p] < records.size()) == separators) arrays.suffixes.push_back(p);
        }
    }
    arrays.inverse.resize(symbols);
    for (std::uint32_t i = 0; i < symbols; ++i) arrays.inverse[arrays.suffixes[i]] = i;
    arrays.counts = {symbols, static_cast<std::uint32_t>(records.size()), 1, 2};
    arrays.first = {arrays.counts.records, symbols};

    const Cold one(arrays), four(arrays, cold_sample_step, 4);
    EXPECT_EQ(one.psi.blocks, four.psi.blocks);
    EXPECT_EQ(one.psi.bits, four.psi.bits);
    EXPECT_EQ(one.psi.samples, four.psi.samples);
    EXPECT_EQ(one.psi.inverse_samples, four.psi.inverse_samples);
    const auto tier = one.open(arrays.counts, psi_kernels());
    ASSERT_TRUE(tier);
    Ranks out(symbols);
    tier->locate({0, symbols}, out);
    EXPECT_EQ(out, arrays.suffixes);
    tier->read_text(0, out);
    EXPECT_EQ(out, arrays.text);
}

TEST(ColdTier, opens_from_a_container) {
    const test::ScratchFolder folder;
    Prng prng(6);
    const Arrays arrays = random_arrays(prng, 10, 300, 40);
    ThreadPool pool(2);
    auto writer = ContainerWriter::create(folder.file("cold"));
    ASSERT_TRUE(writer) << writer.error().to_string();
    writer->add_array(SectionId::first, std::span<const std::uint32_t>(arrays.first));
    const auto written = write_cold_sections(*writer,
                                             {.counts = arrays.counts,
                                              .suffix_array = arrays.suffixes,
                                              .inverse = arrays.inverse,
                                              .first = arrays.first,
                                              .words = arrays.words},
                                             pool);
    ASSERT_TRUE(written) << written.error().to_string();
    ASSERT_TRUE(writer->finish(arrays.counts));
    const auto container = Container::open(folder.file("cold"), Container::Check::full);
    ASSERT_TRUE(container) << container.error().to_string();
    const auto tier = ColdTier::open(*container);
    ASSERT_TRUE(tier) << tier.error().to_string();
    expect_arrays(**tier, arrays, prng);
    const auto words = FrontCodedDictionary::open(container->section(SectionId::front_coded_words),
                                                  arrays.counts.words);
    ASSERT_TRUE(words) << words.error().to_string();
    for (std::uint32_t d = 0; d < arrays.counts.words; ++d) {
        ASSERT_EQ((*words)->word(d), arrays.words[d]);
    }
}

TEST(ColdTier, refuses_other_sizes) {
    Prng prng(7);
    const Arrays arrays = random_arrays(prng, 10, 100, 40);
    const Cold cold(arrays);
    const auto refused = [&](const ColdTier::Sections& sections, const Counts& counts) {
        const auto tier = ColdTier::open(counts, sections);
        return !tier && tier.error().code == ErrorCode::corrupted;
    };
    for (const auto member : {&ColdTier::Sections::first, &ColdTier::Sections::psi_blocks,
                              &ColdTier::Sections::samples, &ColdTier::Sections::inverse_samples}) {
        auto sections = cold.sections();
        const auto whole = sections.*member;
        for (std::size_t size = 0; size < whole.size(); ++size) {
            sections.*member = whole.first(size);
            ASSERT_TRUE(refused(sections, arrays.counts));
        }
    }
    auto sections = cold.sections();
    sections.psi_bits = sections.psi_bits.first(1000);
    EXPECT_TRUE(refused(sections, arrays.counts));
    for (const auto member : {&Counts::symbols, &Counts::records, &Counts::words}) {
        for (const std::uint32_t other : {0U, 1U, 0x80000000U, 0xffffffffU}) {
            Counts counts = arrays.counts;
            counts.*member = other;
            EXPECT_TRUE(refused(cold.sections(), counts));
        }
    }
}

TEST(ColdTier, refuses_numbers_that_wrap) {
    const Arrays arrays = arrays_of(std::vector<std::vector<text::SymbolWord>>(5));
    for (const std::uint32_t step : {0U, 1025U, 0x80000000U, 0xffffffffU}) {
        Cold cold(arrays);
        std::memcpy(cold.psi.blocks.data(), &step, sizeof step);
        cold.psi.samples.assign(8, 0);
        cold.psi.inverse_samples.assign(8, 0);
        EXPECT_FALSE(ColdTier::open(arrays.counts, cold.sections()));
    }
    // Counts near 2^32, and sections as small as their remainders.
    const Ranks first{5, 0xffffffff};
    for (const std::size_t blocks : {28, 44, 60}) {
        for (const std::size_t samples : {8, 9, 12, 16}) {
            Bytes small(blocks, 0);
            small[0] = 32;
            small[4] = psi_block;
            const Bytes bits(4096, 0), packed(samples, 0);
            const ByteView first_bytes(reinterpret_cast<const std::uint8_t*>(first.data()), 8);
            EXPECT_FALSE(
                ColdTier::open({0xffffffff, 5, 1, 2}, {first_bytes, small, bits, packed, packed}));
        }
    }
}

// Everything that a query does: any answer is right, but it comes, and from within the sections.
void ask_everything(const ColdTier& tier, const Arrays& arrays, Prng& prng) {
    const auto symbols = arrays.counts.symbols;
    const auto alphabet = arrays.counts.records + arrays.counts.words;
    Ranks out(symbols);
    tier.locate({0, symbols}, out);
    for (const auto position : out) ASSERT_LT(position, symbols);
    for (std::uint32_t i = 0; i < symbols; i += 3) {
        ASSERT_LT(tier.text_at(i), alphabet);
        ASSERT_LT(tier.inverse_at(i), symbols);
        tier.symbol_after(i, static_cast<std::uint32_t>(prng.below(100)));
    }
    tier.read_text(0, out);
    const DeadRanks dead = random_dead(prng, arrays);
    for (int i = 0; i < 10; ++i) {
        const Ranks pattern = random_pattern(prng, arrays, 60, false);
        const Interval found =
            tier.find(Pattern(pattern).first(std::min<std::size_t>(pattern.size(), 3)));
        ASSERT_LE(found.low, found.high);
        ASSERT_LE(found.high, symbols);
        std::vector<Longest> statistics(pattern.size());
        tier.matching_statistics(pattern, i % 2 == 0 ? &dead : nullptr, statistics);
        for (const auto& [length, interval] : statistics) {
            ASSERT_LE(interval.high, symbols);
            if (interval.count() == 0 || length == 0) continue;
            tier.narrow(interval, length, pattern[0]);
            tier.without_first(Pattern(pattern).first(std::min<std::size_t>(8, pattern.size())),
                               interval);
        }
        tier.maximal_spans(pattern, 3, &dead);
    }
}

void ask_altered(const Arrays& arrays, const ColdTier::Sections& sections, Prng& prng,
                 std::size_t& opened) {
    for (const PsiKernels* kernels : {&psi_portable(), psi_bmi2()}) {
        if (kernels == nullptr) continue;
        const auto tier = ColdTier::open(arrays.counts, sections, *kernels);
        if (!tier) continue;
        ++opened;
        ask_everything(**tier, arrays, prng);
    }
}

TEST(ColdTier, is_safe_on_altered_bytes) {
    Prng prng(8);
    std::size_t opened = 0;
    for (int round = 0; round < 150; ++round) {
        const Arrays arrays = random_arrays(prng, 1 + prng.below(6), 200, 1 + prng.below(50));
        if (arrays.counts.words == 0) continue;
        Cold cold(arrays, 1 + static_cast<std::uint32_t>(prng.below(40)));
        Bytes* const sections[] = {&cold.psi.blocks, &cold.psi.bits, &cold.psi.samples,
                                   &cold.psi.inverse_samples, &cold.first};
        const bool all_of_it = round % 5 == 0;
        for (auto flips = 1 + prng.below(30); flips > 0; --flips) {
            Bytes& section = *sections[prng.below(flips > 3 ? 4 : 5)];
            const std::size_t from = &section == &cold.psi.blocks ? 16 : 0; // behind the header
            if (section.size() <= from) continue;
            if (all_of_it && &section != &cold.first) {
                for (auto i = from; i < section.size(); ++i) {
                    section[i] = static_cast<std::uint8_t>(prng.next());
                }
            } else {
                section[from + prng.below(section.size() - from)] ^=
                    static_cast<std::uint8_t>(1U << prng.below(8));
            }
        }
        ask_altered(arrays, cold.sections(), prng, opened);
    }
    EXPECT_GT(opened, 50U);
}

TEST(ColdTier, is_safe_on_bits_cut_off) {
    Prng prng(9);
    std::size_t opened = 0;
    const Arrays arrays = random_arrays(prng, 5, 400, 30);
    const Cold cold(arrays);
    for (std::size_t size = 0; size < cold.psi.bits.size(); size += 1 + prng.below(40)) {
        const Bytes cut(cold.psi.bits.begin(),
                        cold.psi.bits.begin() + static_cast<std::ptrdiff_t>(size));
        auto sections = cold.sections();
        sections.psi_bits = cut;
        ask_altered(arrays, sections, prng, opened);
    }
    EXPECT_GT(opened, 0U);
}

} // namespace
} // namespace ol::attribution::suffix
