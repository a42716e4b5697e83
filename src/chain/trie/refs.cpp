#include "chain/trie/refs.hpp"

#include "base/check.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::trie {

namespace {

constexpr std::size_t nodes_at_once = 64;
constexpr std::size_t hex_prefix_bytes = key_nibbles / 2 + 1;

// Nibbles [begin, end) of a packed path in hex-prefix form.
std::size_t put_path(std::uint8_t* out, const std::uint8_t* packed, std::size_t begin,
                     std::size_t end, bool is_leaf) {
    const std::size_t size = (end - begin) / 2 + 1;
    *out = is_leaf ? 0x20 : 0x00;
    if ((end - begin) % 2 != 0) *out |= 0x10 | nibble_at(packed, begin++);
    const std::uint8_t* in = packed + begin / 2;
    if (begin % 2 == 0) {
        std::memcpy(out + 1, in, size - 1);
    } else {
        for (std::size_t i = 1; i < size; ++i, ++in) {
            out[i] = static_cast<std::uint8_t>(in[0] << 4 | in[1] >> 4);
        }
    }
    return size;
}

// Room for a list at the end of `out`.
std::uint8_t* open_list(Bytes& out, std::size_t payload) {
    const std::size_t begin = out.size();
    const std::size_t header = payload <= 55 ? 1 : 1 + length_bytes(payload);
    out.resize(begin + header + payload);
    return put_header(out.data() + begin, 0xc0, payload);
}

void append_leaf(Bytes& out, const Leaf& leaf) {
    std::uint8_t path[hex_prefix_bytes];
    const ByteView name(path, put_path(path, leaf.key.data(), leaf.begin, leaf.end(), true));
    const ByteView value = leaf.value();
    std::uint8_t* const at = open_list(out, string_bytes(name) + string_bytes(value));
    put_string(put_string(at, name), value);
}

void append_extension(Bytes& out, const Extension& node) {
    std::uint8_t path[hex_prefix_bytes];
    const ByteView name(path, put_path(path, node.path.data(), node.begin, node.end, false));
    const NodeRef& child = node.child.ref();
    std::uint8_t* const at = open_list(out, string_bytes(name) + ref_bytes(child));
    put_ref(put_string(at, name), child);
}

void append_branch(Bytes& out, const Branch& node) {
    const ByteView value = node.value == nullptr ? ByteView() : node.value->value();
    std::size_t payload = string_bytes(value);
    for (const Child& child : node.children) payload += ref_bytes(child.ref());
    std::uint8_t* at = open_list(out, payload);
    for (const Child& child : node.children) at = put_ref(at, child.ref());
    put_string(at, value);
}

std::size_t depth_of(const Node& node) {
    switch (node.kind) {
    case NodeKind::leaf:
        return static_cast<const Leaf&>(node).begin;
    case NodeKind::extension:
        return static_cast<const Extension&>(node).begin;
    default:
        return static_cast<const Branch&>(node).depth;
    }
}

} // namespace

void append_rlp(Bytes& out, const Node& node) {
    switch (node.kind) {
    case NodeKind::leaf:
        return append_leaf(out, static_cast<const Leaf&>(node));
    case NodeKind::extension:
        return append_extension(out, static_cast<const Extension&>(node));
    case NodeKind::branch:
        return append_branch(out, static_cast<const Branch&>(node));
    }
}

void Refs::add(Node* node) {
    if (node == nullptr || !node->ref.is_none()) return;
    levels_[depth_of(*node)].push_back(node);
    if (node->kind == NodeKind::extension) {
        add(static_cast<Extension*>(node)->child.node);
    } else if (node->kind == NodeKind::branch) {
        for (const Child& child : static_cast<Branch*>(node)->children) add(child.node);
    }
}

void Refs::compute() {
    for (std::size_t depth = key_nibbles + 1; depth-- > 0;) compute(levels_[depth]);
}

void Refs::compute(std::vector<Node*>& level) {
    std::size_t ends[nodes_at_once];
    ByteView inputs[nodes_at_once];
    Hash32 hashes[nodes_at_once];
    for (std::size_t first = 0; first < level.size(); first += nodes_at_once) {
        const std::size_t count = std::min(nodes_at_once, level.size() - first);
        buffer_.clear();
        for (std::size_t i = 0; i < count; ++i) {
            append_rlp(buffer_, *level[first + i]);
            ends[i] = buffer_.size();
        }
        std::size_t hashed = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t begin = i == 0 ? 0 : ends[i - 1];
            const ByteView rlp = ByteView(buffer_).subspan(begin, ends[i] - begin);
            if (rlp.size() >= 32) {
                inputs[hashed++] = rlp;
                continue;
            }
            NodeRef& ref = level[first + i]->ref;
            ref.size = static_cast<std::uint8_t>(rlp.size());
            std::memcpy(ref.bytes.data(), rlp.data(), rlp.size());
        }
        crypto::keccak256_many(std::span(inputs, hashed), std::span(hashes, hashed));
        std::size_t next = 0;
        for (std::size_t i = 0; i < count; ++i) {
            NodeRef& ref = level[first + i]->ref;
            if (ref.is_none()) ref = NodeRef::of_hash(hashes[next++]);
        }
    }
    level.clear();
}

Hash32 root_hash(const Node* root) {
    Bytes rlp;
    if (root == nullptr) {
        rlp.push_back(0x80);
    } else {
        OL_CHECK(!root->ref.is_none());
        if (root->ref.is_hash()) return root->ref.hash();
        append_rlp(rlp, *root);
    }
    return crypto::keccak256(rlp);
}

} // namespace ol::chain::trie
