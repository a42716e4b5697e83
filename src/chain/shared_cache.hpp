// SharedCache: immutable values by hash, the least recently used leaving first, bounded in bytes.
// Thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/bytes.hpp"

namespace ol::chain {

template <class T>
class SharedCache {
public:
    explicit SharedCache(std::uint64_t limit_bytes)
        : limit_bytes_(limit_bytes) {}

    std::shared_ptr<const T> get(const Hash32& key) {
        const std::scoped_lock guard(mutex_);
        const auto found = places_.find(key);
        if (found == places_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->value;
    }

    void put(const Hash32& key, std::shared_ptr<const T> value, std::uint64_t bytes) {
        const std::scoped_lock guard(mutex_);
        remove(key);
        entries_.push_front({key, std::move(value), bytes});
        places_.emplace(key, entries_.begin());
        bytes_ += bytes;
        // The newest stays, however large it is.
        while (bytes_ > limit_bytes_ && entries_.size() > 1) remove(entries_.back().key);
    }

    void erase(const Hash32& key) {
        const std::scoped_lock guard(mutex_);
        remove(key);
    }

private:
    struct Entry {
        Hash32 key;
        std::shared_ptr<const T> value;
        std::uint64_t bytes = 0;
    };

    void remove(Hash32 key) { // by value: it may lie in the entry
        const auto found = places_.find(key);
        if (found == places_.end()) return;
        bytes_ -= found->second->bytes;
        entries_.erase(found->second);
        places_.erase(found);
    }

    const std::uint64_t limit_bytes_;
    std::mutex mutex_;
    std::list<Entry> entries_; // the latest used first
    std::unordered_map<Hash32, typename std::list<Entry>::iterator, FixedBytesHasher> places_;
    std::uint64_t bytes_ = 0;
};

} // namespace ol::chain
