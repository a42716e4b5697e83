// The table of methods: name, how many parameters, what runs. Each file of this room adds its own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chain/rpc/backend.hpp"
#include "net/websocket.hpp"

namespace ol::chain::rpc {

// One call of a method.
struct Call {
    const Param& params; // an array, or absent
    Writer& out;         // gets the result, exactly one value
    // The connection of a WebSocket client; null over HTTP.
    net::WebSocketPtr socket;
    // Run when the answer has been sent: a subscription begins after its number is known.
    std::vector<std::function<void()>> after;
};

class MethodTable {
public:
    using Run = std::function<RpcStatus(Call&)>;
    struct Method {
        std::string name;
        std::size_t least = 0, most = 0; // parameters
        Run run;
    };

    void add(std::string name, std::size_t least, std::size_t most, Run run);
    // Another name for a method that is there.
    void alias(std::string name, std::string_view of);
    const Method* find(std::string_view name) const; // null: none

private:
    std::map<std::string, Method, std::less<>> methods_;
};

void add_chain_methods(MethodTable& table, const Backend& backend);   // blocks, receipts
void add_state_methods(MethodTable& table, const Backend& backend);   // balances, proofs
void add_call_methods(MethodTable& table, const Backend& backend);    // eth_call, estimates
void add_fee_methods(MethodTable& table, const Backend& backend);     // prices, fee history
void add_log_methods(MethodTable& table, const Backend& backend);     // eth_getLogs
void add_pool_methods(MethodTable& table, const Backend& backend);    // sending, txpool_
void add_trace_methods(MethodTable& table, const Backend& backend);   // debug_trace*
void add_raw_methods(MethodTable& table, const Backend& backend);     // debug_getRaw*
void add_general_methods(MethodTable& table, const Backend& backend); // net_, web3_, ...

// What eth_maxPriorityFeePerGas answers.
RpcResult<U256> suggested_tip(const Backend& backend);
// Adds a transaction in its encoded form to the pool, as eth_sendRawTransaction.
RpcResult<Hash32> send_raw(const Backend& backend, ByteView encoded);

} // namespace ol::chain::rpc
