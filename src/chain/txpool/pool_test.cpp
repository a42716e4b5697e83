#include "chain/txpool/pool.hpp"

#include <algorithm>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "chain/world_for_tests.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

std::string refusal(World& world, const Transaction& transaction) {
    const auto added = world.pool->add(transaction);
    return added ? "accepted" : added.error().context;
}

bool begins(const std::string& text, std::string_view with) { return text.starts_with(with); }

// Clients look for these words.
TEST(pool, refuses_in_the_words_that_clients_know) {
    World world;
    const Address to = test_key(1).address();
    world.add(transfer(0, 0, to));
    EXPECT_EQ(refusal(world, transfer(0, 0, to)), "already known");
    EXPECT_EQ(refusal(world, transfer(0, 0, to, U256(2))), "replacement transaction underpriced");
    (void)world.produce();
    EXPECT_EQ(refusal(world, transfer(0, 0, to, U256(2))),
              "nonce too low: next nonce 1, tx nonce 0");
    const std::string poor =
        refusal(world, transfer(0, 1, to, U256(5000) * U256(gwei) * U256(gwei)));
    EXPECT_TRUE(begins(poor, "insufficient funds for gas * price + value: balance 9")) << poor;
    EXPECT_NE(poor.find(", tx cost 50000021"), std::string::npos) << poor;

    const auto altered = [&](const std::function<void(Transaction&)>& change) {
        Transaction one = transfer(2, 0, to);
        change(one);
        sign(one, test_key(2));
        return refusal(world, one);
    };
    EXPECT_TRUE(begins(altered([](auto& one) { one.gas_limit = 20'999; }),
                       "intrinsic gas too low: gas 20999, minimum needed 21000"));
    EXPECT_TRUE(
        begins(altered([](auto& one) { one.gas_limit = 31'000'000; }), "exceeds block gas limit"));
    EXPECT_TRUE(begins(altered([](auto& one) { one.chain_id = 1; }),
                       "invalid sender: invalid chain id for signer: have 1 want 7777"));
    EXPECT_TRUE(begins(altered([](auto& one) { one.max_priority_fee = one.max_fee + U256(1); }),
                       "max priority fee per gas higher than max fee per gas"));
    EXPECT_TRUE(begins(altered([](auto& one) { one.nonce = ~0ULL; }), "nonce has max value"));
    EXPECT_TRUE(begins(altered([](auto& one) {
                           one.data.resize(200'000, 1);
                           one.gas_limit = 29'000'000;
                       }),
                       "oversized data"));
    EXPECT_TRUE(begins(altered([](auto& one) {
                           one.to.reset();
                           one.data.resize(49'153);
                           one.gas_limit = 29'000'000;
                       }),
                       "max initcode size exceeded"));
    EXPECT_TRUE(begins(altered([](auto& one) {
                           one.data.resize(1000, 1);
                           one.gas_limit = 40'000;
                       }),
                       "insufficient gas for floor data gas cost"));
    EXPECT_TRUE(begins(altered([](auto& one) { one.type = TransactionType::set_code; }),
                       "set code tx must have at least one authorization tuple"));
    EXPECT_TRUE(begins(altered([](auto& one) { one.type = TransactionType::blob; }),
                       "transaction type not supported"));
    Transaction deposit;
    deposit.type = TransactionType::deposit;
    EXPECT_TRUE(begins(refusal(world, deposit), "transaction type not supported"));
    Transaction unsigned_one = transfer(2, 0, to);
    unsigned_one.s = U256();
    EXPECT_TRUE(begins(refusal(world, unsigned_one), "invalid sender: "));
    EXPECT_EQ(world.pool->counts().pending + world.pool->counts().queued, 0U);
}

TEST(pool, tells_what_waits) {
    World world;
    std::vector<Hash32> told;
    world.pool->on_added([&](const PooledPtr& pooled) { told.push_back(pooled->hash); });
    const Address sender = test_key(0).address(), to = test_key(1).address();
    EXPECT_EQ(world.pool->next_nonce(sender), 0U);
    const Hash32 first = world.add(transfer(0, 0, to));
    const Hash32 gapped = world.add(transfer(0, 2, to));
    EXPECT_EQ(told, (std::vector<Hash32>{first, gapped}));
    EXPECT_EQ(world.pool->next_nonce(sender), 1U);
    EXPECT_EQ(world.pool->find(first)->sender, sender);
    EXPECT_EQ(world.pool->find(first)->hash, hash(world.pool->find(first)->transaction));
    const auto content = world.pool->content();
    EXPECT_EQ(content.pending.at(sender).at(0)->hash, first);
    EXPECT_EQ(content.queued.at(sender).at(2)->hash, gapped);
    EXPECT_TRUE(world.pool->has_executable(U256(gwei)));
    EXPECT_FALSE(world.pool->has_executable(U256(gwei) * U256(1000)));
    world.pool->remove(first);
    EXPECT_EQ(world.pool->find(first), nullptr);
    world.pool->clear();
    EXPECT_EQ(world.pool->counts().queued, 0U);
}

// Balance for everything that is pending, not only for the new one.
TEST(pool, a_balance_is_spent_once) {
    WorldOptions options;
    options.balance = U256(100 * gwei) * U256(21'000) * U256(2) + U256(100);
    World world(options);
    const Address to = test_key(1).address();
    world.add(transfer(0, 0, to, U256(50)));
    world.add(transfer(0, 1, to, U256(50)));
    EXPECT_TRUE(begins(refusal(world, transfer(0, 2, to, U256(1))), "insufficient funds"));
    // A replacement takes the place of what it replaces.
    EXPECT_TRUE(
        begins(refusal(world, transfer(0, 1, to, U256(1), 2, 110 * gwei)), "insufficient funds"));
    (void)world.produce();
    EXPECT_EQ(world.pool->counts().pending, 0U);
}

TEST(pool, what_became_unaffordable_leaves) {
    World world;
    const Address rich = test_key(0).address(), to = test_key(1).address();
    const U256 half = U256(450) * U256(gwei) * U256(gwei);
    const Hash32 dear = world.add(transfer(0, 1, to, half));
    const Hash32 cheap = world.add(transfer(0, 2, to, U256(1)));
    EXPECT_EQ(world.pool->counts().queued, 2U);
    auto attributes = attributes_after(world.chain->config(), world.chain->head());
    attributes.forced.push_back(transfer(0, 0, to, U256(900) * U256(gwei) * U256(gwei)));
    ASSERT_TRUE(world.chain->produce(attributes, nullptr));
    EXPECT_EQ(world.pool->find(dear), nullptr);
    EXPECT_NE(world.pool->find(cheap), nullptr);
    EXPECT_EQ(world.pool->counts().queued, 1U); // its nonce is not the next
    EXPECT_EQ(world.pool->next_nonce(rich), 1U);
}

Transaction delegate(std::size_t from, std::uint64_t nonce, std::size_t authority,
                     std::uint64_t authority_nonce) {
    Transaction out = transfer(from, nonce, test_key(from).address(), U256());
    out.type = TransactionType::set_code;
    out.gas_limit = 100'000;
    Authorization one;
    one.chain_id = U256(world_chain_id);
    one.address = counter_address();
    one.nonce = authority_nonce;
    // keccak(0x05 | rlp([chain id, address, nonce])), EIP-7702.
    Bytes message = *from_hex("05da821e6194");
    append(message, one.address.view());
    message.push_back(authority_nonce == 0 ? 0x80 : static_cast<std::uint8_t>(authority_nonce));
    message[1] = static_cast<std::uint8_t>(0xc0 + message.size() - 2);
    const auto signature = test_key(authority).sign(crypto::keccak256(message));
    one.y_parity = signature.parity;
    one.r = U256::from_be(signature.r.view());
    one.s = U256::from_be(signature.s.view());
    out.authorizations.push_back(one);
    sign(out, test_key(from));
    return out;
}

// EIP-7702: others may spend a delegated account's balance.
TEST(pool, delegated_accounts_have_one_transaction_on_its_way) {
    World world;
    const Address to = test_key(1).address();
    world.add(delegate(0, 0, 5, 0));
    world.add(transfer(5, 0, to)); // still its first
    EXPECT_EQ(refusal(world, transfer(5, 1, to)),
              "in-flight transaction limit reached for delegated accounts");
    world.add(transfer(5, 0, to, U256(2), 10, 200 * gwei)); // a replacement is none more
    world.add(transfer(6, 0, to));
    world.add(transfer(6, 1, to));
    EXPECT_EQ(refusal(world, delegate(1, 0, 6, 0)), "authority already reserved");
    (void)world.produce();
    const auto state = world.chain->state_at(1).value();
    // Whoever came first, the delegation holds if the authority's nonce was still the signed one.
    world.add(delegate(2, 0, 7, 0));
    (void)world.produce();
    EXPECT_NE(world.chain->state_at(2).value()->account(test_key(7).address()).value()->code_hash,
              empty_code_hash);
    const auto next = world.nonce(7);
    EXPECT_EQ(refusal(world, transfer(7, next + 1, to)), "gapped-nonce tx from delegated accounts");
    world.add(transfer(7, next, to));
    EXPECT_EQ(refusal(world, transfer(7, next + 1, to)),
              "in-flight transaction limit reached for delegated accounts");
}

// Against a list sorted anew for each choice.
TEST(pool, selection_takes_the_best_of_what_may_come_next) {
    World world;
    Prng random(9);
    struct One {
        std::size_t key;
        std::uint64_t nonce, tip, max_fee, order;
    };
    std::vector<One> all;
    for (std::uint64_t i = 0; i < 120; ++i) {
        const auto key = random.below(8);
        const auto nonce = world.nonce(key);
        const std::uint64_t max_fee = gwei * (1 + random.below(4)) + random.below(3);
        const auto tip = random.below(3) * gwei / 2 + random.below(2);
        const auto fitting = std::min(tip, max_fee);
        if (!world.pool->add(transfer(key, nonce, {}, U256(1), fitting, max_fee))) continue;
        all.push_back({key, nonce, fitting, max_fee, i});
    }
    ASSERT_GT(all.size(), 100U);
    const std::uint64_t base_fee = 2 * gwei;
    std::map<std::size_t, std::uint64_t> next;
    std::map<std::size_t, bool> out;
    const auto selection = world.pool->select(U256(base_fee));
    std::size_t taken = 0;
    while (true) {
        const One* best = nullptr;
        const auto tip_of = [&](const One& one) {
            return std::min(one.tip, one.max_fee - base_fee);
        };
        for (const auto& one : all) {
            if (out[one.key] || one.nonce != next[one.key] || one.max_fee < base_fee) continue;
            if (best == nullptr || tip_of(one) > tip_of(*best) ||
                (tip_of(one) == tip_of(*best) && one.order < best->order)) {
                best = &one;
            }
        }
        const auto given = selection->next();
        ASSERT_EQ(given == nullptr, best == nullptr);
        if (given == nullptr) break;
        EXPECT_EQ(given->sender, test_key(best->key).address());
        EXPECT_EQ(given->transaction.nonce, best->nonce);
        ++next[best->key];
        ++taken;
        if (random.below(10) == 0) {
            selection->skip();
            out[best->key] = true;
        }
    }
    EXPECT_GT(taken, 20U);
}

TEST(pool, a_crowd_at_once_is_no_disorder) {
    World world;
    std::vector<std::thread> threads;
    for (std::size_t key = 0; key < 4; ++key) {
        threads.emplace_back([&world, key] {
            for (std::uint64_t nonce = 0; nonce < 40; ++nonce) {
                world.add(transfer(key, nonce, test_key(7).address()));
                if (nonce % 8 == 0) (void)world.pool->counts();
            }
        });
    }
    std::size_t taken = 0;
    for (int i = 0; i < 10; ++i) taken += world.produce().transactions.size() - 1;
    for (auto& thread : threads) thread.join();
    taken += world.produce().transactions.size() - 1;
    EXPECT_EQ(taken, 160U);
    EXPECT_EQ(world.pool->counts().pending + world.pool->counts().queued, 0U);
    EXPECT_EQ(world.nonce(3), 40U);
}

} // namespace
} // namespace ol::chain
