// What the tests of src/net share: raw sockets, a served handler with a client, a gate.
#pragma once

#include <condition_variable>
#include <mutex>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "codec/json.hpp"
#include "net/http.hpp"

namespace ol::net {

// A plain socket, to send what no client would.
class RawSocket {
public:
    explicit RawSocket(std::uint16_t port)
        : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
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
    // What is there, or what comes first; empty at the end or after the wait.
    std::string read_some(int wait_ms = 3000) const {
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, 1, wait_ms) <= 0) return {};
        char bytes[16384];
        const auto got = ::recv(fd_, bytes, sizeof bytes, 0);
        return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : std::string();
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

inline Response text_reply(std::string body) {
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

inline std::string_view header_of(const ClientResponse& response, std::string_view name) {
    for (const auto& [each, value] : response.headers) {
        if (each == name) return value;
    }
    return {};
}

inline std::string error_code_in(const std::string& body) {
    const std::size_t at = body.find("\r\n\r\n");
    auto json = codec::Json::parse(at == std::string::npos ? body : body.substr(at + 4));
    return json ? (*json)["error"]["code"].as_string().value_or("?") : "not JSON: " + body;
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

} // namespace ol::net
