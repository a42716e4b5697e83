#include "attribution/suffix/proof/trees.hpp"

#include <array>
#include <cstring>

#include "base/check.hpp"
#include "base/huge_array.hpp"
#include "base/prefetch.hpp"
#include "crypto/hash.hpp"
#include "crypto/merkle.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

constexpr std::uint8_t leaf_tag = 0;
constexpr std::size_t hash_batch = 16;       // leaves whose bytes are made at once
constexpr std::size_t prefetch_symbols = 48; // dictionary words asked for ahead of their use

void put_numbers(std::span<const u32> values, std::uint8_t* out) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        const u32 swapped = __builtin_bswap32(values[i]);
        std::memcpy(out + 4 * i, &swapped, 4);
    }
}

std::span<const u32> numbers_of_leaf(std::span<const u32> values, std::uint64_t leaf) {
    return values.subspan(leaf * numbers_per_leaf,
                          items_of_leaf(values.size(), numbers_per_leaf, leaf));
}

using Leaves = std::span<const std::uint64_t>;

void hash_numbers(std::span<const u32> values, Leaves leaves, std::span<Hash32> out) {
    std::array<std::uint8_t, hash_batch * number_leaf_bytes> rows;
    const std::uint64_t whole = values.size() / numbers_per_leaf;
    std::size_t done = 0;
    while (done < leaves.size() && leaves[done] < whole) {
        std::size_t count = 0;
        for (; count < hash_batch && done + count < leaves.size(); ++count) {
            const std::uint64_t leaf = leaves[done + count];
            if (leaf >= whole) break;
            put_numbers(numbers_of_leaf(values, leaf), rows.data() + count * number_leaf_bytes);
        }
        crypto::keccak256_rows(leaf_tag, {rows.data(), count * number_leaf_bytes},
                               out.subspan(done, count));
        done += count;
    }
    if (done == leaves.size()) return; // else the last leaf, which is shorter
    const auto rest = numbers_of_leaf(values, leaves[done]);
    put_numbers(rest, rows.data());
    out[done] = crypto::merkle_leaf({rows.data(), 4 * rest.size()});
}

} // namespace

// Dictionary words in their short form: copied without a branch, a few words ahead of their use
// asked for.
class ShortWords {
public:
    explicit ShortWords(const SegmentArrays& arrays)
        : arrays_(arrays)
        , forms_(arrays.words.size()) {
        for (std::size_t d = 0; d < forms_.size(); ++d) {
            put_symbol(forms_[d].data(), arrays.words[d]);
        }
    }

    // The bytes of a text leaf at `out` (text_leaf_bytes are free there); their number.
    std::size_t put_leaf(std::uint64_t leaf, std::uint8_t* out) const {
        const auto first = static_cast<u32>(leaf * symbols_per_leaf);
        const u32 count = items_of_leaf(arrays_.text.size(), symbols_per_leaf, leaf);
        std::size_t size = 0;
        for (u32 i = 0; i < count; ++i) {
            fetch(std::uint64_t{first} + i + prefetch_symbols);
            const u32 word = arrays_.text[first + i] - arrays_.records; // separators wrap
            if (word < forms_.size()) [[likely]] {
                std::memcpy(out + size, forms_[word].data(), symbol_short_bytes);
                size += forms_[word][0] > text::symbol_max_bytes ? 1 : 1 + forms_[word][0];
            } else {
                size += put_symbol(out + size, arrays_.word_at(first + i));
            }
        }
        return size;
    }

private:
    void fetch(std::uint64_t position) const {
        if (position >= arrays_.text.size()) return;
        const u32 word = arrays_.text[position] - arrays_.records;
        if (word < forms_.size()) prefetch(&forms_[word]);
    }

    const SegmentArrays& arrays_;
    HugeArray<std::array<std::uint8_t, symbol_short_bytes>> forms_;
};

namespace {

void hash_text(const ShortWords& words, Leaves leaves, std::span<Hash32> out) {
    constexpr std::size_t stride = 1 + text_leaf_bytes;
    std::array<std::uint8_t, hash_batch * stride> buffer;
    std::array<ByteView, hash_batch> views;
    while (!out.empty()) {
        const std::size_t count = std::min(hash_batch, out.size());
        for (std::size_t i = 0; i < count; ++i) {
            std::uint8_t* const leaf = buffer.data() + i * stride;
            leaf[0] = leaf_tag;
            views[i] = {leaf, 1 + words.put_leaf(leaves[i], leaf + 1)};
        }
        crypto::keccak256_many({views.data(), count}, out.first(count));
        out = out.subspan(count);
        leaves = leaves.subspan(count);
    }
}

void hash_table(const SegmentArrays& arrays, Leaves records, std::span<Hash32> out) {
    constexpr std::size_t size = 128;
    std::array<std::uint8_t, hash_batch * size> rows;
    while (!out.empty()) {
        const std::size_t count = std::min(hash_batch, out.size());
        for (std::size_t i = 0; i < count; ++i) {
            const Bytes leaf = arrays.table(static_cast<u32>(records[i])).encode();
            std::memcpy(rows.data() + i * size, leaf.data(), size);
        }
        crypto::keccak256_rows(leaf_tag, {rows.data(), count * size}, out.first(count));
        out = out.subspan(count);
        records = records.subspan(count);
    }
}

PackedTree number_tree(std::span<const u32> values, ThreadPool* pool) {
    return PackedTree(
        leaves_of(values.size(), numbers_per_leaf),
        [values](Leaves leaves, std::span<Hash32> out) { hash_numbers(values, leaves, out); },
        pool);
}

} // namespace

IndexTrees::IndexTrees(const SegmentArrays& segment, const OwnerLists& owner_lists,
                       ThreadPool* pool)
    : arrays(segment)
    , lists(owner_lists)
    , words(std::make_unique<ShortWords>(segment)) {
    OL_CHECK(arrays.suffixes.size() == arrays.text.size() &&
             arrays.inverse.size() == arrays.text.size() && lists.fits(arrays.text.size()));
    text = PackedTree(
        leaves_of(arrays.text.size(), symbols_per_leaf),
        [this](Leaves leaves, std::span<Hash32> out) { hash_text(*words, leaves, out); }, pool);
    suffixes = number_tree(arrays.suffixes, pool);
    inverse = number_tree(arrays.inverse, pool);
    slots = number_tree(lists.slots, pool);
    table = PackedTree(
        arrays.records,
        [this](Leaves records, std::span<Hash32> out) { hash_table(arrays, records, out); }, pool);
    // Long lists use the threads one after another, short ones one thread each.
    constexpr std::size_t long_list = 1U << 16;
    list_trees.resize(lists.owners.size());
    const auto make_short = [&](std::size_t begin, std::size_t end) {
        for (std::size_t x = begin; x < end; ++x) {
            if (lists.size_of(x) < long_list) list_trees[x] = number_tree(list_of(x), nullptr);
        }
    };
    if (pool != nullptr && !lists.owners.empty()) {
        pool->parallel_for(lists.owners.size(), 4, make_short);
    } else {
        make_short(0, lists.owners.size());
    }
    for (std::size_t x = 0; x < lists.owners.size(); ++x) {
        if (lists.size_of(x) >= long_list) list_trees[x] = number_tree(list_of(x), pool);
    }
    owners = PackedTree(lists.owners.size(), [this](Leaves which, std::span<Hash32> out) {
        std::array<std::uint8_t, owner_leaf_bytes> leaf;
        for (std::size_t i = 0; i < out.size(); ++i) {
            put_owner(leaf.data(), owner_entry(which[i]));
            out[i] = crypto::merkle_leaf(leaf);
        }
    });
}

OwnerEntry IndexTrees::owner_entry(std::uint64_t owner) const {
    return {lists.owners[owner], list_trees[owner].root(), lists.starts[owner],
            lists.size_of(owner)};
}

std::span<const u32> IndexTrees::list_of(std::uint64_t owner) const {
    return std::span(lists.ranks).subspan(lists.starts[owner], lists.size_of(owner));
}

IndexCommitment IndexTrees::commitment() const {
    return {.text_root = text.root(),
            .suffix_array_root = suffixes.root(),
            .inverse_root = inverse.root(),
            .slot_root = slots.root(),
            .table_root = table.root(),
            .owners_root = owners.root(),
            .symbol_count = arrays.text.size(),
            .record_count = arrays.records,
            .owner_count = lists.owners.size()};
}

IndexTrees::~IndexTrees() = default;

void IndexTrees::append_text_leaf(std::uint64_t leaf, Bytes& out) const {
    std::array<std::uint8_t, text_leaf_bytes> buffer;
    append(out, {buffer.data(), words->put_leaf(leaf, buffer.data())});
}

void append_number_leaf(std::span<const u32> values, std::uint64_t leaf, Bytes& out) {
    const auto numbers = numbers_of_leaf(values, leaf);
    const std::size_t before = out.size();
    out.resize(before + 4 * numbers.size());
    put_numbers(numbers, out.data() + before);
}

} // namespace ol::attribution::suffix
