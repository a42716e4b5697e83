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
#include "base/result.hpp"

namespace ol::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
    std::string method;  // "GET"
    std::string path;    // percent-decoded, without the query: "/v1/models"
    std::string query;   // raw, without '?'
    Headers headers;     // names in lower case
    std::string body;
    std::string remote;  // "127.0.0.1:50312"

    std::string_view header(std::string_view lower_case_name) const; // empty when absent
    // Percent-decoded value of a query parameter; empty when absent.
    std::string query_value(std::string_view name) const;
};

// Where a streamed body goes. write returns false when the client has gone away: stop then.
class BodyStream {
public:
    virtual ~BodyStream() = default;
    virtual bool write(std::string_view bytes) = 0;
};

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    Headers headers;
    std::string body;
    // When set, body is ignored: called once after the headers went out (chunked encoding).
    std::function<void(BodyStream&)> stream;
};

// "event: name\ndata: ...\n\n"; every line of data prefixed. An empty name gives data only.
std::string sse_event(std::string_view name, std::string_view data, std::string_view id = {});

using Handler = std::function<Response(const Request&)>;

struct ServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;     // 0: any free port
    unsigned worker_threads = 4; // of handlers
    std::uint64_t body_limit_bytes = 64ULL << 20;
    std::uint64_t connection_limit = 1024;
    std::int64_t idle_timeout_ms = 60'000;
};

class Server {
public:
    // Listens and serves in its own threads. unavailable when the address is taken, with a remedy.
    // An exception or a crash of one request never ends the server: handlers return Responses.
    static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
    virtual ~Server() = default; // stops, lets running handlers end
    virtual std::uint16_t port() const = 0;
    virtual void stop() = 0;
};

struct ClientRequest {
    std::string method = "GET";
    std::string url; // http://host:port/path?query (https is refused as unsupported for now)
    Headers headers;
    std::string body;
    std::int64_t timeout_ms = 30'000;
    std::uint64_t reply_limit_bytes = 64ULL << 20;
    // When set, the body is handed over as it arrives and ClientResponse::body stays empty;
    // returning false closes the connection.
    std::function<bool(std::string_view)> on_data;
};

struct ClientResponse {
    int status = 0;
    Headers headers; // names in lower case
    std::string body;
};

// One HTTP client; keeps connections alive per host. Thread-safe. unavailable when the peer cannot
// be reached or does not answer in time (the message names the address).
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
