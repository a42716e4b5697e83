// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleTree} from "./MerkleTree.sol";

/// Reads index proofs and checks their openings (docs/formats/index-proofs.md); the C++ twin is
/// src/attribution/suffix/proof/proof_reader.hpp. Every read is inside the proof or reverts.
///
/// Offsets are places in the call data. Nothing overflows: offsets are below 2^32 or the call would
/// not fit a block, items below 2^32.
library ProofReader {
    uint256 internal constant MAX_SYMBOLS = 256; // of a phrase
    uint256 internal constant SYMBOLS_PER_LEAF = 16;
    uint256 internal constant NUMBERS_PER_LEAF = 64;
    uint256 internal constant TABLE_BYTES = 60; // offset, leaf hash, owner, cluster
    uint256 internal constant OWNER_BYTES = 60; // owner, list root, start, size

    struct Reader {
        uint256 pos;
        uint256 end;
    }

    /// Opened leaves of one tree: index << 128 | offset << 8 | whether it was used.
    struct Section {
        uint256[] leaves;
    }

    struct TableRow {
        uint256 offset;
        address owner;
        uint256 cluster;
    }

    struct OwnerRow {
        address owner;
        bytes32 listRoot;
        uint256 start;
        uint256 size;
    }

    error Unproved();

    function need(bool holds) internal pure {
        if (!holds) revert Unproved();
    }

    function open(bytes calldata proof) internal pure returns (Reader memory r) {
        uint256 pos;
        assembly {
            pos := proof.offset
        }
        unchecked {
            (r.pos, r.end) = (pos, pos + proof.length);
        }
    }

    function load(uint256 pos) internal pure returns (uint256 word) {
        assembly {
            word := calldataload(pos)
        }
    }

    function take(Reader memory r, uint256 size) internal pure returns (uint256 pos) {
        unchecked {
            pos = r.pos;
            if (r.end - pos < size) revert Unproved();
            r.pos = pos + size;
        }
    }

    function u8(Reader memory r) internal pure returns (uint256) {
        return load(take(r, 1)) >> 248;
    }

    function u16(Reader memory r) internal pure returns (uint256) {
        return load(take(r, 2)) >> 240;
    }

    function u32(Reader memory r) internal pure returns (uint256) {
        return load(take(r, 4)) >> 224;
    }

    /// A number below `count`.
    function place(Reader memory r, uint256 count) internal pure returns (uint256 value) {
        value = u32(r);
        need(value < count);
    }

    function finish(Reader memory r) internal pure {
        need(r.pos == r.end);
    }

    /// The size of the short form of a symbol or separator at `at`, 0 where there is none.
    function symbolSize(uint256 pos, uint256 end) internal pure returns (uint256 size) {
        unchecked {
            if (pos >= end) return 0;
            uint256 word = load(pos);
            uint256 length = word >> 248;
            if (length == 0) return end - pos < 5 || (word << 8) >> 224 == 0 ? 0 : 5;
            if (length > 31 || end - pos <= length) return 0;
            // The first and the last of its bytes are not zero.
            if ((word << 8) >> 248 == 0 || (word >> (248 - 8 * length)) & 0xff == 0) return 0;
            return length + 1;
        }
    }

    /// The word whose short form, of that size, stands at `at`.
    function symbolAt(uint256 pos, uint256 size) internal pure returns (bytes32) {
        unchecked {
            uint256 word = load(pos);
            if (word >> 248 == 0) return bytes32((word << 8) >> 224);
            uint256 unused = 264 - 8 * size; // bits after the symbol's bytes
            return bytes32(((word << 8) >> unused) << unused);
        }
    }

    /// 1 to MAX_SYMBOLS symbols, none a separator.
    function phrase(Reader memory r) internal pure returns (bytes32[] memory words) {
        uint256 count = u16(r);
        need(count != 0 && count <= MAX_SYMBOLS);
        words = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 size = symbolSize(r.pos, r.end);
            need(size != 0);
            uint256 pos = take(r, size);
            need(load(pos) >> 248 != 0);
            words[i] = symbolAt(pos, size);
        }
    }

    /// Climbs from leaves (ascending, distinct) with the siblings that follow in the proof.
    /// Overwrites both arrays.
    function climb(
        Reader memory r,
        bytes32 root,
        uint256[] memory places,
        bytes32[] memory nodes,
        uint256 count
    ) internal pure {
        (bytes32 top, uint256 used) = climbFrom(places, nodes, count, r.pos);
        need(used <= r.end && MerkleTree.rootOf(count, top) == root);
        r.pos = used;
    }

    /// The top, and where the siblings end that were used: they may go beyond the proof.
    function climbFrom(uint256[] memory places, bytes32[] memory nodes, uint256 width, uint256 next)
        private
        pure
        returns (bytes32 top, uint256 used)
    {
        assembly ("memory-safe") {
            // A node's 65 bytes, beyond the memory in use.
            let buffer := mload(0x40)
            mstore8(buffer, 1)
            let n := mul(mload(places), 32)
            for {} gt(width, 1) { width := shr(1, add(width, 1)) } {
                let to := 32
                for { let from := 32 } iszero(gt(from, n)) { from := add(from, 32) } {
                    let index := mload(add(places, from))
                    let hash := mload(add(nodes, from))
                    if lt(xor(index, 1), width) {
                        switch and(index, 1)
                        case 1 {
                            mstore(add(buffer, 1), calldataload(next))
                            mstore(add(buffer, 33), hash)
                            next := add(next, 32)
                        }
                        default {
                            mstore(add(buffer, 1), hash)
                            // The next place is its sibling, or the proof has it.
                            switch and(
                                lt(from, n),
                                eq(mload(add(places, add(from, 32))), add(index, 1))
                            )
                            case 1 {
                                from := add(from, 32)
                                mstore(add(buffer, 33), mload(add(nodes, from)))
                            }
                            default {
                                mstore(add(buffer, 33), calldataload(next))
                                next := add(next, 32)
                            }
                        }
                        hash := keccak256(buffer, 65)
                    }
                    mstore(add(places, to), shr(1, index))
                    mstore(add(nodes, to), hash)
                    to := add(to, 32)
                }
                n := sub(to, 32)
            }
            top := mload(add(nodes, 32))
            used := next
        }
    }

    /// keccak(0x00 | bytes of the proof).
    function leafHash(uint256 pos, uint256 size) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore8(buffer, 0)
            calldatacopy(add(buffer, 1), pos, size)
            hash := keccak256(buffer, add(size, 1))
        }
    }

    function leavesOf(uint256 items, uint256 perLeaf) internal pure returns (uint256) {
        unchecked {
            return (items + perLeaf - 1) / perLeaf;
        }
    }

    function itemsOf(uint256 items, uint256 perLeaf, uint256 leaf) internal pure returns (uint256) {
        unchecked {
            uint256 left = items - leaf * perLeaf;
            return left < perLeaf ? left : perLeaf;
        }
    }

    /// Number of leaves and of the next one its index; the index ascends and is in the tree.
    function begin(Reader memory r)
        private
        pure
        returns (Section memory s, uint256[] memory places, bytes32[] memory nodes)
    {
        uint256 count = u8(r);
        need(count != 0);
        s.leaves = new uint256[](count);
        places = new uint256[](count);
        nodes = new bytes32[](count);
    }

    function nextPlace(Reader memory r, uint256[] memory places, uint256 i, uint256 count)
        private
        pure
        returns (uint256 index)
    {
        index = place(r, count);
        need(i == 0 || index > places[i - 1]);
        places[i] = index;
    }

    function note(Section memory s, uint256 i, uint256 index, uint256 pos) private pure {
        s.leaves[i] = (index << 128) | (pos << 8);
    }

    /// The size of a leaf of `count` canonical symbols at `at`; 0 when it is none.
    function textLeafSize(uint256 pos, uint256 end, uint256 count)
        internal
        pure
        returns (uint256 size)
    {
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                uint256 one = symbolSize(pos + size, end);
                if (one == 0) return 0;
                size += one;
            }
        }
    }

    function text(Reader memory r, bytes32 root, uint256 symbols)
        internal
        pure
        returns (Section memory s)
    {
        uint256[] memory places;
        bytes32[] memory nodes;
        (s, places, nodes) = begin(r);
        uint256 count = leavesOf(symbols, SYMBOLS_PER_LEAF);
        for (uint256 i = 0; i < places.length; ++i) {
            uint256 leaf = nextPlace(r, places, i, count);
            uint256 size = textLeafSize(r.pos, r.end, itemsOf(symbols, SYMBOLS_PER_LEAF, leaf));
            need(size != 0);
            uint256 pos = take(r, size);
            note(s, i, leaf, pos);
            nodes[i] = leafHash(pos, size);
        }
        climb(r, root, places, nodes, count);
    }

    function numbers(Reader memory r, bytes32 root, uint256 items)
        internal
        pure
        returns (Section memory s)
    {
        uint256[] memory places;
        bytes32[] memory nodes;
        (s, places, nodes) = begin(r);
        uint256 count = leavesOf(items, NUMBERS_PER_LEAF);
        for (uint256 i = 0; i < places.length; ++i) {
            uint256 leaf = nextPlace(r, places, i, count);
            uint256 size = 4 * itemsOf(items, NUMBERS_PER_LEAF, leaf);
            uint256 pos = take(r, size);
            note(s, i, leaf, pos);
            nodes[i] = leafHash(pos, size);
        }
        climb(r, root, places, nodes, count);
    }

    function table(Reader memory r, bytes32 root, uint256 records)
        internal
        pure
        returns (Section memory s)
    {
        uint256[] memory places;
        bytes32[] memory nodes;
        (s, places, nodes) = begin(r);
        for (uint256 i = 0; i < places.length; ++i) {
            uint256 leaf = nextPlace(r, places, i, records);
            uint256 pos = take(r, TABLE_BYTES);
            note(s, i, leaf, pos);
            TableRow memory row = tableRow(pos);
            bytes32 recordLeaf = bytes32(load(pos + 4));
            nodes[i] = MerkleTree.leaf(abi.encode(row.offset, recordLeaf, row.owner, row.cluster));
        }
        climb(r, root, places, nodes, records);
    }

    function owners(Reader memory r, bytes32 root, uint256 ownerCount)
        internal
        pure
        returns (Section memory s)
    {
        uint256[] memory places;
        bytes32[] memory nodes;
        (s, places, nodes) = begin(r);
        for (uint256 i = 0; i < places.length; ++i) {
            uint256 leaf = nextPlace(r, places, i, ownerCount);
            uint256 pos = take(r, OWNER_BYTES);
            note(s, i, leaf, pos);
            nodes[i] = leafHash(pos, OWNER_BYTES);
        }
        climb(r, root, places, nodes, ownerCount);
    }

    /// Where the bytes of a leaf begin; it counts as used.
    function leafAt(Section memory s, uint256 index) internal pure returns (uint256) {
        unchecked {
            uint256[] memory leaves = s.leaves;
            for (uint256 i = 0; i < leaves.length; ++i) {
                uint256 leaf = leaves[i];
                if (leaf >> 128 != index) continue;
                leaves[i] = leaf | 1;
                return (leaf & (2 ** 128 - 1)) >> 8;
            }
            revert Unproved();
        }
    }

    function indexOf(Section memory s, uint256 i) internal pure returns (uint256) {
        return s.leaves[i] >> 128;
    }

    function needAllUsed(Section memory s) internal pure {
        unchecked {
            uint256[] memory leaves = s.leaves;
            for (uint256 i = 0; i < leaves.length; ++i) {
                need(leaves[i] & 1 == 1);
            }
        }
    }

    function symbol(Section memory s, uint256 position) internal pure returns (bytes32) {
        unchecked {
            uint256 pos = leafAt(s, position / SYMBOLS_PER_LEAF);
            for (uint256 i = position % SYMBOLS_PER_LEAF; i != 0; --i) {
                uint256 length = load(pos) >> 248;
                pos += length == 0 ? 5 : length + 1;
            }
            uint256 here = load(pos) >> 248;
            return symbolAt(pos, here == 0 ? 5 : here + 1);
        }
    }

    function number(Section memory s, uint256 item) internal pure returns (uint256) {
        unchecked {
            uint256 pos = leafAt(s, item / NUMBERS_PER_LEAF);
            return load(pos + 4 * (item % NUMBERS_PER_LEAF)) >> 224;
        }
    }

    function tableRow(uint256 pos) internal pure returns (TableRow memory row) {
        unchecked {
            row.offset = load(pos) >> 224;
            row.owner = address(uint160(load(pos + 36) >> 96));
            row.cluster = load(pos + 56) >> 224;
        }
    }

    function record(Section memory s, uint256 index) internal pure returns (TableRow memory) {
        return tableRow(leafAt(s, index));
    }

    function owner(Section memory s, uint256 index) internal pure returns (OwnerRow memory row) {
        uint256 pos = leafAt(s, index);
        unchecked {
            row.owner = address(uint160(load(pos) >> 96));
            row.listRoot = bytes32(load(pos + 20));
            row.start = load(pos + 52) >> 224;
            row.size = load(pos + 56) >> 224;
        }
    }
}
