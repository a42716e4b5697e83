#include <thread>

#include <gtest/gtest.h>

#include "api/fake_services.hpp"
#include "api/handler.hpp"

namespace ol::api {
namespace {

using std::chrono::milliseconds;

// Collects a stream in memory; leaves after `writes` when told to.
class Collector final : public net::BodyStream {
public:
    explicit Collector(int writes = 1'000'000)
        : left_(writes) {}
    bool write(std::string_view bytes) override {
        if (left_ == 0) return false;
        --left_;
        text += bytes;
        return true;
    }
    bool alive() override { return left_ > 0; }
    std::string text;

private:
    int left_;
};

std::vector<std::string> data_of(const std::string& stream) {
    std::vector<std::string> out;
    for (std::size_t at = 0; (at = stream.find("data: ", at)) != std::string::npos;) {
        const std::size_t end = stream.find('\n', at);
        out.push_back(stream.substr(at + 6, end - at - 6));
        at = end;
    }
    return out;
}

class CompletionsTest : public ::testing::Test {
protected:
    net::Response post(const std::string& path, const std::string& body,
                       net::Headers headers = {}) {
        net::Request request;
        request.method = "POST";
        request.path = path;
        request.headers = {{"host", "localhost"}, {"content-type", "application/json"}};
        request.headers.insert(request.headers.end(), headers.begin(), headers.end());
        request.body = body;
        return handler_(request);
    }
    net::Response chat(const std::string& members, net::Headers headers = {}) {
        return post("/v1/chat/completions",
                    R"({"model":"foldoc","messages":[{"role":"user","content":"Hi"}])" + members +
                        "}",
                    std::move(headers));
    }

    FakeServices services_;
    ManualClock clock_{1'700'000'000'123};
    net::Handler handler_ = make_handler(services_, {}, {.clock = &clock_});
};

TEST_F(CompletionsTest, ChatAnswersInOpenAisForm) {
    const auto reply = chat(R"(,"max_tokens":9)");
    ASSERT_EQ(reply.status, 200) << reply.body;
    const Json body = *Json::parse(reply.body);
    EXPECT_TRUE(body["id"].as_string().value_or("").starts_with("chatcmpl-"));
    EXPECT_EQ(body["object"], Json("chat.completion"));
    EXPECT_EQ(body["created"].as_int().value_or(0), 1'700'000'000);
    EXPECT_EQ(body["model"], Json("foldoc"));
    EXPECT_EQ(body["choices"].dump(),
              R"([{"index":0,"message":{"role":"assistant","content":"Hello, world"},)"
              R"("logprobs":null,"finish_reason":"stop"}])");
    EXPECT_EQ(body["usage"].dump(),
              R"({"prompt_tokens":7,"completion_tokens":3,"total_tokens":10})");
    EXPECT_EQ(body["openledger"].dump(), R"({"hash":"0x01"})");
    EXPECT_EQ(services_.completion.model, "foldoc");
    ASSERT_EQ(services_.completion.messages.size(), 1U);
    EXPECT_EQ(services_.completion.messages[0].role, "user");
    EXPECT_EQ(services_.completion.messages[0].content, "Hi");
    EXPECT_FALSE(services_.completion.prompt);
    EXPECT_EQ(services_.completion.max_tokens, 9U);
    EXPECT_NE(*Json::parse(chat("").body), body); // another id
}

TEST_F(CompletionsTest, TextAnswersInOpenAisForm) {
    const auto reply = post("/v1/completions", R"({"model":"base","prompt":"Once"})");
    ASSERT_EQ(reply.status, 200) << reply.body;
    const Json body = *Json::parse(reply.body);
    EXPECT_TRUE(body["id"].as_string().value_or("").starts_with("cmpl-"));
    EXPECT_EQ(body["object"], Json("text_completion"));
    EXPECT_EQ(body["choices"].dump(),
              R"([{"index":0,"text":"Hello, world","logprobs":null,"finish_reason":"stop"}])");
    EXPECT_EQ(services_.completion.prompt.value_or(""), "Once");
    EXPECT_EQ(post("/v1/completions", R"({"model":"base","prompt":["One"]})").status, 200);
    EXPECT_EQ(services_.completion.prompt.value_or(""), "One");
    EXPECT_EQ(post("/v1/completions", R"({"model":"base","prompt":["1","2"]})").status, 501);
}

TEST_F(CompletionsTest, TheBaseAloneHasNoReceipt) {
    services_.answer_receipt = nullptr;
    const Json body = *Json::parse(chat("").body);
    EXPECT_TRUE(body.contains("openledger"));
    EXPECT_TRUE(body["openledger"].is_null());
}

TEST_F(CompletionsTest, ParametersArrive) {
    ASSERT_EQ(chat(R"(,"temperature":0.75,"top_p":0.5,"top_k":40,"repetition_penalty":1.25,)"
                   R"("max_tokens":5,"max_completion_tokens":6,"stop":["a","b"],"seed":-3,"n":1,)"
                   R"("presence_penalty":0.0,"logprobs":false,"user":"u","stream":false,)"
                   R"("stream_options":null,"tools":[],"response_format":{"type":"text"})")
                  .status,
              200);
    const auto& call = services_.completion;
    EXPECT_EQ(call.sampling.temperature, 0.75F);
    EXPECT_EQ(call.sampling.top_p, 0.5F);
    EXPECT_EQ(call.sampling.top_k, 40U);
    EXPECT_EQ(call.sampling.repetition_penalty, 1.25F);
    EXPECT_EQ(call.sampling.seed, static_cast<std::uint64_t>(-3));
    EXPECT_EQ(call.max_tokens, 6U);
    EXPECT_EQ(call.stop, (std::vector<std::string>{"a", "b"}));

    ASSERT_EQ(chat(R"(,"stop":"end","top_k":-1)").status, 200);
    EXPECT_EQ(services_.completion.stop, std::vector<std::string>{"end"});
    EXPECT_EQ(services_.completion.sampling.top_k, 0U);
    EXPECT_EQ(services_.completion.sampling.temperature, 0.0F);
    EXPECT_EQ(services_.completion.sampling.seed, 0U);
    EXPECT_EQ(services_.completion.max_tokens, 64U);
    // Without a seed a draw is a new one each time; with one it is the caller's.
    (void)chat(R"(,"temperature":1)");
    const auto first = services_.completion.sampling.seed;
    (void)chat(R"(,"temperature":1)");
    EXPECT_NE(services_.completion.sampling.seed, first);
    (void)chat(R"(,"temperature":1,"seed":18446744073709551615)");
    EXPECT_EQ(services_.completion.sampling.seed, UINT64_MAX);
}

TEST_F(CompletionsTest, MessagesInParts) {
    ASSERT_EQ(
        post("/v1/chat/completions",
             R"({"model":"m","messages":[{"role":"developer","content":"Be brief."},)"
             R"({"role":"user","content":[{"type":"text","text":"A"},{"type":"text","text":"B"}]},)"
             R"({"role":"assistant","content":""},{"role":"user","content":"C","name":"x"}]})")
            .status,
        200);
    const auto& messages = services_.completion.messages;
    ASSERT_EQ(messages.size(), 4U);
    EXPECT_EQ(messages[0].role, "system");
    EXPECT_EQ(messages[1].content, "A\nB");
    EXPECT_EQ(messages[2].content, "");
}

TEST_F(CompletionsTest, WhatCannotBeDoneIsRefused) {
    const auto status_of_chat = [&](const char* members) { return chat(members).status; };
    for (const char* unsupported :
         {R"(,"n":2)", R"(,"logprobs":true)", R"(,"tools":[{"type":"function"}])",
          R"(,"presence_penalty":0.5)", R"(,"response_format":{"type":"json_object"})",
          R"(,"logit_bias":{"5":1})", R"(,"best_of":3)", R"(,"echo":true)"}) {
        EXPECT_EQ(status_of_chat(unsupported), 501) << unsupported;
    }
    for (const char* wrong :
         {R"(,"temperature":2.1)", R"(,"temperature":-1)", R"(,"temperature":"hot")",
          R"(,"top_p":0)", R"(,"top_p":1.5)", R"(,"top_k":-2)", R"(,"max_tokens":0)",
          R"(,"max_tokens":1000000)", R"(,"max_tokens":1.5)", R"(,"stop":5)", R"(,"stop":[""])",
          R"(,"stop":[1])", R"(,"seed":"x")", R"(,"stream":1)", R"(,"repetition_penalty":0)"}) {
        EXPECT_EQ(status_of_chat(wrong), 400) << wrong;
    }
    for (const char* body :
         {R"({})", R"({"model":"m"})", R"({"messages":[{"role":"user","content":"x"}]})",
          R"({"model":"","messages":[{"role":"user","content":"x"}]})",
          R"({"model":"m","messages":[]})",
          R"({"model":"m","messages":[{"role":"robot","content":"x"}]})",
          R"({"model":"m","messages":[{"role":"user"}]})", R"({"model":"m","messages":["x"]})",
          R"({"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]})"}) {
        EXPECT_EQ(post("/v1/chat/completions", body).status, 400) << body;
    }
    EXPECT_EQ(post("/v1/chat/completions",
                   R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]})")
                  .status,
              501);
    EXPECT_EQ(services_.completions_ended, 0);
}

// ---- payment

TEST_F(CompletionsTest, WithoutAVoucher402AndAQuote) {
    services_.error = Error{ErrorCode::payment, "a voucher is needed"};
    for (const char* members : {"", R"(,"stream":true)"}) {
        const auto reply = chat(members);
        EXPECT_EQ(reply.status, 402);
        EXPECT_FALSE(reply.stream);
        EXPECT_EQ(reply.body, R"({"error":{"code":"payment","message":"a voucher is needed"},)"
                              R"("quote":{"price_wei":"123"}})");
    }
    services_.quote_error = Error{ErrorCode::not_found, "no such adapter"};
    EXPECT_EQ(chat("").status, 404);
}

TEST_F(CompletionsTest, VoucherAndPayerAreRead) {
    market::Voucher voucher;
    voucher.payer[19] = 1;
    voucher.host[19] = 2;
    voucher.cumulative = U256(12345);
    voucher.signature.r[31] = 3;
    voucher.signature.s[31] = 4;
    const std::string text = voucher.to_json().dump();
    ASSERT_EQ(chat("", {{"x-openledger-voucher", text}}).status, 200);
    ASSERT_TRUE(services_.completion.voucher);
    EXPECT_EQ(services_.completion.voucher->cumulative, U256(12345));
    EXPECT_EQ(services_.completion.voucher->host, voucher.host);
    EXPECT_EQ(services_.completion.payer, voucher.payer);

    const std::string payer = to_hex0x(voucher.payer.view()), other = to_hex0x(voucher.host.view());
    ASSERT_EQ(chat("", {{"x-openledger-payer", payer}}).status, 200);
    EXPECT_EQ(services_.completion.payer, voucher.payer);
    EXPECT_FALSE(services_.completion.voucher);
    EXPECT_EQ(chat("", {{"x-openledger-voucher", text}, {"x-openledger-payer", payer}}).status,
              200);
    EXPECT_EQ(chat("", {{"x-openledger-voucher", text}, {"x-openledger-payer", other}}).status,
              400);
    for (const char* wrong : {"x", "{}", "[]", R"({"payer":"0x12"})"}) {
        const auto reply = chat("", {{"x-openledger-voucher", wrong}});
        EXPECT_EQ(reply.status, 400) << wrong;
        EXPECT_NE(reply.body.find("x-openledger-voucher"), std::string::npos);
    }
    EXPECT_EQ(chat("", {{"x-openledger-payer", "0x12"}}).status, 400);
}

// ---- streaming

TEST_F(CompletionsTest, ChatStreamsChunks) {
    const auto reply = chat(R"(,"stream":true)");
    ASSERT_EQ(reply.status, 200);
    EXPECT_EQ(reply.content_type, "text/event-stream");
    ASSERT_TRUE(reply.stream);
    Collector stream;
    reply.stream(stream);
    const auto data = data_of(stream.text);
    ASSERT_GE(data.size(), 4U);
    EXPECT_EQ(data.back(), "[DONE]");
    std::string text;
    for (std::size_t i = 0; i + 1 < data.size(); ++i) {
        const Json chunk = *Json::parse(data[i]);
        EXPECT_EQ(chunk["object"], Json("chat.completion.chunk"));
        EXPECT_EQ(chunk["id"], (*Json::parse(data[0]))["id"]);
        const Json& choice = chunk["choices"].items()[0];
        const bool is_last = i + 2 == data.size();
        EXPECT_EQ(choice["delta"]["role"].as_string().value_or(""), i == 0 ? "assistant" : "");
        EXPECT_EQ(choice["finish_reason"].as_string().value_or("none"), is_last ? "stop" : "none");
        EXPECT_EQ(chunk.contains("openledger"), is_last);
        EXPECT_EQ(chunk.contains("usage"), is_last);
        text += choice["delta"]["content"].as_string().value_or("");
    }
    EXPECT_EQ(text, "Hello, world");
}

TEST_F(CompletionsTest, TextStreamsChunks) {
    const auto reply = post("/v1/completions", R"({"model":"m","prompt":"p","stream":true})");
    ASSERT_TRUE(reply.stream);
    Collector stream;
    reply.stream(stream);
    const auto data = data_of(stream.text);
    ASSERT_GE(data.size(), 3U);
    std::string text;
    for (std::size_t i = 0; i + 1 < data.size(); ++i) {
        const Json chunk = *Json::parse(data[i]);
        EXPECT_EQ(chunk["object"], Json("text_completion"));
        text += chunk["choices"].items()[0]["text"].as_string().value_or("?");
    }
    EXPECT_EQ(text, "Hello, world");
    EXPECT_EQ(data.back(), "[DONE]");
}

TEST_F(CompletionsTest, AnAnswerWithoutTextStillStreamsItsEnd) {
    services_.pieces = {};
    const auto reply = chat(R"(,"stream":true)");
    ASSERT_TRUE(reply.stream);
    Collector stream;
    reply.stream(stream);
    EXPECT_EQ(data_of(stream.text).size(), 3U); // role, end, [DONE]
}

TEST_F(CompletionsTest, FailuresBeforeTheFirstTextHaveTheirStatus) {
    for (const auto& [code, status] :
         {std::pair{ErrorCode::not_found, 404}, std::pair{ErrorCode::unavailable, 503}}) {
        services_.error = Error{code, "no"};
        const auto reply = chat(R"(,"stream":true)");
        EXPECT_EQ(reply.status, status);
        EXPECT_FALSE(reply.stream);
    }
}

TEST_F(CompletionsTest, AFailureInTheMiddleIsSaidInTheStream) {
    services_.late_error = Error{ErrorCode::unverified, "the adapter's hash differs"};
    std::atomic<bool> go{false};
    services_.between_pieces = [&] {
        while (!go) std::this_thread::sleep_for(milliseconds(1));
    };
    const auto reply = chat(R"(,"stream":true)");
    ASSERT_TRUE(reply.stream);
    go = true;
    Collector stream;
    reply.stream(stream);
    const auto data = data_of(stream.text);
    EXPECT_EQ((*Json::parse(data.back()))["error"]["code"], Json("unverified"));
    EXPECT_EQ(stream.text.find("[DONE]"), std::string::npos);
}

TEST_F(CompletionsTest, ADepartedClientStopsTheCompletion) {
    services_.pieces.assign(100'000, "x");
    services_.between_pieces = [] { std::this_thread::sleep_for(milliseconds(1)); };
    {
        const auto reply = chat(R"(,"stream":true)");
        ASSERT_TRUE(reply.stream);
        Collector stream(3);
        reply.stream(stream);
    }
    EXPECT_EQ(services_.completions_ended, 1);
    { // never written at all: a HEAD, or no room for one more stream
        const auto reply = chat(R"(,"stream":true)");
        EXPECT_EQ(services_.completions_ended, 1);
    }
    EXPECT_EQ(services_.completions_ended, 2);
}

// ---- through a real server

class ServedTest : public CompletionsTest {
protected:
    void SetUp() override {
        auto server = net::Server::start({}, handler_);
        ASSERT_TRUE(server) << server.error().to_string();
        server_ = std::move(*server);
        base_ = fmt::format("http://127.0.0.1:{}", server_->port());
    }
    std::unique_ptr<net::Server> server_;
    std::string base_;
    net::Client client_;

    static Json event(std::uint64_t offset, const char* kind) {
        return Json::object(
            {{"offset", offset}, {"kind", kind}, {"data", Json::object({{"step", offset}})}});
    }
};

TEST_F(ServedTest, CompletionStreamsWhileItIsMade) {
    std::atomic<int> allowed{1};
    std::atomic<int> made{0};
    services_.between_pieces = [&] {
        ++made;
        while (made >= allowed) std::this_thread::sleep_for(milliseconds(1));
    };
    std::string seen;
    auto reply = client_.send(
        {.method = "POST",
         .url = base_ + "/v1/chat/completions",
         .headers = {{"content-type", "application/json"}, {"origin", base_}},
         .body = R"({"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]})",
         .on_data = [&](std::string_view data) {
             seen += data;
             // The next piece is made only after this one was seen.
             if (seen.find("Hello") != std::string::npos) allowed = 100;
             return true;
         }});
    ASSERT_TRUE(reply) << reply.error().to_string();
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(data_of(seen).back(), "[DONE]");
    EXPECT_NE(seen.find(R"("openledger":{"hash":"0x01"})"), std::string::npos);
}

TEST_F(ServedTest, RunEventsReplayThenFollowThenEnd) {
    for (std::uint64_t i = 0; i < 5; ++i) services_.events.push_back(event(i, "step"));
    services_.events_ended = false;
    std::string seen;
    std::thread writer;
    auto reply = client_.send(
        {.url = base_ + "/api/runs/r1/events?from=2", .on_data = [&](std::string_view data) {
             seen += data;
             if (seen.contains("id: 4\n") && !writer.joinable()) {
                 writer = std::thread([&] {
                     const std::lock_guard lock(services_.mutex);
                     services_.events.push_back(event(5, "done"));
                     services_.events_ended = true;
                 });
             }
             return true;
         }});
    if (writer.joinable()) writer.join();
    ASSERT_TRUE(reply) << reply.error().to_string();
    std::string expected;
    for (int i = 2; i < 5; ++i) {
        expected += fmt::format("event: step\nid: {}\ndata: {{\"step\":{}}}\n\n", i, i);
    }
    expected += "event: done\nid: 5\ndata: {\"step\":5}\n\nevent: end\ndata: {}\n\n";
    EXPECT_EQ(seen, expected);
}

TEST_F(ServedTest, RunEventsGoOnAfterTheLastSeen) {
    for (std::uint64_t i = 0; i < 5; ++i) services_.events.push_back(event(i, "step"));
    const auto from = [&](const std::string& last, const std::string& query = "") {
        return *client_.send(
            {.url = base_ + "/api/runs/r1/events" + query, .headers = {{"last-event-id", last}}});
    };
    EXPECT_EQ(from("2").body.find("id: 2\n"), std::string::npos);
    EXPECT_TRUE(from("2").body.starts_with("event: step\nid: 3\n"));
    EXPECT_TRUE(from("2", "?from=0").body.starts_with("event: step\nid: 3\n"));
    EXPECT_EQ(from("4").status, 204); // all seen, and ended: do not come again
    for (const char* wrong : {"x", "-1", "1x", "99999999999999999999999"}) {
        EXPECT_EQ(from(wrong).status, 400) << wrong;
    }
    EXPECT_EQ(client_.send({.url = base_ + "/api/runs/r1/events?from=x"})->status, 400);
}

TEST_F(ServedTest, AFollowerThatLeavesFreesItsThreadAndStopIsPrompt) {
    services_.events = {event(0, "step")};
    services_.events_ended = false; // for ever
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(client_.send({.url = base_ + "/api/runs/r/events",
                                  .on_data = [](std::string_view) { return false; }}));
    }
    std::thread follower([&] {
        (void)net::Client().send({.url = base_ + "/api/runs/r/events",
                                  .on_data = [](std::string_view) { return true; }});
    });
    std::this_thread::sleep_for(milliseconds(50));
    server_->stop();
    follower.join();
}

TEST_F(ServedTest, HostAndErrorsThroughTheWire) {
    EXPECT_EQ(client_.send({.url = base_ + "/api/status"})->status, 200);
    auto document = client_.send({.url = base_ + "/openapi.json"});
    EXPECT_TRUE(Json::parse(document->body));
    auto absent = client_.send({.url = base_ + "/api/absent%2Fpath"});
    EXPECT_EQ(absent->status, 404);
    EXPECT_EQ((*Json::parse(absent->body))["error"]["code"], Json("not_found"));
}

} // namespace
} // namespace ol::api
