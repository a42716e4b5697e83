// Node: the embedded chain in one object - blocks and state on disk, the transaction pool, the
// sequencer (or an Engine API in its place), and JSON-RPC over HTTP and WebSocket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/blockchain.hpp"
#include "chain/sequencer.hpp"
#include "chain/txpool/pool.hpp"
#include "crypto/secp256k1.hpp"
#include "net/origin.hpp"

namespace ol::chain {

struct EngineOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8551; // 0: any free port
    Path jwt_secret;           // file of 64 hex digits; made when it is not there
};

struct NodeOptions {
    BlockchainOptions chain;
    Genesis genesis;
    PoolLimits pool;
    SequencerOptions sequencer;
    // The chain is driven by a consensus client or an op-node: no sequencer, no development.
    std::optional<EngineOptions> engine;

    std::string host = "127.0.0.1";
    std::uint16_t port = 8545; // 0: any free port
    bool websocket = true;     // on the same port
    std::uint64_t connections = limits::http_connections;
    unsigned rpc_threads = 0; // 0: twice the cores, 4 at least
    net::AccessPolicy access; // who may call besides this machine

    // Development (SequencerOptions::development): accounts that eth_sendTransaction signs for.
    std::vector<crypto::PrivateKey> unlocked;
    U256 minimum_priority_fee = U256(1'000'000); // what eth_maxPriorityFeePerGas names at least
    std::uint64_t call_gas = 50'000'000;         // of one eth_call, or a block's limit
};

class Node {
public:
    // Listens and makes blocks when it returns. Errors of Blockchain::open and of the ports.
    static Result<std::unique_ptr<Node>> start(NodeOptions options);
    virtual ~Node() = default; // stops

    virtual std::string url() const = 0;           // "http://127.0.0.1:8545"
    virtual std::string websocket_url() const = 0; // empty where there is none
    virtual std::string engine_url() const = 0;    // empty where there is none
    virtual Blockchain& chain() = 0;
    virtual TransactionPool& pool() = 0;
    // Development, OP Stack: gives wei to an account, by a deposit in a block of its own, as the
    // bridge does it; the block can be executed again by anybody.
    virtual Status mint(const Address& account, const U256& wei) = 0;
    // Ends requests under way, makes no more blocks. Not to be called from a request.
    virtual void stop() = 0;
};

} // namespace ol::chain
