// A client that loads a chain over its JSON-RPC, the same for ours and for the peer: one thread,
// many connections, one request under way on each. Signed transfers and ERC-20 transfers until all
// are in blocks; eth_call, eth_getLogs and eth_getBlockByNumber from many clients at once. Needs
// the development accounts. Prints one JSON object, with the processor time of the server PID.
//
//   chain_rpc_workload URL PID transfers COUNT SENDERS
//   chain_rpc_workload URL PID deploy BYTECODE_FILE          (an ERC-20 that mints to its creator)
//   chain_rpc_workload URL PID token COUNT SENDERS TOKEN_ADDRESS
//   chain_rpc_workload URL PID call|logs|block COUNT CLIENTS TOKEN_ADDRESS
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.hpp"
#include "codec/abi.hpp"
#include "crypto/hash.hpp"
#include "crypto/mnemonic.hpp"
#include "ledger/rpc.hpp"
#include "ledger/transaction.hpp"
#include "net/json_rpc.hpp"

using namespace ol;
using codec::Json;

namespace {

constexpr std::uint32_t account_count = 10;
constexpr std::string_view words = "test test test test test test test test test test test junk";
constexpr std::uint64_t transfer_gas = 21'000, token_gas = 100'000;
constexpr int silence_ms = 20'000;
constexpr std::size_t warm_up = 10; // so many times fewer reads before those that count

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Processor time of a process so far, all of its threads.
Result<double> cpu_seconds(pid_t pid) {
    clockid_t clock = 0;
    timespec time{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
        return fail(ErrorCode::not_found, "there is no process {}", pid);
    }
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::string http_post(const std::string& method, const std::string& params) {
    const std::string body =
        fmt::format(R"({{"jsonrpc":"2.0","id":1,"method":"{}","params":{}}})", method, params);
    return fmt::format("POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                       "content-length: {}\r\n\r\n{}",
                       body.size(), body);
}

// The length of the whole answer at the front of `text`; 0: not all of its header is there.
std::size_t answer_length(std::string_view text) {
    const auto end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    std::string head(text.substr(0, end));
    std::ranges::transform(head, head.begin(), [](char c) { return c | 0x20; });
    const auto at = head.find("content-length:");
    if (at == std::string::npos) return 0;
    return end + 4 + std::stoul(head.substr(at + 15));
}

// Gives a connection its next request; null when there is no more for it.
using Next = std::function<const std::string*(std::size_t connection)>;

class Load {
public:
    Load() = default;
    ~Load() {
        for (const auto& each : connections_) ::close(each.fd);
        if (epoll_ >= 0) ::close(epoll_);
    }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    Status connect(const std::string& url, std::size_t clients) {
        epoll_ = ::epoll_create1(0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        for (std::size_t i = 0; i < clients; ++i) {
            Connection& each = connections_.emplace_back();
            each.fd = ::socket(AF_INET, SOCK_STREAM, 0);
            if (::connect(each.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
                return fail(ErrorCode::unavailable, "{} cannot be reached", url);
            }
            const int on = 1;
            ::setsockopt(each.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = i;
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, each.fd, &event);
        }
        return {};
    }

    // Returns when `next` has no more for anybody.
    Status run(const Next& next) {
        for (std::size_t i = 0; i < connections_.size(); ++i) OL_TRY(send(i, next));
        std::vector<epoll_event> events(connections_.size());
        while (under_way_ > 0) {
            const int count =
                ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), silence_ms);
            if (count <= 0) return fail(ErrorCode::unavailable, "no answer for {} ms", silence_ms);
            for (int i = 0; i < count; ++i) {
                OL_TRY(receive(events[static_cast<std::size_t>(i)].data.u64, next));
            }
        }
        return {};
    }

    std::vector<double> latencies; // seconds

private:
    struct Connection {
        int fd = -1;
        std::string got;
        Clock::time_point sent;
    };

    Status send(std::size_t at, const Next& next) {
        const std::string* request = next(at);
        if (request == nullptr) return {};
        ++under_way_;
        connections_[at].sent = Clock::now();
        std::string_view rest = *request;
        while (!rest.empty()) {
            const auto put = ::send(connections_[at].fd, rest.data(), rest.size(), MSG_NOSIGNAL);
            if (put <= 0) return fail(ErrorCode::unavailable, "a connection ended");
            rest.remove_prefix(static_cast<std::size_t>(put));
        }
        return {};
    }

    Status receive(std::size_t at, const Next& next) {
        Connection& connection = connections_[at];
        char bytes[65536];
        const auto got = ::recv(connection.fd, bytes, sizeof bytes, 0);
        if (got <= 0) return fail(ErrorCode::unavailable, "a connection ended");
        connection.got.append(bytes, static_cast<std::size_t>(got));
        const std::size_t whole = answer_length(connection.got);
        if (whole == 0 || connection.got.size() < whole) return {};
        latencies.push_back(since(connection.sent));
        if (connection.got.find("\"error\"") != std::string::npos) {
            return fail(ErrorCode::conflict, "{}", connection.got);
        }
        connection.got.erase(0, whole);
        --under_way_;
        return send(at, next);
    }

    int epoll_ = -1;
    std::vector<Connection> connections_;
    std::size_t under_way_ = 0;
};

void print(const char* part, std::vector<double> latencies, double seconds, double cpu) {
    std::ranges::sort(latencies);
    const auto at = [&](double q) {
        return 1e3 *
               latencies[static_cast<std::size_t>(q * static_cast<double>(latencies.size() - 1))];
    };
    std::printf("{\"part\":\"%s\",\"count\":%zu,\"seconds\":%.6f,\"cpu_s\":%.6f,\"p50_ms\":%.4f,"
                "\"p99_ms\":%.4f}\n",
                part, latencies.size(), seconds, cpu, at(0.5), at(0.99));
}

Bytes token_call(std::string_view signature, const Address& account, std::optional<U256> amount) {
    Bytes out;
    append(out, ByteView(crypto::keccak256(signature).view()).first(4));
    out.insert(out.end(), 12, 0);
    append(out, account.view());
    if (amount) append(out, amount->to_be().view());
    return out;
}

Address numbered(std::uint64_t i) {
    Address out;
    put_be64(out.data.data() + 12, 0x1000000 + i);
    out[0] = 0xAA;
    return out;
}

Result<std::uint64_t> number(net::JsonRpcClient& rpc, std::string_view method, Json params) {
    return OL_TRY(OL_TRY(rpc.call(method, std::move(params))).as_u256()).low_u64();
}

struct Target {
    std::string url;
    pid_t pid = 0;
};

// ---- transactions

using Make = std::function<ledger::Transaction(std::uint64_t)>;

// Waits until the account's mined nonce is `nonce`.
Status wait_for_nonce(net::JsonRpcClient& rpc, const Address& account, std::uint64_t nonce) {
    const auto start = Clock::now();
    while (OL_TRY(number(rpc, "eth_getTransactionCount",
                         Json::array({Json(account), Json("latest")}))) < nonce) {
        if (since(start) > 300) {
            return fail(ErrorCode::unavailable, "transactions of {} are not mined after 300 s",
                        to_hex0x(account.view()));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return {};
}

// Each sender has a connection of its own, so that nonces come in order. Signed beforehand.
Status run_transactions(const Target& target, const char* part, std::uint64_t count,
                        std::uint32_t senders, const Make& make) {
    const auto keys = OL_TRY(crypto::keys_of_mnemonic(words, std::min(senders, account_count)));
    net::JsonRpcClient rpc(target.url);
    const auto chain_id = OL_TRY(number(rpc, "eth_chainId", Json::array()));
    std::vector<std::vector<std::string>> requests(keys.size());
    std::vector<std::uint64_t> ends;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        auto nonce = OL_TRY(number(rpc, "eth_getTransactionCount",
                                   Json::array({Json(keys[i].address()), Json("latest")})));
        for (std::uint64_t j = i; j < count; j += keys.size()) {
            auto transaction = make(j);
            transaction.chain_id = chain_id;
            transaction.nonce = nonce++;
            transaction.max_fee = U256(10'000'000'000);
            transaction.max_priority_fee = U256(1'000'000);
            const auto raw = ledger::sign_transaction(transaction, keys[i]);
            requests[i].push_back(http_post("eth_sendRawTransaction",
                                            Json::array({Json(to_hex0x(ByteView(raw)))}).dump()));
        }
        ends.push_back(nonce);
    }
    Load load;
    OL_TRY(load.connect(target.url, keys.size()));
    std::vector<std::size_t> at(keys.size());
    const double cpu = OL_TRY(cpu_seconds(target.pid));
    const auto start = Clock::now();
    OL_TRY(load.run([&](std::size_t connection) -> const std::string* {
        auto& place = at[connection];
        return place < requests[connection].size() ? &requests[connection][place++] : nullptr;
    }));
    for (std::size_t i = 0; i < keys.size(); ++i) {
        OL_TRY(wait_for_nonce(rpc, keys[i].address(), ends[i]));
    }
    print(part, load.latencies, since(start), OL_TRY(cpu_seconds(target.pid)) - cpu);
    return {};
}

ledger::Transaction make_transfer(std::uint64_t i) {
    ledger::Transaction out;
    out.to = numbered(i);
    out.value = U256(1 + i);
    out.gas = transfer_gas;
    return out;
}

ledger::Transaction make_token_transfer(std::uint64_t i, const Address& token) {
    ledger::Transaction out;
    out.to = token;
    out.data = token_call("transfer(address,uint256)", numbered(i), U256(1));
    out.gas = token_gas;
    return out;
}

// Creates the token and gives each account some.
Status run_deploy(const Target& target, const Path& file) {
    const auto keys = OL_TRY(crypto::keys_of_mnemonic(words, account_count));
    auto text = OL_TRY(read_text_file(file, 1U << 20));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    const auto code = OL_TRY(from_hex(text));
    ledger::Chain chain(target.url);
    const auto receipt = OL_TRY(chain.deploy(keys[0], code));
    if (!receipt.created) return fail(ErrorCode::internal, "the token was not created");
    const Address token = *receipt.created;
    for (std::size_t i = 1; i < keys.size(); ++i) {
        const auto data =
            token_call("transfer(address,uint256)", keys[i].address(), U256(1'000'000'000));
        OL_TRY(chain.send(keys[0], {token, data, {}}));
    }
    std::printf("{\"part\":\"deploy\",\"address\":\"%s\"}\n", to_hex0x(token.view()).c_str());
    return {};
}

// ---- reads

std::string balance_call(std::uint64_t i, const Address& token) {
    const auto data = token_call("balanceOf(address)", numbered(i % 1000), {});
    const Json what = Json::object({{"to", Json(token)}, {"data", Json(to_hex0x(ByteView(data)))}});
    return http_post("eth_call", Json::array({what, Json("latest")}).dump());
}

// Transfers to one account in a window of 50 blocks.
std::string log_query(std::uint64_t i, const Address& token, std::uint64_t head) {
    Hash32 receiver;
    const Address account = numbered(i % 1000);
    std::copy(account.begin(), account.end(), receiver.begin() + 12);
    const std::uint64_t last = head - (head > 200 ? i % 100 : 0);
    const auto event = crypto::keccak256("Transfer(address,address,uint256)");
    const Json filter =
        Json::object({{"address", Json(token)},
                      {"fromBlock", Json(U256(last > 50 ? last - 50 : 0).to_quantity())},
                      {"toBlock", Json(U256(last).to_quantity())},
                      {"topics", Json::array({Json(event), Json(nullptr), Json(receiver)})}});
    return http_post("eth_getLogs", Json::array({filter}).dump());
}

Status run_reads(const Target& target, const char* part, std::uint64_t count, std::size_t clients,
                 const std::function<std::string(std::uint64_t)>& make) {
    std::vector<std::string> requests; // made beforehand, used in turn
    for (std::uint64_t i = 0; i < 1000; ++i) requests.push_back(make(i));
    Load load;
    OL_TRY(load.connect(target.url, clients));
    std::uint64_t sent = 0;
    const auto until = [&](std::uint64_t end) {
        return load.run([&, end](std::size_t) {
            return sent < end ? &requests[sent++ % requests.size()] : nullptr;
        });
    };
    OL_TRY(until(count / warm_up));
    load.latencies.clear();
    const double cpu = OL_TRY(cpu_seconds(target.pid));
    const auto start = Clock::now();
    OL_TRY(until(sent + count));
    print(part, load.latencies, since(start), OL_TRY(cpu_seconds(target.pid)) - cpu);
    return {};
}

Status run(std::span<char*> arguments) {
    const Target target{arguments[1],
                        static_cast<pid_t>(OL_TRY(U256::parse(arguments[2])).low_u64())};
    const std::string_view part = arguments[3];
    if (part == "deploy") return run_deploy(target, arguments[4]);
    const std::uint64_t count = OL_TRY(U256::parse(arguments[4])).low_u64();
    if (arguments.size() < 6) return fail(ErrorCode::invalid_argument, "{} wants more", part);
    const auto clients = static_cast<std::uint32_t>(OL_TRY(U256::parse(arguments[5])).low_u64());
    if (count == 0 || clients == 0 || clients > 1024) {
        return fail(ErrorCode::invalid_argument, "COUNT and CLIENTS are from 1 on");
    }
    if (part == "transfers") {
        return run_transactions(target, "transfers", count, clients, make_transfer);
    }
    if (arguments.size() < 7) return fail(ErrorCode::invalid_argument, "{} wants a token", part);
    const auto token = OL_TRY(address_from_hex(arguments[6]));
    if (part == "token") {
        return run_transactions(target, "token", count, clients,
                                [&](std::uint64_t i) { return make_token_transfer(i, token); });
    }
    if (part == "call") {
        return run_reads(target, "call", count, clients,
                         [&](std::uint64_t i) { return balance_call(i, token); });
    }
    if (part == "logs") {
        net::JsonRpcClient rpc(target.url);
        const auto head = OL_TRY(number(rpc, "eth_blockNumber", Json::array()));
        return run_reads(target, "logs", count, clients,
                         [&](std::uint64_t i) { return log_query(i, token, head); });
    }
    if (part == "block") {
        return run_reads(target, "block", count, clients, [](std::uint64_t) {
            return http_post("eth_getBlockByNumber", R"(["latest",true])");
        });
    }
    return fail(ErrorCode::invalid_argument, "there is no part '{}'", part);
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fprintf(stderr, "usage: chain_rpc_workload URL PID "
                             "transfers|deploy|token|call|logs|block COUNT CLIENTS [TOKEN]\n");
        return 2;
    }
    const auto done = run({argv, static_cast<std::size_t>(argc)});
    if (!done) std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
    return done ? 0 : 1;
}
