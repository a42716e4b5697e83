// KeyValue: an ordered, crash-safe key-value store on disk (RocksDB; its types stay in the .cpp).
// Keys and values are bytes, kept apart in families. Thread-safe.
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

// Changes that become durable together or not at all.
class WriteBatch {
public:
    WriteBatch();
    ~WriteBatch();
    WriteBatch(WriteBatch&&) noexcept;
    WriteBatch& operator=(WriteBatch&&) noexcept;

    void put(unsigned family, ByteView key, ByteView value);
    void erase(unsigned family, ByteView key);
    void erase_range(unsigned family, ByteView first, ByteView end); // [first, end)
    std::uint64_t size_bytes() const;
    void clear();

private:
    friend class KeyValue;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

struct KeyValueOptions {
    std::uint64_t cache_bytes = 64ULL << 20;        // of blocks, all families together
    std::uint64_t write_buffer_bytes = 32ULL << 20; // a family's table in memory
    bool read_only = false;
};

class KeyValue {
public:
    // Creates the folder when absent; `families` are named once, in the order of their numbers.
    // corrupted (named, with the remedy) when its files do not check; unavailable when another
    // process holds it.
    static Result<std::unique_ptr<KeyValue>> open(const Path& folder,
                                                  std::span<const std::string> families,
                                                  const KeyValueOptions& options = {});
    ~KeyValue();

    Result<std::optional<Bytes>> get(unsigned family, ByteView key) const;
    // values[i] answers keys[i].
    Status get_many(unsigned family, std::span<const ByteView> keys,
                    std::span<std::optional<Bytes>> values) const;
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
