// eth_call, eth_estimateGas, eth_createAccessList.
#include <map>
#include <set>

#include "chain/evm/precompiles/precompiles.hpp"
#include "chain/rpc/methods.hpp"
#include "chain/rpc/simulation.hpp"
#include "chain/rpc/touches.hpp"

namespace ol::chain::rpc {

namespace {

constexpr int access_list_rounds = 16; // geth goes on until nothing changes; gas may oscillate

RpcStatus eth_call(const Backend& backend, Call& call) {
    const Param what = call.params[0], where = call.params[1], states = call.params[2],
                blocks = call.params[3];
    auto simulation = OL_TRY(prepare_simulation(backend, what, where, states, blocks));
    const auto outcome = OL_TRY(run_simulation(backend, simulation, simulation.arguments.request));
    if (outcome.status != evm::Status::success) {
        return std::unexpected(execution_error(outcome.status, outcome.output));
    }
    call.out.value(outcome.output);
    return {};
}

RpcStatus eth_estimate_gas(const Backend& backend, Call& call) {
    const Param what = call.params[0], where = call.params[1], states = call.params[2],
                blocks = call.params[3];
    auto simulation = OL_TRY(prepare_simulation(backend, what, where, states, blocks));
    call.out.value(OL_TRY(estimate_gas(backend, simulation)));
    return {};
}

// Collects what a call touches (EIP-2930). Slots of excluded accounts count, the accounts do not.
class AccessRecorder final : public evm::Tracer {
public:
    explicit AccessRecorder(std::set<Address> excluded)
        : excluded_(std::move(excluded)) {}
    bool wants_steps() const override { return true; }
    void step(const evm::Step& step) override {
        visit_touches(
            step, [&](const Address& address) { account(address); },
            [&](const Address& address, const U256& slot) { touched_[address].insert(slot); });
    }
    void account(const Address& address) {
        if (!excluded_.contains(address)) touched_[address];
    }

    std::vector<AccessListEntry> list() const {
        std::vector<AccessListEntry> out;
        for (const auto& [address, slots] : touched_) {
            out.push_back({address, {slots.begin(), slots.end()}});
        }
        return out;
    }

private:
    std::set<Address> excluded_;
    std::map<Address, std::set<U256>> touched_;
};

void print_access_list(Writer& out, const std::vector<AccessListEntry>& list) {
    out.begin_array();
    for (const auto& entry : list) {
        out.begin_object();
        out.member("address", entry.address);
        out.key("storageKeys");
        out.begin_array();
        for (const auto& slot : entry.slots) out.word(slot);
        out.end_array();
        out.end_object();
    }
    out.end_array();
}

RpcStatus eth_create_access_list(const Backend& backend, Call& call) {
    const Param what = call.params[0], where = call.params[1], states = call.params[2];
    const Param none = call.params[3];
    auto simulation = OL_TRY(prepare_simulation(backend, what, where, states, none));
    CallRequest request = simulation.arguments.request;
    const Header& header = simulation.block.header;
    const Rules rules = backend.chain.config().rules_at(header.number, header.timestamp);
    std::set<Address> excluded{request.from};
    for (const auto& each : evm::precompile_addresses(rules)) excluded.insert(each);
    if (request.to) {
        excluded.insert(*request.to);
    } else {
        const auto account = OL_TRY(simulation.state().account(request.from));
        excluded.insert(evm::create_address(request.from, account ? account->nonce : 0));
    }
    // A list makes slots warm and so changes the gas that code sees: until the list is stable.
    for (int round = 1;; ++round) {
        AccessRecorder recorder(excluded);
        for (const auto& entry : request.access_list) {
            recorder.account(entry.address);
        }
        const auto outcome = OL_TRY(run_simulation(backend, simulation, request, &recorder));
        auto list = recorder.list();
        if (list != request.access_list && round < access_list_rounds) {
            request.access_list = std::move(list);
            continue;
        }
        call.out.begin_object();
        call.out.key("accessList");
        print_access_list(call.out, request.access_list);
        if (outcome.status != evm::Status::success) {
            call.out.member("error", execution_error(outcome.status, outcome.output).message);
        }
        call.out.member("gasUsed", outcome.gas_used);
        call.out.end_object();
        return {};
    }
}

} // namespace

void add_call_methods(MethodTable& table, const Backend& backend) {
    table.add("eth_call", 1, 4, [&backend](Call& call) { return eth_call(backend, call); });
    table.add("eth_estimateGas", 1, 4,
              [&backend](Call& call) { return eth_estimate_gas(backend, call); });
    table.add("eth_createAccessList", 1, 3,
              [&backend](Call& call) { return eth_create_access_list(backend, call); });
}

} // namespace ol::chain::rpc
