#include "chain/block/system_contracts.hpp"

#include <gtest/gtest.h>

#include "chain/block/transaction_run.hpp"
#include "chain/block/world_for_tests.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

using testing::World;

const Address withdrawal_queue =
    address_from_hex("00000961ef480eb55e80d19ad83579a64c007002").value();
const Address consolidation_queue =
    address_from_hex("0000bbddc7ce488642fb579f8b00f3a590007251").value();
const Address beacon_roots = address_from_hex("000f3df6d732807ef1319fb7b8bb8522d0beac02").value();
const Address history = address_from_hex("0000f90827f1c53a10cb7a02335b175320002935").value();

// The log of a deposit as the deposit contract's ABI has it.
Log deposit_log(const Address& contract, std::uint8_t seed) {
    Log out;
    out.address = contract;
    out.topics = {crypto::keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)")};
    out.data.resize(576);
    const std::size_t offsets[] = {160, 256, 320, 384, 512}, sizes[] = {48, 32, 8, 96, 8};
    for (std::size_t i = 0; i < 5; ++i) {
        put_be64(out.data.data() + 32 * i + 24, offsets[i]);
        put_be64(out.data.data() + offsets[i] + 24, sizes[i]);
        for (std::size_t k = 0; k < sizes[i]; ++k) {
            out.data[offsets[i] + 32 + k] = static_cast<std::uint8_t>(seed + i);
        }
    }
    return out;
}

Bytes deposit_bytes(std::uint8_t seed) {
    Bytes out;
    const std::size_t sizes[] = {48, 32, 8, 96, 8};
    for (std::size_t i = 0; i < 5; ++i) out.insert(out.end(), sizes[i], seed + i);
    return out;
}

struct Requests : ::testing::Test {
    World world{ChainConfig::ethereum(Fork::prague)};
    std::vector<Receipt> receipts = std::vector<Receipt>(1);

    // A queue that answers its caller's last byte, and stores that it was called.
    void put_queues(std::string_view code) {
        world.put(withdrawal_queue, U256(), code, 1);
        world.put(consolidation_queue, U256(), code, 1);
    }
    Result<std::vector<Bytes>> collect() {
        Journal journal(*world.state);
        const Rules rules = world.config.rules_at(1, 1000);
        evm::Evm evm(journal, rules, block_context(world.config, world.header, {}));
        return collect_requests(evm, journal, world.config.deposit_contract, receipts);
    }
};

TEST_F(Requests, empty_ones_are_left_out) {
    put_queues("00");
    EXPECT_TRUE(collect()->empty());
    EXPECT_EQ(hash_of_requests({}), empty_requests_hash);
}

TEST_F(Requests, of_all_types_in_order) {
    put_queues("335f5260016"
               "01ff3"); // returns the last byte of its caller: 0xfe
    receipts[0].logs = {deposit_log(world.config.deposit_contract, 1),
                        deposit_log(testing::address_of(1), 9), // another contract's
                        deposit_log(world.config.deposit_contract, 50)};
    const auto requests = collect().value();
    ASSERT_EQ(requests.size(), 3U);
    Bytes deposits{0};
    append(deposits, deposit_bytes(1));
    append(deposits, deposit_bytes(50));
    EXPECT_EQ(requests[0], deposits);
    EXPECT_EQ(requests[1], (Bytes{1, 0xfe}));
    EXPECT_EQ(requests[2], (Bytes{2, 0xfe}));
    Bytes hashes;
    for (const auto& request : requests) append(hashes, crypto::sha256(request).view());
    EXPECT_EQ(hash_of_requests(requests), crypto::sha256(hashes));
}

TEST_F(Requests, a_queue_that_is_missing_or_fails_makes_the_block_invalid) {
    EXPECT_EQ(collect().error().code, ErrorCode::unverified);
    put_queues("fe");
    EXPECT_EQ(collect().error().code, ErrorCode::unverified);
}

TEST_F(Requests, deposits_of_another_form_make_the_block_invalid) {
    put_queues("00");
    const Log sound = deposit_log(world.config.deposit_contract, 1);
    const auto refused = [&](auto change) {
        receipts[0].logs = {sound};
        change(receipts[0].logs[0]);
        return !collect().has_value();
    };
    EXPECT_FALSE(refused([](Log&) {}));
    EXPECT_TRUE(refused([](Log& log) { log.data.push_back(0); }));
    EXPECT_TRUE(refused([](Log& log) { log.data.resize(100); }));
    EXPECT_TRUE(refused([](Log& log) { log.data[31] = 161; }));
    EXPECT_TRUE(refused([](Log& log) { log.data[0] = 1; }));
    EXPECT_TRUE(refused([](Log& log) { log.data[160 + 31] = 47; }));
    EXPECT_FALSE(refused([](Log& log) { log.topics[0][0] ^= 1; })); // another event
}

TEST(SystemContracts, are_called_at_the_start) {
    World world(ChainConfig::ethereum(Fork::prague));
    world.put(beacon_roots, U256(), "5f35600155", 1); // slot 1: the call's data
    world.put(history, U256(), "5f35600155", 1);
    world.header.parent_beacon_block_root = U256(77).to_be();
    world.header.parent_hash = U256(88).to_be();
    Journal journal(*world.state);
    const Rules rules = world.config.rules_at(1, 1000);
    evm::Evm evm(journal, rules, block_context(world.config, world.header, {}));
    call_system_contracts_at_start(evm, journal, world.header);
    const auto changes = journal.take_changes();
    ASSERT_EQ(changes.size(), 2U); // and no trace of the caller
    (void)world.state->apply(changes).value();
    EXPECT_EQ(world.state->storage(beacon_roots, U256(1)).value(), U256(77));
    EXPECT_EQ(world.state->storage(history, U256(1)).value(), U256(88));
}

TEST(SystemContracts, that_are_not_there_are_passed_over) {
    World world(ChainConfig::ethereum(Fork::prague));
    world.header.parent_beacon_block_root = U256(77).to_be();
    BlockExecutor executor(world.config, *world.state, world.header, {});
    EXPECT_TRUE(executor.begin().has_value());
    EXPECT_FALSE(world.state->account(beacon_roots).value().has_value());
}

} // namespace
} // namespace ol::chain
