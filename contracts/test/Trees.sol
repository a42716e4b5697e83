// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SumProofStep} from "../src/interfaces/Types.sol";

/// Builds trees and proofs as src/crypto/merkle.hpp describes them, apart from the library under
/// test.
library Trees {
    function leaf(bytes memory data) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", data));
    }

    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"02", bytes32(leaves.length), top(leaves)));
    }

    function top(bytes32[] memory leaves) internal pure returns (bytes32) {
        if (leaves.length == 0) return 0;
        return leaves.length == 1 ? leaves[0] : top(up(leaves));
    }

    function up(bytes32[] memory level) internal pure returns (bytes32[] memory next) {
        next = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < next.length; ++i) {
            next[i] = 2 * i + 1 == level.length
                ? level[2 * i]
                : keccak256(bytes.concat(hex"01", level[2 * i], level[2 * i + 1]));
        }
    }

    function prove(bytes32[] memory leaves, uint256 index)
        internal
        pure
        returns (bytes32[] memory proof)
    {
        proof = new bytes32[](0);
        while (leaves.length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < leaves.length) {
                bytes32[] memory longer = new bytes32[](proof.length + 1);
                for (uint256 i = 0; i < proof.length; ++i) {
                    longer[i] = proof[i];
                }
                longer[proof.length] = leaves[sibling];
                proof = longer;
            }
            leaves = up(leaves);
            index /= 2;
        }
    }

    /// The nodes that lead from leaves [first, last] to the top, level by level, left to right.
    function proveRange(bytes32[] memory leaves, uint256 first, uint256 last)
        internal
        pure
        returns (bytes memory proof)
    {
        while (leaves.length > 1) {
            if (first % 2 == 1) proof = bytes.concat(proof, leaves[first - 1]);
            if (last % 2 == 0 && last + 1 < leaves.length) {
                proof = bytes.concat(proof, leaves[last + 1]);
            }
            leaves = up(leaves);
            first /= 2;
            last /= 2;
        }
    }

    function sumRoot(SumProofStep[] memory leaves) internal pure returns (bytes32) {
        uint256 count = leaves.length;
        if (count == 0) {
            return keccak256(bytes.concat(hex"04", bytes32(0), bytes32(0), bytes32(0)));
        }
        while (leaves.length > 1) leaves = sumUp(leaves);
        return
            keccak256(bytes.concat(hex"04", bytes32(count), leaves[0].hash, bytes32(leaves[0].sum)));
    }

    function sumUp(SumProofStep[] memory level) internal pure returns (SumProofStep[] memory next) {
        next = new SumProofStep[]((level.length + 1) / 2);
        for (uint256 i = 0; i < next.length; ++i) {
            SumProofStep memory a = level[2 * i];
            if (2 * i + 1 == level.length) {
                next[i] = a;
            } else {
                SumProofStep memory b = level[2 * i + 1];
                next[i].hash = keccak256(
                    bytes.concat(hex"03", a.hash, bytes32(a.sum), b.hash, bytes32(b.sum))
                );
                next[i].sum = a.sum + b.sum;
            }
        }
    }

    function sumProve(SumProofStep[] memory leaves, uint256 index)
        internal
        pure
        returns (SumProofStep[] memory proof)
    {
        proof = new SumProofStep[](0);
        while (leaves.length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < leaves.length) {
                SumProofStep[] memory longer = new SumProofStep[](proof.length + 1);
                for (uint256 i = 0; i < proof.length; ++i) {
                    longer[i] = proof[i];
                }
                longer[proof.length] = leaves[sibling];
                proof = longer;
            }
            leaves = sumUp(leaves);
            index /= 2;
        }
    }
}
