// What the journal is made of: entries that stay where they are, the records that undo a change,
// and the steps on them. Internal to journal.cpp, which holds the public face.
#pragma once

#include <utility>

#include "chain/state/journal.hpp"
#include "chain/state/journal_entries.hpp"
#include "chain/state/keyed_table.hpp"

namespace ol::chain {

struct Journal::Impl {
    using AccountEntry = journal::AccountEntry;
    using SlotEntry = journal::SlotEntry;
    using TransientEntry = journal::TransientEntry;
    using Undo = journal::Undo;
    using UndoKind = journal::UndoKind;
    using u32 = std::uint32_t;
    using u64 = std::uint64_t;

    StateReader& reader;
    KeyHasher hasher;
    KeyedTable<AccountEntry> accounts;
    KeyedTable<SlotEntry> slots;
    KeyedTable<TransientEntry> transients;
    AccountEntry* last_account = nullptr;
    SlotEntry* last_slot = nullptr;

    u32 epoch = 1, next_generation = journal::readers_generation + 1;
    std::vector<Undo> undo;
    std::vector<U256> values;
    std::vector<journal::OldCode> codes;
    std::vector<AccountEntry*> touched, destructed, dirty_accounts;
    std::vector<SlotEntry*> dirty_slots;
    std::vector<Log> logs;
    std::int64_t refund = 0;
    std::optional<Error> error;

    explicit Impl(StateReader& state_reader)
        : reader(state_reader) {}

    void record(UndoKind kind, void* entry, u64 number = 0) {
        undo.push_back({kind, entry, number});
    }

    void keep_error(Error failure) {
        if (!error) error = std::move(failure);
    }

    AccountEntry* find(const Address& address) {
        if (last_account != nullptr && last_account->address == address) return last_account;
        const u64 hash = hasher(address);
        AccountEntry* found = accounts.find(
            hash, [&](const AccountEntry& entry) { return entry.address == address; });
        if (found != nullptr) last_account = found;
        return found;
    }

    // The entry, not necessarily read yet: what warmth needs.
    AccountEntry& entry_of(const Address& address) {
        if (last_account != nullptr && last_account->address == address) return *last_account;
        const u64 hash = hasher(address);
        AccountEntry* entry = accounts.find(
            hash, [&](const AccountEntry& other) { return other.address == address; });
        if (entry == nullptr) {
            entry = &accounts.insert(hash);
            entry->address = address;
        }
        last_account = entry;
        return *entry;
    }

    AccountEntry& load(const Address& address) {
        AccountEntry& entry = entry_of(address);
        if (!entry.is_loaded) [[unlikely]] {
            read(entry);
        }
        return entry;
    }

    void read(AccountEntry& entry) {
        entry.is_loaded = true;
        auto account = reader.account(entry.address);
        if (!account) return keep_error(std::move(account.error()));
        if (!*account) return;
        const Account& found = **account;
        entry.exists = true;
        entry.nonce = found.nonce;
        entry.balance = found.balance;
        entry.code_hash = found.code_hash;
        entry.had_storage = found.storage_root != empty_root_hash;
    }

    static bool is_empty(const AccountEntry& entry) {
        return entry.nonce == 0 && entry.balance.is_zero() && entry.code_hash == empty_code_hash;
    }

    static bool has_storage(const AccountEntry& entry) {
        return (entry.generation == journal::readers_generation && entry.had_storage) ||
               entry.slots_set > 0;
    }

    void mark_dirty(AccountEntry& entry) {
        if (entry.is_dirty) return;
        entry.is_dirty = true;
        entry.taken_exists = entry.exists;
        entry.taken_storage = has_storage(entry);
        entry.taken_nonce = entry.nonce;
        entry.taken_balance = entry.balance;
        entry.taken_code_hash = entry.code_hash;
        dirty_accounts.push_back(&entry);
    }

    // For writers: the account exists, counts as touched and will be looked at by take_changes.
    AccountEntry& open(const Address& address) {
        AccountEntry& entry = load(address);
        mark_dirty(entry);
        if (entry.touched_epoch != epoch) {
            if (!journal::keeps_touch(address)) record(UndoKind::touch, &entry);
            entry.touched_epoch = epoch;
            touched.push_back(&entry);
        }
        if (!entry.exists) {
            entry.exists = true;
            record(UndoKind::existence, &entry);
        }
        return entry;
    }

    void set_balance(AccountEntry& entry, const U256& balance) {
        values.push_back(entry.balance);
        record(UndoKind::balance, &entry);
        entry.balance = balance;
    }

    SlotEntry* find_slot(const Address& address, const U256& slot, u64& hash) {
        if (last_slot != nullptr && last_slot->slot == slot &&
            last_slot->account->address == address) {
            return last_slot;
        }
        const bool is_last = last_account != nullptr && last_account->address == address;
        hash = hasher(is_last ? last_account->hash : hasher(address), slot);
        SlotEntry* found = slots.find(hash, [&](const SlotEntry& entry) {
            return entry.slot == slot && entry.account->address == address;
        });
        if (found != nullptr) last_slot = found;
        return found;
    }

    // The entry with its current value in place where the reader has to be asked for it.
    SlotEntry& slot_of(const Address& address, const U256& slot) {
        u64 hash = 0;
        SlotEntry* entry = find_slot(address, slot, hash);
        if (entry == nullptr) {
            AccountEntry& account = entry_of(address);
            entry = &slots.insert(hash);
            entry->account = &account;
            entry->slot = slot;
            entry->generation = account.generation;
            if (account.generation == journal::readers_generation) read(*entry);
            last_slot = entry;
        } else if (entry->generation != entry->account->generation &&
                   entry->account->generation == journal::readers_generation) {
            // First seen while the storage was cleared for a while; nothing remembers that value.
            entry->generation = journal::readers_generation;
            read(*entry);
        }
        return *entry;
    }

    void read(SlotEntry& entry) {
        entry.current = {};
        const AccountEntry& account = *entry.account;
        if (account.is_loaded && !account.had_storage) return;
        auto value = reader.storage(account.address, entry.slot);
        if (!value) return keep_error(std::move(value.error()));
        entry.current = *value;
    }

    static U256 current_of(const SlotEntry& entry) {
        return entry.generation == entry.account->generation ? entry.current : U256();
    }

    // The value at the start of the transaction; zero in storage that was cleared since.
    U256 original_of(const SlotEntry& entry) const {
        const bool is_known =
            entry.original_epoch == epoch && entry.generation == entry.account->generation;
        return is_known ? entry.original : current_of(entry);
    }

    void set_slot(SlotEntry& entry, const U256& value) {
        AccountEntry& account = *entry.account;
        const U256 current = current_of(entry);
        const std::int64_t change = static_cast<std::int64_t>(!value.is_zero()) -
                                    static_cast<std::int64_t>(!current.is_zero());
        if (!entry.is_dirty) {
            entry.is_dirty = true;
            entry.has_taken = false;
            dirty_slots.push_back(&entry);
        }
        if (!entry.has_taken && account.generation == account.taken_generation) {
            entry.has_taken = true;
            entry.taken = current;
        }
        values.push_back(entry.current);
        if (entry.generation == account.generation && entry.original_epoch == epoch) {
            record(UndoKind::slot, &entry, static_cast<u64>(change));
        } else {
            values.push_back(entry.original);
            U256 epochs;
            epochs.limb = {entry.generation, entry.original_epoch, 0, 0};
            values.push_back(epochs);
            record(UndoKind::slot_and_origin, &entry, static_cast<u64>(change));
            entry.original = current;
            entry.original_epoch = epoch;
            entry.generation = account.generation;
        }
        entry.current = value;
        account.slots_set += change;
    }

    // Ends the account at the end of a transaction; nothing is undone after that.
    void remove(AccountEntry& entry);

    void forget_undo() {
        undo.clear();
        values.clear();
        codes.clear();
    }

    U256 pop_value() {
        const U256 value = values.back();
        values.pop_back();
        return value;
    }

    void take_back(const Undo& last);
    void take_back_slot(const Undo& last);
    AccountChange change_of(AccountEntry& entry, std::vector<SlotEntry*>::iterator& slot,
                            std::vector<SlotEntry*>::iterator end, bool& is_change);
};

} // namespace ol::chain
