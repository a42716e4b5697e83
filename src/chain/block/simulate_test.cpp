#include <gtest/gtest.h>

#include "chain/block/world_for_tests.hpp"

namespace ol::chain {
namespace {

using testing::address_of;
using testing::ether;
using testing::World;

struct Simulation : ::testing::Test {
    World world{ChainConfig::ethereum(Fork::prague)};
    CallRequest request;

    Simulation() {
        world.put(address_of(1), ether);
        request.from = address_of(1);
        request.to = address_of(2);
        request.gas = 1'000'000;
    }
    Result<CallOutcome> call() {
        return simulate(world.config, *world.state, world.header, request, {});
    }
};

TEST_F(Simulation, returns_what_the_call_returns_and_keeps_nothing) {
    // Stores the call's value, logs it, returns it.
    world.put(address_of(2), U256(), "345f55345f5260205fa060205ff3", 1);
    request.value = U256(77);
    const auto out = call().value();
    EXPECT_EQ(out.status, evm::Status::success);
    EXPECT_EQ(U256::from_be(out.output), U256(77));
    ASSERT_EQ(out.logs.size(), 1U);
    EXPECT_EQ(out.logs[0].address, address_of(2));
    EXPECT_GT(out.gas_used, 21'000U + 22'100);
    EXPECT_EQ(out.gas_peak, out.gas_used);
    EXPECT_EQ(world.balance(address_of(2)), U256());
    EXPECT_EQ(world.state->storage(address_of(2), U256()).value(), U256());
    EXPECT_EQ(world.account(address_of(1)).nonce, 0U);
}

TEST_F(Simulation, reverts_with_their_data) {
    world.put(address_of(2), U256(), "602a5f5260205ffd", 1);
    const auto out = call().value();
    EXPECT_EQ(out.status, evm::Status::revert);
    EXPECT_EQ(U256::from_be(out.output), U256(42));
    EXPECT_LT(out.gas_used, 22'000U);
}

TEST_F(Simulation, a_refund_shows_in_the_peak) {
    world.put(address_of(2), U256(), "5f5f55", 1, {{U256(), U256(1)}});
    const auto out = call().value();
    EXPECT_EQ(out.gas_peak, 21'000U + 2 + 2 + 5'000);
    EXPECT_EQ(out.gas_used, out.gas_peak - 4'800);
}

TEST_F(Simulation, creations_name_their_contract) {
    request.to.reset();
    request.data = from_hex("60015f5360015ff3").value();
    const auto out = call().value();
    EXPECT_EQ(out.status, evm::Status::success);
    EXPECT_EQ(out.created, evm::create_address(address_of(1), 0));
}

TEST_F(Simulation, what_cannot_begin) {
    request.gas = 20'999;
    EXPECT_TRUE(call().error().context.starts_with("intrinsic gas too low"));
    request.data = Bytes(100, 1);
    request.gas = 23'000;
    EXPECT_TRUE(call().error().context.starts_with("insufficient gas for floor data gas cost"));
    request.gas = 1'000'000;
    request.gas_price = U256(6); // the base fee is 7
    EXPECT_TRUE(call().error().context.starts_with("max fee per gas less than block base fee"));
    request.gas_price = ether;
    EXPECT_EQ(call().error().code, ErrorCode::payment);
    request.gas_price = U256();
    request.value = ether + U256(1);
    EXPECT_EQ(call()->status, evm::Status::insufficient_balance);
}

// Without a price the base fee reads as zero, as in geth.
TEST_F(Simulation, base_fee_of_a_call_without_a_price) {
    world.put(address_of(2), U256(), "485f5260205ff3", 1);
    EXPECT_EQ(U256::from_be(call()->output), U256());
    request.gas_price = U256(8);
    EXPECT_EQ(U256::from_be(call()->output), U256(7));
}

TEST_F(Simulation, a_nonce_at_its_end_does_not_matter) {
    world.put(address_of(1), ether, "", ~0ULL);
    EXPECT_EQ(call()->status, evm::Status::success);
}

} // namespace
} // namespace ol::chain
