// A JSON-RPC client for load, for our chain and its peers alike: one thread, many connections.
//
//   rpc_load call --url http://127.0.0.1:8545 --body JSON [--clients 64] [--seconds 5]
//   rpc_load transfers --url URL --count N [--clients 16] [--senders 10] [--token ADDRESS]
//
// call: the same request again and again on each connection; latency of an answer. transfers:
// signed beforehand, from the accounts of the mnemonic that development chains fund; until the last
// is in a block. Each prints one line of JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chain/genesis.hpp"
#include "chain/types/transaction.hpp"
#include "codec/json.hpp"
#include "crypto/mnemonic.hpp"
#include "net/json_rpc.hpp"

namespace {

using namespace ol;
using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

std::uint16_t port_of(const std::string& url) {
    return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

std::string http_post(const std::string& body) {
    return fmt::format("POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                       "content-length: {}\r\n\r\n{}",
                       body.size(), body);
}

// The length of the whole answer at the front of `text`; 0: not all of its header is there.
std::size_t answer_length(const std::string& text) {
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) return 0;
    std::string head = text.substr(0, end);
    std::ranges::transform(head, head.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto at = head.find("content-length:");
    if (at == std::string::npos) return 0;
    return end + 4 + std::stoul(head.substr(at + 15));
}

// Connections that each have one request under way; `next` gives a connection's next request, or
// nothing when there is no more.
class Load {
public:
    using Next = std::function<const std::string*(std::size_t connection)>;

    Load(std::uint16_t port, std::size_t clients)
        : epoll_(::epoll_create1(0)) {
        for (std::size_t i = 0; i < clients; ++i) {
            Connection each;
            each.fd = ::socket(AF_INET, SOCK_STREAM, 0);
            sockaddr_in to{};
            to.sin_family = AF_INET;
            to.sin_port = htons(port);
            to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            if (::connect(each.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
                std::perror("connect");
            const int on = 1;
            ::setsockopt(each.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = i;
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, each.fd, &event);
            connections_.push_back(std::move(each));
        }
    }
    ~Load() {
        for (const auto& each : connections_) ::close(each.fd);
        ::close(epoll_);
    }

    // Returns when `next` has no more for anybody.
    void run(const Next& next) {
        for (std::size_t i = 0; i < connections_.size(); ++i) send(i, next);
        std::vector<epoll_event> events(connections_.size());
        while (under_way_ > 0) {
            const int count =
                ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 5000);
            if (count <= 0) {
                std::fprintf(stderr, "no answer for five seconds\n");
                std::exit(1);
            }
            for (int i = 0; i < count; ++i)
                receive(events[static_cast<std::size_t>(i)].data.u64, next);
        }
    }

    std::vector<double> latencies; // ms
    std::uint64_t errors = 0;
    std::string first_error;

private:
    struct Connection {
        int fd = -1;
        std::string got;
        Clock::time_point sent;
    };

    void send(std::size_t at, const Next& next) {
        const std::string* request = next(at);
        if (request == nullptr) return;
        ++under_way_;
        connections_[at].sent = Clock::now();
        std::string_view rest = *request;
        while (!rest.empty()) {
            const auto put = ::send(connections_[at].fd, rest.data(), rest.size(), MSG_NOSIGNAL);
            if (put <= 0) std::exit(1);
            rest.remove_prefix(static_cast<std::size_t>(put));
        }
    }

    void receive(std::size_t at, const Next& next) {
        Connection& connection = connections_[at];
        char bytes[65536];
        const auto got = ::recv(connection.fd, bytes, sizeof bytes, 0);
        if (got <= 0) {
            std::fprintf(stderr, "a connection ended\n");
            std::exit(1);
        }
        connection.got.append(bytes, static_cast<std::size_t>(got));
        const std::size_t whole = answer_length(connection.got);
        if (whole == 0 || connection.got.size() < whole) return;
        latencies.push_back(milliseconds(Clock::now() - connection.sent));
        if (connection.got.find("\"error\"") != std::string::npos) {
            if (errors++ == 0) first_error = connection.got;
        }
        connection.got.erase(0, whole);
        --under_way_;
        send(at, next);
    }

    int epoll_;
    std::vector<Connection> connections_;
    std::size_t under_way_ = 0;
};

double percentile(std::vector<double>& sorted, double part) {
    if (sorted.empty()) return 0;
    return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

void print(Load& load, double seconds, std::size_t count) {
    std::ranges::sort(load.latencies);
    std::printf(
        "{\"count\":%zu,\"seconds\":%.3f,\"per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
        "\"max_ms\":%.3f,\"errors\":%lu}\n",
        count, seconds, static_cast<double>(count) / seconds, percentile(load.latencies, 0.5),
        percentile(load.latencies, 0.99), percentile(load.latencies, 1), load.errors);
    if (load.errors != 0) std::fprintf(stderr, "%s\n", load.first_error.c_str());
}

using Options = std::map<std::string, std::string>;
std::string option(const Options& options, const std::string& name, const std::string& otherwise) {
    const auto found = options.find(name);
    return found == options.end() ? otherwise : found->second;
}

int run_call(const Options& options) {
    const std::string request = http_post(option(options, "body", ""));
    Load load(port_of(option(options, "url", "")), std::stoul(option(options, "clients", "64")));
    const auto until = [&](double seconds) {
        const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                            std::chrono::duration<double>(seconds));
        load.run([&](std::size_t) { return Clock::now() < end ? &request : nullptr; });
    };
    until(0.5); // caches fill
    load.latencies.clear();
    const double seconds = std::stod(option(options, "seconds", "5"));
    const auto begin = Clock::now();
    until(seconds);
    print(load, milliseconds(Clock::now() - begin) / 1000, load.latencies.size());
    return 0;
}

template <class T>
T take(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
    std::exit(1);
}

Bytes transfer_data(std::uint64_t number) {
    Bytes out = *from_hex("a9059cbb"); // transfer(address,uint256)
    append(out, U256(0x10000 + number).to_be().view());
    append(out, U256(1).to_be().view());
    return out;
}

int run_transfers(const Options& options) {
    const std::string url = option(options, "url", "");
    const std::size_t count = std::stoul(option(options, "count", "1000"));
    const auto senders = static_cast<std::uint32_t>(std::stoul(option(options, "senders", "10")));
    const std::string token = option(options, "token", "");
    net::JsonRpcClient client(url);
    const std::uint64_t chain_id =
        take(take(client.call("eth_chainId", codec::Json::array())).as_u256()).low_u64();
    const auto keys = take(crypto::keys_of_mnemonic(chain::development_mnemonic, senders));
    std::vector<std::uint64_t> nonces;
    for (const auto& key : keys) {
        nonces.push_back(take(take(client.call("eth_getTransactionCount",
                                               codec::Json::array({codec::Json(key.address()),
                                                                   codec::Json("latest")})))
                                  .as_u256())
                             .low_u64());
    }
    // Each connection has senders of its own, so that nonces come in order.
    const std::size_t clients =
        std::min<std::size_t>(std::stoul(option(options, "clients", "16")), senders);
    std::vector<std::vector<std::string>> requests(clients);
    std::vector<Hash32> last(senders);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t sender = i % senders;
        chain::Transaction transaction;
        transaction.type = chain::TransactionType::dynamic_fee;
        transaction.chain_id = chain_id;
        transaction.nonce = nonces[sender]++;
        transaction.max_fee = U256(100'000'000'000);
        transaction.max_priority_fee = U256(1'000'000'000);
        if (token.empty()) {
            Address to;
            put_be64(to.begin() + 12, 0x10000 + i);
            transaction.to = to;
            transaction.value = U256(1);
            transaction.gas_limit = 21'000;
        } else {
            transaction.to = take(address_from_hex(token));
            transaction.data = transfer_data(i);
            transaction.gas_limit = 80'000;
        }
        const auto signature = keys[sender].sign(chain::signing_hash(transaction));
        transaction.y_parity = signature.parity;
        transaction.r = U256::from_be(signature.r.view());
        transaction.s = U256::from_be(signature.s.view());
        const std::string body = fmt::format(
            R"({{"jsonrpc":"2.0","id":{},"method":"eth_sendRawTransaction","params":["{}"]}})", i,
            to_hex0x(chain::encode(transaction)));
        requests[sender % clients].push_back(http_post(body));
        last[sender] = chain::hash(transaction);
    }
    Load load(port_of(url), clients);
    std::vector<std::size_t> at(clients);
    const auto begin = Clock::now();
    load.run([&](std::size_t connection) -> const std::string* {
        auto& place = at[connection];
        return place < requests[connection].size() ? &requests[connection][place++] : nullptr;
    });
    for (const auto& hash : last) {
        if (hash.is_zero()) continue;
        while (
            take(client.call("eth_getTransactionReceipt", codec::Json::array({codec::Json(hash)})))
                .is_null()) {
            ::usleep(2000);
        }
    }
    print(load, milliseconds(Clock::now() - begin) / 1000, count);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    Options options;
    for (int i = 2; i + 1 < argc; i += 2) options[std::string(argv[i]).substr(2)] = argv[i + 1];
    if (mode == "call") return run_call(options);
    if (mode == "transfers") return run_transfers(options);
    std::fprintf(stderr, "usage: rpc_load call|transfers --url URL [options]\n");
    return 2;
}
