#include "chain/trie/trie.hpp"

#include <map>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "chain/trie/build.hpp"
#include "chain/trie/decode.hpp"
#include "chain/trie/ordered_root.hpp"
#include "chain/trie/proof.hpp"
#include "chain/trie/trie_for_tests.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::trie {
namespace {

using codec::Rlp;

// Appendix D as it is written: a tree of RLP over maps of nibbles.
namespace naive {

using Map = std::map<std::vector<int>, Bytes>;

Bytes hex_prefix(const std::vector<int>& nibbles, bool is_leaf) {
    std::vector<int> all = {is_leaf ? 2 : 0};
    if (nibbles.size() % 2 != 0) {
        ++all[0];
    } else {
        all.push_back(0);
    }
    all.insert(all.end(), nibbles.begin(), nibbles.end());
    Bytes out;
    for (std::size_t i = 0; i < all.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(all[i] * 16 + all[i + 1]));
    }
    return out;
}

Rlp structure(const Map& map);

Rlp reference(const Map& map) {
    if (map.empty()) return Bytes{};
    const Rlp node = structure(map);
    const Bytes bytes = codec::rlp_encode(node);
    if (bytes.size() < 32) return node;
    return crypto::keccak256(bytes);
}

Map below(const Map& map, std::size_t count) {
    Map out;
    for (const auto& [key, value] : map) {
        out[{key.begin() + static_cast<std::ptrdiff_t>(count), key.end()}] = value;
    }
    return out;
}

Rlp structure(const Map& map) {
    if (map.size() == 1) {
        return Rlp::List{hex_prefix(map.begin()->first, true), map.begin()->second};
    }
    const auto& first = map.begin()->first;
    std::size_t common = 0;
    for (;; ++common) {
        bool is_shared = common < first.size();
        for (const auto& [key, value] : map) {
            is_shared = is_shared && common < key.size() && key[common] == first[common];
        }
        if (!is_shared) break;
    }
    if (common > 0) {
        const std::vector<int> path(first.begin(),
                                    first.begin() + static_cast<std::ptrdiff_t>(common));
        return Rlp::List{hex_prefix(path, false), reference(below(map, common))};
    }
    Rlp::List out;
    for (int i = 0; i < 16; ++i) {
        Map part;
        for (const auto& [key, value] : map) {
            if (!key.empty() && key[0] == i) part[key] = value;
        }
        out.push_back(reference(below(part, 1)));
    }
    const auto own = map.find({});
    out.push_back(own == map.end() ? Bytes{} : own->second);
    return out;
}

Hash32 root(const Leaves& leaves) {
    Map map;
    for (const auto& [key, value] : leaves) {
        std::vector<int> nibbles;
        for (const std::uint8_t byte : key) {
            nibbles.push_back(byte >> 4);
            nibbles.push_back(byte & 15);
        }
        map[nibbles] = value;
    }
    if (map.empty()) return crypto::keccak256(codec::rlp_encode(Rlp(Bytes{})));
    return crypto::keccak256(codec::rlp_encode(structure(map)));
}

} // namespace naive

Hash32 root_at_once(const Leaves& leaves) {
    std::vector<LeafView> views;
    for (const auto& [key, value] : leaves) views.push_back({key, value});
    return root_of_sorted(views);
}

// Nodes by their hash, as a witness has them.
class HashSource final : public Source {
public:
    Result<Node*> resolve(Arena& arena, const Path& path, const Stub& stub) override {
        const auto found = nodes.find(stub.ref.hash());
        if (found == nodes.end()) return fail(ErrorCode::not_found, "no such node");
        return decode_node(arena, path, found->second, stub.ref);
    }

    void add(const Node* node, bool is_root) {
        if (node == nullptr) return;
        Bytes rlp;
        append_rlp(rlp, *node);
        if (rlp.size() >= 32 || is_root) nodes[crypto::keccak256(rlp)] = rlp;
        if (node->kind == NodeKind::extension) {
            add(static_cast<const Extension*>(node)->child.node, false);
        } else if (node->kind == NodeKind::branch) {
            for (const Child& child : static_cast<const Branch*>(node)->children) {
                add(child.node, false);
            }
        }
    }

    std::map<Hash32, Bytes> nodes;
};

class TrieTwins : public testing::TestWithParam<Shape> {};

TEST_P(TrieTwins, EqualTheNaiveTrieOnRandomSequences) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        Prng prng(seed);
        Trie trie;
        Leaves leaves;
        for (int round = 0; round < 25; ++round) {
            const Leaves changes = pick_changes(prng, GetParam(), leaves);
            merge_into(leaves, changes);
            ASSERT_TRUE(trie.update(as_changes(changes)));
            if (prng.below(3) == 0) continue; // two updates between roots
            ASSERT_EQ(trie.root(), naive::root(leaves)) << "seed " << seed << " round " << round;
            ASSERT_EQ(root_at_once(leaves), trie.root());
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, TrieTwins,
                         testing::Values(Shape::deep, Shape::hashed, Shape::uneven));

TEST(TrieTest, WorksOnPartsThatAreFoundByTheirHash) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        Prng prng(seed);
        const Shape shape = seed % 2 == 0 ? Shape::deep : Shape::hashed;
        Trie whole;
        Leaves leaves;
        HashSource source;
        for (int round = 0; round < 12; ++round) {
            Trie part = Trie::by_hash(source, whole.root());
            const Leaves changes = pick_changes(prng, shape, leaves);
            merge_into(leaves, changes);
            ASSERT_TRUE(part.update(as_changes(changes)));
            ASSERT_TRUE(whole.update(as_changes(changes)));
            ASSERT_EQ(part.root(), whole.root());
            source.add(whole.root_node(), true);
            for (const auto& [key, value] : leaves) {
                const auto got = part.get(key);
                ASSERT_TRUE(got && *got);
                ASSERT_EQ(Bytes((*got)->begin(), (*got)->end()), value);
            }
            const auto none = part.get(Bytes(32, 0xee));
            ASSERT_TRUE(none && !*none);
        }
    }
}

TEST(TrieTest, AMissingNodeIsAnError) {
    HashSource source;
    Trie trie = Trie::by_hash(source, crypto::keccak256("no such root"));
    const auto got = trie.get(Bytes(32, 1));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::not_found);
    const Bytes key(32, 1), value(1, 1);
    const std::vector<Change> changes = {{key, value}};
    EXPECT_FALSE(trie.update(changes));
}

TEST(TrieTest, ThreadsGiveTheSameRoot) {
    ThreadPool pool(4);
    Trie alone, spread;
    Prng prng(7);
    Leaves leaves;
    for (int round = 0; round < 6; ++round) {
        Leaves changes;
        for (int i = 0; i < 3000; ++i) {
            Bytes number(8);
            put_be64(number.data(), prng.below(20'000));
            const Hash32 hash = crypto::keccak256(number);
            changes[{hash.begin(), hash.end()}] =
                prng.below(3) == 0 ? Bytes{} : Bytes(40, static_cast<std::uint8_t>(i % 200 + 1));
        }
        merge_into(leaves, changes);
        ASSERT_TRUE(alone.update(as_changes(changes)));
        ASSERT_TRUE(spread.update(as_changes(changes), &pool));
        ASSERT_EQ(alone.root(), spread.root());
        ASSERT_EQ(alone.root(), root_at_once(leaves));
    }
    Leaves all;
    for (const auto& [key, value] : leaves) all[key] = {};
    ASSERT_TRUE(spread.update(as_changes(all), &pool));
    EXPECT_EQ(spread.root(), naive::root({}));
}

TEST(ProofTest, PresenceAndAbsenceAndNothingElse) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        Prng prng(seed);
        const Shape shape = seed % 2 == 0 ? Shape::deep : Shape::hashed;
        Trie trie;
        Leaves leaves;
        for (int round = 0; round < 3; ++round) {
            const Leaves changes = pick_changes(prng, shape, leaves);
            merge_into(leaves, changes);
            ASSERT_TRUE(trie.update(as_changes(changes)));
        }
        const Hash32 root = trie.root();
        for (int i = 0; i < 20; ++i) {
            const Bytes key = pick_key(prng, shape);
            auto nodes = trie.prove(key);
            ASSERT_TRUE(nodes);
            const auto found = leaves.find(key);
            const auto proven = verify_proof(root, key, *nodes);
            ASSERT_TRUE(proven) << proven.error().to_string();
            ASSERT_EQ(proven->has_value(), found != leaves.end());
            if (proven->has_value()) {
                ASSERT_EQ(**proven, found->second);
            }
            nodes->emplace_back(Bytes{0x80});
            EXPECT_FALSE(verify_proof(root, key, *nodes));
            nodes->pop_back();
            if (nodes->empty()) continue;
            auto& node = (*nodes)[prng.below(nodes->size())];
            node[prng.below(node.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
            EXPECT_FALSE(verify_proof(root, key, *nodes));
            nodes->pop_back();
            EXPECT_FALSE(verify_proof(root, key, *nodes));
        }
    }
}

// A proof of one key must not prove another's absence: its nodes lead elsewhere.
TEST(ProofTest, ForOneKeyAlone) {
    Trie trie;
    Leaves leaves;
    for (std::uint8_t i = 0; i < 100; ++i) {
        const Hash32 hash = crypto::keccak256(Bytes(1, i));
        leaves[{hash.begin(), hash.end()}] = Bytes(40, 7);
    }
    ASSERT_TRUE(trie.update(as_changes(leaves)));
    const Bytes first = leaves.begin()->first, last = leaves.rbegin()->first;
    const auto nodes = trie.prove(first);
    ASSERT_TRUE(nodes);
    EXPECT_TRUE(*verify_proof(trie.root(), first, *nodes));
    EXPECT_FALSE(verify_proof(trie.root(), last, *nodes));
    EXPECT_FALSE(verify_proof(trie.root(), Bytes(31, 0), *nodes));
}

TEST(DecodeTest, RefusesWhatIsNoNode) {
    Prng prng(3);
    Trie trie;
    Leaves leaves;
    for (int i = 0; i < 40; ++i) leaves[pick_key(prng, Shape::deep)] = pick_value(prng);
    ASSERT_TRUE(trie.update(as_changes(leaves)));
    trie.root();
    HashSource source;
    source.add(trie.root_node(), true);
    Arena arena;
    const Path path;
    for (const auto& [hash, rlp] : source.nodes) {
        const NodeRef ref = NodeRef::of_hash(hash);
        for (std::size_t size = 0; size < rlp.size(); ++size) {
            ASSERT_FALSE(decode_node(arena, path, ByteView(rlp).first(size), ref));
        }
        Bytes longer = rlp;
        longer.push_back(0);
        ASSERT_FALSE(decode_node(arena, path, longer, ref));
        // What it reads from altered bytes, it would write in the same way.
        for (int flip = 0; flip < 200; ++flip) {
            Bytes other = rlp;
            other[prng.below(other.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
            const auto node = decode_node(arena, path, other, ref);
            if (!node) continue;
            Bytes again;
            append_rlp(again, **node);
            ASSERT_EQ(again, other);
        }
    }
}

TEST(OrderedRootTest, EqualsTheNaiveTrie) {
    Prng prng(1);
    for (const std::size_t count : {0, 1, 2, 3, 16, 17, 127, 128, 129, 200, 300}) {
        std::vector<Bytes> values;
        Leaves leaves;
        for (std::size_t i = 0; i < count; ++i) {
            values.push_back(pick_value(prng));
            leaves[codec::rlp_encode(Rlp::number(U256(i)))] = values.back();
        }
        EXPECT_EQ(ordered_trie_root(values), naive::root(leaves)) << count;
    }
}

} // namespace
} // namespace ol::chain::trie
