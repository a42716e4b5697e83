// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SumProofStep} from "../src/interfaces/Types.sol";
import {MerkleTree} from "../src/lib/MerkleTree.sol";
import {Checks} from "./Cheats.sol";
import {Trees} from "./Trees.sol";

contract MerkleTreeTest is Checks {
    struct Tree {
        bytes32 root;
        uint256 count;
        uint256 total;
    }

    function verifySum(
        Tree calldata tree,
        SumProofStep calldata leaf,
        uint256 index,
        SumProofStep[] calldata proof
    ) external pure returns (bool) {
        return MerkleTree.verifySum(
            tree.root, leaf.hash, leaf.sum, index, tree.count, proof, tree.total
        );
    }

    function treeOf(SumProofStep[] memory leaves) private pure returns (Tree memory tree) {
        tree = Tree(Trees.sumRoot(leaves), leaves.length, 0);
        for (uint256 i = 0; i < leaves.length; ++i) {
            tree.total += leaves[i].sum;
        }
    }

    function leavesOf(uint256 seed, uint256 count) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = Trees.leaf(abi.encode(seed, i));
        }
    }

    function sumLeavesOf(uint256 seed, uint256 count)
        private
        pure
        returns (SumProofStep[] memory leaves)
    {
        leaves = new SumProofStep[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i].hash = Trees.leaf(abi.encode(seed, i));
            leaves[i].sum = uint256(keccak256(abi.encode(seed, i, "sum"))) >> 16;
        }
    }

    function test_leaf_and_root_by_hand() external pure {
        bytes32 a = keccak256(hex"0061");
        bytes32 b = keccak256(hex"0062");
        eq(MerkleTree.leaf("a"), a, "leaf");
        bytes32 node = keccak256(abi.encodePacked(hex"01", a, b));
        eq(MerkleTree.node(a, b), node, "node");
        eq(
            MerkleTree.rootOf(2, node),
            keccak256(abi.encodePacked(hex"02", uint256(2), node)),
            "root"
        );
    }

    function testFuzz_every_place_verifies(uint256 seed, uint256 count) external pure {
        count = within(count, 1, 33);
        bytes32[] memory leaves = leavesOf(seed, count);
        bytes32 root = Trees.root(leaves);
        for (uint256 i = 0; i < count; ++i) {
            ok(MerkleTree.verify(root, leaves[i], i, count, Trees.prove(leaves, i)), "true proof");
        }
    }

    function testFuzz_false_proofs_fail(uint256 seed, uint256 count, uint256 index, uint256 what)
        external
        pure
    {
        count = within(count, 2, 40);
        index = within(index, 0, count - 1);
        bytes32[] memory leaves = leavesOf(seed, count);
        bytes32 root = Trees.root(leaves);
        bytes32 leaf = leaves[index];
        bytes32[] memory proof = Trees.prove(leaves, index);
        uint256 tampered = what % 6;
        if (tampered == 0) leaf = bytes32(uint256(leaf) ^ 1);
        if (tampered == 1) index = (index + 1 + (what >> 8) % (count - 1)) % count;
        if (tampered == 2) count += 1 + (what >> 8) % 40;
        if (tampered == 3) {
            uint256 step = (what >> 8) % proof.length;
            proof[step] = bytes32(uint256(proof[step]) ^ (1 << ((what >> 16) % 256)));
        }
        if (tampered == 4) {
            bytes32[] memory longer = new bytes32[](proof.length + 1);
            for (uint256 i = 0; i < proof.length; ++i) {
                longer[i] = proof[i];
            }
            proof = longer;
        }
        if (tampered == 5) {
            bytes32[] memory shorter = new bytes32[](proof.length - 1);
            for (uint256 i = 0; i < shorter.length; ++i) {
                shorter[i] = proof[i];
            }
            proof = shorter;
        }
        ok(!MerkleTree.verify(root, leaf, index, count, proof), "false proof");
    }

    function test_index_outside_fails() external pure {
        bytes32[] memory leaves = leavesOf(1, 1);
        bytes32 root = Trees.root(leaves);
        bytes32[] memory none = new bytes32[](0);
        ok(MerkleTree.verify(root, leaves[0], 0, 1, none), "single");
        ok(!MerkleTree.verify(root, leaves[0], 1, 1, none), "index = count");
        ok(!MerkleTree.verify(MerkleTree.rootOf(0, 0), 0, 0, 0, none), "empty tree holds nothing");
    }

    function test_node_is_no_leaf() external pure {
        bytes32[] memory leaves = leavesOf(2, 4);
        bytes32[] memory above = Trees.up(leaves);
        bytes32 root = Trees.root(leaves);
        ok(!MerkleTree.verify(root, above[0], 0, 2, Trees.prove(above, 0)), "count is bound");
    }

    function testFuzz_sum_tree(uint256 seed, uint256 count) external view {
        count = within(count, 0, 24);
        SumProofStep[] memory leaves = sumLeavesOf(seed, count);
        Tree memory tree = treeOf(leaves);
        bytes32[] memory hashes = new bytes32[](count);
        uint256[] memory sums = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            (hashes[i], sums[i]) = (leaves[i].hash, leaves[i].sum);
        }
        (bytes32 root, uint256 total) = MerkleTree.sumRoot(hashes, sums);
        eq(root, tree.root, "root");
        eq(total, tree.total, "total");
        for (uint256 i = 0; i < count; ++i) {
            ok(this.verifySum(tree, leaves[i], i, Trees.sumProve(leaves, i)), "true proof");
        }
    }

    function testFuzz_false_sum_proofs_fail(
        uint256 seed,
        uint256 count,
        uint256 index,
        uint256 what
    ) external view {
        count = within(count, 2, 24);
        index = within(index, 0, count - 1);
        SumProofStep[] memory leaves = sumLeavesOf(seed, count);
        Tree memory tree = treeOf(leaves);
        SumProofStep[] memory proof = Trees.sumProve(leaves, index);
        SumProofStep memory leaf = SumProofStep(leaves[index].hash, leaves[index].sum);
        SumProofStep memory step = proof[(what >> 8) % proof.length];
        step = SumProofStep(step.hash, step.sum);
        uint256 tampered = what % 8;
        if (tampered == 0) leaf.hash = bytes32(uint256(leaf.hash) ^ 1);
        if (tampered == 1) leaf.sum += 1;
        if (tampered == 2) index = (index + 1 + (what >> 8) % (count - 1)) % count;
        if (tampered == 3) tree.count += 1 + (what >> 8) % 40;
        if (tampered == 4) tree.total += 1;
        if (tampered == 5) step.hash = bytes32(uint256(step.hash) ^ 1);
        if (tampered == 6) {
            // Moves a wei between leaf and sibling: the total stays.
            leaf.sum += 1;
            step.sum -= 1;
        }
        if (tampered == 7) {
            // Sums that overflow are false, not a revert.
            step.sum = type(uint256).max;
            leaf.sum = leaf.sum == 0 ? 1 : leaf.sum;
        }
        proof[(what >> 8) % proof.length] = step;
        ok(!this.verifySum(tree, leaf, index, proof), "false proof");
    }
}
