#include <atomic>
#include <thread>

#include "base/clock.hpp"
#include "net/http_for_tests.hpp"

namespace ol::net {
namespace {

// ---- streaming

TEST_F(HttpTest, StreamArrivesPieceByPieceAndTheConnectionGoesOn) {
    Gate gate;
    serve([&](const Request& request) {
        Response out;
        out.content_type = "text/event-stream";
        if (request.path == "/plain") return text_reply("plain");
        out.stream = [&](BodyStream& stream) {
            EXPECT_TRUE(stream.write(sse_event("step", "1", "0")));
            EXPECT_TRUE(stream.write(""));
            gate.pass(); // until the client has seen the first event
            EXPECT_TRUE(stream.write(sse_event("step", std::string(300'000, '2'), "1")));
            EXPECT_TRUE(stream.alive());
        };
        return out;
    });
    std::string seen;
    auto reply = client_.send({.url = base_ + "/events", .on_data = [&](std::string_view data) {
                                   seen += data;
                                   if (seen == sse_event("step", "1", "0")) gate.release();
                                   return true;
                               }});
    ASSERT_TRUE(reply) << reply.error().to_string();
    EXPECT_EQ(header_of(*reply, "content-type"), "text/event-stream");
    EXPECT_EQ(seen,
              sse_event("step", "1", "0") + sse_event("step", std::string(300'000, '2'), "1"));
    EXPECT_EQ(reply->body, "");
    EXPECT_EQ(get("/plain")->body, "plain");
}

TEST_F(HttpTest, StreamToHttp10IsPlainAndEndsWithTheConnection) {
    serve([](const Request&) {
        Response out;
        out.stream = [](BodyStream& stream) { stream.write("ab") && stream.write("cd"); };
        return out;
    });
    EXPECT_TRUE(raw("GET / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\nabcd"));
}

TEST_F(HttpTest, DepartedClientEndsTheStream) {
    std::atomic<int> ended{0};
    Gate begun;
    begun.open = true;
    serve([&](const Request& request) {
        Response out;
        out.stream = [&, writes = request.path == "/writes"](BodyStream& stream) {
            stream.write("first");
            begun.pass();
            if (writes) {
                while (stream.write(std::string(1000, 'x'))) {
                }
            } else { // nothing to write: it shows all the same
                while (stream.alive()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
                EXPECT_FALSE(stream.write("more"));
            }
            ++ended;
        };
        return out;
    });
    int count = 0;
    for (const char* path : {"/writes", "/waits"}) {
        {
            const RawSocket socket(server_->port());
            socket.send(fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", path));
            begun.wait_for(++count);
        }
        for (int i = 0; i < 1000 && ended < count; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        EXPECT_EQ(ended, count) << path;
    }
    // The client's side of the same: on_data says stop.
    EXPECT_TRUE(client_.send(
        {.url = base_ + "/writes", .on_data = [](std::string_view) { return false; }}));
    for (int i = 0; i < 1000 && ended < 3; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(ended, 3);
}

TEST_F(HttpTest, AStalledReaderHoldsTheWriterBackAndIsThenCutOff) {
    ServerOptions options;
    options.idle_timeout_ms = 300;
    std::atomic<std::size_t> written{0};
    std::atomic<bool> ended{false};
    serve(
        [&](const Request&) {
            Response out;
            out.stream = [&](BodyStream& stream) {
                const std::string chunk(1 << 20, 'x');
                while (stream.write(chunk)) written += chunk.size();
                ended = true;
            };
            return out;
        },
        options);
    const RawSocket socket(server_->port());
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); // and never reads
    for (int i = 0; i < 1000 && !ended; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(ended);
    EXPECT_LT(written, 64U << 20); // what the system's buffers hold, not what memory does
}

// A large answer waits for its reader no longer than the idle timeout, and nobody else waits.
TEST_F(HttpTest, ALargeAnswerThatNobodyReadsIsGivenUp) {
    constexpr std::size_t size = 64 << 20;
    ServerOptions options;
    options.idle_timeout_ms = 200;
    options.worker_threads = 1;
    serve(
        [](const Request& request) {
            return text_reply(request.path == "/large" ? std::string(size, 'x') : "ok");
        },
        options);
    EXPECT_EQ(get("/large")->body.size(), size);
    const RawSocket stalled(server_->port());
    stalled.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(get("/")->body, "ok");
        std::this_thread::sleep_for(std::chrono::milliseconds(60));
    }
    EXPECT_LT(stalled.read().size(), size);
}

TEST_F(HttpTest, AStreamThatFailsIsSeenToBeCutShort) {
    serve([](const Request&) {
        Response out;
        out.stream = [](BodyStream& stream) {
            stream.write("half");
            throw std::runtime_error("no more");
        };
        return out;
    });
    auto reply = get("/");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
}

// ---- life and death of the server

TEST_F(HttpTest, StopEndsIdleConnectionsAndStreamsAndLetsHandlersFinish) {
    Gate gate;
    std::atomic<bool> stream_ended{false}, stream_begun{false};
    serve([&](const Request& request) {
        if (request.path == "/gate") gate.pass();
        Response out = text_reply("finished");
        if (request.path == "/stream") {
            out.stream = [&](BodyStream& stream) {
                stream_begun = true;
                while (stream.write("tick")) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(5));
                }
                stream_ended = true;
            };
        }
        return out;
    });
    EXPECT_EQ(get("/")->body, "finished"); // stays open in the client's pool
    const RawSocket idle(server_->port());
    std::thread streaming([&] {
        (void)Client().send({.url = base_ + "/stream", .on_data = [](auto) { return true; }});
    });
    std::thread waiting([&] {
        auto reply = Client().send({.url = base_ + "/gate"});
        EXPECT_TRUE(reply && reply->body == "finished");
    });
    gate.wait_for(1);
    while (!stream_begun) std::this_thread::yield();
    const Stopwatch clock;
    std::thread opener([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        gate.release();
    });
    server_->stop();
    EXPECT_TRUE(stream_ended);
    EXPECT_LT(clock.seconds(), 30.0); // ends by itself, not by the 60 s of the idle timeout
    EXPECT_TRUE(idle.is_closed_by_peer());
    for (auto* thread : {&streaming, &waiting, &opener}) thread->join();
    server_->stop(); // again is nothing
    EXPECT_FALSE(get("/"));
    server_.reset();
}

TEST_F(HttpTest, StartingAndStoppingManyTimes) {
    for (int i = 0; i < 30; ++i) {
        serve([](const Request&) { return text_reply("ok"); });
        if (i % 2 == 0) {
            EXPECT_EQ(get("/")->body, "ok");
        }
        server_.reset();
    }
}

TEST_F(HttpTest, ATakenPortIsNamedWithARemedy) {
    serve([](const Request&) { return text_reply("ok"); });
    ServerOptions options;
    options.port = server_->port();
    auto second = Server::start(options, [](const Request&) { return Response{}; });
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
    EXPECT_NE(second.error().context.find(fmt::format("127.0.0.1:{}", server_->port())),
              std::string::npos);
    EXPECT_NE(second.error().context.find("another port"), std::string::npos);
    options.host = "no.such.host.invalid";
    EXPECT_EQ(Server::start(options, [](const Request&) { return Response{}; }).error().code,
              ErrorCode::invalid_argument);
    // A port is free again as soon as its server has stopped.
    EXPECT_EQ(get("/")->body, "ok");
    options.host = "127.0.0.1";
    server_.reset();
    auto third = Server::start(options, [](const Request&) { return Response{}; });
    EXPECT_TRUE(third) << third.error().to_string();
}

} // namespace
} // namespace ol::net
