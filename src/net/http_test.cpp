#include "net/http.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "codec/json.hpp"

namespace ol::net {
namespace {

// A plain socket, to send what no client would.
class RawSocket {
public:
    explicit RawSocket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    }
    ~RawSocket() { close(); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    void send(std::string_view text) const {
        while (!text.empty()) {
            const auto put = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (put <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(put));
        }
    }
    // What comes until the text ends with `end`, or the peer closes, or nothing comes for a while.
    std::string read(std::string_view end = {}, int wait_ms = 3000) const {
        std::string out;
        for (;;) {
            if (!end.empty() && out.ends_with(end)) return out;
            pollfd waiting{fd_, POLLIN, 0};
            if (::poll(&waiting, 1, wait_ms) <= 0) return out;
            char bytes[4096];
            const auto got = ::recv(fd_, bytes, sizeof bytes, 0);
            if (got <= 0) return out;
            out.append(bytes, static_cast<std::size_t>(got));
        }
    }
    bool is_closed_by_peer(int wait_ms = 3000) const {
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, 1, wait_ms) <= 0) return false;
        char byte = 0;
        return ::recv(fd_, &byte, 1, MSG_PEEK) <= 0;
    }

private:
    int fd_;
};

Response text_reply(std::string body) {
    Response out;
    out.content_type = "text/plain";
    out.body = std::move(body);
    return out;
}

class HttpTest : public ::testing::Test {
protected:
    void serve(Handler handler, ServerOptions options = {}) {
        auto started = Server::start(options, std::move(handler));
        ASSERT_TRUE(started) << started.error().to_string();
        server_ = std::move(*started);
        base_ = fmt::format("http://127.0.0.1:{}", server_->port());
    }
    Result<ClientResponse> get(const std::string& target) {
        return client_.send({.url = base_ + target});
    }
    Result<ClientResponse> post(const std::string& target, std::string body) {
        return client_.send({.method = "POST", .url = base_ + target, .body = std::move(body)});
    }
    std::string raw(std::string_view bytes) const {
        const RawSocket socket(server_->port());
        socket.send(bytes);
        return socket.read();
    }

    Client client_; // destroyed after the server: it must not mind
    std::unique_ptr<Server> server_;
    std::string base_;
};

std::string_view header_of(const ClientResponse& response, std::string_view name) {
    for (const auto& [each, value] : response.headers) {
        if (each == name) return value;
    }
    return {};
}

std::string error_code_in(const std::string& body) {
    const std::size_t at = body.find("\r\n\r\n");
    auto json = codec::Json::parse(at == std::string::npos ? body : body.substr(at + 4));
    return json ? (*json)["error"]["code"].as_string().value_or("?") : "not JSON: " + body;
}

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
            for (int seen = peak; now > seen && !peak.compare_exchange_weak(seen, now);) {}
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
                if (reply && reply->body == path + std::string(static_cast<std::size_t>(i) * 997, 'b')) ++good;
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

TEST_F(HttpTest, WhatIsNoRequestIsA400InTheErrorShape) {
    std::atomic<int> handled{0};
    serve([&](const Request&) {
        ++handled;
        return text_reply("ok");
    });
    for (const char* wrong : {
             "nonsense\r\n\r\n",
             "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
             "GET / HTTP/1.1\r\n\r\n",                              // no Host
             "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",        // two
             "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",                // bad coding
             "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n",              // NUL
             "GET /a%0d%0ab HTTP/1.1\r\nHost: a\r\n\r\n",           // line break
             "GET x HTTP/1.1\r\nHost: a\r\n\r\n",                   // no '/'
             "GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",     // no colon
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
    const std::string whole =
        "POST /p?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
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
    for (const char* part : {"GET / HTT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"}) {
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

// A gate that handlers wait at.
struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    int waiting = 0;
    bool open = false;
    void pass() {
        std::unique_lock lock(mutex);
        ++waiting;
        changed.notify_all();
        changed.wait(lock, [&] { return open; });
    }
    void wait_for(int count) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return waiting >= count; });
    }
    void release() {
        const std::lock_guard lock(mutex);
        open = true;
        changed.notify_all();
    }
};

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
    EXPECT_EQ(seen, sse_event("step", "1", "0") + sse_event("step", std::string(300'000, '2'), "1"));
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
                while (stream.write(std::string(1000, 'x'))) {}
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
    EXPECT_TRUE(client_.send({.url = base_ + "/writes",
                              .on_data = [](std::string_view) { return false; }}));
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

// ---- the client against peers that misbehave

// Accepts one connection, reads a request's header, and does as told.
class FakePeer {
public:
    explicit FakePeer(std::function<void(int)> act) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
        EXPECT_EQ(::listen(listener_, 4), 0);
        socklen_t size = sizeof at;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
        port = ntohs(at.sin_port);
        thread_ = std::thread([this, act = std::move(act)] {
            const int fd = ::accept(listener_, nullptr, nullptr);
            char bytes[4096];
            (void)!::recv(fd, bytes, sizeof bytes, 0);
            act(fd);
            ::close(fd);
        });
    }
    ~FakePeer() {
        thread_.join();
        ::close(listener_);
    }
    std::string url() const { return fmt::format("http://127.0.0.1:{}/", port); }
    std::uint16_t port = 0;

private:
    int listener_;
    std::thread thread_;
};

void say(int fd, std::string_view text) { (void)!::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }

TEST(HttpClient, UnreachablePeerIsNamed) {
    std::uint16_t port = 0;
    {
        auto server = Server::start({}, [](const Request&) { return Response{}; });
        port = (*server)->port();
    }
    Client client;
    auto reply = client.send({.url = fmt::format("http://127.0.0.1:{}/x", port)});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
    EXPECT_NE(reply.error().context.find(fmt::format("127.0.0.1:{}", port)), std::string::npos);
    EXPECT_NE(reply.error().context.find("refused"), std::string::npos);
    EXPECT_EQ(client.send({.url = "http://no.such.host.invalid/"}).error().code,
              ErrorCode::unavailable);
}

TEST(HttpClient, UrlsThatCannotBe) {
    Client client;
    EXPECT_EQ(client.send({.url = "https://127.0.0.1/"}).error().code, ErrorCode::unsupported);
    for (const char* url : {"", "ftp://x/", "http://", "http://:80/", "http://a:b/", "http://a:0/",
                            "http://a:70000/", "http://a:80x/", "http://[::1/", "http://u@a/",
                            "http://a/b c", "http://a/\r\nx: y", "http://[::1]x/"}) {
        EXPECT_EQ(client.send({.url = url}).error().code, ErrorCode::invalid_argument) << url;
    }
    EXPECT_EQ(client.send({.url = "http://127.0.0.1:1/", .headers = {{"a", "b\r\nc: d"}}})
                  .error()
                  .code,
              ErrorCode::invalid_argument);
}

TEST(HttpClient, SilentPeerTimesOut) {
    Gate gate;
    FakePeer peer([&](int) { gate.pass(); });
    Client client;
    auto reply = client.send({.url = peer.url(), .timeout_ms = 100});
    gate.release();
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
    EXPECT_NE(reply.error().context.find("100 ms"), std::string::npos);
    EXPECT_NE(reply.error().context.find(std::to_string(peer.port)), std::string::npos);
}

TEST(HttpClient, RepliesThatAreCutShortOrNoHttpAreErrors) {
    for (const char* wrong : {"", "HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab",
                              "SSH-2.0-OpenSSH\r\n\r\n",
                              "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n",
                              "HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nabcde"}) {
        FakePeer peer([&](int fd) { say(fd, wrong); });
        auto reply = Client().send({.method = "POST", .url = peer.url()});
        ASSERT_FALSE(reply) << wrong;
        EXPECT_EQ(reply.error().code, ErrorCode::unavailable) << wrong;
    }
}

TEST(HttpClient, BodyUntilCloseAndInterimReplies) {
    FakePeer peer([](int fd) {
        say(fd, "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nX-Y: z\r\n\r\nto the end");
    });
    auto reply = Client().send({.url = peer.url()});
    ASSERT_TRUE(reply) << reply.error().to_string();
    EXPECT_EQ(reply->body, "to the end");
    EXPECT_EQ(header_of(*reply, "x-y"), "z");
}

TEST(HttpClient, ReplyLimit) {
    for (const char* head : {"HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n",
                             "HTTP/1.1 200 OK\r\n\r\n",
                             "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nbb8\r\n"}) {
        FakePeer peer([&](int fd) { say(fd, head + std::string(3000, 'x')); });
        auto reply = Client().send({.url = peer.url(), .reply_limit_bytes = 1000});
        ASSERT_FALSE(reply) << head;
        EXPECT_EQ(reply.error().code, ErrorCode::too_large) << head;
    }
}

} // namespace
} // namespace ol::net
