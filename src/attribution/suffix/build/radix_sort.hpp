// Sorting of items by a 64-bit key, most significant digits first: natural text falls apart into
// small pieces after a digit or two.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace ol::attribution::suffix {

namespace detail {

inline constexpr std::size_t insertion_items = 24;

template <class Item>
void insertion_sort(Item* items, std::size_t count) {
    for (std::size_t i = 1; i < count; ++i) {
        if (items[i - 1].key <= items[i].key) continue;
        const Item item = items[i];
        std::size_t at = i;
        do {
            items[at] = items[at - 1];
            --at;
        } while (at > 0 && item.key < items[at - 1].key);
        items[at] = item;
    }
}

template <unsigned digit_bits, class Item>
void digit_sort(Item* items, std::size_t count, Item* scratch);

template <class Item>
void sort_piece(Item* items, std::size_t count, Item* scratch) {
    if (count <= insertion_items) {
        insertion_sort(items, count);
    } else if (count < 1 << 14) {
        digit_sort<7>(items, count, scratch);
    } else {
        digit_sort<11>(items, count, scratch);
    }
}

// By the highest bits in which any two keys differ, then each value's items by the rest.
template <unsigned digit_bits, class Item>
void digit_sort(Item* items, std::size_t count, Item* scratch) {
    constexpr std::size_t values = std::size_t{1} << digit_bits;
    std::uint64_t differing = 0;
    for (std::size_t i = 0; i < count; ++i) differing |= items[i].key ^ items[0].key;
    if (differing == 0) return;
    const unsigned width = static_cast<unsigned>(std::bit_width(differing));
    const unsigned shift = width > digit_bits ? width - digit_bits : 0;
    const auto digit = [&](const Item& item) { return item.key >> shift & (values - 1); };
    std::array<std::uint32_t, values + 1> starts{};
    for (std::size_t i = 0; i < count; ++i) ++starts[digit(items[i]) + 1];
    for (std::size_t v = 0; v < values; ++v) starts[v + 1] += starts[v];
    {
        std::array<std::uint32_t, values> next;
        std::copy(starts.begin(), starts.end() - 1, next.begin());
        for (std::size_t i = 0; i < count; ++i) scratch[next[digit(items[i])]++] = items[i];
    }
    std::copy(scratch, scratch + count, items);
    if (shift == 0) return;
    for (std::size_t v = 0; v < values; ++v) {
        const std::uint32_t size = starts[v + 1] - starts[v];
        if (size > 1) sort_piece(items + starts[v], size, scratch);
    }
}

} // namespace detail

// Items with equal keys may end in any order (the same one for the same input). `scratch` is
// reused from call to call.
template <class Item>
void sort_by_key(std::span<Item> items, std::vector<Item>& scratch) {
    if (items.size() > detail::insertion_items && scratch.size() < items.size()) {
        scratch.resize(items.size());
    }
    detail::sort_piece(items.data(), items.size(), scratch.data());
}

} // namespace ol::attribution::suffix
