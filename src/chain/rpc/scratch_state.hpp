// ScratchState: what a block does, in memory over a state that stays as it is; for traces. Computes
// no roots.
#pragma once

#include <unordered_map>

#include "chain/state/state.hpp"

namespace ol::chain::rpc {

class ScratchState final : public StateBackend {
public:
    // `base` outlives it.
    explicit ScratchState(StateReader& base)
        : base_(base) {}

    Result<std::optional<Account>> account(const Address& address) override;
    Result<U256> storage(const Address& address, const U256& slot) override;
    Result<CodePtr> code(const Hash32& code_hash) override;
    Result<Hash32> apply(const StateChanges& changes) override;   // zero
    Result<Hash32> storage_root(const Address& address) override; // the base's

private:
    struct SlotHasher {
        std::size_t operator()(const U256& slot) const {
            return slot.limb[0] ^ slot.limb[1] * 31 ^ slot.limb[3] * 131;
        }
    };
    struct Entry {
        std::optional<Account> account;
        bool is_cleared = false; // the base's storage no longer shows
        std::unordered_map<U256, U256, SlotHasher> storage;
    };
    StateReader& base_;
    std::unordered_map<Address, Entry, FixedBytesHasher> entries_;
    std::unordered_map<Hash32, CodePtr, FixedBytesHasher> codes_;
};

} // namespace ol::chain::rpc
