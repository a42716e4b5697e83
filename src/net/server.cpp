#include <algorithm>
#include <future>
#include <thread>
#include <unordered_map>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/log.hpp"
#include "net/session_internal.hpp"

namespace ol::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds flush_time{1000}; // for replies under way when the server stops
constexpr milliseconds accept_pause{100};

std::unexpected<Error> listen_failure(const ServerOptions& options,
                                      const boost::system::error_code& error) {
    const std::string place = fmt::format("cannot listen on {}:{}", options.host, options.port);
    if (error == asio::error::address_in_use) {
        return fail(ErrorCode::unavailable,
                    "{}: the port is taken by another program (stop that one, or choose another "
                    "port)",
                    place);
    }
    if (error == asio::error::access_denied) {
        return fail(ErrorCode::permission_denied,
                    "{}: the system does not allow it (ports below 1024 need privileges; choose "
                    "another port)",
                    place);
    }
    return fail(ErrorCode::unavailable, "{}: {}", place, error.message());
}

// A part of the server's connections, with a loop of its own.
class Lane {
public:
    Lane(ServerShared& shared, Workers& workers)
        : loop_(io_, 2 + shared.options.worker_threads)
        , host_{.shared = shared,
                .io = io_,
                .loop = loop_,
                .workers = workers,
                .on_closed = [this](Connection& connection) { forget(connection); },
                .on_upgraded = [this](auto connection) { keep(std::move(connection)); }} {}

    asio::io_context& io() { return io_; }
    Loop& loop() { return loop_; }
    std::size_t size() const { return size_; } // any thread

    // Any thread, with a socket of this lane's io.
    void serve(tcp::socket socket) {
        ++size_;
        asio::post(io_, [this, socket = std::move(socket)]() mutable {
            --size_;
            if (host_.stopping) return;
            auto session = std::make_shared<Session>(host_, std::move(socket));
            keep(session);
            session->start();
        });
    }

    // The steps of an end, in this order; from the stopping thread. Work in place is done when the
    // first returns, or has lost the loop.
    void stop_reading() {
        std::promise<void> told;
        asio::post(io_, [this, &told] {
            host_.stopping = true;
            for (const auto& each : snapshot()) each->stop();
            told.set_value();
        });
        told.get_future().wait();
    }
    void drop_unanswered() {
        loop_.drain();
        asio::post(io_, [this] {
            for (const auto& each : snapshot()) each->drop_unanswered();
            workers_ended_ = true;
            note_empty();
        });
    }
    void await_empty(std::chrono::steady_clock::time_point until) {
        (void)empty_.get_future().wait_until(until);
    }
    void close() {
        asio::post(io_, [this] {
            for (const auto& each : snapshot()) each->close();
            work_.reset();
            io_.stop();
        });
        loop_.join();
    }

private:
    void keep(std::shared_ptr<Connection> connection) {
        Connection* const key = connection.get();
        connections_.emplace(key, std::move(connection));
        ++size_;
    }

    void forget(Connection& connection) {
        size_ -= connections_.erase(&connection);
        note_empty();
    }

    void note_empty() {
        if (workers_ended_ && connections_.empty() && !empty_noted_) {
            empty_noted_ = true;
            empty_.set_value();
        }
    }

    std::vector<std::shared_ptr<Connection>> snapshot() const {
        std::vector<std::shared_ptr<Connection>> out;
        for (const auto& [key, connection] : connections_) out.push_back(connection);
        return out;
    }

    asio::io_context io_; // several threads may post; one at a time runs it
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    Loop loop_;
    SessionHost host_;
    std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_; // io thread
    std::atomic<std::size_t> size_ = 0; // of connections_, and of what is on its way there
    std::promise<void> empty_;
    bool empty_noted_ = false, workers_ended_ = false; // io thread
};

// Work in place wants a processor a lane; otherwise one lane is enough to read and write.
std::size_t lanes_for(bool works_in_place) {
    constexpr unsigned most = 4;
    return works_in_place ? std::clamp(std::thread::hardware_concurrency(), 1U, most) : 1;
}

class ServerImpl final : public Server {
public:
    ServerImpl(ServerOptions options, Handler handler, IsBrief is_brief)
        : shared_{.options = std::move(options),
                  .handler = std::move(handler),
                  .is_brief = std::move(is_brief)}
        , workers_(shared_.options.worker_threads, shared_.options.queue_limit,
                   shared_.options.stream_limit)
        , lanes_(make_lanes())
        , acceptor_(lanes_[0]->io())
        , accept_timer_(lanes_[0]->io()) {}

    ~ServerImpl() override { stop(); }

    Status listen() {
        const ServerOptions& options = shared_.options;
        boost::system::error_code error;
        tcp::resolver resolver(lanes_[0]->io());
        const auto found = resolver.resolve(options.host, std::to_string(options.port),
                                            tcp::resolver::passive, error);
        if (error || found.empty()) {
            return fail(ErrorCode::invalid_argument,
                        "cannot listen on {}:{}: no such address (use 127.0.0.1 for this machine "
                        "alone, 0.0.0.0 for all its networks)",
                        options.host, options.port);
        }
        tcp::endpoint endpoint = found.begin()->endpoint();
        for (const auto& each : found) { // "localhost": the IPv4 form, as most clients take it
            if (each.endpoint().address().is_v4()) {
                endpoint = each.endpoint();
                break;
            }
        }
        acceptor_.open(endpoint.protocol(), error);
        if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
        if (!error) acceptor_.bind(endpoint, error);
        if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
        if (error) return listen_failure(options, error);
        port_ = acceptor_.local_endpoint(error).port();
        accept();
        for (const auto& lane : lanes_) lane->loop().start();
        is_listening_ = true;
        return {};
    }

    std::uint16_t port() const override { return port_; }

    void stop() override {
        std::call_once(stopped_, [this] {
            if (!is_listening_) return;
            std::promise<void> told;
            asio::post(lanes_[0]->io(), [this, &told] {
                is_closed_ = true;
                boost::system::error_code ignored;
                acceptor_.close(ignored);
                accept_timer_.cancel();
                told.set_value();
            });
            told.get_future().wait();
            for (const auto& lane : lanes_) lane->stop_reading();
            workers_.stop();
            for (const auto& lane : lanes_) lane->drop_unanswered();
            const auto until = std::chrono::steady_clock::now() + flush_time;
            for (const auto& lane : lanes_) lane->await_empty(until);
            for (const auto& lane : lanes_) lane->close();
        });
    }

private:
    std::vector<std::unique_ptr<Lane>> make_lanes() {
        std::vector<std::unique_ptr<Lane>> out(lanes_for(shared_.is_brief != nullptr));
        for (auto& lane : out) lane = std::make_unique<Lane>(shared_, workers_);
        return out;
    }

    // To the lane with the fewest connections.
    void accept() {
        Lane& lane = **std::ranges::min_element(
            lanes_, {}, [](const std::unique_ptr<Lane>& each) { return each->size(); });
        acceptor_.async_accept(
            lane.io(), [this, &lane](boost::system::error_code error, tcp::socket socket) {
                if (is_closed_ || error == asio::error::operation_aborted) return;
                if (error) {
                    // Out of descriptors, most likely: wait for some to come back.
                    log::warning("net", "cannot accept a connection: {}", error.message());
                    accept_timer_.expires_after(accept_pause);
                    accept_timer_.async_wait([this](boost::system::error_code waited) {
                        if (!waited) accept();
                    });
                    return;
                }
                if (connection_count() >= shared_.options.connection_limit) {
                    refuse(socket);
                } else {
                    lane.serve(std::move(socket));
                }
                accept();
            });
    }

    std::size_t connection_count() const {
        std::size_t out = 0;
        for (const auto& lane : lanes_) out += lane->size();
        return out;
    }

    // Best effort: a new connection's send buffer holds this much without waiting.
    static void refuse(tcp::socket& socket) {
        const std::string body =
            error_reply(503, "unavailable", "too many connections; try again soon").body;
        const std::string reply =
            fmt::format("HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
                        "content-length: {}\r\nretry-after: 1\r\nconnection: close\r\n\r\n{}",
                        body.size(), body);
        boost::system::error_code ignored;
        socket.non_blocking(true, ignored);
        socket.write_some(asio::buffer(reply), ignored);
        socket.shutdown(tcp::socket::shutdown_send, ignored);
    }

    ServerShared shared_;
    Workers workers_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    tcp::acceptor acceptor_; // the first lane's, as are the timer and is_closed_
    asio::steady_timer accept_timer_;
    bool is_closed_ = false;
    std::uint16_t port_ = 0;
    bool is_listening_ = false;
    std::once_flag stopped_;
};

} // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
    return start_server(std::move(options), std::move(handler), {});
}

Result<std::unique_ptr<Server>> start_server(ServerOptions options, Handler handler,
                                             IsBrief is_brief) {
    auto server =
        std::make_unique<ServerImpl>(std::move(options), std::move(handler), std::move(is_brief));
    OL_TRY(server->listen());
    return std::unique_ptr<Server>(std::move(server));
}

} // namespace ol::net
