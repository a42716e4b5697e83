// Blockchain: the blocks, their receipts and indices on disk, the canonical chain with its heads,
// import with re-orgs, and building of new blocks. What the RPC reads and the sequencer drives.
//
// Thread-safe: readers run beside one writer; writers (import, build, set_heads, rewind) are
// serialised. Rules: Yellow Paper, execution-apis, OP specs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/file.hpp"
#include "chain/block/execution.hpp"
#include "chain/state/database.hpp"

namespace ol::chain {

class TransactionPool;

struct BlockchainOptions {
    Path folder;
    StateOptions state;
    bool durable = true;  // each block synced to the disk before it counts
    unsigned threads = 0; // that recover senders and hash tries; 0: as many as there are cores
};

// A block with what its execution gave, shared by whoever reads it.
struct StoredBlock {
    Hash32 hash;
    Block block;
    std::vector<Address> senders;             // of its transactions
    std::vector<Hash32> transaction_hashes;   // of its transactions
    std::vector<TransactionOutcome> outcomes; // with receipts; output is not kept
    std::uint64_t size_bytes = 0;             // of its RLP
    // Development: what override_state changed between the parent and this block.
    StateChanges overrides;
};
using StoredBlockPtr = std::shared_ptr<const StoredBlock>;

struct TransactionPlace {
    Hash32 block_hash;
    std::uint64_t block_number = 0;
    std::uint32_t index = 0;
};

struct LogFilter {
    std::uint64_t from = 0, to = 0;          // block numbers, both included
    std::vector<Address> addresses;          // empty: all
    std::vector<std::vector<Hash32>> topics; // per position: any of; empty: wildcard
    std::uint64_t limit = 10'000;            // results; more is too_large with the remedy
};
struct FoundLog {
    Log log;
    Hash32 block_hash, transaction_hash;
    std::uint64_t block_number = 0, block_timestamp = 0;
    std::uint32_t transaction_index = 0, log_index = 0;
    bool removed = false; // by a re-org (subscriptions)
};

// What a payload is built from (Engine API, OP: forced transactions first, eip1559Params, gas
// limit).
struct PayloadAttributes {
    std::uint64_t timestamp = 0;
    Hash32 prev_randao;
    Address fee_recipient;
    std::vector<Withdrawal> withdrawals;
    std::optional<Hash32> parent_beacon_block_root;
    std::vector<Transaction> forced; // OP: deposits and, for verifiers, the whole block
    bool no_pool = false;
    std::optional<std::uint64_t> gas_limit;
    std::optional<FixedBytes<8>> eip1559_parameters; // Holocene
    std::optional<std::uint64_t> minimum_base_fee;   // Jovian
    // Bytes of estimated data (Fjord's rule) that one transaction and the pool's together may take
    // (OP: what the batcher can carry).
    std::optional<std::uint64_t> transaction_da_bytes, block_da_bytes;
};

struct BuiltBlock {
    Block block;
    std::vector<TransactionOutcome> outcomes;
    U256 fees; // priority fees to the recipient
    std::vector<Bytes> requests;
};

// The canonical chain moved: blocks that left (newest first) and joined (oldest first). Both empty:
// override_state changed the head's state. Blocks that left by rewind() are not stored any more.
struct HeadEvent {
    std::vector<Hash32> left, joined;
};

class Blockchain {
public:
    // Opens, or lays down `genesis` in an empty folder. conflict when the folder holds another
    // genesis; corrupted, named, when it does not check; heals an unfinished last block.
    static Result<std::unique_ptr<Blockchain>> open(const BlockchainOptions& options,
                                                    const Genesis& genesis);
    virtual ~Blockchain() = default;

    virtual const ChainConfig& config() const = 0;
    // Latest canonical header (unsafe head on OP); safe and finalized: genesis until they are set.
    virtual Header head() const = 0;
    virtual Hash32 head_hash() const = 0;
    virtual Hash32 safe_hash() const = 0;
    virtual Hash32 finalized_hash() const = 0;

    virtual Result<std::optional<Hash32>> canonical_hash(std::uint64_t number) const = 0;
    virtual Result<std::optional<Header>> header(const Hash32& hash) const = 0;
    virtual Result<std::optional<Block>> block(const Hash32& hash) const = 0;
    // All of a block at once, shared with other readers; null: unknown. What block(), senders() and
    // outcomes() are cut from.
    virtual Result<StoredBlockPtr> stored(const Hash32& hash) const = 0;
    // Senders of its transactions, kept at import so that nobody recovers them again.
    virtual Result<std::vector<Address>> senders(const Hash32& block_hash) const = 0;
    virtual Result<std::optional<std::vector<TransactionOutcome>>>
    outcomes(const Hash32& block_hash) const = 0; // with receipts; output is not kept
    virtual Result<std::optional<TransactionPlace>> find(const Hash32& transaction) const = 0;
    // Canonical logs, found with the headers' blooms.
    virtual Result<std::vector<FoundLog>> logs(const LogFilter& filter) const = 0;
    virtual Result<std::vector<FoundLog>> logs_of_block(const Hash32& hash) const = 0;

    // The state after a canonical block. not_found where it is pruned.
    virtual Result<std::unique_ptr<StateReader>> state_at(std::uint64_t number) const = 0;
    // The state that a canonical block's first transaction began with: its parent's, and what
    // override_state changed since. For traces and re-execution.
    virtual Result<std::unique_ptr<StateReader>> state_before(const Hash32& block) const = 0;
    virtual StateDatabase& state() = 0;
    virtual BlockHashes block_hashes(const Hash32& head) const = 0;

    // Executes and keeps a block; the canonical chain does not move unless it extends the head and
    // `extend_head`. not_found: the parent is unknown (syncing). unverified: invalid, and why.
    virtual Status import(const Block& block, bool extend_head) = 0;
    // Moves the canonical head (re-org when needed), safe and finalized (zero: leave as they are).
    virtual Status set_heads(const Hash32& head, const Hash32& safe, const Hash32& finalized) = 0;
    // Builds on `parent`; nothing is kept. invalid_argument for attributes that break a rule.
    // `deadline_ms` bounds the taking from the pool.
    virtual Result<BuiltBlock> build(const Hash32& parent, const PayloadAttributes& attributes,
                                     TransactionPool* pool, std::int64_t deadline_ms) = 0;
    // build + import + new head in one go, the state of the building kept: the sequencer's path.
    virtual Result<BuiltBlock> produce(const PayloadAttributes& attributes,
                                       TransactionPool* pool) = 0;
    // Development: the canonical chain back to `number`, its later blocks forgotten.
    virtual Status rewind(std::uint64_t number) = 0;
    // Development: state changes outside of any transaction (setBalance, setCode, setStorageAt),
    // part of the next produced block's parent state; breaks re-execution of that block on purpose.
    virtual Status override_state(const StateChanges& changes) = 0;
    // What override_state changed since the head; rewind() forgets it, so that whoever takes back
    // to a moment between blocks keeps it and gives it again.
    virtual StateChanges overrides() const = 0;

    // Called after each move of the canonical chain, on the writer's thread, which holds the chain:
    // a listener reads and never writes; keep it short.
    virtual void on_head(std::function<void(const HeadEvent&)> listener) = 0;
};

} // namespace ol::chain
