#include "chain/trie/node.hpp"

#include <new>

#include "base/check.hpp"

namespace ol::chain::trie {

// Freed nodes of one kind are a list through their first bytes.
void* Arena::allocate(std::size_t size, Node*& free_list) {
    if (free_list != nullptr) {
        void* const out = free_list;
        std::memcpy(&free_list, out, sizeof free_list);
        return out;
    }
    return allocate(size);
}

void* Arena::allocate(std::size_t size) {
    size = (size + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
    if (used_ + size > block_bytes) {
        blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(block_bytes));
        used_ = 0;
    }
    void* const out = blocks_.back().get() + used_;
    used_ += size;
    return out;
}

Child Arena::stub(const NodeRef& ref, StubKind kind) {
    return {nullptr, new (allocate(sizeof(Stub))) Stub{ref, kind}};
}

Leaf* Arena::leaf(ByteView key, std::size_t begin, ByteView value) {
    OL_CHECK(key.size() * 2 <= key_nibbles);
    Leaf* const out = new (allocate(sizeof(Leaf), free_leaves_)) Leaf;
    out->kind = NodeKind::leaf;
    out->begin = static_cast<std::uint8_t>(begin);
    out->key_bytes = static_cast<std::uint8_t>(key.size());
    std::memcpy(out->key.data(), key.data(), key.size());
    set_value(*out, value);
    return out;
}

void Arena::set_value(Leaf& leaf, ByteView value) {
    leaf.value_bytes = static_cast<std::uint32_t>(value.size());
    leaf.ref = {};
    leaf.is_touched = true;
    if (value.size() <= Leaf::inline_bytes) {
        std::memcpy(leaf.held, value.data(), value.size());
    } else {
        outside_.emplace_back(value.begin(), value.end());
        outside_bytes_ += value.size();
        leaf.outside = outside_.back().data();
    }
}

Extension* Arena::extension(const std::uint8_t* path, std::size_t begin, std::size_t end) {
    auto* const out = new (allocate(sizeof(Extension), free_extensions_)) Extension;
    out->kind = NodeKind::extension;
    out->begin = static_cast<std::uint8_t>(begin);
    out->end = static_cast<std::uint8_t>(end);
    std::memcpy(out->path.data(), path, (end + 1) / 2);
    return out;
}

Branch* Arena::branch(std::size_t depth) {
    auto* const out = new (allocate(sizeof(Branch), free_branches_)) Branch;
    out->kind = NodeKind::branch;
    out->depth = static_cast<std::uint8_t>(depth);
    return out;
}

void Arena::free(Node* node, const std::uint8_t* path) {
    Node** list = &free_leaves_;
    if (node->kind == NodeKind::extension) list = &free_extensions_;
    if (node->kind == NodeKind::branch) {
        const auto* const branch = static_cast<Branch*>(node);
        if (branch->stored != 0) dropped.push_back({Path(path, branch->depth), branch->stored});
        list = &free_branches_;
    }
    std::memcpy(static_cast<void*>(node), list, sizeof *list);
    *list = node;
}

Node* build(Arena& arena, std::span<Leaf* const> leaves, std::size_t depth) {
    if (leaves.empty()) return nullptr;
    Leaf& first = *leaves.front();
    if (leaves.size() == 1) {
        if (first.begin != depth) {
            first.ref = {};
            first.is_touched = true;
            first.begin = static_cast<std::uint8_t>(depth);
        }
        return &first;
    }
    const Leaf& last = *leaves.back();
    const std::size_t common = first_difference(first.key.data(), last.key.data(), depth,
                                                std::min(first.end(), last.end()));
    Branch* const branch = arena.branch(common);
    if (first.end() == common) {
        first.begin = static_cast<std::uint8_t>(common);
        branch->value = &first;
        leaves = leaves.subspan(1);
    }
    while (!leaves.empty()) {
        const std::uint8_t at = nibble_at(leaves.front()->key.data(), common);
        std::size_t count = 1;
        while (count < leaves.size() && nibble_at(leaves[count]->key.data(), common) == at) ++count;
        branch->children[at].set(build(arena, leaves.first(count), common + 1));
        leaves = leaves.subspan(count);
    }
    if (common == depth) return branch;
    Extension* const extension = arena.extension(first.key.data(), depth, common);
    extension->child.set(branch);
    return extension;
}

void mark_untouched(Node* node) {
    if (node == nullptr) return;
    node->is_touched = false;
    if (node->kind == NodeKind::extension) {
        mark_untouched(static_cast<Extension*>(node)->child.node);
    } else if (node->kind == NodeKind::branch) {
        for (const Child& child : static_cast<Branch*>(node)->children) mark_untouched(child.node);
    }
}

} // namespace ol::chain::trie
