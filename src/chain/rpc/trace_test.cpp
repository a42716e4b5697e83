#include "chain/rpc/api_for_tests.hpp"

namespace ol::chain::rpc {
namespace {

// Calls the counter twice: once with success, once with too little gas; then logs.
Bytes caller_code() {
    const std::string to = to_hex(counter_address().view());
    const std::string call = "5f5f5f5f5f73" + to; // no output, no input, no value
    return *from_hex(call + "61ffff" + "f150" + call + "6064" + "f150" + "5f5fa0" + "00");
}

class TraceTest : public ApiTest {
protected:
    TraceTest() {
        ask("anvil_setCode", "[" + quoted(caller_) + ",\"" + to_hex0x(caller_code()) + "\"]");
        Transaction call = transfer(0, 0, caller_, U256(3));
        call.gas_limit = 200'000;
        sign(call, test_key(0));
        world.add(transfer(1, 0, who(2)));
        hash_ = world.add(call);
        make_block();
        receipt_ = ask("eth_getTransactionReceipt", "[" + quoted(hash_) + "]");
        EXPECT_EQ(receipt_["status"].text(), "0x1") << receipt_.dump();
    }
    Json trace(const std::string& options) {
        return ask("debug_traceTransaction", "[" + quoted(hash_) + "," + options + "]");
    }
    static std::uint64_t quantity(const Json& json) { return json.as_u256()->low_u64(); }

    Address caller_ = [] {
        Address out;
        out.data[0] = 0xca;
        return out;
    }();
    Hash32 hash_;
    Json receipt_;
};

TEST_F(TraceTest, StructLogsAddUpToTheReceipt) {
    const Json out = trace(R"({"enableMemory":true,"enableReturnData":true})");
    EXPECT_EQ(*out["gas"].as_uint(), quantity(receipt_["gasUsed"]));
    EXPECT_FALSE(*out["failed"].as_bool());
    const auto& steps = out["structLogs"].items();
    ASSERT_GT(steps.size(), 20U);
    EXPECT_EQ(steps[0]["op"].text(), "PUSH0");
    EXPECT_EQ(*steps[0]["depth"].as_int(), 1);
    EXPECT_EQ(*steps[0]["gas"].as_uint(), 200'000U - 21'000U);
    EXPECT_EQ(steps.back()["op"].text(), "STOP");
    std::uint64_t used = 0;
    std::size_t stores = 0, faults = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const Json& step = steps[i];
        if (*step["depth"].as_int() == 1 && step["op"].text() != "CALL") {
            used += *step["gasCost"].as_uint();
        }
        if (step.contains("error")) ++faults;
        if (step["op"].text() == "SSTORE" && !step.contains("error")) {
            ++stores;
            EXPECT_TRUE(step["storage"].contains(std::string(64, '0')));
        }
        // A step's cost is what the next one of its frame has less.
        const bool same = i + 1 < steps.size() && step["depth"] == steps[i + 1]["depth"];
        if (same && step["op"].text() != "CALL") {
            EXPECT_EQ(*step["gas"].as_uint() - *step["gasCost"].as_uint(),
                      *steps[i + 1]["gas"].as_uint())
                << i << step.dump();
        }
    }
    EXPECT_EQ(stores, 1U);
    EXPECT_EQ(faults, 1U); // the second call has no gas for its slot
    EXPECT_LT(used, quantity(receipt_["gasUsed"]));
    EXPECT_EQ(trace(R"({"limit":3})")["structLogs"].items().size(), 3U);
    const Json bare = trace(R"({"disableStack":true,"disableStorage":true})");
    for (const auto& step : bare["structLogs"].items()) {
        EXPECT_FALSE(step.contains("stack") || step.contains("storage") || step.contains("memory"));
    }
}

TEST_F(TraceTest, CallsAreATree) {
    const Json top = trace(R"({"tracer":"callTracer","tracerConfig":{"withLog":true}})");
    EXPECT_EQ(top["type"].text(), "CALL");
    EXPECT_EQ(top["from"].text(), hex(who(0)));
    EXPECT_EQ(top["to"].text(), hex(caller_));
    EXPECT_EQ(top["value"].text(), "0x3");
    EXPECT_EQ(quantity(top["gas"]), 200'000U);
    EXPECT_EQ(top["gasUsed"], receipt_["gasUsed"]);
    ASSERT_EQ(top["calls"].items().size(), 2U);
    const Json &good = top["calls"].items()[0], &bad = top["calls"].items()[1];
    EXPECT_EQ(good["to"].text(), hex(counter_address()));
    EXPECT_EQ(good["logs"].items().size(), 1U);
    EXPECT_EQ(bad["error"].text(), "out of gas");
    EXPECT_FALSE(bad.contains("logs"));
    EXPECT_EQ(quantity(bad["gasUsed"]), quantity(bad["gas"]));
    ASSERT_EQ(top["logs"].items().size(), 1U);
    EXPECT_EQ(top["logs"].items()[0]["position"].text(), "0x2");
    const Json only = trace(R"({"tracer":"callTracer","tracerConfig":{"onlyTopCall":true}})");
    EXPECT_FALSE(only.contains("calls"));
    EXPECT_EQ(only["gasUsed"], top["gasUsed"]);
}

// One that cannot be paid for is no part of the trace, however large.
TEST_F(TraceTest, LogsThatCannotBePaidFor) {
    const std::string object = fmt::format(R"({{"from":"{}","to":"{}","gas":"0x186a0"}})",
                                           hex(who(0)), hex(counter_address()));
    // PUSH4 60,000,000 PUSH0 LOG0
    const Json top = ask("debug_traceCall",
                         "[" + object +
                             R"(,"latest",{"tracer":"callTracer","tracerConfig":{"withLog":true},)"
                             R"("stateOverrides":{")" +
                             hex(counter_address()) + R"(":{"code":"0x63039387005fa0"}}}])");
    EXPECT_EQ(top["error"].text(), "out of gas");
    EXPECT_FALSE(top.contains("logs"));
}

TEST_F(TraceTest, PrestatesAndWhatChanged) {
    const Json before = trace(R"({"tracer":"prestateTracer"})");
    const std::string counter = hex(counter_address());
    EXPECT_EQ(before[counter]["storage"].members().size(), 1U);
    EXPECT_TRUE(before[counter].contains("code"));
    EXPECT_EQ(before[hex(who(0))]["balance"].text(),
              text("eth_getBalance", "[" + quoted(who(0)) + R"(,"0x0"])"));
    EXPECT_FALSE(before.contains(hex(who(2)))); // of the transaction before it
    const Json change = trace(R"({"tracer":"prestateTracer","tracerConfig":{"diffMode":true}})");
    const std::string slot = "0x" + std::string(64, '0');
    EXPECT_EQ(change["post"][counter]["storage"][slot].text(), "0x" + std::string(63, '0') + "1");
    EXPECT_FALSE(change["pre"][counter].contains("storage")); // it was zero
    EXPECT_EQ(*change["post"][hex(who(0))]["nonce"].as_int(), 1);
    EXPECT_EQ(change["post"][hex(who(0))]["balance"].text(),
              text("eth_getBalance", "[" + quoted(who(0)) + R"(,"latest"])"));
    EXPECT_EQ(change["post"][hex(caller_)]["balance"].text(), "0x3");
    EXPECT_FALSE(change["post"][hex(caller_)].contains("code"));
}

TEST_F(TraceTest, BlocksCallsAndSelectors) {
    const Json block = ask("debug_traceBlockByNumber", R"(["latest",{"tracer":"callTracer"}])");
    ASSERT_EQ(block.items().size(), 3U);
    std::size_t own = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        if (block.items()[i]["txHash"].text() != hex(hash_)) continue;
        ++own;
        EXPECT_EQ(block.items()[i]["result"], trace(R"({"tracer":"callTracer"})"));
    }
    EXPECT_EQ(own, 1U);
    const std::string object = fmt::format(R"({{"from":"{}","to":"{}","data":"0x11223344aa"}})",
                                           hex(who(0)), hex(caller_));
    const Json call =
        ask("debug_traceCall", "[" + object + R"(,"latest",{"tracer":"callTracer"}])");
    EXPECT_EQ(call["calls"].items().size(), 2U);
    const Json selectors =
        ask("debug_traceCall", "[" + object + R"(,"latest",{"tracer":"4byteTracer"}])");
    EXPECT_EQ(selectors.dump(), R"({"0x11223344-1":1})");
    const Json change =
        ask("debug_traceCall",
            "[" + object +
                R"(,"latest",{"tracer":"prestateTracer","tracerConfig":{"diffMode":true}}])");
    EXPECT_TRUE(change["post"].contains(hex(counter_address())));
    EXPECT_EQ(ask("debug_traceCall", "[" + object + R"(,"latest",{"tracer":"noopTracer"}])").dump(),
              "{}");
    // Nothing of it stays.
    EXPECT_EQ(world.counted(), U256(1));
    EXPECT_EQ(fault("debug_traceBlockByNumber", R"(["0x0"])")["message"].text(),
              "genesis is not traceable");
    EXPECT_EQ(*fault("debug_traceTransaction",
                     "[" + quoted(hash_) + R"(,{"tracer":"{result: 1}"}])")["code"]
                   .as_int(),
              -32602);
    EXPECT_EQ(fault("debug_traceTransaction", "[" + quoted(Hash32()) + "]")["message"].text(),
              "transaction not found");
}

} // namespace
} // namespace ol::chain::rpc
