// WebSocket (RFC 6455) on the HTTP server's port: connections that an upgrade request turns into
// messages both ways. Beast stays in the .cpp file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.hpp"

namespace ol::net {

struct Request;
struct Response;

// One connection. Thread-safe. Not to be used after the server it belongs to is destroyed.
class WebSocket {
public:
    virtual ~WebSocket() = default;
    // Queues a text message and returns at once. False when the connection has ended, or ends now
    // because the client reads too slowly (WebSocketOptions::queue_limit_bytes).
    virtual bool send(std::string text) = 0;
    virtual bool alive() const = 0;
    // Says goodbye (status 1000) and closes; what is queued is sent before.
    virtual void end() = 0;
    virtual const std::string& remote() const = 0; // "127.0.0.1:50312"
};
using WebSocketPtr = std::shared_ptr<WebSocket>;

struct WebSocketOptions {
    std::uint64_t message_limit_bytes = limits::websocket_message_bytes; // then closed with 1009
    // What waits to be sent to one client, besides the message that is added: then cut off.
    std::uint64_t queue_limit_bytes = limits::websocket_queue_bytes;
    // Messages of one connection that are handled at once; the rest waits in the client.
    unsigned messages_in_flight = 16;
    // Without a sign of life; the server pings after half of it.
    std::int64_t idle_timeout_ms = 60'000;
};

struct WebSocketHandler {
    // The reply that refuses an upgrade, or nothing. On the server's own thread: quick, no waiting.
    std::function<std::optional<Response>(const Request&)> refuse;
    // On a worker thread; may block. Messages of one connection may be handled at the same time.
    std::function<void(const WebSocketPtr&, std::string message)> on_message;
    // Once for a connection, after its last on_message has returned. Quick.
    std::function<void(const WebSocketPtr&)> on_close;
    WebSocketOptions options = {};
};

} // namespace ol::net
