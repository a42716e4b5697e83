// What debug_trace* records of one transaction: geth's default struct logs, callTracer,
// prestateTracer, 4byteTracer and noopTracer, chosen by the options of the request.
#pragma once

#include <memory>

#include "base/limits.hpp"
#include "chain/evm/evm.hpp"
#include "chain/rpc/parameters.hpp"
#include "chain/rpc/writer.hpp"
#include "chain/state/state.hpp"

namespace ol::chain::rpc {

// The transaction that is traced, as far as recorders need it.
struct TraceSubject {
    Rules rules;
    Address from, coinbase;
    std::optional<Address> to; // none: a creation
    std::uint64_t gas = 0;
    std::vector<Authorization> authorizations;
};

struct TraceResult {
    evm::Status status = evm::Status::success;
    std::uint64_t gas_used = 0;
    Bytes output;
    std::optional<Address> created;
};

// One recorder for one transaction. Bounded: what would not fit limits::rpc_answer_bytes is not
// kept, and print() says so.
class Recorder : public evm::Tracer {
public:
    // After the transaction has run and before its changes are in `state`.
    virtual Status look_before(StateReader& /*state*/) { return {}; }
    // With them; only where wants_after() says so.
    virtual bool wants_after() const { return false; }
    virtual Status look_after(StateReader& /*state*/) { return {}; }
    // One JSON value.
    virtual RpcStatus print(const TraceResult& result, Writer& out) = 0;
};

// `options`: geth's TraceConfig; absent: struct logs.
RpcResult<std::unique_ptr<Recorder>> make_recorder(const Param& options,
                                                   const TraceSubject& subject);

std::unique_ptr<Recorder> make_struct_logger(bool memory, bool stack, bool storage,
                                             bool return_data, std::uint64_t limit);
std::unique_ptr<Recorder> make_call_tracer(const TraceSubject& subject, bool only_top, bool logs);
struct PrestateOptions {
    bool diff = false, code = true, storage = true, empty_accounts = false;
};
std::unique_ptr<Recorder> make_prestate_tracer(const TraceSubject& subject,
                                               const PrestateOptions& options);
std::unique_ptr<Recorder> make_selector_tracer(const TraceSubject& subject);

inline RpcError trace_too_large() {
    return {limit_exceeded,
            fmt::format("the trace is larger than {} bytes: ask for less (disableStack, "
                        "disableStorage, onlyTopCall, limit)",
                        limits::rpc_answer_bytes)};
}

} // namespace ol::chain::rpc
