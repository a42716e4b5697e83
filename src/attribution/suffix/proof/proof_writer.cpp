#include "attribution/suffix/proof/proof_writer.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"

namespace ol::attribution::suffix {

ProofWriter::ProofWriter(const IndexTrees& trees, Claim::Kind kind)
    : trees_(trees) {
    out_.reserve(8192);
    u8(proof_version);
    u8(static_cast<std::uint8_t>(kind));
}

ProofWriter::ProofWriter(const IndexTrees& trees, FaultKind kind)
    : ProofWriter(trees, Claim::Kind::order_fault) {
    u8(static_cast<std::uint8_t>(kind));
}

void ProofWriter::u16(std::uint32_t value) {
    u8(static_cast<std::uint8_t>(value >> 8));
    u8(static_cast<std::uint8_t>(value));
}

void ProofWriter::u32(std::uint32_t value) {
    std::array<std::uint8_t, 4> buffer;
    put_be32(buffer.data(), value);
    bytes(buffer);
}

void ProofWriter::hashes(const std::vector<Hash32>& values) {
    if (!values.empty()) bytes({values[0].begin(), 32 * values.size()});
}

void ProofWriter::phrase(std::span<const text::SymbolWord> words) {
    u16(static_cast<std::uint32_t>(words.size()));
    for (const auto& word : words) {
        std::array<std::uint8_t, symbol_short_bytes> buffer;
        bytes({buffer.data(), put_symbol(buffer.data(), word)});
    }
}

void ProofWriter::section(const PackedTree& tree, Items items, std::uint64_t per_leaf,
                          const std::function<void(std::uint64_t leaf)>& put_leaf) {
    for (auto& item : items) item /= per_leaf;
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
    OL_CHECK(!items.empty() && items.size() < 256);
    u8(static_cast<std::uint8_t>(items.size()));
    for (const std::uint64_t leaf : items) {
        u32(static_cast<std::uint32_t>(leaf));
        put_leaf(leaf);
    }
    hashes(tree.open(items));
}

void ProofWriter::numbers(const PackedTree& tree, std::span<const std::uint32_t> values,
                          const Items& items) {
    section(tree, items, numbers_per_leaf,
            [&](std::uint64_t leaf) { append_number_leaf(values, leaf, out_); });
}

void ProofWriter::text(const Items& positions) {
    section(trees_.text, positions, symbols_per_leaf,
            [&](std::uint64_t leaf) { trees_.append_text_leaf(leaf, out_); });
}

void ProofWriter::suffix_array(const Items& ranks) {
    numbers(trees_.suffixes, trees_.arrays.suffixes, ranks);
}
void ProofWriter::inverse(const Items& positions) {
    numbers(trees_.inverse, trees_.arrays.inverse, positions);
}
void ProofWriter::slots(const Items& ranks) { numbers(trees_.slots, trees_.lists.slots, ranks); }

void ProofWriter::table(const Items& records) {
    section(trees_.table, records, 1, [&](std::uint64_t record) {
        std::array<std::uint8_t, table_packed_bytes> buffer;
        put_table(buffer.data(), trees_.arrays.table(static_cast<std::uint32_t>(record)));
        bytes(buffer);
    });
}

void ProofWriter::owners(const Items& owners) {
    section(trees_.owners, owners, 1, [&](std::uint64_t owner) {
        std::array<std::uint8_t, owner_leaf_bytes> buffer;
        put_owner(buffer.data(), trees_.owner_entry(owner));
        bytes(buffer);
    });
}

void ProofWriter::list(std::uint64_t owner, const Items& places) {
    numbers(trees_.list_trees[owner], trees_.list_of(owner), places);
}

} // namespace ol::attribution::suffix
