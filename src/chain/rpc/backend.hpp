// Backend: what the methods share - the chain, its pool and sequencer, how blocks are named, and
// blocks that were asked for lately in memory. Thread-safe.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "chain/blockchain.hpp"
#include "chain/rpc/parameters.hpp"
#include "chain/rpc/print.hpp"
#include "chain/sequencer.hpp"
#include "chain/txpool/pool.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::chain::rpc {

struct ApiOptions {
    // evm_, anvil_ and hardhat_ methods, unlocked accounts, impersonation.
    bool development = false;
    std::vector<crypto::PrivateKey> unlocked; // development: accounts that this side signs for
    std::uint64_t call_gas = 50'000'000;      // of one eth_call; a block's limit where that is more
    // The least tip that eth_maxPriorityFeePerGas names (op-geth: 0.001 gwei).
    U256 minimum_priority_fee = U256(1'000'000);
    std::uint64_t logs_blocks = 100'000; // span of one eth_getLogs
    std::uint64_t logs_results = 10'000;
    std::string client_version = "openledger/v0.1.0";
};

struct BlockHead {
    Hash32 hash;
    Header header;
};

class Backend {
public:
    // `sequencer`: null where an Engine API drives the chain. All of them outlive this.
    Backend(Blockchain& chain_of_blocks, TransactionPool& transactions, Sequencer* producer,
            ApiOptions api_options);

    Blockchain& chain;
    TransactionPool& pool;
    Sequencer* const sequencer;
    const ApiOptions options;

    BlockHead head() const;
    // Nothing where there is no such block. "pending" is the latest block, as op-geth has it unless
    // told otherwise.
    RpcResult<std::optional<BlockHead>> find_block(const BlockRef& ref) const;
    RpcResult<BlockHead> require_block(const BlockRef& ref) const; // "header not found"
    // Nothing for unknown hashes.
    RpcResult<WholeBlockPtr> whole(const Hash32& hash) const;
    // The state after the block, which is a canonical one.
    RpcResult<std::unique_ptr<StateReader>> state_after(const BlockHead& block) const;
    // Both in one go, for methods that read a state at a block parameter.
    struct At {
        BlockHead block;
        std::unique_ptr<StateReader> state;
    };
    RpcResult<At> at(const Param& block_param) const;

    std::uint64_t call_gas_limit(const Header& header) const;

private:
    RpcResult<std::optional<BlockHead>> by_hash(const Hash32& hash) const;

    static constexpr std::size_t cached_blocks = 16;
    static constexpr std::uint64_t cached_bytes = 16ULL << 20; // of their RLP forms
    mutable std::mutex mutex_;
    mutable std::list<WholeBlockPtr> cache_; // latest use first
};

} // namespace ol::chain::rpc
