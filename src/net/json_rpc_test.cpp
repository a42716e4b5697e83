#include "net/json_rpc.hpp"

#include <gtest/gtest.h>

namespace ol::net {
namespace {

using codec::Json;

class JsonRpcTest : public ::testing::Test {
protected:
    void serve(std::function<std::string(const Json&)> answer) {
        auto server = Server::start({}, [answer](const Request& request) {
            Response out;
            const auto call = Json::parse(request.body);
            if (!call || request.method != "POST" ||
                request.header("content-type") != "application/json") {
                out.status = 400;
                return out;
            }
            out.body = answer(*call);
            return out;
        });
        ASSERT_TRUE(server) << server.error().to_string();
        server_ = std::move(*server);
        client_ =
            std::make_unique<JsonRpcClient>(fmt::format("http://127.0.0.1:{}", server_->port()));
    }
    std::unique_ptr<JsonRpcClient> client_;
    std::unique_ptr<Server> server_;
};

TEST_F(JsonRpcTest, CallAndResult) {
    serve([](const Json& call) {
        EXPECT_EQ(call["jsonrpc"].as_string().value_or(""), "2.0");
        return Json::object({{"jsonrpc", "2.0"},
                             {"id", call["id"]},
                             {"result", Json::object({{"method", call["method"]},
                                                      {"params", call["params"]}})}})
            .dump();
    });
    for (int i = 0; i < 3; ++i) {
        auto result = client_->call("eth_call", Json::array({Json("0x1"), Json(i), Json()}));
        ASSERT_TRUE(result) << result.error().to_string();
        EXPECT_EQ((*result)["method"].as_string().value_or(""), "eth_call");
        EXPECT_EQ((*result)["params"].dump(), fmt::format(R"(["0x1",{},null])", i));
    }
}

TEST_F(JsonRpcTest, NullIsAResult) {
    serve([](const Json& call) {
        return Json::object({{"jsonrpc", "2.0"}, {"id", call["id"]}, {"result", nullptr}}).dump();
    });
    auto result = client_->call("eth_getTransactionReceipt", Json::array());
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->is_null());
}

TEST_F(JsonRpcTest, ErrorsCarryMethodCodeMessageAndRevertData) {
    serve([](const Json& call) {
        auto error = Json::object({{"code", 3}, {"message", "execution reverted"}});
        if (call["method"].as_string().value_or("") == "plain") error.set("data", "0x08c379a0");
        if (call["method"].as_string().value_or("") == "nested") {
            error.set("data", Json::object({{"data", "0xdeadbeef"}}));
        }
        return Json::object({{"jsonrpc", "2.0"}, {"id", call["id"]}, {"error", error}}).dump();
    });
    const auto plain = client_->call("plain", Json::array());
    EXPECT_EQ(plain.error().code, ErrorCode::conflict);
    EXPECT_EQ(plain.error().context, "plain: code 3, execution reverted, data 0x08c379a0");
    EXPECT_EQ(client_->call("nested", Json::array()).error().context,
              "nested: code 3, execution reverted, data 0xdeadbeef");
    EXPECT_EQ(client_->call("bare", Json::array()).error().context,
              "bare: code 3, execution reverted");
}

TEST_F(JsonRpcTest, WhatIsNoAnswerToThisCallIsUnavailable) {
    for (const char* wrong : {"", "<html>", "[]", "7", R"({"jsonrpc":"2.0","id":999,"result":1})",
                              R"({"jsonrpc":"2.0","result":1})", R"({"jsonrpc":"2.0","id":1})"}) {
        serve([&](const Json&) { return wrong; });
        auto result = client_->call("eth_chainId", Json::array());
        ASSERT_FALSE(result) << wrong;
        EXPECT_EQ(result.error().code, ErrorCode::unavailable) << wrong;
        EXPECT_NE(result.error().context.find("eth_chainId"), std::string::npos);
    }
    server_.reset();
    auto gone = client_->call("eth_chainId", Json::array());
    EXPECT_EQ(gone.error().code, ErrorCode::unavailable);
    EXPECT_NE(gone.error().context.find("eth_chainId"), std::string::npos);
    EXPECT_NE(gone.error().context.find("refused"), std::string::npos);
}

} // namespace
} // namespace ol::net
