// JSON-RPC 2.0 over HTTP: framing only. Thread-safe.
#pragma once

#include <atomic>

#include "codec/json.hpp"
#include "net/http.hpp"

namespace ol::net {

class JsonRpcClient {
public:
    // url: http://127.0.0.1:8545
    explicit JsonRpcClient(std::string url);
    // The result; a JSON-RPC error becomes ErrorCode::conflict with method, code, message and,
    // where there is one, the hex of error.data as `data 0x...`; a transport error is unavailable.
    Result<codec::Json> call(std::string_view method, codec::Json params);
    const std::string& url() const { return url_; }

private:
    std::string url_;
    Client client_;
    std::atomic<std::uint64_t> next_id_ = 1;
};

} // namespace ol::net
