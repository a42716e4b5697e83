#include "net/session_internal.hpp"

#include <ctime>
#include <exception>

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "base/log.hpp"

namespace ol::net {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using std::chrono::milliseconds;

namespace {

// The times of a request's body and of a reply's way out, in idle timeouts: a client that trickles
// holds a connection this long at most.
constexpr int slow_factor = 10;
constexpr milliseconds linger_time{2000};

// Printed once a second.
std::string_view http_date() {
    thread_local std::time_t at = -1;
    thread_local std::array<char, 64> text;
    thread_local std::size_t size = 0;
    const std::time_t now = std::time(nullptr);
    if (now != at) {
        std::tm utc{};
        ::gmtime_r(&now, &utc);
        // The C locale's names: the program sets no other.
        size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
        at = now;
    }
    return {text.data(), size};
}

bool is_token(std::string_view name) {
    static constexpr std::string_view separators = "()<>@,;:\\\"/[]?={} \t";
    return !name.empty() && name.find_first_of(separators) == std::string_view::npos &&
           std::ranges::all_of(name, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

bool is_header_value(std::string_view value) {
    return std::ranges::all_of(value,
                               [](unsigned char c) { return c >= 0x20 ? c != 0x7f : c == '\t'; });
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

} // namespace

Session::Session(SessionHost& host, asio::ip::tcp::socket socket)
    : host_(host)
    , socket_(std::move(socket))
    , timer_(host.io)
    , share_(host) {
    ErrorType error;
    const auto peer = socket_.remote_endpoint(error);
    if (!error) {
        const std::string address = peer.address().to_string();
        remote_ = peer.address().is_v6() ? fmt::format("[{}]:{}", address, peer.port())
                                         : fmt::format("{}:{}", address, peer.port());
    }
    socket_.set_option(asio::ip::tcp::no_delay(true), error);
}

void Session::start() { read_message(); }

void Session::stop() {
    switch (phase_) {
    case Phase::reading:
    case Phase::lingering:
        close();
        break;
    case Phase::streaming: {
        gone_ = true;
        ErrorType ignored;
        socket_.cancel(ignored);
        break;
    }
    case Phase::handling:
    case Phase::writing:
    case Phase::closed:
        break; // after_reply sees host_.stopping
    }
}

void Session::close() {
    if (phase_ == Phase::closed) return;
    phase_ = Phase::closed;
    share_.set(0);
    gone_ = true;
    disarm();
    ErrorType ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
    host_.on_closed(*this);
}

void Session::arm(milliseconds time) {
    timed_out_ = false;
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this(), at = ++timer_generation_](ErrorType error) {
        if (error || at != self->timer_generation_) return;
        self->timed_out_ = true;
        ErrorType ignored;
        self->socket_.cancel(ignored);
    });
}

void Session::disarm() {
    ++timer_generation_;
    timer_.cancel();
}

// ---- reading

void Session::read_message() {
    phase_ = Phase::reading;
    header_seen_ = continue_sent_ = false;
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(static_cast<std::uint32_t>(host_.shared.options.header_limit_bytes));
    parser_->body_limit(host_.shared.options.body_limit_bytes);
    arm(milliseconds(host_.shared.options.idle_timeout_ms));
    read_some();
}

void Session::read_some() {
    http::async_read_some(
        socket_, buffer_, *parser_,
        [self = shared_from_this()](ErrorType error, std::size_t) { self->on_read(error); });
}

void Session::on_read(ErrorType error) {
    if (phase_ != Phase::reading) return; // closed meanwhile
    if (error) return on_read_failed(error);
    const std::uint64_t announced =
        parser_->content_length().value_or(parser_->get().body().size());
    if (!share_.set(announced)) {
        is_head_ = is_http_10_ = false;
        return reply_and_close(503, "unavailable",
                               "too much is being sent to this server; try again soon");
    }
    if (parser_->is_done()) return dispatch();
    const milliseconds idle(host_.shared.options.idle_timeout_ms);
    if (parser_->is_header_done()) {
        const auto now = Clock::now();
        if (!header_seen_) {
            header_seen_ = true;
            body_deadline_ = now + slow_factor * idle;
        }
        const auto left = std::chrono::duration_cast<milliseconds>(body_deadline_ - now);
        arm(std::clamp(left, milliseconds(0), idle));
        if (!continue_sent_ && parser_->get().version() >= 11 &&
            boost::beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
            continue_sent_ = true;
            return send_continue();
        }
    }
    read_some();
}

void Session::send_continue() {
    out_head_ = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(out_head_),
                      [self = shared_from_this()](ErrorType error, std::size_t) {
                          if (self->phase_ != Phase::reading) return;
                          if (error) return self->close();
                          self->read_some();
                      });
}

void Session::on_read_failed(ErrorType error) {
    is_head_ = false;
    is_http_10_ = false;
    if (timed_out_) {
        if (!parser_->got_some()) return close();
        return reply_and_close(408, "unavailable",
                               fmt::format("the request did not arrive within {} ms",
                                           host_.shared.options.idle_timeout_ms));
    }
    if (error == http::error::body_limit) {
        return reply_and_close(413, "too_large",
                               fmt::format("the request's body is larger than {} bytes",
                                           host_.shared.options.body_limit_bytes));
    }
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        return reply_and_close(431, "too_large",
                               fmt::format("the request's header is larger than {} bytes",
                                           host_.shared.options.header_limit_bytes));
    }
    // Anything else of the parser is the client's; anything of the system ends the connection.
    static const auto& http_errors = http::make_error_code(http::error::bad_method).category();
    if (error.category() == http_errors && error != http::error::end_of_stream &&
        error != http::error::partial_message) {
        return reply_and_close(400, "invalid_argument",
                               fmt::format("not an HTTP/1.1 request: {}", error.message()));
    }
    close();
}

Result<Request> Session::to_request(UpgradeRequest& message) const {
    Request out;
    out.method = std::string(message.method_string());
    out.remote = remote_;
    std::size_t hosts = 0;
    for (const auto& field : message) {
        out.headers.emplace_back(lower_case(field.name_string()), std::string(field.value()));
        if (field.name() == http::field::host) ++hosts;
    }
    if (hosts > 1 || (hosts == 0 && message.version() >= 11)) {
        return fail(ErrorCode::invalid_argument, "exactly one Host header is needed, got {}",
                    hosts);
    }
    std::string_view target(message.target().data(), message.target().size());
    if (target.starts_with("http://")) { // absolute form (RFC 9112, section 3.2.2)
        const std::size_t slash = target.find_first_of("/?", 7);
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
    target = target.substr(0, target.find('#'));
    const std::size_t question = target.find('?');
    if (question != std::string_view::npos) out.query = target.substr(question + 1);
    out.path = OL_TRY_IN(percent_decode(target.substr(0, question)), "path");
    if (!out.path.starts_with('/') && !(out.path == "*" && out.method == "OPTIONS")) {
        return fail(ErrorCode::invalid_argument, "the request's path does not begin with '/'");
    }
    for (const unsigned char c : out.path) {
        if (c < 0x20 || c == 0x7f) {
            return fail(ErrorCode::invalid_argument, "the path holds a control character");
        }
    }
    out.body = std::move(message.body());
    return out;
}

// ---- handling

void Session::dispatch() {
    disarm();
    phase_ = Phase::handling;
    keep_alive_ = parser_->get().keep_alive();
    is_http_10_ = parser_->get().version() < 11;
    is_head_ = parser_->get().method() == http::verb::head;
    UpgradeRequest message = parser_->release();
    parser_.reset();
    auto request = to_request(message);
    if (!request) {
        return reply_and_close(400, "invalid_argument", request.error().context);
    }
    if (host_.shared.options.websocket && boost::beast::websocket::is_upgrade(message)) {
        return upgrade(std::move(message), *request);
    }
    if (host_.shared.is_brief && host_.shared.is_brief(*request)) return run_in_place(*request);
    auto shared = std::make_shared<Request>(std::move(*request));
    if (!host_.workers.submit([self = shared_from_this(), shared] { self->run(shared); })) {
        Response busy = error_reply(503, "unavailable", "the server is busy; try again soon");
        busy.headers.emplace_back("retry-after", "1");
        reply(std::move(busy));
    }
}

void Session::upgrade(UpgradeRequest message, const Request& request) {
    if (buffer_.size() != 0) {
        return reply_and_close(400, "invalid_argument",
                               "bytes follow the upgrade request before its answer");
    }
    if (const auto& refuse = host_.shared.options.websocket->refuse) {
        if (auto refusal = refuse(request)) return reply(std::move(*refusal));
    }
    phase_ = Phase::closed; // of this object; the socket goes on
    const auto self = shared_from_this();
    host_.on_closed(*this);
    host_.on_upgraded(
        start_websocket(host_, std::move(socket_), std::move(remote_), std::move(message)));
}

Response Session::answer(const Request& request) const {
    try {
        return host_.shared.handler(request);
    } catch (const std::exception& error) {
        log::error("net", "{} {} failed: {}", request.method, request.path, error.what());
    } catch (...) {
        log::error("net", "{} {} failed", request.method, request.path);
    }
    return error_reply(500, "internal", "the request failed inside the server; its log says why");
}

void Session::run_in_place(const Request& request) {
    const std::uint64_t work = host_.loop.begin();
    Response response = answer(request);
    const bool head = request.method == "HEAD";
    if (host_.loop.end(work)) {
        if (response.stream && !head) return deliver(std::move(response), head);
        return reply(std::move(response));
    }
    deliver(std::move(response), head);
    host_.loop.finished();
}

void Session::run(std::shared_ptr<Request> request) {
    Response response = answer(*request);
    const bool head = request->method == "HEAD";
    request.reset();
    deliver(std::move(response), head);
}

void Session::deliver(Response response, bool head) {
    const bool streamed = response.stream && !head;
    auto shared = std::make_shared<Response>(std::move(response));
    if (streamed) {
        if (host_.workers.submit_long(
                [self = shared_from_this(), shared] { self->run_stream(std::move(*shared)); })) {
            return;
        }
        *shared = error_reply(503, "unavailable", "too many open streams; try again soon");
        shared->headers.emplace_back("retry-after", "5");
    }
    asio::post(host_.io, [self = shared_from_this(), shared] {
        if (self->phase_ != Phase::closed) self->reply(std::move(*shared));
    });
}

// ---- writing

std::string Session::head_of(const Response& response, bool streamed) const {
    const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
    std::string out = fmt::format("HTTP/1.1 {} {}\r\ndate: {}\r\n", response.status,
                                  std::string_view(reason.data(), reason.size()), http_date());
    const bool bodyless = response.status == 204 || response.status == 304;
    const auto add = [&](std::string_view name, std::string_view value) {
        if (!is_token(name) || !is_header_value(value)) {
            log::error("net", "a reply's header '{}' is not well formed and was left out", name);
            return;
        }
        out.append(name).append(": ").append(value).append("\r\n");
    };
    if (!response.content_type.empty() && !bodyless) add("content-type", response.content_type);
    for (const auto& [name, value] : response.headers) add(name, value);
    if (streamed) {
        if (!is_http_10_) add("transfer-encoding", "chunked");
    } else if (!bodyless) {
        // HEAD of a reply that would be streamed: its length is not known.
        if (!response.stream) add("content-length", std::to_string(response.body.size()));
    }
    if (!keep_alive_) {
        add("connection", "close");
    } else if (is_http_10_) {
        add("connection", "keep-alive");
    }
    return out + "\r\n";
}

void Session::reply(Response response) {
    if (host_.stopping) keep_alive_ = false;
    phase_ = Phase::writing;
    share_.set(0);
    out_head_ = head_of(response, false);
    out_body_ = std::move(response.body);
    if (is_head_ || response.status == 204 || response.status == 304) out_body_.clear();
    out_written_ = 0;
    write_deadline_ =
        Clock::now() + slow_factor * milliseconds(host_.shared.options.idle_timeout_ms);
    write_some();
}

void Session::reply_and_close(int status, std::string_view code, std::string_view message) {
    keep_alive_ = false;
    reply(error_reply(status, code, message));
}

void Session::write_some() {
    const auto left = std::chrono::duration_cast<milliseconds>(write_deadline_ - Clock::now());
    arm(std::clamp(left, milliseconds(0), milliseconds(host_.shared.options.idle_timeout_ms)));
    const std::size_t head = std::min(out_written_, out_head_.size());
    const std::size_t body = out_written_ - head;
    const std::array<asio::const_buffer, 2> rest = {
        asio::buffer(out_head_.data() + head, out_head_.size() - head),
        asio::buffer(out_body_.data() + body, out_body_.size() - body)};
    socket_.async_write_some(
        rest, [self = shared_from_this()](ErrorType error, std::size_t written) {
            if (self->phase_ != Phase::writing) return;
            if (error) return self->close();
            self->out_written_ += written;
            if (self->out_written_ < self->out_head_.size() + self->out_body_.size()) {
                return self->write_some();
            }
            self->after_reply();
        });
}

void Session::after_reply() {
    disarm();
    out_body_ = {};
    if (host_.stopping) {
        ErrorType ignored;
        socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
        return close();
    }
    if (keep_alive_) return read_message();
    linger();
}

// A close with unread bytes makes the system reset the connection, and the client may lose the
// reply: so our side ends first, and what still comes is thrown away for a while.
void Session::linger() {
    phase_ = Phase::lingering;
    ErrorType error;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
    if (error) return close();
    arm(linger_time);
    discard();
}

void Session::discard() {
    socket_.async_read_some(asio::buffer(host_.discarded), [self = shared_from_this()](
                                                               ErrorType error, std::size_t got) {
        if (self->phase_ != Phase::lingering) return;
        self->discarded_ += got;
        if (error || self->discarded_ > self->host_.shared.options.body_limit_bytes) {
            return self->close();
        }
        self->discard();
    });
}

// ---- streaming

class Session::Stream final : public BodyStream {
public:
    explicit Stream(Session& session)
        : session_(session) {}
    bool write(std::string_view bytes) override {
        if (bytes.empty()) return alive(); // an empty chunk would end the body
        if (!alive()) return false;
        return wait(std::string(bytes), true);
    }
    bool alive() override { return !session_.gone_; }

    // Has the io thread write, and waits until it has.
    bool wait(std::string bytes, bool framed) {
        struct Outcome {
            std::mutex mutex;
            std::condition_variable ready;
            std::optional<bool> good;
        } outcome;
        asio::post(session_.host_.io, [self = session_.shared_from_this(), &outcome, framed,
                                       data = std::move(bytes)]() mutable {
            self->begin_stream_write(std::move(data), framed, [&outcome](bool good) {
                // Notified under the lock: the waiter's frame may end right after.
                const std::lock_guard lock(outcome.mutex);
                outcome.good = good;
                outcome.ready.notify_one();
            });
        });
        std::unique_lock lock(outcome.mutex);
        outcome.ready.wait(lock, [&] { return outcome.good.has_value(); });
        return *outcome.good;
    }

private:
    Session& session_;
};

void Session::run_stream(Response response) {
    if (is_http_10_) keep_alive_ = false;
    Stream stream(*this);
    bool complete = false;
    if (stream.wait(head_of(response, true), false)) {
        try {
            response.stream(stream);
            complete = true;
        } catch (const std::exception& error) {
            log::error("net", "a streamed reply failed: {}", error.what());
        } catch (...) {
            log::error("net", "a streamed reply failed");
        }
    }
    response = {}; // what the stream holds is let go on this thread
    asio::post(host_.io, [self = shared_from_this(), complete] { self->end_stream(complete); });
}

void Session::begin_stream_write(std::string bytes, bool framed, std::function<void(bool)> done) {
    if (phase_ == Phase::handling) {
        share_.set(0);
        phase_ = Phase::streaming;
        gone_ = host_.stopping;
        watch_for_departure();
    }
    if (phase_ != Phase::streaming || gone_) {
        gone_ = true;
        return done(false);
    }
    if (framed && !is_http_10_) {
        out_body_ = fmt::format("{:x}\r\n", bytes.size()) + bytes + "\r\n";
    } else {
        out_body_ = std::move(bytes);
    }
    arm(milliseconds(host_.shared.options.idle_timeout_ms));
    asio::async_write(
        socket_, asio::buffer(out_body_),
        [self = shared_from_this(), done = std::move(done)](ErrorType error, std::size_t) {
            self->disarm();
            if (error) self->gone_ = true;
            done(!error);
        });
}

void Session::end_stream(bool complete) {
    if (phase_ != Phase::streaming) return;
    if (!complete || gone_) return close(); // the client sees that the body is cut short
    ErrorType ignored;
    socket_.cancel(ignored); // the watch
    phase_ = Phase::writing;
    out_head_ = is_http_10_ ? "" : "0\r\n\r\n";
    out_body_.clear();
    out_written_ = 0;
    if (out_head_.empty()) return after_reply();
    write_deadline_ = Clock::now() + milliseconds(host_.shared.options.idle_timeout_ms);
    write_some();
}

// While a body is streamed nothing is read; the end of the client's side shows as readability.
void Session::watch_for_departure() {
    socket_.async_wait(asio::ip::tcp::socket::wait_read, [self =
                                                              shared_from_this()](ErrorType error) {
        if (error || self->phase_ != Phase::streaming) return;
        char byte = 0;
        const auto got = ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got > 0) return; // the next request already: no more to be seen
        self->gone_ = true;
        ErrorType ignored;
        self->socket_.cancel(ignored); // a write that waits
    });
}

} // namespace ol::net
