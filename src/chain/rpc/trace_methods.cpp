// debug_traceTransaction, debug_traceBlockBy*, debug_traceCall.
#include <algorithm>

#include "chain/rpc/methods.hpp"
#include "chain/rpc/scratch_state.hpp"
#include "chain/rpc/simulation.hpp"
#include "chain/rpc/tracers.hpp"

namespace ol::chain::rpc {

namespace {

// Runs the transactions of a block on its parent's state, one after another; those from `first` on
// are recorded. Each runs in an executor of its own, so that a recorder sees the states before and
// after it.
class BlockReplay {
public:
    static RpcResult<std::unique_ptr<BlockReplay>> begin(const Backend& backend,
                                                         WholeBlockPtr block);

    // The next transaction without a record.
    RpcStatus skip() { return run(nullptr); }
    RpcStatus record(const Param& options, Writer& out);
    std::size_t index() const { return index_; }

private:
    BlockReplay(const Backend& backend, WholeBlockPtr block, std::unique_ptr<StateReader> parent)
        : backend_(backend)
        , block_(std::move(block))
        , parent_(std::move(parent))
        , state_(*parent_)
        , block_hashes_(backend.chain.block_hashes(block_->header().parent_hash)) {}

    RpcStatus run(Recorder* recorder);
    RpcStatus finish(BlockExecutor& executor);
    TraceSubject subject() const;

    const Backend& backend_;
    const WholeBlockPtr block_;
    std::unique_ptr<StateReader> parent_;
    ScratchState state_;
    BlockHashes block_hashes_;
    std::size_t index_ = 0;
    TraceResult result_;
};

RpcResult<std::unique_ptr<BlockReplay>> BlockReplay::begin(const Backend& backend,
                                                           WholeBlockPtr block) {
    const Header& header = block->header();
    if (header.number == 0) return rpc_fail(server_error, "genesis is not traceable");
    auto state = OL_TRY(backend.chain.state_before(block->hash()));
    std::unique_ptr<BlockReplay> out(new BlockReplay(backend, std::move(block), std::move(state)));
    BlockExecutor executor(backend.chain.config(), out->state_, out->block_->header(),
                           out->block_hashes_);
    OL_TRY(executor.begin());
    OL_TRY(out->finish(executor));
    return out;
}

RpcStatus BlockReplay::finish(BlockExecutor& executor) {
    OL_TRY(executor.finish(nullptr));
    return {};
}

TraceSubject BlockReplay::subject() const {
    const Transaction& transaction = block_->transaction(index_);
    const Header& header = block_->header();
    return {.rules = backend_.chain.config().rules_at(header.number, header.timestamp),
            .from = block_->sender(index_),
            .coinbase = header.coinbase,
            .to = transaction.to,
            .gas = transaction.gas_limit,
            .authorizations = transaction.authorizations};
}

RpcStatus BlockReplay::run(Recorder* recorder) {
    BlockExecutor executor(backend_.chain.config(), state_, block_->header(), block_hashes_);
    executor.set_tracer(recorder);
    const auto outcome = executor.run(block_->transaction(index_), block_->sender(index_));
    if (!outcome) {
        if (executor.state_error()) return std::unexpected(RpcError(*executor.state_error()));
        return rpc_fail(server_error, "transaction {} of block {} cannot be carried out again: {}",
                        index_, block_->header().number, to_string(outcome.error()));
    }
    executor.set_tracer(nullptr);
    if (recorder != nullptr) {
        OL_TRY(recorder->look_before(state_));
        result_ = {.status = outcome->status,
                   .gas_used = outcome->gas_used,
                   .output = outcome->output,
                   .created = outcome->created};
    }
    OL_TRY(finish(executor));
    if (recorder != nullptr && recorder->wants_after()) OL_TRY(recorder->look_after(state_));
    ++index_;
    return {};
}

RpcStatus BlockReplay::record(const Param& options, Writer& out) {
    const auto recorder = OL_TRY(make_recorder(options, subject()));
    OL_TRY(run(recorder.get()));
    return recorder->print(result_, out);
}

RpcStatus trace_transaction(const Backend& backend, Call& call) {
    const Param what = call.params[0], options = call.params[1];
    const Hash32 hash = OL_TRY(what.hash32());
    const auto place = OL_TRY(backend.chain.find(hash));
    const auto block = place ? OL_TRY(backend.whole(place->block_hash)) : WholeBlockPtr();
    if (!block) return rpc_fail(server_error, "transaction not found");
    const auto replay = OL_TRY(BlockReplay::begin(backend, block));
    while (replay->index() < place->index) OL_TRY(replay->skip());
    return replay->record(options, call.out);
}

RpcStatus trace_block(const Backend& backend, const WholeBlockPtr& block, Call& call) {
    if (!block) return rpc_fail(server_error, "block not found");
    const Param options = call.params[1];
    const auto replay = OL_TRY(BlockReplay::begin(backend, block));
    call.out.begin_array();
    for (std::size_t i = 0; i < block->count(); ++i) {
        if (call.out.size() > limits::rpc_answer_bytes) return std::unexpected(trace_too_large());
        call.out.begin_object();
        call.out.member("txHash", block->transaction_hash(i));
        call.out.key("result");
        OL_TRY(replay->record(options, call.out));
        call.out.end_object();
    }
    call.out.end_array();
    return {};
}

// The call as a deposit: no fee, no nonce, no signature, and its changes can be looked at.
Transaction as_deposit(const CallRequest& request, const Header& header) {
    Transaction out;
    out.type = TransactionType::deposit;
    out.from = request.from;
    out.to = request.to;
    out.value = request.value;
    out.data = request.data;
    out.gas_limit = std::min(request.gas, header.gas_limit);
    return out;
}

RpcStatus trace_changes_of_call(const Backend& backend, Simulation& simulation, Recorder& recorder,
                                Writer& out) {
    if (!backend.chain.config().is_op()) {
        return rpc_fail(server_error, "diffMode of calls is there on OP Stack chains alone");
    }
    ScratchState state(simulation.state());
    BlockExecutor executor(backend.chain.config(), state, simulation.block.header,
                           simulation.block_hashes);
    executor.set_tracer(&recorder);
    const auto outcome =
        executor.run(as_deposit(simulation.arguments.request, simulation.block.header));
    if (!outcome) {
        if (executor.state_error()) return std::unexpected(RpcError(*executor.state_error()));
        return rpc_fail(server_error, "{}", to_string(outcome.error()));
    }
    executor.set_tracer(nullptr);
    OL_TRY(recorder.look_before(state));
    OL_TRY(executor.finish(nullptr));
    OL_TRY(recorder.look_after(state));
    return recorder.print({.status = outcome->status,
                           .gas_used = outcome->gas_used,
                           .output = outcome->output,
                           .created = outcome->created},
                          out);
}

RpcStatus trace_call(const Backend& backend, Call& call) {
    const Param what = call.params[0], where = call.params[1], options = call.params[2];
    const Param states = options["stateOverrides"], blocks = options["blockOverrides"];
    auto simulation = OL_TRY(prepare_simulation(backend, what, where, states, blocks));
    const CallRequest& request = simulation.arguments.request;
    const Header& header = simulation.block.header;
    const TraceSubject subject{.rules =
                                   backend.chain.config().rules_at(header.number, header.timestamp),
                               .from = request.from,
                               .coinbase = header.coinbase,
                               .to = request.to,
                               .gas = request.gas,
                               .authorizations = request.authorizations};
    const auto recorder = OL_TRY(make_recorder(options, subject));
    if (recorder->wants_after()) {
        return trace_changes_of_call(backend, simulation, *recorder, call.out);
    }
    auto outcome = OL_TRY(run_simulation(backend, simulation, request, recorder.get()));
    OL_TRY(recorder->look_before(simulation.state()));
    return recorder->print({.status = outcome.status,
                            .gas_used = outcome.gas_used,
                            .output = std::move(outcome.output),
                            .created = outcome.created},
                           call.out);
}

} // namespace

void add_trace_methods(MethodTable& table, const Backend& backend) {
    table.add("debug_traceTransaction", 1, 2,
              [&backend](Call& call) { return trace_transaction(backend, call); });
    table.add("debug_traceBlockByNumber", 1, 2, [&backend](Call& call) -> RpcStatus {
        const Param where = call.params[0];
        const auto found = OL_TRY(backend.find_block(OL_TRY(block_ref(where))));
        if (!found) return rpc_fail(server_error, "block not found");
        return trace_block(backend, OL_TRY(backend.whole(found->hash)), call);
    });
    table.add("debug_traceBlockByHash", 1, 2, [&backend](Call& call) -> RpcStatus {
        const Param where = call.params[0];
        return trace_block(backend, OL_TRY(backend.whole(OL_TRY(where.hash32()))), call);
    });
    table.add("debug_traceCall", 1, 3,
              [&backend](Call& call) { return trace_call(backend, call); });
}

} // namespace ol::chain::rpc
