// The trees of a commitment over a segment's arrays and its owners' lists.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "attribution/suffix/proof/arrays.hpp"
#include "attribution/suffix/proof/commitment.hpp"
#include "attribution/suffix/proof/leaves.hpp"
#include "attribution/suffix/proof/packed_tree.hpp"

namespace ol::attribution::suffix {

class ShortWords;

// Arrays and lists must outlive it, and stay where they are; the lists must fit.
struct IndexTrees {
    IndexTrees(const SegmentArrays& arrays, const OwnerLists& lists, ThreadPool* pool);
    IndexTrees(const IndexTrees&) = delete;
    IndexTrees& operator=(const IndexTrees&) = delete;
    ~IndexTrees();

    OwnerEntry owner_entry(std::uint64_t owner) const;
    std::span<const std::uint32_t> list_of(std::uint64_t owner) const;
    IndexCommitment commitment() const;
    // The bytes of a leaf, as they are hashed (without the tag) and as proofs carry them.
    void append_text_leaf(std::uint64_t leaf, Bytes& out) const;

    const SegmentArrays& arrays;
    const OwnerLists& lists;
    std::unique_ptr<ShortWords> words;
    PackedTree text, suffixes, inverse, slots, table, owners;
    std::vector<PackedTree> list_trees; // one an owner
};

void append_number_leaf(std::span<const std::uint32_t> values, std::uint64_t leaf, Bytes& out);

} // namespace ol::attribution::suffix
