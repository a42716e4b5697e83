#include "chain/l1_attributes.hpp"

#include <gtest/gtest.h>

#include "chain/genesis.hpp"

namespace ol::chain {
namespace {

L1Attributes some() {
    L1Attributes out;
    out.number = 0x0102030405060708;
    out.timestamp = 0x1112131415161718;
    out.sequence_number = 3;
    out.base_fee = U256(7);
    out.base_fee_scalar = 0xaabbccdd;
    out.blob_base_fee_scalar = 0x11223344;
    out.operator_fee_scalar = 5;
    out.operator_fee_constant = 6;
    out.da_footprint_gas_scalar = 400;
    out.hash.data[31] = 9;
    return out;
}

TEST(l1_attributes, calldata_is_packed_as_the_fork_has_it) {
    const auto jovian = l1_attributes_deposit(some(), {Fork::prague, OpFork::jovian});
    const auto isthmus = l1_attributes_deposit(some(), {Fork::prague, OpFork::isthmus});
    const auto ecotone = l1_attributes_deposit(some(), {Fork::cancun, OpFork::fjord});
    EXPECT_EQ(jovian.data.size(), 178U);
    EXPECT_EQ(isthmus.data.size(), 176U);
    EXPECT_EQ(ecotone.data.size(), 164U);
    EXPECT_EQ(to_hex(isthmus.data).substr(0, 72),
              "098999beaabbccdd11223344000000000000000311121314151617180102030405060708");
    EXPECT_EQ(to_hex(isthmus.data).substr(328), "000000050000000000000006");
    EXPECT_EQ(to_hex(jovian.data).substr(0, 8), "3db6be2b");
    EXPECT_EQ(to_hex(jovian.data).substr(352), "0190");
    EXPECT_EQ(to_hex(ecotone.data).substr(0, 8), "440a5e20");
}

TEST(l1_attributes, the_deposit_is_the_depositors) {
    const auto deposit = l1_attributes_deposit(some(), {Fork::prague, OpFork::isthmus});
    EXPECT_TRUE(deposit.is_deposit());
    EXPECT_EQ(to_hex(deposit.from.view()), "deaddeaddeaddeaddeaddeaddeaddeaddead0001");
    EXPECT_EQ(to_hex(deposit.to->view()), "4200000000000000000000000000000000000015");
    EXPECT_EQ(deposit.gas_limit, 1'000'000U);
    EXPECT_FALSE(deposit.is_system);
    EXPECT_TRUE(deposit.mint.is_zero());
    const auto back = decode_transaction(encode(deposit));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, deposit);
}

// Two blocks never have the same deposit.
TEST(l1_attributes, the_source_hash_tells_blocks_apart) {
    L1Attributes other = some();
    other.sequence_number = 4;
    const Rules rules{Fork::prague, OpFork::isthmus};
    EXPECT_NE(l1_attributes_deposit(some(), rules).source_hash,
              l1_attributes_deposit(other, rules).source_hash);
    // The specification's formula, by another road: domain 1, then L1 hash and sequence number.
    EXPECT_EQ(to_hex(l1_attributes_deposit(some(), rules).source_hash.view()),
              "5006eb4a9fb339f2accfe5cdec2d22f5c9133b117d4e23a5fcc5d8f79e250142");
}

} // namespace
} // namespace ol::chain
