#include <thread>

#include <pthread.h>

#include <gtest/gtest.h>

#include "chain/evm/evm_for_tests.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::evm {
namespace {

// Calls `to` with all gas, 64 bytes of output at 0, no input.
std::string call_to(std::uint64_t to, const std::string& kind = "CALL", std::uint64_t value = 0) {
    const bool states_value = kind == "CALL" || kind == "CALLCODE";
    return fmt::format("PUSH 64 PUSH 0 PUSH 0 PUSH 0 {} PUSH {} GAS {} ",
                       states_value ? fmt::format("PUSH {}", value) : "", to, kind);
}
const std::string return_64 = "PUSH 64 PUSH 0 RETURN";

TEST(Calls, WhoSeesWhom) {
    World world;
    world.journal.set_balance(address_number(0x1000), U256(1000));
    // Answers (caller, address), and stores the value in slot 0.
    world.set_code(0x2000, "CALLVALUE PUSH 0 SSTORE CALLER PUSH 0 MSTORE ADDRESS PUSH 32 MSTORE " +
                               return_64);
    const auto answer = [&](const std::string& kind) {
        const auto result = world.run_code(call_to(0x2000, kind, 5) + "POP " + return_64);
        EXPECT_EQ(result.output.size(), 64U);
        return std::pair(U256::from_be(ByteView(result.output).first(32)),
                         U256::from_be(ByteView(result.output).last(32)));
    };
    const auto slot = [&](std::uint64_t address) {
        return world.journal.storage(address_number(address), U256());
    };
    EXPECT_EQ(answer("CALL"), std::pair(U256(0x1000), U256(0x2000)));
    EXPECT_EQ(slot(0x2000), U256(5));
    EXPECT_EQ(world.journal.balance(address_number(0x2000)), U256(5));
    EXPECT_EQ(answer("CALLCODE"), std::pair(U256(0x1000), U256(0x1000)));
    EXPECT_EQ(slot(0x1000), U256(5));
    EXPECT_EQ(world.journal.balance(address_number(0x1000)), U256(995));
    EXPECT_EQ(answer("DELEGATECALL"), std::pair(U256(0xe0a), U256(0x1000)));
    EXPECT_EQ(slot(0x1000), U256()); // the value of the outer call, which had none
    EXPECT_EQ(answer("STATICCALL"), std::pair(U256(), U256())); // it stores: it fails
}

TEST(Calls, OutputAndReturnData) {
    World world;
    world.set_code(0x2000, "PUSH 0x2a PUSH 0 MSTORE PUSH 32 PUSH 0 RETURN");
    world.set_code(0x3000, "PUSH 0x2b PUSH 0 MSTORE PUSH 32 PUSH 0 REVERT");
    world.set_code(0x4000, "INVALID");
    EXPECT_EQ(world.top(call_to(0x2000) + "POP RETURNDATASIZE"), U256(32));
    EXPECT_EQ(world.top(call_to(0x2000) + "POP PUSH 0 MLOAD"), U256(0x2a));
    EXPECT_EQ(world.top(call_to(0x2000)), U256(1));
    EXPECT_EQ(world.top(call_to(0x3000)), U256(0));
    EXPECT_EQ(world.top(call_to(0x3000) + "POP PUSH 0 MLOAD"), U256(0x2b));
    EXPECT_EQ(world.top(call_to(0x3000) + "POP PUSH 32 PUSH 0 PUSH 100 RETURNDATACOPY "
                                          "PUSH 100 MLOAD"),
              U256(0x2b));
    EXPECT_EQ(world.top(call_to(0x2000) + "POP " + call_to(0x4000) + "POP RETURNDATASIZE"), U256());
    // To somebody without code: success, and no data.
    EXPECT_EQ(world.top(call_to(0x2000) + "POP " + call_to(0x9999) + "RETURNDATASIZE SUB"),
              U256() - U256(1));
    // Less room than output, and more.
    EXPECT_EQ(world.top("PUSH 0 NOT PUSH 0 MSTORE PUSH 31 PUSH 0 DUP1 DUP1 DUP1 PUSH 0x2000 GAS "
                        "CALL POP PUSH 0 MLOAD"),
              U256(0xff));
    for (const char* range :
         {"PUSH 33 PUSH 0", "PUSH 0 PUSH 33", "PUSH 1 PUSH 0 NOT", "PUSH 0 NOT PUSH 1"}) {
        const auto result =
            world.run_code(call_to(0x2000) + "POP " + range + " PUSH 0 RETURNDATACOPY");
        EXPECT_FALSE(result.succeeded()) << range;
        EXPECT_EQ(result.gas_left, 0);
    }
    EXPECT_TRUE(
        world.run_code(call_to(0x2000) + "POP PUSH 0 PUSH 32 PUSH 0 RETURNDATACOPY").succeeded());
}

TEST(Calls, InputIsTheCallersMemory) {
    World world;
    // The callee grows its own memory before it reads its input.
    world.set_code(0x2000, "PUSH 1 PUSH 200000 MSTORE PUSH 0 CALLDATALOAD" + return_top);
    EXPECT_EQ(world.top("PUSH 0xcafe PUSH 0 MSTORE PUSH 32 PUSH 0 PUSH 32 PUSH 0 PUSH 0 "
                        "PUSH 0x2000 GAS CALL POP PUSH 0 MLOAD"),
              U256(0xcafe));
}

TEST(Calls, WhatFailsIsTakenBack) {
    World world;
    world.journal.set_balance(address_number(0x1000), U256(100));
    const std::string act = "PUSH 9 PUSH 0 SSTORE PUSH 9 PUSH 0 TSTORE PUSH 0 PUSH 0 LOG0 ";
    world.set_code(0x2000, act + "PUSH 0 PUSH 0 REVERT");
    world.set_code(0x3000, act + "INVALID");
    world.set_code(0x4000, act);
    EXPECT_EQ(world.top(call_to(0x2000, "CALL", 7)), U256());
    EXPECT_EQ(world.top(call_to(0x3000, "CALL", 7)), U256());
    EXPECT_TRUE(world.journal.logs().empty());
    EXPECT_EQ(world.journal.balance(address_number(0x1000)), U256(100));
    EXPECT_EQ(world.journal.storage(address_number(0x2000), U256()), U256());
    EXPECT_EQ(world.journal.transient(address_number(0x3000), U256()), U256());
    // REVERT leaves the gas, a fault takes it.
    EXPECT_GT(world.run_code(call_to(0x2000)).gas_left, 9'900'000);
    EXPECT_LT(world.run_code(call_to(0x3000)).gas_left, 200'000);
    EXPECT_EQ(world.top(call_to(0x4000, "CALL", 7)), U256(1));
    EXPECT_EQ(world.journal.logs().size(), 1U);
    EXPECT_EQ(world.journal.balance(address_number(0x4000)), U256(7));
}

TEST(Calls, StaticCallsChangeNothing) {
    World world;
    world.journal.set_balance(address_number(0x2000), U256(100));
    for (const char* text : {"PUSH 1 PUSH 0 SSTORE", "PUSH 1 PUSH 0 TSTORE", "PUSH 0 PUSH 0 LOG0",
                             "PUSH 0 PUSH 0 PUSH 0 PUSH 0 LOG2", "PUSH 0 DUP1 DUP1 CREATE",
                             "PUSH 0 DUP1 DUP1 DUP1 CREATE2", "PUSH 1 SELFDESTRUCT",
                             "PUSH 0 DUP1 DUP1 DUP1 PUSH 1 PUSH 0x3000 GAS CALL"}) {
        world.set_code(0x2000, text);
        EXPECT_EQ(world.top(call_to(0x2000, "STATICCALL")), U256()) << text;
        // Nor do the calls made from there.
        world.set_code(0x3000, call_to(0x2000) + return_top);
        EXPECT_EQ(world.top(call_to(0x3000, "STATICCALL") + "POP PUSH 0 MLOAD"), U256()) << text;
        Message message = world.message(0x2000);
        message.is_static = true;
        EXPECT_EQ(world.send(message).status, Status::static_violation) << text;
    }
    world.set_code(0x2000, "PUSH 0 DUP1 DUP1 DUP1 DUP1 PUSH 0x3000 GAS CALL");
    EXPECT_EQ(world.top(call_to(0x2000, "STATICCALL")), U256(1));
    world.set_code(0x2000, "PUSH 0 DUP1 DUP1 DUP1 PUSH 1 PUSH 0x3000 GAS CALLCODE");
    EXPECT_EQ(world.top(call_to(0x2000, "STATICCALL")), U256(1));
}

TEST(Calls, ValueThatIsNotThere) {
    World world;
    world.journal.set_balance(address_number(0x1000), U256(4));
    world.set_code(0x2000, "INVALID");
    for (const char* kind : {"CALL", "CALLCODE"}) {
        const auto result = world.run_code(call_to(0x2000, kind, 5) + return_top);
        EXPECT_EQ(result.word(), U256());
        EXPECT_GT(result.gas_left, 9'900'000) << kind; // the gas came back
    }
    EXPECT_EQ(world.top("PUSH 0 PUSH 0 PUSH 5 CREATE"), U256());
    EXPECT_EQ(world.journal.nonce(address_number(0x1000)), 0U);
    Message message = world.message(0x2000);
    message.value = U256(1);
    EXPECT_EQ(world.send(message).status, Status::insufficient_balance);
    EXPECT_EQ(world.send(message).gas_left, message.gas);
}

TEST(Calls, Precompiles) {
    World world;
    // The identity at 4: output, its size, and its gas (15 + 3 a word).
    const std::string copy = "PUSH 0x1234 PUSH 0 MSTORE PUSH 32 PUSH 64 PUSH 32 PUSH 0 ";
    EXPECT_EQ(world.top(copy + "PUSH 0 PUSH 4 GAS CALL POP PUSH 64 MLOAD"), U256(0x1234));
    EXPECT_EQ(world.top(copy + "PUSH 4 GAS STATICCALL POP RETURNDATASIZE"), U256(32));
    EXPECT_EQ(world.top(copy + "PUSH 0 PUSH 4 PUSH 18 CALL"), U256(1));
    EXPECT_EQ(world.top(copy + "PUSH 0 PUSH 4 PUSH 17 CALL"), U256(0));
    EXPECT_EQ(world.top(copy + "PUSH 4 GAS DELEGATECALL POP PUSH 64 MLOAD"), U256(0x1234));
    // Value sent there with too little gas stays.
    world.journal.set_balance(address_number(0x1000), U256(10));
    world.run_code(call_to(8, "CALL", 1)); // an empty pairing costs more than the stipend
    EXPECT_EQ(world.journal.balance(address_number(8)), U256(1));
    world.run_code("PUSH 0 DUP1 DUP1 DUP1 PUSH 1 PUSH 8 PUSH 0 CALL");
    EXPECT_EQ(world.journal.balance(address_number(8)), U256(1));
}

TEST(Calls, Delegation) {
    World world;
    world.set_code(0x2000, "ADDRESS" + return_top);
    Bytes designator = {0xef, 0x01, 0x00};
    append(designator, address_number(0x2000).view());
    world.set_code(0x3000, designator);
    world.settle();
    EXPECT_EQ(world.call(0x3000).word(), U256(0x3000));
    EXPECT_EQ(world.top(call_to(0x3000) + "POP PUSH 0 MLOAD"), U256(0x3000));
    // What asks about the code sees the designator.
    EXPECT_EQ(world.top("PUSH 0x3000 EXTCODESIZE"), U256(23));
    EXPECT_EQ(world.top("PUSH 0x3000 EXTCODEHASH"), word_of(crypto::keccak256(designator)));
    // The delegate's account is paid for: cold, then warm.
    world.settle();
    const std::string call = "PUSH 0 DUP1 DUP1 DUP1 DUP1 PUSH 0x3000 PUSH 0 ";
    EXPECT_EQ(world.gas_of(call, "CALL"), 2600 + 2600);
    EXPECT_EQ(world.gas_of("PUSH 0x2000 BALANCE " + call, "CALL"), 2600 + 100);
    EXPECT_EQ(world.gas_of("PUSH 0x2000 BALANCE PUSH 0x3000 BALANCE " + call, "CALL"), 200);
    // One step only, and not into a precompile.
    Bytes twice = {0xef, 0x01, 0x00};
    append(twice, address_number(0x3000).view());
    world.set_code(0x4000, twice);
    EXPECT_EQ(world.call(0x4000).status, Status::invalid_instruction);
    Bytes precompile = {0xef, 0x01, 0x00};
    append(precompile, address_number(4).view());
    world.set_code(0x5000, precompile);
    EXPECT_EQ(world.top(call_to(0x5000) + "POP RETURNDATASIZE"), U256());
    // Before Prague it is code that begins with an invalid instruction.
    world.rules.fork = Fork::cancun;
    EXPECT_EQ(world.call(0x3000).status, Status::invalid_instruction);
}

// --------------------------------------------------------------------------------- creations

TEST(Creations, Addresses) {
    const auto address = [](const char* hex) { return address_from_hex(hex).value(); };
    const Address sender = address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0");
    EXPECT_EQ(create_address(sender, 0), address("0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"));
    EXPECT_EQ(create_address(sender, 1), address("0x343c43a37d37dff08ae8c4a11544c718abb4fcf8"));
    // The examples of EIP-1014.
    const auto create2 = [&](const char* from, std::uint64_t salt, const Bytes& init) {
        return create2_address(address(from), U256(salt).to_be(), crypto::keccak256(init));
    };
    const char* nobody = "0x0000000000000000000000000000000000000000";
    EXPECT_EQ(create2(nobody, 0, {0}), address("0x4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38"));
    EXPECT_EQ(create2(nobody, 0, {}), address("0xe33c0c7f7df4809055c3eba6c09cfe4baf1bd9e0"));
    EXPECT_EQ(create2("0xdeadbeef00000000000000000000000000000000", 0, {0}),
              address("0xb928f69bb1d91cd65274e3c79d8986362984fda3"));
    EXPECT_EQ(
        create2("0x00000000000000000000000000000000deadbeef", 0xcafebabe, {0xde, 0xad, 0xbe, 0xef}),
        address("0x60f3f640a8508fc6a86d45df051962668e1e8ac7"));
}

// Init code in memory, at its end; CREATE of it with `value`.
std::string create(const std::string& init, std::uint64_t value = 0, bool salted = false) {
    const Bytes code = assemble(init);
    EXPECT_LE(code.size(), 32U);
    return fmt::format("PUSH{} 0x{} PUSH 0 MSTORE {} PUSH {} PUSH {} PUSH {} {} ", code.size(),
                       to_hex(code), salted ? "PUSH 77" : "", code.size(), 32 - code.size(), value,
                       salted ? "CREATE2" : "CREATE");
}

TEST(Creations, MakeAContract) {
    World world;
    world.journal.set_balance(address_number(0x1000), U256(50));
    // The code becomes one byte, STOP's neighbour 0x01; the init code stores its caller and value.
    const std::string init = "CALLER PUSH 0 SSTORE PUSH 1 PUSH 0 MSTORE8 PUSH 1 PUSH 0 RETURN";
    const Address made = create_address(address_number(0x1000), 0);
    EXPECT_EQ(world.top(create(init, 20) + "RETURNDATASIZE ADD"), word_of(made));
    EXPECT_EQ(world.journal.code(made)->bytes(), Bytes{1});
    EXPECT_EQ(world.journal.nonce(made), 1U); // EIP-161
    EXPECT_EQ(world.journal.balance(made), U256(20));
    EXPECT_EQ(world.journal.storage(made, U256()), U256(0x1000));
    EXPECT_EQ(world.journal.nonce(address_number(0x1000)), 1U);
    EXPECT_TRUE(world.journal.is_warm(made));
    EXPECT_TRUE(world.journal.created_in_transaction(made));
    // The same salt and code a second time: a collision takes the gas that was handed on.
    const Address salted = create2_address(address_number(0x1000), U256(77).to_be(),
                                           crypto::keccak256(assemble(init)));
    EXPECT_EQ(world.top(create(init, 0, true)), word_of(salted));
    const auto again = world.run_code(create(init, 0, true) + return_top);
    EXPECT_EQ(again.word(), U256());
    EXPECT_LT(again.gas_left, 200'000);
    EXPECT_EQ(world.journal.nonce(address_number(0x1000)), 3U); // raised all the same
    World frontier(Fork::frontier);
    EXPECT_EQ(frontier.top(create(init)), word_of(made));
    EXPECT_EQ(frontier.journal.nonce(made), 0U);
}

TEST(Creations, Collisions) {
    const Address made = create_address(address_number(0x1000), 0);
    const auto attempt = [&](auto prepare) {
        World world;
        prepare(world.journal);
        world.settle();
        return world.run_code(create("STOP") + return_top);
    };
    EXPECT_EQ(attempt([](Journal&) {}).word(), word_of(made));
    EXPECT_EQ(attempt([&](Journal& j) { j.set_balance(made, U256(5)); }).word(), word_of(made));
    EXPECT_EQ(attempt([&](Journal& j) { j.set_nonce(made, 1); }).word(), U256());
    EXPECT_EQ(attempt([&](Journal& j) { j.set_code(made, {1}); }).word(), U256());
    // EIP-7610: storage alone, too.
    EXPECT_EQ(attempt([&](Journal& j) { j.set_storage(made, U256(1), U256(1)); }).word(), U256());
}

TEST(Creations, WhatMayBecomeCode) {
    const auto created = [](Fork fork, const std::string& init) {
        World world(fork);
        return !world.top(create(init)).is_zero();
    };
    const std::string ef = "PUSH 0xef PUSH 0 MSTORE8 PUSH 1 PUSH 0 RETURN"; // EIP-3541
    EXPECT_TRUE(created(Fork::berlin, ef));
    EXPECT_FALSE(created(Fork::london, ef));
    EXPECT_TRUE(created(Fork::london, "PUSH 0xef PUSH 1 MSTORE8 PUSH 2 PUSH 0 RETURN"));
    const std::string largest = "PUSH 24576 PUSH 0 RETURN", larger = "PUSH 24577 PUSH 0 RETURN";
    EXPECT_TRUE(created(Fork::prague, largest)); // EIP-170
    EXPECT_FALSE(created(Fork::prague, larger));
    EXPECT_TRUE(created(Fork::homestead, larger));
}

TEST(Creations, InitCodeIsLimited) {
    World world;
    EXPECT_NE(world.top("PUSH 49152 PUSH 0 PUSH 0 CREATE"), U256()); // EIP-3860
    EXPECT_EQ(world.run_code("PUSH 49153 PUSH 0 PUSH 0 CREATE").status,
              Status::init_code_too_large);
    EXPECT_EQ(world.run_code("PUSH 1 PUSH 49153 PUSH 0 PUSH 0 CREATE2").status,
              Status::init_code_too_large);
    world.rules.fork = Fork::paris;
    EXPECT_NE(world.top("PUSH 49153 PUSH 0 PUSH 0 CREATE"), U256());
}

TEST(Creations, RevertsAndTheirData) {
    World world;
    EXPECT_EQ(world.top(create("PUSH 3 PUSH 0 REVERT")), U256());
    EXPECT_EQ(world.top(create("PUSH 3 PUSH 0 REVERT") + "RETURNDATASIZE"), U256(3));
    EXPECT_EQ(world.top(create("INVALID") + "RETURNDATASIZE"), U256());
    // A nonce that cannot be raised (EIP-2681).
    world.journal.set_nonce(address_number(0x1000), ~std::uint64_t{0});
    const auto result = world.run_code(create("STOP") + return_top);
    EXPECT_EQ(result.word(), U256());
    EXPECT_GT(result.gas_left, 9'900'000);
}

TEST(Creations, ByATransaction) {
    World world;
    const Bytes init = assemble("PUSH 1 PUSH 0 MSTORE8 PUSH 1 PUSH 0 RETURN");
    Message message;
    message.kind = CallKind::create;
    message.sender = address_number(0xe0a);
    message.gas = 100'000;
    message.input = init;
    const auto result = world.send(message, 5);
    EXPECT_TRUE(result.succeeded());
    EXPECT_EQ(result.created, create_address(message.sender, 5));
    EXPECT_EQ(world.journal.code(result.created)->bytes(), Bytes{1});
    EXPECT_TRUE(result.output.empty());
    EXPECT_EQ(world.journal.nonce(message.sender), 0U); // its caller's matter
    // The init code has no call data.
    const Bytes sizes = assemble("CALLDATASIZE PUSH 0 MSTORE CODESIZE PUSH 32 MSTORE PUSH 64 "
                                 "PUSH 0 REVERT");
    message.input = sizes;
    const auto seen = world.send(message, 6);
    EXPECT_EQ(seen.status, Status::revert);
    EXPECT_EQ(U256::from_be(ByteView(seen.output).first(32)), U256());
    EXPECT_EQ(U256::from_be(ByteView(seen.output).last(32)), U256(sizes.size()));
}

TEST(Calls, SelfDestruction) {
    for (const Fork fork : {Fork::shanghai, Fork::cancun}) {
        World world(fork);
        world.set_code(0x2000, "PUSH 0x7777 SELFDESTRUCT");
        world.set_code(0x3000, "ADDRESS SELFDESTRUCT");
        world.journal.set_balance(address_number(0x2000), U256(10));
        world.journal.set_balance(address_number(0x3000), U256(10));
        world.settle();
        world.run_code(call_to(0x2000) + call_to(0x3000));
        EXPECT_EQ(world.journal.balance(address_number(0x7777)), U256(10));
        EXPECT_EQ(world.journal.balance(address_number(0x2000)), U256());
        const bool goes = fork == Fork::shanghai; // EIP-6780
        EXPECT_EQ(world.journal.balance(address_number(0x3000)), U256(goes ? 0 : 10));
        EXPECT_EQ(world.journal.is_self_destructed(address_number(0x2000)), goes);
        // What the same transaction made goes under either rule, its balance with it.
        world.journal.set_balance(address_number(0x1000), U256(6));
        const Address made =
            create_address(address_number(0x1000), world.journal.nonce(address_number(0x1000)));
        world.run_code(create("ADDRESS SELFDESTRUCT", 6));
        EXPECT_TRUE(world.journal.is_self_destructed(made));
        EXPECT_EQ(world.journal.balance(made), U256());
    }
}

// ------------------------------------------------------------------------------------- depth

// Each frame calls itself; the answer is how many there were below it.
const std::string nest =
    "PUSH 32 PUSH 0 PUSH 0 PUSH 0 PUSH 0 ADDRESS GAS CALL PUSH 0 MLOAD ADD" + return_top;

TEST(Calls, OneThousandAndTwentyFourDeep) {
    World world(Fork::homestead); // before EIP-150 all gas can be handed on
    // Frames 0 to 1024, each keeping 10000 for itself.
    world.set_code(0x1000, "PUSH 32 PUSH 0 PUSH 0 PUSH 0 PUSH 0 ADDRESS PUSH 10000 GAS SUB CALL "
                           "PUSH 0 MLOAD ADD" +
                               return_top);
    EXPECT_EQ(world.call(0x1000, 20'000'000).word(), U256(1024));
}

// Neither form of code may lean on the native stack: 1025 frames within 128 KiB of it.
TEST(Calls, DepthNeedsNoNativeStack) {
    struct Work {
        U256 answer;
        static void* run(void* self) {
            World world;
            world.set_code(0x1000, nest);
            static_cast<Work*>(self)->answer = world.call(0x1000, 4'000'000'000'000).word();
            return nullptr;
        }
    };
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    ASSERT_EQ(pthread_attr_setstacksize(&attributes, 128 << 10), 0);
    pthread_t thread{};
    Work work;
    ASSERT_EQ(pthread_create(&thread, &attributes, Work::run, &work), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    EXPECT_EQ(work.answer, U256(1024));
}

TEST(Calls, CreationsNestToo) {
    // Init code that creates with its own code.
    World world;
    const std::string init = "CODESIZE PUSH 0 PUSH 0 CODECOPY CODESIZE PUSH 0 PUSH 0 CREATE POP";
    const Bytes code = assemble(init);
    Message message;
    message.kind = CallKind::create;
    message.sender = address_number(0xe0a);
    message.gas = 4'000'000'000'000'000;
    message.input = code;
    EXPECT_TRUE(world.send(message, 0).succeeded());
    Address at = create_address(message.sender, 0);
    int depth = 0;
    while (world.journal.nonce(at) != 0) {
        ++depth;
        at = create_address(at, 1);
    }
    EXPECT_EQ(depth, 1025);
}

// EIP-161's one exception: 0x03 stays touched although the call that did it failed.
TEST(Calls, TheTouchOfRipemdStays) {
    for (const auto& [address, stays] : {std::pair<std::uint64_t, bool>{3, false}, {2, true}}) {
        World world(Fork::byzantium);
        world.journal.touch(address_number(address)); // empty, but there
        world.settle();
        EXPECT_TRUE(world.journal.exists(address_number(address)));
        world.set_code(0x2000,
                       fmt::format("PUSH 0 DUP1 DUP1 DUP1 DUP1 PUSH {} GAS CALL INVALID", address));
        world.run_code(call_to(0x2000));
        world.journal.end_transaction(world.rules);
        EXPECT_EQ(world.journal.exists(address_number(address)), stays);
    }
}

} // namespace
} // namespace ol::chain::evm
