#include "attribution/suffix/proof/packed_tree.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "crypto/hash.hpp"
#include "crypto/merkle.hpp"

namespace ol::attribution::suffix {

namespace {

// Hashing a chunk again costs less than 1 us, keeping its top and the levels above 32 bytes a leaf.
constexpr unsigned kept_height = 1;
constexpr std::uint64_t chunk_leaves = 1ULL << kept_height;
constexpr std::uint64_t batch_leaves = 32 * chunk_leaves;

std::uint64_t half_up(std::uint64_t count) { return count / 2 + count % 2; }

// One level up, in place: the last node of an odd level rises unchanged.
std::size_t raise(std::span<Hash32> nodes) {
    const std::size_t pairs = nodes.size() / 2;
    crypto::merkle_nodes(nodes.first(2 * pairs), nodes.first(pairs));
    if (nodes.size() % 2 == 1) nodes[pairs] = nodes.back();
    return half_up(nodes.size());
}

// Walks several places at once to the top; step calls single(sibling) for each place whose sibling
// is not among them.
struct Places {
    std::vector<std::uint64_t> at;
    std::uint64_t width;

    template <class Single>
    void step(Single single) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < at.size(); ++i) {
            const std::uint64_t index = at[i];
            const bool rises = index == width - 1 && width % 2 == 1;
            if (index % 2 == 0 && i + 1 < at.size() && at[i + 1] == index + 1) {
                ++i;
            } else if (!rises) {
                single(index ^ 1);
            }
            at[kept++] = index / 2;
        }
        at.resize(kept);
        width = half_up(width);
    }
};

} // namespace

// The levels below the kept ones, of one chunk.
struct PackedTree::Chunk {
    std::uint64_t index = 0;
    std::array<std::array<Hash32, chunk_leaves>, kept_height> levels;
};

PackedTree::PackedTree(std::uint64_t leaves, HashLeaves hash, ThreadPool* pool)
    : count_(leaves)
    , hash_(std::move(hash)) {
    if (count_ == 0) return;
    std::vector<Hash32> tops((count_ + chunk_leaves - 1) / chunk_leaves);
    const auto hash_batches = [&](std::size_t begin, std::size_t end) {
        std::array<Hash32, batch_leaves> nodes;
        for (std::size_t batch = begin; batch < end; ++batch) {
            const std::uint64_t first = batch * batch_leaves;
            std::size_t size = std::min(batch_leaves, count_ - first);
            hash_(first, {nodes.data(), size});
            for (unsigned level = 0; level < kept_height; ++level) {
                size = raise({nodes.data(), size});
            }
            std::copy_n(nodes.begin(), size,
                        tops.begin() + static_cast<std::ptrdiff_t>(first / chunk_leaves));
        }
    };
    const std::size_t batches = (count_ + batch_leaves - 1) / batch_leaves;
    if (pool != nullptr && batches > 1) {
        pool->parallel_for(batches, 4, hash_batches);
    } else {
        hash_batches(0, batches);
    }
    levels_.push_back(std::move(tops));
    while (levels_.back().size() > 1) {
        const auto& below = levels_.back();
        std::vector<Hash32> above(half_up(below.size()));
        const std::size_t pairs = below.size() / 2;
        crypto::merkle_nodes(std::span(below).first(2 * pairs), std::span(above).first(pairs));
        if (below.size() % 2 == 1) above.back() = below.back();
        levels_.push_back(std::move(above));
    }
}

Hash32 PackedTree::root() const {
    return crypto::merkle_root_of(count_, levels_.empty() ? Hash32{} : levels_.back()[0]);
}

Hash32 PackedTree::node(const std::vector<Chunk>& chunks, unsigned level,
                        std::uint64_t index) const {
    if (level >= kept_height) return levels_[level - kept_height][index];
    const std::uint64_t wanted = index >> (kept_height - level);
    for (const Chunk& chunk : chunks) {
        if (chunk.index == wanted) return chunk.levels[level][index % (chunk_leaves >> level)];
    }
    OL_CHECK(false); // a sibling below the kept height is in the chunk of an opened leaf
    return {};
}

std::vector<Hash32> PackedTree::open(std::span<const std::uint64_t> leaves) const {
    OL_CHECK(!leaves.empty() && leaves.back() < count_);
    std::vector<Chunk> chunks;
    chunks.reserve(leaves.size());
    for (const std::uint64_t leaf : leaves) {
        const std::uint64_t index = leaf / chunk_leaves;
        if (!chunks.empty() && chunks.back().index == index) continue;
        Chunk& chunk = chunks.emplace_back();
        chunk.index = index;
        std::size_t size = std::min(chunk_leaves, count_ - index * chunk_leaves);
        hash_(index * chunk_leaves, {chunk.levels[0].data(), size});
        for (unsigned level = 1; level < kept_height; ++level) {
            chunk.levels[level] = chunk.levels[level - 1];
            size = raise({chunk.levels[level].data(), size});
        }
    }
    Places places{{leaves.begin(), leaves.end()}, count_};
    std::vector<Hash32> out;
    out.reserve(32 * leaves.size());
    for (unsigned level = 0; places.width > 1; ++level) {
        places.step([&](std::uint64_t sibling) { out.push_back(node(chunks, level, sibling)); });
    }
    return out;
}

std::optional<Climbed> climb(std::vector<OpenedNode> nodes, std::uint64_t count,
                             ByteView siblings) {
    std::size_t used = 0;
    std::uint64_t width = count;
    std::vector<Hash32> pairs(2 * nodes.size());
    std::vector<std::size_t> place(nodes.size()); // of each pair, in the level above
    for (; width > 1; width = half_up(width)) {
        std::size_t kept = 0, pair_count = 0;
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            const OpenedNode node = nodes[i];
            nodes[kept] = {node.index / 2, node.hash};
            const bool rises = node.index == width - 1 && width % 2 == 1;
            if (rises) {
                ++kept;
                continue;
            }
            Hash32& left = pairs[2 * pair_count];
            Hash32& right = pairs[2 * pair_count + 1];
            if (node.index % 2 == 0 && i + 1 < nodes.size() &&
                nodes[i + 1].index == node.index + 1) {
                left = node.hash;
                right = nodes[++i].hash;
            } else {
                if (siblings.size() - used < 32) return std::nullopt;
                Hash32& sibling = node.index % 2 == 0 ? right : left;
                (node.index % 2 == 0 ? left : right) = node.hash;
                std::memcpy(sibling.begin(), siblings.data() + used, 32);
                used += 32;
            }
            place[pair_count++] = kept++;
        }
        nodes.resize(kept);
        crypto::merkle_nodes({pairs.data(), 2 * pair_count}, {pairs.data(), pair_count});
        for (std::size_t i = 0; i < pair_count; ++i) nodes[place[i]].hash = pairs[i];
    }
    return Climbed{crypto::merkle_root_of(count, nodes[0].hash), used};
}

} // namespace ol::attribution::suffix
