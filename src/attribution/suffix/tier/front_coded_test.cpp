#include "attribution/suffix/tier/front_coded.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace ol::attribution::suffix {
namespace {

using text::SymbolWord;
using Words = std::vector<SymbolWord>;

SymbolWord word_of(std::string_view text) {
    SymbolWord word;
    std::copy(text.begin(), text.end(), word.begin());
    return word;
}

// Words over few letters share long prefixes; letters are any bytes but zero.
Words random_words(Prng& prng, std::size_t count, std::uint32_t letters, std::uint32_t most) {
    std::set<SymbolWord> words;
    for (std::size_t tries = 0; words.size() < count && tries < 4 * count; ++tries) {
        SymbolWord word;
        const auto length = 1 + prng.below(most);
        for (std::size_t i = 0; i < length; ++i) {
            word[i] = static_cast<std::uint8_t>(255 - prng.below(letters));
        }
        words.insert(word);
    }
    return {words.begin(), words.end()};
}

std::unique_ptr<FrontCodedDictionary> open(ByteView section, std::size_t count) {
    auto opened = FrontCodedDictionary::open(section, static_cast<std::uint32_t>(count));
    EXPECT_TRUE(opened) << opened.error().to_string();
    return opened ? std::move(*opened) : nullptr;
}

void expect_equals(const FrontCodedDictionary& dictionary, const Words& words) {
    ASSERT_EQ(dictionary.size(), words.size());
    for (std::uint32_t i = 0; i < words.size(); ++i) {
        ASSERT_EQ(dictionary.word(i), words[i]);
        ASSERT_EQ(dictionary.find(words[i]), i);
    }
}

TEST(FrontCodedDictionary, equals_sorted_words) {
    Prng prng(1);
    for (int round = 0; round < 120; ++round) {
        const std::uint32_t letters = round % 3 == 0 ? 1 : round % 3 == 1 ? 2 : 255;
        const Words words = random_words(prng, prng.below(600), letters, 31);
        const Bytes section = *front_code(words);
        const auto dictionary = open(section, words.size());
        ASSERT_TRUE(dictionary);
        expect_equals(*dictionary, words);
        for (int i = 0; i < 200; ++i) {
            SymbolWord word = random_words(prng, 1, letters, 31)[0];
            if (prng.below(3) == 0 && !words.empty()) { // a neighbour of one that is there
                word = words[prng.below(words.size())];
                word[prng.below(31)] ^= 1;
            }
            const auto at = std::lower_bound(words.begin(), words.end(), word);
            const auto expected = at != words.end() && *at == word
                                      ? static_cast<std::uint32_t>(at - words.begin())
                                      : dictionary->size();
            ASSERT_EQ(dictionary->find(word), expected);
        }
        ASSERT_EQ(dictionary->find({}), dictionary->size());
        ASSERT_EQ(dictionary->find(word_of(std::string(32, '\xff'))), dictionary->size());
    }
}

TEST(FrontCodedDictionary, holds_words_that_share_eight_bytes) {
    Words words;
    for (int i = 100; i < 400; ++i) words.push_back(word_of("prefix__" + std::to_string(i)));
    const Bytes section = *front_code(words);
    const auto dictionary = open(section, words.size());
    ASSERT_TRUE(dictionary);
    expect_equals(*dictionary, words);
    EXPECT_EQ(dictionary->find(word_of("prefix__")), dictionary->size());
    EXPECT_EQ(dictionary->find(word_of("prefix__99")), dictionary->size());
}

TEST(FrontCodedDictionary, refuses_other_sizes) {
    Prng prng(2);
    const Words words = random_words(prng, 100, 3, 31);
    const auto count = static_cast<std::uint32_t>(words.size());
    Bytes section = *front_code(words);
    for (std::size_t size = 0; size < section.size(); ++size) {
        const auto opened = FrontCodedDictionary::open(ByteView(section).first(size), count);
        ASSERT_FALSE(opened);
        ASSERT_EQ(opened.error().code, ErrorCode::corrupted);
    }
    section.push_back(0);
    EXPECT_FALSE(FrontCodedDictionary::open(section, count));
    section.pop_back();
    for (const std::uint32_t other : {0U, count - 1, count + 1, 0xffffffffU}) {
        EXPECT_FALSE(FrontCodedDictionary::open(section, other));
    }
    EXPECT_TRUE(FrontCodedDictionary::open({}, 0));
}

TEST(FrontCodedDictionary, is_safe_on_altered_bytes) {
    Prng prng(3);
    std::size_t opened_altered = 0;
    for (int round = 0; round < 3000; ++round) {
        const Words words = random_words(prng, 1 + prng.below(60), 3, 31);
        Bytes section = *front_code(words);
        section[prng.below(section.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
        const auto opened =
            FrontCodedDictionary::open(section, static_cast<std::uint32_t>(words.size()));
        if (!opened) continue;
        ++opened_altered;
        Words others;
        for (std::uint32_t i = 0; i < words.size(); ++i) others.push_back((*opened)->word(i));
        ASSERT_TRUE(std::is_sorted(others.begin(), others.end()));
        ASSERT_EQ(*front_code(others), section);
        expect_equals(**opened, others);
    }
    EXPECT_GT(opened_altered, 0U);
}

} // namespace
} // namespace ol::attribution::suffix
