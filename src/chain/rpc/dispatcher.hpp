// Dispatcher: JSON-RPC 2.0 requests and batches, as text, to answers as text. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chain/rpc/methods.hpp"

namespace ol::chain::rpc {

struct DispatcherOptions {
    std::uint64_t batch_limit = limits::rpc_batch_calls;
    std::uint64_t answer_limit_bytes = limits::rpc_answer_bytes; // of a batch, then errors
};

class Dispatcher {
public:
    // `table` outlives it and does not change any more.
    explicit Dispatcher(const MethodTable& table, DispatcherOptions options = {});

    struct Answer {
        std::string text; // empty: nothing is to be sent (notifications alone)
        std::vector<std::function<void()>> after;
    };
    Answer handle(std::string_view request, const net::WebSocketPtr& socket = {}) const;

private:
    void answer_one(const codec::Json& request, Answer& answer, Writer& out,
                    const net::WebSocketPtr& socket) const;
    RpcStatus run(const codec::Json& request, Answer& answer, Writer& out,
                  const net::WebSocketPtr& socket) const;

    const MethodTable& table_;
    const DispatcherOptions options_;
};

} // namespace ol::chain::rpc
