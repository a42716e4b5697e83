// The packed leaves of a commitment (docs/formats/index-proofs.md).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "attribution/suffix/segment.hpp"

namespace ol::attribution::suffix {

inline constexpr std::uint32_t symbols_per_leaf = 16;
inline constexpr std::uint32_t numbers_per_leaf = 64;
inline constexpr std::size_t symbol_short_bytes = 32; // at most, of one symbol
inline constexpr std::size_t text_leaf_bytes = symbols_per_leaf * symbol_short_bytes;
inline constexpr std::size_t number_leaf_bytes = numbers_per_leaf * 4;
inline constexpr std::size_t table_packed_bytes = 60; // offset, leaf hash, owner, cluster
inline constexpr std::size_t owner_leaf_bytes = 60;   // owner, root of the list, start, size

inline std::uint64_t leaves_of(std::uint64_t items, std::uint64_t per_leaf) {
    return (items + per_leaf - 1) / per_leaf;
}
// How many items leaf `leaf` of a tree over `items` holds.
inline std::uint32_t items_of_leaf(std::uint64_t items, std::uint64_t per_leaf,
                                   std::uint64_t leaf) {
    return static_cast<std::uint32_t>(std::min(per_leaf, items - leaf * per_leaf));
}

// The short form of a word at `out` (symbol_short_bytes are free there); its size. A word that is
// neither a symbol nor a separator becomes the single byte 0xff, which no reader takes.
std::size_t put_symbol(std::uint8_t* out, const text::SymbolWord& word);
// The word whose short form stands at the front of `bytes`, and the form's size; nothing when the
// bytes are no canonical short form. Separators of any record are read.
struct ShortSymbol {
    text::SymbolWord word;
    std::size_t size = 0;
};
std::optional<ShortSymbol> read_symbol(ByteView bytes);

// The size of a text leaf of `count` symbols at the front of `bytes`; nothing when they do not hold
// so many canonical symbols.
std::optional<std::size_t> text_leaf_size(ByteView bytes, std::uint32_t count);
// Symbol `index` of a leaf that text_leaf_size accepted.
text::SymbolWord symbol_of_leaf(ByteView leaf, std::uint32_t index);

// A table entry in 60 bytes, as proofs carry it; the leaf is TableEntry::encode of it.
void put_table(std::uint8_t* out, const TableEntry& entry);
TableEntry read_table(const std::uint8_t* bytes);

// One owner: its list and where that starts in the lists of all, one after another.
struct OwnerEntry {
    Address owner;
    Hash32 list_root;
    std::uint32_t start = 0, size = 0;
};
void put_owner(std::uint8_t* out, const OwnerEntry& entry);
OwnerEntry read_owner(const std::uint8_t* bytes);

} // namespace ol::attribution::suffix
