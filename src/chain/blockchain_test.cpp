#include "chain/blockchain.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "chain/world_for_tests.hpp"

namespace ol::chain {
namespace {

// A few blocks with transfers and logs; nonces run on from the state's.
void fill(World& world, std::size_t blocks, Prng& random) {
    for (std::size_t i = 0; i < blocks; ++i) {
        for (std::size_t key = 0; key < 4; ++key) {
            for (auto left = random.below(4); left > 0; --left) {
                const auto nonce = world.nonce(key);
                if (random.below(2) == 0) {
                    world.add(count_call(key, nonce, random.below(5)));
                } else {
                    world.add(transfer(key, nonce, test_key(random.below(8)).address(), U256(7),
                                       random.below(100)));
                }
            }
        }
        world.produce();
    }
}

void expect_same_logs(const FoundLog& a, const FoundLog& b) {
    EXPECT_EQ(a.log, b.log);
    EXPECT_EQ(a.block_hash, b.block_hash);
    EXPECT_EQ(a.transaction_hash, b.transaction_hash);
    EXPECT_EQ(a.block_number, b.block_number);
    EXPECT_EQ(a.transaction_index, b.transaction_index);
    EXPECT_EQ(a.log_index, b.log_index);
}

std::vector<FoundLog> all_logs(const Blockchain& chain) {
    LogFilter filter;
    filter.to = chain.head().number;
    auto found = chain.logs(filter);
    EXPECT_TRUE(found.has_value());
    return found.value_or(std::vector<FoundLog>{});
}

void expect_same_chain(const Blockchain& a, const Blockchain& b) {
    ASSERT_EQ(a.head_hash(), b.head_hash());
    for (std::uint64_t number = 0; number <= a.head().number; ++number) {
        const auto hash = a.canonical_hash(number).value();
        ASSERT_TRUE(hash);
        ASSERT_EQ(hash, b.canonical_hash(number).value());
        const auto left = a.stored(*hash).value(), right = b.stored(*hash).value();
        ASSERT_EQ(left->block, right->block);
        EXPECT_EQ(left->senders, right->senders);
        EXPECT_EQ(left->size_bytes, right->size_bytes);
        EXPECT_EQ(left->transaction_hashes, right->transaction_hashes);
        ASSERT_EQ(left->outcomes.size(), right->outcomes.size());
        for (std::size_t i = 0; i < left->outcomes.size(); ++i) {
            EXPECT_EQ(left->outcomes[i].receipt, right->outcomes[i].receipt);
            EXPECT_EQ(left->outcomes[i].gas_used, right->outcomes[i].gas_used);
            const auto place = b.find(left->transaction_hashes[i]).value();
            ASSERT_TRUE(place);
            EXPECT_EQ(place->block_hash, *hash);
            EXPECT_EQ(place->index, i);
        }
    }
    const auto left = all_logs(a), right = all_logs(b);
    ASSERT_EQ(left.size(), right.size());
    for (std::size_t i = 0; i < left.size(); ++i) expect_same_logs(left[i], right[i]);
}

TEST(blockchain, begins_with_genesis) {
    World world;
    EXPECT_EQ(world.chain->head().number, 0U);
    EXPECT_EQ(world.chain->head_hash(), hash(world.chain->head()));
    EXPECT_EQ(world.chain->safe_hash(), world.chain->head_hash());
    EXPECT_EQ(world.chain->finalized_hash(), world.chain->head_hash());
    EXPECT_EQ(world.balance(test_key(0).address()), U256(1000) * U256(gwei) * U256(gwei));
    EXPECT_FALSE(world.chain->canonical_hash(1).value());
    EXPECT_FALSE(world.chain->header(Hash32{}).value());
    EXPECT_EQ(world.chain->stored(Hash32{}).value(), nullptr);
    EXPECT_EQ(world.chain->state_at(1).error().code, ErrorCode::not_found);
}

TEST(blockchain, what_one_produces_another_imports) {
    for (const OpFork fork : {OpFork::isthmus, OpFork::jovian, OpFork::none}) {
        WorldOptions options;
        options.fork = fork;
        World a(options), b(options);
        Prng random(7);
        fill(a, 12, random);
        for (std::uint64_t number = 1; number <= 12; ++number) {
            const auto block =
                a.chain->block(*a.chain->canonical_hash(number).value()).value().value();
            const auto done = b.chain->import(block, true);
            ASSERT_TRUE(done) << done.error().to_string();
        }
        ASSERT_NO_FATAL_FAILURE(expect_same_chain(*a.chain, *b.chain));
        EXPECT_EQ(a.counted(), b.counted());
        EXPECT_GT(all_logs(*a.chain).size(), 3U);
    }
}

TEST(blockchain, a_folder_opens_as_it_was_left) {
    World world, twin;
    Prng random(8);
    fill(world, 6, random);
    const auto head = world.chain->head_hash();
    ASSERT_TRUE(world.chain->set_heads({}, *world.chain->canonical_hash(4).value(),
                                       *world.chain->canonical_hash(2).value()));
    world.reopen();
    EXPECT_EQ(world.chain->head_hash(), head);
    EXPECT_EQ(world.chain->safe_hash(), world.chain->canonical_hash(4).value());
    EXPECT_EQ(world.chain->finalized_hash(), world.chain->canonical_hash(2).value());
    fill(world, 3, random);
    for (std::uint64_t number = 1; number <= 9; ++number) {
        const auto hash = *world.chain->canonical_hash(number).value();
        ASSERT_TRUE(twin.chain->import(*world.chain->block(hash).value(), true));
    }
    ASSERT_NO_FATAL_FAILURE(expect_same_chain(*world.chain, *twin.chain));
    // Another chain's genesis does not open it.
    world.pool.reset();
    world.chain.reset();
    WorldOptions other;
    other.gas_limit = 29'000'000;
    BlockchainOptions options;
    options.folder = world.folder.path();
    const auto refused = Blockchain::open(options, test_genesis(other));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
}

// Every member of a block counts: with any of them changed it is refused and the head stays.
TEST(blockchain, spoiled_blocks_are_refused) {
    World a, b;
    for (std::size_t key = 0; key < 4; ++key) a.add(count_call(key, 0, key));
    const Block good = a.produce();
    const std::vector<std::pair<const char*, std::function<void(Block&)>>> spoil = {
        {"state root", [](Block& block) { block.header.state_root.data[0] ^= 1; }},
        {"receipts root", [](Block& block) { block.header.receipts_root.data[0] ^= 1; }},
        {"transactions root", [](Block& block) { block.header.transactions_root.data[0] ^= 1; }},
        {"bloom", [](Block& block) { block.header.logs_bloom.data[0] ^= 1; }},
        {"gas used", [](Block& block) { ++block.header.gas_used; }},
        {"gas limit", [](Block& block) { block.header.gas_limit = 10; }},
        {"number", [](Block& block) { ++block.header.number; }},
        {"time", [](Block& block) { block.header.timestamp = 1000; }},
        {"base fee", [](Block& block) { block.header.base_fee = U256(5); }},
        {"extra data", [](Block& block) { block.header.extra_data.clear(); }},
        {"withdrawals root", [](Block& block) { block.header.withdrawals_root->data[3] ^= 1; }},
        {"requests", [](Block& block) { block.header.requests_hash->data[3] ^= 1; }},
        {"difficulty", [](Block& block) { block.header.difficulty = U256(1); }},
        {"order", [](Block& block) { std::swap(block.transactions[1], block.transactions[2]); }},
        {"signature", [](Block& block) { block.transactions[2].r += U256(1); }},
        {"no signature", [](Block& block) { block.transactions[1].s = U256(); }},
        {"left out", [](Block& block) { block.transactions.pop_back(); }},
        {"withdrawals", [](Block& block) { block.withdrawals.reset(); }},
        {"coinbase", [](Block& block) { block.header.coinbase.data[0] ^= 1; }},
    };
    for (const auto& [name, change] : spoil) {
        Block block = good;
        change(block);
        const auto done = b.chain->import(block, true);
        ASSERT_FALSE(done) << name;
        EXPECT_EQ(done.error().code, ErrorCode::unverified)
            << name << ": " << done.error().to_string();
        EXPECT_EQ(b.chain->head().number, 0U) << name;
    }
    Block orphan = good;
    orphan.header.parent_hash.data[0] ^= 1;
    EXPECT_EQ(b.chain->import(orphan, true).error().code, ErrorCode::not_found);
    ASSERT_TRUE(b.chain->import(good, true));
    ASSERT_TRUE(b.chain->import(good, true)); // known by now
    EXPECT_EQ(b.chain->head_hash(), a.chain->head_hash());
}

TEST(blockchain, a_built_block_is_not_kept_until_it_is_imported) {
    World world;
    for (std::size_t key = 0; key < 4; ++key) world.add(count_call(key, 0, key));
    const auto attributes = attributes_after(world.chain->config(), world.chain->head());
    const auto parent = world.chain->head_hash();
    const auto built = world.chain->build(parent, attributes, world.pool.get(), 1000);
    ASSERT_TRUE(built) << built.error().to_string();
    EXPECT_EQ(built->block.transactions.size(), 5U);
    EXPECT_EQ(built->outcomes.size(), 5U);
    EXPECT_GT(built->fees, U256());
    const Hash32 made = hash(built->block.header);
    EXPECT_EQ(world.chain->stored(made).value(), nullptr);
    EXPECT_EQ(world.pool->counts().pending, 4U);
    ASSERT_TRUE(world.chain->import(built->block, false));
    EXPECT_EQ(world.chain->head_hash(), parent);
    ASSERT_TRUE(world.chain->set_heads(made, {}, {}));
    EXPECT_EQ(world.chain->head_hash(), made);
    EXPECT_EQ(world.pool->counts().pending, 0U);
    EXPECT_EQ(world.counted(), U256(4));
    // The state that the building left behind is the one that execution gives.
    World twin;
    ASSERT_TRUE(twin.chain->import(built->block, true));
    ASSERT_NO_FATAL_FAILURE(expect_same_chain(*world.chain, *twin.chain));
}

TEST(blockchain, attributes_that_break_a_rule_are_named) {
    World world;
    const auto parent = world.chain->head_hash();
    const PayloadAttributes good = attributes_after(world.chain->config(), world.chain->head());
    const std::vector<std::pair<const char*, std::function<void(PayloadAttributes&)>>> spoil = {
        {"timestamp", [](auto& one) { one.timestamp = 1000; }},
        {"beacon block root", [](auto& one) { one.parent_beacon_block_root.reset(); }},
        {"EIP-1559", [](auto& one) { one.eip1559_parameters.reset(); }},
        {"both or neither", [](auto& one) { one.eip1559_parameters->data[3] = 1; }},
        {"minimum base fee", [](auto& one) { one.minimum_base_fee = 7; }},
        {"withdrawals", [](auto& one) { one.withdrawals.emplace_back(); }},
        {"forced transaction 1", [](auto& one) { one.forced.push_back(transfer(0, 5, {})); }},
    };
    for (const auto& [name, change] : spoil) {
        PayloadAttributes attributes = good;
        change(attributes);
        const auto built = world.chain->build(parent, attributes, nullptr, 0);
        ASSERT_FALSE(built) << name;
        EXPECT_EQ(built.error().code, ErrorCode::invalid_argument) << name;
        EXPECT_NE(built.error().context.find(name), std::string::npos) << built.error().context;
    }
    EXPECT_EQ(world.chain->build(Hash32{}, good, nullptr, 0).error().code, ErrorCode::not_found);
    PayloadAttributes own = good;
    put_be32(own.eip1559_parameters->begin(), 100);
    put_be32(own.eip1559_parameters->begin() + 4, 4);
    EXPECT_EQ(world.chain->build(parent, own, nullptr, 0)->block.header.extra_data,
              *from_hex("000000006400000004"));
}

TEST(blockchain, the_pools_best_go_first_as_long_as_they_fit) {
    WorldOptions options;
    options.fork = OpFork::none; // no deposit that asks for a million
    options.gas_limit = 21'000 * 4;
    World world(options);
    const Address to = test_key(7).address();
    world.add(transfer(0, 0, to, U256(1), 10));
    world.add(transfer(0, 1, to, U256(1), 500));
    world.add(transfer(1, 0, to, U256(1), 300));
    world.add(transfer(2, 0, to, U256(1), 200));
    world.add(transfer(3, 0, to, U256(1), 5));
    world.add(transfer(4, 0, to, U256(1), 100, gwei / 2)); // below the base fee
    const Block block = world.produce();
    ASSERT_EQ(block.transactions.size(), 4U);
    const std::uint64_t tips[] = {300, 200, 10, 500};
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(block.transactions[i].max_priority_fee, U256(tips[i])) << i;
    }
    EXPECT_EQ(world.produce().transactions.size(), 1U);
    EXPECT_EQ(world.pool->counts().pending, 1U);
}

TEST(blockchain, limits_of_data_availability_leave_the_large_ones_out) {
    World world;
    Prng random(3);
    for (std::size_t key = 0; key < 3; ++key) {
        Transaction large = transfer(key, 0, counter_address(), U256());
        large.data.resize(400 + 400 * key);
        for (auto& byte : large.data) byte = static_cast<std::uint8_t>(random.next());
        large.gas_limit = 200'000;
        sign(large, test_key(key));
        world.add(large);
    }
    auto attributes = attributes_after(world.chain->config(), world.chain->head());
    const auto count = [&] {
        return world.chain->build(world.chain->head_hash(), attributes, world.pool.get(), 0)
                   ->block.transactions.size() -
               1;
    };
    EXPECT_EQ(count(), 3U);
    attributes.transaction_da_bytes = 900;
    EXPECT_EQ(count(), 2U);
    attributes.block_da_bytes = 500;
    EXPECT_EQ(count(), 1U);
    attributes.no_pool = true;
    EXPECT_EQ(count(), 0U);
}

// The filter's answer is what a look at every log gives.
TEST(blockchain, logs_are_found_as_by_looking_at_all_of_them) {
    World world;
    Prng random(11);
    fill(world, 40, random);
    const auto everything = all_logs(*world.chain);
    ASSERT_GT(everything.size(), 40U);
    Address nobody;
    nobody.data[3] = 4;
    for (int round = 0; round < 200; ++round) {
        LogFilter filter;
        filter.from = random.below(42);
        filter.to = filter.from + random.below(42);
        if (random.below(2) == 0) filter.addresses.push_back(counter_address());
        if (random.below(4) == 0) filter.addresses.push_back(nobody);
        for (auto positions = random.below(3); positions > 0; --positions) {
            auto& any = filter.topics.emplace_back();
            for (auto left = random.below(3); left > 0; --left) {
                any.push_back(U256(random.below(6)).to_be());
            }
        }
        std::vector<FoundLog> expected;
        for (const auto& log : everything) {
            bool fits = log.block_number >= filter.from && log.block_number <= filter.to &&
                        filter.topics.size() <= log.log.topics.size();
            if (!filter.addresses.empty()) {
                fits &= std::ranges::count(filter.addresses, log.log.address) != 0;
            }
            for (std::size_t i = 0; fits && i < filter.topics.size(); ++i) {
                fits &= filter.topics[i].empty() ||
                        std::ranges::count(filter.topics[i], log.log.topics[i]) != 0;
            }
            if (fits) expected.push_back(log);
        }
        if (round % 50 == 25) world.reopen(); // from the disk as well
        const auto found = world.chain->logs(filter);
        ASSERT_TRUE(found) << found.error().to_string();
        ASSERT_EQ(found->size(), expected.size()) << round;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            expect_same_logs((*found)[i], expected[i]);
        }
    }
    LogFilter few;
    few.to = 41;
    few.limit = 5;
    EXPECT_EQ(world.chain->logs(few).error().code, ErrorCode::too_large);
    few.from = 42;
    EXPECT_EQ(world.chain->logs(few).error().code, ErrorCode::invalid_argument);
    few.addresses.resize(5000);
    EXPECT_EQ(world.chain->logs(few).error().code, ErrorCode::invalid_argument);
    const auto hash = *world.chain->canonical_hash(3).value();
    const auto of_block = world.chain->logs_of_block(hash).value();
    for (const auto& log : of_block) EXPECT_EQ(log.block_number, 3U);
    EXPECT_EQ(world.chain->logs_of_block(Hash32{}).error().code, ErrorCode::not_found);
}

TEST(blockchain, hashes_of_ancestors_are_those_of_the_own_branch) {
    World world;
    Prng random(4);
    fill(world, 5, random);
    const auto of_head = world.chain->block_hashes(world.chain->head_hash());
    for (std::uint64_t number = 0; number <= 5; ++number) {
        EXPECT_EQ(of_head(number), *world.chain->canonical_hash(number).value());
    }
    // A branch of two blocks from block 3.
    std::vector<Hash32> branch;
    Hash32 parent = *world.chain->canonical_hash(3).value();
    for (int i = 0; i < 2; ++i) {
        const auto header = world.chain->header(parent).value().value();
        auto attributes = attributes_after(world.chain->config(), header, 9);
        const auto built = world.chain->build(parent, attributes, nullptr, 0);
        ASSERT_TRUE(built) << built.error().to_string();
        ASSERT_TRUE(world.chain->import(built->block, false));
        parent = hash(built->block.header);
        branch.push_back(parent);
    }
    const auto of_branch = world.chain->block_hashes(parent);
    EXPECT_EQ(of_branch(3), *world.chain->canonical_hash(3).value());
    EXPECT_EQ(of_branch(5), branch[1]);
    EXPECT_EQ(of_branch(4), branch[0]);
    EXPECT_EQ(of_branch(1), *world.chain->canonical_hash(1).value());
}

} // namespace
} // namespace ol::chain
