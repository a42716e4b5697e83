// Session: one connection of the server; WebSocketSession: what an upgrade turns it into. Private
// to src/net: the one header here that shows Asio and Beast, included by the server's .cpp files
// alone.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "net/brief.hpp"
#include "net/http.hpp"
#include "net/loop_internal.hpp"
#include "net/workers.hpp"

namespace ol::net {

// What the server knows of a connection. All members are called on the io thread.
class Connection {
public:
    virtual ~Connection() = default;
    // Ends now if nothing is under way, otherwise after that.
    virtual void stop() = 0;
    // Ends a connection whose request no worker will answer any more.
    virtual void drop_unanswered() = 0;
    virtual void close() = 0;
};

// What all connections of one server share. Thread-safe.
struct ServerShared {
    const ServerOptions options;
    const Handler handler;
    const IsBrief is_brief;                    // null: none is
    std::atomic<std::uint64_t> body_bytes = 0; // of requests under way
};

// What the sessions of one lane of a server share. `io` runs on one thread at a time, "the io
// thread"; all members of a Session are touched by that thread only, unless they say otherwise.
struct SessionHost {
    ServerShared& shared;
    boost::asio::io_context& io;
    Loop& loop;
    Workers& workers;
    std::function<void(Connection&)> on_closed; // on the io thread
    // A connection that takes the place of another one.
    std::function<void(std::shared_ptr<Connection>)> on_upgraded;
    bool stopping = false;                  // io thread
    std::array<char, 16384> discarded = {}; // where the bytes of ending connections go
};

// A connection's share of ServerShared::body_bytes; io thread. Whoever has one sets it to 0 at its
// end: the host may be gone when the last handlers are.
class BodyShare {
public:
    explicit BodyShare(SessionHost& host)
        : host_(host) {}
    BodyShare(const BodyShare&) = delete;
    BodyShare& operator=(const BodyShare&) = delete;
    // False when all shares together pass the limit.
    bool set(std::uint64_t bytes) {
        const std::uint64_t more = bytes - bytes_; // modulo 2^64 where it shrinks
        bytes_ = bytes;
        return host_.shared.body_bytes.fetch_add(more) + more <=
               host_.shared.options.bodies_limit_bytes;
    }

private:
    SessionHost& host_;
    std::uint64_t bytes_ = 0;
};

using UpgradeRequest = boost::beast::http::request<boost::beast::http::string_body>;
// Answers the upgrade and serves the connection from then on.
std::shared_ptr<Connection> start_websocket(SessionHost& host, boost::asio::ip::tcp::socket socket,
                                            std::string remote, UpgradeRequest request);

class Session final : public Connection, public std::enable_shared_from_this<Session> {
public:
    Session(SessionHost& host, boost::asio::ip::tcp::socket socket);
    void start();
    void stop() override;
    void drop_unanswered() override {
        if (phase_ == Phase::handling) close();
    }
    void close() override;

private:
    using Clock = std::chrono::steady_clock;
    using ErrorType = boost::system::error_code;
    enum class Phase { reading, handling, streaming, writing, lingering, closed };

    void read_message();
    void read_some();
    void on_read(ErrorType error);
    void on_read_failed(ErrorType error);
    void send_continue();
    void dispatch();
    Result<Request> to_request(UpgradeRequest& message) const;
    void upgrade(UpgradeRequest message, const Request& request);
    Response answer(const Request& request) const; // any thread
    void run(std::shared_ptr<Request> request);    // on a worker
    void run_in_place(const Request& request);
    void deliver(Response response, bool head); // any thread: hands it to the io thread, or streams

    // Writes the reply; then reads the next request, or lingers when the connection ends.
    void reply(Response response);
    void reply_and_close(int status, std::string_view code, std::string_view message);
    std::string head_of(const Response& response, bool streamed) const;
    void write_some();
    void after_reply();
    void linger();
    void discard();

    // Streaming: the thread of the stream calls these and waits for the io thread.
    class Stream;
    void run_stream(Response response);
    void begin_stream_write(std::string head_or_chunk, bool framed, std::function<void(bool)> done);
    void end_stream(bool complete);
    void watch_for_departure();

    void arm(std::chrono::milliseconds time);
    void disarm();

    SessionHost& host_;
    boost::asio::ip::tcp::socket socket_;
    boost::asio::steady_timer timer_;
    std::uint64_t timer_generation_ = 0;
    bool timed_out_ = false;
    std::string remote_;
    Phase phase_ = Phase::reading;

    boost::beast::flat_buffer buffer_;
    std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
    bool header_seen_ = false, continue_sent_ = false;
    Clock::time_point body_deadline_;

    bool keep_alive_ = false, is_head_ = false, is_http_10_ = false;
    std::string out_head_, out_body_;
    std::size_t out_written_ = 0;
    Clock::time_point write_deadline_;

    std::atomic<bool> gone_ = false; // any thread: the client of a stream has left
    std::size_t discarded_ = 0;
    BodyShare share_;
};

} // namespace ol::net
