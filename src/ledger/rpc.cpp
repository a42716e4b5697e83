#include "ledger/rpc.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "crypto/hash.hpp"
#include "ledger/revert.hpp"
#include "ledger/transaction.hpp"

namespace ol::ledger {

namespace {

using codec::Json;

constexpr std::uint64_t logs_blocks = 10'000; // blocks asked for at once: public nodes refuse more
constexpr std::size_t sent_limit = 4096;      // newest transactions that sent() remembers
constexpr int nonce_attempts = 3;
constexpr std::int64_t first_poll_ms = 1, longest_poll_ms = 250;

Result<std::uint64_t> to_u64(const Json& quantity) {
    const U256 value = OL_TRY(quantity.as_u256());
    if (!value.fits_u64()) {
        return fail(ErrorCode::unsupported, "{} does not fit 64 bits", value.to_decimal());
    }
    return value.low_u64();
}

Json block_tag(std::uint64_t number) { return Json(U256(number).to_quantity()); }

// The bytes that a node attaches to an error, as JsonRpcClient writes them: "... data 0x...".
std::optional<Bytes> error_data(std::string_view context) {
    static constexpr std::string_view marker = "data 0x";
    const auto at = context.rfind(marker);
    if (at == std::string_view::npos) return {};
    std::string_view hex = context.substr(at + marker.size());
    hex = hex.substr(0, hex.find_first_not_of("0123456789abcdefABCDEF"));
    if (auto bytes = from_hex(hex)) return std::move(*bytes);
    return {};
}

bool says(const Error& error, std::string_view lower_case) {
    std::string text = error.context;
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text.find(lower_case) != std::string::npos;
}

Json call_object(const std::optional<Address>& from, const std::optional<Address>& to,
                 ByteView data, const U256& value) {
    Json out = Json::object();
    if (from) out.set("from", *from);
    if (to) out.set("to", *to);
    out.set("data", to_hex0x(data));
    if (!value.is_zero()) out.set("value", value.to_quantity());
    return out;
}

Result<LogEntry> log_from(const Json& json) {
    LogEntry out;
    out.address = OL_TRY(json["address"].as_address());
    for (const auto& topic : json["topics"].items()) {
        out.topics.push_back(OL_TRY(topic.as_hash32()));
    }
    out.data = OL_TRY(json["data"].as_hex_bytes());
    out.block_number = OL_TRY(to_u64(json["blockNumber"]));
    out.log_index = static_cast<std::uint32_t>(OL_TRY(to_u64(json["logIndex"])));
    out.transaction = OL_TRY(json["transactionHash"].as_hash32());
    return out;
}

Result<TransactionReceipt> receipt_from(const Json& json) {
    TransactionReceipt out;
    out.hash = OL_TRY(json["transactionHash"].as_hash32());
    out.succeeded = OL_TRY(to_u64(json["status"])) == 1;
    out.block_number = OL_TRY(to_u64(json["blockNumber"]));
    out.gas_used = OL_TRY(to_u64(json["gasUsed"]));
    if (!json["contractAddress"].is_null()) {
        out.created = OL_TRY(json["contractAddress"].as_address());
    }
    for (const auto& log : json["logs"].items()) out.logs.push_back(OL_TRY(log_from(log)));
    return out;
}

} // namespace

struct Chain::Impl {
    // One account's transactions are numbered under its mutex; `in_flight` counts those that
    // somebody still waits for. While there is none the node's own count is right, also after
    // somebody else used the key or the chain began anew; while there are some, a node that is slow
    // to count its pending transactions is not believed.
    struct Sender {
        std::mutex mutex;
        std::uint64_t next = 0;
        std::uint64_t in_flight = 0;
    };
    struct Outgoing {
        std::optional<Address> to;
        ByteView data;
        U256 value;
    };
    struct Fees {
        U256 max_priority_fee, max_fee;
        std::uint64_t block_gas_limit = 0;
    };

    std::string url;
    mutable std::mutex mutex; // of all that follows
    std::vector<std::unique_ptr<net::JsonRpcClient>> idle;
    std::optional<std::uint64_t> chain_id;
    std::map<Address, std::unique_ptr<Sender>> senders;
    std::map<std::thread::id, std::string> labels;
    std::vector<Sent> sent;
    RevertReasons reasons;

    // A connection serves one call at a time, so each concurrent caller takes its own.
    Result<Json> ask(std::string_view method, Json params) {
        std::unique_ptr<net::JsonRpcClient> client;
        {
            const std::lock_guard lock(mutex);
            if (!idle.empty()) {
                client = std::move(idle.back());
                idle.pop_back();
            }
        }
        if (!client) client = std::make_unique<net::JsonRpcClient>(url);
        auto result = client->call(method, std::move(params));
        {
            const std::lock_guard lock(mutex);
            idle.push_back(std::move(client));
        }
        if (!result && result.error().code == ErrorCode::unavailable) {
            return fail(
                ErrorCode::unavailable,
                "the ledger at {} does not answer ({}); start a chain there, for development "
                "`anvil`, or give the URL of one that runs",
                url, result.error().context);
        }
        return result;
    }

    Result<std::uint64_t> ask_u64(std::string_view method, Json params) {
        const Json result = OL_TRY(ask(method, std::move(params)));
        return OL_TRY_IN(to_u64(result), "{}", method);
    }

    Result<std::uint64_t> id() {
        {
            const std::lock_guard lock(mutex);
            if (chain_id) return *chain_id;
        }
        const std::uint64_t id = OL_TRY(ask_u64("eth_chainId", Json::array()));
        const std::lock_guard lock(mutex);
        chain_id = id;
        return id;
    }

    // A node's refusal to execute, with the contract's reason in place of the node's wording.
    Error refusal(Error error) const {
        if (error.code != ErrorCode::conflict) return error;
        const std::lock_guard lock(mutex);
        if (const auto data = error_data(error.context)) {
            error.context = "reverted: " + reasons.describe(*data);
        } else if (says(error, "execution reverted")) {
            error.context = "reverted: no reason given";
        }
        return error;
    }

    std::string take_label(const Outgoing& out) {
        const std::lock_guard lock(mutex);
        const auto found = labels.find(std::this_thread::get_id());
        if (found != labels.end()) {
            std::string what = std::move(found->second);
            labels.erase(found);
            return what;
        }
        if (!out.to) return "contract creation";
        return fmt::format("call {} of {}",
                           to_hex0x(out.data.first(std::min<std::size_t>(4, out.data.size()))),
                           to_hex0x(out.to->view()));
    }

    Sender& sender(const Address& account) {
        const std::lock_guard lock(mutex);
        auto& slot = senders[account];
        if (!slot) slot = std::make_unique<Sender>();
        return *slot;
    }

    // The base fee may grow by 1/8 a block: twice today's lasts for six full blocks. The tip is
    // what the node's own price adds to the base fee; on chains that ask for none it is zero.
    Result<Fees> fees() {
        const Json block =
            OL_TRY(ask("eth_getBlockByNumber", Json::array({Json("latest"), Json(false)})));
        if (!block.contains("baseFeePerGas")) {
            return fail(ErrorCode::unsupported,
                        "the chain at {} has no base fee; a chain with EIP-1559 is needed", url);
        }
        Fees out;
        const U256 base = OL_TRY(block["baseFeePerGas"].as_u256());
        const U256 price = OL_TRY(OL_TRY(ask("eth_gasPrice", Json::array())).as_u256());
        out.max_priority_fee = price > base ? price - base : U256();
        out.max_fee = base * U256(2) + out.max_priority_fee;
        out.block_gas_limit = OL_TRY(to_u64(block["gasLimit"]));
        return out;
    }

    Result<Hash32> sign_and_send(const crypto::PrivateKey& key, const Outgoing& out,
                                 std::uint64_t estimate) {
        const Fees fee = OL_TRY(fees());
        Transaction transaction;
        transaction.chain_id = OL_TRY(id());
        transaction.max_priority_fee = fee.max_priority_fee;
        transaction.max_fee = fee.max_fee;
        transaction.gas =
            std::max(estimate, std::min(estimate + estimate / 4, fee.block_gas_limit));
        transaction.to = out.to;
        transaction.value = out.value;
        transaction.data.assign(out.data.begin(), out.data.end());

        Sender& account = sender(key.address());
        const std::lock_guard lock(account.mutex);
        for (int attempt = 1;; ++attempt) {
            const std::uint64_t counted = OL_TRY(ask_u64(
                "eth_getTransactionCount", Json::array({Json(key.address()), Json("pending")})));
            transaction.nonce = account.in_flight == 0 ? counted : std::max(counted, account.next);
            const Bytes raw = sign_transaction(transaction, key);
            const auto hash = ask("eth_sendRawTransaction", Json::array({Json(to_hex0x(raw))}));
            // "already known": the node has these very bytes, so it has the transaction.
            if (hash || says(hash.error(), "already known") ||
                says(hash.error(), "already imported")) {
                account.next = transaction.nonce + 1;
                ++account.in_flight;
                return crypto::keccak256(raw);
            }
            const bool number_taken =
                says(hash.error(), "nonce") || says(hash.error(), "underpriced");
            if (!number_taken || attempt == nonce_attempts) {
                return std::unexpected(refusal(hash.error()));
            }
            account.in_flight = 0;
        }
    }

    Result<TransactionReceipt> wait(const Hash32& transaction, std::int64_t timeout_ms) {
        using Clock = std::chrono::steady_clock;
        const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
        for (std::int64_t pause_ms = first_poll_ms;;
             pause_ms = std::min(pause_ms * 2, longest_poll_ms)) {
            const Json json =
                OL_TRY(ask("eth_getTransactionReceipt", Json::array({Json(transaction)})));
            // Some nodes show a receipt without a block for a moment.
            if (!json.is_null() && !json["blockNumber"].is_null()) {
                return OL_TRY_IN(receipt_from(json), "receipt of {}", to_hex0x(transaction.view()));
            }
            if (Clock::now() >= deadline) {
                return fail(ErrorCode::unavailable,
                            "transaction {} is in no block after {} ms; it may still come: ask for "
                            "its receipt later",
                            to_hex0x(transaction.view()), timeout_ms);
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
        }
    }

    // Why a transaction that passed the estimate was refused in its block: the state had changed.
    std::string replay_reason(const Address& from, const Outgoing& out, std::uint64_t block) {
        const auto result =
            ask("eth_call",
                Json::array({call_object(from, out.to, out.data, out.value), block_tag(block)}));
        return result ? "out of gas, or the state changed before it was executed"
                      : refusal(result.error()).context;
    }

    Result<TransactionReceipt> submit(const crypto::PrivateKey& key, const Outgoing& out) {
        const std::string what = take_label(out);
        const Address from = key.address();
        const auto estimate = ask_u64(
            "eth_estimateGas", Json::array({call_object(from, out.to, out.data, out.value)}));
        if (!estimate) return std::unexpected(refusal(estimate.error()).within(what));
        const Hash32 hash = OL_TRY_IN(sign_and_send(key, out, *estimate), "{}", what);
        auto receipt = wait(hash, 30'000);
        {
            Sender& account = sender(from);
            const std::lock_guard lock(account.mutex);
            if (account.in_flight > 0) --account.in_flight;
        }
        if (!receipt) return std::unexpected(receipt.error().within(what));
        {
            const std::lock_guard lock(mutex);
            if (sent.size() == sent_limit) sent.erase(sent.begin());
            sent.push_back({hash, from, what, receipt->gas_used, receipt->block_number});
        }
        if (!receipt->succeeded) {
            return fail(ErrorCode::conflict, "{}: transaction {} reverted: {}", what,
                        to_hex0x(hash.view()), replay_reason(from, out, receipt->block_number));
        }
        return receipt;
    }
};

Chain::Chain(std::string url)
    : impl_(std::make_unique<Impl>()) {
    impl_->url = std::move(url);
}

Chain::~Chain() = default;

const std::string& Chain::url() const { return impl_->url; }

Result<std::uint64_t> Chain::chain_id() { return impl_->id(); }

Result<std::uint64_t> Chain::block_number() {
    return impl_->ask_u64("eth_blockNumber", Json::array());
}

Result<std::uint64_t> Chain::block_timestamp() {
    const Json block =
        OL_TRY(impl_->ask("eth_getBlockByNumber", Json::array({Json("latest"), Json(false)})));
    return OL_TRY_IN(to_u64(block["timestamp"]), "the latest block's timestamp");
}

Result<U256> Chain::balance(const Address& account) {
    const Json result =
        OL_TRY(impl_->ask("eth_getBalance", Json::array({Json(account), Json("latest")})));
    return result.as_u256();
}

Result<Bytes> Chain::code(const Address& account) {
    const Json result =
        OL_TRY(impl_->ask("eth_getCode", Json::array({Json(account), Json("latest")})));
    return result.as_hex_bytes();
}

Result<Bytes> Chain::call(const Call& call, std::optional<Address> from) {
    const auto result = impl_->ask(
        "eth_call",
        Json::array({call_object(from, call.to, call.data, call.value), Json("latest")}));
    if (!result) return std::unexpected(impl_->refusal(result.error()));
    return result->as_hex_bytes();
}

Result<std::vector<LogEntry>> Chain::logs(const Address& contract, std::optional<Hash32> topic0,
                                          std::uint64_t from_block, std::uint64_t to_block) {
    std::vector<LogEntry> out;
    for (std::uint64_t first = from_block; first <= to_block;) {
        const std::uint64_t last =
            to_block - first < logs_blocks ? to_block : first + logs_blocks - 1;
        Json filter = Json::object({{"address", Json(contract)},
                                    {"fromBlock", block_tag(first)},
                                    {"toBlock", block_tag(last)}});
        if (topic0) filter.set("topics", Json::array({Json(*topic0)}));
        const Json found = OL_TRY(impl_->ask("eth_getLogs", Json::array({std::move(filter)})));
        for (const auto& log : found.items()) {
            out.push_back(OL_TRY_IN(log_from(log), "logs of {}", to_hex0x(contract.view())));
        }
        if (last == to_block) break;
        first = last + 1;
    }
    return out;
}

Result<TransactionReceipt> Chain::wait(const Hash32& transaction, std::int64_t timeout_ms) {
    return impl_->wait(transaction, timeout_ms);
}

Result<Json> Chain::raw(std::string_view method, Json params) {
    return impl_->ask(method, std::move(params));
}

Result<TransactionReceipt> Chain::send(const crypto::PrivateKey& key, const Call& call) {
    return impl_->submit(key, {call.to, call.data, call.value});
}

Result<TransactionReceipt> Chain::deploy(const crypto::PrivateKey& key, ByteView bytecode) {
    return impl_->submit(key, {std::nullopt, bytecode, U256()});
}

std::vector<Chain::Sent> Chain::sent() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->sent;
}

void Chain::label(std::string what) {
    const std::lock_guard lock(impl_->mutex);
    impl_->labels[std::this_thread::get_id()] = std::move(what);
}

Status Chain::register_errors(const std::vector<std::string>& signatures) {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& signature : signatures) OL_TRY(impl_->reasons.add(signature));
    return {};
}

Hash32 typed_digest(const TypedDomain& domain, const Hash32& struct_hash) {
    static constexpr std::string_view domain_type =
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    Bytes fields;
    append(fields, crypto::keccak256(domain_type).view());
    append(fields, crypto::keccak256(domain.name).view());
    append(fields, crypto::keccak256(domain.version).view());
    append(fields, U256(domain.chain_id).to_be().view());
    append(fields, U256::from_be(domain.verifying_contract.view()).to_be().view());
    Bytes message{0x19, 0x01};
    append(message, crypto::keccak256(fields).view());
    append(message, struct_hash.view());
    return crypto::keccak256(message);
}

} // namespace ol::ledger
