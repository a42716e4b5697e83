#include "crypto/merkle.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.hpp"
#include "crypto/hash.hpp"

namespace ol::crypto {
namespace {

enum Tag : std::uint8_t {
    tag_leaf = 0,
    tag_node = 1,
    tag_root = 2,
    tag_sum_node = 3,
    tag_sum_root = 4,
};

// A tag and up to four words of 32 bytes: one keccak block, without allocation.
template <std::size_t Words>
Hash32 hash_words(Tag tag, const std::array<Hash32, Words>& words) {
    std::array<std::uint8_t, 1 + 32 * Words> buffer;
    buffer[0] = tag;
    for (std::size_t i = 0; i < Words; ++i) {
        std::memcpy(buffer.data() + 1 + 32 * i, words[i].data.data(), 32);
    }
    return keccak256(ByteView(buffer));
}

// Levels smaller than this cost less than waking the workers.
constexpr std::size_t parallel_grain = 512;

std::uint64_t half_up(std::uint64_t count) { return count / 2 + count % 2; }

// Calls step(sibling_on_the_left) for each level at which the node at `index` has a sibling, from
// the leaf upwards; stops early when step returns false.
template <class Step>
bool walk_up(std::uint64_t index, std::uint64_t count, Step step) {
    while (count > 1) {
        const bool rises = index == count - 1 && count % 2 == 1;
        if (!rises && !step(index % 2 == 1)) return false;
        index /= 2;
        count = half_up(count);
    }
    return true;
}

// The siblings of `index` in a stack of levels, each half as long as the one below.
template <class Node, class Take>
void collect_siblings(const std::vector<std::vector<Node>>& levels, std::uint64_t index,
                      Take take) {
    for (std::size_t level = 0; level + 1 < levels.size(); ++level, index /= 2) {
        const std::uint64_t sibling = index ^ 1;
        if (sibling < levels[level].size()) take(levels[level][sibling]);
    }
}

SumLeaf sum_node(const SumLeaf& left, const SumLeaf& right) {
    auto sum = checked_add(left.sum, right.sum);
    OL_CHECK(sum.has_value()); // the caller's sums are parts of one total that fits
    return {
        hash_words<4>(tag_sum_node, {left.hash, left.sum.to_be(), right.hash, right.sum.to_be()}),
        *sum};
}

// All pairs of a level, a batch at a time.
void sum_nodes(const std::vector<SumLeaf>& below, std::vector<SumLeaf>& above) {
    constexpr std::size_t batch = 32;
    std::array<std::uint8_t, batch * 128> rows;
    std::array<Hash32, batch> hashes;
    for (std::size_t begin = 0; begin < below.size() / 2; begin += batch) {
        const std::size_t count = std::min(batch, below.size() / 2 - begin);
        for (std::size_t i = 0; i < count; ++i) {
            const SumLeaf& left = below[2 * (begin + i)];
            const SumLeaf& right = below[2 * (begin + i) + 1];
            auto sum = checked_add(left.sum, right.sum);
            OL_CHECK(sum.has_value()); // the caller's sums are parts of one total that fits
            above[begin + i].sum = *sum;
            const Hash32 words[] = {left.hash, left.sum.to_be(), right.hash, right.sum.to_be()};
            std::memcpy(rows.data() + 128 * i, words, 128);
        }
        keccak256_rows(tag_sum_node, {rows.data(), 128 * count}, {hashes.data(), count});
        for (std::size_t i = 0; i < count; ++i) above[begin + i].hash = hashes[i];
    }
}

Hash32 sum_root_of(std::uint64_t count, const Hash32& top, const U256& total) {
    return hash_words<3>(tag_sum_root, {U256(count).to_be(), top, total.to_be()});
}

Status check_index(std::uint64_t index, std::uint64_t count) {
    if (index < count) return {};
    return fail(ErrorCode::not_found, "merkle tree: no leaf {}, the tree has {}", index, count);
}

} // namespace

Hash32 merkle_leaf(ByteView data) {
    Keccak256 hasher;
    const std::uint8_t tag = tag_leaf;
    hasher.update({&tag, 1});
    hasher.update(data);
    return hasher.finish();
}

Hash32 merkle_node(const Hash32& left, const Hash32& right) {
    return hash_words<2>(tag_node, {left, right});
}

void merkle_nodes(std::span<const Hash32> below, std::span<Hash32> above) {
    OL_CHECK(below.size() == 2 * above.size());
    keccak256_rows(tag_node, {below.empty() ? nullptr : below[0].begin(), 32 * below.size()},
                   above);
}

Hash32 merkle_root_of(std::uint64_t count, const Hash32& top) {
    return hash_words<2>(tag_root, {U256(count).to_be(), top});
}

MerkleTree::MerkleTree(std::vector<Hash32> leaves, ThreadPool* pool) {
    if (leaves.empty()) return;
    levels_.push_back(std::move(leaves));
    while (levels_.back().size() > 1) {
        const auto& below = levels_.back();
        const std::size_t pairs = below.size() / 2;
        std::vector<Hash32> above(half_up(below.size()));
        const auto fill = [&](std::size_t begin, std::size_t end) {
            merkle_nodes(std::span(below).subspan(2 * begin, 2 * (end - begin)),
                         std::span(above).subspan(begin, end - begin));
        };
        if (pool != nullptr && pairs > parallel_grain) {
            pool->parallel_for(pairs, parallel_grain, fill);
        } else {
            fill(0, pairs);
        }
        if (below.size() % 2 == 1) above.back() = below.back();
        levels_.push_back(std::move(above));
    }
}

Hash32 MerkleTree::root() const {
    return merkle_root_of(count(), levels_.empty() ? Hash32{} : levels_.back()[0]);
}

Result<std::vector<Hash32>> MerkleTree::prove(std::uint64_t index) const {
    OL_TRY(check_index(index, count()));
    std::vector<Hash32> proof;
    collect_siblings(levels_, index, [&](const Hash32& node) { proof.push_back(node); });
    return proof;
}

void MerkleAccumulator::push(const Hash32& leaf) {
    Hash32 node = leaf;
    std::size_t level = 0;
    for (std::uint64_t bits = count_; bits & 1; bits >>= 1, ++level) {
        node = merkle_node(peaks_[level], node);
    }
    if (level == peaks_.size()) peaks_.emplace_back();
    peaks_[level] = node;
    ++count_;
}

Hash32 MerkleAccumulator::root() const {
    // A node that rises unchanged meets its sibling at the next higher peak: folding the peaks from
    // the lowest up is the whole tree's right edge.
    Hash32 top;
    bool seen = false;
    for (std::size_t level = 0; level < peaks_.size(); ++level) {
        if ((count_ >> level & 1) == 0) continue;
        top = seen ? merkle_node(peaks_[level], top) : peaks_[level];
        seen = true;
    }
    return merkle_root_of(count_, top);
}

Status merkle_verify(const Hash32& root, const Hash32& leaf, std::uint64_t index,
                     std::uint64_t count, const std::vector<Hash32>& proof) {
    if (index >= count) {
        return fail(ErrorCode::unverified, "merkle proof: index {} of {} leaves", index, count);
    }
    Hash32 node = leaf;
    std::size_t used = 0;
    const bool complete = walk_up(index, count, [&](bool sibling_on_the_left) {
        if (used == proof.size()) return false;
        const Hash32& sibling = proof[used++];
        node = sibling_on_the_left ? merkle_node(sibling, node) : merkle_node(node, sibling);
        return true;
    });
    if (!complete || used != proof.size()) {
        return fail(ErrorCode::unverified, "merkle proof: {} siblings do not fit leaf {} of {}",
                    proof.size(), index, count);
    }
    if (merkle_root_of(count, node) != root) {
        return fail(ErrorCode::unverified, "merkle proof: leaf {} of {} does not lead to root {}",
                    index, count, to_hex0x(root.view()));
    }
    return {};
}

SumTree::SumTree(std::vector<SumLeaf> leaves) {
    if (leaves.empty()) return;
    levels_.push_back(std::move(leaves));
    while (levels_.back().size() > 1) {
        const auto& below = levels_.back();
        std::vector<SumLeaf> above(half_up(below.size()));
        sum_nodes(below, above);
        if (below.size() % 2 == 1) above.back() = below.back();
        levels_.push_back(std::move(above));
    }
}

U256 SumTree::total() const { return levels_.empty() ? U256() : levels_.back()[0].sum; }

Hash32 SumTree::root() const {
    return sum_root_of(count(), levels_.empty() ? Hash32{} : levels_.back()[0].hash, total());
}

Result<std::vector<SumProofStep>> SumTree::prove(std::uint64_t index) const {
    OL_TRY(check_index(index, count()));
    std::vector<SumProofStep> proof;
    collect_siblings(levels_, index, [&](const SumLeaf& node) {
        proof.push_back({node.hash, node.sum});
    });
    return proof;
}

Status sum_verify(const Hash32& root, const SumLeaf& leaf, std::uint64_t index, std::uint64_t count,
                  const std::vector<SumProofStep>& proof, const U256& total) {
    if (index >= count) {
        return fail(ErrorCode::unverified, "sum proof: index {} of {} leaves", index, count);
    }
    SumLeaf node = leaf;
    std::size_t used = 0;
    bool overflow = false;
    const bool complete = walk_up(index, count, [&](bool sibling_on_the_left) {
        if (used == proof.size()) return false;
        const SumLeaf sibling{proof[used].hash, proof[used].sum};
        ++used;
        // A sum that wraps would let the parts be more than the total.
        overflow = !checked_add(node.sum, sibling.sum).has_value();
        if (overflow) return false;
        node = sibling_on_the_left ? sum_node(sibling, node) : sum_node(node, sibling);
        return true;
    });
    if (overflow) {
        return fail(ErrorCode::unverified, "sum proof: the sums of leaf {} pass 2^256", index);
    }
    if (!complete || used != proof.size()) {
        return fail(ErrorCode::unverified, "sum proof: {} siblings do not fit leaf {} of {}",
                    proof.size(), index, count);
    }
    if (node.sum != total || sum_root_of(count, node.hash, total) != root) {
        return fail(ErrorCode::unverified,
                    "sum proof: leaf {} of {} does not lead to root {} with total {}", index, count,
                    to_hex0x(root.view()), total.to_decimal());
    }
    return {};
}

} // namespace ol::crypto
