#include <atomic>
#include <thread>

#include "net/brief.hpp"
#include "net/http_for_tests.hpp"

namespace ol::net {
namespace {

// ---- pure functions

TEST(HttpText, PercentDecodeIsStrict) {
    EXPECT_EQ(*percent_decode("/a%20b%C3%A9+c"), "/a b\xc3\xa9+c");
    EXPECT_EQ(*percent_decode("a+b%2B", true), "a b+");
    EXPECT_EQ(*percent_decode(""), "");
    for (const char* wrong : {"%", "%4", "a%zz", "%%41", "%4", "%-1", "x%00y"}) {
        EXPECT_FALSE(percent_decode(wrong)) << wrong;
    }
}

TEST(HttpText, QueryValues) {
    Request request;
    request.query = "a=1&b=x%26y+z&empty=&flag&a=2&bad=%zz&%61c=7";
    EXPECT_EQ(request.query_value("a"), "1");
    EXPECT_EQ(request.query_value("b"), "x&y z");
    EXPECT_EQ(request.query_value("ac"), "7");
    for (const char* none : {"empty", "flag", "bad", "absent", ""}) {
        EXPECT_EQ(request.query_value(none), "") << none;
    }
}

// The field rules of the HTML standard, section "server-sent events".
TEST(HttpText, ServerSentEvents) {
    EXPECT_EQ(sse_event("step", "{}", "7"), "event: step\nid: 7\ndata: {}\n\n");
    EXPECT_EQ(sse_event("", "a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
    EXPECT_EQ(sse_event("", ""), "data: \n\n");
    EXPECT_EQ(sse_event("x\ndata: forged", "y", "1\n2"), "event: x\nid: 1\ndata: y\n\n");
}

TEST(HttpText, MimeTypes) {
    EXPECT_EQ(mime_type("a/index.html"), "text/html; charset=utf-8");
    EXPECT_EQ(mime_type("app-1a2b.JS"), "text/javascript; charset=utf-8");
    EXPECT_EQ(mime_type("x.svg"), "image/svg+xml");
    EXPECT_EQ(mime_type("noextension"), "application/octet-stream");
}

// ---- round trips

TEST_F(HttpTest, RequestArrivesWholeAndReplyReturnsWhole) {
    serve([](const Request& request) {
        Response out = text_reply(request.body);
        out.status = 201;
        out.headers = {{"X-Method", request.method},
                       {"x-path", request.path},
                       {"x-query", request.query_value("q")},
                       {"x-custom", std::string(request.header("x-sent"))},
                       {"x-remote", request.remote}};
        return out;
    });
    std::string body(1'000'003, '\0');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31);
    auto reply = client_.send({.method = "POST",
                               .url = base_ + "/a%20b/%C3%A9?q=1%2B1&x",
                               .headers = {{"X-Sent", "Value"}},
                               .body = body});
    ASSERT_TRUE(reply) << reply.error().to_string();
    EXPECT_EQ(reply->status, 201);
    EXPECT_EQ(reply->body, body);
    EXPECT_EQ(header_of(*reply, "content-type"), "text/plain");
    EXPECT_EQ(header_of(*reply, "x-method"), "POST");
    EXPECT_EQ(header_of(*reply, "x-path"), "/a b/\xc3\xa9");
    EXPECT_EQ(header_of(*reply, "x-query"), "1+1");
    EXPECT_EQ(header_of(*reply, "x-custom"), "Value");
    EXPECT_TRUE(header_of(*reply, "x-remote").starts_with("127.0.0.1:"));
    EXPECT_TRUE(header_of(*reply, "date").ends_with(" GMT"));
}

TEST_F(HttpTest, ConnectionsAreKeptAndReused) {
    serve([](const Request& request) { return text_reply(request.remote); });
    const auto first = get("/");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(get("/")->body, first->body);
    EXPECT_EQ(post("/", "x")->body, first->body);
    auto closed = client_.send({.url = base_ + "/", .headers = {{"connection", "close"}}});
    EXPECT_EQ(header_of(*closed, "connection"), "close");
    EXPECT_NE(get("/")->body, first->body);
}

TEST_F(HttpTest, AKeptConnectionThatEndedIsReplaced) {
    ServerOptions options;
    options.idle_timeout_ms = 100;
    serve([](const Request&) { return text_reply("ok"); }, options);
    EXPECT_EQ(post("/", "1")->body, "ok");
    std::this_thread::sleep_for(std::chrono::milliseconds(300)); // the server closes its side
    auto again = post("/", "2");
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_EQ(again->body, "ok");
}

TEST_F(HttpTest, HeadSendsHeadersOnly) {
    serve([](const Request& request) {
        Response out = text_reply("12345");
        if (request.path == "/stream") out.stream = [](BodyStream& stream) { stream.write("x"); };
        return out;
    });
    auto reply = client_.send({.method = "HEAD", .url = base_ + "/"});
    ASSERT_TRUE(reply) << reply.error().to_string();
    EXPECT_EQ(header_of(*reply, "content-length"), "5");
    EXPECT_EQ(reply->body, "");
    EXPECT_EQ(client_.send({.method = "HEAD", .url = base_ + "/stream"})->status, 200);
    EXPECT_EQ(get("/")->body, "12345"); // the connection is still in step
    EXPECT_EQ(get("/stream")->body, "x");
}

TEST_F(HttpTest, NoContentHasNoBody) {
    serve([](const Request&) {
        Response out = text_reply("must not be sent");
        out.status = 204;
        return out;
    });
    EXPECT_EQ(get("/")->status, 204);
    EXPECT_EQ(get("/")->body, "");
}

TEST_F(HttpTest, ManyConcurrentRequests) {
    std::atomic<int> running{0}, peak{0};
    ServerOptions options;
    options.worker_threads = 6;
    serve(
        [&](const Request& request) {
            const int now = ++running;
            for (int seen = peak; now > seen && !peak.compare_exchange_weak(seen, now);) {
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            --running;
            return text_reply(request.path + request.body);
        },
        options);
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int t = 0; t < 12; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 25; ++i) {
                const std::string path = fmt::format("/{}/{}", t, i);
                auto reply = post(path, std::string(static_cast<std::size_t>(i) * 997, 'b'));
                if (reply &&
                    reply->body == path + std::string(static_cast<std::size_t>(i) * 997, 'b'))
                    ++good;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 12 * 25);
    EXPECT_LE(peak, 6);
    EXPECT_GT(peak, 1);
}

TEST_F(HttpTest, PipelinedRequestsAreAnsweredInOrder) {
    serve([](const Request& request) { return text_reply("<" + request.path + ">"); });
    const std::string replies = raw("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                                    "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                                    "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const auto one = replies.find("</1>"), two = replies.find("</2>"), three = replies.find("</3>");
    EXPECT_LT(one, two);
    EXPECT_LT(two, three);
    EXPECT_NE(three, std::string::npos);
}

TEST_F(HttpTest, ExpectContinueAndAbsoluteFormAndHttp10) {
    serve([](const Request& request) { return text_reply(request.path + request.body); });
    {
        const RawSocket socket(server_->port());
        socket.send("POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    "Content-Length: 3\r\nConnection: close\r\n\r\n");
        EXPECT_EQ(socket.read("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
        socket.send("abc");
        EXPECT_TRUE(socket.read().ends_with("/pabc"));
    }
    EXPECT_TRUE(raw("GET http://host:1/x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    .ends_with("\r\n\r\n/x"));
    EXPECT_TRUE(raw("GET /old HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n/old"));
    EXPECT_TRUE(raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                    "Connection: close\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
                    .ends_with("\r\n\r\n/abc"));
}

// ---- limits and hostile input

TEST_F(HttpTest, LargeBodiesAndHeadersAreRefusedInTheErrorShape) {
    ServerOptions options;
    options.body_limit_bytes = 10'000;
    options.header_limit_bytes = 2'000;
    std::atomic<int> handled{0};
    serve(
        [&](const Request&) {
            ++handled;
            return text_reply("ok");
        },
        options);
    EXPECT_EQ(post("/", std::string(10'000, 'x'))->body, "ok");
    auto large = post("/", std::string(10'001, 'x'));
    ASSERT_TRUE(large) << large.error().to_string();
    EXPECT_EQ(large->status, 413);
    EXPECT_EQ(error_code_in(large->body), "too_large");
    // Far more than the system's buffers hold: the client still sees the answer.
    auto huge = post("/", std::string(20 << 20, 'x'));
    if (huge) {
        EXPECT_EQ(huge->status, 413);
    }
    // Chunks without a length in front.
    std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 5; ++i) chunked += "1000\r\n" + std::string(0x1000, 'c') + "\r\n";
    EXPECT_TRUE(raw(chunked).starts_with("HTTP/1.1 413 "));

    auto header = client_.send({.url = base_, .headers = {{"x", std::string(3'000, 'h')}}});
    ASSERT_TRUE(header) << header.error().to_string();
    EXPECT_EQ(header->status, 431);
    EXPECT_EQ(error_code_in(header->body), "too_large");
    EXPECT_EQ(handled, 1);
}

TEST_F(HttpTest, WhatAllClientsSendTogetherIsBounded) {
    ServerOptions options;
    options.bodies_limit_bytes = 100'000;
    serve([](const Request& request) { return text_reply(std::to_string(request.body.size())); },
          options);
    const RawSocket waiting(server_->port());
    waiting.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    auto refused = post("/", std::string(60'000, 'x'));
    ASSERT_TRUE(refused) << refused.error().to_string();
    EXPECT_EQ(refused->status, 503);
    EXPECT_EQ(error_code_in(refused->body), "unavailable");
    EXPECT_EQ(post("/", std::string(30'000, 'x'))->body, "30000");
    // The one that was first is answered, and then there is room.
    waiting.send(std::string(60'000, 'w'));
    EXPECT_TRUE(waiting.read("60000").ends_with("60000"));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(post("/", std::string(60'000, 'x'))->body, "60000");
    // Without a length in front.
    std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 30; ++i) chunked += "1000\r\n" + std::string(0x1000, 'c') + "\r\n";
    EXPECT_TRUE(raw(chunked).starts_with("HTTP/1.1 503 "));
    EXPECT_EQ(post("/", std::string(60'000, 'x'))->body, "60000");
}

TEST_F(HttpTest, WhatIsNoRequestIsA400InTheErrorShape) {
    std::atomic<int> handled{0};
    serve([&](const Request&) {
        ++handled;
        return text_reply("ok");
    });
    for (const char* wrong : {
             "nonsense\r\n\r\n",
             "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
             "GET / HTTP/1.1\r\n\r\n",                          // no Host
             "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",    // two
             "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",            // bad coding
             "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n",          // NUL
             "GET /a%0d%0ab HTTP/1.1\r\nHost: a\r\n\r\n",       // line break
             "GET x HTTP/1.1\r\nHost: a\r\n\r\n",               // no '/'
             "GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", // no colon
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n"
             "\r\n0\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
             "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
         }) {
        const std::string reply = raw(wrong);
        EXPECT_TRUE(reply.starts_with("HTTP/1.1 400 ")) << wrong << "\n" << reply;
        EXPECT_EQ(error_code_in(reply), "invalid_argument") << wrong;
    }
    EXPECT_EQ(handled, 0);
    EXPECT_EQ(get("/")->body, "ok");
}

TEST_F(HttpTest, EveryPrefixOfARequestLeavesTheServerWell) {
    serve([](const Request&) { return text_reply("ok"); });
    const std::string whole = "POST /p?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const RawSocket socket(server_->port());
        socket.send(whole.substr(0, size));
    }
    EXPECT_EQ(get("/")->body, "ok");
}

TEST_F(HttpTest, SlowClientsAreTimedOut) {
    ServerOptions options;
    options.idle_timeout_ms = 200;
    serve([](const Request&) { return text_reply("ok"); }, options);
    // Silent from the start: closed without a word.
    const RawSocket silent(server_->port());
    EXPECT_EQ(silent.read(), "");
    // A header, or a body, that does not come to its end.
    for (const char* part :
         {"GET / HTT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"}) {
        const std::string reply = raw(part);
        EXPECT_TRUE(reply.starts_with("HTTP/1.1 408 ")) << reply;
        EXPECT_EQ(error_code_in(reply), "unavailable");
    }
    // A header in drops: each in time, the whole not.
    const RawSocket dripping(server_->port());
    for (const char c : std::string("GET / HTTP/1.1")) {
        dripping.send(std::string(1, c));
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
    EXPECT_TRUE(dripping.is_closed_by_peer() || dripping.read().starts_with("HTTP/1.1 408 "));
    EXPECT_EQ(get("/")->body, "ok");
}

TEST_F(HttpTest, TooManyConnectionsAreRefused) {
    ServerOptions options;
    options.connection_limit = 3;
    serve([](const Request&) { return text_reply("ok"); }, options);
    std::vector<std::unique_ptr<RawSocket>> held;
    for (int i = 0; i < 3; ++i) {
        held.push_back(std::make_unique<RawSocket>(server_->port()));
        held.back()->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(held.back()->read("ok").ends_with("ok"));
    }
    const RawSocket refused(server_->port());
    const std::string reply = refused.read();
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 503 ")) << reply;
    EXPECT_EQ(error_code_in(reply), "unavailable");
    held.clear();
    for (int i = 0; i < 100; ++i) {
        if (auto again = get("/"); again && again->status == 200) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(get("/")->status, 200);
}

TEST_F(HttpTest, AFullQueueIsA503AndStreamsDoNotHoldWorkers) {
    Gate gate, streams;
    ServerOptions options;
    options.worker_threads = 1;
    options.queue_limit = 1;
    options.stream_limit = 2;
    serve(
        [&](const Request& request) {
            if (request.path == "/gate") gate.pass();
            Response out = text_reply("ok");
            if (request.path == "/stream") {
                out.stream = [&](BodyStream& stream) {
                    stream.write("begun");
                    streams.pass();
                };
            }
            return out;
        },
        options);
    // Two open streams: the only worker is free all the same; a third has no room.
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] { EXPECT_EQ(get("/stream")->body, "begun"); });
        streams.wait_for(i + 1);
    }
    EXPECT_EQ(get("/")->body, "ok");
    EXPECT_EQ(get("/stream")->status, 503);
    // One handler runs, one waits, the third is told to come again.
    threads.emplace_back([&] { EXPECT_EQ(get("/gate")->body, "ok"); });
    gate.wait_for(1);
    const RawSocket queued(server_->port());
    queued.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    Result<ClientResponse> busy = get("/");
    for (int i = 0; i < 100 && busy && busy->status != 503; ++i) busy = get("/");
    ASSERT_TRUE(busy);
    EXPECT_EQ(busy->status, 503);
    EXPECT_EQ(error_code_in(busy->body), "unavailable");
    EXPECT_EQ(header_of(*busy, "retry-after"), "1");
    gate.release();
    streams.release();
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(queued.read("ok").ends_with("ok"));
    EXPECT_EQ(get("/stream")->body, "begun");
}

// Brief requests need no worker: they are answered while none is free, in the order they came in.
TEST_F(HttpTest, BriefRequestsAreAnsweredWhereTheyAreRead) {
    Gate gate;
    ServerOptions options;
    options.worker_threads = 1;
    options.queue_limit = 1;
    const auto handler = [&](const Request& request) {
        if (request.path == "/gate") gate.pass();
        if (request.path == "/throw") throw std::runtime_error("a secret");
        return text_reply(request.path);
    };
    auto started =
        start_server(options, handler, [](const Request& each) { return each.path != "/gate"; });
    ASSERT_TRUE(started) << started.error().to_string();
    server_ = std::move(*started);
    base_ = fmt::format("http://127.0.0.1:{}", server_->port());
    std::thread held([&] { EXPECT_EQ(get("/gate")->body, "/gate"); });
    gate.wait_for(1);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(get("/brief")->body, "/brief");
    EXPECT_EQ(get("/throw")->status, 500);
    const RawSocket both(server_->port());
    both.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answers = both.read("/b");
    EXPECT_LT(answers.find("/a"), answers.find("/b"));
    EXPECT_TRUE(answers.ends_with("/b"));
    gate.release();
    held.join();
}

// One that takes long loses the io thread: it holds up neither others nor itself, so many at once
// as there are workers; what it answered comes in its turn, streams and exceptions too.
TEST_F(HttpTest, LongRequestsTakenForBriefOnesHoldNobodyUp) {
    Gate gate;
    ServerOptions options;
    options.worker_threads = 3;
    const auto handler = [&](const Request& request) {
        if (request.path.starts_with("/long")) gate.pass();
        if (request.path == "/long/throw") throw std::runtime_error("a secret");
        if (request.path != "/long/stream") return text_reply(request.path);
        Response out;
        out.content_type = "text/plain";
        out.stream = [](BodyStream& body) { body.write("streamed"); };
        return out;
    };
    auto started = start_server(options, handler, [](const Request&) { return true; });
    ASSERT_TRUE(started) << started.error().to_string();
    server_ = std::move(*started);
    base_ = fmt::format("http://127.0.0.1:{}", server_->port());
    for (int round = 0; round < 3; ++round) {
        const std::string paths[] = {"/long/a", "/long/throw", "/long/stream"};
        std::vector<std::thread> held;
        for (const std::string& path : paths) {
            held.emplace_back([this, path] {
                const auto reply = get(path);
                ASSERT_TRUE(reply) << reply.error().to_string();
                if (path == "/long/throw") {
                    EXPECT_EQ(reply->status, 500);
                } else {
                    EXPECT_EQ(reply->body, path == "/long/stream" ? "streamed" : path);
                }
            });
        }
        gate.wait_for(3);
        for (int i = 0; i < 20; ++i) EXPECT_EQ(get("/brief")->body, "/brief");
        gate.release();
        for (std::thread& each : held) each.join();
        const std::scoped_lock guard(gate.mutex);
        gate.open = false;
        gate.waiting = 0;
    }
    // One that is under way when the server stops is answered.
    std::thread last([this] { EXPECT_EQ(get("/long/last")->body, "/long/last"); });
    gate.wait_for(1);
    std::thread stopping([this] { server_->stop(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    gate.release();
    last.join();
    stopping.join();
}

// Work in place of every length around the loop's patience, from many clients at once.
TEST_F(HttpTest, TheLoopChangesHandsUnderLoad) {
    ServerOptions options;
    options.worker_threads = 3;
    const auto handler = [](const Request& request) {
        const int us = std::atoi(request.path.c_str() + 1);
        if (us > 0) std::this_thread::sleep_for(std::chrono::microseconds(us));
        return text_reply(request.path);
    };
    auto started = start_server(options, handler, [](const Request&) { return true; });
    ASSERT_TRUE(started) << started.error().to_string();
    server_ = std::move(*started);
    std::vector<std::thread> clients;
    for (int c = 0; c < 8; ++c) {
        clients.emplace_back([this, c] {
            Client client;
            for (int i = 0; i < 60; ++i) {
                const int us = i % 6 == 0 ? 1500 + (i * 37 + c * 101) % 1500 : 0;
                const std::string path = fmt::format("/{}", us);
                const auto reply = client.send(
                    {.url = fmt::format("http://127.0.0.1:{}{}", server_->port(), path)});
                ASSERT_TRUE(reply) << reply.error().to_string();
                EXPECT_EQ(reply->body, path);
            }
        });
    }
    for (std::thread& each : clients) each.join();
}

TEST_F(HttpTest, ExceptionsBecome500) {
    serve([](const Request& request) -> Response {
        if (request.path == "/odd") throw 7;
        throw std::runtime_error("a secret of the server");
    });
    for (const char* path : {"/", "/odd"}) {
        auto reply = get(path);
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->status, 500);
        EXPECT_EQ(error_code_in(reply->body), "internal");
        EXPECT_EQ(reply->body.find("secret"), std::string::npos);
    }
}

TEST_F(HttpTest, HeadersThatWouldSplitTheReplyAreLeftOut) {
    serve([](const Request&) {
        Response out = text_reply("ok");
        out.headers = {{"x-a", "1\r\nx-forged: 2"}, {"x b", "3"}, {"x-good", "4"}};
        return out;
    });
    auto reply = get("/");
    EXPECT_EQ(header_of(*reply, "x-forged"), "");
    EXPECT_EQ(header_of(*reply, "x-a"), "");
    EXPECT_EQ(header_of(*reply, "x-good"), "4");
}

} // namespace
} // namespace ol::net
