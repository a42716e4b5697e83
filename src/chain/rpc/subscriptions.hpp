// Subscriptions: eth_subscribe over WebSocket. A client that reads too slowly is cut off by its
// connection's queue limit. Thread-safe.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "chain/rpc/feed.hpp"
#include "chain/rpc/log_criteria.hpp"
#include "chain/rpc/methods.hpp"

namespace ol::chain::rpc {

class Subscriptions final : public FeedListener {
public:
    enum class Kind { heads, logs, pending, syncing };

    explicit Subscriptions(const Feed& feed);

    struct Request {
        Kind kind = Kind::heads;
        LogCriteria criteria;      // logs
        bool full_objects = false; // pending: transactions, not their hashes
    };
    // The subscription's number; it is silent until begin().
    RpcResult<std::string> reserve(const net::WebSocketPtr& socket, Request request);
    void begin(const std::string& id);
    // False where this connection has no such subscription.
    bool end(const net::WebSocketPtr& socket, const std::string& id);
    void end_all(const net::WebSocketPtr& socket);
    std::size_t count() const;

    bool has_any() const override { return count_ != 0; }
    bool wants_heads() const override;
    bool wants_pending() const override;
    void on_head(const HeadUpdate& update) override;
    void on_pending(std::uint64_t sequence, const PooledPtr& transaction) override;
    void on_lost() override;

private:
    struct Subscription {
        net::WebSocketPtr socket;
        Request request;
        std::uint64_t since = 0;
        bool begun = false;
        std::vector<std::string> held; // until it begins
    };
    // Sends; false when the client has gone.
    static bool notify(const std::string& id, Subscription& to, std::string_view result);
    static bool tell_head(const std::string& id, Subscription& to, const HeadUpdate& update,
                          const std::vector<std::string>& heads);

    const Feed& feed_;
    mutable std::mutex mutex_;
    std::atomic<std::size_t> count_ = 0;
    std::map<std::string, Subscription> subscriptions_;
};

void add_subscription_methods(MethodTable& table, Subscriptions& subscriptions);

} // namespace ol::chain::rpc
