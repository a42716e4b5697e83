#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "attribution/suffix/build/sais.hpp"
#include "base/prng.hpp"

namespace ol::attribution::suffix {
namespace {

using Text = std::vector<std::uint32_t>;

Text sais(const Text& text, std::uint32_t alphabet) {
    Text out(text.size());
    suffix_array_into(text, alphabet, out);
    return out;
}

Text naive_suffix_array(const Text& text) {
    Text out(text.size());
    std::iota(out.begin(), out.end(), 0U);
    std::sort(out.begin(), out.end(), [&](std::uint32_t a, std::uint32_t b) {
        return std::lexicographical_compare(text.begin() + a, text.end(), text.begin() + b,
                                            text.end());
    });
    return out;
}

TEST(Sais, known_arrays) {
    EXPECT_TRUE(sais(Text{}, 0).empty());
    EXPECT_EQ(sais(Text{0}, 1), Text{0});
    // mississippi: the array of Nong, Zhang and Chan's running example, without its sentinel.
    EXPECT_EQ(sais(Text{1, 0, 3, 3, 0, 3, 3, 0, 2, 2, 0}, 4),
              (Text{10, 7, 4, 1, 0, 9, 8, 6, 3, 5, 2}));
    // banana
    EXPECT_EQ(sais(Text{1, 0, 2, 0, 2, 0}, 3), (Text{5, 3, 1, 0, 4, 2}));
}

TEST(Sais, every_short_text) {
    for (std::uint32_t alphabet = 1; alphabet <= 3; ++alphabet) {
        for (std::size_t count = 1; count <= 8; ++count) {
            Text text(count, 0);
            for (;;) {
                ASSERT_EQ(sais(text, alphabet), naive_suffix_array(text));
                std::size_t i = 0;
                while (i < count && ++text[i] == alphabet) text[i++] = 0;
                if (i == count) break;
            }
        }
    }
}

TEST(Sais, random_texts_of_many_alphabets) {
    Prng prng(4);
    for (int round = 0; round < 400; ++round) {
        const auto alphabet = static_cast<std::uint32_t>(1 + prng.below(1ULL << prng.below(12)));
        Text text(1 + prng.below(700));
        for (auto& letter : text) letter = static_cast<std::uint32_t>(prng.below(alphabet));
        ASSERT_EQ(sais(text, alphabet), naive_suffix_array(text));
    }
}

TEST(Sais, repetitive_texts) {
    for (std::size_t count : {2U, 63U, 64U, 65U, 1000U}) {
        ASSERT_EQ(sais(Text(count, 5), 6), naive_suffix_array(Text(count, 5)));
        Text rising(count), falling(count), zigzag(count);
        for (std::size_t i = 0; i < count; ++i) {
            rising[i] = static_cast<std::uint32_t>(i);
            falling[i] = static_cast<std::uint32_t>(count - 1 - i);
            zigzag[i] = static_cast<std::uint32_t>(i % 2);
        }
        for (const auto& text : {rising, falling, zigzag}) {
            ASSERT_EQ(sais(text, static_cast<std::uint32_t>(count)), naive_suffix_array(text));
        }
    }
    Text fibonacci{0}, before{1}; // deep recursion: every level halves into another Fibonacci word
    while (fibonacci.size() < 4000) {
        Text longer = fibonacci;
        longer.insert(longer.end(), before.begin(), before.end());
        before = std::move(fibonacci);
        fibonacci = std::move(longer);
    }
    ASSERT_EQ(sais(fibonacci, 2), naive_suffix_array(fibonacci));

    Prng prng(5);
    for (int round = 0; round < 60; ++round) { // copies of pieces of itself, as near-duplicates are
        Text text(5 + prng.below(20));
        for (auto& letter : text) letter = static_cast<std::uint32_t>(prng.below(4));
        while (text.size() < 1500) {
            const std::size_t from = prng.below(text.size());
            const Text piece(text.begin() + static_cast<std::ptrdiff_t>(from), text.end());
            text.insert(text.end(), piece.begin(), piece.end());
            if (prng.below(3) == 0) text.push_back(static_cast<std::uint32_t>(prng.below(4)));
        }
        ASSERT_EQ(sais(text, 4), naive_suffix_array(text));
    }
}

TEST(Sais, a_large_text_is_in_order) {
    Prng prng(6);
    constexpr std::uint32_t alphabet = 50'000;
    Text text(1'000'000);
    for (auto& letter : text) { // few common letters, many rare ones
        letter = static_cast<std::uint32_t>(prng.below(1 + prng.below(1 + prng.below(alphabet))));
    }
    const auto sa = sais(text, alphabet);
    Text inverse(text.size(), ~0U);
    for (std::size_t i = 0; i < sa.size(); ++i) inverse[sa[i]] = static_cast<std::uint32_t>(i);
    for (std::size_t i = 0; i < sa.size(); ++i) ASSERT_EQ(sa[inverse[i]], i);
    for (std::size_t i = 1; i < sa.size(); ++i) { // R1 and R2
        const std::size_t a = sa[i - 1], b = sa[i];
        ASSERT_LE(text[a], text[b]);
        if (text[a] != text[b]) continue;
        if (a + 1 == text.size()) continue;
        ASSERT_LT(b + 1, text.size());
        ASSERT_LT(inverse[a + 1], inverse[b + 1]);
    }
}

} // namespace
} // namespace ol::attribution::suffix
