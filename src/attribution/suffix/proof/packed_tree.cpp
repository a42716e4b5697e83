#include "attribution/suffix/proof/packed_tree.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/check.hpp"
#include "base/prefetch.hpp"
#include "crypto/hash.hpp"
#include "crypto/merkle.hpp"

namespace ol::attribution::suffix {

namespace {

constexpr std::uint64_t batch_leaves = 64; // even: pairs stay together

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

PackedTree::PackedTree(std::uint64_t leaves, HashLeaves hash, ThreadPool* pool)
    : count_(leaves)
    , hash_(std::move(hash)) {
    if (count_ == 0) return;
    std::vector<Hash32> parents(half_up(count_));
    const auto hash_batches = [&](std::size_t begin, std::size_t end) {
        std::array<std::uint64_t, batch_leaves> indices;
        std::array<Hash32, batch_leaves> nodes;
        for (std::size_t batch = begin; batch < end; ++batch) {
            const std::uint64_t first = batch * batch_leaves;
            const std::size_t size = std::min(batch_leaves, count_ - first);
            std::iota(indices.begin(), indices.end(), first);
            hash_({indices.data(), size}, {nodes.data(), size});
            const std::size_t raised = raise({nodes.data(), size});
            std::copy_n(nodes.begin(), raised,
                        parents.begin() + static_cast<std::ptrdiff_t>(first / 2));
        }
    };
    const std::size_t batches = (count_ + batch_leaves - 1) / batch_leaves;
    if (pool != nullptr && batches > 1) {
        pool->parallel_for(batches, 4, hash_batches);
    } else {
        hash_batches(0, batches);
    }
    levels_.push_back(std::move(parents));
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

std::vector<Hash32> PackedTree::open(std::span<const std::uint64_t> leaves) const {
    OL_CHECK(!leaves.empty() && leaves.back() < count_);
    Places places{{leaves.begin(), leaves.end()}, count_};
    std::vector<std::uint64_t> beside; // leaves that must be hashed again
    places.step([&](std::uint64_t sibling) { beside.push_back(sibling); });
    std::vector<const Hash32*> above; // far from each other: asked for before any is read
    above.reserve(32 * leaves.size());
    for (const auto& level : levels_) {
        if (places.width <= 1) break;
        places.step([&](std::uint64_t sibling) {
            above.push_back(&level[sibling]);
            prefetch(above.back());
        });
    }
    std::vector<Hash32> out(beside.size() + above.size());
    hash_(beside, {out.data(), beside.size()});
    for (std::size_t i = 0; i < above.size(); ++i) out[beside.size() + i] = *above[i];
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
