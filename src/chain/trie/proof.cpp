#include "chain/trie/proof.hpp"

#include "chain/trie/decode.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::trie {

namespace {

std::unexpected<Error> unproven(std::string_view what) {
    return fail(ErrorCode::unverified, "trie proof: {}", what);
}

// What stands under the key at this node: a child to go to, a value, or nothing.
struct Step {
    const Child* child = nullptr;
    std::size_t depth = 0; // at which the child begins
    std::optional<ByteView> value;
};

Step step(const Node& node, ByteView key) {
    Step out;
    if (node.kind == NodeKind::leaf) {
        const auto& leaf = static_cast<const Leaf&>(node);
        const bool is_key = leaf.key_bytes == key.size() &&
                            std::memcmp(leaf.key.data(), key.data(), key.size()) == 0;
        if (is_key) out.value = leaf.value();
    } else if (node.kind == NodeKind::extension) {
        const auto& extension = static_cast<const Extension&>(node);
        const std::size_t end = extension.end;
        if (first_difference(key.data(), extension.path.data(), extension.begin, end) == end) {
            out.child = &extension.child;
            out.depth = end;
        }
    } else {
        const auto& branch = static_cast<const Branch&>(node);
        const Child& child = branch.children[nibble_at(key.data(), branch.depth)];
        if (!child.is_none()) {
            out.child = &child;
            out.depth = branch.depth + 1U;
        }
    }
    return out;
}

} // namespace

Result<std::optional<Bytes>> verify_proof(const Hash32& root, ByteView key,
                                          std::span<const Bytes> nodes) {
    if (key.size() * 2 != key_nibbles) return unproven("the key is not a hash");
    static constexpr std::uint8_t empty_string[] = {0x80};
    if (nodes.empty()) {
        if (root == crypto::keccak256(ByteView(empty_string))) return std::nullopt;
        return unproven("no nodes");
    }
    Arena arena;
    NodeRef expected = NodeRef::of_hash(root);
    std::size_t depth = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (!expected.is_hash() || crypto::keccak256(nodes[i]) != expected.hash()) {
            return unproven("a node does not have the hash that its parent names");
        }
        const Path path(key.data(), depth);
        auto decoded = decode_node(arena, path, nodes[i], expected);
        if (!decoded) return unproven(decoded.error().context);
        const Node* node = *decoded;
        for (;;) {
            const Step next = step(*node, key);
            if (next.child != nullptr && next.child->node == nullptr) {
                expected = next.child->ref();
                depth = next.depth;
                break;
            }
            if (next.child != nullptr) {
                node = next.child->node; // inline
                continue;
            }
            if (i + 1 != nodes.size()) return unproven("nodes behind the end");
            if (!next.value) return std::nullopt;
            return Bytes(next.value->begin(), next.value->end());
        }
    }
    return unproven("the nodes end before the key");
}

} // namespace ol::chain::trie
