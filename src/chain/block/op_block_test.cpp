// The OP Stack's transactions and blocks: deposits, fee vaults, roots.
#include <gtest/gtest.h>

#include "chain/block/op_fees.hpp"
#include "chain/block/world_for_tests.hpp"

namespace ol::chain {
namespace {

using testing::address_of;
using testing::ether;
using testing::key_of;
using testing::World;

const auto alice = key_of(0x11);

World world_of(OpFork fork) {
    World out(ChainConfig::optimism(fork, 10));
    out.put(alice.address(), ether);
    out.put(l1_block_address, U256(), "00", 1);
    return out;
}

// Lays down L1Block's storage: big-endian words of the slots 1, 3, 7 and 8.
void set_l1_block(World& world) {
    const auto word = [](std::string_view hex) { return U256::from_be(from_hex(hex).value()); };
    world.put(
        l1_block_address, U256(), "00", 1,
        {{U256(1), U256(1'000'000'000)},
         {U256(3), word("0000000000000000000000000000000000000002000000030000000000000000")},
         {U256(7), U256(10'000'000)},
         {U256(8), word("0000000000000000000000000000000000000190000f42400000000000000005")}});
}

Transaction deposit(const Address& from, const Address& to, const U256& mint, const U256& value,
                    std::uint64_t gas = 100'000) {
    Transaction out;
    out.type = TransactionType::deposit;
    out.from = from;
    out.to = to;
    out.mint = mint;
    out.value = value;
    out.gas_limit = gas;
    return out;
}

TEST(Deposits, mint_and_move) {
    World world = world_of(OpFork::isthmus);
    BlockExecutor executor(world.config, *world.state, world.header, {});
    const auto outcome =
        executor.run(deposit(address_of(1), address_of(2), U256(100), U256(30))).value();
    EXPECT_TRUE(outcome.receipt.succeeded);
    EXPECT_EQ(outcome.gas_used, 21'000U);
    EXPECT_EQ(outcome.receipt.type, TransactionType::deposit);
    EXPECT_EQ(outcome.receipt.deposit_nonce, 0U);
    EXPECT_EQ(outcome.receipt.deposit_receipt_version, 1U);
    ASSERT_TRUE(executor.finish(nullptr).has_value());
    EXPECT_EQ(world.balance(address_of(1)), U256(70));
    EXPECT_EQ(world.balance(address_of(2)), U256(30));
    EXPECT_EQ(world.account(address_of(1)).nonce, 1U);
    EXPECT_EQ(world.balance(world.header.coinbase), U256());
    EXPECT_EQ(world.balance(base_fee_vault), U256());
}

// What fails keeps its mint and its nonce, and nothing else.
TEST(Deposits, that_fail_keep_their_mint) {
    const struct {
        const char* why;
        Transaction tx;
        std::uint64_t gas;
    } rows[] = {
        {"more value than there is", deposit(address_of(1), address_of(2), U256(100), U256(101)),
         100'000},
        {"too little gas", deposit(address_of(1), address_of(2), U256(100), U256(1), 20'000),
         20'000},
        {"reverts", deposit(address_of(1), address_of(9), U256(100), U256(1)), 21'006},
        {"runs out of gas", deposit(address_of(1), address_of(8), U256(100), U256(1)), 100'000},
    };
    for (const auto& row : rows) {
        World world = world_of(OpFork::isthmus);
        world.put(address_of(9), U256(), "60006000fd");
        world.put(address_of(8), U256(), "5b5f56");
        BlockExecutor executor(world.config, *world.state, world.header, {});
        const auto outcome = executor.run(row.tx);
        ASSERT_TRUE(outcome.has_value()) << row.why;
        EXPECT_FALSE(outcome->receipt.succeeded) << row.why;
        EXPECT_EQ(outcome->gas_used, row.gas) << row.why;
        EXPECT_EQ(outcome->receipt.deposit_nonce, 0U) << row.why;
        ASSERT_TRUE(executor.finish(nullptr).has_value());
        EXPECT_EQ(world.balance(address_of(1)), U256(100)) << row.why;
        EXPECT_EQ(world.account(address_of(1)).nonce, 1U) << row.why;
        EXPECT_EQ(world.balance(address_of(2)), U256()) << row.why;
    }
}

TEST(Deposits, gas_before_and_after_regolith) {
    const auto gas_of = [](OpFork fork, bool is_system) {
        World world = world_of(fork);
        Transaction tx = deposit(address_of(1), address_of(2), U256(), U256());
        tx.is_system = is_system;
        BlockExecutor executor(world.config, *world.state, world.header, {});
        const auto outcome = executor.run(tx).value();
        EXPECT_EQ(executor.gas_used(), outcome.gas_used);
        EXPECT_EQ(outcome.receipt.deposit_nonce.has_value(), fork >= OpFork::regolith);
        EXPECT_EQ(outcome.receipt.deposit_receipt_version.has_value(), fork >= OpFork::canyon);
        EXPECT_EQ(outcome.receipt.succeeded, !(is_system && fork >= OpFork::regolith));
        return outcome.gas_used;
    };
    EXPECT_EQ(gas_of(OpFork::bedrock, false), 100'000U);
    EXPECT_EQ(gas_of(OpFork::bedrock, true), 0U);
    EXPECT_EQ(gas_of(OpFork::regolith, false), 21'000U);
    EXPECT_EQ(gas_of(OpFork::regolith, true),
              100'000U); // there are no system transactions any more
    EXPECT_EQ(gas_of(OpFork::canyon, false), 21'000U);
}

TEST(Deposits, take_the_blocks_gas) {
    World world = world_of(OpFork::isthmus);
    BlockExecutor executor(world.config, *world.state, world.header, {});
    const auto too_much = executor.run(
        deposit(address_of(1), address_of(2), U256(5), U256(), world.header.gas_limit + 1));
    EXPECT_EQ(too_much.error(), TransactionFault::gas_limit_above_block);
    ASSERT_TRUE(executor.finish(nullptr).has_value());
    EXPECT_EQ(world.balance(address_of(1)), U256()); // nothing was changed
}

TEST(Deposits, create_contracts) {
    World world = world_of(OpFork::isthmus);
    BlockExecutor executor(world.config, *world.state, world.header, {});
    Transaction tx = deposit(address_of(1), {}, U256(100), U256(1));
    tx.to.reset();
    tx.data = from_hex("60015f5260015ff3").value(); // deploys one byte: zero
    const auto outcome = executor.run(tx).value();
    EXPECT_TRUE(outcome.receipt.succeeded);
    EXPECT_EQ(outcome.created, evm::create_address(address_of(1), 0));
    ASSERT_TRUE(executor.finish(nullptr).has_value());
    EXPECT_EQ(world.balance(*outcome.created), U256(1));
    EXPECT_NE(world.account(*outcome.created).code_hash, empty_code_hash);
}

TEST(OpFees, go_to_their_vaults) {
    World world = world_of(OpFork::isthmus);
    set_l1_block(world);
    BlockExecutor executor(world.config, *world.state, world.header, {});
    const Transaction tx = world.transfer(alice, address_of(2), U256(1000));
    const auto outcome = executor.run(tx).value();
    // Less than 100 bytes compressed: the least; (16 * 2 * 1 gwei + 3 * 10^7) * 10^8 / 10^12.
    EXPECT_EQ(outcome.l1_fee, U256(3'203'000));
    // A scalar of one, and five more: a wei a gas.
    EXPECT_EQ(outcome.operator_fee, U256(21'005));
    ASSERT_TRUE(executor.finish(nullptr).has_value());
    EXPECT_EQ(world.balance(base_fee_vault), U256(21'000 * 7));
    EXPECT_EQ(world.balance(world.header.coinbase), U256(21'000 * 2));
    EXPECT_EQ(world.balance(l1_fee_vault), U256(3'203'000));
    EXPECT_EQ(world.balance(operator_fee_vault), U256(21'005));
    EXPECT_EQ(world.balance(alice.address()), ether - U256(1000 + 21'000 * 9 + 3'203'000 + 21'005));
}

// The operator fee of the whole gas limit must be there; what the unused gas cost comes back.
TEST(OpFees, are_part_of_what_must_be_there) {
    const U256 needed = U256(1000 + 50'000ULL * 10 + 3'203'000 + 50'005);
    for (const bool enough : {false, true}) {
        World world = world_of(OpFork::isthmus);
        set_l1_block(world);
        world.put(alice.address(), enough ? needed : needed - U256(1));
        Transaction tx = world.transfer(alice, address_of(2), U256(1000));
        tx.gas_limit = 50'000;
        World::sign(tx, alice);
        BlockExecutor executor(world.config, *world.state, world.header, {});
        const auto outcome = executor.run(tx);
        ASSERT_EQ(outcome.has_value(), enough);
        if (!enough) {
            EXPECT_EQ(outcome.error(), TransactionFault::insufficient_funds);
            continue;
        }
        EXPECT_EQ(outcome->operator_fee, U256(21'005));
        ASSERT_TRUE(executor.finish(nullptr).has_value());
        EXPECT_EQ(world.balance(alice.address()),
                  needed - U256(1000 + 21'000 * 9 + 3'203'000 + 21'005));
    }
}

// The fee's parameters are those after the block's own L1 attributes, read once.
TEST(OpFees, follow_the_attributes_of_their_block) {
    World world = world_of(OpFork::isthmus);
    set_l1_block(world);
    // Anyone's call stores the call's value as the L1 base fee.
    world.put(l1_block_address, U256(), "34600155", 1);
    BlockExecutor executor(world.config, *world.state, world.header, {});
    ASSERT_TRUE(executor.run(deposit(address_of(1), l1_block_address, U256(7), U256(7))));
    const auto first = executor.run(world.transfer(alice, address_of(2), U256())).value();
    EXPECT_EQ(first.l1_fee,
              (U256(7 * 16 * 2) + U256(30'000'000)) * U256(100'000'000) / U256(1'000'000'000'000));
    Transaction change = world.transfer(alice, l1_block_address, U256(900), 1);
    change.gas_limit = 100'000;
    World::sign(change, alice);
    ASSERT_TRUE(executor.run(change)->receipt.succeeded);
    const auto later = executor.run(world.transfer(alice, address_of(2), U256(), 2)).value();
    EXPECT_EQ(later.l1_fee, first.l1_fee);
}

TEST(OpFees, jovian_counts_the_data_footprint) {
    World world = world_of(OpFork::jovian);
    set_l1_block(world);
    BlockExecutor executor(world.config, *world.state, world.header, {});
    ASSERT_TRUE(executor.run(deposit(address_of(1), address_of(2), U256(1), U256(1))));
    EXPECT_EQ(executor.blob_gas_used(), 0U);
    const auto outcome = executor.run(world.transfer(alice, address_of(2), U256())).value();
    EXPECT_EQ(executor.blob_gas_used(), 100U * 400);
    EXPECT_EQ(outcome.operator_fee, U256(21'000ULL * 1'000'000 * 100 + 5));
    EXPECT_EQ(executor.finish(nullptr)->blob_gas_used, 40'000U);

    world.header.gas_limit = 79'999; // room for one footprint
    BlockExecutor small(world.config, *world.state, world.header, {});
    ASSERT_TRUE(small.run(world.transfer(alice, address_of(2), U256(), 1)));
    EXPECT_EQ(small.run(world.transfer(alice, address_of(2), U256(), 2)).error(),
              TransactionFault::gas_limit_above_block);
}

TEST(OpBlocks, roots_of_isthmus) {
    World world = world_of(OpFork::isthmus);
    world.put(message_passer_address, U256(), "00", 1, {{U256(1), U256(2)}});
    BlockExecutor executor(world.config, *world.state, world.header, {});
    const std::vector<Withdrawal> none;
    const auto totals = executor.finish(&none).value();
    EXPECT_EQ(totals.requests_hash, empty_requests_hash);
    EXPECT_EQ(totals.withdrawals_root, world.state->storage_root(message_passer_address).value());
    EXPECT_NE(totals.withdrawals_root, empty_root_hash);

    World before = world_of(OpFork::holocene);
    BlockExecutor holocene(before.config, *before.state, before.header, {});
    EXPECT_EQ(holocene.finish(&none)->withdrawals_root, empty_root_hash);
    EXPECT_FALSE(holocene.finish(&none)->requests_hash.has_value());
}

TEST(OpBlocks, have_no_blobs) {
    World world = world_of(OpFork::isthmus);
    Transaction tx = world.transfer(alice, address_of(2), U256());
    tx.type = TransactionType::blob;
    tx.max_fee_per_blob_gas = U256(1);
    tx.blob_hashes.resize(1);
    tx.blob_hashes[0][0] = 1;
    World::sign(tx, alice);
    BlockExecutor executor(world.config, *world.state, world.header, {});
    EXPECT_EQ(executor.run(tx).error(), TransactionFault::type_not_supported);
}

} // namespace
} // namespace ol::chain
