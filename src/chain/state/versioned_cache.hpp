// A cache of the newest state that readers of older versions may look into too: each entry says
// since which version it holds. Bounded; thread-safe. Internal to the state room.
//
// Places are sets of a few entries under a keyed hash, so that a lookup costs the same whatever
// keys somebody chooses; a set drops what was used least recently.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace ol::chain {

template <class Key, class Value>
class VersionedCache {
public:
    explicit VersionedCache(std::uint64_t entries)
        : pages_(std::max<std::uint64_t>(entries / (sets * ways), 1)) {}

    // The value as of `version`; none when it is not known here.
    std::optional<Value> find(const Key& key, std::uint64_t hash, std::uint64_t version) {
        if (version > complete_.load()) return std::nullopt;
        Page& page = page_of(hash);
        const std::scoped_lock lock(page.mutex);
        Entry* const entry = page.find(key, hash);
        if (entry == nullptr || entry->since > version) return std::nullopt;
        entry->used = ++page.clock;
        return entry->value;
    }

    // A value that was read from a snapshot of `version`; forgotten unless that is the newest.
    void fill(const Key& key, std::uint64_t hash, Value value, std::uint64_t version) {
        Page& page = page_of(hash);
        const std::scoped_lock lock(page.mutex);
        if (version != newest_.load() || page.find(key, hash) != nullptr) return;
        page.put(key, hash, std::move(value), version);
    }

    // A commit: begin, what changed, end. One thread at a time.
    void begin_changes(std::uint64_t version) { newest_.store(version); }
    void change(const Key& key, std::uint64_t hash, Value value, std::uint64_t version) {
        Page& page = page_of(hash);
        const std::scoped_lock lock(page.mutex);
        page.put(key, hash, std::move(value), version);
    }
    void end_changes(std::uint64_t version) { complete_.store(version); }

    // When versions begin anew; nobody else is using it.
    void clear() {
        for (Page& page : pages_) page.entries.reset();
        newest_.store(0);
        complete_.store(0);
    }

private:
    static constexpr std::size_t sets = 16, ways = 8;

    struct Entry {
        Key key{};
        Value value{};
        std::uint64_t since = 0, used = 0; // used 0: free
    };
    struct Page {
        std::mutex mutex;
        std::unique_ptr<std::array<Entry, sets * ways>> entries; // null until the first fill
        std::uint64_t clock = 0;

        Entry* set_of(std::uint64_t hash) { return entries->data() + hash % sets * ways; }

        Entry* find(const Key& key, std::uint64_t hash) {
            if (entries == nullptr) return nullptr;
            Entry* const set = set_of(hash);
            for (std::size_t i = 0; i < ways; ++i) {
                if (set[i].used != 0 && set[i].key == key) return &set[i];
            }
            return nullptr;
        }

        void put(const Key& key, std::uint64_t hash, Value value, std::uint64_t since) {
            Entry* place = find(key, hash);
            if (entries == nullptr) {
                entries = std::make_unique<std::array<Entry, sets * ways>>();
            }
            if (place == nullptr) {
                Entry* const set = set_of(hash);
                place = std::min_element(set, set + ways, [](const Entry& a, const Entry& b) {
                    return a.used < b.used;
                });
            }
            *place = {key, std::move(value), since, ++clock};
        }
    };

    Page& page_of(std::uint64_t hash) { return pages_[(hash >> 8) % pages_.size()]; }

    std::vector<Page> pages_;
    std::atomic<std::uint64_t> newest_{0}, complete_{0};
};

} // namespace ol::chain
