#include "chain/rpc/subscriptions.hpp"

#include "crypto/hash.hpp"

namespace ol::chain::rpc {

namespace {

constexpr std::size_t per_connection = 128;

} // namespace

Subscriptions::Subscriptions(const Feed& feed)
    : feed_(feed) {}

RpcResult<std::string> Subscriptions::reserve(const net::WebSocketPtr& socket, Request request) {
    std::string id = to_hex0x(crypto::random_bytes(16));
    const ListenerLock lock(mutex_, subscriptions_, count_);
    std::size_t own = 0;
    for (const auto& [each_id, each] : subscriptions_) own += each.socket == socket ? 1 : 0;
    if (own >= per_connection || subscriptions_.size() >= limits::rpc_subscriptions) {
        return rpc_fail(limit_exceeded,
                        "too many subscriptions: at most {} of one connection, {} "
                        "of all together",
                        per_connection, limits::rpc_subscriptions);
    }
    Subscription made{.socket = socket,
                      .request = std::move(request),
                      .since = feed_.sequence(),
                      .begun = false,
                      .held = {}};
    subscriptions_.emplace(id, std::move(made));
    return id;
}

void Subscriptions::begin(const std::string& id) {
    const ListenerLock lock(mutex_, subscriptions_, count_);
    const auto found = subscriptions_.find(id);
    if (found == subscriptions_.end()) return;
    // The connection may have ended while the answer was on its way.
    Subscription& to = found->second;
    bool alive = to.socket->alive();
    for (auto& text : to.held) alive = alive && to.socket->send(std::move(text));
    to.held.clear();
    to.begun = true;
    if (!alive) subscriptions_.erase(found);
}

bool Subscriptions::end(const net::WebSocketPtr& socket, const std::string& id) {
    const ListenerLock lock(mutex_, subscriptions_, count_);
    const auto found = subscriptions_.find(id);
    if (found == subscriptions_.end() || found->second.socket != socket) return false;
    subscriptions_.erase(found);
    return true;
}

void Subscriptions::end_all(const net::WebSocketPtr& socket) {
    const ListenerLock lock(mutex_, subscriptions_, count_);
    std::erase_if(subscriptions_, [&](const auto& each) { return each.second.socket == socket; });
}

std::size_t Subscriptions::count() const {
    const std::lock_guard lock(mutex_);
    return subscriptions_.size();
}

bool Subscriptions::wants_heads() const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, each] : subscriptions_) {
        if (each.request.kind == Kind::heads || each.request.kind == Kind::logs) return true;
    }
    return false;
}

bool Subscriptions::wants_pending() const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, each] : subscriptions_) {
        if (each.request.kind == Kind::pending) return true;
    }
    return false;
}

bool Subscriptions::notify(const std::string& id, Subscription& to, std::string_view result) {
    std::string text = R"({"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":")";
    text.append(id).append(R"(","result":)").append(result).append("}}");
    if (to.begun) return to.socket->send(std::move(text));
    to.held.push_back(std::move(text));
    return to.held.size() <= limits::rpc_filter_results;
}

bool Subscriptions::tell_head(const std::string& id, Subscription& to, const HeadUpdate& update,
                              const std::vector<std::string>& heads) {
    if (to.request.kind == Kind::heads) {
        for (const auto& head : heads) {
            if (!notify(id, to, head)) return false;
        }
        return true;
    }
    const auto tell = [&](const FoundLog& found) {
        if (!to.request.criteria.matches(found.log)) return true;
        Writer writer;
        print_log(writer, found);
        return notify(id, to, writer.text());
    };
    for (const auto& found : update.removed) {
        if (!tell(found)) return false;
    }
    for (const auto& block : update.joined) {
        if (!to.request.criteria.may_match(block->header().logs_bloom)) continue;
        bool alive = true;
        block->for_each_log(
            [&](std::size_t i, std::size_t k) { alive = alive && tell(block->log(i, k)); });
        if (!alive) return false;
    }
    return true;
}

void Subscriptions::on_head(const HeadUpdate& update) {
    std::vector<std::string> heads;
    for (const auto& block : update.joined) {
        Writer writer;
        print_header(writer, block->hash(), block->header());
        heads.push_back(writer.take());
    }
    const ListenerLock lock(mutex_, subscriptions_, count_);
    for (auto at = subscriptions_.begin(); at != subscriptions_.end();) {
        auto& [id, to] = *at;
        const bool concerns = to.request.kind == Kind::heads || to.request.kind == Kind::logs;
        const bool keep =
            !concerns || update.sequence <= to.since || tell_head(id, to, update, heads);
        at = keep ? std::next(at) : subscriptions_.erase(at);
    }
}

void Subscriptions::on_pending(std::uint64_t sequence, const PooledPtr& transaction) {
    const std::string hash = "\"" + to_hex0x(transaction->hash.view()) + "\"";
    std::string object;
    const ListenerLock lock(mutex_, subscriptions_, count_);
    for (auto at = subscriptions_.begin(); at != subscriptions_.end();) {
        auto& [id, to] = *at;
        bool keep = true;
        if (to.request.kind == Kind::pending && sequence > to.since) {
            if (to.request.full_objects && object.empty()) {
                Writer writer;
                print_transaction(writer, transaction->transaction, transaction->hash,
                                  transaction->sender, nullptr, nullptr);
                object = writer.take();
            }
            keep = notify(id, to, to.request.full_objects ? object : hash);
        }
        at = keep ? std::next(at) : subscriptions_.erase(at);
    }
}

void Subscriptions::on_lost() {
    const ListenerLock lock(mutex_, subscriptions_, count_);
    for (const auto& [id, each] : subscriptions_) each.socket->end();
    subscriptions_.clear();
}

// ---- methods

namespace {

RpcResult<Subscriptions::Request> read_request(const Param& kind, const Param& options) {
    Subscriptions::Request out;
    const std::string name = OL_TRY(kind.string());
    if (name == "newHeads") {
        out.kind = Subscriptions::Kind::heads;
    } else if (name == "logs") {
        out.kind = Subscriptions::Kind::logs;
        out.criteria = OL_TRY(log_criteria(options));
    } else if (name == "newPendingTransactions") {
        out.kind = Subscriptions::Kind::pending;
        if (!options.is_absent()) out.full_objects = OL_TRY(options.boolean());
    } else if (name == "syncing") {
        out.kind = Subscriptions::Kind::syncing; // this chain never lags behind another
    } else {
        return rpc_fail(method_not_found, "no \"{}\" subscription in eth namespace", name);
    }
    return out;
}

std::unexpected<RpcError> no_socket() {
    return rpc_fail(method_not_found,
                    "notifications not supported: subscribe over WebSocket (the same address with "
                    "ws://)");
}

} // namespace

void add_subscription_methods(MethodTable& table, Subscriptions& subscriptions) {
    table.add("eth_subscribe", 1, 2, [&subscriptions](Call& call) -> RpcStatus {
        if (!call.socket) return no_socket();
        const Param kind = call.params[0], options = call.params[1];
        const std::string id =
            OL_TRY(subscriptions.reserve(call.socket, OL_TRY(read_request(kind, options))));
        call.out.value(id);
        call.after.push_back([&subscriptions, id] { subscriptions.begin(id); });
        return {};
    });
    table.add("eth_unsubscribe", 1, 1, [&subscriptions](Call& call) -> RpcStatus {
        if (!call.socket) return no_socket();
        const Param id = call.params[0];
        if (!subscriptions.end(call.socket, OL_TRY(id.string()))) {
            return rpc_fail(server_error, "subscription not found");
        }
        call.out.value(true);
        return {};
    });
}

} // namespace ol::chain::rpc
