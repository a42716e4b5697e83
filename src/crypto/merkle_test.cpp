#include "crypto/merkle.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "crypto/hash.hpp"

namespace ol::crypto {
namespace {

std::vector<Hash32> make_leaves(std::uint64_t count) {
    std::vector<Hash32> leaves;
    for (std::uint64_t i = 0; i < count; ++i) leaves.push_back(merkle_leaf(U256(i).to_be().view()));
    return leaves;
}

std::vector<SumLeaf> make_sum_leaves(std::uint64_t count) {
    std::vector<SumLeaf> leaves;
    Prng prng(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        leaves.push_back({merkle_leaf(U256(i).to_be().view()), U256(prng.below(1000)) << 100});
    }
    return leaves;
}

Hash32 concat_hash(std::uint8_t tag, const std::vector<Hash32>& words) {
    Bytes bytes{tag};
    for (const auto& word : words) append(bytes, word.view());
    return keccak256(ByteView(bytes));
}

// The definition, read from the top down: the left part of n leaves is the largest power of two
// below n. It shares no code with the levels of the tree.
Hash32 naive_top(const std::vector<Hash32>& leaves, std::size_t begin, std::size_t end) {
    if (end - begin == 1) return leaves[begin];
    std::size_t left = 1;
    while (left * 2 < end - begin) left *= 2;
    return concat_hash(
        1, {naive_top(leaves, begin, begin + left), naive_top(leaves, begin + left, end)});
}

Hash32 naive_root(const std::vector<Hash32>& leaves) {
    const Hash32 top = leaves.empty() ? Hash32{} : naive_top(leaves, 0, leaves.size());
    return concat_hash(2, {U256(leaves.size()).to_be(), top});
}

SumLeaf naive_sum_top(const std::vector<SumLeaf>& leaves, std::size_t begin, std::size_t end) {
    if (end - begin == 1) return leaves[begin];
    std::size_t left = 1;
    while (left * 2 < end - begin) left *= 2;
    const SumLeaf a = naive_sum_top(leaves, begin, begin + left);
    const SumLeaf b = naive_sum_top(leaves, begin + left, end);
    return {concat_hash(3, {a.hash, a.sum.to_be(), b.hash, b.sum.to_be()}), a.sum + b.sum};
}

TEST(Merkle, leaf_is_tagged) {
    EXPECT_EQ(merkle_leaf(as_bytes("abc")), keccak256(std::string_view("\0abc", 4)));
    EXPECT_NE(merkle_leaf({}), keccak256(""));
}

TEST(Merkle, tree_accumulator_and_definition_agree) {
    MerkleAccumulator accumulator;
    std::vector<Hash32> leaves;
    for (std::uint64_t count = 0; count <= 300; ++count) {
        const Hash32 expected = naive_root(leaves);
        ASSERT_EQ(MerkleTree(leaves).root(), expected) << count;
        ASSERT_EQ(accumulator.root(), expected) << count;
        ASSERT_EQ(accumulator.count(), count);
        leaves.push_back(merkle_leaf(U256(count).to_be().view()));
        accumulator.push(leaves.back());
    }
}

TEST(Merkle, threads_do_not_change_the_root) {
    ThreadPool pool(3);
    for (std::uint64_t count : {1025U, 4096U, 5001U, 20011U}) {
        const auto leaves = make_leaves(count);
        const MerkleTree tree(leaves, &pool);
        EXPECT_EQ(tree.root(), MerkleTree(leaves).root());
        EXPECT_EQ(tree.root(), naive_root(leaves));
    }
}

TEST(Merkle, every_index_of_every_count_proves_and_tampered_proofs_fail) {
    for (std::uint64_t count = 0; count <= 40; ++count) {
        const auto leaves = make_leaves(count);
        const MerkleTree tree(leaves);
        ASSERT_EQ(tree.count(), count);
        EXPECT_EQ(tree.prove(count).error().code, ErrorCode::not_found);
        for (std::uint64_t index = 0; index < count; ++index) {
            const auto proof = tree.prove(index).value();
            const auto holds = [&](const Hash32& root, const Hash32& leaf, std::uint64_t at,
                                   std::uint64_t of, const std::vector<Hash32>& siblings) {
                const Status status = merkle_verify(root, leaf, at, of, siblings);
                if (!status) {
                    EXPECT_EQ(status.error().code, ErrorCode::unverified);
                }
                return status.has_value();
            };
            ASSERT_TRUE(holds(tree.root(), leaves[index], index, count, proof));
            for (std::uint64_t other = 0; other <= count; ++other) {
                if (other != index) {
                    ASSERT_FALSE(holds(tree.root(), leaves[index], other, count, proof));
                }
            }
            ASSERT_FALSE(holds(tree.root(), leaves[index], index, count + 1, proof));
            ASSERT_FALSE(holds(tree.root(), leaves[index], index, count - 1, proof));
            Hash32 bent = leaves[index];
            bent[31] ^= 1;
            ASSERT_FALSE(holds(tree.root(), bent, index, count, proof));
            Hash32 bent_root = tree.root();
            bent_root[0] ^= 0x80;
            ASSERT_FALSE(holds(bent_root, leaves[index], index, count, proof));
            for (std::size_t step = 0; step < proof.size(); ++step) {
                auto tampered = proof;
                tampered[step][7] ^= 4;
                ASSERT_FALSE(holds(tree.root(), leaves[index], index, count, tampered));
            }
            auto longer = proof;
            longer.push_back(leaves[0]);
            ASSERT_FALSE(holds(tree.root(), leaves[index], index, count, longer));
            if (!proof.empty()) {
                auto shorter = proof;
                shorter.pop_back();
                ASSERT_FALSE(holds(tree.root(), leaves[index], index, count, shorter));
            }
        }
    }
}

// The table of docs/formats/merkle.md, which the Solidity twin is held to as well.
TEST(Merkle, known_answers_of_the_format_page) {
    const struct {
        std::uint64_t count;
        const char* root;
        const char* sum_root;
    } rows[] = {
        {0, "0xb725f85eef4a0529eb196a4e20a12653bbd905f6228c68c6f9bc9ec72350d1ab",
         "0xa7c83d6eb2723922ec9b265649bc0c9e43c452f413ffce4750976ecfe28f65a0"},
        {1, "0xace0e5e28645c4e41625e2f353c254e2d497cf08170c996ee48476bb0e235a46",
         "0xd4b2c1d881cc7882348314ec3cb1aa5e0f7593e280505e3eaedea31b16b4d7fd"},
        {2, "0x2a85d42086bf50caf2a0410d7f5c438ba493d19a484598679c78ad787f2d1906",
         "0x72858b92522a67e0bace2d4ce1eb39a71aab62752a708d42d96637ef1013b4a5"},
        {3, "0xe87713ef482f60e81a68bc49a8458dd2ee4d6c6f42135e4a47901bb59c6e5a30",
         "0x0a5827ea10315944ccfb7821d258baedc5bc121c957808cb0ecc302a734bbeaa"},
        {5, "0xfca2ed01f3984d68b625d1368e325e67173b60a10fd9dae62ba49c74a38e58f5",
         "0x9bad8942095f7945e9b8593016fc12a3a8263b003a25246339e06e3b150f3808"},
        {8, "0xb0736c8fee18db7b371289baa14bfa06d1f7ea381f3840c41d9d0d6d34b1db79",
         "0xb7ceda3de2dc35a1074343e942f28309758ffb45967f53a6b368b307c72f2fa6"},
    };
    for (const auto& row : rows) {
        const auto leaves = make_leaves(row.count);
        std::vector<SumLeaf> sums;
        for (const auto& leaf : leaves) sums.push_back({leaf, U256(sums.size() + 1)});
        EXPECT_EQ(to_hex0x(MerkleTree(leaves).root().view()), row.root);
        EXPECT_EQ(to_hex0x(SumTree(sums).root().view()), row.sum_root);
    }
}

TEST(Merkle, hostile_counts_end) {
    EXPECT_FALSE(merkle_verify({}, {}, 0, UINT64_MAX, {}).has_value());
    EXPECT_FALSE(merkle_verify({}, {}, UINT64_MAX - 1, UINT64_MAX, std::vector<Hash32>(64)));
    EXPECT_FALSE(merkle_verify({}, {}, 0, 0, {}).has_value());
    EXPECT_FALSE(sum_verify({}, {}, 0, UINT64_MAX, {}, U256()).has_value());
}

TEST(SumTree, every_index_of_every_count_proves_and_tampered_proofs_fail) {
    for (std::uint64_t count = 0; count <= 40; ++count) {
        const auto leaves = make_sum_leaves(count);
        const SumTree tree(leaves);
        const SumLeaf top = leaves.empty() ? SumLeaf{} : naive_sum_top(leaves, 0, count);
        ASSERT_EQ(tree.total(), top.sum);
        ASSERT_EQ(tree.root(), concat_hash(4, {U256(count).to_be(), top.hash, top.sum.to_be()}));
        EXPECT_EQ(tree.prove(count).error().code, ErrorCode::not_found);
        for (std::uint64_t index = 0; index < count; ++index) {
            const auto proof = tree.prove(index).value();
            const U256 total = tree.total();
            const auto holds = [&](const SumLeaf& leaf, std::uint64_t at, std::uint64_t of,
                                   const std::vector<SumProofStep>& steps, const U256& sum) {
                const Status status = sum_verify(tree.root(), leaf, at, of, steps, sum);
                if (!status) {
                    EXPECT_EQ(status.error().code, ErrorCode::unverified);
                }
                return status.has_value();
            };
            ASSERT_TRUE(holds(leaves[index], index, count, proof, total));
            for (std::uint64_t other = 0; other <= count; ++other) {
                if (other != index) {
                    ASSERT_FALSE(holds(leaves[index], other, count, proof, total));
                }
            }
            ASSERT_FALSE(holds(leaves[index], index, count + 1, proof, total));
            ASSERT_FALSE(holds(leaves[index], index, count, proof, total + 1));
            ASSERT_FALSE(
                holds({leaves[index].hash, leaves[index].sum + 1}, index, count, proof, total));
            ASSERT_FALSE(
                holds({leaves[index].hash, leaves[index].sum + 1}, index, count, proof, total + 1));
            for (std::size_t step = 0; step < proof.size(); ++step) {
                auto tampered = proof;
                tampered[step].hash[3] ^= 1;
                ASSERT_FALSE(holds(leaves[index], index, count, tampered, total));
                // Moving a wei between the leaf and a sibling keeps the total and must not pass.
                tampered = proof;
                tampered[step].sum = tampered[step].sum + 1;
                ASSERT_FALSE(holds({leaves[index].hash, leaves[index].sum - 1}, index, count,
                                   tampered, total));
            }
            auto longer = proof;
            longer.push_back({});
            ASSERT_FALSE(holds(leaves[index], index, count, longer, total));
            if (!proof.empty()) {
                auto shorter = proof;
                shorter.pop_back();
                ASSERT_FALSE(holds(leaves[index], index, count, shorter, total));
            }
        }
    }
}

// A prover who builds the tree with wrapping sums must not be believed: here the parts are
// 2^256 - 1 and 2, and the wrapped total is 1.
TEST(SumTree, wrapping_sums_are_refused) {
    const U256 most = U256() - U256(1);
    const SumLeaf left{merkle_leaf(as_bytes("a")), most};
    const SumLeaf right{merkle_leaf(as_bytes("b")), U256(2)};
    const Hash32 top = concat_hash(3, {left.hash, left.sum.to_be(), right.hash, right.sum.to_be()});
    const Hash32 root = concat_hash(4, {U256(2).to_be(), top, U256(1).to_be()});
    const Status status = sum_verify(root, left, 0, 2, {{right.hash, right.sum}}, U256(1));
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, ErrorCode::unverified);
    EXPECT_DEATH(SumTree({left, right}), "");
}

} // namespace
} // namespace ol::crypto
