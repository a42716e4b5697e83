// The journal's tables: open addressing from a 64-bit hash to entries that never move. Internal to
// the state room.
//
// Whoever sends transactions chooses the keys, so the hash is keyed with a secret of the process:
// nobody outside can aim for long probes.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "base/u256.hpp"

namespace ol::chain {

class KeyHasher {
public:
    KeyHasher(); // the process's secret

    std::uint64_t operator()(const Address& address) const {
        std::uint64_t a = 0, b = 0;
        std::uint32_t c = 0;
        std::memcpy(&a, address.data.data(), 8);
        std::memcpy(&b, address.data.data() + 8, 8);
        std::memcpy(&c, address.data.data() + 16, 4);
        return fold(fold(a ^ secret_[0], b ^ secret_[1]) ^ c, secret_[2]);
    }
    // `owner`: the hash of the address that the slot belongs to.
    std::uint64_t operator()(std::uint64_t owner, const U256& slot) const {
        const std::uint64_t low =
            fold(slot.limb[0] ^ secret_[3] ^ owner, slot.limb[1] ^ secret_[1]);
        const std::uint64_t high = fold(slot.limb[2] ^ secret_[0], slot.limb[3] ^ secret_[4]);
        return fold(low ^ std::rotl(high, 29), secret_[2] ^ owner);
    }

    // Of strings of a few words, such as hashes.
    std::uint64_t operator()(ByteView bytes) const {
        std::uint64_t out = secret_[4];
        for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data(), 8);
            out = fold(out ^ word, secret_[3]) ^ std::rotl(out, 23);
        }
        std::uint64_t rest = bytes.size();
        for (const std::uint8_t byte : bytes) rest = rest << 8 | byte;
        return fold(out ^ rest, secret_[2]);
    }

private:
    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        const unsigned __int128 wide = static_cast<unsigned __int128>(a) * b;
        return static_cast<std::uint64_t>(wide) ^ static_cast<std::uint64_t>(wide >> 64);
    }

    std::uint64_t secret_[5];
};

// For the containers of the standard library.
struct SecretHasher {
    template <std::size_t N>
    std::size_t operator()(const FixedBytes<N>& key) const {
        static const KeyHasher hasher;
        return hasher(key.view());
    }
};

// Entries by their hash (a member `hash`) and a test of equality. Entries stay where they are until
// clear().
template <class Entry>
class KeyedTable {
public:
    template <class Matches>
    Entry* find(std::uint64_t hash, const Matches& matches) const {
        if (buckets_.empty()) return nullptr;
        for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
            const Bucket& bucket = buckets_[i];
            if (bucket.entry == nullptr) return nullptr;
            if (bucket.hash == hash && matches(*bucket.entry)) return bucket.entry;
        }
    }

    // A fresh entry under a key that is not there.
    Entry& insert(std::uint64_t hash) {
        if (2 * (count_ + 1) > buckets_.size()) grow();
        Entry& entry = allocate();
        entry.hash = hash;
        place(hash, &entry);
        ++count_;
        return entry;
    }

    std::size_t size() const { return count_; }

    // Forgets all entries in a time that depends on their number, not on the room they once took.
    void clear() {
        for_each([&](Entry& entry) {
            std::size_t i = entry.hash & mask_;
            while (buckets_[i].entry != &entry) i = (i + 1) & mask_;
            buckets_[i].entry = nullptr;
        });
        count_ = chunk_ = used_ = 0;
    }

    // In the order of insertion.
    template <class Each>
    void for_each(const Each& each) {
        for (std::size_t c = 0; c < chunks_.size() && c <= chunk_; ++c) {
            const std::size_t end = c == chunk_ ? used_ : chunks_[c].size;
            for (std::size_t i = 0; i < end; ++i) each(chunks_[c].entries[i]);
        }
    }

private:
    static constexpr std::size_t first_buckets = 64;
    static constexpr std::size_t first_chunk = 8, largest_chunk = 1024;

    struct Bucket {
        std::uint64_t hash = 0;
        Entry* entry = nullptr;
    };
    struct Chunk {
        std::unique_ptr<Entry[]> entries;
        std::size_t size = 0;
    };

    void place(std::uint64_t hash, Entry* entry) {
        std::size_t i = hash & mask_;
        while (buckets_[i].entry != nullptr) i = (i + 1) & mask_;
        buckets_[i] = {hash, entry};
    }

    void grow() {
        std::vector<Bucket> old(buckets_.empty() ? first_buckets : 2 * buckets_.size());
        old.swap(buckets_);
        mask_ = buckets_.size() - 1;
        for (const Bucket& bucket : old) {
            if (bucket.entry != nullptr) place(bucket.hash, bucket.entry);
        }
    }

    // Chunks grow from a few entries, for a single call, to many.
    Entry& allocate() {
        if (chunk_ < chunks_.size() && used_ == chunks_[chunk_].size) {
            ++chunk_;
            used_ = 0;
        }
        if (chunk_ == chunks_.size()) {
            const std::size_t size =
                chunks_.empty() ? first_chunk : std::min(2 * chunks_.back().size, largest_chunk);
            chunks_.push_back({std::make_unique<Entry[]>(size), size});
        }
        Entry& entry = chunks_[chunk_].entries[used_++];
        entry = Entry{};
        return entry;
    }

    std::vector<Bucket> buckets_;
    std::size_t mask_ = 0, count_ = 0;
    std::vector<Chunk> chunks_;
    std::size_t chunk_ = 0, used_ = 0; // where the next entry goes
};

} // namespace ol::chain
