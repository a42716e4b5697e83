// StateDatabase: the state of the head block on disk - flat accounts and storage for speed, the
// Merkle Patricia tries beside them for roots and proofs - and how to go back in time.
//
// A block's commit is one batch together with the caller's own keys: after a crash there is the
// state before it or after it. Going back: each block leaves a reverse diff, kept for
// `history_blocks` (pruned mode) or for ever (archive mode).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/progress.hpp"
#include "base/thread_pool.hpp"
#include "chain/state/state.hpp"
#include "store/key_value.hpp"

namespace ol::chain {

// Families of the store that the state uses, from 0 on; the block store's begin at
// `state_families`.
enum StateFamily : unsigned {
    family_accounts,      // keccak(address) -> account
    family_storage,       // keccak(address) | keccak(slot) -> value
    family_code,          // hash -> bytes
    family_account_trie,  // path -> node
    family_storage_trie,  // keccak(address) | path -> node
    family_history,       // block number (8 bytes) -> reverse diff
    family_history_index, // archive: keys -> blocks that changed them
    family_state_meta,    // head number, root, mode, format version
    state_families
};
std::vector<std::string> state_family_names();

struct StateOptions {
    bool archive = false;
    std::uint64_t history_blocks = 1024; // pruned mode: how far re-orgs and old reads may go back
    // Accounts, slots and trie nodes in memory; taken as they come. Half of it are nodes: those
    // that are stored of ten million accounts fit.
    std::uint64_t cache_bytes = 256ULL << 20;
};

struct AccountProof {
    Account account;                  // empty when absent
    std::vector<Bytes> account_nodes; // RLP, root first
    struct Slot {
        U256 slot, value;
        std::vector<Bytes> nodes;
    };
    std::vector<Slot> slots;
};
// unverified when the nodes do not lead from `state_root` to what the proof says (EIP-1186).
Status verify_proof(const Hash32& state_root, const Address& address, const AccountProof& proof);

class StateDatabase {
public:
    // `store` outlives it. The mode of an existing database must match; format changes are
    // unsupported with the remedy. An empty store holds the empty state "before block 0".
    static Result<std::unique_ptr<StateDatabase>>
    open(store::KeyValue& store, const StateOptions& options, ThreadPool& pool);
    virtual ~StateDatabase() = default;

    // The head: none before genesis is laid down. Thread-safe.
    virtual std::optional<std::uint64_t> head_number() const = 0;
    virtual Hash32 root() const = 0;

    // The block being made on the head: a backend whose changes live in memory until commit. One at
    // a time is committed; others are dropped. Reads of the head by other threads go on meanwhile.
    class Pending : public StateBackend {
    public:
        virtual Hash32 root() const = 0;
    };
    virtual std::unique_ptr<Pending> begin() = 0;
    // The same on the state after block `number`, to execute what follows an older block; it is
    // never staged. not_found when the history does not reach so far.
    virtual Result<std::unique_ptr<Pending>> begin_at(std::uint64_t number) = 0;
    // Adds the pending block's writes, and its reverse diff under `number` (head + 1, or 0 for the
    // first), to `batch`. The caller writes the batch durably and then calls adopt; conflict when
    // the pending block was not begun on the present head.
    virtual Status stage(Pending& pending, std::uint64_t number, store::WriteBatch& batch) = 0;
    virtual void adopt(std::unique_ptr<Pending> pending) = 0;

    // Takes the head back to `number` (its state after that block) within `batch`, to be written by
    // the caller, then adopt_rollback. not_found when the history does not reach so far.
    virtual Status stage_rollback(std::uint64_t number, store::WriteBatch& batch) = 0;
    virtual void adopt_rollback() = 0;
    virtual std::uint64_t oldest_number() const = 0; // how far back reads and roll-backs go

    // The state after block `number`; any thread, a reader a thread. A reader of the head keeps
    // answering for its block when the head moves on. not_found with the remedy (archive mode).
    virtual Result<std::unique_ptr<StateReader>> at(std::uint64_t number) = 0;
    // eth_getProof; of blocks within the history.
    virtual Result<AccountProof> prove(const Address& address, std::span<const U256> slots,
                                       std::uint64_t number) = 0;

    // The head's whole state as one file, and back into an empty store
    // (docs/formats/state-snapshot.md): every chunk hashed, the root recomputed and compared.
    virtual Status export_snapshot(const Path& file, const ProgressSink& progress) = 0;
    virtual Status import_snapshot(const Path& file, std::uint64_t number,
                                   const Hash32& expected_root, const ProgressSink& progress) = 0;
    // Reads every file of the store, and recomputes every root from the flat state; corrupted with
    // the first file or account that differs.
    virtual Status verify(const ProgressSink& progress) = 0;
};

} // namespace ol::chain
