// A client that loads a chain over its JSON-RPC, the same for ours and for the peer: signed
// transfers and ERC-20 transfers until each has its receipt, eth_call and eth_getLogs from many
// clients at once. Needs the development accounts. Prints one JSON object; the caller reads the
// server's CPU time.
//
//   chain_rpc_workload URL transfers COUNT SENDERS
//   chain_rpc_workload URL token COUNT SENDERS BYTECODE_FILE   (an ERC-20 that mints to its
//   creator) chain_rpc_workload URL call COUNT CLIENTS TOKEN_ADDRESS chain_rpc_workload URL logs
//   COUNT CLIENTS TOKEN_ADDRESS
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <thread>

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

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Work of each thread; the first failure is the program's.
Status together(unsigned threads, const std::function<Status(unsigned)>& work) {
    std::vector<Status> results(threads);
    std::vector<std::thread> running;
    for (unsigned i = 0; i < threads; ++i) {
        running.emplace_back([&, i] { results[i] = work(i); });
    }
    for (auto& thread : running) thread.join();
    for (auto& result : results) {
        if (!result) return result;
    }
    return {};
}

Bytes token_call(std::string_view signature, const Address& account, std::optional<U256> amount) {
    Bytes out;
    append(out, ByteView(crypto::keccak256(signature).view()).first(4));
    out.insert(out.end(), 12, 0);
    append(out, account.view());
    if (amount) append(out, amount->to_be().view());
    return out;
}

Result<std::uint64_t> number(net::JsonRpcClient& rpc, std::string_view method, Json params) {
    return OL_TRY(OL_TRY(rpc.call(method, std::move(params))).as_u256()).low_u64();
}

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

struct Signed {
    std::vector<std::string> raw; // in the order of nonces
    std::uint64_t end_nonce = 0;
};

// Sends what was signed, one connection a sender, and waits for the last block.
Status send_all(const std::string& url, std::span<const crypto::PrivateKey> keys,
                std::span<const Signed> work, const char* name) {
    std::uint64_t count = 0;
    for (const auto& each : work) count += each.raw.size();
    const auto start = Clock::now();
    OL_TRY(together(static_cast<unsigned>(work.size()), [&](unsigned i) -> Status {
        net::JsonRpcClient rpc(url);
        for (const auto& raw : work[i].raw) {
            OL_TRY(rpc.call("eth_sendRawTransaction", Json::array({Json(raw)})));
        }
        return wait_for_nonce(rpc, keys[i].address(), work[i].end_nonce);
    }));
    std::printf("{\"part\":\"%s\",\"count\":%llu,\"seconds\":%.6f}\n", name,
                static_cast<unsigned long long>(count), since(start));
    return {};
}

Result<std::vector<Signed>> sign_all(const std::string& url,
                                     std::span<const crypto::PrivateKey> keys, std::uint64_t count,
                                     const std::function<ledger::Transaction(std::size_t)>& make) {
    net::JsonRpcClient rpc(url);
    const auto chain_id = OL_TRY(number(rpc, "eth_chainId", Json::array()));
    std::vector<Signed> out(keys.size());
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
            out[i].raw.push_back(to_hex0x(ByteView(raw)));
        }
        out[i].end_nonce = nonce;
    }
    return out;
}

Address numbered(std::uint64_t i) {
    Address out;
    put_be64(out.data.data() + 12, 0x1000000 + i);
    out[0] = 0xAA;
    return out;
}

Status run_transfers(const std::string& url, std::uint64_t count, unsigned senders) {
    const auto keys = OL_TRY(crypto::keys_of_mnemonic(words, std::min(senders, account_count)));
    const auto work = OL_TRY(sign_all(url, keys, count, [](std::size_t i) {
        ledger::Transaction out;
        out.to = numbered(i);
        out.value = U256(1 + i);
        out.gas = transfer_gas;
        return out;
    }));
    return send_all(url, keys, work, "transfers");
}

// Creates the token and gives each account some.
Status run_deploy(const std::string& url, const Path& file) {
    const auto keys = OL_TRY(crypto::keys_of_mnemonic(words, account_count));
    auto text = OL_TRY(read_text_file(file, 1U << 20));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    const auto code = OL_TRY(from_hex(text));
    ledger::Chain chain(url);
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

Status run_token(const std::string& url, std::uint64_t count, unsigned senders,
                 const Address& token) {
    const auto keys = OL_TRY(crypto::keys_of_mnemonic(words, std::min(senders, account_count)));
    const auto work = OL_TRY(sign_all(url, keys, count, [&](std::size_t i) {
        ledger::Transaction out;
        out.to = token;
        out.data = token_call("transfer(address,uint256)", numbered(i), U256(1));
        out.gas = token_gas;
        return out;
    }));
    return send_all(url, keys, work, "token");
}

// `count` calls from `clients` connections at once; latencies by percentile.
Status run_reads(const std::string& url, std::uint64_t count, unsigned clients, const char* name,
                 const std::function<Json(std::uint64_t)>& params, const char* method) {
    std::vector<std::vector<double>> latencies(clients);
    std::atomic<std::uint64_t> next = 0;
    const auto start = Clock::now();
    OL_TRY(together(clients, [&](unsigned client) -> Status {
        net::JsonRpcClient rpc(url);
        for (std::uint64_t i = next++; i < count; i = next++) {
            const auto begin = Clock::now();
            OL_TRY(rpc.call(method, params(i)));
            latencies[client].push_back(since(begin));
        }
        return {};
    }));
    const double seconds = since(start);
    std::vector<double> all;
    for (const auto& each : latencies) all.insert(all.end(), each.begin(), each.end());
    std::sort(all.begin(), all.end());
    const auto at = [&](double q) {
        return 1e3 * all[static_cast<std::size_t>(q * static_cast<double>(all.size() - 1))];
    };
    std::printf(
        "{\"part\":\"%s\",\"count\":%zu,\"seconds\":%.6f,\"p50_ms\":%.4f,\"p99_ms\":%.4f}\n", name,
        all.size(), seconds, at(0.5), at(0.99));
    return {};
}

Status run(std::span<char*> arguments) {
    const std::string url = arguments[1];
    const std::string_view part = arguments[2];
    const std::uint64_t count = OL_TRY(U256::parse(arguments[3])).low_u64();
    const auto clients = static_cast<unsigned>(OL_TRY(U256::parse(arguments[4])).low_u64());
    if (count == 0 || clients == 0 || clients > 1024) {
        return fail(ErrorCode::invalid_argument, "COUNT and CLIENTS are from 1 on");
    }
    if (part == "transfers") return run_transfers(url, count, clients);
    if (arguments.size() < 6) return fail(ErrorCode::invalid_argument, "{} wants one more", part);
    if (part == "deploy") return run_deploy(url, arguments[5]);
    const auto token = OL_TRY(address_from_hex(arguments[5]));
    if (part == "token") return run_token(url, count, clients, token);
    if (part == "call") {
        return run_reads(
            url, count, clients, "call",
            [&](std::uint64_t i) {
                const auto data = token_call("balanceOf(address)", numbered(i % 1000), {});
                return Json::array(
                    {Json::object({{"to", Json(token)}, {"data", Json(to_hex0x(ByteView(data)))}}),
                     Json("latest")});
            },
            "eth_call");
    }
    if (part == "logs") {
        net::JsonRpcClient rpc(url);
        const auto head = OL_TRY(number(rpc, "eth_blockNumber", Json::array()));
        return run_reads(
            url, count, clients, "logs",
            [&](std::uint64_t i) {
                // Transfers to one account in a window of 50 blocks.
                Hash32 topic;
                const Address account = numbered(i % 1000);
                std::copy(account.begin(), account.end(), topic.begin() + 12);
                const std::uint64_t last = head - (head > 200 ? i % 100 : 0);
                return Json::array({Json::object(
                    {{"address", Json(token)},
                     {"fromBlock", Json(U256(last > 50 ? last - 50 : 0).to_quantity())},
                     {"toBlock", Json(U256(last).to_quantity())},
                     {"topics",
                      Json::array({Json(crypto::keccak256("Transfer(address,address,uint256)")),
                                   Json(nullptr), Json(topic)})}})});
            },
            "eth_getLogs");
    }
    return fail(ErrorCode::invalid_argument, "there is no part '{}'", part);
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fprintf(stderr,
                     "usage: chain_rpc_workload URL transfers|deploy|token|call|logs COUNT CLIENTS "
                     "[BYTECODE_FILE | TOKEN_ADDRESS]\n");
        return 2;
    }
    const auto done = run({argv, static_cast<std::size_t>(argc)});
    if (!done) std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
    return done ? 0 : 1;
}
