// BlockStore: blocks, what their execution gave, the canonical chain and its indices as keys and
// values of the store that the state lives in (docs/formats/block-store.md). Reads from the disk;
// writes go into batches, so that a block and its state become durable together. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chain/blockchain.hpp"
#include "store/key_value.hpp"

namespace ol::chain {

// Few families, for each costs memory and time to open; a first byte tells keys apart.
enum BlockFamily : unsigned {
    family_blocks = state_families, // kind | hash -> header, body, outcomes, overrides
    family_chain_index,             // kind | number, address | number, name
    family_places,                  // transaction hash -> number, index
    block_families
};
// The state's families and these, for KeyValue::open.
std::vector<std::string> chain_family_names();

// The logs of a block, laid out to be searched.
struct BlockLogs {
    struct Entry {
        Address address;
        std::uint8_t topic_count = 0;
        std::uint32_t first_topic = 0, data_begin = 0, data_size = 0;
        std::uint32_t transaction_index = 0;
        std::uint32_t transaction = 0; // index into transaction_hashes
    };
    Hash32 hash;
    std::uint64_t number = 0, timestamp = 0;
    std::vector<Entry> entries; // by log index
    std::vector<Hash32> topics;
    Bytes data;
    std::vector<Hash32> transaction_hashes; // of transactions with logs

    std::uint64_t memory_bytes() const;
    FoundLog log(std::size_t index) const;
};
BlockLogs logs_of(const StoredBlock& block);

class BlockStore {
public:
    // `store` outlives it.
    explicit BlockStore(store::KeyValue& store)
        : store_(store) {}

    // corrupted, with the place, where stored bytes do not decode.
    Result<std::optional<Header>> header(const Hash32& hash) const;
    Result<StoredBlockPtr> block(const Hash32& hash) const; // null: unknown
    Result<bool> has(const Hash32& hash) const;
    Result<BlockLogs> logs(const Hash32& hash) const; // not_found

    struct Canonical {
        Hash32 hash;
        std::optional<Bloom> bloom; // none: no logs
    };
    Result<std::optional<Canonical>> canonical(std::uint64_t number) const;
    // [from, to] until `each` returns false.
    Status scan_canonical(std::uint64_t from, std::uint64_t to,
                          const std::function<bool(std::uint64_t, const Canonical&)>& each) const;
    // Ascending numbers of canonical blocks in [from, to] with logs of `address`.
    Status scan_log_blocks(const Address& address, std::uint64_t from, std::uint64_t to,
                           const std::function<bool(std::uint64_t)>& each) const;
    struct Place {
        std::uint64_t number = 0;
        std::uint32_t index = 0;
    };
    Result<std::optional<Place>> place(const Hash32& transaction) const;

    struct Heads {
        Hash32 genesis, latest, safe, finalized;
        // Where a re-org was going when the process ended; zero: nowhere.
        Hash32 target;
    };
    Result<std::optional<Heads>> heads() const; // none: an empty store
    // Of what genesis was laid down from (genesis.hpp); zero in an empty store.
    Result<Hash32> genesis_digest() const;
    // Overrides that wait for the next block.
    Result<StateChanges> waiting_overrides() const;

    // Staging.
    void put_block(const StoredBlock& block, store::WriteBatch& batch) const;
    void forget_block(const Hash32& hash, store::WriteBatch& batch) const;
    void put_canonical(const StoredBlock& block, store::WriteBatch& batch) const;
    void erase_canonical(const StoredBlock& block, store::WriteBatch& batch) const;
    void put_heads(const Heads& heads, store::WriteBatch& batch) const;
    void put_genesis_digest(const Hash32& digest, store::WriteBatch& batch) const;
    void put_waiting_overrides(const StateChanges& changes, store::WriteBatch& batch) const;

private:
    store::KeyValue& store_;
};

} // namespace ol::chain
