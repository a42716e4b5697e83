#include <gtest/gtest.h>

#include "chain/rpc/dispatcher.hpp"

namespace ol::chain::rpc {
namespace {

using codec::Json;

class DispatcherTest : public ::testing::Test {
protected:
    DispatcherTest() {
        table_.add("echo", 1, 2, [](Call& call) -> RpcStatus {
            call.out.value(call.params[0].json());
            return {};
        });
        table_.add("fail", 0, 0, [](Call& call) -> RpcStatus {
            call.out.begin_object(); // half an answer that must not be seen
            return std::unexpected(RpcError(3, "execution reverted: \"no\"", R"("0x1234")"));
        });
        table_.add("throw", 0, 0, [](Call&) -> RpcStatus { throw std::bad_alloc(); });
        table_.add("big", 0, 0, [](Call& call) -> RpcStatus {
            call.out.value(std::string(600, 'x'));
            return {};
        });
        table_.alias("echo_too", "echo");
    }
    std::string ask(std::string_view text) { return Dispatcher(table_).handle(text).text; }
    Json json(std::string_view text) {
        const std::string answer = ask(text);
        auto read = Json::parse(answer);
        EXPECT_TRUE(read) << answer;
        return read ? *read : Json();
    }
    std::int64_t code(std::string_view text) {
        return json(text)["error"]["code"].as_int().value_or(0);
    }

    MethodTable table_;
};

TEST_F(DispatcherTest, AnswersWithTheSameId) {
    EXPECT_EQ(ask(R"({"jsonrpc":"2.0","id":7,"method":"echo","params":["a"]})"),
              R"({"jsonrpc":"2.0","id":7,"result":"a"})");
    EXPECT_EQ(ask(R"({"id":"x\n","method":"echo_too","params":[{"b":[1,2]}]})"),
              R"({"jsonrpc":"2.0","id":"x\n","result":{"b":[1,2]}})");
    EXPECT_EQ(ask(R"({"id":null,"method":"echo","params":[1]})"),
              R"({"jsonrpc":"2.0","id":null,"result":1})");
}

TEST_F(DispatcherTest, ErrorsCarryCodeMessageAndData) {
    EXPECT_EQ(ask(R"({"id":1,"method":"fail"})"),
              R"({"jsonrpc":"2.0","id":1,"error":{"code":3,"message":)"
              R"("execution reverted: \"no\"","data":"0x1234"}})");
    EXPECT_EQ(code(R"({"id":1,"method":"nothing"})"), -32601);
    EXPECT_EQ(json(R"({"id":1,"method":"nothing"})")["error"]["message"].text(),
              "the method nothing does not exist/is not available");
    EXPECT_EQ(code(R"({"id":1,"method":"throw"})"), -32603);
    EXPECT_EQ(code(R"({"id":1,"method":"echo"})"), -32602);
    EXPECT_EQ(code(R"({"id":1,"method":"echo","params":[null]})"), -32602);
    EXPECT_EQ(code(R"({"id":1,"method":"echo","params":[1,2,3]})"), -32602);
    EXPECT_EQ(code(R"({"id":1,"method":"echo","params":{"a":1}})"), -32602);
}

TEST_F(DispatcherTest, WhatIsNoRequest) {
    for (const char* text : {"", "{", "nonsense", "\xff\xfe", R"({"id":1,)"}) {
        EXPECT_EQ(code(text), -32700) << text;
    }
    EXPECT_EQ(code(std::string(1000, '[') + std::string(1000, ']')), -32700);
    for (const char* text : {"1", "\"text\"", "{}", "null", "[]", R"({"id":{},"method":"echo"})",
                             R"({"id":1,"method":5})"}) {
        EXPECT_EQ(code(text), -32600) << text;
    }
}

TEST_F(DispatcherTest, BatchesAnswerEachInOrder) {
    const std::string answer = ask(
        R"([{"id":1,"method":"echo","params":["a"]},{"id":2,"method":"fail"},5,)"
        R"({"method":"echo","params":["a notification"]},)"
        R"({"id":3,"method":"echo","params":["b"]}])");
    const auto read = Json::parse(answer);
    ASSERT_TRUE(read) << answer;
    ASSERT_EQ(read->items().size(), 4U);
    EXPECT_EQ(read->items()[0]["result"].text(), "a");
    EXPECT_EQ(*read->items()[1]["error"]["code"].as_int(), 3);
    EXPECT_EQ(*read->items()[2]["error"]["code"].as_int(), -32600);
    EXPECT_EQ(read->items()[3]["result"].text(), "b");
}

TEST_F(DispatcherTest, NotificationsGetNoAnswer) {
    EXPECT_EQ(ask(R"({"method":"echo","params":["x"]})"), "");
    EXPECT_EQ(ask(R"([{"method":"echo","params":["x"]},{"method":"nothing"}])"), "");
}

TEST_F(DispatcherTest, BatchesHaveLimits) {
    const Dispatcher small(table_, {.batch_limit = 3, .answer_limit_bytes = 1000});
    const auto batch = [](int count, const char* method) {
        std::string out = "[";
        for (int i = 0; i < count; ++i) {
            out += (i == 0 ? "" : ",");
            out += fmt::format(R"({{"id":{},"method":"{}"}})", i, method);
        }
        return out + "]";
    };
    const auto refused = Json::parse(small.handle(batch(4, "big")).text);
    EXPECT_EQ(*(*refused)["error"]["code"].as_int(), -32600);
    const auto cut = Json::parse(small.handle(batch(3, "big")).text);
    ASSERT_EQ(cut->items().size(), 3U);
    EXPECT_EQ(cut->items()[1]["result"].text().size(), 600U);
    EXPECT_EQ(*cut->items()[2]["error"]["code"].as_int(), limit_exceeded);
    EXPECT_EQ(*cut->items()[2]["id"].as_int(), 2);
}

} // namespace
} // namespace ol::chain::rpc
