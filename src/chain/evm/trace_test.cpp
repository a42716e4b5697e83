#include "chain/evm/trace.hpp"

#include <gtest/gtest.h>

#include "chain/evm/evm_for_tests.hpp"

namespace ol::chain::evm {
namespace {

// Writes down what it is told, a line each.
class Recorder : public Tracer {
public:
    explicit Recorder(bool steps)
        : steps_(steps) {}
    bool wants_steps() const override { return steps_; }
    void step(const Step& step) override { note("", step, ""); }
    void fault(const Step& step, Status status) override {
        note("fault ", step, fmt::format(" {}", to_string(status)));
    }
    void enter(const Message& message) override {
        lines.push_back(fmt::format("enter {} {} value {} gas {} input {}",
                                    static_cast<int>(message.kind), short_of(message.recipient),
                                    message.value.to_decimal(), message.gas,
                                    to_hex(message.input)));
    }
    void exit(const Message& message, const CallResult& result) override {
        lines.push_back(fmt::format("exit {} {} left {} output {}", short_of(message.recipient),
                                    to_string(result.status), result.gas_left,
                                    to_hex(result.output)));
    }
    void self_destruct(const Address& from, const Address& to, const U256& balance) override {
        lines.push_back(fmt::format("destroys {} for {} with {}", short_of(from), short_of(to),
                                    balance.to_decimal()));
    }
    std::vector<std::string> lines;

private:
    static std::string short_of(const Address& address) {
        return word_of(address).to_quantity().substr(0, 8);
    }
    void note(const char* what, const Step& step, const std::string& end) {
        std::string line =
            fmt::format("{}{} {} gas {} cost {} depth {} [", what, step.pc,
                        opcode_name(step.opcode), step.gas, step.gas_cost, step.depth);
        for (const U256& word : step.stack) line += word.to_quantity() + " ";
        if (line.back() == ' ') line.pop_back();
        lines.push_back(line + fmt::format("] memory {} data {} refund {}{}", step.memory.size(),
                                           step.return_data.size(), step.refund, end));
    }
    bool steps_;
};

std::vector<std::string> trace(World& world, const std::string& text, std::int64_t gas,
                               bool steps = true) {
    Recorder recorder(steps);
    world.set_code(0x1000, text);
    world.settle();
    world.tracer = &recorder;
    world.run(Form::program, world.message(0x1000, gas), 0);
    world.tracer = nullptr;
    return recorder.lines;
}

using Lines = std::vector<std::string>;

TEST(Trace, StepsWithTheirCosts) {
    World world;
    EXPECT_EQ(trace(world, "PUSH 7 PUSH 32 MSTORE PUSH 1 SLOAD", 5000),
              (Lines{"enter 0 0x1000 value 0 gas 5000 input ",
                     "0 PUSH1 gas 5000 cost 3 depth 1 [] memory 0 data 0 refund 0",
                     "2 PUSH1 gas 4997 cost 3 depth 1 [0x7] memory 0 data 0 refund 0",
                     "4 MSTORE gas 4994 cost 9 depth 1 [0x7 0x20] memory 0 data 0 refund 0",
                     "5 PUSH1 gas 4985 cost 3 depth 1 [] memory 64 data 0 refund 0",
                     "7 SLOAD gas 4982 cost 2100 depth 1 [0x1] memory 64 data 0 refund 0",
                     "8 STOP gas 2882 cost 0 depth 1 [0x0] memory 64 data 0 refund 0",
                     "exit 0x1000 success left 2882 output "}));
}

TEST(Trace, CallsWithinSteps) {
    World world;
    world.set_code(0x2000, "PUSH 1 PUSH 0 RETURN");
    EXPECT_EQ(
        trace(world, "PUSH 0 DUP1 DUP1 DUP1 DUP1 PUSH 0x2000 PUSH 1000 CALL POP", 10000),
        (Lines{"enter 0 0x1000 value 0 gas 10000 input ",
               "0 PUSH1 gas 10000 cost 3 depth 1 [] memory 0 data 0 refund 0",
               "2 DUP1 gas 9997 cost 3 depth 1 [0x0] memory 0 data 0 refund 0",
               "3 DUP1 gas 9994 cost 3 depth 1 [0x0 0x0] memory 0 data 0 refund 0",
               "4 DUP1 gas 9991 cost 3 depth 1 [0x0 0x0 0x0] memory 0 data 0 refund 0",
               "5 DUP1 gas 9988 cost 3 depth 1 [0x0 0x0 0x0 0x0] memory 0 data 0 refund 0",
               "6 PUSH2 gas 9985 cost 3 depth 1 [0x0 0x0 0x0 0x0 0x0] memory 0 data 0 refund 0",
               "9 PUSH2 gas 9982 cost 3 depth 1 [0x0 0x0 0x0 0x0 0x0 0x2000] memory 0 data 0 "
               "refund 0",
               "12 CALL gas 9979 cost 3600 depth 1 [0x0 0x0 0x0 0x0 0x0 0x2000 0x3e8] memory 0 "
               "data 0 refund 0",
               "enter 0 0x2000 value 0 gas 1000 input ",
               "0 PUSH1 gas 1000 cost 3 depth 2 [] memory 0 data 0 refund 0",
               "2 PUSH1 gas 997 cost 3 depth 2 [0x1] memory 0 data 0 refund 0",
               "4 RETURN gas 994 cost 3 depth 2 [0x1 0x0] memory 0 data 0 refund 0",
               "exit 0x2000 success left 991 output 00",
               "13 POP gas 7370 cost 2 depth 1 [0x1] memory 0 data 1 refund 0",
               "14 STOP gas 7368 cost 0 depth 1 [] memory 0 data 1 refund 0",
               "exit 0x1000 success left 7368 output "}));
}

TEST(Trace, Faults) {
    World world;
    EXPECT_EQ(trace(world, "ADD", 100),
              (Lines{"enter 0 0x1000 value 0 gas 100 input ",
                     "0 ADD gas 100 cost 0 depth 1 [] memory 0 data 0 refund 0",
                     "fault 0 ADD gas 100 cost 0 depth 1 [] memory 0 data 0 refund 0 stack "
                     "underflow",
                     "exit 0x1000 stack underflow left 0 output "}));
    EXPECT_EQ(trace(world, "PUSH 1 SLOAD", 100),
              (Lines{"enter 0 0x1000 value 0 gas 100 input ",
                     "0 PUSH1 gas 100 cost 3 depth 1 [] memory 0 data 0 refund 0",
                     "2 SLOAD gas 97 cost 2100 depth 1 [0x1] memory 0 data 0 refund 0",
                     "fault 2 SLOAD gas 97 cost 2100 depth 1 [0x1] memory 0 data 0 refund 0 out "
                     "of gas",
                     "exit 0x1000 out of gas left 0 output "}));
    EXPECT_EQ(trace(world, "PUSH 0 PUSH 0 REVERT", 100).back(),
              "exit 0x1000 execution reverted left 94 output ");
}

TEST(Trace, WithoutStepsMessagesAlone) {
    World world;
    world.set_code(0x2000, "PUSH 0x7777 SELFDESTRUCT");
    world.journal.set_balance(address_number(0x2000), U256(12));
    world.journal.set_balance(address_number(0x1000), U256(12));
    // A call, one to the identity, one that has not the value, and a creation.
    EXPECT_EQ(
        trace(world,
              "PUSH 0 DUP1 DUP1 DUP1 DUP1 PUSH 0x2000 PUSH 50000 CALL POP "
              "PUSH 0 DUP1 PUSH 2 PUSH 0 PUSH 4 PUSH 100 STATICCALL POP "
              "PUSH 0 DUP1 DUP1 DUP1 PUSH 13 PUSH 0x2000 PUSH 100 CALL POP",
              200'000, false),
        (Lines{"enter 0 0x1000 value 0 gas 200000 input ",
               "enter 0 0x2000 value 0 gas 50000 input ", "destroys 0x2000 for 0x7777 with 12",
               "exit 0x2000 success left 17397 output ", "enter 3 0x4 value 0 gas 100 input 0000",
               "exit 0x4 success left 82 output 0000", "enter 0 0x2000 value 13 gas 2400 input ",
               "exit 0x2000 insufficient balance for transfer left 2400 output ",
               "exit 0x1000 success left 157810 output "}));
}

// The tracer sees the code that a creation leaves; its caller sees nothing in the return data.
TEST(Trace, CreationsEndWithTheirCode) {
    World world;
    const Lines lines = trace(world,
                              "PUSH 0x60fe60005360016000f3 PUSH 0 MSTORE PUSH 10 PUSH 22 PUSH 0 "
                              "CREATE POP RETURNDATASIZE PUSH 0 MSTORE PUSH 32 PUSH 0 RETURN",
                              200'000, false);
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_TRUE(lines[2].ends_with(" output fe")) << lines[2];
    EXPECT_TRUE(lines[3].ends_with(" output " + std::string(64, '0'))) << lines[3];
}

// At Frontier one that cannot pay for its code is born empty.
TEST(Trace, UnpaidCreationsOfFrontierEndWithoutCode) {
    World world(Fork::frontier);
    const Lines lines = trace(world,
                              "PUSH 0x60fe60005360016000f3 PUSH 0 MSTORE PUSH 10 PUSH 22 PUSH 0 "
                              "CREATE POP",
                              32'150, false);
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_TRUE(lines[2].ends_with(" success left 111 output ")) << lines[2];
}

} // namespace
} // namespace ol::chain::evm
