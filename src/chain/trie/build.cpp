#include "chain/trie/build.hpp"

#include "base/check.hpp"
#include "chain/trie/node_rlp.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::trie {

namespace {

std::uint8_t nibble(ByteView key, std::size_t at) {
    return at % 2 == 0 ? key[at / 2] >> 4 : key[at / 2] & 15;
}

// One node's RLP while it is put together.
class Encoding {
public:
    // A list of `payload` bytes follows.
    explicit Encoding(std::size_t payload) {
        bytes_.resize(payload + header_bytes);
        at_ = put_header(bytes_.data(), 0xc0, payload);
    }
    void add(ByteView string) { at_ = put_string(at_, string); }
    void add(const NodeRef& ref) { at_ = put_ref(at_, ref); }
    ByteView view() const { return {bytes_.data(), at_}; }

    NodeRef ref() const {
        if (view().size() >= 32) return NodeRef::of_hash(crypto::keccak256(view()));
        NodeRef out;
        out.size = static_cast<std::uint8_t>(view().size());
        std::memcpy(out.bytes.data(), view().data(), out.size);
        return out;
    }

private:
    Bytes bytes_;
    std::uint8_t* at_ = nullptr;
};

// The part of a key from `begin` to `end` in nibbles, in hex-prefix form.
struct Segment {
    Segment(ByteView key, std::size_t begin, std::size_t end, bool is_leaf) {
        std::uint8_t nibbles[key_nibbles];
        for (std::size_t i = begin; i < end; ++i) nibbles[i - begin] = nibble(key, i);
        size = put_hex_prefix(bytes, nibbles, end - begin, is_leaf);
    }
    ByteView view() const { return {bytes, size}; }

    std::uint8_t bytes[key_nibbles / 2 + 1];
    std::size_t size;
};

Encoding encode(std::span<const LeafView> leaves, std::size_t depth);

NodeRef ref_of(std::span<const LeafView> leaves, std::size_t depth) {
    return leaves.empty() ? NodeRef{} : encode(leaves, depth).ref();
}

Encoding encode_branch(std::span<const LeafView> leaves, std::size_t depth) {
    ByteView value; // of a key that ends here, which sorts before all longer ones
    if (leaves[0].key.size() * 2 == depth) {
        value = leaves[0].value;
        leaves = leaves.subspan(1);
    }
    NodeRef children[branch_children];
    std::size_t payload = string_bytes(value);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < branch_children; ++i) {
        std::size_t end = begin;
        while (end < leaves.size() && nibble(leaves[end].key, depth) == i) ++end;
        children[i] = ref_of(leaves.subspan(begin, end - begin), depth + 1);
        payload += ref_bytes(children[i]);
        begin = end;
    }
    Encoding out(payload);
    for (const NodeRef& child : children) out.add(child);
    out.add(value);
    return out;
}

// The node over `leaves`, which agree in their first `depth` nibbles.
Encoding encode(std::span<const LeafView> leaves, std::size_t depth) {
    const ByteView first = leaves.front().key, last = leaves.back().key;
    if (leaves.size() == 1) {
        const Segment path(first, depth, first.size() * 2, true);
        Encoding out(string_bytes(path.view()) + string_bytes(leaves[0].value));
        out.add(path.view());
        out.add(leaves[0].value);
        return out;
    }
    std::size_t common = depth;
    while (common < first.size() * 2 && nibble(first, common) == nibble(last, common)) ++common;
    if (common == depth) return encode_branch(leaves, depth);
    const Segment path(first, depth, common, false);
    const NodeRef child = encode_branch(leaves, common).ref();
    Encoding out(string_bytes(path.view()) + ref_bytes(child));
    out.add(path.view());
    out.add(child);
    return out;
}

} // namespace

Hash32 root_of_sorted(std::span<const LeafView> leaves) {
    if (leaves.empty()) {
        static constexpr std::uint8_t empty_string[] = {0x80};
        return crypto::keccak256(ByteView(empty_string));
    }
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        OL_CHECK(leaves[i].key.size() * 2 <= key_nibbles && !leaves[i].value.empty());
    }
    return crypto::keccak256(encode(leaves, 0).view());
}

} // namespace ol::chain::trie
