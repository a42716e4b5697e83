#include "chain/state/pending_state.hpp"

#include "crypto/hash.hpp"

namespace ol::chain {

namespace {

HashedKey key_of(const Address& address) { return crypto::keccak256(address.view()); }
HashedKey key_of(const U256& slot) { return crypto::keccak256(slot.to_be().view()); }

// The hashes of all addresses and slots of some changes, in their order: many at a time.
std::vector<HashedKey> hash_all(const StateChanges& changes) {
    std::size_t count = 0;
    for (const AccountChange& change : changes) count += 1 + change.storage.size();
    std::vector<Hash32> slots;
    slots.reserve(count); // views into it stay
    std::vector<ByteView> inputs;
    inputs.reserve(count);
    for (const AccountChange& change : changes) {
        inputs.push_back(change.address.view());
        for (const auto& [slot, value] : change.storage) {
            slots.push_back(slot.to_be());
            inputs.push_back(slots.back().view());
        }
    }
    std::vector<HashedKey> out(count);
    crypto::keccak256_many(inputs, out);
    return out;
}

} // namespace

PendingState::PendingState(Result<std::shared_ptr<HeadView>> view) {
    if (view) {
        overlay_.emplace(std::move(*view));
    } else {
        error_ = std::move(view.error());
    }
}

Result<Overlay*> PendingState::overlay() {
    if (!overlay_) return std::unexpected(error_);
    return &*overlay_;
}

Result<std::optional<Account>> PendingState::account(const Address& address) {
    return OL_TRY(overlay())->account(key_of(address));
}

Result<U256> PendingState::storage(const Address& address, const U256& slot) {
    return OL_TRY(overlay())->slot({key_of(address), key_of(slot)});
}

Result<CodePtr> PendingState::code(const Hash32& code_hash) {
    Overlay& overlay = *OL_TRY(this->overlay());
    if (CodePtr held = overlay.find_code(code_hash)) return held;
    return overlay.view().code(code_hash);
}

Result<Hash32> PendingState::apply(const StateChanges& changes) {
    Overlay& overlay = *OL_TRY(this->overlay());
    const std::vector<HashedKey> keys = hash_all(changes);
    auto key = keys.begin();
    std::vector<AccountEdit> edits;
    edits.reserve(changes.size());
    for (const AccountChange& change : changes) {
        AccountEdit& edit = edits.emplace_back();
        edit.key = *key++;
        edit.account = change.account;
        edit.clear_storage = change.storage_cleared;
        edit.slots.reserve(change.storage.size());
        for (const auto& [slot, value] : change.storage) edit.slots.emplace_back(*key++, value);
        if (change.code != nullptr) overlay.add_code(change.code);
    }
    return overlay.apply(edits);
}

Result<Hash32> PendingState::storage_root(const Address& address) {
    const auto held = OL_TRY(OL_TRY(overlay())->account(key_of(address)));
    return held ? held->storage_root : empty_root_hash;
}

PastState::PastState(std::shared_ptr<HeadView> view, std::uint64_t number)
    : view_(std::move(view)) {
    const Head& head = *view_->head();
    if (number == head.number) return;
    const StateCore& core = view_->core();
    history_.emplace(core.store, view_->snapshot(), number, head.number, core.options.archive);
}

Result<std::optional<Account>> PastState::account(const Address& address) {
    const HashedKey key = key_of(address);
    if (history_) {
        if (const auto before = OL_TRY(history_->find(DiffKey(key)))) {
            if (before->empty()) return std::nullopt;
            return decode_account_record(*before);
        }
    }
    return view_->account(key);
}

Result<U256> PastState::storage(const Address& address, const U256& slot) {
    const SlotKey key{key_of(address), key_of(slot)};
    if (history_) {
        if (const auto before = OL_TRY(history_->find(DiffKey(key)))) {
            return before->empty() ? U256() : OL_TRY(decode_slot_record(*before));
        }
    }
    return view_->slot(key);
}

Result<CodePtr> PastState::code(const Hash32& code_hash) { return view_->code(code_hash); }

} // namespace ol::chain
