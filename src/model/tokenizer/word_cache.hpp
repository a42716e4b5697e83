// WordCache: the ids of short words, one direct-mapped table of a thread for all its tokenizers.
// What it answers is what the model would say, so it never shows in a result.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "model/tokenizer/vocabulary.hpp"

namespace ol::model {

class WordCache {
public:
    static constexpr std::size_t max_bytes = 30, max_ids = 7;

    // A number for each tokenizer of the process; 0 is nobody's.
    static std::uint32_t new_owner() {
        static std::atomic<std::uint32_t> last{0};
        return ++last;
    }

    // Appends the ids of `word` (not empty); compute(out) appends them on a miss.
    template <class Compute>
    static void encode(std::uint32_t owner, std::string_view word, std::vector<TokenId>& out,
                       Compute&& compute) {
        if (word.size() > max_bytes) {
            compute(out);
            return;
        }
        thread_local const auto slots = std::make_unique<Slot[]>(slot_count);
        auto& slot = slots[(hash_text(word) ^ owner * 0x9e3779b9U) & (slot_count - 1)];
        if (slot.owner == owner && std::string_view(slot.text, slot.size) == word) {
            out.insert(out.end(), slot.ids, slot.ids + slot.count);
            return;
        }
        const auto before = out.size();
        compute(out);
        const auto count = out.size() - before;
        if (count > max_ids) return;
        slot.owner = owner;
        slot.size = static_cast<std::uint8_t>(word.size());
        slot.count = static_cast<std::uint8_t>(count);
        std::copy(word.begin(), word.end(), slot.text);
        std::copy(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), slot.ids);
    }

private:
    static constexpr std::size_t slot_count = 1U << 14;
    struct Slot {
        std::uint32_t owner = 0;
        std::uint8_t size = 0, count = 0;
        char text[max_bytes];
        TokenId ids[max_ids];
    };
    static_assert(sizeof(Slot) == 64);
};

} // namespace ol::model
