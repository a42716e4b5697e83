// Merkle trees over sequences that can be read again: the upper levels are kept, the leaves and the
// levels just above them are hashed anew for an opening.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"

namespace ol::attribution::suffix {

// The same root and openings as crypto::MerkleTree over leaf(0), leaf(1) ... leaf(count - 1), in
// 1/128 of its memory. `leaf` is called from several threads and must stay valid.
class SparseMerkleTree {
public:
    using LeafFunction = std::function<Hash32(std::uint64_t)>;
    SparseMerkleTree(std::uint64_t count, LeafFunction leaf, ThreadPool* pool);

    Hash32 root() const;
    Result<std::vector<Hash32>> prove(std::uint64_t index) const;

private:
    std::vector<Hash32> chunk_leaves(std::uint64_t chunk) const;

    std::uint64_t count_;
    LeafFunction leaf_;
    std::vector<std::vector<Hash32>> levels_; // from the level of chunk tops upwards
};

} // namespace ol::attribution::suffix
