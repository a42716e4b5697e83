#include "chain/rpc/server.hpp"

#include <algorithm>
#include <thread>

#include "chain/rpc/jwt.hpp"
#include "net/brief.hpp"

namespace ol::chain::rpc {

namespace {

const SystemClock system_clock;

bool is_json(std::string_view type) {
    type = type.substr(0, type.find(';'));
    type = type.substr(0, type.find_last_not_of(" \t") + 1);
    static constexpr std::string_view json[] = {"application/json", "application/json-rpc",
                                                "application/jsonrequest"};
    return std::ranges::any_of(json, [&](std::string_view each) {
        return std::ranges::equal(type, each, [](char a, char b) {
            return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
        });
    });
}

// Methods that take some hundred microseconds as a rule; a long eth_call or eth_getLogs loses the
// io thread (net/brief.hpp). Whole blocks are printed by workers: their answers may be large.
bool is_brief_method(std::string_view name) {
    static constexpr std::string_view brief[] = {"eth_blockNumber",
                                                 "eth_call",
                                                 "eth_chainId",
                                                 "eth_estimateGas",
                                                 "eth_feeHistory",
                                                 "eth_gasPrice",
                                                 "eth_getBalance",
                                                 "eth_getCode",
                                                 "eth_getLogs",
                                                 "eth_getStorageAt",
                                                 "eth_getTransactionByHash",
                                                 "eth_getTransactionCount",
                                                 "eth_getTransactionReceipt",
                                                 "eth_maxPriorityFeePerGas",
                                                 "eth_sendRawTransaction",
                                                 "net_version",
                                                 "web3_clientVersion"};
    return std::ranges::find(brief, name) != std::end(brief);
}

} // namespace

bool is_brief(const net::Request& request) {
    constexpr std::size_t most_bytes = 4096;
    constexpr std::string_view key = "\"method\"", space = " \t\r\n";
    const std::string_view body = request.body;
    if (request.method != "POST" || body.size() > most_bytes || !body.starts_with('{'))
        return false;
    if (body.find('\\') != std::string_view::npos) return false;
    const std::size_t at = body.find(key);
    if (at == std::string_view::npos || body.rfind(key) != at) return false;
    std::size_t from = body.find_first_not_of(space, at + key.size());
    if (from == std::string_view::npos || body[from] != ':') return false;
    from = body.find_first_not_of(space, from + 1);
    if (from == std::string_view::npos || body[from] != '"') return false;
    const std::size_t end = body.find('"', from + 1);
    return end != std::string_view::npos && is_brief_method(body.substr(from + 1, end - from - 1));
}

namespace {

class ServerImpl final : public Server {
public:
    ServerImpl(const Dispatcher& dispatcher, ServerOptions options)
        : dispatcher_(dispatcher)
        , options_(std::move(options))
        , clock_(options_.clock != nullptr ? *options_.clock : system_clock) {}

    Status listen() {
        net::ServerOptions http;
        http.host = options_.host;
        http.port = options_.port;
        http.worker_threads = options_.threads != 0
                                  ? options_.threads
                                  : std::max(4U, 2 * std::thread::hardware_concurrency());
        http.queue_limit = options_.connections;
        http.connection_limit = options_.connections;
        http.body_limit_bytes = limits::rpc_body_bytes;
        if (options_.websocket) http.websocket = socket_handler();
        http_ = OL_TRY(net::start_server(
            http, [this](const net::Request& request) { return handle(request); }, is_brief));
        return {};
    }

    std::uint16_t port() const override { return http_->port(); }
    void stop() override { http_->stop(); }

private:
    std::shared_ptr<const net::WebSocketHandler> socket_handler() {
        auto out = std::make_shared<net::WebSocketHandler>();
        out->refuse = [this](const net::Request& request) { return refusal(request); };
        out->on_message = [this](const net::WebSocketPtr& socket, const std::string& message) {
            auto answer = dispatcher_.handle(message, socket);
            if (!answer.text.empty()) socket->send(std::move(answer.text));
            for (const auto& each : answer.after) each();
        };
        out->on_close = options_.on_close;
        return out;
    }

    std::optional<net::Response> refusal(const net::Request& request) const {
        if (const auto host = net::check_host(request, options_.access); !host) {
            return net::error_reply(403, "permission_denied", host.error().context);
        }
        if (const auto origin = net::check_origin(request, options_.access); !origin) {
            return net::error_reply(403, "permission_denied", origin.error().context);
        }
        // A preflight never carries a token.
        if (!options_.jwt_secret || request.method == "OPTIONS") return {};
        const auto token = check_jwt(request.header("authorization"), *options_.jwt_secret,
                                     clock_.unix_ms() / 1000);
        if (!token) return net::error_reply(401, "permission_denied", token.error().context);
        return {};
    }

    net::Response handle(const net::Request& request) const {
        auto refused = refusal(request);
        net::Response out = refused ? std::move(*refused) : answer(request);
        if (!refused && request.method != "OPTIONS") net::add_cors_headers(request, out);
        return out;
    }

    net::Response answer(const net::Request& request) const {
        if (request.method == "OPTIONS") return net::preflight_reply(request);
        if (request.method == "GET" || request.method == "HEAD") {
            // What load balancers ask; geth answers so too.
            net::Response out;
            out.content_type = "text/plain";
            out.body = "JSON-RPC: send requests by POST, or open a WebSocket here\n";
            return out;
        }
        if (request.method != "POST") {
            auto out =
                net::error_reply(405, "invalid_argument", "JSON-RPC requests are sent by POST");
            out.headers.emplace_back("allow", "POST, GET, OPTIONS");
            return out;
        }
        if (!is_json(request.header("content-type"))) {
            return net::error_reply(415, "invalid_argument",
                                    "invalid content type, only application/json is supported (add "
                                    "the header 'content-type: application/json')");
        }
        net::Response out;
        auto result = dispatcher_.handle(request.body);
        out.body = std::move(result.text);
        for (const auto& each : result.after) each();
        return out;
    }

    const Dispatcher& dispatcher_;
    const ServerOptions options_;
    const Clock& clock_;
    std::unique_ptr<net::Server> http_;
};

} // namespace

Result<std::unique_ptr<Server>> Server::start(const Dispatcher& dispatcher, ServerOptions options) {
    auto server = std::make_unique<ServerImpl>(dispatcher, std::move(options));
    OL_TRY(server->listen());
    return std::unique_ptr<Server>(std::move(server));
}

} // namespace ol::chain::rpc
