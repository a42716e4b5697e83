// What the execution layer asks of a state: accounts, code and storage to read, changes to apply.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/u256.hpp"
#include "chain/types/block.hpp"

namespace ol::chain {

struct Account {
    std::uint64_t nonce = 0;
    U256 balance;
    Hash32 code_hash = empty_code_hash;
    Hash32 storage_root = empty_root_hash; // kept by the backend; the journal never changes it
    bool operator==(const Account&) const = default;
};

// A contract's code, shared by everyone who runs it. `analysis` is a slot in which the interpreter
// keeps what it computed of the bytes (set once; any thread).
class Code {
public:
    explicit Code(Bytes bytes);            // hash computed
    Code(Bytes bytes, const Hash32& hash); // hash known
    const Bytes& bytes() const { return bytes_; }
    const Hash32& hash() const { return hash_; }

    class Analysis {
    public:
        virtual ~Analysis() = default;
    };
    // Null until the interpreter sets it; a second set of a lost race is dropped.
    const Analysis* analysis() const;
    const Analysis* set_analysis(std::unique_ptr<const Analysis> analysis) const;
    ~Code();
    Code(const Code&) = delete;
    Code& operator=(const Code&) = delete;

private:
    Bytes bytes_;
    Hash32 hash_;
    mutable std::atomic<const Analysis*> analysis_{nullptr};
};
using CodePtr = std::shared_ptr<const Code>; // never null: no code is empty bytes

// A consistent state. Errors: corrupted, io, not_found for a witness that lacks a node. One thread
// at a time unless an implementation says more.
class StateReader {
public:
    virtual ~StateReader() = default;
    virtual Result<std::optional<Account>> account(const Address& address) = 0;
    // Zero where nothing is stored.
    virtual Result<U256> storage(const Address& address, const U256& slot) = 0;
    virtual Result<CodePtr> code(const Hash32& code_hash) = 0;
};

// What a transaction or a block did, ascending by address and slot.
struct AccountChange {
    Address address;
    std::optional<Account> account; // none: the account is gone (its storage too)
    bool storage_cleared = false;   // all former storage is gone before `storage` applies
    std::vector<std::pair<U256, U256>> storage; // slot, new value (zero: removed)
    CodePtr code;                               // null unless its code is new
};
using StateChanges = std::vector<AccountChange>;

// A state that changes: what block execution works on. apply() makes the changes visible to the
// reads and returns the new state root.
class StateBackend : public StateReader {
public:
    virtual Result<Hash32> apply(const StateChanges& changes) = 0;
    // The root of an account's storage as it stands (Isthmus: the message passer's).
    virtual Result<Hash32> storage_root(const Address& address) = 0;
};

// Everything in memory with real tries; for tests, suites and small simulations.
std::unique_ptr<StateBackend> make_memory_state();

// Reads through tries whose nodes are found by their hash (execution witnesses, kona's fixtures).
class NodeSource {
public:
    virtual ~NodeSource() = default;
    virtual Result<Bytes> node(const Hash32& hash) = 0; // not_found
    virtual Result<Bytes> code(const Hash32& hash) = 0;
};
std::unique_ptr<StateBackend> make_witness_state(NodeSource& source, const Hash32& state_root);

} // namespace ol::chain
