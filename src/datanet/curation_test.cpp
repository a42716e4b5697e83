#include "datanet/curation.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "base/prng.hpp"
#include "crypto/hash.hpp"
#include "datanet/signature_index.hpp"
#include "text/words.hpp"

namespace ol::datanet {
namespace {

// Words of a made-up language; long enough texts of them share no 5-gram by chance.
std::string random_word(Prng& prng) {
    std::string word;
    for (std::size_t n = 2 + prng.below(6); n > 0; --n)
        word += static_cast<char>('a' + prng.below(26));
    return word;
}

std::vector<std::string> random_words(Prng& prng, std::size_t count) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < count; ++i) words.push_back(random_word(prng));
    return words;
}

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

text::Document row(std::string title, std::string body, std::uint64_t line = 1,
                   std::string file = "f.txt") {
    return {std::move(title), std::move(body), std::move(file), line};
}

Curated run(const std::vector<text::Document>& rows, DuplicateIndex& anchored,
            const std::vector<text::ReadIssue>& issues = {}, const RuleSet& rules = {}) {
    return curate(rules, Hash32{}, Address{}, "CC0-1.0", Hash32{}, rows, issues, anchored);
}

// docs/formats/record.md, one function and one shingle at a time.
Shingles naive_shingle(std::string_view text) {
    std::vector<std::uint64_t> words;
    std::string simplified = text::simplify_words(text);
    while (!simplified.empty()) {
        const std::size_t end = simplified.find(' ');
        std::uint64_t hash = 14695981039346656037ULL; // FNV-1a: offset basis and prime
        for (const char c : simplified.substr(0, end)) {
            hash ^= static_cast<unsigned char>(c);
            hash *= 1099511628211ULL;
        }
        words.push_back(hash);
        simplified.erase(0, end + 1);
    }
    const auto mix = [](std::uint64_t z) {
        z ^= z >> 30;
        z *= 0xbf58476d1ce4e5b9;
        z ^= z >> 27;
        z *= 0x94d049bb133111eb;
        return z ^ z >> 31;
    };
    Shingles out;
    out.word_count = static_cast<std::uint32_t>(words.size());
    for (std::size_t at = 0; at + 5 <= std::max<std::size_t>(words.size(), 5); ++at) {
        std::uint64_t hash = 0;
        for (std::size_t i = at; i < std::min(at + 5, words.size()); ++i)
            hash = mix(hash + words[i]);
        out.hashes.push_back(hash);
    }
    std::sort(out.hashes.begin(), out.hashes.end());
    out.hashes.erase(std::unique(out.hashes.begin(), out.hashes.end()), out.hashes.end());
    Prng prng(1);
    for (std::size_t i = 0; i < minhash_size; ++i) {
        const std::uint64_t a = prng.next() | 1;
        const std::uint64_t b = prng.next();
        std::uint64_t least = UINT64_MAX;
        for (const std::uint64_t s : out.hashes) {
            least = std::min(least, (a * s + b) % ((std::uint64_t{1} << 61) - 1));
        }
        out.signature[i] = least;
    }
    return out;
}

TEST(MinHashes, AgainstTheDefinition) {
    Prng prng(5);
    std::vector<std::string> texts = {"",
                                      "one",
                                      "one two three four",
                                      "one two three four five",
                                      "The SAME, the same; the same the SAME the same",
                                      "Ünïcode 日本語 and 1234 numbers"};
    for (int i = 0; i < 50; ++i) texts.push_back(join(random_words(prng, prng.below(200))));
    for (const std::string& text : texts) {
        const Shingles fast = shingle(text);
        const Shingles slow = naive_shingle(text);
        EXPECT_EQ(fast.hashes, slow.hashes) << text;
        EXPECT_EQ(fast.signature, slow.signature) << text;
        EXPECT_EQ(fast.word_count, slow.word_count) << text;
    }
    EXPECT_EQ(shingle("one two three four").hashes.size(), 1U);
    EXPECT_EQ(shingle("").hashes.size(), 1U);
}

// A published signature must never change. The numbers are from a Python program written from
// docs/formats/record.md alone.
TEST(MinHashes, AreWhatTheyAlwaysWere) {
    const Shingles s = shingle("It was the best of times, it was the worst of times.");
    EXPECT_EQ(s.word_count, 12U);
    EXPECT_EQ(s.hashes.size(), 8U);
    EXPECT_EQ(s.signature[0], 318888427806174519U);
    EXPECT_EQ(s.signature[111], 125957953441852429U);
    std::uint64_t sum = 0;
    for (const std::uint64_t word : s.signature) sum += word;
    EXPECT_EQ(sum, 0x8baa4f856105f1e0U);
}

TEST(MinHashes, IgnoreCasePunctuationDigitsAndDiacritics) {
    EXPECT_EQ(shingle("Le café, en 1998: TRÈS bon (vraiment)!").signature,
              shingle("le CAFE en 2007 tres bon vraiment").signature);
}

TEST(MinHashes, EstimateJaccard) {
    // Pairs of known overlap: the mean error over pairs is far below one pair's deviation of
    // sqrt(J (1 - J) / 112) <= 0.048, and no pair is off by five of them.
    Prng prng(9);
    double sum = 0;
    int pairs = 0;
    for (int round = 0; round < 150; ++round) {
        std::vector<std::string> words = random_words(prng, 400);
        const Shingles a = shingle(join(words));
        for (std::size_t n = prng.below(60); n > 0; --n)
            words[prng.below(words.size())] = random_word(prng);
        const Shingles b = shingle(join(words));
        const double exact = exact_jaccard(a.hashes, b.hashes);
        const double estimate = equal_count(a.signature, b.signature) / 112.0;
        EXPECT_NEAR(estimate, exact, 5 * std::sqrt(exact * (1 - exact) / 112) + 1e-9);
        sum += estimate - exact;
        ++pairs;
    }
    EXPECT_LT(std::abs(sum / pairs), 0.015);
}

TEST(MinHashes, ExactJaccardOfSmallSets) {
    EXPECT_EQ(exact_jaccard({}, {}), 1.0);
    EXPECT_EQ(exact_jaccard({1}, {}), 0.0);
    EXPECT_EQ(exact_jaccard({1, 2, 3}, {2, 3, 4}), 0.5);
}

// One word of 300 touches 5 of 296 shingles: J is 291/301, so about 108 of 112 are equal. At least
// 19 edits of 20 must stay above the ledger's slashing threshold of 104.
TEST(MinHashes, OneWordOf300KeepsTheEvidence) {
    Prng prng(21);
    int above = 0;
    for (int round = 0; round < 200; ++round) {
        std::vector<std::string> words = random_words(prng, 300);
        const Shingles a = shingle(join(words));
        words[5 + prng.below(290)] = random_word(prng);
        const Shingles b = shingle(join(words));
        above += equal_count(a.signature, b.signature) >= 104;
    }
    EXPECT_GE(above, 190);
}

TEST(SignatureIndex, AgainstAllPairs) {
    Prng prng(31);
    SignatureIndex index;
    std::vector<MinHash> all;
    for (int i = 0; i < 1200; ++i) {
        MinHash signature;
        if (all.empty() || prng.below(3) == 0) {
            for (auto& word : signature) word = prng.next();
        } else {
            // A relative with up to 20 places changed: on both sides of every threshold.
            signature = all[prng.below(all.size())];
            for (std::size_t n = prng.below(21); n > 0; --n)
                signature[prng.below(112)] = prng.next();
        }
        for (const unsigned least : {99U, 101U, 104U, 112U}) {
            std::vector<std::pair<std::uint32_t, unsigned>> expected;
            for (std::uint32_t j = 0; j < all.size(); ++j) {
                const unsigned equal = equal_count(all[j], signature);
                if (equal >= least) expected.emplace_back(j, equal);
            }
            std::vector<std::pair<std::uint32_t, unsigned>> found;
            for (const auto& match : index.find(signature, least))
                found.emplace_back(match.index, match.equal);
            ASSERT_EQ(found, expected) << i << " " << least;
        }
        ASSERT_EQ(index.add(signature), all.size());
        all.push_back(signature);
    }
}

TEST(SignatureIndex, SharedBandsCostBoundedTime) {
    Prng prng(1);
    SignatureIndex index;
    MinHash signature;
    for (auto& word : signature) word = prng.next();
    for (int i = 0; i < 20'000; ++i) {
        signature[111] = prng.next(); // 13 bands stay shared by all
        index.add(signature);
    }
    EXPECT_EQ(index.find(signature, 101).size(), SignatureIndex::bucket_members + 1U);
}

TEST(DuplicateIndex, BestMatchAndEarliestOfEqualOnes) {
    Prng prng(77);
    std::vector<std::string> words = random_words(prng, 300);
    DuplicateIndex index;
    Record base = make_record({}, {}, "t", join(words), "", "", {});
    Record twin = make_record({}, {}, "u", join(words), "", "", {});
    std::vector<std::string> edited = words;
    edited[150] = "zzzzzz";
    Record near = make_record({}, {}, "t", join(edited), "", "", {});
    index.add(near);
    index.add(base);
    index.add(twin);
    EXPECT_EQ(index.size(), 3U);
    const auto match = index.find_near(base.signature, 101);
    ASSERT_TRUE(match.has_value());
    EXPECT_EQ(match->record, base.id);
    EXPECT_EQ(match->equal, 112U);
    EXPECT_EQ(index.find_exact(twin.content_hash), twin.id);
    EXPECT_EQ(index.find_exact(Hash32{}), std::nullopt);
    DuplicateIndex moved = std::move(index);
    EXPECT_EQ(moved.size(), 3U);
}

TEST(RuleSet, CanonicalFormAndHash) {
    EXPECT_EQ(RuleSet{}.canonical(),
              R"({"format":"openledger-curation-1","min_words":8,"max_words":4000,"min_chars":40,)"
              R"("near_duplicate_min_equal":101})");
    EXPECT_EQ(RuleSet{}.hash(), crypto::keccak256(RuleSet{}.canonical()));
    RuleSet other;
    other.min_words = 9;
    EXPECT_NE(other.hash(), RuleSet{}.hash());
}

TEST(Curate, EachRule) {
    Prng prng(3);
    const std::string good = join(random_words(prng, 60));
    std::vector<std::string> words = random_words(prng, 300);
    const std::string original = join(words);
    words[100] = "changed";
    const std::string edited = join(words);
    std::vector<text::Document> rows = {
        row("a", good),                             // 0 accepted
        row("a", "  " + good + "\r\n\r\n\r\n"),     // 1 near-duplicate: leading blanks stay
        row("a", good),                             // 2 exact duplicate
        row("b", good),                             // 3 near-duplicate: another title
        row("c", original),                         // 4 accepted
        row("d", edited),                           // 5 near-duplicate of 4
        row("e", "too few words here"),             // 6 length, words
        row("f", "a b c d e f g h i"),              // 7 length, characters
        row("g", join(random_words(prng, 4001))),   // 8 length, words
        row("h", "bad \xff byte " + good),          // 9 invalid
        row("i\xff", join(random_words(prng, 50))), // 10 invalid title
        row("j", std::string(limits::record_bytes + 1, 'x')), // 11 too long
    };
    DuplicateIndex anchored;
    const Curated out = run(rows, anchored);
    ASSERT_EQ(out.verdicts.size(), rows.size());
    const std::vector<Rule> expected = {
        Rule::accepted, Rule::near_duplicate, Rule::exact_duplicate, Rule::near_duplicate,
        Rule::accepted, Rule::near_duplicate, Rule::length,          Rule::length,
        Rule::length,   Rule::invalid_utf8,   Rule::invalid_utf8,    Rule::length};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_EQ(out.verdicts[i].rule, expected[i]) << i << " " << out.verdicts[i].reason;
        EXPECT_FALSE(out.verdicts[i].reason.empty());
    }
    ASSERT_EQ(out.records.size(), 2U);
    EXPECT_EQ(out.verdicts[0].record, 0U);
    EXPECT_EQ(out.verdicts[4].record, 1U);
    EXPECT_EQ(out.verdicts[2].match, out.records[0].id);
    EXPECT_EQ(out.verdicts[3].match, out.records[0].id);
    EXPECT_EQ(out.verdicts[5].match, out.records[1].id);
    EXPECT_GE(out.verdicts[5].measured, 101);
    EXPECT_EQ(out.verdicts[5].threshold, 101);
    EXPECT_EQ(out.verdicts[6].measured, 4);
    EXPECT_EQ(out.verdicts[6].threshold, 8);
    EXPECT_EQ(out.verdicts[8].threshold, 4000);
    EXPECT_EQ(out.records[0].source, "f.txt:1");
    EXPECT_EQ(anchored.size(), 2U);
    // What is anchored already counts against the next batch.
    const Curated again = run({rows[0], rows[5]}, anchored);
    EXPECT_TRUE(again.records.empty());
    EXPECT_EQ(again.verdicts[1].match, out.records[1].id);
}

TEST(Curate, IssuesTakeTheirPlace) {
    Prng prng(8);
    const auto body = [&] { return join(random_words(prng, 30)); };
    const std::vector<text::Document> rows = {row("", body(), 1, "a"), row("", body(), 9, "a"),
                                              row("", body(), 2, "b")};
    const std::vector<text::ReadIssue> issues = {
        {"a", 5, "not UTF-8 at byte 3"}, {"a", 20, "odd"}, {"b", 1, "odd"}, {"c", 1, "odd"}};
    DuplicateIndex anchored;
    const Curated out = run(rows, anchored, issues);
    std::vector<std::string> order;
    for (const Verdict& v : out.verdicts) order.push_back(fmt::format("{}{}", v.file, v.line));
    EXPECT_EQ(order, (std::vector<std::string>{"a1", "a5", "a9", "a20", "b1", "b2", "c1"}));
    EXPECT_EQ(out.verdicts[1].rule, Rule::invalid_utf8);
    EXPECT_EQ(out.verdicts[3].rule, Rule::unreadable);
    EXPECT_EQ(out.verdicts[6].rule, Rule::unreadable);
    // No rows at all.
    DuplicateIndex fresh;
    EXPECT_EQ(run({}, fresh, issues).verdicts.size(), 4U);
}

TEST(Curate, DistinctRowsAreAcceptedInAnyOrderAlike) {
    Prng prng(13);
    std::vector<text::Document> rows;
    for (int i = 0; i < 100; ++i)
        rows.push_back(row(random_word(prng), join(random_words(prng, 40))));
    const auto ids = [&] {
        DuplicateIndex anchored;
        std::vector<Hash32> out;
        for (const Record& record : run(rows, anchored).records) out.push_back(record.id);
        std::sort(out.begin(), out.end());
        return out;
    };
    const auto first = ids();
    EXPECT_EQ(first.size(), 100U);
    std::reverse(rows.begin(), rows.end());
    EXPECT_EQ(ids(), first);
    std::rotate(rows.begin(), rows.begin() + 37, rows.end());
    EXPECT_EQ(ids(), first);
}

TEST(Curate, SameInputSameBytes) {
    Prng prng(17);
    std::vector<text::Document> rows;
    std::vector<std::string> words = random_words(prng, 80);
    for (int i = 0; i < 60; ++i) {
        words[prng.below(words.size())] = random_word(prng);
        rows.push_back(row("t", join(words), static_cast<std::uint64_t>(i)));
    }
    const auto bytes = [&] {
        DuplicateIndex anchored;
        Batch batch;
        batch.records = run(rows, anchored).records;
        return batch.to_jsonl();
    };
    EXPECT_EQ(bytes(), bytes());
}

} // namespace
} // namespace ol::datanet
