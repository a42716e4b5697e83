#include "chain/trie/stored.hpp"

#include <gtest/gtest.h>

#include "chain/trie/build.hpp"
#include "chain/trie/proof.hpp"
#include "chain/trie/trie_for_tests.hpp"

namespace ol::chain::trie {
namespace {

// A store on maps: links by their path, leaves flat.
class MapStore final : public Source, public LinkSink {
public:
    struct Less {
        bool operator()(const Path& a, const Path& b) const {
            return a.size != b.size ? a.size < b.size : a.packed < b.packed;
        }
    };

    Result<Node*> resolve(Arena& arena, const Path& path, const Stub& stub) override {
        if (stub.kind == StubKind::branch) {
            return decode_branch(arena, path, image_at(path), stub.ref);
        }
        std::vector<Leaf*> found;
        for (const auto& [key, value] : leaves) {
            if (first_difference(key.data(), path.packed.data(), 0, path.size) == path.size) {
                found.push_back(arena.leaf(key, path.size, value));
            }
        }
        const auto part = parts.find(path);
        if (part != parts.end() && turn_++ % 3 != 0) {
            Node* const held = decode_part(arena, path, part->second, stub.ref);
            EXPECT_EQ(leaves_of(*held), leaves_of(*build(arena, found, path.size)));
            return held;
        }
        Node* const node = build(arena, found, path.size);
        if (node == nullptr) return fail(ErrorCode::corrupted, "no leaves behind a link");
        mark_untouched(node);
        node->ref = stub.ref;
        return node;
    }

    void put(const Path& at, ByteView link) override { links[at] = {link.begin(), link.end()}; }
    void erase(const Path& at) override { ASSERT_EQ(links.erase(at), 1U); }
    void image(const Path& at, Bytes image) override { images[at] = std::move(image); }
    void part(const Path& at, Bytes part) override { parts[at] = std::move(part); }

    Bytes image_at(const Path& path) const {
        Bytes out;
        for (std::uint8_t i = 0; i < branch_children; ++i) {
            const auto link = links.find(path.with(i));
            if (link != links.end()) append_to_image(out, i, link->second);
        }
        return out;
    }

    Trie open(const Hash32& root) {
        const auto link = links.find(Path());
        if (link == links.end()) return {this, root, StubKind::small};
        auto trie = open_stored(*this, link->second);
        EXPECT_TRUE(trie);
        return std::move(*trie);
    }

    // Every link is reached from the root, and a branch has links if and only if it may.
    void check() {
        std::size_t reached = 0;
        const auto root = links.find(Path());
        if (root != links.end()) {
            auto trie = open_stored(*this, root->second);
            ASSERT_TRUE(trie);
            reached = 1;
            walk(trie->arena(), trie->root_child(), {}, reached);
        }
        ASSERT_EQ(reached, links.size());
    }

    Leaves leaves;
    std::map<Path, Bytes, Less> links, images;
    std::map<Path, Bytes, Less> parts; // of which some are forgotten now and then

private:
    static Leaves leaves_of(const Node& node) {
        Leaves out;
        if (node.kind == NodeKind::leaf) {
            const auto& leaf = static_cast<const Leaf&>(node);
            out[Bytes(leaf.key_view().begin(), leaf.key_view().end())] =
                Bytes(leaf.value().begin(), leaf.value().end());
        } else if (node.kind == NodeKind::extension) {
            return leaves_of(*static_cast<const Extension&>(node).child.node);
        } else {
            const auto& branch = static_cast<const Branch&>(node);
            if (branch.value != nullptr) out = leaves_of(*branch.value);
            for (const Child& child : branch.children) {
                if (child.node != nullptr) out.merge(leaves_of(*child.node));
            }
        }
        return out;
    }

    void walk(Arena& arena, const Child& child, const Path& at, std::size_t& reached) {
        if (child.node != nullptr) {
            const auto& extension = static_cast<const Extension&>(*child.node);
            walk(arena, extension.child, Path(extension.path.data(), extension.end), reached);
        } else if (child.stub->kind == StubKind::branch) {
            const auto branch = decode_branch(arena, at, image_at(at), child.stub->ref);
            ASSERT_TRUE(branch) << branch.error().to_string();
            ASSERT_EQ(images[at], image_at(at));
            for (std::uint8_t i = 0; i < branch_children; ++i) {
                if ((*branch)->children[i].is_none()) continue;
                ++reached;
                walk(arena, (*branch)->children[i], at.with(i), reached);
            }
        }
    }

    std::size_t turn_ = 0;
};

Hash32 root_at_once(const Leaves& leaves) {
    std::vector<LeafView> views;
    for (const auto& [key, value] : leaves) views.push_back({key, value});
    return root_of_sorted(views);
}

class StoredTwins : public testing::TestWithParam<Shape> {};

TEST_P(StoredTwins, OpenedAnewEachTimeTheRootIsThatOfTheLeaves) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
        Prng prng(seed);
        MapStore store;
        Hash32 root = root_at_once({});
        for (int round = 0; round < 25; ++round) {
            Trie trie = store.open(root);
            const bool had_link = store.links.contains(Path());
            Leaves leaves = store.leaves;
            // Several updates before anything is laid down; the flat leaves stay as they were.
            for (std::uint64_t part = 1 + prng.below(3); part-- > 0;) {
                const Leaves changes = pick_changes(prng, GetParam(), leaves, 700);
                merge_into(leaves, changes);
                ASSERT_TRUE(trie.update(as_changes(changes)));
                ASSERT_EQ(trie.root(), root_at_once(leaves)) << "seed " << seed << ", " << round;
            }
            root = trie.root();
            lay_down(trie, had_link, store);
            store.leaves = leaves;
            store.check();
            if (HasFatalFailure()) FAIL() << "seed " << seed << ", round " << round;
            const Bytes key = pick_key(prng, GetParam(), 700);
            Trie again = store.open(root);
            const auto nodes = again.prove(key);
            ASSERT_TRUE(nodes);
            const auto proven = verify_proof(root, key, *nodes);
            ASSERT_TRUE(proven) << proven.error().to_string();
            ASSERT_EQ(proven->has_value(), leaves.contains(key));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, StoredTwins, testing::Values(Shape::deep, Shape::hashed));

TEST(StoredTest, SmallTriesHaveNoLinksAndLargeOnesGoBackToNone) {
    Prng prng(1);
    MapStore store;
    Trie trie;
    Leaves changes;
    while (changes.size() < small_leaves) changes[pick_key(prng, Shape::hashed)] = Bytes(40, 1);
    ASSERT_TRUE(trie.update(as_changes(changes)));
    Hash32 root = trie.root();
    lay_down(trie, false, store);
    EXPECT_TRUE(store.links.empty());
    merge_into(store.leaves, changes);
    trie = store.open(root);
    changes.clear();
    while (changes.size() < 100) changes[pick_key(prng, Shape::hashed, 1000)] = Bytes(40, 1);
    ASSERT_TRUE(trie.update(as_changes(changes)));
    root = trie.root();
    lay_down(trie, false, store);
    merge_into(store.leaves, changes);
    EXPECT_GE(store.links.size(), 17U);
    trie = store.open(root);
    changes = store.leaves;
    for (auto& [key, value] : changes) value.clear();
    ASSERT_TRUE(trie.update(as_changes(changes)));
    EXPECT_EQ(trie.root(), root_at_once({}));
    lay_down(trie, true, store);
    EXPECT_TRUE(store.links.empty());
}

TEST(StoredTest, DamagedLinksAreRefused) {
    Prng prng(4);
    MapStore store;
    Trie trie;
    Leaves changes;
    for (int i = 0; i < 200; ++i) changes[pick_key(prng, Shape::deep)] = Bytes(40, 1);
    ASSERT_TRUE(trie.update(as_changes(changes)));
    trie.root();
    lay_down(trie, false, store);
    ASSERT_FALSE(store.images.empty());
    Arena arena;
    for (const auto& [path, image] : store.images) {
        ASSERT_TRUE(decode_branch(arena, path, image, {}));
        for (std::size_t size = 0; size < image.size(); ++size) {
            // Cut between links it is a smaller branch; elsewhere it is nothing.
            const auto cut = decode_branch(arena, path, ByteView(image).first(size), {});
            if (cut) {
                ASSERT_LT((*cut)->stored, 1U << 15);
            }
        }
        for (int flip = 0; flip < 100; ++flip) {
            Bytes other = image;
            other[prng.below(other.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
            (void)decode_branch(arena, path, other, {});
        }
    }
}

} // namespace
} // namespace ol::chain::trie
