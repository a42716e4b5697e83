// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DatanetRegistry} from "../src/DatanetRegistry.sol";
import {IndexCommitment, OpenedRecord, RecordLeaf} from "../src/interfaces/Types.sol";
import {Vm} from "./Cheats.sol";
import {Trees} from "./Trees.sol";
import {World} from "./World.sol";

contract DatanetRegistryTest is World {
    struct Anchored {
        uint256 id;
        RecordLeaf[] leaves;
        OpenedRecord[] opened;
    }

    bytes32 private net;

    function setUp() external {
        deploy();
        vm.prank(PUBLISHER);
        net = datanets.create("poems", "CC0-1.0", keccak256("rules"), keccak256("metadata"));
    }

    /// A record opened, yet without its batch.
    function record(address contributor, bytes32 content, uint64 sequence, uint64 signatureSeed)
        private
        view
        returns (OpenedRecord memory opened)
    {
        opened.contentHash = content;
        opened.salt = keccak256(abi.encode("salt", contributor, content));
        bytes memory words;
        for (uint256 i = 0; i < 112; ++i) {
            opened.signature[i] = uint64(uint256(keccak256(abi.encode(signatureSeed, i))));
            words = bytes.concat(words, abi.encodePacked(opened.signature[i]));
        }
        opened.leaf = RecordLeaf({
            recordId: keccak256(bytes.concat(net, bytes20(contributor), content)),
            contributor: contributor,
            contentCommitment: keccak256(bytes.concat(opened.salt, content)),
            signatureCommitment: keccak256(bytes.concat(opened.salt, words)),
            shingleRoot: keccak256("shingles"),
            ruleSetHash: keccak256("rules"),
            wordCount: 60,
            byteCount: 300,
            shingleCount: 56,
            licenceHash: keccak256("CC0-1.0"),
            sequence: sequence
        });
    }

    /// With some of its signature's words changed.
    function altered(OpenedRecord memory opened, uint256 words)
        private
        pure
        returns (OpenedRecord memory)
    {
        bytes memory packed;
        for (uint256 i = 0; i < 112; ++i) {
            if (i < words) opened.signature[i] ^= 1;
            packed = bytes.concat(packed, abi.encodePacked(opened.signature[i]));
        }
        opened.leaf.signatureCommitment = keccak256(bytes.concat(opened.salt, packed));
        return opened;
    }

    /// Anchors a batch of three: the given record in the middle.
    function anchor(address contributor, OpenedRecord memory opened)
        private
        returns (OpenedRecord memory)
    {
        opened.leaf.sequence = 1;
        bytes32[] memory leaves = new bytes32[](3);
        leaves[0] = Trees.leaf(abi.encode(contributor, "first"));
        leaves[1] = Trees.leaf(abi.encode(opened.leaf));
        leaves[2] = Trees.leaf(abi.encode(contributor, "last"));
        vm.deal(contributor, 2 ether);
        vm.prank(contributor);
        opened.batchId = datanets.anchorBatch{value: 2 ether}(
            net, Trees.root(leaves), 3, 900, keccak256("data")
        );
        opened.proof = Trees.prove(leaves, 1);
        return opened;
    }

    function leafHash(OpenedRecord memory opened) private pure returns (bytes32) {
        return Trees.leaf(abi.encode(opened.leaf));
    }

    function twoCopies() private returns (OpenedRecord memory first, OpenedRecord memory later) {
        first = anchor(ALICE, record(ALICE, keccak256("poem"), 1, 5));
        later = anchor(BOB, record(BOB, keccak256("poem"), 1, 6));
    }

    function test_create() external {
        eq(net, keccak256(abi.encode(PUBLISHER, "poems")), "id");
        eq(datanets.ownerOf(net), PUBLISHER, "owner");
        eq(datanets.ownerOf(bytes32(uint256(1))), address(0), "unknown");
        (, string memory name, string memory licence, bytes32 rules, bytes32 metadata) =
            datanets.datanet(net);
        eq(name, "poems", "name");
        eq(licence, "CC0-1.0", "licence");
        eq(rules, keccak256("rules"), "rules");
        eq(metadata, keccak256("metadata"), "metadata");
        vm.prank(ALICE);
        ok(datanets.create("poems", "CC0-1.0", 0, 0) != net, "another owner may use the name");
        vm.startPrank(PUBLISHER);
        vm.expectPartialRevert(DatanetRegistry.DatanetExists.selector);
        datanets.create("poems", "MIT", 0, 0);
        vm.expectPartialRevert(DatanetRegistry.TextLength.selector);
        datanets.create("", "MIT", 0, 0);
        vm.expectPartialRevert(DatanetRegistry.TextLength.selector);
        datanets.create("x", "", 0, 0);
        vm.expectPartialRevert(DatanetRegistry.TextLength.selector);
        datanets.create(string(new bytes(129)), "MIT", 0, 0);
        vm.expectPartialRevert(DatanetRegistry.UnknownDatanet.selector);
        datanets.datanet(bytes32(uint256(1)));
        vm.stopPrank();
        vm.expectRevert(DatanetRegistry.ZeroAddress.selector);
        new DatanetRegistry(address(0), address(vault));
        vm.expectRevert(DatanetRegistry.ZeroAddress.selector);
        new DatanetRegistry(address(parameters), address(0));
    }

    function test_anchor_locks_the_bond() external {
        OpenedRecord memory opened = anchor(ALICE, record(ALICE, keccak256("poem"), 1, 5));
        eq(opened.batchId, 1, "ids count from 1");
        eq(datanets.batchCount(), 1, "count");
        eq(vault.locked(ALICE, "datanet"), 2 ether, "locked");
        (
            bytes32 id,
            address contributor,,
            uint64 count,
            bytes32 data,
            uint256 bond,
            uint64 at_,
            bool slashed
        ) = datanets.batch(1);
        eq(id, net, "datanet");
        eq(contributor, ALICE, "contributor");
        eq(count, 3, "count");
        eq(data, keccak256("data"), "data");
        eq(bond, 2 ether, "bond");
        eq(at_, block.timestamp, "when");
        ok(!slashed, "slashed");
        vm.expectPartialRevert(DatanetRegistry.UnknownBatch.selector);
        datanets.batch(2);
        vm.expectPartialRevert(DatanetRegistry.UnknownBatch.selector);
        datanets.bondOf(0);
    }

    function test_anchor_refusals() external {
        vm.deal(ALICE, 10 ether);
        vm.startPrank(ALICE);
        vm.expectPartialRevert(DatanetRegistry.UnknownDatanet.selector);
        datanets.anchorBatch{value: 1 ether}(
            bytes32(uint256(1)), keccak256("r"), 1, 1, keccak256("d")
        );
        vm.expectRevert(DatanetRegistry.EmptyCommitment.selector);
        datanets.anchorBatch{value: 1 ether}(net, 0, 1, 1, keccak256("d"));
        vm.expectRevert(DatanetRegistry.EmptyCommitment.selector);
        datanets.anchorBatch{value: 1 ether}(net, keccak256("r"), 0, 1, keccak256("d"));
        vm.expectRevert(DatanetRegistry.EmptyCommitment.selector);
        datanets.anchorBatch{value: 1 ether}(net, keccak256("r"), 1, 1, 0);
        vm.expectRevert(
            abi.encodeWithSelector(DatanetRegistry.BondTooSmall.selector, 1 ether - 1, 1 ether)
        );
        datanets.anchorBatch{value: 1 ether - 1}(net, keccak256("r"), 1, 1, keccak256("d"));
    }

    function test_bond_comes_free_after_the_window() external {
        anchor(ALICE, record(ALICE, keccak256("poem"), 1, 5));
        vm.warp(block.timestamp + 86_399);
        vm.expectPartialRevert(DatanetRegistry.WindowOpen.selector);
        datanets.releaseBond(1);
        vm.warp(block.timestamp + 1);
        datanets.releaseBond(1);
        eq(vault.locked(ALICE, "datanet"), 0, "free");
        eq(vault.staked(ALICE, "datanet"), 2 ether, "stake");
        vm.expectPartialRevert(DatanetRegistry.BondGone.selector);
        datanets.releaseBond(1);
        vm.expectPartialRevert(DatanetRegistry.UnknownBatch.selector);
        datanets.releaseBond(2);
    }

    function test_an_exact_copy_is_slashed_and_revoked() external {
        (OpenedRecord memory first, OpenedRecord memory later) = twoCopies();
        vm.recordLogs();
        vm.prank(WATCHER);
        datanets.challengeDuplicate(first, later);
        eq(WATCHER.balance, 1 ether, "half to the challenger");
        eq(BURN.balance, 1 ether, "half burns");
        eq(vault.staked(BOB, "datanet"), 0, "bond gone");
        eq(vault.locked(ALICE, "datanet"), 2 ether, "the original's stays");
        ok(datanets.revoked(leafHash(later)), "revoked");
        ok(!datanets.revoked(leafHash(first)), "the original stands");
        (,,,,,,, bool slashed) = datanets.batch(later.batchId);
        ok(slashed, "slashed");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (bytes32 hash, uint64 sequence, bytes32 original) =
            abi.decode(logs[0].data, (bytes32, uint64, bytes32));
        eq(hash, leafHash(later), "event");
        eq(sequence, 1, "event");
        eq(original, leafHash(first), "event");

        vm.expectPartialRevert(DatanetRegistry.AlreadyRevoked.selector);
        datanets.challengeDuplicate(first, later);
        vm.warp(block.timestamp + 86_400);
        vm.expectPartialRevert(DatanetRegistry.BondGone.selector);
        datanets.releaseBond(later.batchId);
    }

    function test_a_batch_is_slashed_once() external {
        (OpenedRecord memory first, OpenedRecord memory later) = twoCopies();
        OpenedRecord memory third = anchor(CAROL, record(CAROL, keccak256("poem"), 1, 7));
        vm.startPrank(WATCHER);
        datanets.challengeDuplicate(first, third);
        eq(WATCHER.balance, 1 ether, "once");
        vm.expectPartialRevert(DatanetRegistry.AlreadyRevoked.selector);
        datanets.challengeDuplicate(later, third);
        datanets.challengeDuplicate(first, later);
        eq(WATCHER.balance, 2 ether, "another batch");
    }

    function test_after_the_window_a_copy_is_only_revoked() external {
        (OpenedRecord memory first, OpenedRecord memory later) = twoCopies();
        vm.warp(block.timestamp + 86_400);
        vm.prank(WATCHER);
        datanets.challengeDuplicate(first, later);
        eq(WATCHER.balance, 0, "no bond");
        ok(datanets.revoked(leafHash(later)), "revoked");
        eq(vault.locked(BOB, "datanet"), 2 ether, "kept");
        datanets.releaseBond(later.batchId);
    }

    function test_near_copies_by_equal_signature_words() external {
        OpenedRecord memory first = anchor(ALICE, record(ALICE, keccak256("poem"), 1, 5));
        OpenedRecord memory near = anchor(BOB, altered(record(BOB, keccak256("poem!"), 1, 5), 8));
        OpenedRecord memory apart =
            anchor(CAROL, altered(record(CAROL, keccak256("poem?"), 1, 5), 9));
        vm.expectRevert(abi.encodeWithSelector(DatanetRegistry.NotDuplicates.selector, 103, 104));
        datanets.challengeDuplicate(first, apart);
        vm.prank(WATCHER);
        datanets.challengeDuplicate(first, near);
        ok(datanets.revoked(leafHash(near)), "104 of 112");
        parameters.set("DUPLICATE_MIN_EQUAL", 103);
        vm.prank(WATCHER);
        datanets.challengeDuplicate(first, apart);
    }

    function test_wrong_order_same_contributor_and_same_record() external {
        (OpenedRecord memory first, OpenedRecord memory later) = twoCopies();
        vm.expectRevert(DatanetRegistry.WrongOrder.selector);
        datanets.challengeDuplicate(later, first);
        vm.expectRevert(DatanetRegistry.SameContributor.selector);
        datanets.challengeDuplicate(first, first);
        OpenedRecord memory own = anchor(ALICE, record(ALICE, keccak256("poem"), 1, 5));
        vm.expectRevert(DatanetRegistry.SameContributor.selector);
        datanets.challengeDuplicate(first, own);
    }

    function test_two_datanets_do_not_compare() external {
        OpenedRecord memory first = anchor(ALICE, record(ALICE, keccak256("poem"), 1, 5));
        vm.prank(PUBLISHER);
        net = datanets.create("more poems", "CC0-1.0", 0, 0);
        OpenedRecord memory later = anchor(BOB, record(BOB, keccak256("poem"), 1, 6));
        vm.expectRevert(DatanetRegistry.DifferentDatanets.selector);
        datanets.challengeDuplicate(first, later);
    }

    /// Somebody anchors another's leaf as his own batch, to have it revoked as a copy.
    function test_a_leaf_in_anothers_name_revokes_nothing() external {
        OpenedRecord memory first = anchor(ALICE, record(ALICE, keccak256("poem"), 1, 5));
        OpenedRecord memory victim = anchor(BOB, altered(record(BOB, keccak256("song"), 1, 5), 20));
        OpenedRecord memory planted = anchor(CAROL, victim);
        planted.contentHash = victim.contentHash;
        vm.expectPartialRevert(DatanetRegistry.LeafOfAnotherContributor.selector);
        datanets.challengeDuplicate(first, planted);
    }

    /// Every field of both openings, tampered in turn.
    function test_false_evidence_fails() external {
        (OpenedRecord memory first, OpenedRecord memory later) = twoCopies();
        for (uint256 side = 0; side < 2; ++side) {
            for (uint256 field = 0; field < 18; ++field) {
                OpenedRecord memory a = abi.decode(abi.encode(first), (OpenedRecord));
                OpenedRecord memory b = abi.decode(abi.encode(later), (OpenedRecord));
                tamper(side == 0 ? a : b, field);
                vm.prank(WATCHER);
                vm.expectRevert();
                datanets.challengeDuplicate(a, b);
            }
        }
        vm.prank(WATCHER);
        datanets.challengeDuplicate(first, later);
    }

    function tamper(OpenedRecord memory o, uint256 field) private pure {
        bytes32 other = keccak256("other");
        if (field == 0) o.batchId += 7;
        if (field == 1) o.leaf.recordId = other;
        if (field == 2) o.leaf.contributor = CAROL;
        if (field == 3) o.leaf.contentCommitment = other;
        if (field == 4) o.leaf.signatureCommitment = other;
        if (field == 5) o.leaf.shingleRoot = other;
        if (field == 6) o.leaf.ruleSetHash = other;
        if (field == 7) o.leaf.wordCount += 1;
        if (field == 8) o.leaf.byteCount += 1;
        if (field == 9) o.leaf.shingleCount += 1;
        if (field == 10) o.leaf.licenceHash = other;
        if (field == 11) o.leaf.sequence = 0;
        if (field == 12) o.proof[1] = other;
        if (field == 13) o.proof = new bytes32[](0);
        if (field == 14) o.salt = other;
        if (field == 15) o.contentHash = other;
        if (field == 16) o.signature[111] ^= 1;
        if (field == 17) o.batchId = 0;
    }

    /// A batch whose leaf does not say the truth about its content does not open.
    function test_leaves_that_lie_do_not_open() external {
        OpenedRecord memory first = anchor(ALICE, record(ALICE, keccak256("poem"), 1, 5));
        OpenedRecord memory liar = record(BOB, keccak256("poem"), 1, 6);
        liar.leaf.recordId = keccak256("no id");
        liar = anchor(BOB, liar);
        vm.expectPartialRevert(DatanetRegistry.WrongRecordId.selector);
        datanets.challengeDuplicate(first, liar);
        liar = record(BOB, keccak256("poem"), 1, 6);
        liar.leaf.contentCommitment = keccak256("no commitment");
        liar = anchor(BOB, liar);
        vm.expectPartialRevert(DatanetRegistry.WrongContent.selector);
        datanets.challengeDuplicate(first, liar);
        liar = record(BOB, keccak256("poem"), 1, 6);
        liar.leaf.signatureCommitment = keccak256("no commitment");
        liar = anchor(BOB, liar);
        vm.expectPartialRevert(DatanetRegistry.WrongSignature.selector);
        datanets.challengeDuplicate(first, liar);
    }

    function test_versions() external {
        IndexCommitment memory index = IndexCommitment("t", "s", "i", "l", "r", "o", 100, 4, 2);
        vm.startPrank(PUBLISHER);
        eq(datanets.publishVersion(net, "root", "manifest", index), 1, "first");
        index.symbolCount = 200;
        eq(datanets.publishVersion(net, "root 2", "manifest", index), 2, "second");
        eq(datanets.versionCount(net), 2, "count");
        (bytes32 root, bytes32 manifest, IndexCommitment memory stored) = datanets.versionOf(net, 1);
        eq(root, "root", "root");
        eq(manifest, "manifest", "manifest");
        eq(stored.symbolCount, 100, "symbols");
        eq(stored.tableRoot, "r", "table");
        for (uint256 field = 0; field < 11; ++field) {
            IndexCommitment memory empty = IndexCommitment("t", "s", "i", "l", "r", "o", 100, 4, 2);
            if (field == 0) empty.textRoot = 0;
            if (field == 1) empty.suffixArrayRoot = 0;
            if (field == 2) empty.inverseRoot = 0;
            if (field == 3) empty.tableRoot = 0;
            if (field == 4) empty.symbolCount = 0;
            if (field == 5) empty.recordCount = 0;
            if (field == 8) empty.slotRoot = 0;
            if (field == 9) empty.ownersRoot = 0;
            if (field == 10) empty.ownerCount = 0;
            vm.expectRevert(DatanetRegistry.EmptyCommitment.selector);
            datanets.publishVersion(
                net,
                field == 6 ? bytes32(0) : bytes32("r"),
                field == 7 ? bytes32(0) : bytes32("m"),
                empty
            );
        }
        vm.expectPartialRevert(DatanetRegistry.UnknownDatanet.selector);
        datanets.publishVersion("nothing", "root", "manifest", index);
        vm.stopPrank();
        vm.expectPartialRevert(DatanetRegistry.OnlyDatanetOwner.selector);
        datanets.publishVersion(net, "root", "manifest", index);
        vm.expectPartialRevert(DatanetRegistry.UnknownVersion.selector);
        datanets.versionOf(net, 0);
        vm.expectPartialRevert(DatanetRegistry.UnknownVersion.selector);
        datanets.versionOf(net, 3);
    }
}
