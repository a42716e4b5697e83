#include "chain/trie/update.hpp"

#include "base/check.hpp"

namespace ol::chain::trie {

namespace {

bool same_bytes(ByteView a, ByteView b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

bool less(ByteView a, ByteView b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

} // namespace

Result<Node*> Update::resolve(const Path& path, const Stub& stub) {
    if (source_ == nullptr) {
        return fail(ErrorCode::internal, "a part of a trie is missing and has no source");
    }
    return source_->resolve(arena_, path, stub);
}

Result<Node*> Update::run(Node* node, std::size_t depth, std::span<const Change> changes) {
    if (changes.empty()) return node;
    if (node == nullptr) return insert(nullptr, depth, changes);
    switch (node->kind) {
    case NodeKind::leaf:
        return run_leaf(static_cast<Leaf&>(*node), depth, changes);
    case NodeKind::extension:
        return run_extension(static_cast<Extension&>(*node), changes);
    default:
        return run_branch(static_cast<Branch&>(*node), changes);
    }
}

// A trie of the changes that are no deletions, and of `also`, whose key none of them has.
Node* Update::insert(Leaf* also, std::size_t depth, std::span<const Change> changes) {
    std::vector<Leaf*> leaves;
    leaves.reserve(changes.size() + 1);
    for (const Change& change : changes) {
        if (change.value.empty()) continue;
        if (also != nullptr && less(also->key_view(), change.key)) {
            leaves.push_back(also);
            also = nullptr;
        }
        leaves.push_back(arena_.leaf(change.key, depth, change.value));
    }
    if (also != nullptr) leaves.push_back(also);
    return build(arena_, leaves, depth);
}

Result<Node*> Update::run_leaf(Leaf& leaf, std::size_t depth, std::span<const Change> changes) {
    for (std::size_t i = 0; i < changes.size(); ++i) {
        if (!same_bytes(changes[i].key, leaf.key_view())) continue;
        if (changes.size() > 1) {
            // The change replaces the leaf: it is one insertion among others, or none.
            arena_.free(&leaf, leaf.key.data());
            return insert(nullptr, depth, changes);
        }
        if (changes[i].value.empty()) {
            arena_.free(&leaf, leaf.key.data());
            return nullptr;
        }
        if (!same_bytes(changes[i].value, leaf.value())) arena_.set_value(leaf, changes[i].value);
        return &leaf;
    }
    return insert(&leaf, depth, changes);
}

// Moves the beginning of a leaf or an extension; a branch gets an extension in front.
Node* Update::move_up(Node* node, std::size_t begin) {
    if (node->kind == NodeKind::leaf) {
        static_cast<Leaf*>(node)->begin = static_cast<std::uint8_t>(begin);
    } else {
        static_cast<Extension*>(node)->begin = static_cast<std::uint8_t>(begin);
    }
    touch(*node);
    return node;
}

// The branch at nibble `at` of the extension, with the rest of it as the only child; the extension
// itself is used up.
Branch* Update::split(Extension& node, std::size_t at) {
    Branch* const branch = arena_.branch(at);
    Child& child = branch->children[nibble_at(node.path.data(), at)];
    if (at + 1 == node.end) {
        child = node.child;
        arena_.free(&node, node.path.data());
    } else {
        child.set(move_up(&node, at + 1));
    }
    return branch;
}

Result<Node*> Update::run_extension(Extension& node, std::span<const Change> changes) {
    const std::size_t begin = node.begin, end = node.end;
    const auto path = node.path;
    // Where the first insertion leaves the path; those that stay on it are a range.
    std::size_t leaves_at = end, first = changes.size(), last = 0;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const std::size_t common = first_difference(changes[i].key.data(), path.data(), begin,
                                                    std::min(changes[i].key.size() * 2, end));
        if (common == end) {
            first = std::min(first, i);
            last = i + 1;
        } else if (!changes[i].value.empty()) {
            leaves_at = std::min(leaves_at, common);
        }
    }
    if (leaves_at < end) {
        Branch* const branch = split(node, leaves_at);
        Node* const below = OL_TRY(run_branch(*branch, changes));
        if (leaves_at == begin) return below;
        if (below->kind != NodeKind::branch) return move_up(below, begin);
        Extension* const front = arena_.extension(path.data(), begin, leaves_at);
        front->child.set(below);
        return front;
    }
    if (first >= last) return &node;
    if (node.child.node == nullptr) {
        node.child.node = OL_TRY(resolve(Path(path.data(), end), *node.child.stub));
        if (node.child.node->kind != NodeKind::branch) {
            return fail(ErrorCode::corrupted, "an extension of a trie does not lead to a branch");
        }
    }
    Node* const below = OL_TRY(run(node.child.node, end, changes.subspan(first, last - first)));
    if (below == node.child.node) {
        if (below->ref.is_none()) touch(node);
        return &node;
    }
    if (below == nullptr || below->kind != NodeKind::branch) {
        arena_.free(&node, path.data());
        return below == nullptr ? nullptr : move_up(below, begin);
    }
    node.child.set(below);
    touch(node);
    return &node;
}

void Update::run_value(Branch& branch, const Change& change) {
    if (branch.value != nullptr) {
        if (same_bytes(branch.value->value(), change.value)) return;
        if (change.value.empty()) {
            arena_.free(branch.value, change.key.data());
            branch.value = nullptr;
        } else {
            arena_.set_value(*branch.value, change.value);
        }
    } else {
        if (change.value.empty()) return;
        branch.value = arena_.leaf(change.key, branch.depth, change.value);
    }
    touch(branch);
}

Result<bool> Update::run_child(Child& child, std::size_t depth, std::span<const Change> changes) {
    if (child.is_stub()) {
        child.node = OL_TRY(resolve(Path(changes[0].key.data(), depth), *child.stub));
    }
    Node* const before = child.node;
    Node* const after = OL_TRY(run(before, depth, changes));
    if (after == before) return after != nullptr && after->ref.is_none();
    child.set(after);
    return true;
}

Result<Node*> Update::run_branch(Branch& branch, std::span<const Change> changes) {
    const std::size_t depth = branch.depth;
    const std::uint8_t* const path = changes[0].key.data();
    if (changes[0].key.size() * 2 == depth) {
        run_value(branch, changes[0]);
        changes = changes.subspan(1);
    }
    while (!changes.empty()) {
        const std::uint8_t nibble = nibble_at(changes[0].key.data(), depth);
        std::size_t count = 1;
        while (count < changes.size() && nibble_at(changes[count].key.data(), depth) == nibble) {
            ++count;
        }
        if (OL_TRY(run_child(branch.children[nibble], depth + 1, changes.first(count)))) {
            touch(branch);
        }
        changes = changes.subspan(count);
    }
    if (!branch.ref.is_none()) return &branch;
    return settle(branch, path);
}

Result<Node*> Update::settle(Branch& branch, const std::uint8_t* path) {
    std::size_t count = branch.value == nullptr ? 0 : 1;
    std::uint8_t only = 0;
    for (std::uint8_t i = 0; i < branch_children; ++i) {
        if (branch.children[i].is_none()) continue;
        ++count;
        only = i;
    }
    if (count > 1) return &branch;
    const std::size_t depth = branch.depth;
    Leaf* const value = branch.value;
    Child child = branch.children[only];
    if (count == 0 || value != nullptr) {
        arena_.free(&branch, path);
        return value == nullptr ? nullptr : move_up(value, depth);
    }
    const Path place = Path(path, depth).with(only);
    const bool is_known_branch = child.is_stub() && child.stub->kind == StubKind::branch;
    if (child.node == nullptr && !is_known_branch) {
        child.node = OL_TRY(resolve(place, *child.stub));
    }
    arena_.free(&branch, path);
    if (!is_known_branch && child.node->kind != NodeKind::branch) {
        return move_up(child.node, depth);
    }
    Extension* const front = arena_.extension(place.packed.data(), depth, depth + 1);
    front->child = child;
    return front;
}

} // namespace ol::chain::trie
