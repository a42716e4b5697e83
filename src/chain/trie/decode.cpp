#include "chain/trie/decode.hpp"

#include "chain/trie/refs.hpp"

namespace ol::chain::trie {

namespace {

std::unexpected<Error> malformed(std::string_view what) {
    return fail(ErrorCode::corrupted, "trie node: {}", what);
}

struct Item {
    bool is_list = false;
    ByteView payload, whole;
};

// Items of one list, one after another.
class Items {
public:
    explicit Items(ByteView bytes)
        : left_(bytes) {}
    bool is_done() const { return left_.empty(); }

    Result<Item> next() {
        if (left_.empty()) return malformed("an item is missing");
        const std::uint8_t first = left_[0];
        Item out;
        out.is_list = first >= 0xc0;
        if (first < 0x80) return take(out, 0, 1);
        const std::uint8_t base = out.is_list ? 0xc0 : 0x80;
        std::size_t length = first - base, header = 1;
        if (length > 55) {
            const std::size_t bytes = length - 55;
            header += bytes;
            if (header > left_.size() || left_[1] == 0 || bytes > 4) {
                return malformed("a length does not hold");
            }
            length = 0;
            for (std::size_t i = 0; i < bytes; ++i) length = length << 8 | left_[1 + i];
            if (length <= 55) return malformed("a length is not canonical");
        }
        if (length > left_.size() - header) return malformed("an item is cut off");
        if (!out.is_list && length == 1 && left_[1] < 0x80) {
            return malformed("a byte is not canonical");
        }
        return take(out, header, length);
    }

private:
    Item take(Item out, std::size_t header, std::size_t length) {
        out.whole = left_.first(header + length);
        out.payload = left_.subspan(header, length);
        left_ = left_.subspan(header + length);
        return out;
    }

    ByteView left_;
};

Result<ByteView> list_payload(ByteView rlp) {
    Items outer(rlp);
    const Item list = OL_TRY(outer.next());
    if (!list.is_list) return malformed("not a list");
    if (!outer.is_done()) return malformed("trailing bytes");
    return list.payload;
}

class Decoder {
public:
    explicit Decoder(Arena& arena)
        : arena_(arena) {}

    Result<Node*> node(const Path& path, ByteView rlp, const NodeRef& ref) {
        const ByteView payload = OL_TRY(list_payload(rlp));
        std::array<Item, branch_children + 1> items;
        std::size_t count = 0;
        for (Items row(payload); !row.is_done(); ++count) {
            if (count == items.size()) return malformed("more than 17 items");
            items[count] = OL_TRY(row.next());
        }
        Node* out = nullptr;
        if (count == items.size()) {
            out = OL_TRY(branch(path, items));
        } else if (count == 2) {
            out = OL_TRY(short_node(path, items[0], items[1]));
        } else {
            return malformed("neither 2 nor 17 items");
        }
        out->ref = ref;
        out->is_touched = false;
        return out;
    }

private:
    Status set_child(Child& child, const Path& path, const Item& item) {
        if (!item.is_list) {
            if (item.payload.size() != 32) return malformed("a child is not a hash");
            child = arena_.stub(NodeRef::of_hash(*Hash32::from(item.payload)), StubKind::hashed);
            return {};
        }
        if (item.whole.size() >= 32) return malformed("an inline child of 32 bytes or more");
        NodeRef ref;
        ref.size = static_cast<std::uint8_t>(item.whole.size());
        std::memcpy(ref.bytes.data(), item.whole.data(), ref.size);
        child.node = OL_TRY(node(path, item.whole, ref));
        return {};
    }

    Result<Node*> branch(const Path& path, const std::array<Item, branch_children + 1>& items) {
        if (path.size >= key_nibbles) return malformed("a branch below a whole key");
        Branch* const out = arena_.branch(path.size);
        std::size_t count = 0;
        for (std::uint8_t i = 0; i < branch_children; ++i) {
            const Item& item = items[i];
            if (!item.is_list && item.payload.empty()) continue;
            OL_TRY(set_child(out->children[i], path.with(i), item));
            ++count;
        }
        const Item& value = items[branch_children];
        if (value.is_list) return malformed("a value is a list");
        if (!value.payload.empty()) {
            if (path.size % 2 != 0) return malformed("a key of half a byte");
            out->value = arena_.leaf(path.view(), path.size, value.payload);
            ++count;
        }
        if (count < 2) return malformed("a branch of one");
        return out;
    }

    Result<Node*> short_node(const Path& path, const Item& name, const Item& value) {
        if (name.is_list || name.payload.empty()) return malformed("no path");
        const ByteView prefix = name.payload;
        const std::uint8_t flags = prefix[0] >> 4;
        const bool is_odd = (flags & 1) != 0, is_leaf = (flags & 2) != 0;
        if (flags > 3 || (!is_odd && (prefix[0] & 15) != 0)) return malformed("a path's prefix");
        const std::size_t count = 2 * prefix.size() - (is_odd ? 1 : 2);
        if (path.size + count > key_nibbles) return malformed("a path of more than 64 nibbles");
        Path whole = path;
        for (std::size_t i = 0; i < count; ++i) {
            whole = whole.with(nibble_at(prefix.data(), i + (is_odd ? 1 : 2)));
        }
        if (is_leaf) {
            if (value.is_list || value.payload.empty()) return malformed("a leaf without a value");
            if (whole.size % 2 != 0) return malformed("a key of half a byte");
            return arena_.leaf(whole.view(), path.size, value.payload);
        }
        if (count == 0) return malformed("an extension without a path");
        Extension* const out = arena_.extension(whole.packed.data(), path.size, whole.size);
        if (!value.is_list && value.payload.empty()) return malformed("an extension to nothing");
        OL_TRY(set_child(out->child, whole, value));
        if (out->child.node != nullptr && out->child.node->kind != NodeKind::branch) {
            return malformed("an extension that does not lead to a branch");
        }
        return out;
    }

    Arena& arena_;
};

} // namespace

Result<Node*> decode_node(Arena& arena, const Path& path, ByteView rlp, const NodeRef& ref) {
    return Decoder(arena).node(path, rlp, ref);
}

} // namespace ol::chain::trie
