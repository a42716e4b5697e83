#include "attribution/blend/shares.hpp"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace ol::attribution::blend {
namespace {

using suffix::Match;
using Wide = unsigned __int128;

// The definition read aloud: hand out the units left one by one, each to the largest remainder that
// has not had one yet.
std::vector<std::uint64_t> naive_largest_remainder(const std::vector<std::uint64_t>& weights,
                                                   std::uint64_t total) {
    Wide sum = 0;
    for (auto weight : weights) sum += weight;
    std::vector<std::uint64_t> parts(weights.size(), 0);
    if (sum == 0) return parts;
    std::vector<Wide> rest;
    std::uint64_t given = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        parts[i] = static_cast<std::uint64_t>(Wide{total} * weights[i] / sum);
        rest.push_back(Wide{total} * weights[i] - Wide{parts[i]} * sum);
        given += parts[i];
    }
    std::vector<bool> had(weights.size(), false);
    for (; given < total; ++given) {
        std::size_t best = weights.size();
        for (std::size_t i = 0; i < weights.size(); ++i) {
            if (!had[i] && (best == weights.size() || rest[i] > rest[best])) best = i;
        }
        had[best] = true;
        parts[best] += 1;
    }
    return parts;
}

Address owner_of(std::uint32_t record) {
    Address owner;
    put_be32(owner.data.data() + 16, record + 1);
    return owner;
}

Match match(std::uint32_t record, std::uint32_t credit, std::uint32_t span = 0) {
    return {
        .span = span, .position = 0, .record = record, .owner = owner_of(record), .credit = credit};
}

std::uint64_t sum_of(const std::vector<Share>& shares) {
    return std::accumulate(shares.begin(), shares.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const Share& s) { return sum + s.share; });
}

TEST(LargestRemainder, known_splits) {
    using V = std::vector<std::uint64_t>;
    EXPECT_EQ(largest_remainder({1, 1, 1}, 10), (V{4, 3, 3})); // ties: the lower index
    EXPECT_EQ(largest_remainder({1, 1, 1}, 11), (V{4, 4, 3}));
    EXPECT_EQ(largest_remainder({47000, 16000, 15900, 12000, 6000, 3100}, 10),
              (V{5, 2, 1, 1, 1, 0})); // Hamilton's method, the textbook table of 100,000 votes
    EXPECT_EQ(largest_remainder({0, 5, 0}, 7), (V{0, 7, 0}));
    EXPECT_EQ(largest_remainder({0, 0}, 7), (V{0, 0}));
    EXPECT_EQ(largest_remainder({}, 7), V{});
    EXPECT_EQ(largest_remainder({3, 4}, 0), (V{0, 0}));
    const std::uint64_t big = (1ULL << 63) - 1;
    EXPECT_EQ(largest_remainder({big, big, big}, big), (V{big / 3 + 1, big / 3, big / 3}));
}

TEST(LargestRemainder, equals_the_naive_twin) {
    Prng prng(1);
    for (int round = 0; round < 3000; ++round) {
        std::vector<std::uint64_t> weights(prng.below(12));
        const unsigned bits = 1 + static_cast<unsigned>(prng.below(63));
        for (auto& weight : weights) weight = prng.next() >> (64 - bits);
        const std::uint64_t total = prng.next() >> (1 + prng.below(63));
        const auto parts = largest_remainder(weights, total);
        ASSERT_EQ(parts, naive_largest_remainder(weights, total));
        const bool silent =
            std::all_of(weights.begin(), weights.end(), [](std::uint64_t w) { return w == 0; });
        ASSERT_EQ(std::accumulate(parts.begin(), parts.end(), std::uint64_t{0}),
                  silent ? 0 : total);
        for (std::size_t i = 0; i < weights.size(); ++i) { // more weight never gets less
            for (std::size_t j = 0; j < weights.size(); ++j) {
                if (weights[i] > weights[j]) {
                    ASSERT_GE(parts[i], parts[j]);
                }
            }
        }
    }
}

TEST(Shares, sums_per_record_and_orders_by_record) {
    const auto shares = shares_of({match(7, 10), match(2, 30, 1), match(7, 20, 1)}, 0);
    ASSERT_EQ(shares.size(), 2U);
    EXPECT_EQ(shares[0], (Share{2, owner_of(2), one / 2}));
    EXPECT_EQ(shares[1], (Share{7, owner_of(7), one / 2}));
}

TEST(Shares, drops_below_the_threshold_and_rescales) {
    // 1/64 is kept at exactly tau, 1/128 is dropped.
    const auto shares = shares_of({match(0, 125), match(1, 2), match(2, 1)}, one / 64);
    ASSERT_EQ(shares.size(), 2U);
    EXPECT_EQ(shares[0].record, 0U);
    EXPECT_EQ(shares[1].record, 1U);
    EXPECT_EQ(sum_of(shares), one);
    EXPECT_EQ(shares[1].share, one * 2 / 127); // rest 32 of 127; the unit left goes to rest 95
}

TEST(Shares, the_largest_alone_when_none_reaches_the_threshold) {
    const auto shares = shares_of({match(4, 5), match(9, 5), match(11, 4)}, one / 2);
    ASSERT_EQ(shares.size(), 1U);
    EXPECT_EQ(shares[0], (Share{4, owner_of(4), one}));
    EXPECT_TRUE(shares_of({}, 0).empty());
}

TEST(Shares, records_without_credit) {
    const auto some = shares_of({match(1, 0), match(3, 8)}, 1);
    ASSERT_EQ(some.size(), 1U);
    EXPECT_EQ(some[0], (Share{3, owner_of(3), one}));
    const auto all = shares_of({match(1, 0), match(3, 8)}, 0); // tau 0 drops nothing
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0], (Share{1, owner_of(1), 0}));
    EXPECT_EQ(all[1], (Share{3, owner_of(3), one}));
    const auto none = shares_of({match(3, 0), match(1, 0)}, 0);
    ASSERT_EQ(none.size(), 1U);
    EXPECT_EQ(none[0], (Share{1, owner_of(1), one}));
}

TEST(Shares, properties_over_random_matches) {
    Prng prng(2);
    for (int round = 0; round < 2000; ++round) {
        std::vector<Match> matches;
        for (std::uint64_t i = 0, n = 1 + prng.below(40); i < n; ++i) {
            matches.push_back(
                match(static_cast<std::uint32_t>(prng.below(25)),
                      static_cast<std::uint32_t>(prng.next() >> (32 + prng.below(32)))));
        }
        const std::uint64_t tau = prng.below(one / 4);
        const auto shares = shares_of(matches, tau);
        ASSERT_FALSE(shares.empty());
        ASSERT_EQ(sum_of(shares), one);
        for (std::size_t i = 0; i < shares.size(); ++i) {
            ASSERT_GE(shares[i].share, tau); // rescaling only raises
            ASSERT_EQ(shares[i].owner, owner_of(shares[i].record));
            if (i > 0) {
                ASSERT_LT(shares[i - 1].record, shares[i].record);
            }
        }
        auto shuffled = matches; // the order of the matches does not matter
        for (std::size_t i = shuffled.size(); i > 1; --i) {
            std::swap(shuffled[i - 1], shuffled[prng.below(i)]);
        }
        ASSERT_EQ(shares_of(shuffled, tau), shares);
    }
}

TEST(Explained, is_the_covered_part) {
    suffix::Trace trace;
    EXPECT_EQ(explained(trace), 0U);
    trace.symbol_count = 3;
    trace.covered = 1;
    EXPECT_EQ(explained(trace), one / 3);
    trace.covered = 3;
    EXPECT_EQ(explained(trace), one);
}

// The rule of docs/formats/money.md over 128-bit integers, for values that fit.
std::uint64_t naive_next_threshold(std::uint64_t tau, std::uint64_t credited, std::uint64_t answers,
                                   std::uint64_t target, std::uint64_t min, std::uint64_t max) {
    const Wide g = Wide{target} * answers;
    Wide next = tau;
    if (g > 0 && credited > g) {
        const Wide over = credited - g < g ? credited - g : g;
        const Wide step = Wide{tau} * over / g / 8;
        next += step > 1 ? step : 1;
    } else if (credited < g) {
        next -= Wide{tau} * (g - credited) / g / 8;
    }
    if (next < min) next = min;
    if (next > max) next = max;
    return static_cast<std::uint64_t>(next);
}

TEST(NextThreshold, moves_as_the_base_fee_does) {
    const std::uint64_t tau = one / 64;
    EXPECT_EQ(next_threshold(tau, 40, 10, 4, 0, one), tau);           // at the target
    EXPECT_EQ(next_threshold(tau, 80, 10, 4, 0, one), tau + tau / 8); // twice the target
    EXPECT_EQ(next_threshold(tau, 800, 10, 4, 0, one), tau + tau / 8);
    EXPECT_EQ(next_threshold(tau, 0, 10, 4, 0, one), tau - tau / 8);
    EXPECT_EQ(next_threshold(0, 80, 10, 4, 0, one), 1U);  // it can leave zero
    EXPECT_EQ(next_threshold(tau, 0, 0, 4, 0, one), tau); // no receipts
    EXPECT_EQ(next_threshold(tau, 9, 0, 4, 0, one), tau);
    EXPECT_EQ(next_threshold(tau, 80, 10, 4, 0, tau), tau);
    EXPECT_EQ(next_threshold(tau, 0, 10, 4, tau, one), tau);
    EXPECT_EQ(next_threshold(tau, 40, 10, 4, 2 * tau, tau / 2), 2 * tau); // the lower bound first
    const std::uint64_t most = ~0ULL;
    EXPECT_EQ(next_threshold(most, most, 1, 1, 0, most), most); // no wrap
    EXPECT_EQ(next_threshold(most, 0, most, most, 7, most), most - most / 8);
}

TEST(NextThreshold, equals_the_naive_twin) {
    Prng prng(3);
    for (int round = 0; round < 20000; ++round) {
        const std::uint64_t tau = prng.below(one);
        const std::uint64_t answers = prng.below(300);
        const std::uint64_t target = 1 + prng.below(1000);
        const std::uint64_t credited = prng.below(3 * target * answers + 2);
        const std::uint64_t min = prng.below(one / 16), max = min + prng.below(one);
        const auto next = next_threshold(tau, credited, answers, target, min, max);
        ASSERT_EQ(next, naive_next_threshold(tau, credited, answers, target, min, max));
        if (tau >= min && tau <= max) {
            ASSERT_LE(next, tau + std::max<std::uint64_t>(1, tau / 8));
            ASSERT_GE(next, tau - tau / 8);
        }
    }
}

} // namespace
} // namespace ol::attribution::blend
