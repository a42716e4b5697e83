#include <gtest/gtest.h>

#include "chain/evm/evm_for_tests.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::evm {
namespace {

const U256 ones = ~U256();

TEST(Interpreter, ComputesOnTheStack) {
    World world(Fork::osaka);
    // The last number pushed is the first operand.
    EXPECT_EQ(world.top("PUSH 3 PUSH 5 ADD"), U256(8));
    EXPECT_EQ(world.top("PUSH 3 PUSH 5 SUB"), U256(2));
    EXPECT_EQ(world.top("PUSH 5 PUSH 3 SUB"), ones - U256(1));
    EXPECT_EQ(world.top("PUSH 3 PUSH 5 MUL"), U256(15));
    EXPECT_EQ(world.top("PUSH 3 PUSH 17 DIV"), U256(5));
    EXPECT_EQ(world.top("PUSH 0 PUSH 17 DIV"), U256());
    EXPECT_EQ(world.top("PUSH 2 PUSH 7 PUSH 0 SUB SDIV"), U256() - U256(3));
    EXPECT_EQ(world.top("PUSH 5 PUSH 17 MOD"), U256(2));
    EXPECT_EQ(world.top("PUSH 5 PUSH 17 PUSH 0 SUB SMOD"), U256() - U256(2));
    EXPECT_EQ(world.top("PUSH 7 PUSH 0 NOT PUSH 2 ADDMOD"), addmod(U256(2), ones, U256(7)));
    EXPECT_EQ(world.top("PUSH 7 PUSH 0 NOT PUSH 2 MULMOD"), mulmod(U256(2), ones, U256(7)));
    EXPECT_EQ(world.top("PUSH 10 PUSH 3 EXP"), U256(59049));
    EXPECT_EQ(world.top("PUSH 0xff80 PUSH 0 SIGNEXTEND"), U256() - U256(128));
    EXPECT_EQ(world.top("PUSH 2 PUSH 1 LT"), U256(1));
    EXPECT_EQ(world.top("PUSH 2 PUSH 1 GT"), U256());
    EXPECT_EQ(world.top("PUSH 2 PUSH 0 NOT SLT"), U256(1));
    EXPECT_EQ(world.top("PUSH 2 PUSH 0 NOT SGT"), U256());
    EXPECT_EQ(world.top("PUSH 2 PUSH 2 EQ"), U256(1));
    EXPECT_EQ(world.top("PUSH 2 ISZERO"), U256());
    EXPECT_EQ(world.top("PUSH 12 PUSH 10 AND"), U256(8));
    EXPECT_EQ(world.top("PUSH 12 PUSH 10 OR"), U256(14));
    EXPECT_EQ(world.top("PUSH 12 PUSH 10 XOR"), U256(6));
    EXPECT_EQ(world.top("PUSH 0 NOT"), ones);
    EXPECT_EQ(world.top("PUSH 0x1234 PUSH 30 BYTE"), U256(0x12));
    EXPECT_EQ(world.top("PUSH 5 PUSH 4 SHL"), U256(80));
    EXPECT_EQ(world.top("PUSH 80 PUSH 4 SHR"), U256(5));
    EXPECT_EQ(world.top("PUSH 0 NOT PUSH 255 SAR"), ones);
    EXPECT_EQ(world.top("PUSH 1 CLZ"), U256(255));
    EXPECT_EQ(world.top("PUSH 0 CLZ"), U256(256));
}

// The same with operands that the compiler does not know.
TEST(Interpreter, ComputesOnWhatItReads) {
    World world(Fork::osaka);
    world.set_code(0x1000, "PUSH 0 CALLDATALOAD PUSH 32 CALLDATALOAD SUB PUSH 0 CALLDATALOAD "
                           "PUSH 64 CALLDATALOAD LT ISZERO ISZERO ISZERO PUSH 0 CALLDATALOAD "
                           "SWAP1 SWAP2 SWAP1 DUP3 DUP2 MULMOD PUSH 7 SHL" +
                               return_top);
    Bytes input;
    const U256 a(1000), b(4711), c(5);
    for (const U256& word : {a, b, c}) append(input, word.to_be().view());
    Message message = world.message(0x1000);
    message.input = input;
    // Stack: a, b - a, not (c < a) ... as the instructions above arrange them.
    const U256 difference = b - a, test(0);
    EXPECT_EQ(world.send(message).word(), mulmod(difference, a, test) << 7);
}

TEST(Interpreter, EveryPushDupAndSwap) {
    World world;
    U256 value;
    for (unsigned n = 1; n <= 32; ++n) {
        value = value << 8 | U256(n + 0x60); // looks like instructions
        EXPECT_EQ(world.top(fmt::format("PUSH{} {}", n, value.to_quantity())), value);
    }
    EXPECT_EQ(world.top("PUSH0"), U256());
    for (unsigned n = 1; n <= 16; ++n) {
        std::string stack;
        for (unsigned i = 1; i <= 17; ++i) stack += fmt::format("PUSH {} ", i * 10);
        EXPECT_EQ(world.top(stack + fmt::format("DUP{}", n)), U256((18 - n) * 10));
        EXPECT_EQ(world.top(stack + fmt::format("SWAP{}", n)), U256((17 - n) * 10));
        EXPECT_EQ(world.top(stack + fmt::format("SWAP{} DUP{}", n, n + 1 > 16 ? 16 : n + 1)),
                  n == 16 ? U256(20) : U256(170));
    }
    // The end of the code supplies zeros.
    world.set_code(0x1000, assemble("PUSH 0 MSTORE8 0x61aa"));
    EXPECT_EQ(world.call(0x1000).status, Status::stack_underflow);
    world.set_code(0x1000, Bytes{op::push32, 1, 2});
    EXPECT_EQ(world.call(0x1000).status, Status::success);
}

TEST(Interpreter, JumpsLandOnDestinationsOnly) {
    World world;
    EXPECT_EQ(world.top("@over JUMP INVALID over: PUSH 9"), U256(9));
    EXPECT_EQ(world.top("PUSH 1 @over JUMPI INVALID over: PUSH 9"), U256(9));
    EXPECT_EQ(world.top("PUSH 0 @over JUMPI PUSH 8" + return_top + " over: INVALID"), U256(8));
    // 0x5b inside a PUSH is none, nor is what lies beyond the code.
    for (const char* text :
         {"PUSH 4 JUMP PUSH2 0x5b5b", "PUSH 3 JUMP INVALID", "PUSH 1000 JUMP", "PUSH 0 NOT JUMP",
          "PUSH 1 PUSH 0 JUMPI", "PUSH 3 PUSH 1 PUSH 0x10000000000000003 JUMPI"}) {
        EXPECT_EQ(world.run_code(text).status, Status::bad_jump_destination) << text;
        EXPECT_EQ(world.run_code(text).gas_left, 0) << text;
    }
    EXPECT_EQ(world.run_code("PUSH 0 PUSH 1000 JUMPI").status, Status::success);
    // A target that only the run knows, and a loop: 10 + 9 + ... + 1.
    EXPECT_EQ(world.top("PUSH 0 PUSH 10 loop: DUP1 SWAP2 ADD SWAP1 PUSH 1 SWAP1 SUB DUP1 "
                        "PUSH 0 MLOAD @loop ADD JUMPI POP"),
              U256(55));
    EXPECT_EQ(world.top("PUSH 7 @back @double JUMP back: @end JUMP double: SWAP1 DUP1 ADD "
                        "SWAP1 JUMP end:"),
              U256(14));
}

TEST(Interpreter, StackLimits) {
    World world;
    std::string full;
    for (int i = 0; i < 1024; ++i) full += "PUSH0 ";
    EXPECT_EQ(world.run_code(full).status, Status::success);
    EXPECT_EQ(world.run_code(full + "PUSH0").status, Status::stack_overflow);
    EXPECT_EQ(world.run_code(full + "DUP16").status, Status::stack_overflow);
    EXPECT_EQ(world.run_code(full + "SWAP16 POP MSIZE").status, Status::success);
    EXPECT_EQ(world.run_code(full + "MSIZE").status, Status::stack_overflow);
    EXPECT_EQ(world.run_code("loop: PUSH 1 @loop JUMP").status, Status::stack_overflow);
    for (const char* text :
         {"POP", "PUSH 1 ADD", "DUP1", "PUSH 1 DUP2", "PUSH 1 SWAP1", "PUSH 1 PUSH 1 MULMOD",
          "PUSH 1 MSTORE", "CALL", "LOG0", "JUMP", "PUSH 1 PUSH 1 there: POP POP POP"}) {
        EXPECT_EQ(world.run_code(text).status, Status::stack_underflow) << text;
    }
}

TEST(Interpreter, Memory) {
    World world;
    EXPECT_EQ(world.top("PUSH 0xabcdef PUSH 7 MSTORE PUSH 7 MLOAD"), U256(0xabcdef));
    EXPECT_EQ(world.top("PUSH 0x12345 PUSH 31 MSTORE8 PUSH 0 MLOAD"), U256(0x45));
    EXPECT_EQ(world.top("MSIZE"), U256());
    EXPECT_EQ(world.top("PUSH 33 MLOAD POP MSIZE"), U256(96));
    EXPECT_EQ(world.top("PUSH 1 PUSH 0 MSTORE PUSH 32 PUSH 0 PUSH 16 MCOPY PUSH 16 MLOAD"),
              U256(1));
    // Overlapping, both ways.
    EXPECT_EQ(world.top("PUSH 0x0102030405 PUSH 0 MSTORE PUSH 5 PUSH 27 PUSH 26 MCOPY PUSH 0 "
                        "MLOAD"),
              U256(0x010203040505));
    EXPECT_EQ(world.top("PUSH 0x0102030405 PUSH 0 MSTORE PUSH 4 PUSH 27 PUSH 28 MCOPY PUSH 0 "
                        "MLOAD"),
              U256(0x0101020304));
    // No empty range grows the memory, wherever it lies.
    EXPECT_EQ(world.top("PUSH 0 PUSH 0 NOT DUP1 MCOPY PUSH 0 PUSH 0 NOT KECCAK256 POP MSIZE"),
              U256());
    EXPECT_EQ(world.top("PUSH 0 PUSH 0 NOT KECCAK256"), word_of(empty_code_hash));
    EXPECT_EQ(world.top("PUSH 0x616263 PUSH 0 MSTORE PUSH 3 PUSH 29 KECCAK256"),
              word_of(crypto::keccak256("abc")));
    for (const char* text : {"PUSH 0 NOT MLOAD", "PUSH 0x100000000 MLOAD", "PUSH 0xffffffff MLOAD",
                             "PUSH 0 PUSH 0 NOT MSTORE", "PUSH 0 PUSH 0xffffffffffffffff MSTORE8",
                             "PUSH 0 NOT PUSH 0 KECCAK256", "PUSH 0 NOT PUSH 0 RETURN",
                             "PUSH 0 NOT PUSH 0 PUSH 0 CALLDATACOPY"}) {
        EXPECT_EQ(world.run_code(text).status, Status::out_of_gas) << text;
    }
}

TEST(Interpreter, WhatAFrameLeftInMemoryIsGone) {
    World world;
    world.set_code(0x2000, "PUSH 0 NOT PUSH 500 MSTORE");
    EXPECT_EQ(world.top("PUSH 0 PUSH 0 PUSH 0 PUSH 0 PUSH 0 PUSH 0x2000 GAS CALL POP "
                        "PUSH 500 MLOAD"),
              U256());
}

TEST(Interpreter, CopiesAndCallData) {
    World world;
    const Bytes input = {1, 2, 3, 4, 5};
    const auto with_input = [&](const std::string& text) {
        world.set_code(0x1000, text + return_top);
        Message message = world.message(0x1000);
        message.input = input;
        return world.send(message).word();
    };
    EXPECT_EQ(with_input("CALLDATASIZE"), U256(5));
    EXPECT_EQ(with_input("PUSH 0 CALLDATALOAD"), U256(0x0102030405) << 216);
    EXPECT_EQ(with_input("PUSH 3 CALLDATALOAD"), U256(0x0405) << 240);
    EXPECT_EQ(with_input("PUSH 5 CALLDATALOAD"), U256());
    EXPECT_EQ(with_input("PUSH 0 NOT CALLDATALOAD"), U256());
    EXPECT_EQ(
        with_input("PUSH 0 NOT PUSH 0 MSTORE PUSH 8 PUSH 2 PUSH 24 CALLDATACOPY PUSH 0 MLOAD"),
        (ones << 64) | U256(0x030405) << 40);
    EXPECT_EQ(with_input("PUSH 8 PUSH 0 NOT PUSH 24 CALLDATACOPY PUSH 0 MLOAD"), U256());
    EXPECT_EQ(world.top("PUSH 2 PUSH 0 PUSH 30 CODECOPY PUSH 0 MLOAD"), U256(0x6002));
    EXPECT_EQ(world.top("CODESIZE"), U256(9));
    world.set_code(0x2000, Bytes{0xaa, 0xbb, 0xcc});
    EXPECT_EQ(world.top("PUSH 0x2000 EXTCODESIZE"), U256(3));
    EXPECT_EQ(world.top("PUSH 4 PUSH 1 PUSH 28 PUSH 0x2000 EXTCODECOPY PUSH 0 MLOAD"),
              U256(0xbbcc0000));
    EXPECT_EQ(world.top("PUSH 0x2000 EXTCODEHASH"),
              word_of(crypto::keccak256(Bytes{0xaa, 0xbb, 0xcc})));
    EXPECT_EQ(world.top("PUSH 0x3000 EXTCODEHASH"), U256());
    world.journal.set_balance(address_number(0x3000), U256(1));
    EXPECT_EQ(world.top("PUSH 0x3000 EXTCODEHASH"), word_of(empty_code_hash));
}

TEST(Interpreter, Environment) {
    World world;
    world.journal.set_balance(address_number(0x1000), U256(12345));
    world.journal.set_balance(address_number(0xe0a), U256(500));
    world.transaction.blob_hashes = {U256(77).to_be(), U256(78).to_be()};
    EXPECT_EQ(world.top("ADDRESS"), U256(0x1000));
    EXPECT_EQ(world.top("ORIGIN"), U256(0xe0a));
    EXPECT_EQ(world.top("CALLER"), U256(0xe0a));
    EXPECT_EQ(world.top("PUSH 0x1000 BALANCE"), U256(12345));
    EXPECT_EQ(world.top("PUSH 0xff00000000000000000000000000000000000000000000000000000000001000 "
                        "BALANCE"),
              U256(12345)); // the upper 12 bytes are no part of an address
    EXPECT_EQ(world.top("SELFBALANCE"), U256(12345));
    EXPECT_EQ(world.top("GASPRICE"), U256(11));
    EXPECT_EQ(world.top("COINBASE"), U256(0xc01));
    EXPECT_EQ(world.top("TIMESTAMP"), U256(1'700'000'000));
    EXPECT_EQ(world.top("NUMBER"), U256(1000));
    EXPECT_EQ(world.top("DIFFICULTY"), U256(0x4a4d));
    EXPECT_EQ(world.top("GASLIMIT"), U256(30'000'000));
    EXPECT_EQ(world.top("CHAINID"), U256(99));
    EXPECT_EQ(world.top("BASEFEE"), U256(7));
    EXPECT_EQ(world.top("BLOBBASEFEE"), U256(3));
    EXPECT_EQ(world.top("PUSH 1 BLOBHASH"), U256(78));
    EXPECT_EQ(world.top("PUSH 2 BLOBHASH"), U256());
    EXPECT_EQ(world.top("PUSH 999 BLOCKHASH"), U256(2997));
    EXPECT_EQ(world.top("PUSH 744 BLOCKHASH"), U256(744 * 3));
    EXPECT_EQ(world.top("PUSH 743 BLOCKHASH"), U256());
    EXPECT_EQ(world.top("PUSH 1000 BLOCKHASH"), U256());
    EXPECT_EQ(world.top("PUSH 0 NOT BLOCKHASH"), U256());
    EXPECT_EQ(world.top("PC PC PC"), U256(2));
    world.rules.fork = Fork::london;
    EXPECT_EQ(world.top("DIFFICULTY"), U256(0xd1ff));
    Message message = world.message(0x1000);
    message.value = U256(321);
    world.set_code(0x1000, "CALLVALUE" + return_top);
    EXPECT_EQ(world.send(message).word(), U256(321));
}

TEST(Interpreter, InstructionsAppearWithTheirForks) {
    const std::pair<const char*, Fork> some[] = {
        {"PUSH 1 PUSH 1 SHL", Fork::constantinople},
        {"PUSH 1 PUSH 1 SAR", Fork::constantinople},
        {"PUSH 1 CLZ", Fork::osaka},
        {"RETURNDATASIZE", Fork::byzantium},
        {"PUSH 0 PUSH 0 REVERT", Fork::byzantium},
        {"PUSH 1 EXTCODEHASH", Fork::constantinople},
        {"CHAINID", Fork::istanbul},
        {"SELFBALANCE", Fork::istanbul},
        {"BASEFEE", Fork::london},
        {"PUSH0", Fork::shanghai},
        {"PUSH 0 BLOBHASH", Fork::cancun},
        {"BLOBBASEFEE", Fork::cancun},
        {"PUSH 0 TLOAD", Fork::cancun},
        {"PUSH 0 PUSH 0 TSTORE", Fork::cancun},
        {"PUSH 0 PUSH 0 PUSH 0 MCOPY", Fork::cancun},
        {"PUSH 0 DUP1 DUP1 DUP1 CREATE2", Fork::constantinople},
        {"PUSH 0 DUP1 DUP1 DUP1 DUP1 DUP1 DELEGATECALL", Fork::homestead},
        {"PUSH 0 DUP1 DUP1 DUP1 DUP1 DUP1 STATICCALL", Fork::byzantium},
    };
    for (const Fork fork : all_forks) {
        World world(fork);
        for (const auto& [text, since] : some) {
            const Status status = world.run_code(text).status;
            EXPECT_EQ(status == Status::invalid_instruction, fork < since)
                << text << " at " << chain::to_string(fork);
        }
        for (const char* text : {"INVALID", "0x0c", "0x21", "0x4b", "0xa5", "0xef", "0xfb"}) {
            const auto result = world.run_code(text);
            EXPECT_EQ(result.status, Status::invalid_instruction) << text;
            EXPECT_EQ(result.gas_left, 0) << text;
        }
    }
}

TEST(Interpreter, NamesOfInstructions) {
    EXPECT_EQ(opcode_name(op::push32), "PUSH32");
    EXPECT_EQ(opcode_name(op::keccak256), "KECCAK256");
    EXPECT_EQ(opcode_name(op::log4), "LOG4");
    EXPECT_EQ(opcode_name(0xfe), "INVALID");
    EXPECT_EQ(opcode_name(0x0c), "opcode 0xc not defined");
}

// Hot code changes its form in the middle of a loop; what it computes stays the same.
TEST(Interpreter, HotCodeGoesOnAsAProgram) {
    World world;
    world.set_code(0x1000, "PUSH 0 CALLDATALOAD PUSH 0 loop: DUP2 DUP2 ADD PUSH 0 MSTORE PUSH 3 "
                           "ADD DUP2 DUP2 LT @loop JUMPI" +
                               return_top);
    const Bytes input = [] {
        const Hash32 word = U256(30'000).to_be();
        return Bytes(word.begin(), word.end());
    }();
    Message message = world.message(0x1000);
    message.input = input;
    const auto plain = world.run(Form::plain, message, 0);
    EXPECT_EQ(plain.word(), U256(30'000));
    for (int i = 0; i < 3; ++i) {
        const auto hot = world.run(Form::by_heat, message, 0);
        EXPECT_EQ(hot.output, plain.output);
        EXPECT_EQ(hot.gas_used, plain.gas_used);
    }
    const CodePtr code = world.journal.code(address_number(0x1000));
    EXPECT_NE(analysis_of(*code).program_if_hot(Fork::prague), nullptr);
    EXPECT_EQ(analysis_of(*code).program_if_hot(Fork::prague),
              &analysis_of(*code).program(Fork::prague));
}

} // namespace
} // namespace ol::chain::evm
