#include "chain/trie/stored.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace ol::chain::trie {

namespace {

// The first byte of a link: its kind above the size of its ref.
enum class LinkKind : std::uint8_t { small, branch, extension };
constexpr unsigned kind_shift = 6;
constexpr std::uint8_t size_mask = (1U << kind_shift) - 1;

std::unexpected<Error> malformed() {
    return fail(ErrorCode::corrupted, "a link of a trie is malformed");
}

void append_link(Bytes& out, LinkKind kind, const NodeRef& ref) {
    OL_CHECK(!ref.is_none());
    out.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(kind) << kind_shift | ref.size));
    append(out, ref.view());
}

// A branch's child, or the root, once it is known whether a large branch is behind it.
Bytes link_of(const Child& child, bool is_large) {
    Bytes out;
    if (child.node == nullptr) {
        OL_CHECK(child.stub->kind != StubKind::hashed);
        const bool is_small = child.stub->kind == StubKind::small;
        append_link(out, is_small ? LinkKind::small : LinkKind::branch, child.stub->ref);
    } else if (!is_large || child.node->kind != NodeKind::extension) {
        append_link(out, is_large ? LinkKind::branch : LinkKind::small, child.node->ref);
    } else {
        // The ref is the branch's; the extension's own follows from it.
        const auto& extension = static_cast<const Extension&>(*child.node);
        append_link(out, LinkKind::extension, extension.child.ref());
        Path rest;
        for (std::size_t i = extension.begin; i < extension.end; ++i) {
            rest = rest.with(nibble_at(extension.path.data(), i));
        }
        out.push_back(rest.size);
        append(out, rest.view());
    }
    return out;
}

// A leaf of a part: where its own path begins, the sizes of its key, ref and value, and these.
constexpr std::size_t part_sizes = 1 + 1 + 1 + 4;
constexpr std::size_t typical_leaf_bytes = part_sizes + 32 + 32 + 80;

void append_part(Bytes& out, const Node& node) {
    if (node.kind == NodeKind::extension) {
        return append_part(out, *static_cast<const Extension&>(node).child.node);
    }
    if (node.kind == NodeKind::branch) {
        const auto& branch = static_cast<const Branch&>(node);
        if (branch.value != nullptr) append_part(out, *branch.value);
        for (const Child& child : branch.children) {
            if (child.node != nullptr) append_part(out, *child.node);
        }
        return;
    }
    const auto& leaf = static_cast<const Leaf&>(node);
    const std::size_t begin = out.size();
    out.resize(begin + part_sizes + leaf.key_bytes + leaf.ref.size + leaf.value_bytes);
    std::uint8_t* at = out.data() + begin;
    *at++ = leaf.begin;
    *at++ = leaf.key_bytes;
    *at++ = leaf.ref.size;
    put_be32(at, leaf.value_bytes);
    at = std::copy_n(leaf.key.data(), leaf.key_bytes, at + 4);
    at = std::copy_n(leaf.ref.bytes.data(), leaf.ref.size, at);
    std::ranges::copy(leaf.value(), at);
}

// What is under a node: so many leaves, or at least one large branch.
struct Extent {
    bool is_large = false;
    std::size_t leaves = 0;
};

class Layer {
public:
    explicit Layer(LinkSink& sink)
        : sink_(sink) {}

    Extent lay(Node& node) {
        if (node.kind == NodeKind::leaf) return {false, 1};
        if (node.kind == NodeKind::extension) {
            auto& extension = static_cast<Extension&>(node);
            const Path below(extension.path.data(), extension.end);
            return extension.child.node == nullptr ? Extent{true, 0}
                                                   : lay(*extension.child.node, below);
        }
        OL_CHECK(false); // a branch needs its path
    }

    Extent lay(Node& node, const Path& at) {
        if (node.kind != NodeKind::branch) return lay(node);
        auto& branch = static_cast<Branch&>(node);
        if (!branch.is_touched && branch.stored != 0) return {true, 0};
        Extent total;
        std::array<Extent, branch_children> extents;
        for (std::uint8_t i = 0; i < branch_children; ++i) {
            const Child& child = branch.children[i];
            if (child.is_none()) continue;
            extents[i] = child.node == nullptr ? Extent{true, 0} : lay(*child.node, at.with(i));
            total.is_large = total.is_large || extents[i].is_large;
            total.leaves += extents[i].leaves;
        }
        if (!branch.is_touched) return total;
        total.is_large = total.is_large || total.leaves > small_leaves;
        if (total.is_large) {
            put(branch, at, extents);
        } else if (branch.stored != 0) {
            erase(at, branch.stored);
            branch.stored = 0;
        }
        return total;
    }

    void erase(const Path& at, std::uint16_t stored) {
        for (std::uint8_t i = 0; i < branch_children; ++i) {
            if ((stored >> i & 1) != 0) sink_.erase(at.with(i));
        }
        sink_.image(at, {});
    }

private:
    void put(Branch& branch, const Path& at, const std::array<Extent, branch_children>& extents) {
        Bytes image;
        std::uint16_t present = 0;
        for (std::uint8_t i = 0; i < branch_children; ++i) {
            const Child& child = branch.children[i];
            const bool is_stored = (branch.stored >> i & 1) != 0;
            if (child.is_none()) {
                if (is_stored) sink_.erase(at.with(i));
                continue;
            }
            present |= static_cast<std::uint16_t>(1U << i);
            const Bytes link = link_of(child, extents[i].is_large);
            append_to_image(image, i, link);
            const bool is_same = child.node == nullptr || !child.node->is_touched;
            if (is_stored && is_same) continue;
            sink_.put(at.with(i), link);
            if (child.node == nullptr || extents[i].is_large) continue;
            Bytes part;
            part.reserve(extents[i].leaves * typical_leaf_bytes);
            append_part(part, *child.node);
            sink_.part(at.with(i), std::move(part));
        }
        branch.stored = present;
        sink_.image(at, std::move(image));
    }

    LinkSink& sink_;
};

struct LinkView {
    LinkKind kind;
    NodeRef ref;
    Path extension;
};

// Takes one link off the front.
Result<LinkView> take_link(ByteView& bytes) {
    if (bytes.empty()) return malformed();
    LinkView out;
    const unsigned kind = bytes[0] >> kind_shift;
    const std::size_t size = bytes[0] & size_mask;
    if (kind > static_cast<unsigned>(LinkKind::extension) || size == 0 || size > 32 ||
        bytes.size() < 1 + size) {
        return malformed();
    }
    out.kind = static_cast<LinkKind>(kind);
    out.ref.size = static_cast<std::uint8_t>(size);
    std::memcpy(out.ref.bytes.data(), bytes.data() + 1, size);
    bytes = bytes.subspan(1 + size);
    if (out.kind != LinkKind::extension) return out;
    if (bytes.empty()) return malformed();
    const std::size_t nibbles = bytes[0], packed = (nibbles + 1) / 2;
    if (nibbles == 0 || nibbles >= key_nibbles || bytes.size() < 1 + packed) return malformed();
    out.extension = Path(bytes.data() + 1, nibbles);
    bytes = bytes.subspan(1 + packed);
    return out;
}

Result<Child> child_of(Arena& arena, const Path& at, const LinkView& link) {
    const bool is_small = link.kind == LinkKind::small;
    Child out = arena.stub(link.ref, is_small ? StubKind::small : StubKind::branch);
    if (link.kind != LinkKind::extension) return out;
    if (at.size + link.extension.size >= key_nibbles) return malformed();
    Path end = at;
    for (std::size_t i = 0; i < link.extension.size; ++i) end = end.with(link.extension.nibble(i));
    Extension* const extension = arena.extension(end.packed.data(), at.size, end.size);
    extension->child = out;
    Refs refs;
    refs.add(extension);
    refs.compute();
    extension->is_touched = false;
    return Child{extension, nullptr};
}

} // namespace

void append_to_image(Bytes& image, std::uint8_t nibble, ByteView link) {
    image.push_back(nibble);
    append(image, link);
}

void lay_down(Trie& trie, bool had_root_link, LinkSink& sink) {
    Layer layer(sink);
    for (const Dropped& dropped : trie.take_dropped()) layer.erase(dropped.path, dropped.stored);
    Node* const root = trie.root_node();
    if (root == nullptr && !trie.root_child().is_none()) return; // never looked at
    if (root != nullptr && !root->is_touched) return;
    const Extent extent = root == nullptr ? Extent{} : layer.lay(*root, {});
    if (extent.is_large) {
        sink.put({}, link_of(trie.root_child(), true));
    } else if (had_root_link) {
        sink.erase({});
    }
}

Result<Branch*> decode_branch(Arena& arena, const Path& at, ByteView image, const NodeRef& ref) {
    if (at.size >= key_nibbles) return malformed();
    Branch* const out = arena.branch(at.size);
    int last = -1;
    while (!image.empty()) {
        const std::uint8_t nibble = image[0];
        if (nibble >= branch_children || nibble <= last) return malformed();
        last = nibble;
        image = image.subspan(1);
        const LinkView link = OL_TRY(take_link(image));
        out->children[nibble] = OL_TRY(child_of(arena, at.with(nibble), link));
        out->stored |= static_cast<std::uint16_t>(1U << nibble);
    }
    if (std::popcount(out->stored) < 2) return malformed();
    out->ref = ref;
    out->is_touched = false;
    return out;
}

Node* decode_part(Arena& arena, const Path& at, ByteView part, const NodeRef& known) {
    std::vector<Leaf*> leaves;
    leaves.reserve(small_leaves);
    while (!part.empty()) {
        const std::size_t begin = part[0], key_size = part[1], ref_size = part[2];
        const std::size_t value_size = get_be32(part.data() + 3);
        part = part.subspan(part_sizes);
        const ByteView ref = part.subspan(key_size, ref_size);
        leaves.push_back(
            arena.leaf(part.first(key_size), begin, part.subspan(key_size + ref_size, value_size)));
        leaves.back()->ref.size = static_cast<std::uint8_t>(ref_size);
        std::ranges::copy(ref, leaves.back()->ref.bytes.begin());
        part = part.subspan(key_size + ref_size + value_size);
    }
    Node* const out = build(arena, leaves, at.size);
    mark_untouched(out);
    out->ref = known;
    return out;
}

Result<Trie> open_stored(Source& source, ByteView link) {
    const LinkView view = OL_TRY(take_link(link));
    if (!link.empty() || view.kind == LinkKind::small) return malformed();
    Trie out(source);
    out.set_root(OL_TRY(child_of(out.arena(), {}, view)));
    return out;
}

} // namespace ol::chain::trie
