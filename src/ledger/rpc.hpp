// Chain: what the AI side says to any EVM chain, by its JSON-RPC URL. Never includes ol::chain.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "codec/abi.hpp"
#include "codec/json.hpp"
#include "crypto/secp256k1.hpp"
#include "net/json_rpc.hpp"

namespace ol::ledger {

struct LogEntry {
    Address address;
    std::vector<Hash32> topics;
    Bytes data;
    std::uint64_t block_number = 0;
    std::uint32_t log_index = 0;
    Hash32 transaction;
};

struct TransactionReceipt {
    Hash32 hash;
    bool succeeded = false;
    std::uint64_t block_number = 0;
    std::uint64_t gas_used = 0;
    std::optional<Address> created; // contract address
    std::vector<LogEntry> logs;
};

struct Call {
    Address to;
    Bytes data;
    U256 value;
};

// Thread-safe. unavailable (with the URL and how to start a chain) when it does not answer; a
// revert is conflict with the contract's reason (Error(string), custom error names when known, or
// the selector).
class Chain {
public:
    explicit Chain(std::string url);
    ~Chain();
    const std::string& url() const;

    Result<std::uint64_t> chain_id();
    Result<std::uint64_t> block_number();
    Result<std::uint64_t> block_timestamp(); // of the latest block, seconds
    Result<U256> balance(const Address& account);
    Result<Bytes> code(const Address& account);
    Result<Bytes> call(const Call& call, std::optional<Address> from = {});
    Result<std::vector<LogEntry>> logs(const Address& contract, std::optional<Hash32> topic0,
                                       std::uint64_t from_block, std::uint64_t to_block);
    Result<TransactionReceipt> wait(const Hash32& transaction, std::int64_t timeout_ms = 30'000);
    // Any other method (development chains: evm_increaseTime, anvil_setBalance).
    Result<codec::Json> raw(std::string_view method, codec::Json params);

    // Signs an EIP-1559 transaction, sends it, waits for its receipt; estimates gas first, so that
    // a revert is reported with its reason before anything is sent. Nonces are kept per key.
    Result<TransactionReceipt> send(const crypto::PrivateKey& key, const Call& call);
    // The same for a contract's creation.
    Result<TransactionReceipt> deploy(const crypto::PrivateKey& key, ByteView bytecode);

    // Errors that reverts are named by: "BondTooSmall(uint256,uint256)".
    Status register_errors(const std::vector<std::string>& signatures);

    // Every transaction sent by this object, for reports: hash, what, gas.
    struct Sent {
        Hash32 hash;
        Address from;
        std::string what; // as named by label()
        std::uint64_t gas_used = 0;
        std::uint64_t block_number = 0;
    };
    std::vector<Sent> sent() const;
    // Names the next send()/deploy() of this thread in sent() and in errors.
    void label(std::string what);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// keccak(0x1901 | domain separator | struct hash): EIP-712.
struct TypedDomain {
    std::string name, version;
    std::uint64_t chain_id = 0;
    Address verifying_contract;
};
Hash32 typed_digest(const TypedDomain& domain, const Hash32& struct_hash);

} // namespace ol::ledger
