// Merkle trees and sum-trees over keccak-256 (docs/formats/merkle.md; the Solidity twin is
// contracts/src/lib/MerkleTree.sol).
//
// leaf  = keccak(0x00 | data)
// node  = keccak(0x01 | left | right); the last node of an odd level rises unchanged
// root  = keccak(0x02 | count as 32 bytes | top); top of the empty tree is 32 zero bytes
//
// sum leaf = (keccak(0x00 | data), sum);
// sum node = (keccak(0x03 | left | leftSum | right | rightSum), leftSum + rightSum), sums 32 bytes
// sum root = keccak(0x04 | count | top | total)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/thread_pool.hpp"
#include "base/u256.hpp"

namespace ol::crypto {

Hash32 merkle_leaf(ByteView data);
Hash32 merkle_node(const Hash32& left, const Hash32& right);
Hash32 merkle_root_of(std::uint64_t count, const Hash32& top);
// A level's whole pairs at once: above[i] = merkle_node(below[2 i], below[2 i + 1]); `above` may be
// the front of `below`.
void merkle_nodes(std::span<const Hash32> below, std::span<Hash32> above);

// A whole tree in memory, from leaf hashes. The same root for every thread count.
class MerkleTree {
public:
    explicit MerkleTree(std::vector<Hash32> leaves, ThreadPool* pool = nullptr);
    std::uint64_t count() const { return levels_.empty() ? 0 : levels_[0].size(); }
    Hash32 root() const;
    // Siblings from the leaf upwards; levels where the node rises unchanged give none.
    // not_found when index >= count.
    Result<std::vector<Hash32>> prove(std::uint64_t index) const;

private:
    std::vector<std::vector<Hash32>> levels_;
};

// Root only, in O(log n) memory: push leaves in order.
class MerkleAccumulator {
public:
    void push(const Hash32& leaf);
    std::uint64_t count() const { return count_; }
    Hash32 root() const;

private:
    std::vector<Hash32> peaks_; // a slot per level; valid where the bit of count_ is set
    std::uint64_t count_ = 0;
};

// unverified when the proof does not lead from leaf at index to root.
Status merkle_verify(const Hash32& root, const Hash32& leaf, std::uint64_t index,
                     std::uint64_t count, const std::vector<Hash32>& proof);

struct SumLeaf {
    Hash32 hash; // merkle_leaf(data)
    U256 sum;
};

struct SumProofStep {
    Hash32 hash;
    U256 sum;
};

// The sums of all leaves together must fit in 256 bits (the caller's duty: a programmer's error).
class SumTree {
public:
    explicit SumTree(std::vector<SumLeaf> leaves);
    std::uint64_t count() const { return levels_.empty() ? 0 : levels_[0].size(); }
    U256 total() const;
    Hash32 root() const;
    Result<std::vector<SumProofStep>> prove(std::uint64_t index) const;

private:
    std::vector<std::vector<SumLeaf>> levels_;
};

// unverified when the proof does not lead from leaf to root and total, or a sum passes 2^256.
Status sum_verify(const Hash32& root, const SumLeaf& leaf, std::uint64_t index, std::uint64_t count,
                  const std::vector<SumProofStep>& proof, const U256& total);

} // namespace ol::crypto
