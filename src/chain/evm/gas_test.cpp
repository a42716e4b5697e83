// What instructions cost, fork by fork: the figures are the Yellow Paper's and the EIPs'.
#include "chain/evm/gas.hpp"

#include <gtest/gtest.h>

#include "chain/evm/evm_for_tests.hpp"

namespace ol::chain::evm {
namespace {

TEST(Gas, ConstantCosts) {
    World world;
    EXPECT_EQ(world.gas_of("PUSH 1 PUSH 2", "ADD"), 3);
    EXPECT_EQ(world.gas_of("PUSH 1 PUSH 2", "MUL"), 5);
    EXPECT_EQ(world.gas_of("PUSH 1 PUSH 2 PUSH 3", "MULMOD"), 8);
    EXPECT_EQ(world.gas_of("", "CALLER"), 2);
    EXPECT_EQ(world.gas_of("", "PUSH 1"), 3);
    EXPECT_EQ(world.gas_of("", "PUSH0"), 2);
    EXPECT_EQ(world.gas_of("PUSH 1", "POP"), 2);
    EXPECT_EQ(world.gas_of("PUSH 1", "BLOCKHASH"), 20);
    EXPECT_EQ(world.gas_of("", "there:"), 1);
    EXPECT_EQ(world.gas_of("", "@there JUMP there:"), 3 + 8 + 1);
    EXPECT_EQ(world.gas_of("", "PUSH 0 PUSH 0 JUMPI"), 3 + 3 + 10);
    EXPECT_EQ(world.gas_of("", "SELFBALANCE"), 5);
    EXPECT_EQ(world.gas_of("PUSH 1", "TLOAD"), 100);
    EXPECT_EQ(world.gas_of("PUSH 1 PUSH 1", "TSTORE"), 100);
    EXPECT_EQ(world.gas_of("PUSH 1", "BLOBHASH"), 3);
}

TEST(Gas, GasTellsWhatIsLeft) {
    World world;
    EXPECT_EQ(world.run_code("GAS" + return_top, 1000).word(), U256(998));
    EXPECT_EQ(world.run_code("PUSH 1 PUSH 1 ADD POP GAS" + return_top, 1000).word(), U256(987));
    // Between two of them stands what costs: 3 + 3 + 3 + memory of a word.
    EXPECT_EQ(world.top("GAS PUSH 0 PUSH 0 MSTORE GAS SWAP1 SUB"), U256(3 + 3 + 3 + 3 + 2));
    // Exactly enough, and one too little.
    EXPECT_EQ(world.run_code("PUSH 1 PUSH 1 ADD POP there: PC", 14).status, Status::success);
    EXPECT_EQ(world.run_code("PUSH 1 PUSH 1 ADD POP there: PC", 14).gas_left, 0);
    EXPECT_EQ(world.run_code("PUSH 1 PUSH 1 ADD POP there: PC", 13).status, Status::out_of_gas);
    EXPECT_EQ(world.run_code("PUSH 1 PUSH 1 ADD POP there: PC", 10).status, Status::out_of_gas);
}

TEST(Gas, MemoryGrowsQuadratically) {
    World world;
    EXPECT_EQ(memory_gas(1), 3);
    EXPECT_EQ(memory_gas(22), 66);
    EXPECT_EQ(memory_gas(23), 70);
    EXPECT_EQ(memory_gas(724), 2172 + 1023);
    EXPECT_EQ(memory_gas(100'000), 300'000 + 19'531'250);
    EXPECT_EQ(world.gas_of("PUSH 0", "MLOAD"), 3 + 3);
    EXPECT_EQ(world.gas_of("PUSH 1", "MLOAD"), 3 + 6);
    EXPECT_EQ(world.gas_of("PUSH 100 MLOAD POP PUSH 10", "MLOAD"), 3); // is there already
    EXPECT_EQ(world.gas_of("PUSH 1 PUSH 31", "MSTORE8"), 3 + 3);
    EXPECT_EQ(world.gas_of("PUSH 1 PUSH 32", "MSTORE8"), 3 + 6);
    EXPECT_EQ(world.gas_of("PUSH 23168", "MLOAD"), 3 + memory_gas(725));
    EXPECT_EQ(world.gas_of("PUSH 33 PUSH 0", "KECCAK256"), 30 + 2 * 6 + 6);
    EXPECT_EQ(world.gas_of("PUSH 0 PUSH 0", "KECCAK256"), 30);
    EXPECT_EQ(world.gas_of("PUSH 33 PUSH 0 PUSH 0", "CALLDATACOPY"), 3 + 2 * 3 + 6);
    EXPECT_EQ(world.gas_of("PUSH 32 PUSH 64 PUSH 0", "MCOPY"), 3 + 3 + 9);
    EXPECT_EQ(world.gas_of("PUSH 10 PUSH 0", "RETURN"), 3);
    EXPECT_EQ(world.gas_of("PUSH 9 PUSH 8 PUSH 40 PUSH 0", "LOG2"), 375 * 3 + 8 * 40 + 6);
    EXPECT_EQ(world.gas_of("PUSH 0 PUSH 0", "LOG0"), 375);
}

TEST(Gas, ExponentsByTheByte) {
    for (const Fork fork : all_forks) {
        World world(fork);
        const std::int64_t byte = fork < Fork::spurious_dragon ? 10 : 50;
        EXPECT_EQ(world.gas_of("PUSH 0 PUSH 2", "EXP"), 10);
        EXPECT_EQ(world.gas_of("PUSH 255 PUSH 2", "EXP"), 10 + byte);
        EXPECT_EQ(world.gas_of("PUSH 256 PUSH 2", "EXP"), 10 + 2 * byte);
        EXPECT_EQ(world.gas_of("PUSH 0 NOT PUSH 2", "EXP"), 10 + 32 * byte);
    }
}

TEST(Gas, AccountsAndSlotsByFork) {
    struct Costs {
        Fork fork;
        std::int64_t balance, size, copy, hash, load;
    };
    constexpr Costs all[] = {{Fork::frontier, 20, 20, 20, 0, 50},
                             {Fork::homestead, 20, 20, 20, 0, 50},
                             {Fork::tangerine_whistle, 400, 700, 700, 0, 200},
                             {Fork::byzantium, 400, 700, 700, 0, 200},
                             {Fork::constantinople, 400, 700, 700, 400, 200},
                             {Fork::petersburg, 400, 700, 700, 400, 200},
                             {Fork::istanbul, 700, 700, 700, 700, 800},
                             {Fork::berlin, 2600, 2600, 2600, 2600, 2100},
                             {Fork::osaka, 2600, 2600, 2600, 2600, 2100}};
    for (const Costs& costs : all) {
        World world(costs.fork);
        const std::string address = "PUSH 0x7777 ", copy = "PUSH 0 PUSH 0 PUSH 0 PUSH 0x7777 ";
        EXPECT_EQ(world.gas_of(address, "BALANCE"), costs.balance);
        world.settle();
        EXPECT_EQ(world.gas_of(address, "EXTCODESIZE"), costs.size);
        world.settle();
        EXPECT_EQ(world.gas_of(copy, "EXTCODECOPY"), costs.copy);
        world.settle();
        if (costs.hash != 0) {
            EXPECT_EQ(world.gas_of(address, "EXTCODEHASH"), costs.hash);
        }
        world.settle();
        EXPECT_EQ(world.gas_of("PUSH 5 ", "SLOAD"), costs.load);
        if (costs.fork < Fork::berlin) continue;
        // The second access is warm.
        EXPECT_EQ(world.gas_of(address + "BALANCE POP " + address, "BALANCE"), 100);
        EXPECT_EQ(world.gas_of(address + "BALANCE POP " + address, "EXTCODESIZE"), 100);
        EXPECT_EQ(world.gas_of(address + "BALANCE POP " + copy, "EXTCODECOPY"), 100);
        EXPECT_EQ(world.gas_of("PUSH 5 SLOAD PUSH 5", "SLOAD"), 100);
        // What is reverted was not warmed.
        world.set_code(0x2000, address + "BALANCE PUSH 0 PUSH 0 REVERT");
        world.settle();
        EXPECT_EQ(
            world.gas_of("PUSH 0 DUP1 DUP1 DUP1 DUP1 PUSH 0x2000 GAS CALL " + address, "BALANCE"),
            2600);
    }
}

// The test cases of EIP-1283, EIP-2200 and EIP-3529: values stored one after the other into slot 0,
// which held `original`. Warm, and each store with its two pushes (6 gas).
struct StoreCase {
    int original;
    std::vector<int> values;
    std::int64_t gas_1283, refund_1283, gas_2200, refund_2200, gas_3529, refund_3529;
};
const StoreCase store_cases[] = {
    {0, {0, 0}, 412, 0, 1612, 0, 212, 0},
    {0, {0, 1}, 20212, 0, 20812, 0, 20112, 0},
    {0, {1, 0}, 20212, 19800, 20812, 19200, 20112, 19900},
    {0, {1, 2}, 20212, 0, 20812, 0, 20112, 0},
    {0, {1, 1}, 20212, 0, 20812, 0, 20112, 0},
    {1, {0, 0}, 5212, 15000, 5812, 15000, 3012, 4800},
    {1, {0, 1}, 5212, 4800, 5812, 4200, 3012, 2800},
    {1, {0, 2}, 5212, 0, 5812, 0, 3012, 0},
    {1, {2, 0}, 5212, 15000, 5812, 15000, 3012, 4800},
    {1, {2, 3}, 5212, 0, 5812, 0, 3012, 0},
    {1, {2, 1}, 5212, 4800, 5812, 4200, 3012, 2800},
    {1, {2, 2}, 5212, 0, 5812, 0, 3012, 0},
    {1, {1, 0}, 5212, 15000, 5812, 15000, 3012, 4800},
    {1, {1, 2}, 5212, 0, 5812, 0, 3012, 0},
    {1, {1, 1}, 412, 0, 1612, 0, 212, 0},
    {0, {1, 0, 1}, 40218, 19800, 40818, 19200, 40118, 19900},
    {1, {0, 1, 0}, 10218, 19800, 10818, 19200, 5918, 7600},
};

void expect_store(Fork fork, const StoreCase& store, std::int64_t gas, std::int64_t refund,
                  std::int64_t cold) {
    World world(fork);
    std::string text;
    for (const int value : store.values) text += fmt::format("PUSH1 {} PUSH1 0 SSTORE ", value);
    world.set_code(0x1000, text);
    world.journal.set_storage(address_number(0x1000), U256(),
                              U256(static_cast<std::uint64_t>(store.original)));
    world.settle();
    EXPECT_EQ(world.call(0x1000).gas_used, gas + cold) << text << chain::to_string(fork);
    EXPECT_EQ(world.journal.refund(), refund) << text << chain::to_string(fork);
    EXPECT_EQ(world.journal.storage(address_number(0x1000), U256()),
              U256(static_cast<std::uint64_t>(store.values.back())));
}

TEST(Gas, StoresByNetMetering) {
    for (const StoreCase& store : store_cases) {
        expect_store(Fork::constantinople, store, store.gas_1283, store.refund_1283, 0);
        expect_store(Fork::istanbul, store, store.gas_2200, store.refund_2200, 0);
        expect_store(Fork::london, store, store.gas_3529, store.refund_3529, 2100);
        expect_store(Fork::osaka, store, store.gas_3529, store.refund_3529, 2100);
    }
    // Before London, clearing gives 15000 at Berlin's prices.
    expect_store(Fork::berlin, store_cases[5], 3012, 15000, 2100);
}

TEST(Gas, StoresBeforeNetMetering) {
    for (const Fork fork : {Fork::frontier, Fork::byzantium, Fork::petersburg}) {
        expect_store(fork, {0, {0, 0}, 0, 0, 0, 0, 0, 0}, 10012, 0, 0);
        expect_store(fork, {0, {1, 0}, 0, 0, 0, 0, 0, 0}, 25012, 15000, 0);
        expect_store(fork, {1, {0, 2}, 0, 0, 0, 0, 0, 0}, 25012, 15000, 0);
        expect_store(fork, {1, {2, 2}, 0, 0, 0, 0, 0, 0}, 10012, 0, 0);
    }
}

// EIP-2200: with no more than the stipend nothing is stored, at any price.
TEST(Gas, TheStipendDoesNotStore) {
    const std::string text = "PUSH 1 PUSH 0 SSTORE";
    for (const auto& [fork, status] : {std::pair{Fork::constantinople, Status::success},
                                       {Fork::istanbul, Status::out_of_gas},
                                       {Fork::cancun, Status::out_of_gas}}) {
        World world(fork);
        world.set_code(0x1000, text);
        world.journal.set_storage(address_number(0x1000), U256(), U256(1));
        world.settle();
        world.journal.access_slot(address_number(0x1000), U256());
        EXPECT_EQ(world.call(0x1000, 2306).status, status);
        EXPECT_EQ(world.call(0x1000, 2307).status, Status::success);
    }
}

// ------------------------------------------------------------------------------------- calls

const std::string no_data = "PUSH 0 DUP1 DUP1 DUP1 ";

TEST(Gas, CallsToExistingAccounts) {
    struct Costs {
        Fork fork;
        std::int64_t cold, warm;
    };
    for (const Costs& costs : {Costs{Fork::frontier, 40, 40},
                               {Fork::homestead, 40, 40},
                               {Fork::tangerine_whistle, 700, 700},
                               {Fork::istanbul, 700, 700},
                               {Fork::berlin, 2600, 100},
                               {Fork::prague, 2600, 100}}) {
        World world(costs.fork);
        world.journal.set_balance(address_number(0x2000), U256(1));
        world.settle();
        const std::string call = no_data + "PUSH 0 PUSH 0x2000 PUSH 0 ";
        EXPECT_EQ(world.gas_of(call, "CALL"), costs.cold);
        EXPECT_EQ(world.gas_of(call + "CALL POP " + call, "CALL"), costs.warm);
        EXPECT_EQ(world.gas_of(call + "CALL POP " + call, "CALLCODE"), costs.warm);
        // Memory for input and output: the farther end of both.
        EXPECT_EQ(world.gas_of(call + "CALL POP PUSH 32 PUSH 64 PUSH 32 PUSH 0 PUSH 0 PUSH 0x2000 "
                                      "PUSH 0",
                               "CALL"),
                  costs.warm + 9);
        if (costs.fork < Fork::byzantium) continue;
        EXPECT_EQ(world.gas_of(call + "CALL POP " + no_data + "PUSH 0x2000 PUSH 0", "STATICCALL"),
                  costs.warm);
        EXPECT_EQ(world.gas_of(call + "CALL POP " + no_data + "PUSH 0x2000 PUSH 0", "DELEGATECALL"),
                  costs.warm);
    }
}

TEST(Gas, CallsThatMoveValueOrMakeAccounts) {
    const std::string with_value = no_data + "PUSH 1 PUSH 0x2000 PUSH 0 ";
    const std::string without = no_data + "PUSH 0 PUSH 0x2000 PUSH 0 ";
    struct Costs {
        Fork fork;
        std::int64_t base, new_without_value;
    };
    for (const Costs& costs : {Costs{Fork::frontier, 40, 25000},
                               {Fork::tangerine_whistle, 700, 25000},
                               {Fork::spurious_dragon, 700, 0},
                               {Fork::berlin, 2600, 0}}) {
        World world(costs.fork);
        world.journal.set_balance(address_number(0x1000), U256(100));
        world.settle();
        // The stipend comes back, since nobody is there to use it.
        EXPECT_EQ(world.gas_of(with_value, "CALL"), costs.base + 25000 + 9000 - 2300);
        world.journal.set_balance(address_number(0x2000), U256());
        world.settle();
    }
    for (const Costs& costs : {Costs{Fork::frontier, 40, 25000},
                               {Fork::tangerine_whistle, 700, 25000},
                               {Fork::spurious_dragon, 700, 0},
                               {Fork::berlin, 2600, 0}}) {
        World world(costs.fork);
        world.journal.set_balance(address_number(0x1000), U256(100));
        world.settle();
        EXPECT_EQ(world.gas_of(without, "CALL"), costs.base + costs.new_without_value);
        world.settle();
        // CALLCODE moves value to itself: nobody is made.
        EXPECT_EQ(world.gas_of(with_value, "CALLCODE"), costs.base + 9000 - 2300);
    }
}

// EIP-150: all but a 64th, where more is asked; before it, as much as is asked or nothing.
TEST(Gas, WhatACallHandsOn) {
    const std::string tell = "GAS PUSH 0 MSTORE PUSH 32 PUSH 0 RETURN";
    const auto given = [&](Fork fork, const std::string& asked, std::int64_t gas) {
        World world(fork);
        world.set_code(0x2000, tell);
        world.set_code(0x1000, "PUSH 32 PUSH 0 PUSH 0 PUSH 0 PUSH 0 PUSH 0x2000 " + asked +
                                   " CALL POP PUSH 32 PUSH 0 RETURN");
        return world.call(0x1000, gas);
    };
    // Six pushes and GAS or a push, the call, memory of one word.
    EXPECT_EQ(given(Fork::frontier, "PUSH 5000", 10000).word(), U256(5000 - 2));
    EXPECT_EQ(given(Fork::frontier, "PUSH 9936", 10000).word(), U256(9936 - 2));
    EXPECT_EQ(given(Fork::frontier, "PUSH 9937", 10000).status, Status::out_of_gas);
    EXPECT_EQ(given(Fork::frontier, "PUSH 0 NOT", 10000).status, Status::out_of_gas);
    const std::int64_t left = 10000 - 7 * 3 - 700 - 3;
    EXPECT_EQ(given(Fork::byzantium, "PUSH 5000", 10000).word(), U256(5000 - 2));
    EXPECT_EQ(given(Fork::byzantium, "PUSH 100000", 10000).word(),
              U256(static_cast<std::uint64_t>(left - left / 64 - 2)));
    const std::int64_t berlin = 10000 - 6 * 3 - 2 - 2600 - 3;
    EXPECT_EQ(given(Fork::prague, "GAS", 10000).word(),
              U256(static_cast<std::uint64_t>(berlin - berlin / 64 - 2)));
}

TEST(Gas, CreationsPayForTheirCode) {
    // Init code that returns `size` zero bytes.
    const auto create = [](Fork fork, int size, std::int64_t gas) {
        World world(fork);
        const Bytes init = assemble(fmt::format("PUSH1 {} PUSH1 0 RETURN", size));
        world.set_code(0x1000, fmt::format("PUSH5 0x{} PUSH 0 MSTORE PUSH 5 PUSH 27 PUSH 0 CREATE",
                                           to_hex(init)) +
                                   return_top);
        return world.call(0x1000, gas);
    };
    // Two pushes, a store and its memory; three pushes; what returns the address.
    const std::int64_t base = 12 + 9 + 32000 + 12;
    EXPECT_EQ(create(Fork::frontier, 32, 100'000).gas_used, base + 6 + 3 + 200 * 32);
    EXPECT_EQ(create(Fork::shanghai, 32, 100'000).gas_used, base + 6 + 3 + 200 * 32 + 2);
    EXPECT_EQ(create(Fork::berlin, 0, 100'000).gas_used, base + 6);
    // Too little for the deposit: nothing is made, but at Frontier an empty contract.
    EXPECT_FALSE(create(Fork::frontier, 200, 40'000).word().is_zero());
    EXPECT_EQ(create(Fork::homestead, 200, 40'000).status, Status::out_of_gas); // all was handed on
    EXPECT_TRUE(create(Fork::byzantium, 200, 40'000).word().is_zero());
    EXPECT_GT(create(Fork::frontier, 200, 40'000).gas_left, 7000);
    EXPECT_LT(create(Fork::prague, 200, 40'000).gas_left, 300);
}

TEST(Gas, SelfDestructByFork) {
    struct Costs {
        Fork fork;
        std::int64_t with_balance, without_balance;
    };
    for (const Costs& costs : {Costs{Fork::frontier, 0, 0},
                               {Fork::homestead, 0, 0},
                               {Fork::tangerine_whistle, 30000, 30000},
                               {Fork::spurious_dragon, 30000, 5000},
                               {Fork::istanbul, 30000, 5000},
                               {Fork::berlin, 32600, 7600},
                               {Fork::cancun, 32600, 7600}}) {
        for (const bool rich : {true, false}) {
            World world(costs.fork);
            world.set_code(0x1000, "PUSH 0x7777 SELFDESTRUCT");
            world.journal.set_balance(address_number(0x1000), U256(rich ? 1 : 0));
            world.settle();
            EXPECT_EQ(world.call(0x1000).gas_used,
                      3 + (rich ? costs.with_balance : costs.without_balance))
                << chain::to_string(costs.fork);
            EXPECT_EQ(world.journal.refund(), costs.fork < Fork::london ? 24000 : 0);
        }
    }
}

} // namespace
} // namespace ol::chain::evm
