// Journal: the state as a running transaction sees it - a cache over a StateReader with revert
// (checkpoints), warm sets (EIP-2929), original values (EIP-2200), transient storage (EIP-1153),
// logs and the refund counter. Not thread-safe. Concrete on purpose: the interpreter calls it for
// every SLOAD.
//
// A failing reader does not stop a call half-way: reads answer as if nothing were there and
// error() holds the first failure; whoever runs a transaction checks it at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "chain/state/state.hpp"
#include "chain/types/fork.hpp"

namespace ol::chain {

class Journal {
public:
    explicit Journal(StateReader& reader);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    // Accounts. An absent account reads as empty: nonce 0, balance 0, no code.
    bool exists(const Address& address);
    bool is_empty(const Address& address); // EIP-161: nonce 0, balance 0, no code
    bool has_storage(
        const Address& address); // its storage root is not that of the empty trie, or a slot is set
    std::uint64_t nonce(const Address& address);
    U256 balance(const Address& address);
    Hash32 code_hash(const Address& address); // empty_code_hash for an absent account
    CodePtr code(const Address& address);

    // Writers create the account where it is absent. touch() does only that.
    void touch(const Address& address);
    void set_nonce(const Address& address, std::uint64_t nonce);
    void set_balance(const Address& address, const U256& balance);
    void add_balance(const Address& address, const U256& amount);
    // False, and nothing changed, when there is less.
    bool subtract_balance(const Address& address, const U256& amount);
    void set_code(const Address& address, Bytes code);
    // A contract's birth: keeps the balance, clears the storage, marks it as created in this
    // transaction (EIP-6780).
    void begin_contract(const Address& address);
    bool created_in_transaction(const Address& address) const;
    // Marks for removal at the end of the transaction. False when it was marked before.
    bool self_destruct(const Address& address);
    bool is_self_destructed(const Address& address) const;

    // Storage.
    struct Slot {
        U256 current, original; // original: at the start of the transaction
        bool was_cold = false;  // before this access, which warms it
    };
    Slot access_slot(const Address& address, const U256& slot);
    U256 storage(const Address& address, const U256& slot); // without warming
    void set_storage(const Address& address, const U256& slot, const U256& value);
    U256 transient(const Address& address, const U256& slot) const;
    void set_transient(const Address& address, const U256& slot, const U256& value);

    // Warmth: true when it was cold before.
    bool access_account(const Address& address);
    bool is_warm(const Address& address) const;

    void add_log(Log log);
    const std::vector<Log>& logs() const; // of this transaction
    void add_refund(std::int64_t gas);    // may be negative
    std::int64_t refund() const;

    // Revert: everything since the checkpoint, warmth, logs and refund included.
    using Checkpoint = std::size_t;
    Checkpoint checkpoint();
    void revert(Checkpoint checkpoint);

    // A transaction's frame: begin forgets warmth, transient storage, originals, logs and refund;
    // end removes what self-destructed and, from Spurious Dragon on, what was touched and is empty.
    void begin_transaction();
    void end_transaction(const Rules& rules);

    // Everything that changed since construction or the last take, for StateBackend::apply; what
    // was read stays cached. Between transactions only.
    StateChanges take_changes();

    const std::optional<Error>& error() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace ol::chain
