#include "chain/rpc/scratch_state.hpp"

namespace ol::chain::rpc {

Result<std::optional<Account>> ScratchState::account(const Address& address) {
    const auto found = entries_.find(address);
    return found != entries_.end() ? found->second.account : base_.account(address);
}

Result<U256> ScratchState::storage(const Address& address, const U256& slot) {
    const auto found = entries_.find(address);
    if (found == entries_.end()) return base_.storage(address, slot);
    const auto held = found->second.storage.find(slot);
    if (held != found->second.storage.end()) return held->second;
    if (found->second.is_cleared) return U256();
    return base_.storage(address, slot);
}

Result<CodePtr> ScratchState::code(const Hash32& code_hash) {
    const auto found = codes_.find(code_hash);
    return found != codes_.end() ? found->second : base_.code(code_hash);
}

Result<Hash32> ScratchState::apply(const StateChanges& changes) {
    for (const auto& change : changes) {
        Entry& entry = entries_[change.address];
        if (change.storage_cleared || !change.account) {
            entry.is_cleared = true;
            entry.storage.clear();
        }
        entry.account = change.account;
        for (const auto& [slot, value] : change.storage) entry.storage[slot] = value;
        if (change.code) codes_[change.code->hash()] = change.code;
    }
    return Hash32();
}

Result<Hash32> ScratchState::storage_root(const Address& address) {
    const auto account = OL_TRY(base_.account(address));
    return account ? account->storage_root : empty_root_hash;
}

} // namespace ol::chain::rpc
