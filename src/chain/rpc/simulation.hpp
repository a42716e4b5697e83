// Calls without transactions: eth_call, gas estimates, access lists, and the state that overrides
// put over a real one.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>

#include "chain/rpc/backend.hpp"

namespace ol::chain::rpc {

// A state with some accounts replaced in part.
class OverriddenState final : public StateReader {
public:
    OverriddenState(StateReader& base, const StateOverride& overrides);
    Result<std::optional<Account>> account(const Address& address) override;
    Result<U256> storage(const Address& address, const U256& slot) override;
    Result<CodePtr> code(const Hash32& code_hash) override;

private:
    struct Entry {
        std::optional<U256> balance;
        std::optional<std::uint64_t> nonce;
        CodePtr code;
        bool replaces_storage = false;
        std::map<U256, U256> storage;
    };
    StateReader& base_;
    std::unordered_map<Address, Entry, FixedBytesHasher> entries_;
    std::unordered_map<Hash32, CodePtr, FixedBytesHasher> codes_;
};

// A call that is ready to run: arguments, block and state with their overrides. Move-only.
struct Simulation {
    CallArguments arguments;
    BlockHead block; // header: with the overrides of the block
    std::unique_ptr<StateReader> base;
    std::unique_ptr<OverriddenState> overridden; // null: none
    BlockHashes block_hashes;

    StateReader& state() { return overridden ? *overridden : *base; }
};
// From the parameters: a call object, a block, state and block overrides (the latter two may be
// absent). Sets the call's gas and price.
RpcResult<Simulation> prepare_simulation(const Backend& backend, const Param& call,
                                         const Param& block, const Param& state_overrides,
                                         const Param& block_overrides);
RpcResult<CallOutcome> run_simulation(const Backend& backend, Simulation& simulation,
                                      const CallRequest& request, evm::Tracer* tracer = nullptr);

// Why a call failed, with the revert's reason in words and its data: "execution reverted: ...".
RpcError execution_error(evm::Status status, ByteView output);
// The text of Error(string) or Panic(uint256); nothing for other revert data.
std::optional<std::string> revert_reason(ByteView output);

// geth's binary search: the least gas with which the call succeeds, within 1.5 %.
RpcResult<std::uint64_t> estimate_gas(const Backend& backend, Simulation& simulation);

} // namespace ol::chain::rpc
