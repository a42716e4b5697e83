#include "attribution/suffix/tier/plain_dictionary.hpp"

#include <algorithm>
#include <bit>

#include "attribution/suffix/checksum.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

constexpr std::size_t words_in_step = 64;

std::size_t slot_count(std::size_t words) { return std::bit_ceil(2 * words + 2); }

} // namespace

Bytes make_word_slots(std::span<const text::SymbolWord> words) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(words.data());
    const std::uint64_t key = checksum64({bytes, words.size_bytes()}, words.size());
    const WordHash hash(key);
    std::vector<u32> slots(slot_count(words.size()), 0);
    const std::size_t mask = slots.size() - 1;
    for (u32 n = 0; n < words.size(); ++n) {
        std::size_t at = hash(words[n]) & mask;
        while (slots[at] != 0) at = (at + 1) & mask;
        slots[at] = n + 1;
    }
    Bytes out(sizeof key + slots.size() * sizeof(u32));
    std::memcpy(out.data(), &key, sizeof key);
    std::memcpy(out.data() + sizeof key, slots.data(), slots.size() * sizeof(u32));
    return out;
}

Result<std::unique_ptr<PlainDictionary>>
PlainDictionary::open(std::span<const text::SymbolWord> words, ByteView slots) {
    std::uint64_t key = 0;
    const std::size_t count = slot_count(words.size());
    if (slots.size() != sizeof key + count * sizeof(u32)) {
        return fail(ErrorCode::corrupted, "section of word slots: {} bytes do not fit {} words",
                    slots.size(), words.size());
    }
    std::memcpy(&key, slots.data(), sizeof key);
    const auto* const first = reinterpret_cast<const u32*>(slots.data() + sizeof key);
    return std::unique_ptr<PlainDictionary>(new PlainDictionary(words, key, {first, count}));
}

// A false table gives false answers, but no more probes than it has slots.
u32 PlainDictionary::probe(const text::SymbolWord& word, std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    for (std::size_t probes = 0; probes <= mask && slots_[at] != 0; ++probes) {
        const u32 number = slots_[at] - 1;
        if (number < words_.size() && same_word(words_[number], word)) return number;
        at = (at + 1) & mask;
    }
    return size();
}

u32 PlainDictionary::find(const text::SymbolWord& word) const { return probe(word, hash_(word)); }

void PlainDictionary::find_all(std::span<const text::SymbolWord> words,
                               std::span<u32> numbers) const {
    const std::size_t mask = slots_.size() - 1;
    std::uint64_t hashes[words_in_step];
    for (std::size_t begin = 0; begin < words.size(); begin += words_in_step) {
        const std::size_t count = std::min(words_in_step, words.size() - begin);
        // In step, so that the misses of all words overlap: slots, then words, then the answers.
        for (std::size_t i = 0; i < count; ++i) {
            hashes[i] = hash_(words[begin + i]);
            __builtin_prefetch(&slots_[hashes[i] & mask]);
        }
        for (std::size_t i = 0; i < count; ++i) {
            const u32 slot = slots_[hashes[i] & mask];
            if (slot != 0 && slot <= words_.size()) __builtin_prefetch(&words_[slot - 1]);
        }
        for (std::size_t i = 0; i < count; ++i) {
            numbers[begin + i] = probe(words[begin + i], hashes[i]);
        }
    }
}

} // namespace ol::attribution::suffix
