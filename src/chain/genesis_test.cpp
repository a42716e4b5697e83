#include "chain/genesis.hpp"

#include <gtest/gtest.h>

#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

const Path artifacts = Path(OL_SOURCE_DIR) / "contracts" / "out";

const GenesisAccount* find(const Genesis& genesis, const Address& address) {
    for (const auto& account : genesis.accounts) {
        if (account.address == address) return &account;
    }
    return nullptr;
}

TEST(development_genesis, is_the_same_block_everywhere) {
    const auto genesis = development_genesis({}, artifacts);
    ASSERT_TRUE(genesis.has_value()) << genesis.error().to_string();
    const auto header = lay_down(*genesis, *make_memory_state());
    ASSERT_TRUE(header.has_value()) << header.error().to_string();
    EXPECT_EQ(header->withdrawals_root, empty_root_hash);
    // The compiler and its settings are pinned: other code at genesis means another chain.
    EXPECT_EQ(to_hex(header->state_root.view()),
              "9ae24b0592a8ad962fcf8a7b188966906ef7ccf36de804c80696ad831f77c5fd");
    EXPECT_EQ(to_hex(hash(*header).view()),
              "121bc9db92a3e3c560007893f64d956f413b29d4ab9ccf2fcd932781198c5a7d");
}

TEST(development_genesis, holds_what_wallets_and_tools_expect) {
    const auto genesis = development_genesis({}, artifacts);
    ASSERT_TRUE(genesis.has_value()) << genesis.error().to_string();
    const auto rich = address_from_hex("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    ASSERT_NE(find(*genesis, *rich), nullptr);
    EXPECT_EQ(format_open(find(*genesis, *rich)->balance), "10000 OPEN");
    // keccak of the codes that EIP-4788, EIP-2935 and forge's check of the deployer fix.
    const std::pair<const char*, const char*> fixed[] = {
        {"000F3df6D732807Ef1319fB7B8bB8522d0Beac02",
         "f57acd40259872606d76197ef052f3d35588dadf919ee1f0e3cb9b62d3f4b02c"},
        {"0000F90827F1C53a10cb7A02335B175320002935",
         "6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d"},
        {"4e59b44847b379578588920cA78FbF26c0B4956C",
         "2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989"},
    };
    for (const auto& [address, code_hash] : fixed) {
        const auto* account = find(*genesis, *address_from_hex(address));
        ASSERT_NE(account, nullptr) << address;
        EXPECT_EQ(to_hex(crypto::keccak256(account->code).view()), code_hash) << address;
    }
    ASSERT_NE(find(*genesis, *address_from_hex("cA11bde05977b3631167028862bE2a173976CA11")),
              nullptr);
    EXPECT_EQ(genesis->header.extra_data, *from_hex("00000000fa00000006"));
    EXPECT_EQ(genesis->header.gas_limit, 60'000'000U);
}

TEST(development_genesis, options_reach_the_block) {
    DevelopmentOptions options;
    options.accounts = 0;
    options.free_gas = true;
    options.fork = OpFork::jovian;
    options.fee_recipient.data[19] = 9;
    const auto genesis = development_genesis(options, artifacts);
    ASSERT_TRUE(genesis.has_value()) << genesis.error().to_string();
    for (const auto& account : genesis->accounts) EXPECT_TRUE(account.balance.is_zero());
    EXPECT_EQ(genesis->header.base_fee, U256());
    EXPECT_EQ(genesis->header.extra_data, *from_hex("01000000fa000000010000000000000000"));
    const auto* vault = find(*genesis, predeploy::base_fee_vault);
    ASSERT_NE(vault, nullptr);
    EXPECT_EQ(vault->storage[0].second, U256(9));
    const auto* oracle = find(*genesis, predeploy::gas_price_oracle);
    EXPECT_EQ(oracle->storage.size(), 1U);
}

TEST(development_genesis, says_how_to_get_what_is_missing) {
    const auto genesis = development_genesis({}, "/nonexistent");
    ASSERT_FALSE(genesis.has_value());
    EXPECT_EQ(genesis.error().code, ErrorCode::not_found);
    EXPECT_NE(genesis.error().context.find("tools/setup"), std::string::npos);
    DevelopmentOptions options;
    options.accounts = 100'000;
    EXPECT_EQ(development_genesis(options, artifacts).error().code, ErrorCode::too_large);
}

} // namespace
} // namespace ol::chain
