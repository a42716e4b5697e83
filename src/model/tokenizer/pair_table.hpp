// PairTable: from a pair of token ids to the rank of its merge, by open addressing. Encoding asks
// it a few times for every byte of text, which makes it the one hot structure of the tokenizer.
#pragma once

#include <cstdint>
#include <vector>

namespace ol::model {

class PairTable {
public:
    static constexpr std::uint32_t none = 0xffffffff;
    struct Entry {
        std::uint32_t rank = none;
        std::uint32_t merged = 0;
    };

    // The key must not be there yet.
    void insert(std::uint64_t key, Entry entry) {
        if ((used_ + 1) * 2 > slots_.size()) grow();
        place(key, entry);
        ++used_;
    }

    // rank == none when the pair does not merge.
    Entry find(std::uint64_t key) const {
        if (slots_.empty()) return {};
        for (std::size_t i = home(key);; i = (i + 1) & (slots_.size() - 1)) {
            if (slots_[i].entry.rank == none || slots_[i].key == key) return slots_[i].entry;
        }
    }

private:
    struct Slot {
        std::uint64_t key = 0;
        Entry entry; // rank none: the slot is free
    };

    std::size_t home(std::uint64_t key) const {
        return static_cast<std::size_t>(key * 0x9e3779b97f4a7c15 >> 32) & (slots_.size() - 1);
    }
    void place(std::uint64_t key, Entry entry) {
        std::size_t i = home(key);
        while (slots_[i].entry.rank != none) i = (i + 1) & (slots_.size() - 1);
        slots_[i] = {key, entry};
    }
    void grow() {
        std::vector<Slot> old(slots_.empty() ? 1024 : slots_.size() * 2);
        old.swap(slots_);
        for (const auto& slot : old) {
            if (slot.entry.rank != none) place(slot.key, slot.entry);
        }
    }

    std::vector<Slot> slots_;
    std::size_t used_ = 0;
};

} // namespace ol::model
