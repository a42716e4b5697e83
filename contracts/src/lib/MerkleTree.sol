// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SumProofStep} from "../interfaces/Types.sol";

/// Merkle trees and sum-trees over keccak-256; the C++ twin is src/crypto/merkle.hpp.
///
/// leaf = keccak(0x00 | data); node = keccak(0x01 | left | right); the last node of an odd level
/// rises unchanged; root = keccak(0x02 | count | top).
/// sum node = keccak(0x03 | left | leftSum | right | rightSum);
/// sum root = keccak(0x04 | count | top | total).
/// The prefixes keep a node from passing as a leaf, and the count keeps one place from passing as
/// another.
library MerkleTree {
    function leaf(bytes memory data) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x00), data));
    }

    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x01), left, right));
    }

    function rootOf(uint256 count, bytes32 top) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x02), count, top));
    }

    function sumNode(bytes32 left, uint256 leftSum, bytes32 right, uint256 rightSum)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(bytes1(0x03), left, leftSum, right, rightSum));
    }

    function sumRootOf(uint256 count, bytes32 top, uint256 total) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x04), count, top, total));
    }

    /// Whether `proof` leads from `leafHash` at `index` of `count` leaves to `root`; every step must
    /// be used.
    function verify(
        bytes32 root,
        bytes32 leafHash,
        uint256 index,
        uint256 count,
        bytes32[] memory proof
    ) internal pure returns (bool) {
        if (index >= count) return false;
        bytes32 hash = leafHash;
        uint256 used = 0;
        for (uint256 width = count; width > 1; width = (width + 1) / 2) {
            if (index % 2 == 1 || index + 1 < width) {
                if (used == proof.length) return false;
                bytes32 sibling = proof[used++];
                hash = index % 2 == 1 ? node(sibling, hash) : node(hash, sibling);
            }
            index /= 2;
        }
        return used == proof.length && rootOf(count, hash) == root;
    }

    /// The same for a sum-tree: the leaf is (leafHash, sum), the whole tree sums to `total`. False,
    /// not a revert, when sums overflow.
    function verifySum(
        bytes32 root,
        bytes32 leafHash,
        uint256 sum,
        uint256 index,
        uint256 count,
        SumProofStep[] calldata proof,
        uint256 total
    ) internal pure returns (bool) {
        if (index >= count) return false;
        uint256 used = 0;
        for (uint256 width = count; width > 1; width = (width + 1) / 2) {
            if (index % 2 == 1 || index + 1 < width) {
                if (used == proof.length) return false;
                SumProofStep calldata step = proof[used++];
                leafHash = index % 2 == 1
                    ? sumNode(step.hash, step.sum, leafHash, sum)
                    : sumNode(leafHash, sum, step.hash, step.sum);
                unchecked {
                    if (sum + step.sum < sum) return false;
                    sum += step.sum;
                }
            }
            index /= 2;
        }
        return used == proof.length && sum == total && sumRootOf(count, leafHash, total) == root;
    }

    /// Root and total of a whole sum-tree; overwrites both arrays. Reverts when sums overflow.
    function sumRoot(bytes32[] memory hashes, uint256[] memory sums)
        internal
        pure
        returns (bytes32 root, uint256 total)
    {
        uint256 count = hashes.length;
        if (count == 0) return (sumRootOf(0, 0, 0), 0);
        uint256 width = count;
        while (width > 1) {
            for (uint256 i = 0; i + 1 < width; i += 2) {
                hashes[i / 2] = sumNode(hashes[i], sums[i], hashes[i + 1], sums[i + 1]);
                sums[i / 2] = sums[i] + sums[i + 1];
            }
            if (width % 2 == 1) {
                hashes[width / 2] = hashes[width - 1];
                sums[width / 2] = sums[width - 1];
            }
            width = (width + 1) / 2;
        }
        return (sumRootOf(count, hashes[0], sums[0]), sums[0]);
    }
}
