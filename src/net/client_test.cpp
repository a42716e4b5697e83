#include <thread>

#include "net/http_for_tests.hpp"

namespace ol::net {
namespace {

// Accepts one connection, reads a request's header, and does as told.
class FakePeer {
public:
    explicit FakePeer(std::function<void(int)> act)
        : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
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

void say(int fd, std::string_view text) {
    (void)!::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

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
    EXPECT_EQ(
        client.send({.url = "http://127.0.0.1:1/", .headers = {{"a", "b\r\nc: d"}}}).error().code,
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
    for (const char* wrong :
         {"", "HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab",
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
        say(fd, "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nX-Y: z\r\n\r\nto "
                "the end");
    });
    auto reply = Client().send({.url = peer.url()});
    ASSERT_TRUE(reply) << reply.error().to_string();
    EXPECT_EQ(reply->body, "to the end");
    EXPECT_EQ(header_of(*reply, "x-y"), "z");
}

TEST(HttpClient, ReplyLimit) {
    for (const char* head :
         {"HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nbb8\r\n"}) {
        FakePeer peer([&](int fd) { say(fd, head + std::string(3000, 'x')); });
        auto reply = Client().send({.url = peer.url(), .reply_limit_bytes = 1000});
        ASSERT_FALSE(reply) << head;
        EXPECT_EQ(reply.error().code, ErrorCode::too_large) << head;
    }
}

} // namespace
} // namespace ol::net
