// What a JSON-RPC method answers when it does not succeed: geth's codes and words, because clients
// look for them.
#pragma once

#include <string>

#include "base/result.hpp"

namespace ol::chain::rpc {

enum ErrorNumber : int {
    parse_error = -32700,
    invalid_request = -32600,
    method_not_found = -32601,
    invalid_params = -32602,
    internal_error = -32603,
    server_error = -32000,   // geth's code for whatever fails while a method runs
    limit_exceeded = -32005, // EIP-1474
    execution_reverted = 3,  // with the revert data
};

struct RpcError {
    int code = server_error;
    std::string message;
    std::string data; // JSON text; empty: none

    RpcError(int number, std::string text, std::string json_data = {})
        : code(number)
        , message(std::move(text))
        , data(std::move(json_data)) {}
    // Of the layers below: their sentence under geth's general code. Implicit, so that OL_TRY
    // passes them on.
    RpcError(const Error& error)
        : code(error.code == ErrorCode::too_large ? limit_exceeded : server_error)
        , message(error.context) {}
};

template <class T>
using RpcResult = std::expected<T, RpcError>;
using RpcStatus = RpcResult<void>;

template <class... Args>
std::unexpected<RpcError> rpc_fail(int code, fmt::format_string<Args...> text, Args&&... args) {
    return std::unexpected(RpcError(code, fmt::format(text, std::forward<Args>(args)...)));
}

} // namespace ol::chain::rpc
