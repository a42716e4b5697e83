#include "chain/types/chain_config.hpp"

#include <gtest/gtest.h>

namespace ol::chain {
namespace {

using codec::Json;

Json json(std::string_view text) { return Json::parse(text).value(); }

TEST(ChainConfig, every_fork_from_genesis) {
    for (int i = 0; i < 15; ++i) {
        const auto fork = static_cast<Fork>(i);
        const ChainConfig config = ChainConfig::ethereum(fork, 5);
        EXPECT_EQ(config.rules_at(0, 0), (Rules{fork, OpFork::none}));
        EXPECT_EQ(config.rules_at(~0ULL, ~0ULL), (Rules{fork, OpFork::none}));
        EXPECT_FALSE(config.is_op());
    }
    for (int i = 1; i < 11; ++i) {
        const auto fork = static_cast<OpFork>(i);
        const ChainConfig config = ChainConfig::optimism(fork, 5);
        EXPECT_EQ(config.rules_at(0, 0).op, fork);
        EXPECT_TRUE(config.is_op());
    }
    EXPECT_EQ(ChainConfig::optimism(OpFork::regolith, 5).rules_at(0, 0).fork, Fork::paris);
    EXPECT_EQ(ChainConfig::optimism(OpFork::delta, 5).rules_at(0, 0).fork, Fork::shanghai);
    EXPECT_EQ(ChainConfig::optimism(OpFork::holocene, 5).rules_at(0, 0).fork, Fork::cancun);
    EXPECT_EQ(ChainConfig::optimism(OpFork::jovian, 5).rules_at(0, 0).fork, Fork::prague);
}

TEST(ChainConfig, forks_begin_where_they_are_said_to) {
    const auto config = ChainConfig::from_json(json(R"({
        "chainId": 99, "homesteadBlock": 1, "eip150Block": 2, "eip155Block": 3, "eip158Block": 3,
        "byzantiumBlock": 4, "constantinopleBlock": 5, "petersburgBlock": 6, "istanbulBlock": 7,
        "berlinBlock": 8, "londonBlock": 9, "mergeNetsplitBlock": 10, "shanghaiTime": 1000,
        "cancunTime": 2000})"))
                            .value();
    EXPECT_EQ(config.rules_at(0, 0).fork, Fork::frontier);
    EXPECT_EQ(config.rules_at(1, 0).fork, Fork::homestead);
    EXPECT_EQ(config.rules_at(5, 0).fork, Fork::constantinople);
    EXPECT_EQ(config.rules_at(9, 5000).fork, Fork::london);
    EXPECT_EQ(config.rules_at(10, 0).fork, Fork::paris);
    EXPECT_EQ(config.rules_at(10, 1000).fork, Fork::shanghai);
    EXPECT_EQ(config.rules_at(11, 5000).fork, Fork::cancun);
}

TEST(ChainConfig, optimism_of_a_genesis_file) {
    const auto config = ChainConfig::from_json(json(R"({
        "chainId": 11155420, "terminalTotalDifficulty": 0, "bedrockBlock": 0, "regolithTime": 0,
        "canyonTime": 1699981200, "ecotoneTime": 1708534800, "fjordTime": 1716998400,
        "graniteTime": 1723478400, "holoceneTime": 1732633200, "isthmusTime": 1744905600,
        "optimism": {"eip1559Elasticity": 6, "eip1559Denominator": 50,
                     "eip1559DenominatorCanyon": 250}})"))
                            .value();
    EXPECT_TRUE(config.is_op());
    EXPECT_EQ(config.rules_at(5, 1).op, OpFork::regolith);
    EXPECT_EQ(config.rules_at(5, 1699981200), (Rules{Fork::shanghai, OpFork::canyon}));
    EXPECT_EQ(config.rules_at(5, 1708534799).op, OpFork::canyon);
    EXPECT_EQ(config.rules_at(5, 1708534800), (Rules{Fork::cancun, OpFork::ecotone}));
    EXPECT_EQ(config.rules_at(5, ~0ULL), (Rules{Fork::prague, OpFork::isthmus}));
    EXPECT_EQ(config.base_fee_denominator_before_canyon, 50U);
}

TEST(ChainConfig, json_round_trip) {
    for (const auto& config :
         {ChainConfig::ethereum(Fork::osaka, 3), ChainConfig::ethereum(Fork::istanbul, 3),
          ChainConfig::optimism(OpFork::jovian, 7777)}) {
        const Json printed = config.to_json();
        const auto read = ChainConfig::from_json(printed).value();
        EXPECT_EQ(read.to_json().dump(), printed.dump());
        EXPECT_EQ(read.activation, config.activation);
        EXPECT_EQ(read.op_activation, config.op_activation);
        EXPECT_EQ(read.post_merge_from_genesis, config.post_merge_from_genesis);
    }
}

TEST(ChainConfig, what_does_not_hold_is_refused) {
    for (const char* text : {
             R"({})",
             R"({"chainId": "0x10000000000000000"})",
             R"({"chainId": 1, "homesteadBlock": 5, "eip150Block": 4})",
             R"({"chainId": 1, "homesteadBlock": 5, "eip158Block": 6})",
             R"({"chainId": 1, "shanghaiTime": 5, "cancunTime": 4})",
             R"({"chainId": 1, "homesteadBlock": "x"})",
             R"({"chainId": 1, "blobSchedule": {"cancun": {"target": 1}}})",
             R"({"chainId": 1, "optimism": {"eip1559Elasticity": 0}})",
         }) {
        EXPECT_FALSE(ChainConfig::from_json(json(text)).has_value()) << text;
    }
}

constexpr std::string_view small_genesis = R"({
    "config": {"chainId": 7, "homesteadBlock": 0, "eip150Block": 0, "eip158Block": 0,
               "byzantiumBlock": 0, "constantinopleBlock": 0, "istanbulBlock": 0, "berlinBlock": 0,
               "londonBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0, "cancunTime": 0},
    "nonce": "0x42", "timestamp": "0x10", "extraData": "0x1234", "gasLimit": "0x1c9c380",
    "difficulty": "0x0", "alloc": {
        "0xbb00000000000000000000000000000000000000": {"balance": "0x10"},
        "aa00000000000000000000000000000000000000": {
            "balance": "17", "nonce": "0x1", "code": "0x6001",
            "storage": {"0x02": "0x0a", "0x01": "0x0b", "0x03": "0x00"}}}})";

TEST(Genesis, is_read) {
    const Genesis genesis = genesis_from_json(json(small_genesis)).value();
    EXPECT_EQ(genesis.header.timestamp, 16U);
    EXPECT_EQ(genesis.header.nonce[7], 0x42);
    EXPECT_EQ(genesis.header.base_fee, U256(1'000'000'000));
    EXPECT_EQ(genesis.header.withdrawals_root, empty_root_hash);
    EXPECT_EQ(genesis.header.excess_blob_gas, 0U);
    EXPECT_FALSE(genesis.header.requests_hash.has_value());
    ASSERT_EQ(genesis.accounts.size(), 2U);
    EXPECT_EQ(genesis.accounts[0].address[0], 0xaa);
    EXPECT_EQ(genesis.accounts[0].balance, U256(17));
    EXPECT_EQ(genesis.accounts[0].code.size(), 2U);
    ASSERT_EQ(genesis.accounts[0].storage.size(), 2U);
    EXPECT_EQ(genesis.accounts[0].storage[0].first, U256(1));
    EXPECT_EQ(genesis.accounts[0].storage[1].second, U256(10));
}

TEST(Genesis, what_does_not_hold_is_refused) {
    const auto refused = [](const char* member, Json value) {
        Json text = json(small_genesis);
        text.set(member, std::move(value));
        return !genesis_from_json(text).has_value();
    };
    EXPECT_FALSE(refused("mixHash", Json(Hash32{})));
    EXPECT_TRUE(refused("gasLimit", Json(100)));
    EXPECT_TRUE(refused("mixHash", Json("0x12")));
    EXPECT_TRUE(refused("config", Json()));
    EXPECT_TRUE(refused("alloc", json(R"({"0xaa": {}})")));
    EXPECT_TRUE(refused("alloc", json(R"({"aa00000000000000000000000000000000000000": {},
                                         "AA00000000000000000000000000000000000000": {}})")));
}

} // namespace
} // namespace ol::chain
