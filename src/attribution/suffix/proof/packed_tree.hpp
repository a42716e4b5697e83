// Merkle trees (docs/formats/merkle.md) over leaves that can be hashed again: their parents and all
// above are kept, the leaves are hashed anew for an opening. And openings of several leaves at once
// (docs/formats/index-proofs.md).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/thread_pool.hpp"

namespace ol::attribution::suffix {

// The same root as crypto::MerkleTree over the same leaves, in 32 bytes a leaf.
class PackedTree {
public:
    // Hashes these leaves, ascending; is called from several threads and stays valid.
    using HashLeaves =
        std::function<void(std::span<const std::uint64_t> leaves, std::span<Hash32> out)>;
    PackedTree() = default; // no leaves
    PackedTree(std::uint64_t leaves, HashLeaves hash, ThreadPool* pool = nullptr);

    std::uint64_t leaf_count() const { return count_; }
    Hash32 root() const;
    // The nodes that lead from these leaves (ascending, distinct, in the tree) to the top: level by
    // level upwards, from left to right in each; none that follow from the leaves. For one leaf
    // that is the proof of merkle.md.
    std::vector<Hash32> open(std::span<const std::uint64_t> leaves) const;

private:
    std::uint64_t count_ = 0;
    HashLeaves hash_;
    std::vector<std::vector<Hash32>> levels_; // from the leaves' parents upwards
};

struct OpenedNode {
    std::uint64_t index = 0;
    Hash32 hash;
};
// Climbs from leaves (ascending, distinct, in a tree of `count`) with the siblings that open()
// gives (32 bytes each, at the front of `siblings`) to the root, and how many bytes it used.
// Nothing when there are too few.
struct Climbed {
    Hash32 root;
    std::size_t used = 0;
};
std::optional<Climbed> climb(std::vector<OpenedNode> nodes, std::uint64_t count, ByteView siblings);

} // namespace ol::attribution::suffix
