// The Engine API (execution-apis, Paris to Prague; OP specs, "Execution engine"): how a consensus
// client or an op-node drives the chain. Thread-safe; its calls run one after another.
#pragma once

#include <list>
#include <mutex>

#include "chain/rpc/backend.hpp"
#include "chain/rpc/methods.hpp"

namespace ol::chain::rpc {

class Engine {
public:
    explicit Engine(const Backend& backend)
        : backend_(backend) {}

    // Version: of the method, 1 to 4.
    RpcStatus new_payload(int version, Call& call);
    RpcStatus forkchoice_updated(int version, Call& call);
    RpcStatus get_payload(int version, Call& call);

private:
    using PayloadId = FixedBytes<8>;
    struct Building {
        PayloadId id;
        int version = 0;
        Hash32 parent;
        PayloadAttributes attributes;
        BuiltBlock built; // without the pool's transactions, until it is asked for
        bool is_complete = false;
    };

    RpcResult<PayloadId> begin_building(int version, const BlockHead& head, const Param& param);
    RpcStatus check_fork(int version, std::uint64_t timestamp, bool is_payload) const;
    void print_built(int version, const Building& building, Writer& out) const;

    static constexpr std::size_t payloads_kept = 10; // geth's
    const Backend& backend_;
    std::mutex mutex_;
    std::list<Building> buildings_; // newest first
};

void add_engine_methods(MethodTable& table, Engine& engine, const Backend& backend);

} // namespace ol::chain::rpc
