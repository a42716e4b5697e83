#include "attribution/suffix/proof/proof_reader.hpp"

#include "base/limits.hpp"
#include "crypto/merkle.hpp"

namespace ol::attribution::suffix {

Result<ByteView> Section::leaf(std::uint64_t index) {
    for (Leaf& leaf : leaves_) {
        if (leaf.index != index) continue;
        leaf.used = true;
        return leaf.bytes;
    }
    return unproved("leaf {} is needed and not opened", index);
}

Result<text::SymbolWord> Section::symbol(std::uint64_t position) {
    const ByteView bytes = OL_TRY(leaf(position / symbols_per_leaf));
    return symbol_of_leaf(bytes, position % symbols_per_leaf);
}

Result<std::uint32_t> Section::number(std::uint64_t place) {
    const ByteView bytes = OL_TRY(leaf(place / numbers_per_leaf));
    return get_be32(bytes.data() + 4 * (place % numbers_per_leaf));
}

Result<TableEntry> Section::table(std::uint64_t record) {
    return read_table(OL_TRY(leaf(record)).data());
}

Result<OwnerEntry> Section::owner(std::uint64_t owner) {
    return read_owner(OL_TRY(leaf(owner)).data());
}

std::vector<std::uint64_t> Section::leaves() const {
    std::vector<std::uint64_t> out;
    for (const Leaf& leaf : leaves_) out.push_back(leaf.index);
    return out;
}

bool Section::all_used() const {
    for (const Leaf& leaf : leaves_) {
        if (!leaf.used) return false;
    }
    return true;
}

Result<ByteView> ProofReader::bytes(std::size_t count) {
    if (left_.size() < count) return unproved("it ends too early");
    const ByteView out = left_.first(count);
    left_ = left_.subspan(count);
    return out;
}

Result<std::uint8_t> ProofReader::u8() { return OL_TRY(bytes(1))[0]; }
Result<std::uint16_t> ProofReader::u16() {
    const ByteView two = OL_TRY(bytes(2));
    return static_cast<std::uint16_t>(two[0] << 8 | two[1]);
}
Result<std::uint32_t> ProofReader::u32() { return get_be32(OL_TRY(bytes(4)).data()); }

Result<std::vector<text::SymbolWord>> ProofReader::phrase() {
    const std::size_t count = OL_TRY(u16());
    if (count == 0 || count > limits::proof_symbols) return unproved("{} symbols", count);
    std::vector<text::SymbolWord> out;
    for (std::size_t i = 0; i < count; ++i) {
        const auto symbol = read_symbol(left_);
        if (!symbol || text::is_separator(symbol->word)) {
            return unproved("symbol {} of the phrase is none", i);
        }
        out.push_back(symbol->word);
        left_ = left_.subspan(symbol->size);
    }
    return out;
}

Status ProofReader::climb_to(const Hash32& root, std::vector<OpenedNode> nodes,
                             std::uint64_t count) {
    const auto climbed = climb(std::move(nodes), count, left_);
    if (!climbed) return unproved("siblings are missing");
    if (climbed->root != root) return unproved("the opening does not lead to the root");
    left_ = left_.subspan(climbed->used);
    return {};
}

// Number of leaves, each with its index (ascending) and bytes, then the siblings.
template <class Size, class HashLeaf>
Result<Section> ProofReader::section(const Hash32& root, std::uint64_t leaf_count, Size size_of,
                                     HashLeaf hash) {
    const std::size_t count = OL_TRY(u8());
    if (count == 0) return unproved("a section opens nothing");
    Section out;
    std::vector<OpenedNode> nodes;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t index = OL_TRY(u32());
        if (index >= leaf_count || (i > 0 && index <= nodes.back().index)) {
            return unproved("leaf {} of {} is out of order or outside of the tree", index,
                            leaf_count);
        }
        const ByteView leaf = OL_TRY(bytes(OL_TRY(size_of(index))));
        out.leaves_.push_back({index, leaf});
        nodes.push_back({index, hash(leaf)});
    }
    OL_TRY(climb_to(root, std::move(nodes), leaf_count));
    return out;
}

Result<Section> ProofReader::text(const Hash32& root, std::uint64_t symbols) {
    return section(
        root, leaves_of(symbols, symbols_per_leaf),
        [&](std::uint64_t leaf) -> Result<std::size_t> {
            const auto size = text_leaf_size(left_, items_of_leaf(symbols, symbols_per_leaf, leaf));
            if (!size) return unproved("leaf {} of the text is malformed", leaf);
            return *size;
        },
        crypto::merkle_leaf);
}

Result<Section> ProofReader::numbers(const Hash32& root, std::uint64_t count) {
    return section(
        root, leaves_of(count, numbers_per_leaf),
        [&](std::uint64_t leaf) -> Result<std::size_t> {
            return 4 * std::size_t{items_of_leaf(count, numbers_per_leaf, leaf)};
        },
        crypto::merkle_leaf);
}

Result<Section> ProofReader::table(const Hash32& root, std::uint64_t records) {
    return section(
        root, records, [](std::uint64_t) -> Result<std::size_t> { return table_packed_bytes; },
        [](ByteView leaf) { return crypto::merkle_leaf(read_table(leaf.data()).encode()); });
}

Result<Section> ProofReader::owners(const Hash32& root, std::uint64_t owners) {
    return section(
        root, owners, [](std::uint64_t) -> Result<std::size_t> { return owner_leaf_bytes; },
        crypto::merkle_leaf);
}

} // namespace ol::attribution::suffix
