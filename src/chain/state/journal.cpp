#include "chain/state/journal.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "chain/state/journal_core.hpp"
#include "chain/state/trie_changes.hpp"

namespace ol::chain {

using journal::AccountEntry;
using journal::SlotEntry;
using journal::TransientEntry;
using journal::u32;
using journal::u64;
using journal::Undo;
using journal::UndoKind;

void Journal::Impl::remove(AccountEntry& entry) {
    mark_dirty(entry);
    entry.generation = next_generation++;
    entry.slots_set = 0;
    entry.exists = false;
    entry.nonce = 0;
    entry.balance = {};
    entry.code_hash = empty_code_hash;
    entry.code = nullptr;
}

void Journal::Impl::take_back_slot(const Undo& last) {
    SlotEntry& entry = *static_cast<SlotEntry*>(last.entry);
    if (last.kind == UndoKind::slot_and_origin) {
        const U256 epochs = pop_value();
        entry.generation = static_cast<u32>(epochs.limb[0]);
        entry.original_epoch = static_cast<u32>(epochs.limb[1]);
        entry.original = pop_value();
    }
    entry.current = pop_value();
    entry.account->slots_set -= static_cast<std::int64_t>(last.number);
}

void Journal::Impl::take_back(const Undo& last) {
    auto& account = *static_cast<AccountEntry*>(last.entry);
    switch (last.kind) {
    case UndoKind::account_warmth:
        account.warm_epoch = 0;
        return;
    case UndoKind::slot_warmth:
        static_cast<SlotEntry*>(last.entry)->warm_epoch = 0;
        return;
    case UndoKind::balance:
        account.balance = pop_value();
        return;
    case UndoKind::nonce:
        account.nonce = last.number;
        return;
    case UndoKind::code:
        account.code_hash = codes.back().hash;
        account.code = std::move(codes.back().code);
        codes.pop_back();
        return;
    case UndoKind::existence:
        account.exists = false;
        return;
    case UndoKind::birth: {
        const U256 old = pop_value();
        account.generation = static_cast<u32>(old.limb[0]);
        account.slots_set = static_cast<std::int64_t>(old.limb[1]);
        account.created_epoch = static_cast<u32>(old.limb[2]);
        return;
    }
    case UndoKind::touch:
        account.touched_epoch = 0;
        return;
    case UndoKind::destruction:
        account.destructed_epoch = 0;
        return;
    case UndoKind::slot:
    case UndoKind::slot_and_origin:
        return take_back_slot(last);
    case UndoKind::transient:
        static_cast<TransientEntry*>(last.entry)->value = pop_value();
        return;
    case UndoKind::log:
        logs.pop_back();
        return;
    case UndoKind::refund:
        refund = static_cast<std::int64_t>(last.number);
        return;
    }
}

Journal::Journal(StateReader& reader)
    : impl_(std::make_unique<Impl>(reader)) {}
Journal::~Journal() = default;

bool Journal::exists(const Address& address) { return impl_->load(address).exists; }
bool Journal::is_empty(const Address& address) { return Impl::is_empty(impl_->load(address)); }
bool Journal::has_storage(const Address& address) {
    return Impl::has_storage(impl_->load(address));
}
std::uint64_t Journal::nonce(const Address& address) { return impl_->load(address).nonce; }
U256 Journal::balance(const Address& address) { return impl_->load(address).balance; }
Hash32 Journal::code_hash(const Address& address) { return impl_->load(address).code_hash; }

CodePtr Journal::code(const Address& address) {
    AccountEntry& entry = impl_->load(address);
    if (entry.code == nullptr) {
        if (entry.code_hash == empty_code_hash) return empty_code();
        auto code = impl_->reader.code(entry.code_hash);
        if (!code) {
            impl_->keep_error(std::move(code.error()));
            return empty_code();
        }
        entry.code = std::move(*code);
    }
    return entry.code;
}

void Journal::touch(const Address& address) { impl_->open(address); }

void Journal::set_nonce(const Address& address, std::uint64_t nonce) {
    AccountEntry& entry = impl_->open(address);
    impl_->record(UndoKind::nonce, &entry, entry.nonce);
    entry.nonce = nonce;
}

void Journal::set_balance(const Address& address, const U256& balance) {
    impl_->set_balance(impl_->open(address), balance);
}

void Journal::add_balance(const Address& address, const U256& amount) {
    AccountEntry& entry = impl_->open(address);
    if (!amount.is_zero()) impl_->set_balance(entry, entry.balance + amount);
}

bool Journal::subtract_balance(const Address& address, const U256& amount) {
    if (impl_->load(address).balance < amount) return false;
    AccountEntry& entry = impl_->open(address);
    if (!amount.is_zero()) impl_->set_balance(entry, entry.balance - amount);
    return true;
}

void Journal::set_code(const Address& address, Bytes code) {
    AccountEntry& entry = impl_->open(address);
    impl_->codes.push_back({entry.code_hash, std::move(entry.code)});
    impl_->record(UndoKind::code, &entry);
    entry.code = code.empty() ? empty_code() : std::make_shared<const Code>(std::move(code));
    entry.code_hash = entry.code->hash();
}

void Journal::begin_contract(const Address& address) {
    AccountEntry& entry = impl_->open(address);
    U256 old;
    old.limb = {entry.generation, static_cast<u64>(entry.slots_set), entry.created_epoch, 0};
    impl_->values.push_back(old);
    impl_->record(UndoKind::birth, &entry);
    entry.generation = impl_->next_generation++;
    entry.slots_set = 0;
    entry.created_epoch = impl_->epoch;
}

bool Journal::created_in_transaction(const Address& address) const {
    const AccountEntry* entry = impl_->find(address);
    return entry != nullptr && entry->created_epoch == impl_->epoch;
}

bool Journal::self_destruct(const Address& address) {
    AccountEntry& entry = impl_->load(address);
    if (entry.destructed_epoch == impl_->epoch) return false;
    entry.destructed_epoch = impl_->epoch;
    impl_->record(UndoKind::destruction, &entry);
    impl_->destructed.push_back(&entry);
    return true;
}

bool Journal::is_self_destructed(const Address& address) const {
    const AccountEntry* entry = impl_->find(address);
    return entry != nullptr && entry->destructed_epoch == impl_->epoch;
}

Journal::Slot Journal::access_slot(const Address& address, const U256& slot) {
    SlotEntry& entry = impl_->slot_of(address, slot);
    Slot out{Impl::current_of(entry), impl_->original_of(entry), false};
    if (entry.warm_epoch != impl_->epoch) {
        entry.warm_epoch = impl_->epoch;
        impl_->record(UndoKind::slot_warmth, &entry);
        out.was_cold = true;
    }
    return out;
}

U256 Journal::storage(const Address& address, const U256& slot) {
    return Impl::current_of(impl_->slot_of(address, slot));
}

void Journal::set_storage(const Address& address, const U256& slot, const U256& value) {
    impl_->open(address);
    impl_->set_slot(impl_->slot_of(address, slot), value);
}

U256 Journal::transient(const Address& address, const U256& slot) const {
    const u64 hash = impl_->hasher(impl_->hasher(address), slot);
    const TransientEntry* entry = impl_->transients.find(
        hash, [&](const TransientEntry& e) { return e.slot == slot && e.address == address; });
    return entry == nullptr ? U256() : entry->value;
}

void Journal::set_transient(const Address& address, const U256& slot, const U256& value) {
    const u64 hash = impl_->hasher(impl_->hasher(address), slot);
    TransientEntry* entry = impl_->transients.find(
        hash, [&](const TransientEntry& e) { return e.slot == slot && e.address == address; });
    if (entry == nullptr) {
        entry = &impl_->transients.insert(hash);
        entry->address = address;
        entry->slot = slot;
    }
    impl_->values.push_back(entry->value);
    impl_->record(UndoKind::transient, entry);
    entry->value = value;
}

bool Journal::access_account(const Address& address) {
    AccountEntry& entry = impl_->entry_of(address);
    if (entry.warm_epoch == impl_->epoch) return false;
    entry.warm_epoch = impl_->epoch;
    impl_->record(UndoKind::account_warmth, &entry);
    return true;
}

bool Journal::is_warm(const Address& address) const {
    const AccountEntry* entry = impl_->find(address);
    return entry != nullptr && entry->warm_epoch == impl_->epoch;
}

void Journal::add_log(Log log) {
    impl_->logs.push_back(std::move(log));
    impl_->record(UndoKind::log, nullptr);
}
const std::vector<Log>& Journal::logs() const { return impl_->logs; }

void Journal::add_refund(std::int64_t gas) {
    impl_->record(UndoKind::refund, nullptr, static_cast<u64>(impl_->refund));
    impl_->refund += gas;
}
std::int64_t Journal::refund() const { return impl_->refund; }

Journal::Checkpoint Journal::checkpoint() { return impl_->undo.size(); }

void Journal::revert(Checkpoint checkpoint) {
    OL_CHECK(checkpoint <= impl_->undo.size());
    while (impl_->undo.size() > checkpoint) {
        const Undo last = impl_->undo.back();
        impl_->undo.pop_back();
        impl_->take_back(last);
    }
}

void Journal::begin_transaction() {
    ++impl_->epoch;
    impl_->forget_undo();
    impl_->touched.clear();
    impl_->destructed.clear();
    impl_->transients.clear();
    impl_->logs.clear();
    impl_->refund = 0;
}

void Journal::end_transaction(const Rules& rules) {
    for (AccountEntry* entry : impl_->destructed) {
        if (entry->destructed_epoch == impl_->epoch) impl_->remove(*entry);
    }
    if (rules.fork >= Fork::spurious_dragon) {
        for (AccountEntry* entry : impl_->touched) {
            const bool is_touched = entry->touched_epoch == impl_->epoch;
            if (is_touched && entry->exists && Impl::is_empty(*entry)) impl_->remove(*entry);
        }
    }
    impl_->touched.clear();
    impl_->destructed.clear();
    impl_->forget_undo();
}

// What became of one account; `slot` walks over the dirty slots, sorted by account.
AccountChange Journal::Impl::change_of(AccountEntry& entry, std::vector<SlotEntry*>::iterator& slot,
                                       std::vector<SlotEntry*>::iterator end, bool& is_change) {
    const bool is_cleared = entry.generation != entry.taken_generation;
    AccountChange out;
    out.address = entry.address;
    out.storage_cleared = is_cleared && entry.taken_storage;
    for (; slot != end && (*slot)->account == &entry; ++slot) {
        SlotEntry& at = **slot;
        const U256 value = current_of(at);
        const bool is_changed = is_cleared ? !value.is_zero() : at.has_taken && value != at.taken;
        if (entry.exists && is_changed) out.storage.emplace_back(at.slot, value);
        at.is_dirty = false;
    }
    const bool is_same = entry.exists == entry.taken_exists && entry.nonce == entry.taken_nonce &&
                         entry.balance == entry.taken_balance &&
                         entry.code_hash == entry.taken_code_hash;
    is_change = !is_same || out.storage_cleared || !out.storage.empty();
    if (entry.exists) {
        out.account.emplace();
        out.account->nonce = entry.nonce;
        out.account->balance = entry.balance;
        out.account->code_hash = entry.code_hash;
        if (entry.code_hash != entry.taken_code_hash && entry.code_hash != empty_code_hash) {
            out.code = entry.code;
        }
    }
    entry.is_dirty = false;
    entry.taken_generation = entry.generation;
    return out;
}

StateChanges Journal::take_changes() {
    auto& dirty = impl_->dirty_accounts;
    auto& slots = impl_->dirty_slots;
    std::sort(dirty.begin(), dirty.end(),
              [](const auto* a, const auto* b) { return a->address < b->address; });
    std::sort(slots.begin(), slots.end(), [](const auto* a, const auto* b) {
        if (a->account != b->account) return a->account->address < b->account->address;
        return a->slot < b->slot;
    });
    StateChanges out;
    out.reserve(dirty.size());
    auto slot = slots.begin();
    for (AccountEntry* entry : dirty) {
        bool is_change = false;
        AccountChange change = impl_->change_of(*entry, slot, slots.end(), is_change);
        if (is_change) out.push_back(std::move(change));
    }
    dirty.clear();
    slots.clear();
    impl_->forget_undo();
    return out;
}

const std::optional<Error>& Journal::error() const { return impl_->error; }

} // namespace ol::chain
