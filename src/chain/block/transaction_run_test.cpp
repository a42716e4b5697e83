// Validity and payment of single transactions, Ethereum's rules.
#include <gtest/gtest.h>

#include "chain/block/fee_market.hpp"
#include "chain/block/world_for_tests.hpp"

namespace ol::chain {
namespace {

using testing::address_of;
using testing::ether;
using testing::key_of;
using testing::World;

const auto alice = key_of(0x11);
const auto bob = key_of(0x22);

TransactionFault fault_of(World& world, const Transaction& tx) {
    BlockExecutor executor(world.config, *world.state, world.header, {});
    const auto outcome = executor.run(tx);
    return outcome ? TransactionFault::none : outcome.error();
}

template <class Change>
TransactionFault fault_after(World& world, Change change,
                             TransactionType type = TransactionType::dynamic_fee) {
    Transaction tx = world.transfer(alice, bob.address(), U256(5));
    tx.type = type;
    change(tx);
    World::sign(tx, alice);
    return fault_of(world, tx);
}

TEST(Transactions, a_transfer_pays_sender_receiver_and_miner) {
    World world(ChainConfig::ethereum(Fork::prague));
    world.put(alice.address(), ether);
    BlockExecutor executor(world.config, *world.state, world.header, {});
    const auto outcome = executor.run(world.transfer(alice, bob.address(), U256(1000))).value();
    EXPECT_TRUE(outcome.receipt.succeeded);
    EXPECT_EQ(outcome.gas_used, 21'000U);
    EXPECT_EQ(outcome.effective_gas_price, U256(9)); // base fee 7, tip 2
    EXPECT_EQ(outcome.receipt.cumulative_gas_used, 21'000U);
    // The contracts of EIP-7002 and EIP-7251 are not in this world: its blocks cannot be finished.
    EXPECT_EQ(executor.finish(nullptr).error().code, ErrorCode::unverified);
}

TEST(Transactions, money_is_conserved_but_for_the_base_fee) {
    World world(ChainConfig::ethereum(Fork::cancun));
    world.put(alice.address(), ether);
    BlockExecutor executor(world.config, *world.state, world.header, {});
    ASSERT_TRUE(executor.run(world.transfer(alice, bob.address(), U256(1000))).has_value());
    ASSERT_TRUE(executor.run(world.transfer(alice, bob.address(), U256(1), 1)).has_value());
    const std::vector<Withdrawal> withdrawals = {{0, 0, bob.address(), 3}};
    const auto totals = executor.finish(&withdrawals).value();
    EXPECT_EQ(totals.gas_used, 42'000U);
    EXPECT_EQ(world.balance(bob.address()), U256(1001 + 3'000'000'000));
    EXPECT_EQ(world.balance(world.header.coinbase), U256(42'000 * 2));
    EXPECT_EQ(world.balance(alice.address()), ether - U256(1001 + 42'000 * 9));
    EXPECT_EQ(world.account(alice.address()).nonce, 2U);
    EXPECT_EQ(totals.receipts_root, receipts_root(executor.receipts()));
    EXPECT_EQ(totals.withdrawals_root, withdrawals_root(withdrawals));
}

TEST(Transactions, faults) {
    World world(ChainConfig::ethereum(Fork::prague));
    world.put(alice.address(), ether, "", 5);
    using Fault = TransactionFault;
    const auto with = [&](auto change) {
        return fault_after(world, [&](Transaction& tx) {
            tx.nonce = 5;
            change(tx);
        });
    };
    EXPECT_EQ(with([](Transaction&) {}), Fault::none);
    EXPECT_EQ(with([](Transaction& tx) { tx.nonce = 4; }), Fault::nonce_too_low);
    EXPECT_EQ(with([](Transaction& tx) { tx.nonce = 6; }), Fault::nonce_too_high);
    EXPECT_EQ(with([](Transaction& tx) { tx.chain_id = 2; }), Fault::wrong_chain_id);
    EXPECT_EQ(with([](Transaction& tx) { tx.gas_limit = 20'999; }), Fault::intrinsic_gas);
    EXPECT_EQ(with([](Transaction& tx) { tx.gas_limit = 30'000'001; }),
              Fault::gas_limit_above_block);
    EXPECT_EQ(with([](Transaction& tx) { tx.max_fee = U256(6); }), Fault::max_fee_below_base_fee);
    EXPECT_EQ(with([](Transaction& tx) { tx.max_priority_fee = U256(11); }),
              Fault::priority_above_max_fee);
    EXPECT_EQ(with([](Transaction& tx) { tx.value = ether; }), Fault::insufficient_funds);
    EXPECT_EQ(with([](Transaction& tx) { tx.max_fee = U256() - U256(1); }),
              Fault::insufficient_funds); // the product passes 256 bits
    EXPECT_EQ(with([](Transaction& tx) {
                  tx.data = Bytes(100, 1);
                  tx.gas_limit = 21'000 + 1600;
              }),
              Fault::floor_data_gas);
    EXPECT_EQ(with([](Transaction& tx) {
                  tx.to.reset();
                  tx.data = Bytes(49'153, 0);
                  tx.gas_limit = 10'000'000;
              }),
              Fault::init_code_too_large);
    Transaction unsigned_one = world.transfer(alice, bob.address(), U256(1), 5);
    unsigned_one.s = U256();
    EXPECT_EQ(fault_of(world, unsigned_one), Fault::bad_signature);
    Transaction deposit;
    deposit.type = TransactionType::deposit;
    EXPECT_EQ(fault_of(world, deposit), Fault::deposit_not_allowed);
}

TEST(Transactions, types_begin_with_their_forks) {
    const struct {
        Fork last_without;
        TransactionType type;
    } rows[] = {{Fork::istanbul, TransactionType::access_list},
                {Fork::berlin, TransactionType::dynamic_fee},
                {Fork::shanghai, TransactionType::blob},
                {Fork::cancun, TransactionType::set_code}};
    for (const auto& row : rows) {
        World world(ChainConfig::ethereum(row.last_without));
        world.put(alice.address(), ether);
        if (row.last_without < Fork::london) world.header.base_fee.reset();
        EXPECT_EQ(fault_after(
                      world, [](Transaction&) {}, row.type),
                  TransactionFault::type_not_supported);
    }
}

TEST(Transactions, senders_with_code_are_refused_unless_they_delegate) {
    World world(ChainConfig::ethereum(Fork::prague));
    world.put(alice.address(), ether, "6001");
    EXPECT_EQ(fault_after(world, [](Transaction&) {}), TransactionFault::sender_has_code);
    world.put(alice.address(), ether, "ef0100abababababababababababababababababababab");
    EXPECT_EQ(fault_after(world, [](Transaction&) {}), TransactionFault::none);
}

TEST(Transactions, blobs) {
    World world(ChainConfig::ethereum(Fork::cancun));
    world.put(alice.address(), ether);
    const auto with = [&](auto change) {
        return fault_after(
            world,
            [&](Transaction& tx) {
                tx.max_fee_per_blob_gas = U256(1);
                tx.blob_hashes.resize(1);
                tx.blob_hashes[0][0] = 1;
                change(tx);
            },
            TransactionType::blob);
    };
    using Fault = TransactionFault;
    EXPECT_EQ(with([](Transaction&) {}), Fault::none);
    EXPECT_EQ(with([](Transaction& tx) { tx.blob_hashes.clear(); }), Fault::blob_count);
    EXPECT_EQ(with([](Transaction& tx) { tx.blob_hashes.resize(7, tx.blob_hashes[0]); }),
              Fault::blob_count);
    EXPECT_EQ(with([](Transaction& tx) { tx.blob_hashes[0][0] = 2; }), Fault::blob_version);
    EXPECT_EQ(with([](Transaction& tx) { tx.to.reset(); }), Fault::blob_creation);
    EXPECT_EQ(with([](Transaction& tx) { tx.max_fee_per_blob_gas = U256(); }),
              Fault::blob_fee_too_low);

    // The blob fee is burnt, and counts in the block's blob gas.
    BlockExecutor executor(world.config, *world.state, world.header, {});
    Transaction tx = world.transfer(alice, bob.address(), U256());
    tx.type = TransactionType::blob;
    tx.max_fee_per_blob_gas = U256(100);
    tx.blob_hashes.resize(2);
    tx.blob_hashes[0][0] = tx.blob_hashes[1][0] = 1;
    World::sign(tx, alice);
    ASSERT_TRUE(executor.run(tx).has_value());
    EXPECT_EQ(executor.blob_gas_used(), 2 * gas_per_blob);
    ASSERT_TRUE(executor.finish(nullptr).has_value());
    EXPECT_EQ(world.balance(alice.address()), ether - U256(21'000 * 9 + 2 * gas_per_blob));
}

TEST(Transactions, osaka_caps_gas_and_blobs) {
    World world(ChainConfig::ethereum(Fork::osaka));
    world.put(alice.address(), ether);
    EXPECT_EQ(fault_after(world, [](Transaction& tx) { tx.gas_limit = 1 << 24; }),
              TransactionFault::none);
    EXPECT_EQ(fault_after(world, [](Transaction& tx) { tx.gas_limit = (1 << 24) + 1; }),
              TransactionFault::gas_limit_above_cap);
    const auto blobs = [&](std::size_t count) {
        return fault_after(
            world,
            [&](Transaction& tx) {
                tx.max_fee_per_blob_gas = U256(1);
                tx.blob_hashes.resize(count);
                for (auto& hash : tx.blob_hashes) hash[0] = 1;
            },
            TransactionType::blob);
    };
    EXPECT_EQ(blobs(6), TransactionFault::none);
    EXPECT_EQ(blobs(7), TransactionFault::blob_count);
}

// SSTORE(0, 0) on a slot that holds 1: refund 4,800, of which a fifth of the gas used counts.
TEST(Transactions, refunds_are_bounded) {
    World world(ChainConfig::ethereum(Fork::london));
    world.put(alice.address(), ether);
    world.put(address_of(1), U256(), "5f5f55", 1);
    world.put(address_of(2), U256(), "6000600055", 1, {{U256(0), U256(1)}});
    BlockExecutor executor(world.config, *world.state, world.header, {});
    Transaction tx = world.transfer(alice, address_of(2), U256());
    tx.gas_limit = 100'000;
    World::sign(tx, alice);
    const auto outcome = executor.run(tx).value();
    // 21,000 + 3 + 3 + 5,000 (cold, reset) = 26,006; a fifth is 5,201: the refund counts whole.
    EXPECT_EQ(outcome.gas_used, 26'006U - 4'800U);
    ASSERT_TRUE(executor.finish(nullptr).has_value());
    EXPECT_EQ(world.state->storage(address_of(2), U256()).value(), U256());
}

// Bob signs over his account to a contract; what calls him in the same transaction runs that code.
TEST(Transactions, authorizations_delegate) {
    World world(ChainConfig::ethereum(Fork::prague));
    world.put(alice.address(), ether);
    world.put(bob.address(), U256(1), "", 7);
    world.put(address_of(9), U256(), "602a5f5560205ff3"); // SSTORE(0, 42)
    const auto runs_of = [&](const Authorization& authorization) {
        BlockExecutor executor(world.config, *world.state, world.header, {});
        Transaction tx = world.transfer(alice, bob.address(), U256());
        tx.type = TransactionType::set_code;
        tx.gas_limit = 200'000;
        tx.authorizations = {authorization};
        World::sign(tx, alice);
        return executor.run(tx).value().gas_used;
    };
    const std::uint64_t plain = 21'000 + 25'000;
    const std::uint64_t refund = std::min<std::uint64_t>(12'500, (plain + 22'113) / 5);
    // Warm code, a cold slot: 3 + 2 + 22,100 gas, and RETURN of one word: 3 + 2 + 3.
    EXPECT_EQ(runs_of(World::authorize(bob, 1, 7, address_of(9))), plain + 22'113 - refund);
    EXPECT_EQ(runs_of(World::authorize(bob, 0, 7, address_of(9))), plain + 22'113 - refund);
    // Another chain, another nonce: passed over, and paid for.
    EXPECT_EQ(runs_of(World::authorize(bob, 2, 7, address_of(9))), plain);
    EXPECT_EQ(runs_of(World::authorize(bob, 1, 8, address_of(9))), plain);
}

TEST(IntrinsicGas, by_fork) {
    Transaction tx;
    tx.to = Address{};
    tx.data = {0, 0, 1, 2, 3};
    const auto gas = [&](Fork fork) { return intrinsic_gas(tx, {fork, OpFork::none}); };
    EXPECT_EQ(gas(Fork::frontier).gas, 21'000U + 2 * 4 + 3 * 68);
    EXPECT_EQ(gas(Fork::istanbul).gas, 21'000U + 2 * 4 + 3 * 16);
    EXPECT_EQ(gas(Fork::cancun).floor, 0U);
    EXPECT_EQ(gas(Fork::prague).floor, 21'000U + 10 * (2 + 3 * 4));
    tx.to.reset();
    EXPECT_EQ(gas(Fork::frontier).gas, 21'000U + 2 * 4 + 3 * 68);
    EXPECT_EQ(gas(Fork::homestead).gas, 53'000U + 2 * 4 + 3 * 68);
    EXPECT_EQ(gas(Fork::shanghai).gas, 53'000U + 2 * 4 + 3 * 16 + 2);
    tx.access_list = {{Address{}, {U256(1), U256(2)}}, {Address{}, {}}};
    tx.authorizations.resize(3);
    EXPECT_EQ(gas(Fork::prague).gas,
              53'000U + 2 * 4 + 3 * 16 + 2 + 2 * 2400 + 2 * 1900 + 3 * 25'000);
}

} // namespace
} // namespace ol::chain
