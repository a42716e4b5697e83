#include "attribution/suffix/commitment.hpp"

#include <algorithm>

#include "crypto/merkle.hpp"

namespace ol::attribution::suffix {

namespace {

constexpr unsigned chunk_height = 8;
constexpr std::uint64_t chunk_size = 1ULL << chunk_height;

// One level up, in place: the last node of an odd level rises unchanged.
void raise(std::vector<Hash32>& nodes) {
    const std::size_t pairs = nodes.size() / 2;
    for (std::size_t i = 0; i < pairs; ++i) {
        nodes[i] = crypto::merkle_node(nodes[2 * i], nodes[2 * i + 1]);
    }
    if (nodes.size() % 2 == 1) nodes[pairs] = nodes.back();
    nodes.resize((nodes.size() + 1) / 2);
}

void add_sibling(std::vector<Hash32>& proof, const std::vector<Hash32>& level,
                 std::uint64_t index) {
    if ((index ^ 1) < level.size()) proof.push_back(level[index ^ 1]);
}

} // namespace

SparseMerkleTree::SparseMerkleTree(std::uint64_t count, LeafFunction leaf, ThreadPool* pool)
    : count_(count)
    , leaf_(std::move(leaf)) {
    std::vector<Hash32> tops((count + chunk_size - 1) / chunk_size);
    const auto hash_chunks = [&](std::size_t begin, std::size_t end) {
        for (std::size_t chunk = begin; chunk < end; ++chunk) {
            auto nodes = chunk_leaves(chunk);
            while (nodes.size() > 1) raise(nodes);
            tops[chunk] = nodes[0];
        }
    };
    if (pool != nullptr) {
        pool->parallel_for(tops.size(), 4, hash_chunks);
    } else {
        hash_chunks(0, tops.size());
    }
    while (!tops.empty()) {
        levels_.push_back(tops);
        if (tops.size() == 1) break;
        raise(tops);
    }
}

std::vector<Hash32> SparseMerkleTree::chunk_leaves(std::uint64_t chunk) const {
    const std::uint64_t begin = chunk * chunk_size;
    std::vector<Hash32> leaves(std::min(chunk_size, count_ - begin));
    for (std::size_t i = 0; i < leaves.size(); ++i) leaves[i] = leaf_(begin + i);
    return leaves;
}

Hash32 SparseMerkleTree::root() const {
    return crypto::merkle_root_of(count_, levels_.empty() ? Hash32{} : levels_.back()[0]);
}

Result<std::vector<Hash32>> SparseMerkleTree::prove(std::uint64_t index) const {
    if (index >= count_) {
        return fail(ErrorCode::not_found, "leaf {} of a tree of {} leaves", index, count_);
    }
    std::vector<Hash32> proof;
    auto nodes = chunk_leaves(index / chunk_size);
    std::uint64_t at = index % chunk_size;
    for (; nodes.size() > 1; raise(nodes), at /= 2) add_sibling(proof, nodes, at);
    at = index / chunk_size;
    for (const auto& level : levels_) {
        add_sibling(proof, level, at);
        at /= 2;
    }
    return proof;
}

} // namespace ol::attribution::suffix
