// HTTP/1.1: messages, a server and a client. No domain words here. Asio and Beast stay in the .cpp
// files. A handler runs on a worker thread and may block; a streamed reply (server-sent events)
// writes as it goes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/result.hpp"
#include "net/websocket.hpp"

namespace ol::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
    std::string method; // "GET"
    std::string path;   // percent-decoded, without the query: "/v1/models"
    std::string query;  // raw, without '?'
    Headers headers;    // names in lower case
    std::string body;
    std::string remote; // "127.0.0.1:50312"

    std::string_view header(std::string_view lower_case_name) const; // empty when absent
    // Percent-decoded value of a query parameter; empty when absent.
    std::string query_value(std::string_view name) const;
};

// Where a streamed body goes. write blocks until the bytes are handed to the system (a slow client
// slows the writer down) and returns false when the client has gone away or the server stops: stop
// then.
class BodyStream {
public:
    virtual ~BodyStream() = default;
    virtual bool write(std::string_view bytes) = 0;
    // False once write would return false: for writers that wait long between two writes.
    virtual bool alive() { return true; }
};

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    Headers headers;
    std::string body;
    // When set, body is ignored: called once after the headers went out (chunked encoding).
    std::function<void(BodyStream&)> stream;
};

// The error shape of every reply: {"error":{"code":"not_found","message":"..."}}.
Response error_reply(int status, std::string_view code, std::string_view message);

// "%41" -> "A"; a '%' without two hex digits, or a coded NUL, is invalid_argument. '+' is a space
// in queries only.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

// "event: name\ndata: ...\n\n"; every line of data prefixed. An empty name gives data only.
std::string sse_event(std::string_view name, std::string_view data, std::string_view id = {});

using Handler = std::function<Response(const Request&)>;

struct ServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0; // 0: any free port
    // Handlers that run at once. A streamed body leaves its worker for a thread of its own, so that
    // open streams do not starve short requests.
    unsigned worker_threads = 4;
    std::uint64_t queue_limit = 256;  // requests that wait for a worker; then 503
    std::uint64_t stream_limit = 256; // streamed bodies at once; then 503
    std::uint64_t body_limit_bytes = limits::http_body_bytes; // then 413
    // Of the requests that are received or handled at the same time, together; then 503 (WebSocket:
    // closed with 1013).
    std::uint64_t bodies_limit_bytes = limits::http_bodies_bytes;
    std::uint64_t header_limit_bytes = limits::http_header_bytes; // then 431
    std::uint64_t connection_limit = limits::http_connections;    // then 503
    // Without progress on a connection; a request's header, and a tenth of its body, must be there
    // within it (408).
    std::int64_t idle_timeout_ms = 60'000;
    // Null: upgrade requests reach the handler like any other.
    std::shared_ptr<const WebSocketHandler> websocket = {};
};

class Server {
public:
    // Listens and serves in its own threads. unavailable when the address is taken, with a remedy.
    // An exception of a handler becomes a 500. HEAD reaches the handler as it is; its body is not
    // sent.
    static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
    virtual ~Server() = default; // stops, lets running handlers end
    virtual std::uint16_t port() const = 0;
    // Closes idle connections at once and streams at their next write; returns when running
    // handlers have ended. Not to be called from a handler.
    virtual void stop() = 0;
};

struct ClientRequest {
    std::string method = "GET";
    std::string url = {}; // http://host:port/path?query (https is refused as unsupported for now)
    Headers headers = {};
    std::string body = {};
    std::int64_t timeout_ms = 30'000; // of the whole exchange; with on_data, of each wait
    std::uint64_t reply_limit_bytes = 64ULL << 20;
    // When set, the body is handed over as it arrives and ClientResponse::body stays empty;
    // returning false closes the connection (and send returns what it has).
    std::function<bool(std::string_view)> on_data = {};
};

struct ClientResponse {
    int status = 0;
    Headers headers; // names in lower case
    std::string body;
};

// One HTTP client; keeps connections alive per host. Thread-safe. unavailable when the peer cannot
// be reached or does not answer in time (the message names the address); too_large when the reply
// passes its limit. Any HTTP status is a reply, not an error.
class Client {
public:
    Client();
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    Result<ClientResponse> send(const ClientRequest& request);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The type by a file's extension: "text/html; charset=utf-8", ...
std::string_view mime_type(const Path& path);

} // namespace ol::net
