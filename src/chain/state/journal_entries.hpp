// What the journal keeps: entries of accounts and slots that stay where they are, and the records
// that undo a change. Internal to the journal.
#pragma once

#include "chain/state/state.hpp"

namespace ol::chain::journal {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// A storage generation begins whenever an account's storage is cleared; numbers are never reused
// within a journal. Generation 0 is the reader's storage.
constexpr u32 readers_generation = 0;

// Every transaction is an epoch; 0 means never.
struct AccountEntry {
    u64 hash = 0;
    Address address;
    bool is_loaded = false; // from the reader
    bool exists = false;
    bool had_storage = false; // in the reader
    bool is_dirty = false;    // on the list of what take_changes looks at
    u32 generation = readers_generation;
    u32 warm_epoch = 0, touched_epoch = 0, created_epoch = 0, destructed_epoch = 0;
    u64 nonce = 0;
    U256 balance;
    Hash32 code_hash = empty_code_hash;
    CodePtr code; // null until asked for
    // Slots of this generation that became set, less those that became zero.
    std::int64_t slots_set = 0;

    // As of the last take_changes; the rest is filled in when the account becomes dirty.
    u32 taken_generation = readers_generation;
    bool taken_exists = false, taken_storage = false;
    u64 taken_nonce = 0;
    U256 taken_balance;
    Hash32 taken_code_hash;
};

struct SlotEntry {
    u64 hash = 0;
    AccountEntry* account = nullptr;
    U256 slot;
    U256 current;  // of `generation`; another generation of the account makes it zero or unread
    U256 original; // of `original_epoch`; another epoch: not written in this transaction
    u32 generation = readers_generation;
    u32 original_epoch = 0, warm_epoch = 0;
    bool is_dirty = false;
    bool has_taken = false; // `taken` is the value at the last take_changes
    U256 taken;
};

struct TransientEntry {
    u64 hash = 0;
    Address address;
    U256 slot, value;
};

enum class UndoKind : std::uint8_t {
    account_warmth,
    slot_warmth,
    balance, // the old one on `values`
    nonce,   // in `number`
    code,    // on `codes`
    existence,
    birth, // generation, slots_set and created_epoch on `values`
    touch,
    destruction,
    slot,            // the old value on `values`, the change of slots_set in `number`
    slot_and_origin, // the same, then original, then both epochs
    transient,
    log,
    refund,
};

struct Undo {
    UndoKind kind;
    void* entry = nullptr;
    u64 number = 0;
};

struct OldCode {
    Hash32 hash;
    CodePtr code;
};

// On the main net an out-of-gas call once left the touch of the RIPEMD-160 precompile standing, and
// every client has kept to that since (EIP-161, the discussion of block 2,675,119).
inline bool keeps_touch(const Address& address) {
    static constexpr Address ripemd = [] {
        Address out;
        out.data[19] = 3;
        return out;
    }();
    return address == ripemd;
}

} // namespace ol::chain::journal
