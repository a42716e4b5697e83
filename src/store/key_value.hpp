// KeyValue: an ordered, crash-safe key-value store on disk (RocksDB; its types stay in the .cpp).
// Keys and values are bytes, kept apart in families. Thread-safe; cursors are for one thread each.
//
// What is read is checked against its checksum: corrupted names the file. A torn end of the log
// after a crash is no corruption; a damaged middle is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "base/result.hpp"

namespace ol::store {

// Changes that become durable together or not at all. Later ones win over earlier ones.
class WriteBatch {
public:
    void put(unsigned family, ByteView key, ByteView value);
    void erase(unsigned family, ByteView key);
    void erase_range(unsigned family, ByteView first, ByteView end); // [first, end)
    std::uint64_t size_bytes() const { return bytes_.size(); }
    bool is_empty() const { return bytes_.empty(); }
    void clear() { bytes_.clear(); }

private:
    friend class KeyValue;
    enum class Step : std::uint8_t { put, erase, erase_range };
    void add(Step step, unsigned family, ByteView first, ByteView second);

    Bytes bytes_; // step, family, both sizes, both strings
};

struct KeyValueOptions {
    std::uint64_t cache_bytes = 64ULL << 20; // of blocks, all families together
    std::uint64_t write_buffer_bytes = 32ULL
                                       << 20; // a family's table in memory; two of them in all
    std::vector<unsigned> compressed; // families whose values are worth it (code, blocks: LZ4)
    bool read_only = false;
};

class KeyValue {
public:
    // The store as it stood at one moment. Hold it for short: it keeps old versions on the disk.
    // Goes before the store.
    class Snapshot {
    public:
        virtual ~Snapshot() = default;
    };
    using SnapshotPtr = std::shared_ptr<const Snapshot>;

    // Walks over one family. False: no more keys, or an error (status). Views hold until the next
    // step. Goes before the store and its snapshot.
    class Cursor {
    public:
        virtual ~Cursor() = default;
        virtual bool seek(ByteView from) = 0;      // the first key >= from
        virtual bool seek_back(ByteView from) = 0; // the last key <= from
        virtual bool next() = 0;
        virtual bool previous() = 0;
        virtual ByteView key() const = 0;
        virtual ByteView value() const = 0;
        virtual Status status() const = 0;
    };

    // Creates the folder when absent; `families` are named once, in the order of their numbers.
    // corrupted (named, with the remedy) when its files do not check; unavailable when another
    // process holds it.
    static Result<std::unique_ptr<KeyValue>> open(const Path& folder,
                                                  std::span<const std::string> families,
                                                  const KeyValueOptions& options = {});
    ~KeyValue();

    SnapshotPtr snapshot() const;
    std::unique_ptr<Cursor> cursor(unsigned family, const SnapshotPtr& at = {}) const;

    Result<std::optional<Bytes>> get(unsigned family, ByteView key,
                                     const SnapshotPtr& at = {}) const;
    // values[i] answers keys[i].
    Status get_many(unsigned family, std::span<const ByteView> keys,
                    std::span<std::optional<Bytes>> values, const SnapshotPtr& at = {}) const;
    // Ascending from the first key >= `from`, until each returns false or the keys end.
    Status scan(unsigned family, ByteView from,
                const std::function<bool(ByteView key, ByteView value)>& each) const;
    // Descending from the last key <= `from`.
    Status scan_back(unsigned family, ByteView from,
                     const std::function<bool(ByteView key, ByteView value)>& each) const;
    // durable: synced to the disk before it returns. io when the disk is full or refuses.
    Status write(const WriteBatch& batch, bool durable);
    Status put(unsigned family, ByteView key, ByteView value, bool durable);

    // A copy of the whole store in `folder` (hard links where the file system has them).
    Status checkpoint(const Path& folder) const;
    Status compact();
    Status check_integrity() const; // every checksum
    std::uint64_t disk_bytes() const;

private:
    KeyValue();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace ol::store
