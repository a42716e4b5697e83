#include <atomic>
#include <thread>

#include "net/http_for_tests.hpp"

namespace ol::net {
namespace {

constexpr std::uint8_t text_frame = 0x1, close_frame = 0x8, ping_frame = 0x9, pong_frame = 0xA;

struct Frame {
    std::uint8_t kind = 0xff; // 0xff: the connection ended
    std::string payload;
    int close_code() const {
        if (kind != close_frame || payload.size() < 2) return 0;
        return static_cast<std::uint8_t>(payload[0]) << 8 | static_cast<std::uint8_t>(payload[1]);
    }
};

// A client by hand: what it sends is under the test's control to the byte.
class RawWebSocket {
public:
    explicit RawWebSocket(std::uint16_t port, const std::string& more_headers = {})
        : socket_(port) {
        socket_.send("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Version: 13\r\n" +
                     more_headers + "\r\n");
        while (!answer_.ends_with("\r\n\r\n")) {
            const std::string byte = take(1);
            if (byte.empty()) break;
            answer_ += byte;
        }
    }
    const std::string& answer() const { return answer_; }
    bool is_open() const { return answer_.starts_with("HTTP/1.1 101 "); }

    static std::string frame(std::uint8_t first_byte, std::string_view payload,
                             bool masked = true) {
        std::string out(1, static_cast<char>(first_byte));
        const std::uint8_t mask_bit = masked ? 0x80 : 0;
        if (payload.size() < 126) {
            out += static_cast<char>(mask_bit | payload.size());
        } else if (payload.size() < 65536) {
            out += static_cast<char>(mask_bit | 126);
            out += static_cast<char>(payload.size() >> 8);
            out += static_cast<char>(payload.size());
        } else {
            out += static_cast<char>(mask_bit | 127);
            for (int i = 7; i >= 0; --i) out += static_cast<char>(payload.size() >> (8 * i));
        }
        if (!masked) return out.append(payload);
        static constexpr char mask[] = {0x11, 0x22, 0x33, 0x44};
        out.append(mask, 4);
        for (std::size_t i = 0; i < payload.size(); ++i) {
            out += static_cast<char>(payload[i] ^ mask[i % 4]);
        }
        return out;
    }
    void send_raw(std::string_view bytes) { socket_.send(bytes); }
    void send(std::string_view text) { send_raw(frame(0x80 | text_frame, text)); }

    // The next frame, fragments joined.
    Frame read() {
        Frame out;
        for (;;) {
            const std::string head = take(2);
            if (head.size() < 2) return {};
            const bool last = (head[0] & 0x80) != 0;
            const auto kind = static_cast<std::uint8_t>(head[0] & 0x0f);
            if (kind != 0) out.kind = kind;
            std::uint64_t size = static_cast<std::uint8_t>(head[1]) & 0x7f;
            const std::size_t wide = size == 126 ? 2 : size == 127 ? 8 : 0;
            if (wide != 0) {
                size = 0;
                for (const char c : take(wide)) size = size << 8 | static_cast<std::uint8_t>(c);
            }
            out.payload += take(size);
            if (last) return out;
        }
    }
    RawSocket& socket() { return socket_; }

private:
    std::string take(std::size_t count) {
        while (got_.size() < count) {
            const std::string more = socket_.read_some();
            if (more.empty()) break;
            got_ += more;
        }
        const std::string out = got_.substr(0, count);
        got_.erase(0, out.size());
        return out;
    }

    RawSocket socket_;
    std::string answer_, got_;
};

class WebSocketTest : public HttpTest {
protected:
    void serve_echo(WebSocketOptions options = {}, ServerOptions server = {}) {
        handler_.on_message = [this](const WebSocketPtr& socket, std::string message) {
            ++messages_;
            socket->send(std::move(message));
        };
        serve_sockets(options, server);
    }
    void serve_sockets(WebSocketOptions options = {}, ServerOptions server = {}) {
        handler_.options = options;
        handler_.on_close = [this](const WebSocketPtr&) { ++closed_; };
        server.websocket = std::make_shared<const WebSocketHandler>(handler_);
        serve([](const Request& request) { return text_reply(request.path); }, server);
    }
    bool all_closed(int count) {
        for (int i = 0; i < 300 && closed_ < count; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return closed_ == count;
    }

    WebSocketHandler handler_;
    std::atomic<int> messages_{0}, closed_{0};
};

TEST_F(WebSocketTest, EchoesMessagesBesideHttpOnOnePort) {
    serve_echo();
    RawWebSocket socket(server_->port());
    ASSERT_TRUE(socket.is_open()) << socket.answer();
    // The example of RFC 6455, section 1.3.
    EXPECT_NE(socket.answer().find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos);
    for (const std::size_t size : {0U, 1U, 125U, 126U, 65535U, 65536U, 300000U}) {
        const std::string text(size, 'x');
        socket.send(text);
        const Frame frame = socket.read();
        EXPECT_EQ(frame.kind, text_frame);
        EXPECT_EQ(frame.payload.size(), size);
    }
    EXPECT_EQ(get("/plain")->body, "/plain");
    socket.send_raw(RawWebSocket::frame(0x80 | ping_frame, "hi"));
    const Frame pong = socket.read();
    EXPECT_EQ(pong.kind, pong_frame);
    EXPECT_EQ(pong.payload, "hi");
    socket.send_raw(RawWebSocket::frame(0x80 | close_frame, std::string("\x03\xe8", 2)));
    EXPECT_EQ(socket.read().close_code(), 1000);
    EXPECT_TRUE(socket.socket().is_closed_by_peer());
    socket.socket().close();
    EXPECT_TRUE(all_closed(1));
}

TEST_F(WebSocketTest, FragmentsAreOneMessage) {
    serve_echo();
    RawWebSocket socket(server_->port());
    socket.send_raw(RawWebSocket::frame(text_frame, "one "));
    socket.send_raw(RawWebSocket::frame(0x80 | ping_frame, "")); // between fragments is allowed
    socket.send_raw(RawWebSocket::frame(0x00, "two "));
    socket.send_raw(RawWebSocket::frame(0x80, "three"));
    EXPECT_EQ(socket.read().kind, pong_frame);
    EXPECT_EQ(socket.read().payload, "one two three");
}

TEST_F(WebSocketTest, BrokenFramesEndTheConnection) {
    serve_echo();
    const std::pair<std::string, int> cases[] = {
        {RawWebSocket::frame(0x80 | text_frame, "unmasked", false), 1002},
        {RawWebSocket::frame(0x80 | 0x3, "reserved"), 1002},
        {RawWebSocket::frame(0x80, "a continuation of nothing"), 1002},
        {RawWebSocket::frame(0xC0 | text_frame, "reserved bit"), 1002},
        {RawWebSocket::frame(0x80 | text_frame, "\xff\xfe"), 1007},
        {RawWebSocket::frame(0x80 | ping_frame, std::string(126, 'p')), 1002},
    };
    int count = 0;
    for (const auto& [bytes, code] : cases) {
        RawWebSocket socket(server_->port());
        ASSERT_TRUE(socket.is_open());
        socket.send_raw(bytes);
        EXPECT_EQ(socket.read().close_code(), code) << bytes;
        socket.socket().close();
        EXPECT_TRUE(all_closed(++count));
    }
    EXPECT_EQ(messages_, 0);
}

TEST_F(WebSocketTest, TooLargeMessagesAreRefusedWithTheirOwnCode) {
    serve_echo({.message_limit_bytes = 1000});
    RawWebSocket socket(server_->port());
    socket.send(std::string(1000, 'a'));
    EXPECT_EQ(socket.read().payload.size(), 1000U);
    socket.send(std::string(1001, 'a'));
    EXPECT_EQ(socket.read().close_code(), 1009);
    RawWebSocket split(server_->port());
    split.send_raw(RawWebSocket::frame(text_frame, std::string(600, 'a')));
    split.send_raw(RawWebSocket::frame(0x80, std::string(600, 'a')));
    EXPECT_EQ(split.read().close_code(), 1009);
}

TEST_F(WebSocketTest, WhatAllClientsSendTogetherIsBounded) {
    ServerOptions server;
    server.bodies_limit_bytes = 100'000;
    serve_echo({}, server);
    RawWebSocket first(server_->port()), second(server_->port());
    const std::string begun = RawWebSocket::frame(text_frame, std::string(60'000, 'a'));
    first.send_raw(begun); // and not its end
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    second.send_raw(begun);
    EXPECT_EQ(second.read().close_code(), 1013);
    first.send_raw(RawWebSocket::frame(0x80, "end"));
    EXPECT_EQ(first.read().payload.size(), 60'003U);
    for (int i = 0; i < 5; ++i) { // what is done counts no more
        first.send(std::string(60'000, 'b'));
        EXPECT_EQ(first.read().payload.size(), 60'000U);
    }
}

TEST_F(WebSocketTest, AnUpgradeCanBeRefused) {
    handler_.refuse = [](const Request& request) -> std::optional<Response> {
        if (request.header("origin") == "http://good") return {};
        return error_reply(403, "permission_denied", "not from there");
    };
    serve_echo();
    const RawWebSocket bad(server_->port(), "Origin: http://evil\r\n");
    EXPECT_TRUE(bad.answer().starts_with("HTTP/1.1 403 ")) << bad.answer();
    const RawWebSocket good(server_->port(), "Origin: http://good\r\n");
    EXPECT_TRUE(good.is_open());
}

TEST_F(WebSocketTest, BadHandshakesAreRefused) {
    serve_echo();
    EXPECT_TRUE(raw("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                    "\r\nearly bytes")
                    .starts_with("HTTP/1.1 400 "));
    const std::string wrong_version =
        raw("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 7\r\n\r\n");
    EXPECT_TRUE(wrong_version.starts_with("HTTP/1.1 4")) << wrong_version;
}

TEST_F(WebSocketTest, WithoutAHandlerAnUpgradeIsARequest) {
    serve([](const Request& request) { return text_reply(request.path); });
    const RawWebSocket socket(server_->port());
    EXPECT_TRUE(socket.answer().starts_with("HTTP/1.1 200 "));
}

TEST_F(WebSocketTest, ASlowReaderIsCutOffAndMemoryStaysBounded) {
    std::atomic<int> sent{0};
    std::atomic<bool> refused{false};
    handler_.on_message = [&](const WebSocketPtr& socket, std::string) {
        for (int i = 0; i < 10'000; ++i) {
            if (!socket->send(std::string(100'000, 'd'))) {
                refused = true;
                EXPECT_FALSE(socket->alive());
                EXPECT_FALSE(socket->send("after the end"));
                return;
            }
            ++sent;
        }
    };
    serve_sockets({.queue_limit_bytes = 1 << 20});
    RawWebSocket socket(server_->port());
    socket.send("go"); // and never read
    EXPECT_TRUE(all_closed(1));
    EXPECT_TRUE(refused);
    EXPECT_LT(sent, 1000); // the queue and the system's buffers, far from all of it
}

TEST_F(WebSocketTest, MessagesOfOneConnectionAreHandledTogetherUpToALimit) {
    Gate gate;
    handler_.on_message = [&](const WebSocketPtr& socket, std::string message) {
        gate.pass();
        socket->send(std::move(message));
    };
    ServerOptions server;
    server.worker_threads = 6;
    serve_sockets({.messages_in_flight = 3}, server);
    RawWebSocket socket(server_->port());
    for (int i = 0; i < 6; ++i) socket.send("m");
    gate.wait_for(3);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    {
        const std::lock_guard lock(gate.mutex);
        EXPECT_EQ(gate.waiting, 3);
    }
    gate.release();
    for (int i = 0; i < 6; ++i) EXPECT_EQ(socket.read().payload, "m");
}

TEST_F(WebSocketTest, MessagesWaitWhereAllWorkersAreBusy) {
    Gate gate;
    handler_.on_message = [&](const WebSocketPtr& socket, std::string message) {
        gate.pass();
        socket->send(std::move(message));
    };
    ServerOptions server;
    server.worker_threads = 1;
    server.queue_limit = 1;
    serve_sockets({}, server);
    RawWebSocket socket(server_->port());
    for (int i = 0; i < 8; ++i) socket.send(std::to_string(i));
    gate.wait_for(1);
    gate.release();
    for (int i = 0; i < 8; ++i) EXPECT_EQ(socket.read().payload, std::to_string(i));
}

TEST_F(WebSocketTest, SilentClientsArePingedAndThenDropped) {
    serve_echo({.idle_timeout_ms = 200});
    RawWebSocket socket(server_->port());
    EXPECT_EQ(socket.read().kind, ping_frame); // and no pong comes back
    EXPECT_TRUE(all_closed(1));
}

TEST_F(WebSocketTest, TheServersEndSendsWhatIsQueuedFirst) {
    handler_.on_message = [](const WebSocketPtr& socket, std::string) {
        socket->send("last words");
        socket->end();
    };
    serve_sockets();
    RawWebSocket socket(server_->port());
    socket.send("bye");
    EXPECT_EQ(socket.read().payload, "last words");
    EXPECT_EQ(socket.read().close_code(), 1000);
    socket.send_raw(RawWebSocket::frame(0x80 | close_frame, std::string("\x03\xe8", 2)));
    EXPECT_TRUE(socket.socket().is_closed_by_peer());
    socket.socket().close();
    EXPECT_TRUE(all_closed(1));
}

TEST_F(WebSocketTest, StopEndsOpenConnectionsAndReportsThem) {
    serve_echo();
    std::vector<std::unique_ptr<RawWebSocket>> sockets;
    for (int i = 0; i < 20; ++i) {
        sockets.push_back(std::make_unique<RawWebSocket>(server_->port()));
        ASSERT_TRUE(sockets.back()->is_open());
    }
    server_->stop();
    EXPECT_EQ(closed_, 20);
    EXPECT_EQ(sockets[0]->read().close_code(), 1001);
}

TEST_F(WebSocketTest, StopWhileMessagesAreHandledAndQueued) {
    std::atomic<int> handled{0};
    handler_.on_message = [&](const WebSocketPtr& socket, std::string message) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        ++handled;
        socket->send(std::move(message));
    };
    ServerOptions server;
    server.worker_threads = 2;
    serve_sockets({}, server);
    std::vector<std::unique_ptr<RawWebSocket>> sockets;
    for (int i = 0; i < 8; ++i) {
        sockets.push_back(std::make_unique<RawWebSocket>(server_->port()));
        for (int k = 0; k < 20; ++k) sockets.back()->send("x");
    }
    while (handled == 0) std::this_thread::yield();
    server_->stop();
    EXPECT_EQ(closed_, 8);
}

TEST_F(WebSocketTest, ConnectionsCountTowardsTheServersLimit) {
    ServerOptions server;
    server.connection_limit = 2;
    serve_echo({}, server);
    RawWebSocket first(server_->port());
    auto second = std::make_unique<RawWebSocket>(server_->port());
    EXPECT_TRUE(second->is_open());
    const RawWebSocket third(server_->port());
    EXPECT_TRUE(third.answer().starts_with("HTTP/1.1 503 ")) << third.answer();
    second.reset();
    EXPECT_TRUE(all_closed(1));
    const RawWebSocket again(server_->port());
    EXPECT_TRUE(again.is_open());
}

} // namespace
} // namespace ol::net
