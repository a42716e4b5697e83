#include "chain/sequencer.hpp"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "chain/world_for_tests.hpp"

namespace ol::chain {
namespace {

// A clock that threads may read while the test moves it.
class TestClock final : public Clock {
public:
    explicit TestClock(std::int64_t seconds)
        : now_ms_(seconds * 1000) {}
    std::int64_t unix_ms() const override { return now_ms_; }
    void advance_ms(std::int64_t by) { now_ms_ += by; }

private:
    std::atomic<std::int64_t> now_ms_;
};

struct Rig {
    explicit Rig(SequencerOptions options = {}, const WorldOptions& how = {})
        : world(how)
        , clock(5000) {
        options.clock = &clock;
        options.own_thread = false;
        sequencer = Sequencer::start(*world.chain, *world.pool, options).value();
    }
    std::uint64_t number() const { return world.chain->head().number; }
    std::uint64_t time() const { return world.chain->head().timestamp; }
    bool step() { return sequencer->step().value(); }

    World world; // genesis: time 1000
    TestClock clock;
    std::unique_ptr<Sequencer> sequencer;
};

TEST(sequencer, instant_blocks_come_with_transactions_alone) {
    Rig rig;
    EXPECT_FALSE(rig.step());
    rig.world.add(transfer(0, 0, test_key(1).address()));
    rig.world.add(transfer(0, 1, test_key(1).address()));
    rig.world.add(transfer(2, 0, test_key(1).address()));
    EXPECT_TRUE(rig.step()); // all that waits, in one block
    EXPECT_FALSE(rig.step());
    EXPECT_EQ(rig.number(), 1U);
    EXPECT_EQ(rig.time(), 5000U);
    EXPECT_EQ(rig.world.chain->block(rig.world.chain->head_hash()).value()->transactions.size(),
              4U);
    // A block within the same second is still later than its parent.
    rig.world.add(transfer(2, 1, test_key(1).address()));
    EXPECT_TRUE(rig.step());
    EXPECT_EQ(rig.time(), 5001U);
    rig.clock.advance_ms(60'000);
    rig.world.add(transfer(2, 2, test_key(1).address()));
    EXPECT_TRUE(rig.step());
    EXPECT_EQ(rig.time(), 5060U);
}

TEST(sequencer, time_is_added_to_the_head_where_blocks_were_faster_than_the_clock) {
    Rig rig;
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(rig.sequencer->mine());
    EXPECT_EQ(rig.time(), 5009U); // within one second of the clock
    ASSERT_TRUE(rig.sequencer->increase_time(100));
    ASSERT_TRUE(rig.sequencer->mine());
    EXPECT_EQ(rig.time(), 5109U);
}

Transaction deposit(std::uint64_t number, std::uint64_t gas) {
    Transaction out;
    out.type = TransactionType::deposit;
    put_be64(out.source_hash.begin(), number);
    out.from = test_key(3).address();
    out.to = counter_address();
    out.gas_limit = gas;
    return out;
}

TEST(sequencer, forced_deposits_come_first_and_fill_as_many_blocks_as_they_need) {
    Rig rig;
    EXPECT_FALSE(rig.sequencer->force(transfer(0, 0, test_key(1).address())));
    EXPECT_EQ(rig.sequencer->force(deposit(0, 30'000'000)).error().code,
              ErrorCode::invalid_argument);
    for (std::uint64_t i = 1; i <= 3; ++i) {
        ASSERT_TRUE(rig.sequencer->force(deposit(i, 14'000'000)));
    }
    rig.world.add(transfer(0, 0, test_key(1).address()));
    EXPECT_TRUE(rig.step());
    const auto first = *rig.world.chain->block(rig.world.chain->head_hash()).value();
    ASSERT_GE(first.transactions.size(), 3U);
    EXPECT_EQ(first.transactions[1], deposit(1, 14'000'000));
    EXPECT_EQ(first.transactions[2], deposit(2, 14'000'000));
    EXPECT_TRUE(rig.step());
    const auto second = *rig.world.chain->block(rig.world.chain->head_hash()).value();
    EXPECT_EQ(second.transactions[1], deposit(3, 14'000'000));
    EXPECT_FALSE(rig.step());
    EXPECT_EQ(rig.world.counted(), U256(3));
}

TEST(sequencer, blocks_at_intervals_come_without_transactions_too) {
    SequencerOptions options;
    options.instant = false;
    Rig rig(options);
    rig.world.add(transfer(0, 0, test_key(1).address()));
    EXPECT_FALSE(rig.step());
    rig.clock.advance_ms(1999);
    EXPECT_FALSE(rig.step());
    rig.clock.advance_ms(1);
    EXPECT_TRUE(rig.step());
    EXPECT_FALSE(rig.step());
    EXPECT_EQ(rig.time(), 5002U);
    rig.clock.advance_ms(2000);
    EXPECT_TRUE(rig.step());
    EXPECT_EQ(rig.number(), 2U);
    EXPECT_EQ(rig.time(), 5004U);
    ASSERT_TRUE(rig.sequencer->mine());
    EXPECT_EQ(rig.time(), 5006U); // the schedule of blocks goes on
}

TEST(sequencer, each_block_begins_with_the_l1_attributes) {
    SequencerOptions options;
    options.l1.base_fee = U256(77);
    options.l1.base_fee_scalar = 5;
    Rig rig(options);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(rig.sequencer->mine());
    Hash32 last;
    for (std::uint64_t number = 1; number <= 3; ++number) {
        const auto hash = rig.world.chain->canonical_hash(number).value();
        const auto block = rig.world.chain->stored(*hash).value();
        ASSERT_EQ(block->block.transactions.size(), 1U);
        const Transaction& deposit = block->block.transactions[0];
        EXPECT_TRUE(deposit.is_deposit());
        EXPECT_NE(deposit.source_hash, last);
        last = deposit.source_hash;
        EXPECT_EQ(deposit.data[67], 77);
        EXPECT_TRUE(block->outcomes[0].receipt.succeeded);
        EXPECT_EQ(block->outcomes[0].receipt.deposit_nonce, number - 1);
        EXPECT_EQ(to_hex(block->block.header.coinbase.view()),
                  "4200000000000000000000000000000000000011");
    }
}

TEST(sequencer, time_travels_forward_in_development) {
    Rig rig;
    ASSERT_TRUE(rig.sequencer->increase_time(100));
    EXPECT_EQ(rig.sequencer->now(), 5100U);
    ASSERT_TRUE(rig.sequencer->mine());
    EXPECT_EQ(rig.time(), 5100U);
    ASSERT_TRUE(rig.sequencer->set_next_timestamp(9000));
    EXPECT_EQ(rig.sequencer->set_next_timestamp(5100).error().code, ErrorCode::invalid_argument);
    ASSERT_TRUE(rig.sequencer->mine());
    EXPECT_EQ(rig.time(), 9000U);
    rig.clock.advance_ms(7000); // the clock goes on from there
    ASSERT_TRUE(rig.sequencer->mine());
    EXPECT_EQ(rig.time(), 9007U);
    ASSERT_TRUE(rig.sequencer->mine(9500));
    EXPECT_EQ(rig.time(), 9500U);
    EXPECT_EQ(rig.sequencer->mine(9500).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(rig.sequencer->increase_time(1ULL << 50).error().code, ErrorCode::invalid_argument);
    // A new start goes on behind the chain's time, not behind the machine's.
    SequencerOptions options;
    options.clock = &rig.clock;
    options.own_thread = false;
    rig.sequencer = Sequencer::start(*rig.world.chain, *rig.world.pool, options).value();
    EXPECT_EQ(rig.sequencer->now(), 9500U);
    options.development = false;
    rig.sequencer = Sequencer::start(*rig.world.chain, *rig.world.pool, options).value();
    EXPECT_EQ(rig.sequencer->increase_time(1).error().code, ErrorCode::permission_denied);
    EXPECT_EQ(rig.sequencer->set_next_timestamp(99'999).error().code, ErrorCode::permission_denied);
    EXPECT_EQ(rig.sequencer->mine(99'999).error().code, ErrorCode::permission_denied);
}

TEST(sequencer, modes_change_while_it_runs) {
    Rig rig;
    rig.sequencer->set_automine(false);
    EXPECT_FALSE(rig.sequencer->automine());
    rig.world.add(transfer(0, 0, test_key(1).address()));
    EXPECT_FALSE(rig.step());
    ASSERT_TRUE(rig.sequencer->set_interval(5));
    rig.clock.advance_ms(5000);
    EXPECT_TRUE(rig.step());
    ASSERT_TRUE(rig.sequencer->set_interval(0));
    rig.world.add(transfer(0, 1, test_key(1).address()));
    rig.clock.advance_ms(50'000);
    EXPECT_FALSE(rig.step());
    rig.sequencer->set_automine(true);
    EXPECT_TRUE(rig.step());
    EXPECT_EQ(rig.sequencer->set_interval(1ULL << 50).error().code, ErrorCode::invalid_argument);
    SequencerOptions never;
    never.instant = false;
    never.block_time_s = 0;
    EXPECT_FALSE(Sequencer::start(*rig.world.chain, *rig.world.pool, never));
}

// A transaction that no block can take does not make blocks without end.
TEST(sequencer, what_cannot_be_taken_makes_one_block_alone) {
    WorldOptions how;
    // JUMPDEST GAS PUSH3(100,000) LT PUSH0 JUMPI STOP: takes nearly all of the deposit's million.
    how.l1_block_code = *from_hex("5b5a620186a0105f5700");
    Rig rig({}, how);
    Transaction large = transfer(0, 0, test_key(1).address());
    large.gas_limit = 29'700'000;
    sign(large, test_key(0));
    rig.world.add(large);
    EXPECT_TRUE(rig.step());
    EXPECT_FALSE(rig.step());
    EXPECT_EQ(rig.number(), 1U);
    rig.world.add(transfer(2, 0, test_key(1).address()));
    EXPECT_TRUE(rig.step());
    EXPECT_FALSE(rig.step());
    EXPECT_EQ(rig.world.pool->counts().pending, 1U);
    // The same nonce again with less gas: another transaction, and it is taken.
    sign(large = transfer(0, 0, test_key(1).address(), U256(1), 2, 200 * gwei), test_key(0));
    rig.world.add(large);
    EXPECT_TRUE(rig.step());
    EXPECT_FALSE(rig.step());
    EXPECT_EQ(rig.world.pool->counts().pending, 0U);
}

// What a full block has no room for is the next one's.
TEST(sequencer, what_a_full_block_left_makes_another_one) {
    Rig rig;
    for (std::size_t key = 0; key < 3; ++key) {
        Transaction large = transfer(key, 0, test_key(5).address());
        large.gas_limit = 29'700'000;
        sign(large, test_key(key));
        rig.world.add(large);
    }
    EXPECT_TRUE(rig.step()); // a transfer gives most of its gas back: the block is not full yet
    while (rig.step()) {
    }
    EXPECT_EQ(rig.world.pool->counts().pending, 0U);
}

TEST(sequencer, its_thread_serves_whoever_waits) {
    World world;
    auto sequencer = Sequencer::start(*world.chain, *world.pool, {}).value();
    std::vector<std::thread> clients;
    std::atomic<int> served = 0;
    for (std::size_t key = 0; key < 4; ++key) {
        clients.emplace_back([&, key] {
            for (std::uint64_t nonce = 0; nonce < 10; ++nonce) {
                const Hash32 hash = world.add(transfer(key, nonce, test_key(7).address()));
                if (sequencer->wait_for(hash, 20'000)) ++served;
            }
        });
    }
    for (auto& client : clients) client.join();
    EXPECT_EQ(served, 40);
    EXPECT_EQ(world.pool->counts().pending, 0U);
    EXPECT_FALSE(sequencer->wait_for(Hash32{{1, 2, 3}}, 20'000)); // nobody has it
    sequencer->set_automine(false);
    const Hash32 waits = world.add(transfer(0, 10, test_key(7).address()));
    EXPECT_FALSE(sequencer->wait_for(waits, 10));
}

} // namespace
} // namespace ol::chain
