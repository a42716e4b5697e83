#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>

#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "net/http.hpp"

namespace ol::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using ErrorType = boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t idle_per_host = 8;
// Shorter than servers keep theirs, so that a kept connection is rarely one that just ended.
constexpr std::chrono::seconds idle_time{15};
constexpr std::size_t read_bytes = 64 << 10;

struct Url {
    std::string host; // without brackets
    std::uint16_t port = 80;
    std::string authority; // as the Host header wants it
    std::string target;    // path and query
};

Result<Url> parse_url(std::string_view text) {
    const auto wrong = [&](std::string_view why) {
        return fail(ErrorCode::invalid_argument, "url '{}': {} (expected http://host:port/path)",
                    text, why);
    };
    for (const unsigned char c : text) {
        if (c <= 0x20 || c == 0x7f) return wrong("holds a space or control character");
    }
    if (text.starts_with("https://")) {
        return fail(ErrorCode::unsupported,
                    "url '{}': https is not spoken by this version (use a local http endpoint)",
                    text);
    }
    if (!text.starts_with("http://")) return wrong("does not begin with http://");
    std::string_view rest = text.substr(7);
    rest = rest.substr(0, rest.find('#'));
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    rest.remove_prefix(authority.size());

    Url out;
    out.authority = authority;
    out.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
    if (authority.contains('@')) return wrong("user names in urls are refused");
    std::string_view port;
    if (authority.starts_with('[')) {
        const std::size_t end = authority.find(']');
        if (end == std::string_view::npos) return wrong("'[' without ']'");
        out.host = authority.substr(1, end - 1);
        port = authority.substr(end + 1);
    } else {
        out.host = authority.substr(0, authority.find(':'));
        port = authority.substr(out.host.size());
    }
    if (out.host.empty()) return wrong("has no host");
    if (!port.empty()) {
        const char* end = port.data() + port.size();
        const auto [at, error] = std::from_chars(port.data() + 1, end, out.port);
        if (port[0] != ':' || error != std::errc() || at != end || out.port == 0) {
            return wrong("its port is not a number of 1 to 65535");
        }
    }
    return out;
}

bool is_clean(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// A connection with an io context of its own: each operation is started and run to its end here,
// which gives blocking calls with timeouts.
struct Connection {
    asio::io_context io{1};
    beast::tcp_stream stream{io};
    beast::flat_buffer buffer;
    SteadyClock::time_point idle_since;

    template <class Start>
    ErrorType wait(Start start) {
        ErrorType out = asio::error::would_block;
        start([&out](ErrorType error, auto&&...) { out = error; });
        io.restart();
        io.run();
        return out;
    }

    // Whether the peer has neither closed nor sent something unasked.
    bool is_fresh() {
        if (SteadyClock::now() - idle_since > idle_time || buffer.size() != 0) return false;
        char byte = 0;
        const auto got = ::recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
};

using Parser = http::response_parser<http::buffer_body>;

// One request over one connection.
class Exchange {
public:
    Exchange(Connection& connection, const ClientRequest& request, const Url& url)
        : connection_(connection)
        , request_(request)
        , url_(url)
        , deadline_(SteadyClock::now() + milliseconds(request.timeout_ms)) {}

    Status connect() {
        ErrorType error;
        tcp::resolver resolver(connection_.io);
        const auto found = resolver.resolve(url_.host, std::to_string(url_.port), error);
        if (error) return failure("cannot find the host", error);
        arm();
        error = connection_.wait(
            [&](auto done) { connection_.stream.async_connect(found, std::move(done)); });
        if (error) return failure("cannot reach it", error);
        connection_.stream.socket().set_option(tcp::no_delay(true), error);
        return {};
    }

    // Whether no byte of an answer came: then a kept connection had ended, and the request may be
    // sent anew if doing it twice is harmless.
    bool unanswered() const { return unanswered_; }
    bool reusable() const { return reusable_; }

    Result<ClientResponse> run() {
        std::string head = fmt::format("{} {} HTTP/1.1\r\n", request_.method, url_.target);
        const bool names_host = std::ranges::any_of(
            request_.headers, [](const auto& header) { return header.first == "host"; });
        if (!names_host) head += fmt::format("host: {}\r\n", url_.authority);
        for (const auto& [name, value] : request_.headers) {
            head.append(name).append(": ").append(value).append("\r\n");
        }
        if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT") {
            head += fmt::format("content-length: {}\r\n", request_.body.size());
        }
        head += "\r\n";
        const std::array<asio::const_buffer, 2> bytes = {asio::buffer(head),
                                                         asio::buffer(request_.body)};
        arm();
        const ErrorType unsent = connection_.wait(
            [&](auto done) { asio::async_write(connection_.stream, bytes, std::move(done)); });
        if (unsent == beast::error::timeout) return failure("did not take the request", unsent);
        // A server may answer and close before it has read all of a body: its answer counts.

        std::optional<Parser> parser;
        for (;;) {
            parser.emplace();
            parser->header_limit(static_cast<std::uint32_t>(limits::http_header_bytes));
            parser->body_limit(request_.reply_limit_bytes);
            if (request_.method == "HEAD") parser->skip(true);
            arm();
            const ErrorType error = connection_.wait([&](auto done) {
                http::async_read_header(connection_.stream, connection_.buffer, *parser,
                                        std::move(done));
            });
            if (error) {
                unanswered_ = !parser->got_some() && error != beast::error::timeout;
                return failure(unsent ? "ended the connection" : "did not answer",
                               unsent ? unsent : error);
            }
            const int status = parser->get().result_int();
            if (status >= 200 || status == 101) break;
        }
        return read_body(*parser);
    }

private:
    Result<ClientResponse> read_body(Parser& parser) {
        ClientResponse out;
        out.status = static_cast<int>(parser.get().result_int());
        for (const auto& field : parser.get()) {
            std::string name(field.name_string());
            for (char& c : name) {
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
            }
            out.headers.emplace_back(std::move(name), std::string(field.value()));
        }
        std::string chunk(read_bytes, '\0');
        while (!parser.is_done()) {
            auto& body = parser.get().body();
            body.data = chunk.data();
            body.size = chunk.size();
            arm();
            ErrorType error = connection_.wait([&](auto done) {
                http::async_read_some(connection_.stream, connection_.buffer, parser,
                                      std::move(done));
            });
            if (error == http::error::need_buffer) error = {};
            if (error) return failure("broke off its answer", error);
            const std::string_view got(chunk.data(), chunk.size() - body.size);
            if (got.empty()) continue;
            if (!request_.on_data) {
                out.body += got;
            } else if (!request_.on_data(got)) {
                return out;
            }
        }
        reusable_ = parser.keep_alive();
        return out;
    }

    void arm() {
        if (request_.on_data) {
            connection_.stream.expires_after(milliseconds(request_.timeout_ms));
        } else {
            connection_.stream.expires_at(deadline_);
        }
    }

    std::unexpected<Error> failure(std::string_view what, const ErrorType& error) const {
        const std::string peer = "http://" + url_.authority;
        if (error == beast::error::timeout) {
            return fail(ErrorCode::unavailable, "{} {}: no answer within {} ms", peer, what,
                        request_.timeout_ms);
        }
        if (error == http::error::body_limit) {
            return fail(ErrorCode::too_large, "{}: its answer is larger than {} bytes", peer,
                        request_.reply_limit_bytes);
        }
        if (error == asio::error::connection_refused) {
            return fail(ErrorCode::unavailable,
                        "{}: connection refused (is the program that serves it running?)", peer);
        }
        if (error == http::error::end_of_stream || error == http::error::partial_message ||
            error == asio::error::eof) {
            return fail(ErrorCode::unavailable, "{} {}: it closed the connection", peer, what);
        }
        return fail(ErrorCode::unavailable, "{} {}: {}", peer, what, error.message());
    }

    Connection& connection_;
    const ClientRequest& request_;
    const Url& url_;
    SteadyClock::time_point deadline_;
    bool unanswered_ = false, reusable_ = false;
};

} // namespace

struct Client::Impl {
    std::mutex mutex;
    std::map<std::string, std::vector<std::unique_ptr<Connection>>> idle; // by authority

    std::unique_ptr<Connection> take(const std::string& authority) {
        const std::lock_guard lock(mutex);
        auto& kept = idle[authority];
        while (!kept.empty()) {
            auto connection = std::move(kept.back());
            kept.pop_back();
            if (connection->is_fresh()) return connection;
        }
        return nullptr;
    }

    void keep(const std::string& authority, std::unique_ptr<Connection> connection) {
        connection->idle_since = SteadyClock::now();
        connection->stream.expires_never();
        const std::lock_guard lock(mutex);
        auto& kept = idle[authority];
        if (kept.size() < idle_per_host) kept.push_back(std::move(connection));
    }
};

Client::Client()
    : impl_(std::make_unique<Impl>()) {}
Client::~Client() = default;

Result<ClientResponse> Client::send(const ClientRequest& request) {
    const Url url = OL_TRY(parse_url(request.url));
    bool clean =
        is_clean(request.method) && !request.method.empty() && !request.method.contains(' ');
    for (const auto& [name, value] : request.headers) {
        clean = clean && !name.empty() && is_clean(name) && is_clean(value);
    }
    if (!clean) {
        return fail(ErrorCode::invalid_argument,
                    "the method or a header of the request to {} holds a line break", request.url);
    }
    try {
        if (auto kept = impl_->take(url.authority)) {
            Exchange exchange(*kept, request, url);
            auto reply = exchange.run();
            if (reply && exchange.reusable()) impl_->keep(url.authority, std::move(kept));
            const bool harmless_twice = request.method != "POST" && request.method != "PATCH";
            if (reply || !exchange.unanswered() || !harmless_twice) return reply;
        }
        auto connection = std::make_unique<Connection>();
        Exchange exchange(*connection, request, url);
        OL_TRY(exchange.connect());
        auto reply = exchange.run();
        if (reply && exchange.reusable()) impl_->keep(url.authority, std::move(connection));
        return reply;
    } catch (const boost::system::system_error& error) {
        return fail(ErrorCode::unavailable, "http://{}: {}", url.authority, error.what());
    }
}

} // namespace ol::net
