#include "net/websocket.hpp"

#include <algorithm>
#include <deque>
#include <exception>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "base/log.hpp"
#include "net/session_internal.hpp"

namespace ol::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds handshake_time{
    2000};                                 // of the opening, of the goodbye and of what follows it
constexpr milliseconds busy_pause{20};     // until a message that found no worker is tried again
constexpr std::uint64_t entry_bytes = 64;  // what a queued message takes besides its text
constexpr std::uint64_t frame_room = 1024; // so that the message's limit is met before the buffer's

class WebSocketSession final : public Connection,
                               public WebSocket,
                               public std::enable_shared_from_this<WebSocketSession> {
public:
    WebSocketSession(SessionHost& host, asio::ip::tcp::socket socket, std::string remote)
        : host_(host)
        , handler_(*host.shared.options.websocket)
        , remote_(std::move(remote))
        , stream_(std::move(socket))
        , timer_(host.io)
        , buffer_(handler_.options.message_limit_bytes + frame_room)
        , share_(host) {
        beast::websocket::stream_base::timeout times{};
        times.handshake_timeout = handshake_time;
        times.idle_timeout = milliseconds(handler_.options.idle_timeout_ms);
        times.keep_alive_pings = true;
        stream_.set_option(times);
        stream_.read_message_max(handler_.options.message_limit_bytes);
        stream_.auto_fragment(false);
        stream_.text(true);
    }

    void start(UpgradeRequest request) {
        auto kept = std::make_shared<UpgradeRequest>(std::move(request));
        stream_.async_accept(*kept, [self = shared_from_this(), kept](ErrorType error) {
            if (error || self->closed_) return self->close();
            self->open_ = true;
            if (!self->out_.empty()) self->write();
            self->read();
        });
    }

    // ---- WebSocket: any thread

    bool send(std::string text) override {
        if (ended_) return false;
        const std::uint64_t size = text.size() + entry_bytes;
        if (queued_bytes_.fetch_add(size) > handler_.options.queue_limit_bytes) {
            if (!ended_.exchange(true)) {
                asio::post(host_.io, [self = shared_from_this()] {
                    log::info("net", "websocket {}: cut off, it reads too slowly", self->remote_);
                    self->close();
                });
            }
            return false;
        }
        asio::post(host_.io, [self = shared_from_this(), text = std::move(text)]() mutable {
            self->enqueue(std::move(text));
        });
        return true;
    }

    bool alive() const override { return !ended_; }

    void end() override { end_with(beast::websocket::close_code::normal); }

    const std::string& remote() const override { return remote_; }

    // ---- Connection: io thread

    void stop() override { begin_close(beast::websocket::close_code::going_away); }

    void drop_unanswered() override {
        in_flight_ = 0; // the workers have ended: nobody else will count them down
        handled_bytes_ = 0;
        if (closed_) note_ended();
    }

    void close() override {
        if (closed_) return;
        closed_ = true;
        ended_ = true;
        timer_.cancel();
        share_.set(handled_bytes_);
        ErrorType ignored;
        auto& socket = stream_.next_layer();
        socket.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
        socket.close(ignored);
        if (in_flight_ == 0) note_ended();
    }

private:
    using ErrorType = boost::system::error_code;

    void end_with(beast::websocket::close_code code) {
        asio::post(host_.io, [self = shared_from_this(), code] { self->begin_close(code); });
    }

    void read() {
        if (closed_ || closing_) return;
        reading_ = true;
        stream_.async_read_some(buffer_, 0,
                                [self = shared_from_this()](ErrorType error, std::size_t) {
                                    self->reading_ = false;
                                    if (error) return self->close();
                                    if (self->closing_) return;
                                    self->take_in();
                                });
    }

    // What was read; more is read only where all clients together may have so much. A client that
    // has messages in flight waits for those: it may have seen the answer of one before we count
    // it as done.
    void take_in() {
        is_held_ = false;
        if (!share_.set(buffer_.size() + handled_bytes_)) {
            is_held_ = in_flight_ > 0;
            if (is_held_) return;
            // Its goodbye may take a while: the room is the others' at once.
            buffer_.consume(buffer_.size());
            buffer_.shrink_to_fit();
            share_.set(0);
            return begin_close(beast::websocket::close_code::try_again_later);
        }
        if (!stream_.is_message_done()) return read();
        pending_ = beast::buffers_to_string(buffer_.data());
        buffer_.consume(buffer_.size());
        buffer_.shrink_to_fit();
        hand_over();
    }

    // To a worker; while there is none the client waits, and so does its next message.
    void hand_over() {
        waiting_ = false;
        if (closed_ || closing_) return;
        auto message = std::make_shared<std::string>(std::move(pending_));
        const std::uint64_t size = message->size(); // a worker may take it at once
        if (!host_.workers.submit([self = shared_from_this(), message] { self->run(*message); })) {
            pending_ = std::move(*message);
            waiting_ = true;
            timer_.expires_after(busy_pause);
            timer_.async_wait([self = shared_from_this()](ErrorType error) {
                if (!error) self->hand_over();
            });
            return;
        }
        ++in_flight_;
        handled_bytes_ += size;
        if (in_flight_ < handler_.options.messages_in_flight) read();
    }

    void run(std::string& message) {
        const std::uint64_t size = message.size();
        try {
            handler_.on_message(shared_from_this(), std::move(message));
        } catch (const std::exception& error) {
            log::error("net", "websocket {}: a message failed: {}", remote_, error.what());
            end_with(beast::websocket::close_code::internal_error);
        }
        asio::post(host_.io, [self = shared_from_this(), size] {
            self->handled_bytes_ -= std::min(self->handled_bytes_, size);
            self->share_.set(self->buffer_.size() + self->handled_bytes_);
            if (self->in_flight_ > 0) --self->in_flight_;
            if (self->closed_) {
                if (self->in_flight_ == 0) self->note_ended();
            } else if (self->is_held_) {
                if (!self->closing_) self->take_in();
            } else if (!self->reading_ && !self->waiting_) {
                self->read();
            }
        });
    }

    void enqueue(std::string text) {
        if (closed_ || closing_) return;
        out_.push_back(std::move(text));
        if (open_ && !writing_) write();
    }

    void write() {
        writing_ = true;
        stream_.async_write(asio::buffer(out_.front()),
                            [self = shared_from_this()](ErrorType error, std::size_t) {
                                self->writing_ = false;
                                if (error || self->closed_) return self->close();
                                self->queued_bytes_ -= self->out_.front().size() + entry_bytes;
                                self->out_.pop_front();
                                if (!self->out_.empty()) return self->write();
                                if (self->closing_) self->say_goodbye();
                            });
    }

    void begin_close(beast::websocket::close_code code) {
        if (closed_ || closing_) return;
        if (!open_) return close(); // Beast's stream closes only after its handshake
        closing_ = true;
        ended_ = true;
        close_code_ = code;
        if (!writing_) say_goodbye();
    }

    // The peer answers within the handshake's time, or the stream gives up.
    void say_goodbye() {
        stream_.async_close(close_code_, [self = shared_from_this()](ErrorType) { self->close(); });
    }

    void note_ended() {
        if (noted_) return;
        noted_ = true;
        const auto self = shared_from_this();
        if (handler_.on_close) handler_.on_close(self);
        host_.on_closed(*this);
    }

    SessionHost& host_;
    const WebSocketHandler& handler_;
    const std::string remote_;
    beast::websocket::stream<asio::ip::tcp::socket, false> stream_;
    asio::steady_timer timer_;
    beast::flat_buffer buffer_;

    std::atomic<bool> ended_ = false;
    std::atomic<std::uint64_t> queued_bytes_ = 0;

    // io thread
    std::deque<std::string> out_;
    std::string pending_;
    unsigned in_flight_ = 0;
    std::uint64_t handled_bytes_ = 0; // of the messages in flight
    BodyShare share_;
    bool is_held_ = false; // take_in waits for messages in flight
    bool open_ = false, reading_ = false, waiting_ = false, writing_ = false;
    bool closing_ = false, closed_ = false, noted_ = false;
    beast::websocket::close_code close_code_ = beast::websocket::close_code::normal;
};

} // namespace

std::shared_ptr<Connection> start_websocket(SessionHost& host, asio::ip::tcp::socket socket,
                                            std::string remote, UpgradeRequest request) {
    auto out = std::make_shared<WebSocketSession>(host, std::move(socket), std::move(remote));
    out->start(std::move(request));
    return out;
}

} // namespace ol::net
