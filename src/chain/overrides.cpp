#include "chain/overrides.hpp"

#include <algorithm>
#include <map>

namespace ol::chain {
namespace {

const AccountChange* find(const StateChanges& changes, const Address& address) {
    const auto at = std::ranges::lower_bound(changes, address, {}, &AccountChange::address);
    return at != changes.end() && at->address == address ? &*at : nullptr;
}

AccountChange merge(const AccountChange& earlier, const AccountChange& later) {
    AccountChange out = later;
    if (later.code == nullptr) out.code = earlier.code;
    if (!later.account || later.storage_cleared) return out;
    out.storage_cleared = earlier.storage_cleared || !earlier.account;
    std::map<U256, U256> slots(earlier.storage.begin(), earlier.storage.end());
    for (const auto& [slot, value] : later.storage) slots[slot] = value;
    out.storage.assign(slots.begin(), slots.end());
    return out;
}

class Overridden final : public StateReader {
public:
    Overridden(std::unique_ptr<StateReader> base, std::shared_ptr<const StateChanges> changes)
        : base_(std::move(base))
        , changes_(std::move(changes)) {}

    Result<std::optional<Account>> account(const Address& address) override {
        if (const auto* change = find(*changes_, address)) return change->account;
        return base_->account(address);
    }

    Result<U256> storage(const Address& address, const U256& slot) override {
        const auto* change = find(*changes_, address);
        if (change == nullptr) return base_->storage(address, slot);
        const auto at =
            std::ranges::lower_bound(change->storage, slot, {}, &std::pair<U256, U256>::first);
        if (at != change->storage.end() && at->first == slot) return at->second;
        if (!change->account || change->storage_cleared) return U256();
        return base_->storage(address, slot);
    }

    Result<CodePtr> code(const Hash32& code_hash) override {
        for (const auto& change : *changes_) {
            if (change.code != nullptr && change.code->hash() == code_hash) return change.code;
        }
        return base_->code(code_hash);
    }

private:
    std::unique_ptr<StateReader> base_;
    std::shared_ptr<const StateChanges> changes_;
};

} // namespace

StateChanges merge_changes(const StateChanges& earlier, const StateChanges& later) {
    std::map<Address, AccountChange> merged;
    for (const auto& change : earlier) merged[change.address] = change;
    for (const auto& change : later) {
        const auto [at, is_new] = merged.try_emplace(change.address, change);
        AccountChange out = is_new ? change : merge(at->second, change);
        std::ranges::sort(out.storage);
        at->second = std::move(out);
    }
    StateChanges out;
    for (auto& [address, change] : merged) out.push_back(std::move(change));
    return out;
}

std::unique_ptr<StateReader> overlaid(std::unique_ptr<StateReader> base,
                                      std::shared_ptr<const StateChanges> changes) {
    if (changes == nullptr || changes->empty()) return base;
    return std::make_unique<Overridden>(std::move(base), std::move(changes));
}

} // namespace ol::chain
