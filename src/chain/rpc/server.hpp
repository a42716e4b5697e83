// Server: a dispatcher behind HTTP POST and WebSocket on one port. Names and pages of this machine
// may call; others where they are allowed (DNS rebinding, cross-site requests).
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "chain/rpc/dispatcher.hpp"
#include "net/http.hpp"
#include "net/origin.hpp"

namespace ol::chain::rpc {

struct ServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0; // 0: any free port
    bool websocket = true;
    unsigned threads = 0; // that run methods; 0: twice the cores, 4 at least
    std::uint64_t connections = limits::http_connections;
    net::AccessPolicy access;
    // With one, each request and upgrade needs a token (the Engine API).
    std::optional<Hash32> jwt_secret;
    const Clock* clock = nullptr; // of tokens; null: the system's
    // A WebSocket connection has ended.
    std::function<void(const net::WebSocketPtr&)> on_close;
};

// Whether a call takes some hundred microseconds as a rule, and so is answered where it is read
// (net/brief.hpp says what becomes of one that takes longer). Looks for the method without reading
// the JSON; what could deceive it - the name's key twice or written with escapes, a batch - is not
// brief.
bool is_brief(const net::Request& request);

class Server {
public:
    // `dispatcher` outlives it.
    static Result<std::unique_ptr<Server>> start(const Dispatcher& dispatcher,
                                                 ServerOptions options);
    virtual ~Server() = default; // stops
    virtual std::uint16_t port() const = 0;
    virtual void stop() = 0;
};

} // namespace ol::chain::rpc
