#include "chain/trie/trie.hpp"

#include "base/check.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::trie {

namespace {

// Below this many changes one thread is done before others have begun.
constexpr std::size_t parallel_changes = 512;

const Hash32& empty_root() {
    static const Hash32 root = root_hash(nullptr);
    return root;
}

} // namespace

Trie::Trie() { arenas_.push_back(std::make_unique<Arena>()); }

Trie::Trie(Source* source, const Hash32& root, StubKind kind)
    : Trie() {
    source_ = source;
    if (root != empty_root()) root_ = arena().stub(NodeRef::of_hash(root), kind);
}

Trie Trie::by_hash(Source& source, const Hash32& root) { return {&source, root, StubKind::hashed}; }

Status Trie::resolve_root() {
    if (!root_.is_stub()) return {};
    root_.node = OL_TRY(Update(*arenas_[0], source_).resolve({}, *root_.stub));
    return {};
}

Status Trie::update(std::span<const Change> changes, ThreadPool* pool) {
    if (changes.empty()) return {};
    OL_TRY(resolve_root());
    if (pool != nullptr && pool->threads() > 1 && changes.size() >= parallel_changes) {
        if (OL_TRY(update_in_parallel(changes, *pool))) return {};
    }
    root_.set(OL_TRY(Update(*arenas_[0], source_).run(root_.node, 0, changes)));
    return {};
}

// The root's children are independent of each other: each with its own arena, its refs included.
// False when the root is no branch.
Result<bool> Trie::update_in_parallel(std::span<const Change> changes, ThreadPool& pool) {
    if (root_.node == nullptr || root_.node->kind != NodeKind::branch) return false;
    auto& branch = static_cast<Branch&>(*root_.node);
    if (changes[0].key.empty()) return false;
    std::array<std::span<const Change>, branch_children> parts;
    std::size_t begin = 0;
    for (std::uint8_t i = 0; i < branch_children; ++i) {
        std::size_t end = begin;
        while (end < changes.size() && nibble_at(changes[end].key.data(), 0) == i) ++end;
        parts[i] = changes.subspan(begin, end - begin);
        begin = end;
    }
    while (arenas_.size() < 1 + branch_children) arenas_.push_back(std::make_unique<Arena>());
    std::array<Status, branch_children> results;
    std::array<bool, branch_children> is_changed{};
    pool.parallel_for(branch_children, 1, [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) {
            if (parts[i].empty()) continue;
            auto done = Update(*arenas_[1 + i], source_).run_child(branch.children[i], 1, parts[i]);
            if (!done) {
                results[i] = std::unexpected(std::move(done.error()));
                continue;
            }
            is_changed[i] = *done;
            Refs refs;
            refs.add(branch.children[i].node);
            refs.compute();
        }
    });
    for (std::uint8_t i = 0; i < branch_children; ++i) {
        if (!results[i]) return std::unexpected(std::move(results[i].error()));
        if (is_changed[i]) touch(branch);
    }
    if (!branch.ref.is_none()) return true;
    root_.set(OL_TRY(Update(*arenas_[0], source_).settle(branch, changes[0].key.data())));
    return true;
}

Hash32 Trie::root() {
    if (root_.node == nullptr) {
        return root_.is_none() ? empty_root() : root_.stub->ref.hash();
    }
    Refs refs;
    refs.add(root_.node);
    refs.compute();
    return root_hash(root_.node);
}

Result<std::optional<ByteView>> Trie::get(ByteView key) {
    OL_CHECK(key.size() * 2 == key_nibbles);
    OL_TRY(resolve_root());
    Update update(*arenas_[0], source_);
    Child* child = &root_;
    std::size_t depth = 0;
    for (;;) {
        if (child->node == nullptr) {
            if (child->is_none()) return std::nullopt;
            child->node = OL_TRY(update.resolve(Path(key.data(), depth), *child->stub));
        }
        Node& node = *child->node;
        if (node.kind == NodeKind::leaf) {
            const auto& leaf = static_cast<const Leaf&>(node);
            if (leaf.key_bytes != key.size() ||
                std::memcmp(leaf.key.data(), key.data(), key.size()) != 0) {
                return std::nullopt;
            }
            return leaf.value();
        }
        if (node.kind == NodeKind::extension) {
            auto& extension = static_cast<Extension&>(node);
            depth = extension.end;
            if (first_difference(key.data(), extension.path.data(), extension.begin, depth) !=
                depth) {
                return std::nullopt;
            }
            child = &extension.child;
        } else {
            auto& branch = static_cast<Branch&>(node);
            child = &branch.children[nibble_at(key.data(), branch.depth)];
            depth = branch.depth + 1U;
        }
    }
}

Result<std::vector<Bytes>> Trie::prove(ByteView key) {
    OL_TRY(get(key)); // what lies on the way is in memory now
    root();
    std::vector<Bytes> out;
    const Node* node = root_.node;
    while (node != nullptr) {
        Refs refs; // a node from flat values knows its own ref, its children may not
        const Child* next = nullptr;
        if (node->kind == NodeKind::extension) {
            const auto& extension = static_cast<const Extension&>(*node);
            refs.add(extension.child.node);
            const std::size_t end = extension.end;
            if (first_difference(key.data(), extension.path.data(), extension.begin, end) == end) {
                next = &extension.child;
            }
        } else if (node->kind == NodeKind::branch) {
            const auto& branch = static_cast<const Branch&>(*node);
            for (const Child& child : branch.children) refs.add(child.node);
            next = &branch.children[nibble_at(key.data(), branch.depth)];
        }
        refs.compute();
        Bytes rlp;
        append_rlp(rlp, *node);
        // A node of less than 32 bytes stands in its parent.
        if (rlp.size() >= 32 || out.empty()) out.push_back(std::move(rlp));
        node = next == nullptr ? nullptr : next->node;
    }
    return out;
}

std::vector<Dropped> Trie::take_dropped() {
    std::vector<Dropped> out;
    for (auto& arena : arenas_) {
        out.insert(out.end(), arena->dropped.begin(), arena->dropped.end());
        arena->dropped.clear();
    }
    return out;
}

std::size_t Trie::size_bytes() const {
    std::size_t total = 0;
    for (const auto& arena : arenas_) total += arena->size_bytes();
    return total;
}

} // namespace ol::chain::trie
