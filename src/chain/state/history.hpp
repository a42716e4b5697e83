// Reverse diffs: what accounts and slots held before each block (docs/formats/state-database.md).
// Internal to the state room.
//
// A block's diff is sorted by a fingerprint of 32 bits; its header has all fingerprints, so that a
// reader of an old block sees without more reads whether a later block changed what it asks for.
// In archive mode an index leads from a key to the blocks that changed it.
#pragma once

#include <map>

#include "chain/state/records.hpp"
#include "store/key_value.hpp"

namespace ol::chain {

// An account's hash, or an account's and a slot's.
class DiffKey {
public:
    explicit DiffKey(const HashedKey& account) { std::memcpy(bytes_.data(), account.begin(), 32); }
    explicit DiffKey(const SlotKey& slot)
        : size_(64) {
        std::memcpy(bytes_.data(), slot.owner.begin(), 32);
        std::memcpy(bytes_.data() + 32, slot.slot.begin(), 32);
    }
    static Result<DiffKey> from(ByteView bytes);

    bool is_account() const { return size_ == 32; }
    HashedKey account() const;
    SlotKey slot() const;
    ByteView view() const { return {bytes_.data(), size_}; }
    std::uint32_t fingerprint() const;
    auto operator<=>(const DiffKey&) const = default; // a slot behind its account

private:
    std::array<std::uint8_t, 64> bytes_{};
    std::uint8_t size_ = 32;
};

// The record that stood in the flat families before the block: empty where there was none.
struct DiffEntry {
    DiffKey key;
    std::uint8_t size = 0;
    std::array<std::uint8_t, most_record_bytes> bytes;

    DiffEntry(const DiffKey& at, ByteView before)
        : key(at)
        , size(static_cast<std::uint8_t>(before.size())) {
        if (size != 0) std::memcpy(bytes.data(), before.data(), size);
    }
    ByteView before() const { return {bytes.data(), size}; }
};

// Adds a block's diff to the batch. `archive`: and its part of the index.
void write_diff(store::WriteBatch& batch, std::uint64_t number, std::span<const DiffEntry> entries,
                bool archive);
// Takes a diff away again; corrupted when it cannot be read.
Status erase_diff(store::WriteBatch& batch, const store::KeyValue& store,
                  const store::KeyValue::SnapshotPtr& at, std::uint64_t number, bool archive);
// All of a block's diff; not_found when there is none.
Result<std::vector<DiffEntry>> read_diff(const store::KeyValue& store,
                                         const store::KeyValue::SnapshotPtr& at,
                                         std::uint64_t number);

// What a key held after block `number`, as far as the blocks above it up to `newest` changed it.
// One thread at a time.
class HistoryReader {
public:
    HistoryReader(const store::KeyValue& store, store::KeyValue::SnapshotPtr at,
                  std::uint64_t number, std::uint64_t newest, bool archive);
    // The record before the first change; none: nothing changed it, the head's value holds.
    Result<std::optional<Bytes>> find(const DiffKey& key);

private:
    Result<std::optional<Bytes>> find_in(std::uint64_t number, const DiffKey& key);
    Result<std::optional<Bytes>> find_by_index(const DiffKey& key);

    const store::KeyValue& store_;
    store::KeyValue::SnapshotPtr at_;
    std::uint64_t number_, newest_;
    bool archive_;
    std::map<std::uint64_t, Bytes> headers_; // those looked at
    std::unique_ptr<store::KeyValue::Cursor> index_;
};

} // namespace ol::chain
