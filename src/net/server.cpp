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

class ServerImpl final : public Server {
public:
    ServerImpl(ServerOptions options, Handler handler, IsBrief is_brief)
        : acceptor_(io_)
        , accept_timer_(io_)
        , loop_(io_, 2 + options.worker_threads)
        , workers_(options.worker_threads, options.queue_limit, options.stream_limit)
        , host_{.options = std::move(options),
                .handler = std::move(handler),
                .is_brief = std::move(is_brief),
                .io = io_,
                .loop = loop_,
                .workers = workers_,
                .on_closed = [this](Connection& connection) { forget(connection); },
                .on_upgraded =
                    [this](std::shared_ptr<Connection> connection) {
                        Connection* const key = connection.get();
                        connections_.emplace(key, std::move(connection));
                    }} {}

    ~ServerImpl() override { stop(); }

    Status listen() {
        const ServerOptions& options = host_.options;
        boost::system::error_code error;
        tcp::resolver resolver(io_);
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
        loop_.start();
        is_listening_ = true;
        return {};
    }

    std::uint16_t port() const override { return port_; }

    void stop() override {
        std::call_once(stopped_, [this] {
            if (!is_listening_) return;
            std::promise<void> told;
            asio::post(io_, [this, &told] {
                host_.stopping = true;
                boost::system::error_code ignored;
                acceptor_.close(ignored);
                accept_timer_.cancel();
                for (const auto& each : snapshot()) each->stop();
                told.set_value();
            });
            // Work in place is done by then, or has lost the loop.
            told.get_future().wait();
            workers_.stop();
            loop_.drain();
            asio::post(io_, [this] {
                for (const auto& each : snapshot()) each->drop_unanswered();
                workers_ended_ = true;
                note_empty();
            });
            (void)empty_.get_future().wait_for(flush_time);
            asio::post(io_, [this] {
                for (const auto& each : snapshot()) each->close();
                work_.reset();
                io_.stop();
            });
            loop_.join();
        });
    }

private:
    void accept() {
        acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
            if (host_.stopping || error == asio::error::operation_aborted) return;
            if (error) {
                // Out of descriptors, most likely: wait for some to come back.
                log::warning("net", "cannot accept a connection: {}", error.message());
                accept_timer_.expires_after(accept_pause);
                accept_timer_.async_wait([this](boost::system::error_code waited) {
                    if (!waited) accept();
                });
                return;
            }
            if (connections_.size() >= host_.options.connection_limit) {
                refuse(socket);
            } else {
                auto session = std::make_shared<Session>(host_, std::move(socket));
                connections_.emplace(session.get(), session);
                session->start();
            }
            accept();
        });
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

    void forget(Connection& connection) {
        connections_.erase(&connection);
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
    tcp::acceptor acceptor_;
    asio::steady_timer accept_timer_;
    Loop loop_;
    Workers workers_;
    SessionHost host_;
    std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_; // io thread
    std::uint16_t port_ = 0;
    bool is_listening_ = false;
    std::once_flag stopped_;
    std::promise<void> empty_;
    bool empty_noted_ = false, workers_ended_ = false; // io thread
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
