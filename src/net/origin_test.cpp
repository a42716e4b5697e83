#include <gtest/gtest.h>

#include "net/origin.hpp"

namespace ol::net {
namespace {

Request with(const std::string& name, const std::string& value) {
    Request out;
    out.headers.emplace_back(name, value);
    return out;
}

TEST(Origin, LoopbackNames) {
    for (const char* name : {"localhost", "a.localhost", "127.0.0.1", "127.1.2.3", "[::1]"}) {
        EXPECT_TRUE(is_loopback_name(name)) << name;
    }
    for (const char* name : {"", "localhost.example.org", "127.example.org", "128.0.0.1", "127.0.0",
                             "evil-localhost", "::1"}) {
        EXPECT_FALSE(is_loopback_name(name)) << name;
    }
    EXPECT_EQ(without_port("[::1]:8545"), "[::1]");
    EXPECT_EQ(without_port("[::1]"), "[::1]");
    EXPECT_EQ(without_port("localhost:1"), "localhost");
    EXPECT_EQ(without_port("localhost"), "localhost");
}

TEST(Origin, HostsAreThisMachinesOrNamed) {
    EXPECT_TRUE(check_host(with("host", "LOCALHOST:8545"), {}));
    EXPECT_FALSE(check_host(with("host", "evil.example:8545"), {}));
    EXPECT_FALSE(check_host(Request{}, {}));
    EXPECT_TRUE(check_host(with("host", "Node.Example:8545"), {.hosts = {"node.example"}}));
    EXPECT_TRUE(check_host(with("host", "anything"), {.hosts = {"*"}}));
}

TEST(Origin, PagesOfThisMachineAndWalletsMayCall) {
    EXPECT_TRUE(check_origin(Request{}, {})); // no browser
    for (const char* origin : {"http://localhost:5173", "https://127.0.0.1", "http://[::1]:80",
                               "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn"}) {
        EXPECT_TRUE(check_origin(with("origin", origin), {})) << origin;
    }
    for (const char* origin : {"https://example.org", "null", "http://localhost.example.org",
                               "file://", "http://evil#.localhost", "ftp://localhost"}) {
        EXPECT_FALSE(check_origin(with("origin", origin), {})) << origin;
    }
    const AccessPolicy one{.hosts = {}, .origins = {"https://app.example.org"}};
    EXPECT_TRUE(check_origin(with("origin", "https://app.example.org"), one));
    EXPECT_FALSE(check_origin(with("origin", "https://example.org"), one));
    EXPECT_TRUE(check_origin(with("origin", "null"), {.hosts = {}, .origins = {"*"}}));
}

TEST(Origin, PreflightNamesThatOriginAlone) {
    Request request = with("origin", "http://localhost:5173");
    request.headers.emplace_back("access-control-request-private-network", "true");
    const Response reply = preflight_reply(request);
    EXPECT_EQ(reply.status, 204);
    const auto has = [&](std::string_view name, std::string_view value) {
        for (const auto& [each, held] : reply.headers) {
            if (each == name) return held == value;
        }
        return false;
    };
    EXPECT_TRUE(has("access-control-allow-origin", "http://localhost:5173"));
    EXPECT_TRUE(has("access-control-allow-private-network", "true"));
    Response plain;
    add_cors_headers(Request{}, plain);
    EXPECT_TRUE(plain.headers.empty());
}

} // namespace
} // namespace ol::net
