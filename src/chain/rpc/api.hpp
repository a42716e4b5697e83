// Api: every method over one chain, with what they keep between calls: filters, subscriptions,
// payloads that are built, development's snapshots. Thread-safe.
#pragma once

#include <memory>

#include "base/clock.hpp"
#include "chain/rpc/development.hpp"
#include "chain/rpc/dispatcher.hpp"
#include "chain/rpc/engine.hpp"
#include "chain/rpc/filters.hpp"
#include "chain/rpc/subscriptions.hpp"

namespace ol::chain::rpc {

class Api {
public:
    // `sequencer`: null where an Engine API drives the chain. All outlive this; `clock` ages
    // filters.
    Api(Blockchain& chain, TransactionPool& pool, Sequencer* sequencer, ApiOptions options,
        const Clock& clock);
    ~Api();

    // eth_, net_, web3_, txpool_, debug_, and evm_ and anvil_ in development.
    const Dispatcher& public_methods() const { return public_; }
    // engine_, and the reading ones: an op-node reads blocks and receipts on the engine's port.
    const Dispatcher& engine_methods() const { return authenticated_; }
    // A WebSocket connection has ended.
    void forget(const net::WebSocketPtr& socket) { subscriptions_.end_all(socket); }
    // Tells nobody anything any more.
    void stop() { feed_.stop(); }

private:
    void add_public(MethodTable& table);

    const Backend backend_;
    Feed feed_;
    Filters filters_;
    Subscriptions subscriptions_;
    Engine engine_;
    std::unique_ptr<Development> development_;
    MethodTable public_table_, engine_table_;
    Dispatcher public_, authenticated_;
};

} // namespace ol::chain::rpc
