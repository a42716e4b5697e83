#include <gtest/gtest.h>

#include "chain/block/world_for_tests.hpp"

namespace ol::chain {
namespace {

using testing::address_of;
using testing::ether;
using testing::key_of;
using testing::World;

Header child_of(const ChainConfig& config, const Header& parent) {
    Header out = parent;
    out.parent_hash = hash(parent);
    out.number = parent.number + 1;
    out.timestamp = parent.timestamp + 2;
    out.gas_used = 0;
    const Rules rules = config.rules_at(out.number, out.timestamp);
    if (rules.fork < Fork::paris) out.difficulty = next_difficulty(config, parent, out.timestamp);
    if (rules.fork >= Fork::london) out.base_fee = next_base_fee(config, parent, out.timestamp);
    return out;
}

Header genesis_of(Fork fork) {
    Header out;
    out.ommers_hash = empty_ommers_hash;
    out.transactions_root = out.receipts_root = out.state_root = empty_root_hash;
    out.gas_limit = 30'000'000;
    out.timestamp = 100;
    if (fork < Fork::paris) out.difficulty = U256(1'000'000);
    if (fork >= Fork::london) out.base_fee = U256(1'000'000'000);
    if (fork >= Fork::shanghai) out.withdrawals_root = empty_root_hash;
    if (fork >= Fork::cancun) {
        out.blob_gas_used = out.excess_blob_gas = 0;
        out.parent_beacon_block_root = Hash32{};
    }
    if (fork >= Fork::prague) out.requests_hash = empty_requests_hash;
    return out;
}

// Each of these breaks one rule of a sound header.
struct Damage {
    const char* name;
    void (*apply)(Header&);
};

void check_damages(const ChainConfig& config, const Header& parent, const Header& sound,
                   std::initializer_list<Damage> damages) {
    const auto good = validate_header(config, parent, sound);
    ASSERT_TRUE(good.has_value()) << good.error().context;
    for (const auto& damage : damages) {
        Header header = sound;
        damage.apply(header);
        const auto status = validate_header(config, parent, header);
        ASSERT_FALSE(status.has_value()) << damage.name;
        EXPECT_EQ(status.error().code, ErrorCode::unverified);
        EXPECT_NE(status.error().context.find(damage.name), std::string::npos)
            << damage.name << ": " << status.error().context;
    }
}

TEST(HeaderRules, after_the_merge) {
    const auto config = ChainConfig::ethereum(Fork::prague);
    const Header parent = genesis_of(Fork::prague);
    check_damages(config, parent, child_of(config, parent),
                  {{"number", [](Header& h) { ++h.number; }},
                   {"parent hash", [](Header& h) { h.parent_hash[0] ^= 1; }},
                   {"timestamp", [](Header& h) { h.timestamp = 100; }},
                   {"gas limit", [](Header& h) { h.gas_limit += 30'000'000 / 1024; }},
                   {"gas limit", [](Header& h) { h.gas_limit = 1ULL << 63; }},
                   {"gas used", [](Header& h) { h.gas_used = h.gas_limit + 1; }},
                   {"extra data", [](Header& h) { h.extra_data.resize(33); }},
                   {"difficulty", [](Header& h) { h.difficulty = U256(1); }},
                   {"nonce", [](Header& h) { h.nonce[3] = 1; }},
                   {"ommers", [](Header& h) { h.ommers_hash = Hash32{}; }},
                   {"base fee", [](Header& h) { h.base_fee = *h.base_fee + U256(1); }},
                   {"base fee", [](Header& h) { h.base_fee.reset(); }},
                   {"withdrawals root", [](Header& h) { h.withdrawals_root.reset(); }},
                   {"blob gas used", [](Header& h) { h.blob_gas_used.reset(); }},
                   {"blob gas used", [](Header& h) { h.blob_gas_used = 10 << 17; }},
                   {"blob gas used", [](Header& h) { h.blob_gas_used = 1; }},
                   {"excess blob gas", [](Header& h) { h.excess_blob_gas.reset(); }},
                   {"excess blob gas", [](Header& h) { h.excess_blob_gas = 1 << 17; }},
                   {"parent beacon root", [](Header& h) { h.parent_beacon_block_root.reset(); }},
                   {"requests hash", [](Header& h) { h.requests_hash.reset(); }}});
}

TEST(HeaderRules, members_that_come_too_early) {
    const auto config = ChainConfig::ethereum(Fork::berlin);
    const Header parent = genesis_of(Fork::berlin);
    check_damages(config, parent, child_of(config, parent),
                  {{"base fee", [](Header& h) { h.base_fee = U256(7); }},
                   {"withdrawals root", [](Header& h) { h.withdrawals_root = Hash32{}; }},
                   {"difficulty", [](Header& h) { h.difficulty = h.difficulty + U256(1); }},
                   {"gas limit", [](Header& h) { h.gas_limit = 4999; }}});
}

TEST(HeaderRules, london_doubles_the_gas_limit) {
    ChainConfig config = ChainConfig::ethereum(Fork::berlin);
    config.activation[static_cast<std::size_t>(Fork::london)] = 1;
    const Header parent = genesis_of(Fork::berlin);
    Header header = child_of(config, parent);
    EXPECT_EQ(header.base_fee, U256(1'000'000'000));
    EXPECT_FALSE(validate_header(config, parent, header).has_value());
    header.gas_limit = 60'000'000;
    EXPECT_TRUE(validate_header(config, parent, header).has_value());
}

Bytes holocene_extra() { return from_hex("00000000fa00000006").value(); }

TEST(HeaderRules, optimism) {
    const auto config = ChainConfig::optimism(OpFork::isthmus, 10);
    Header parent = genesis_of(Fork::prague);
    parent.extra_data = holocene_extra();
    Header sound = child_of(config, parent);
    sound.gas_limit = 60'000'000; // moves at once
    check_damages(config, parent, sound,
                  {{"extra data", [](Header& h) { h.extra_data.clear(); }},
                   {"extra data", [](Header& h) { h.extra_data[0] = 1; }},
                   {"extra data", [](Header& h) { h.extra_data[4] = 0; }},
                   {"requests hash", [](Header& h) { h.requests_hash = Hash32{}; }},
                   {"blob gas used", [](Header& h) { h.blob_gas_used = 1 << 17; }},
                   {"excess blob gas", [](Header& h) { h.excess_blob_gas = 1 << 17; }}});
}

TEST(HeaderRules, jovian) {
    const auto config = ChainConfig::optimism(OpFork::jovian, 10);
    Header parent = genesis_of(Fork::prague);
    parent.extra_data = from_hex("01000000fa000000060000000000000000").value();
    Header sound = child_of(config, parent);
    sound.blob_gas_used = 40'000;
    check_damages(config, parent, sound,
                  {{"extra data", [](Header& h) { h.extra_data = holocene_extra(); }},
                   {"blob gas used", [](Header& h) { h.blob_gas_used = h.gas_limit + 1; }}});
}

// A block built by hand is accepted; with any of its totals changed it is not.
TEST(ExecuteBlock, compares_every_total) {
    const auto alice = key_of(0x11);
    World world(ChainConfig::ethereum(Fork::cancun));
    Header parent = genesis_of(Fork::cancun);
    const auto pre = [&](World& fresh) { fresh.put(alice.address(), ether); };
    pre(world);

    Block block;
    block.header = child_of(world.config, parent);
    block.header.coinbase = address_of(0xcb);
    Transaction tx = world.transfer(alice, address_of(1), U256(5));
    tx.max_fee = U256(2'000'000'000);
    World::sign(tx, alice);
    block.transactions = {tx};
    block.withdrawals.emplace();
    BlockExecutor executor(world.config, *world.state, block.header, {});
    ASSERT_TRUE(executor.begin().has_value());
    ASSERT_TRUE(executor.run(tx).has_value());
    const auto totals = executor.finish(&*block.withdrawals).value();
    block.header.state_root = totals.state_root;
    block.header.receipts_root = totals.receipts_root;
    block.header.transactions_root = transactions_root(block.transactions);
    block.header.gas_used = totals.gas_used;
    block.header.logs_bloom = totals.logs_bloom;

    const auto accepted = [&](const Block& candidate) {
        World fresh(world.config);
        pre(fresh);
        return execute_block(world.config, parent, candidate, *fresh.state, {}).has_value();
    };
    ASSERT_TRUE(accepted(block));
    const auto refused = [&](auto change) {
        Block other = block;
        change(other);
        return !accepted(other);
    };
    EXPECT_TRUE(refused([](Block& b) { b.header.state_root[0] ^= 1; }));
    EXPECT_TRUE(refused([](Block& b) { b.header.receipts_root[0] ^= 1; }));
    EXPECT_TRUE(refused([](Block& b) { b.header.transactions_root[0] ^= 1; }));
    EXPECT_TRUE(refused([](Block& b) { b.header.withdrawals_root = Hash32{}; }));
    EXPECT_TRUE(refused([](Block& b) { b.header.logs_bloom[7] = 1; }));
    EXPECT_TRUE(refused([](Block& b) { ++b.header.gas_used; }));
    EXPECT_TRUE(refused([](Block& b) { b.header.blob_gas_used = 1 << 17; }));
    EXPECT_TRUE(refused([](Block& b) { b.withdrawals.reset(); }));
    EXPECT_TRUE(refused([](Block& b) { b.withdrawals->push_back({}); }));
    EXPECT_TRUE(refused([](Block& b) { b.transactions.clear(); }));
    EXPECT_TRUE(refused([](Block& b) { b.ommers.push_back(b.header); }));
}

} // namespace
} // namespace ol::chain
