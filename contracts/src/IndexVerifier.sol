// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IndexCommitment} from "./interfaces/Types.sol";
import {MerkleTree} from "./lib/MerkleTree.sol";
import {ProofReader} from "./lib/ProofReader.sol";

/// Checks proofs about the committed suffix index of a version (docs/formats/index-proofs.md). The
/// C++ twin is verify_proof of src/attribution/suffix/proof/proof.hpp: the same verdict on the same bytes.
///
/// A proof that holds gives back what it shows; any other bytes revert with Unproved. No state: ask
/// it by eth_call.
contract IndexVerifier {
    using ProofReader for ProofReader.Reader;
    using ProofReader for ProofReader.Section;

    uint256 private constant VERSION = 1;
    uint256 private constant MAX_ITEMS = 1 << 31; // places are 32 bits in every leaf

    uint256 private constant KIND_FAULT = 1;
    uint256 private constant KIND_OCCURRENCES = 2;
    uint256 private constant KIND_SPAN = 3;
    uint256 private constant KIND_LONGER_MATCH = 4;

    uint256 private constant TREE_TEXT = 1;
    uint256 private constant TREE_SUFFIX_ARRAY = 2;
    uint256 private constant TREE_INVERSE = 3;
    uint256 private constant TREE_SLOT = 4;
    uint256 private constant TREE_TABLE = 5;
    uint256 private constant TREE_OWNERS = 6;
    uint256 private constant TREE_LIST = 7;

    /// "The phrase occurs exactly `count` times, `ownerCount` of them in the owner's records."
    struct Occurrences {
        bytes32[] phrase;
        uint256 count;
        address owner;
        uint256 ownerCount;
    }

    /// "The phrase stands at `position`: at symbol `offset` of a record of the owner."
    struct PlacedSpan {
        bytes32[] phrase;
        uint256 position;
        uint256 record;
        uint256 offset;
        address owner;
    }

    /// "The answer's symbols [start, start + length) stand at `position`."
    struct LongerMatch {
        bytes32[] phrase;
        uint256 start;
        uint256 position;
    }

    /// The fault that the proof shows of the index: 1 inverse, 2 order, 3 list order, 4 slot,
    /// 5 table order, 6 separator, 7 cluster, 8 owner order, 9 form of a leaf.
    function verifyFault(IndexCommitment calldata index, bytes calldata proof)
        external
        pure
        returns (uint8 fault)
    {
        ProofReader.Reader memory r = _begin(index, proof, KIND_FAULT);
        fault = uint8(r.u8());
        bool shown;
        if (fault == 1) shown = _inverseFault(index, r);
        else if (fault == 2) shown = _orderFault(index, r);
        else if (fault == 3) shown = _listOrderFault(index, r);
        else if (fault == 4) shown = _slotFault(index, r);
        else if (fault == 5) shown = _tableOrderFault(index, r);
        else if (fault == 6) shown = _separatorFault(index, r);
        else if (fault == 7) shown = _clusterFault(index, r);
        else if (fault == 8) shown = _ownerOrderFault(index, r);
        else if (fault == 9) shown = _formFault(index, r);
        ProofReader.need(shown);
        r.finish();
    }

    function verifyOccurrences(IndexCommitment calldata index, bytes calldata proof)
        external
        pure
        returns (Occurrences memory claim)
    {
        ProofReader.Reader memory r = _begin(index, proof, KIND_OCCURRENCES);
        claim.phrase = r.phrase();
        claim.owner = address(uint160(ProofReader.load(r.take(20)) >> 96));
        uint256 low = r.u32();
        uint256 high = r.u32();
        ProofReader.need(low <= high && high <= index.symbolCount);
        claim.count = high - low;
        _checkInterval(index, r, claim.phrase, low, high);
        if (low < high) claim.ownerCount = _ownerCount(index, r, claim.owner, low, high);
        r.finish();
    }

    function verifySpan(IndexCommitment calldata index, bytes calldata proof)
        external
        pure
        returns (PlacedSpan memory claim)
    {
        ProofReader.Reader memory r = _begin(index, proof, KIND_SPAN);
        claim.position = r.u32();
        uint256 length = r.u16();
        claim.record = r.u32();
        ProofReader.need(length != 0 && length <= ProofReader.MAX_SYMBOLS);
        ProofReader.Section memory table = r.table(index.tableRoot, index.recordCount);
        (ProofReader.TableRow memory row, uint256 end) = _extent(index, table, claim.record);
        table.needAllUsed();
        ProofReader.need(claim.position >= row.offset && claim.position + length < end);
        claim.owner = row.owner;
        claim.offset = claim.position - row.offset;
        claim.phrase = _textAt(index, r, claim.position, length);
        r.finish();
    }

    /// `answerRoot`: of the Merkle tree over the answer's symbol words, of which there are
    /// `answerSymbols`.
    function verifyLongerMatch(
        IndexCommitment calldata index,
        bytes calldata proof,
        bytes32 answerRoot,
        uint256 answerSymbols
    ) external pure returns (LongerMatch memory claim) {
        ProofReader.Reader memory r = _begin(index, proof, KIND_LONGER_MATCH);
        claim.start = r.u32();
        claim.position = r.u32();
        claim.phrase = r.phrase();
        uint256 length = claim.phrase.length;
        ProofReader.need(
            claim.start + length <= answerSymbols && claim.position + length <= index.symbolCount
        );
        uint256[] memory places = new uint256[](length);
        bytes32[] memory nodes = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            places[i] = claim.start + i;
            nodes[i] = MerkleTree.leaf(abi.encode(claim.phrase[i]));
        }
        r.climb(answerRoot, places, nodes, answerSymbols);
        bytes32[] memory words = _textAt(index, r, claim.position, length);
        for (uint256 i = 0; i < length; ++i) {
            ProofReader.need(words[i] == claim.phrase[i]);
        }
        r.finish();
    }

    /// The word at `position` of T, when the leaf that holds it leads to the text's root: for the
    /// settlement's challengeSpan.
    function symbolOf(
        IndexCommitment calldata index,
        uint256 position,
        bytes calldata leaf,
        bytes32[] calldata proof
    ) external pure returns (bytes32) {
        uint256 place = position / ProofReader.SYMBOLS_PER_LEAF;
        uint256 count = ProofReader.leavesOf(index.symbolCount, ProofReader.SYMBOLS_PER_LEAF);
        ProofReader.need(position < index.symbolCount);
        ProofReader.need(
            MerkleTree.verify(index.textRoot, MerkleTree.leaf(leaf), place, count, proof)
        );
        ProofReader.Reader memory r = ProofReader.open(leaf);
        uint256 items = ProofReader.itemsOf(index.symbolCount, ProofReader.SYMBOLS_PER_LEAF, place);
        ProofReader.need(ProofReader.textLeafSize(r.pos, r.end, items) == leaf.length);
        ProofReader.Section memory s;
        s.leaves = new uint256[](1);
        s.leaves[0] = (place << 128) | (r.pos << 8);
        return s.symbol(position);
    }

    function _begin(IndexCommitment calldata index, bytes calldata proof, uint256 kind)
        private
        pure
        returns (ProofReader.Reader memory r)
    {
        ProofReader.need(
            index.symbolCount <= MAX_ITEMS && index.recordCount <= MAX_ITEMS
                && index.ownerCount <= MAX_ITEMS
        );
        r = ProofReader.open(proof);
        ProofReader.need(r.u8() == VERSION && r.u8() == kind);
    }

    // ---- claims

    /// [low, high) are all ranks whose suffixes start with the phrase.
    function _checkInterval(
        IndexCommitment calldata index,
        ProofReader.Reader memory r,
        bytes32[] memory phrase,
        uint256 low,
        uint256 high
    ) private pure {
        uint256 count = index.symbolCount;
        ProofReader.Section memory ranks = r.numbers(index.suffixArrayRoot, count);
        uint256 leftShared = low > 0 ? r.u16() : 0;
        uint256 rightShared = high < count ? r.u16() : 0;
        ProofReader.Section memory text = r.text(index.textRoot, count);
        if (low < high) {
            _needEqual(count, text, _positionOf(count, ranks, low), phrase, phrase.length);
            _needEqual(count, text, _positionOf(count, ranks, high - 1), phrase, phrase.length);
        }
        bool absent = low == high;
        if (low > 0) {
            uint256 position = _positionOf(count, ranks, low - 1);
            _needOutside(count, text, position, phrase, leftShared, absent, true);
        }
        if (high < count) {
            uint256 position = _positionOf(count, ranks, high);
            _needOutside(count, text, position, phrase, rightShared, absent, false);
        }
        ranks.needAllUsed();
        text.needAllUsed();
    }

    function _positionOf(uint256 count, ProofReader.Section memory ranks, uint256 rank)
        private
        pure
        returns (uint256 position)
    {
        position = ranks.number(rank);
        ProofReader.need(position < count);
    }

    function _needEqual(
        uint256 count,
        ProofReader.Section memory text,
        uint256 position,
        bytes32[] memory phrase,
        uint256 length
    ) private pure {
        ProofReader.need(position + length <= count);
        for (uint256 i = 0; i < length; ++i) {
            ProofReader.need(text.symbol(position + i) == phrase[i]);
        }
    }

    /// The suffix beside the interval does not start with the phrase: its symbol at `shared` is
    /// another, or it ends there. Without an occurrence it must also be on its side of the phrase,
    /// which takes the symbols before.
    function _needOutside(
        uint256 count,
        ProofReader.Section memory text,
        uint256 position,
        bytes32[] memory phrase,
        uint256 shared,
        bool absent,
        bool before
    ) private pure {
        ProofReader.need(shared < phrase.length);
        if (absent) _needEqual(count, text, position, phrase, shared);
        uint256 pos = position + shared;
        if (pos >= count) {
            ProofReader.need(pos == count && (before || !absent));
            return;
        }
        bytes32 word = text.symbol(pos);
        bytes32 wanted = phrase[shared];
        ProofReader.need(absent ? (before ? word < wanted : wanted < word) : word != wanted);
    }

    function _ownerCount(
        IndexCommitment calldata index,
        ProofReader.Reader memory r,
        address owner,
        uint256 low,
        uint256 high
    ) private pure returns (uint256) {
        bool listed = _flag(r);
        ProofReader.Section memory owners = r.owners(index.ownersRoot, index.ownerCount);
        if (!listed) {
            _needAbsent(index, owners, owner);
            return 0;
        }
        ProofReader.OwnerRow memory row = _alone(owners);
        ProofReader.need(row.owner == owner);
        uint256 from = r.u32();
        uint256 to = r.u32();
        ProofReader.need(from <= to && to <= row.size);
        if (row.size == 0) return 0;
        ProofReader.Section memory list = r.numbers(row.listRoot, row.size);
        _needBoundary(list, from, row.size, low);
        _needBoundary(list, to, row.size, high);
        list.needAllUsed();
        return to - from;
    }

    /// `place` entries of the ascending list are below `rank`.
    function _needBoundary(
        ProofReader.Section memory list,
        uint256 place,
        uint256 size,
        uint256 rank
    ) private pure {
        if (place > 0) ProofReader.need(list.number(place - 1) < rank);
        if (place < size) ProofReader.need(list.number(place) >= rank);
    }

    function _flag(ProofReader.Reader memory r) private pure returns (bool) {
        uint256 flag = r.u8();
        ProofReader.need(flag <= 1);
        return flag == 1;
    }

    function _alone(ProofReader.Section memory owners)
        private
        pure
        returns (ProofReader.OwnerRow memory)
    {
        ProofReader.need(owners.leaves.length == 1);
        return owners.owner(owners.indexOf(0));
    }

    /// The section opens the neighbours between which the owner would stand.
    function _needAbsent(
        IndexCommitment calldata index,
        ProofReader.Section memory owners,
        address owner
    ) private pure {
        uint256 opened = owners.leaves.length;
        uint256 first = owners.indexOf(0);
        address low = owners.owner(first).owner;
        if (opened == 2) {
            ProofReader.need(owners.indexOf(1) == first + 1);
            ProofReader.need(low < owner && owner < owners.owner(first + 1).owner);
        } else {
            ProofReader.need(
                opened == 1
                    && ((first == 0 && owner < low)
                        || (first + 1 == index.ownerCount && low < owner))
            );
        }
    }

    function _extent(
        IndexCommitment calldata index,
        ProofReader.Section memory table,
        uint256 record
    ) private pure returns (ProofReader.TableRow memory row, uint256 end) {
        ProofReader.need(record < index.recordCount);
        row = table.record(record);
        end = index.symbolCount;
        if (record + 1 < index.recordCount) end = table.record(record + 1).offset;
    }

    function _textAt(
        IndexCommitment calldata index,
        ProofReader.Reader memory r,
        uint256 position,
        uint256 length
    ) private pure returns (bytes32[] memory words) {
        ProofReader.Section memory text = r.text(index.textRoot, index.symbolCount);
        words = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            words[i] = text.symbol(position + i);
        }
        text.needAllUsed();
    }

    // ---- faults: whether the evidence shows one

    function _inverseFault(IndexCommitment calldata index, ProofReader.Reader memory r)
        private
        pure
        returns (bool)
    {
        uint256 rank = r.place(index.symbolCount);
        ProofReader.Section memory suffixes = r.numbers(index.suffixArrayRoot, index.symbolCount);
        uint256 position = suffixes.number(rank);
        suffixes.needAllUsed();
        if (position >= index.symbolCount) return true;
        ProofReader.Section memory inverse = r.numbers(index.inverseRoot, index.symbolCount);
        uint256 found = inverse.number(position);
        inverse.needAllUsed();
        return found != rank;
    }

    function _orderFault(IndexCommitment calldata index, ProofReader.Reader memory r)
        private
        pure
        returns (bool)
    {
        uint256 count = index.symbolCount;
        uint256 rank = r.place(count);
        ProofReader.need(rank + 1 < count);
        ProofReader.Section memory suffixes = r.numbers(index.suffixArrayRoot, count);
        uint256 a = _positionOf(count, suffixes, rank);
        uint256 b = _positionOf(count, suffixes, rank + 1);
        suffixes.needAllUsed();
        ProofReader.Section memory text = r.text(index.textRoot, count);
        bytes32 left = text.symbol(a);
        bytes32 right = text.symbol(b);
        text.needAllUsed();
        if (left != right) return right < left;
        if (a + 1 == count) return false;
        if (b + 1 == count) return true;
        ProofReader.Section memory inverse = r.numbers(index.inverseRoot, count);
        bool shown = inverse.number(a + 1) >= inverse.number(b + 1);
        inverse.needAllUsed();
        return shown;
    }

    function _listOrderFault(IndexCommitment calldata index, ProofReader.Reader memory r)
        private
        pure
        returns (bool)
    {
        uint256 owner = r.place(index.ownerCount);
        ProofReader.Section memory owners = r.owners(index.ownersRoot, index.ownerCount);
        ProofReader.OwnerRow memory row = owners.owner(owner);
        owners.needAllUsed();
        uint256 pos = r.place(row.size);
        ProofReader.Section memory list = r.numbers(row.listRoot, row.size);
        uint256 here = list.number(pos);
        uint256 next = pos + 1 == row.size ? index.symbolCount : list.number(pos + 1);
        list.needAllUsed();
        return here >= next;
    }

    function _slotFault(IndexCommitment calldata index, ProofReader.Reader memory r)
        private
        pure
        returns (bool)
    {
        uint256 rank = r.place(index.symbolCount);
        address owner = _ownerOfRank(index, r, rank);
        bool listed = _flag(r);
        if (!listed && index.ownerCount == 0) return true;
        ProofReader.Section memory owners = r.owners(index.ownersRoot, index.ownerCount);
        if (!listed) {
            _needAbsent(index, owners, owner);
            return true;
        }
        ProofReader.OwnerRow memory entry = _alone(owners);
        ProofReader.need(entry.owner == owner);
        ProofReader.Section memory slots = r.numbers(index.slotRoot, index.symbolCount);
        uint256 slot = slots.number(rank);
        slots.needAllUsed();
        if (slot >= entry.size) return true;
        ProofReader.Section memory list = r.numbers(entry.listRoot, entry.size);
        uint256 found = list.number(slot);
        list.needAllUsed();
        return found != rank;
    }

    /// Of the record that holds the suffix of a rank.
    function _ownerOfRank(IndexCommitment calldata index, ProofReader.Reader memory r, uint256 rank)
        private
        pure
        returns (address)
    {
        ProofReader.Section memory suffixes = r.numbers(index.suffixArrayRoot, index.symbolCount);
        uint256 position = _positionOf(index.symbolCount, suffixes, rank);
        suffixes.needAllUsed();
        uint256 record = r.u32();
        ProofReader.Section memory table = r.table(index.tableRoot, index.recordCount);
        (ProofReader.TableRow memory row, uint256 end) = _extent(index, table, record);
        table.needAllUsed();
        ProofReader.need(position >= row.offset && position < end);
        return row.owner;
    }

    function _tableOrderFault(IndexCommitment calldata index, ProofReader.Reader memory r)
        private
        pure
        returns (bool)
    {
        uint256 record = r.place(index.recordCount);
        ProofReader.Section memory table = r.table(index.tableRoot, index.recordCount);
        (ProofReader.TableRow memory row, uint256 end) = _extent(index, table, record);
        table.needAllUsed();
        return (record == 0 && row.offset != 0) || row.offset >= end;
    }

    function _separatorFault(IndexCommitment calldata index, ProofReader.Reader memory r)
        private
        pure
        returns (bool)
    {
        uint256 record = r.u32();
        uint256 position = r.place(index.symbolCount);
        ProofReader.Section memory text = r.text(index.textRoot, index.symbolCount);
        bool isItsOwn = uint256(text.symbol(position)) == record + 1;
        text.needAllUsed();
        if (record >= index.recordCount) return isItsOwn;
        uint256 end = index.symbolCount;
        if (record + 1 < index.recordCount) {
            ProofReader.Section memory table = r.table(index.tableRoot, index.recordCount);
            end = table.record(record + 1).offset;
            table.needAllUsed();
        }
        return isItsOwn != (position + 1 == end);
    }

    function _clusterFault(IndexCommitment calldata index, ProofReader.Reader memory r)
        private
        pure
        returns (bool shown)
    {
        uint256 record = r.place(index.recordCount);
        ProofReader.Section memory table = r.table(index.tableRoot, index.recordCount);
        uint256 head = table.record(record).cluster;
        shown = head > record || (head < record && table.record(head).cluster != head);
        table.needAllUsed();
    }

    function _ownerOrderFault(IndexCommitment calldata index, ProofReader.Reader memory r)
        private
        pure
        returns (bool shown)
    {
        uint256 owner = r.place(index.ownerCount);
        ProofReader.Section memory owners = r.owners(index.ownersRoot, index.ownerCount);
        ProofReader.OwnerRow memory row = owners.owner(owner);
        uint256 end = row.start + row.size;
        shown = owner == 0 && row.start != 0;
        if (owner + 1 == index.ownerCount) {
            shown = shown || end != index.symbolCount;
        } else {
            ProofReader.OwnerRow memory next = owners.owner(owner + 1);
            shown = shown || next.owner <= row.owner || next.start != end;
        }
        owners.needAllUsed();
    }

    struct Tree {
        bytes32 root;
        uint256 items;
        uint256 perLeaf;
    }

    function _treeOf(IndexCommitment calldata index, ProofReader.Reader memory r, uint256 tree)
        private
        pure
        returns (Tree memory)
    {
        uint256 count = index.symbolCount;
        uint256 numbers = ProofReader.NUMBERS_PER_LEAF;
        if (tree == TREE_TEXT) return Tree(index.textRoot, count, ProofReader.SYMBOLS_PER_LEAF);
        if (tree == TREE_SUFFIX_ARRAY) return Tree(index.suffixArrayRoot, count, numbers);
        if (tree == TREE_INVERSE) return Tree(index.inverseRoot, count, numbers);
        if (tree == TREE_SLOT) return Tree(index.slotRoot, count, numbers);
        if (tree == TREE_TABLE) return Tree(index.tableRoot, index.recordCount, 1);
        if (tree == TREE_OWNERS) return Tree(index.ownersRoot, index.ownerCount, 1);
        ProofReader.need(tree == TREE_LIST);
        ProofReader.Section memory owners = r.owners(index.ownersRoot, index.ownerCount);
        ProofReader.OwnerRow memory row = _alone(owners);
        return Tree(row.listRoot, row.size, numbers);
    }

    function _wellFormed(uint256 tree, uint256 pos, uint256 size, uint256 items)
        private
        pure
        returns (bool)
    {
        if (tree == TREE_TEXT) {
            return size != 0 && ProofReader.textLeafSize(pos, pos + size, items) == size;
        }
        if (tree == TREE_TABLE) {
            return size == 128 && ProofReader.load(pos) >> 32 == 0
                && ProofReader.load(pos + 64) >> 160 == 0 && ProofReader.load(pos + 96) >> 32 == 0;
        }
        if (tree == TREE_OWNERS) return size == ProofReader.OWNER_BYTES;
        return size == 4 * items;
    }

    function _formFault(IndexCommitment calldata index, ProofReader.Reader memory r)
        private
        pure
        returns (bool)
    {
        uint256 id = r.u8();
        Tree memory tree = _treeOf(index, r, id);
        uint256 leaf = r.place(ProofReader.leavesOf(tree.items, tree.perLeaf));
        uint256 size = r.u16();
        uint256 from = r.take(size);
        uint256[] memory places = new uint256[](1);
        bytes32[] memory nodes = new bytes32[](1);
        (places[0], nodes[0]) = (leaf, ProofReader.leafHash(from, size));
        r.climb(tree.root, places, nodes, ProofReader.leavesOf(tree.items, tree.perLeaf));
        return !_wellFormed(id, from, size, ProofReader.itemsOf(tree.items, tree.perLeaf, leaf));
    }
}
