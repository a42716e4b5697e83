#include "crypto/mnemonic.hpp"

#include <gtest/gtest.h>

namespace ol::crypto {
namespace {

// The addresses that Hardhat and anvil print for their well-known mnemonic.
TEST(mnemonic, the_development_mnemonic_gives_the_accounts_that_everybody_knows) {
    const auto keys =
        keys_of_mnemonic("test test test test test test test test test test test junk", 10);
    ASSERT_TRUE(keys.has_value());
    ASSERT_EQ(keys->size(), 10U);
    EXPECT_EQ(checksum_address((*keys)[0].address()), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    EXPECT_EQ(checksum_address((*keys)[1].address()), "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    EXPECT_EQ(checksum_address((*keys)[9].address()), "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720");
    EXPECT_EQ(to_hex((*keys)[0].secret().view()),
              "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
}

TEST(mnemonic, other_words_give_other_keys) {
    const auto a = keys_of_mnemonic("test test test", 1);
    const auto b = keys_of_mnemonic("test test testt", 1);
    ASSERT_TRUE(a && b);
    EXPECT_NE((*a)[0].address(), (*b)[0].address());
    EXPECT_TRUE(keys_of_mnemonic("test", 0)->empty());
}

} // namespace
} // namespace ol::crypto
