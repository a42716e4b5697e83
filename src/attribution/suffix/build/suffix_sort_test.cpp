#include "attribution/suffix/build/suffix_sort.hpp"

#include <gtest/gtest.h>

#include "attribution/suffix/build/sais.hpp"
#include "base/prng.hpp"

namespace ol::attribution::suffix {
namespace {

using Text = std::vector<std::uint32_t>;

// SA-IS, which has its own naive twin, is the twin here.
void expect_same(const Text& text, std::uint32_t alphabet, const char* what) {
    Text wanted(text.size()), found(text.size());
    suffix_array_into(text, alphabet, wanted);
    for (unsigned threads : {1U, 2U, 7U}) {
        ThreadPool pool(threads);
        std::fill(found.begin(), found.end(), 7);
        ASSERT_TRUE(sort_suffixes(text, alphabet, found, pool));
        ASSERT_EQ(found, wanted) << what << ", " << threads << " threads";
    }
}

TEST(SuffixSort, random_texts) {
    Prng prng(11);
    for (int round = 0; round < 24; ++round) {
        const auto alphabet = static_cast<std::uint32_t>(2 + prng.below(1ULL << prng.below(18)));
        Text text(5000 + prng.below(20'000));
        for (auto& letter : text) {
            letter = static_cast<std::uint32_t>(prng.below(1 + prng.below(alphabet)));
        }
        expect_same(text, alphabet, "random");
    }
}

TEST(SuffixSort, copies_of_pieces) {
    Prng prng(12);
    for (int round = 0; round < 24; ++round) {
        const auto alphabet = static_cast<std::uint32_t>(2 + prng.below(1ULL << prng.below(14)));
        Text text(200);
        for (auto& letter : text) letter = static_cast<std::uint32_t>(prng.below(alphabet));
        while (text.size() < 20'000) {
            const auto from = prng.below(text.size());
            const auto size = 1 + prng.below(std::min<std::uint64_t>(text.size() - from, 3000));
            const Text piece(text.begin() + static_cast<std::ptrdiff_t>(from),
                             text.begin() + static_cast<std::ptrdiff_t>(from + size));
            text.insert(text.end(), piece.begin(), piece.end());
            if (prng.below(2) == 0) {
                text.push_back(static_cast<std::uint32_t>(prng.below(alphabet)));
            }
        }
        expect_same(text, alphabet, "copies");
    }
}

// Where the budget is spent, or nothing can be told from LMS suffixes, SA-IS must take over.
TEST(SuffixSort, texts_that_repeat_without_end) {
    constexpr std::uint32_t count = 30'000;
    Text equal(count, 3), rising(count), falling(count), zigzag(count), saw(count), runs(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        rising[i] = i;
        falling[i] = count - 1 - i;
        zigzag[i] = i % 2;
        saw[i] = i % 9000;
        runs[i] = i % 100 == 0 ? 9 : i % 700 == 3 ? 2 : 5;
    }
    expect_same(equal, 4, "equal");
    expect_same(rising, count, "rising");
    expect_same(falling, count, "falling");
    expect_same(zigzag, 2, "zigzag");
    expect_same(saw, 9000, "saw");
    expect_same(runs, 10, "runs");
    Text fibonacci{0}, before{1};
    while (fibonacci.size() < count) {
        Text longer = fibonacci;
        longer.insert(longer.end(), before.begin(), before.end());
        before = std::move(fibonacci);
        fibonacci = std::move(longer);
    }
    expect_same(fibonacci, 2, "fibonacci");
}

TEST(SuffixSort, the_widest_letters) {
    Prng prng(13);
    Text text(6000);
    for (auto& letter : text) {
        letter = static_cast<std::uint32_t>(prng.below(3)) * 900'000U;
    }
    expect_same(text, 2'700'000, "wide");
}

} // namespace
} // namespace ol::attribution::suffix
