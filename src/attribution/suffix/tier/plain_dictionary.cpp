#include "attribution/suffix/tier/plain_dictionary.hpp"

#include <algorithm>

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

constexpr std::size_t words_per_key = 16;
constexpr std::size_t words_in_step = 64;

std::uint64_t key_of(const text::SymbolWord& word) { return get_be64(word.data.data()); }

// Halves the ranges of many searches in step, so that their cache misses overlap: first(i) is the
// first element of range i that is not below(i, element).
template <class Element, class Below>
void lower_bounds(const Element* elements, std::span<u32> low, std::span<u32> high, Below below) {
    for (bool more = true; more;) {
        more = false;
        for (std::size_t i = 0; i < low.size(); ++i) {
            __builtin_prefetch(elements + low[i] + (high[i] - low[i]) / 2);
        }
        for (std::size_t i = 0; i < low.size(); ++i) {
            if (low[i] == high[i]) continue;
            const u32 middle = low[i] + (high[i] - low[i]) / 2;
            const bool is_below = below(i, elements[middle]);
            low[i] = is_below ? middle + 1 : low[i];
            high[i] = is_below ? high[i] : middle;
            more |= low[i] < high[i];
        }
    }
}

} // namespace

PlainDictionary::PlainDictionary(std::span<const text::SymbolWord> words)
    : words_(words) {
    keys_.reserve(words.size() / words_per_key + 1);
    for (std::size_t i = 0; i < words.size(); i += words_per_key) {
        keys_.push_back(key_of(words[i]));
    }
}

u32 PlainDictionary::find(const text::SymbolWord& word) const {
    u32 number = 0;
    find_all({&word, 1}, {&number, 1});
    return number;
}

void PlainDictionary::find_all(std::span<const text::SymbolWord> words,
                               std::span<u32> numbers) const {
    for (std::size_t begin = 0; begin < words.size(); begin += words_in_step) {
        const std::size_t count = std::min(words_in_step, words.size() - begin);
        const auto some = words.subspan(begin, count);
        u32 low_of[words_in_step], high_of[words_in_step];
        const std::span<u32> low(low_of, count), high(high_of, count);
        // Words before the last smaller key are smaller; words from the first larger key on are
        // larger.
        std::fill(low.begin(), low.end(), 0U);
        std::fill(high.begin(), high.end(), static_cast<u32>(keys_.size()));
        lower_bounds(keys_.data(), low, high,
                     [&](std::size_t i, std::uint64_t key) { return key < key_of(some[i]); });
        for (std::size_t i = 0; i < count; ++i) {
            const auto above =
                std::upper_bound(keys_.begin() + low[i], keys_.end(), key_of(some[i]));
            const auto end = static_cast<std::size_t>(above - keys_.begin());
            high[i] = static_cast<u32>(std::min(end * words_per_key, words_.size()));
            low[i] = low[i] == 0 ? 0 : static_cast<u32>((low[i] - 1) * words_per_key);
        }
        lower_bounds(words_.data(), low, high,
                     [&](std::size_t i, const text::SymbolWord& word) { return word < some[i]; });
        for (std::size_t i = 0; i < count; ++i) {
            const bool found = low[i] < words_.size() && words_[low[i]] == some[i];
            numbers[begin + i] = found ? low[i] : size();
        }
    }
}

} // namespace ol::attribution::suffix
