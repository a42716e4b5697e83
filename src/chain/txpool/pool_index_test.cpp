#include "chain/txpool/pool_index.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace ol::chain {
namespace {

Address account(std::uint8_t number) {
    Address out;
    out.data[19] = number;
    return out;
}

PooledPtr make(std::uint8_t sender, std::uint64_t nonce, std::uint64_t fee, std::uint64_t tip,
               std::uint64_t arrival, std::size_t bytes = 100) {
    PooledTransaction out;
    out.sender = account(sender);
    out.transaction.nonce = nonce;
    out.transaction.max_fee = fee;
    out.transaction.max_priority_fee = tip;
    out.arrival = arrival;
    out.cost = U256(fee * 21'000);
    out.encoded.resize(bytes);
    put_be64(out.hash.begin(), arrival + 1); // unique as an arrival is
    return std::make_shared<const PooledTransaction>(std::move(out));
}

// What the index promises, with lists and sorting alone.
class Naive {
public:
    explicit Naive(const PoolLimits& limits)
        : limits_(limits) {}

    ErrorCode add(const PooledPtr& transaction, std::uint64_t next) {
        const auto nonce = transaction->transaction.nonce;
        if (find(transaction->hash)) return ErrorCode::already_exists;
        if (rows_[transaction->sender].empty()) next_[transaction->sender] = next;
        auto& row = rows_[transaction->sender];
        if (const auto at = row.find(nonce); at != row.end()) {
            const Transaction& old = at->second->transaction;
            const Transaction& now = transaction->transaction;
            const auto enough = [](const U256& a, const U256& b) {
                return a > b && a >= b * U256(110) / U256(100);
            };
            if (!enough(now.max_fee, old.max_fee) ||
                !enough(now.max_priority_fee, old.max_priority_fee)) {
                return ErrorCode::invalid_argument;
            }
            const bool pending = nonce < end_of_row(transaction->sender);
            const std::uint64_t before = slots(pending);
            const std::uint64_t after = before - slots_of(*at->second) + slots_of(*transaction);
            const auto room = pending ? limits_.pending_slots : limits_.queued_slots;
            if (after > room && after > before) return ErrorCode::too_large;
            at->second = transaction;
            return none;
        }
        const bool queued = nonce != end_of_row(transaction->sender);
        if (queued && row.size() - pending_of(transaction->sender) >= limits_.queued_of_sender) {
            return ErrorCode::too_large;
        }
        if (!queued && is_cheapest_of_full(transaction)) return ErrorCode::too_large;
        row[nonce] = transaction;
        shrink();
        return find(transaction->hash) ? none : ErrorCode::too_large;
    }

    void erase(const Hash32& hash) {
        for (auto& [sender, row] : rows_) {
            std::erase_if(row, [&](const auto& entry) { return entry.second->hash == hash; });
        }
        trim();
    }

    void set_next(const Address& sender, std::uint64_t next) {
        if (rows_[sender].empty()) return;
        next_[sender] = next;
        std::erase_if(rows_[sender], [&](const auto& entry) { return entry.first < next; });
        trim();
    }

    std::uint64_t end_of_row(const Address& sender) {
        std::uint64_t end = next_[sender];
        while (rows_[sender].contains(end)) ++end;
        return end;
    }

    std::vector<Hash32> hashes(bool pending) {
        std::vector<Hash32> out;
        for (auto& [sender, row] : rows_) {
            const auto end = end_of_row(sender);
            for (const auto& [nonce, transaction] : row) {
                if ((nonce < end) == pending) out.push_back(transaction->hash);
            }
        }
        std::ranges::sort(out);
        return out;
    }

    static constexpr ErrorCode none = ErrorCode::cancelled; // stands for success

private:
    bool find(const Hash32& hash) {
        for (const auto& [sender, row] : rows_) {
            for (const auto& [nonce, transaction] : row) {
                if (transaction->hash == hash) return true;
            }
        }
        return false;
    }

    std::uint64_t slots(bool pending) {
        std::uint64_t out = 0;
        for (auto& [sender, row] : rows_) {
            const auto end = end_of_row(sender);
            for (const auto& [nonce, transaction] : row) {
                if ((nonce < end) == pending) out += slots_of(*transaction);
            }
        }
        return out;
    }

    std::size_t pending_of(const Address& sender) {
        return static_cast<std::size_t>(end_of_row(sender) - next_[sender]);
    }

    bool is_cheapest_of_full(const PooledPtr& transaction) {
        if (slots(true) + slots_of(*transaction) <= limits_.pending_slots) return false;
        bool cheapest = true, any = false;
        for (auto& [sender, row] : rows_) {
            if (pending_of(sender) > limits_.fair_pending) return false;
            const auto end = end_of_row(sender);
            for (const auto& [nonce, other] : row) {
                if (nonce >= end) continue;
                any = true;
                const auto price = [](const PooledPtr& one) {
                    return std::pair(one->transaction.max_fee.low_u64(),
                                     one->transaction.max_priority_fee.low_u64());
                };
                cheapest &= price(transaction) <= price(other);
            }
        }
        return any && cheapest;
    }

    void trim() {
        for (auto& [sender, row] : rows_) {
            while (row.size() - pending_of(sender) > limits_.queued_of_sender) {
                row.erase(std::prev(row.end()));
            }
        }
    }

    void shrink() {
        while (true) {
            std::vector<PooledPtr> pending, queued;
            std::uint64_t pending_slots = 0, queued_slots = 0;
            for (auto& [sender, row] : rows_) {
                const auto end = end_of_row(sender);
                for (const auto& [nonce, transaction] : row) {
                    (nonce < end ? pending : queued).push_back(transaction);
                    (nonce < end ? pending_slots : queued_slots) += slots_of(*transaction);
                }
            }
            if (queued_slots > limits_.queued_slots) {
                erase(cheapest(queued)->hash);
                continue;
            }
            if (pending_slots <= limits_.pending_slots) return;
            std::pair<std::size_t, Address> most{0, {}};
            for (auto& [sender, row] : rows_) {
                most = std::max(most, std::pair(pending_of(sender), sender));
            }
            if (most.first > limits_.fair_pending) {
                erase(rows_[most.second][end_of_row(most.second) - 1]->hash);
            } else {
                erase(cheapest(pending)->hash);
            }
        }
    }

    static PooledPtr cheapest(const std::vector<PooledPtr>& from) {
        return *std::ranges::min_element(from, {}, [](const PooledPtr& one) {
            return std::tuple(one->transaction.max_fee.low_u64(),
                              one->transaction.max_priority_fee.low_u64(), ~one->arrival);
        });
    }

    const PoolLimits limits_;
    std::map<Address, std::map<std::uint64_t, PooledPtr>> rows_;
    std::map<Address, std::uint64_t> next_;
};

std::vector<Hash32> hashes_of(const std::map<Address, std::map<std::uint64_t, PooledPtr>>& rows) {
    std::vector<Hash32> out;
    for (const auto& [sender, row] : rows) {
        for (const auto& [nonce, transaction] : row) out.push_back(transaction->hash);
    }
    std::ranges::sort(out);
    return out;
}

void compare(const PoolIndex& index, Naive& naive) {
    const auto content = index.content();
    ASSERT_EQ(hashes_of(content.pending), naive.hashes(true));
    ASSERT_EQ(hashes_of(content.queued), naive.hashes(false));
    const auto counts = index.counts();
    ASSERT_EQ(counts.pending, naive.hashes(true).size());
    ASSERT_EQ(counts.queued, naive.hashes(false).size());
    ASSERT_EQ(index.heads().size(), content.pending.size());
    for (const auto& [sender, row] : content.pending) {
        U256 cost;
        for (const auto& [nonce, transaction] : row) cost += transaction->cost;
        ASSERT_EQ(index.pending_cost_of(sender), cost);
        ASSERT_EQ(index.end_of_row(sender), naive.end_of_row(sender));
        ASSERT_EQ(index.pending_count_of(sender), row.size());
    }
}

// Nonces of the state that a test moves as a chain would.
struct Walk {
    PoolLimits limits;
    std::uint64_t senders = 6;
    int steps = 600;
};

void walk(const Walk& how, std::uint64_t seed) {
    Prng random(seed);
    PoolIndex index(how.limits);
    Naive naive(how.limits);
    std::map<std::uint8_t, std::uint64_t> next;
    std::vector<Hash32> seen;
    for (int step = 0; step < how.steps; ++step) {
        const auto sender = static_cast<std::uint8_t>(random.below(how.senders));
        const auto choice = random.below(20);
        if (choice < 15) {
            const std::uint64_t nonce = next[sender] + random.below(8);
            const auto fee = 1 + random.below(40);
            const std::size_t bytes = random.below(10) == 0 ? 70'000 : 100;
            const auto made = make(sender, nonce, fee, random.below(fee + 1),
                                   static_cast<std::uint64_t>(step), bytes);
            const auto done = index.add(made, next[sender]);
            const auto expected = naive.add(made, next[sender]);
            ASSERT_EQ(done ? Naive::none : done.error().code, expected) << step;
            seen.push_back(made->hash);
        } else if (choice < 17 && !seen.empty()) {
            const Hash32 hash = seen[random.below(seen.size())];
            index.erase(hash);
            naive.erase(hash);
        } else {
            const bool back = random.below(4) == 0 && next[sender] > 2;
            next[sender] = back ? next[sender] - 2 : next[sender] + random.below(3);
            index.set_next(account(sender), next[sender]);
            naive.set_next(account(sender), next[sender]);
        }
        ASSERT_NO_FATAL_FAILURE(compare(index, naive)) << "step " << step << ", seed " << seed;
    }
    index.clear();
    EXPECT_EQ(index.counts().pending + index.counts().queued, 0U);
}

TEST(pool_index, does_what_lists_and_sorting_do) {
    Walk small;
    small.limits.pending_slots = 12;
    small.limits.queued_slots = 8;
    small.limits.queued_of_sender = 4;
    small.limits.fair_pending = 3;
    Walk roomy;
    roomy.limits.queued_of_sender = 3;
    Walk crowded = small;
    crowded.senders = 30;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        ASSERT_NO_FATAL_FAILURE(walk(small, seed));
        ASSERT_NO_FATAL_FAILURE(walk(crowded, 100 + seed));
        ASSERT_NO_FATAL_FAILURE(walk(roomy, 200 + seed));
    }
}

TEST(pool_index, a_gap_that_closes_makes_the_row_pending) {
    PoolIndex index({});
    ASSERT_TRUE(index.add(make(1, 7, 5, 1, 0), 5));
    ASSERT_TRUE(index.add(make(1, 6, 5, 1, 1), 5));
    EXPECT_EQ(index.counts().queued, 2U);
    EXPECT_EQ(index.end_of_row(account(1)), 5U);
    ASSERT_TRUE(index.add(make(1, 5, 5, 1, 2), 5));
    EXPECT_EQ(index.counts().pending, 3U);
    EXPECT_EQ(index.end_of_row(account(1)), 8U);
    EXPECT_EQ(index.heads()[0]->transaction.nonce, 5U);
}

TEST(pool_index, replacements_pay_a_tenth_more_of_both) {
    PoolIndex index({});
    ASSERT_TRUE(index.add(make(1, 0, 100, 10, 0), 0));
    const auto refused = index.add(make(1, 0, 109, 11, 1), 0);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().context, "replacement transaction underpriced");
    EXPECT_FALSE(index.add(make(1, 0, 110, 10, 2), 0));
    const auto better = make(1, 0, 110, 11, 3);
    ASSERT_TRUE(index.add(better, 0));
    EXPECT_EQ(index.find(account(1), 0), better);
    EXPECT_EQ(index.counts().pending, 1U);
    EXPECT_EQ(index.add(better, 0).error().context, "already known");
    PooledTransaction huge = *better;
    huge.transaction.max_fee = huge.transaction.max_priority_fee = U256() - U256(1);
    huge.hash.data[31] = 9;
    huge.arrival = 8;
    ASSERT_TRUE(index.add(std::make_shared<const PooledTransaction>(huge), 0));
    huge.hash.data[31] = 10;
    EXPECT_FALSE(index.add(std::make_shared<const PooledTransaction>(huge), 0));
}

TEST(pool_index, remembers_whom_transactions_delegate) {
    PoolIndex index({});
    PooledTransaction one = *make(1, 0, 100, 10, 0);
    one.authorities = {account(7), account(7), account(8)};
    ASSERT_TRUE(index.add(std::make_shared<const PooledTransaction>(one), 0));
    EXPECT_TRUE(index.is_authority(account(7)));
    ASSERT_TRUE(index.add(make(1, 0, 200, 20, 1), 0)); // in its place
    EXPECT_FALSE(index.is_authority(account(7)));
    EXPECT_FALSE(index.is_authority(account(8)));
}

} // namespace
} // namespace ol::chain
