// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AttributionSettlement} from "../src/AttributionSettlement.sol";
import {ReceiptVerifier} from "../src/ReceiptVerifier.sol";
import {
    IndexCommitment,
    Match,
    Payout,
    Receipt,
    Share,
    Span,
    SumProofStep,
    TableEntry
} from "../src/interfaces/Types.sol";
import {Attribution} from "../src/lib/Attribution.sol";
import {ProofReader} from "../src/lib/ProofReader.sol";
import {World} from "./World.sol";

/// Honest receipts stand, forged ones fall to the right challenge. Challenges of one receipt.
contract ChallengesTest is World {
    bytes32 private foreignAdapter; // over version 2 of the datanet

    function setUp() external {
        setUpWorld();
        vm.prank(PUBLISHER);
        datanets.publishVersion(
            datanetId, keccak256("records 2"), keccak256("manifest 2"), indexOf()
        );
        vm.prank(MODEL_OWNER);
        foreignAdapter = models.registerAdapter(
            "poet 2", keccak256("weights"), BASE, datanetId, 2, keccak256("t"), PRICE_IN, PRICE_OUT
        );
    }

    /// A proposal of three receipts, the second of which is the given one.
    function proposeWith(Receipt[] memory receipts, Receipt memory forged)
        private
        returns (Epoch memory epoch)
    {
        receipts[1] = forged;
        epoch = epochOf(receipts);
        // More than enough is there, so that the proposal itself is accepted.
        vm.deal(address(escrow), address(escrow).balance + 1000 ether);
        vm.prank(address(escrow));
        settlement.fund{value: 1000 ether}(DAVE, DAVE);
        propose(epoch);
    }

    function slashed(string memory what) private view {
        (bool exists,,,,,) = settlement.pending();
        ok(!exists, what);
        eq(vault.staked(SETTLER, "settler"), 0, what);
        eq(WATCHER.balance, BOND / 2, what);
    }

    function challengeReceipt(Epoch memory epoch, uint64 i) private {
        SumProofStep[] memory proof = receiptProof(epoch, i);
        vm.prank(WATCHER);
        settlement.challengeReceipt(epoch.receipts[i], i, proof);
    }

    function challengeSpan(Epoch memory epoch, uint64 i, uint256 matchIndex, uint256 offset)
        private
    {
        Match memory claim = epoch.receipts[i].matches[matchIndex];
        uint256 place = epoch.receipts[i].spans[claim.span].start + offset;
        uint256 position = claim.position + offset;
        bool inText = position < text.length;
        bytes memory call = abi.encodeCall(
            settlement.challengeSpan,
            (
                epoch.receipts[i],
                i,
                receiptProof(epoch, i),
                matchIndex,
                offset,
                answer[place],
                answerProof(place),
                inText ? textLeaf(position / 16) : bytes(""),
                inText ? textProof(position) : new bytes32[](0)
            )
        );
        send(call);
    }

    function holderOf(uint256 position) private view returns (uint256 holder) {
        while (holder + 1 < table.length && table[holder + 1].offset <= position) ++holder;
    }

    function matchCall(
        Epoch memory epoch,
        uint64 i,
        uint256 matchIndex,
        uint256 holder,
        uint256 record
    ) private view returns (bytes memory) {
        bool last = holder + 1 == table.length;
        return abi.encodeCall(
            settlement.challengeMatch,
            (
                epoch.receipts[i],
                i,
                receiptProof(epoch, i),
                matchIndex,
                table[holder],
                holder,
                tableProof(holder),
                last ? TableEntry(0, 0, address(0), 0) : table[holder + 1],
                last ? new bytes32[](0) : tableProof(holder + 1),
                table[record],
                tableProof(record)
            )
        );
    }

    function challengeMatch(Epoch memory epoch, uint64 i, uint256 matchIndex) private {
        Match memory claim = epoch.receipts[i].matches[matchIndex];
        uint256 record = claim.record < table.length ? claim.record : 0;
        send(matchCall(epoch, i, matchIndex, holderOf(claim.position), record));
    }

    /// Calls the settlement as the watcher; a revert comes through.
    function send(bytes memory call) private {
        vm.prank(WATCHER);
        (bool success, bytes memory answer_) = address(settlement).call(call);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer_, 0x20), mload(answer_))
            }
        }
    }

    function test_honest_receipts_stand() external {
        Epoch memory epoch = epochOf(threeReceipts());
        propose(epoch);
        uint256 refused = 0;
        for (uint64 i = 0; i < 3; ++i) {
            try this.tryReceipt(epoch, i) {}
            catch (bytes memory e) {
                refused += noFault(e);
            }
            for (uint256 m = 0; m < 3; ++m) {
                try this.tryMatch(epoch, i, m) {}
                catch (bytes memory e) {
                    refused += noFault(e);
                }
                for (uint256 offset = 0; offset < 7; ++offset) {
                    try this.trySpan(epoch, i, m, offset) {}
                    catch (bytes memory e) {
                        refused += noFault(e);
                    }
                }
            }
        }
        eq(refused, 3 * (1 + 3 + 21), "every challenge is refused");
        eq(vault.locked(SETTLER, "settler"), BOND, "bond");
        finalise(epoch);
    }

    function noFault(bytes memory error_) private pure returns (uint256) {
        return bytes4(error_) == AttributionSettlement.NoFault.selector ? 1 : 0;
    }

    function tryReceipt(Epoch memory epoch, uint64 i) external {
        challengeReceipt(epoch, i);
    }

    function tryMatch(Epoch memory epoch, uint64 i, uint256 m) external {
        challengeMatch(epoch, i, m);
    }

    function trySpan(Epoch memory epoch, uint64 i, uint256 m, uint256 offset) external {
        challengeSpan(epoch, i, m, offset);
    }

    function testFuzz_honest_receipts_stand(uint32 tokensIn, uint32 tokensOut, uint256 seed)
        external
    {
        Receipt[] memory receipts = new Receipt[](1);
        parameters.set("UNEXPLAINED_BASE", seed % 10_001);
        parameters.set("SPLIT_HOST", (seed >> 16) % 5001);
        receipts[0] = nextReceipt(payer, HOST_A, tokensIn, tokensOut);
        // Other credits, and now and then an answer that nothing explains.
        receipts[0].spans[0].credit = uint32(seed >> 32);
        receipts[0].matches[0].credit = uint32(seed >> 32);
        if (seed % 5 == 0) {
            receipts[0].spans = new Span[](0);
            receipts[0].matches = new Match[](0);
            receipts[0].covered = 0;
        }
        settleShares(receipts[0]);
        settleChannel(payer, HOST_A);
        Epoch memory epoch = epochOf(receipts);
        propose(epoch);
        SumProofStep[] memory proof = receiptProof(epoch, 0);
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        settlement.challengeReceipt(receipts[0], 0, proof);
    }

    /// An old receipt is judged by the parameters that it names.
    function test_receipts_are_judged_by_their_parameters() external {
        Receipt[] memory receipts = threeReceipts();
        parameters.set("SPLIT_HOST", 2000);
        parameters.set("PLATFORM_FEE", 1);
        parameters.set("SPAN_MIN_SYMBOLS", 8);
        Epoch memory epoch = epochOf(receipts);
        propose(epoch);
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        this.tryReceipt(epoch, 0);
    }

    /// Every field that challengeReceipt answers for, forged in turn, and the rest of the receipt
    /// left as it was, or (odd rounds) the payouts made to follow, as a careful forger would.
    function test_forged_numbers_fall() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory honest = receipts[1];
        uint256 clean = vm.snapshotState();
        for (uint256 field = 0; field < FORGERIES; ++field) {
            for (uint256 careful = 0; careful < 2; ++careful) {
                Receipt memory forged = copyOf(honest);
                string memory what = forge(forged, field);
                if (careful == 1) {
                    // Forgeries of the payouts themselves would be undone.
                    if (field >= FIRST_SHARE_FORGERY || forged.matches.length > 1024) continue;
                    if (forged.covered > forged.answerSymbols) continue; // has no payouts
                    settleShares(forged);
                }
                Epoch memory epoch = proposeWith(receipts, forged);
                challengeReceipt(epoch, 1);
                slashed(what);
                vm.revertToState(clean);
            }
        }
    }

    uint256 private constant FIRST_SHARE_FORGERY = 34;
    uint256 private constant FORGERIES = 46;

    function forge(Receipt memory r, uint256 field) private view returns (string memory) {
        if (field < 12) return forgeHead(r, field);
        if (field < 22) return forgeSpans(r, field);
        return field < FIRST_SHARE_FORGERY ? forgeMatches(r, field) : forgeMoney(r, field);
    }

    function forgeHead(Receipt memory r, uint256 field) private view returns (string memory) {
        if (field == 0) (r.datanetId, r.adapterId) = (keccak256("nothing"), adapterId);
        if (field == 1) r.version = 2;
        if (field == 2) r.version = 0;
        if (field == 3) r.version = 3;
        if (field == 4) r.adapterId = keccak256("nothing");
        if (field == 5) r.adapterId = foreignAdapter;
        if (field == 6) r.payer = payer; // who never paid this host so much
        if (field == 7) r.cumulative = r.fee - 1;
        if (field == 8) r.cumulative += 1;
        if (field == 9) r.parametersVersion = 0;
        if (field == 10) r.parametersVersion = 2;
        if (field == 11) r.answerSymbols = 16; // the second span leaves it
        return string.concat("head ", string(abi.encodePacked(uint8(0x30 + field))));
    }

    function forgeSpans(Receipt memory r, uint256 field) private pure returns (string memory) {
        if (field == 12) r.covered += 1;
        if (field == 13) r.covered -= 1;
        if (field == 14) (r.spans[0].owned, r.covered) = (8, 15);
        if (field == 15) (r.spans[0].owned, r.covered) = (0, 7);
        if (field == 16) r.spans[0].credit += 1;
        if (field == 17) (r.spans[0].length, r.spans[0].owned, r.covered) = (5, 5, 12);
        if (field == 18) (r.spans[0], r.spans[1]) = (r.spans[1], r.spans[0]);
        if (field == 19) r.spans[0].start = 10;
        if (field == 20) r.spans[1].length = type(uint32).max;
        if (field == 21) {
            // Three spans own more than the answer has.
            Span[] memory spans = new Span[](3);
            (spans[0], spans[1], spans[2]) = (r.spans[0], Span(3, 7, 7, 5), r.spans[1]);
            Match[] memory matches = new Match[](4);
            (matches[0], matches[2], matches[3]) = (r.matches[0], r.matches[1], r.matches[2]);
            matches[1] = Match(1, 3, 0, ALICE, 5);
            (matches[2].span, matches[3].span) = (2, 2);
            (r.spans, r.matches, r.covered) = (spans, matches, 21);
        }
        return string.concat("spans ", string(abi.encodePacked(uint8(0x30 + field))));
    }

    function forgeMatches(Receipt memory r, uint256 field) private pure returns (string memory) {
        if (field == 22) (r.matches[1].credit, r.matches[2].credit) = (6172, 6173);
        if (field == 23) r.matches[0].credit += 5;
        if (field == 24) (r.matches[1], r.matches[2]) = (r.matches[2], r.matches[1]);
        if (field == 25) r.matches[2].record = 1;
        if (field == 26) r.matches[2].record = 4; // not in the table
        if (field == 27) r.matches[2].position = 43; // 43 + 7 > 49
        if (field == 28) r.matches[2].position = type(uint32).max;
        if (field == 29) r.matches[0].span = 1;
        if (field == 30) r.matches[2].span = 2;
        if (field == 31) {
            // A span that nothing matches.
            Match[] memory rest = new Match[](2);
            (rest[0], rest[1]) = (r.matches[1], r.matches[2]);
            r.matches = rest;
        }
        if (field == 32) r.matches = new Match[](1025);
        if (field == 33) {
            Span[] memory spans = new Span[](257);
            spans[0] = r.spans[0];
            spans[1] = r.spans[1];
            r.spans = spans;
        }
        return string.concat("matches ", string(abi.encodePacked(uint8(0x30 + field))));
    }

    function forgeMoney(Receipt memory r, uint256 field) private pure returns (string memory) {
        if (field == 34) {
            (r.shares[0].share, r.shares[1].share) = (r.shares[0].share + 1, r.shares[1].share - 1);
        }
        if (field == 35) r.shares[0].owner = CAROL;
        if (field == 36) r.shares[0].record = 2;
        if (field == 37) r.shares = new Share[](0);
        if (field == 38) {
            (r.payouts[0].amount, r.payouts[1].amount) =
            (r.payouts[0].amount - 1, r.payouts[1].amount + 1);
        }
        if (field == 39) r.payouts[0].account = CAROL;
        if (field == 40) (r.payouts[0], r.payouts[1]) = (r.payouts[1], r.payouts[0]);
        if (field == 41) r.payouts = new Payout[](0);
        if (field == 42) {
            Payout[] memory longer = new Payout[](r.payouts.length + 1);
            for (uint256 i = 0; i < r.payouts.length; ++i) {
                longer[i + 1] = r.payouts[i];
            }
            r.payouts = longer; // a payout of nothing to nobody
        }
        if (field == 43) r.host = HOST_B; // whose payouts these are not
        if (field == 44) {
            r.fee += 1;
            r.cumulative += 1;
        }
        if (field == 45) r.tokensOut += 1;
        return string.concat("money ", string(abi.encodePacked(uint8(0x30 + field - 34))));
    }

    /// The same forgeries of the price, with payouts that follow from the false fee.
    function test_forged_fees_fall() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory honest = receipts[1];
        uint256 clean = vm.snapshotState();
        for (uint256 field = 0; field < 4; ++field) {
            Receipt memory forged = copyOf(honest);
            if (field == 0) {
                (forged.fee, forged.cumulative) = (forged.fee - 1, forged.cumulative - 1);
            }
            if (field == 1) forged.tokensIn += 1000;
            if (field == 2) forged.tokensOut -= 1000;
            if (field == 3) forged.fee = type(uint256).max / 2;
            if (field < 3) settlePayouts(forged);
            Epoch memory epoch = epochOf(receipts);
            if (field < 3) {
                epoch = proposeWith(receipts, forged);
                challengeReceipt(epoch, 1);
                slashed("fee");
            } else {
                receipts[1] = forged;
                epoch = epochOf(receipts);
                vm.deal(SETTLER, BOND);
                vm.prank(SETTLER);
                vm.expectPartialRevert(AttributionSettlement.MoreThanUnallocated.selector);
                settlement.propose{value: BOND}(epoch.proposal);
            }
            vm.revertToState(clean);
        }
    }

    /// A version of the parameters that came after the proposal, foreseen by the settler who
    /// governs them.
    function test_parameters_of_the_future_fall() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory forged = copyOf(receipts[1]);
        forged.parametersVersion = 2;
        Epoch memory epoch = proposeWith(receipts, forged);
        parameters.set("SPAN_COMMON", 65); // the numbers are those of version 1
        challengeReceipt(epoch, 1);
        slashed("future");
    }

    function test_forged_positions_fall_to_challengeSpan() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory honest = receipts[1];
        uint256 clean = vm.snapshotState();
        uint32[4] memory positions = [uint32(1), 3, 13, 41];
        for (uint256 k = 0; k < positions.length; ++k) {
            Receipt memory forged = copyOf(honest);
            forged.matches[0].position = positions[k];
            Epoch memory epoch = proposeWith(receipts, forged);
            vm.expectRevert(AttributionSettlement.NoFault.selector);
            this.tryReceipt(epoch, 1);
            challengeSpan(epoch, 1, 0, k);
            slashed("position");
            vm.revertToState(clean);
        }
    }

    function test_a_forged_start_falls_to_challengeSpan() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory forged = copyOf(receipts[1]);
        forged.spans[1].start = 11;
        Epoch memory epoch = proposeWith(receipts, forged);
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        this.tryReceipt(epoch, 1);
        challengeSpan(epoch, 1, 2, 3);
        slashed("start");
    }

    function test_a_match_that_leaves_the_text_falls_to_challengeSpan() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory forged = copyOf(receipts[1]);
        forged.matches[2].position = type(uint32).max;
        Epoch memory epoch = proposeWith(receipts, forged);
        challengeSpan(epoch, 1, 2, 6);
        slashed("leaves the text");
    }

    function test_span_openings_must_be_true() external {
        Receipt[] memory receipts = threeReceipts();
        Epoch memory epoch = epochOf(receipts);
        propose(epoch);
        Receipt memory r = receipts[1];
        SumProofStep[] memory proof = receiptProof(epoch, 1);
        bytes32[] memory inAnswer = answerProof(2);
        bytes32[] memory inText = textProof(2);
        bytes memory leaf = textLeaf(0);
        vm.startPrank(WATCHER);
        vm.expectRevert(ReceiptVerifier.AnswerWordNotProved.selector);
        settlement.challengeSpan(r, 1, proof, 0, 0, "lie", inAnswer, leaf, inText);
        vm.expectRevert(ReceiptVerifier.TextWordNotProved.selector);
        settlement.challengeSpan(
            r, 1, proof, 0, 0, answer[2], inAnswer, bytes.concat(leaf, hex"00"), inText
        );
        vm.expectRevert(ReceiptVerifier.AnswerWordNotProved.selector);
        settlement.challengeSpan(r, 1, proof, 0, 1, answer[2], inAnswer, leaf, inText);
        vm.expectRevert(abi.encodeWithSelector(ReceiptVerifier.OffsetOutsideSpan.selector, 7, 7));
        settlement.challengeSpan(r, 1, proof, 0, 7, answer[2], inAnswer, leaf, inText);
        vm.expectRevert(abi.encodeWithSelector(ReceiptVerifier.NoSuchMatch.selector, 3, 3));
        settlement.challengeSpan(r, 1, proof, 3, 0, answer[2], inAnswer, leaf, inText);
        vm.expectRevert(AttributionSettlement.ReceiptNotInEpoch.selector);
        settlement.challengeSpan(r, 0, proof, 0, 0, answer[2], inAnswer, leaf, inText);
    }

    /// A host cuts symbols off a span's ends; the answer goes on in the text.
    function test_spans_that_could_be_longer_fall_to_challengeLongerMatch() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory honest = receipts[1];
        uint256 start = honest.spans[0].start;
        uint256 position = honest.matches[0].position;
        uint256 clean = vm.snapshotState();
        for (uint256 k = 0; k < 2; ++k) {
            Receipt memory forged = copyOf(honest);
            forged.spans[0].length -= 1;
            if (k == 1) forged.spans[0].start += 1;
            Epoch memory epoch = proposeWith(receipts, forged);
            send(longerCall(epoch, 1, 0, longerMatch(start, honest.spans[0].length, position)));
            slashed("longer");
            vm.revertToState(clean);
        }
    }

    function test_an_honest_span_stands_against_challengeLongerMatch() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory honest = receipts[1];
        Epoch memory epoch = epochOf(receipts);
        propose(epoch);
        uint256 start = honest.spans[0].start;
        uint256 length = honest.spans[0].length;
        uint256 position = honest.matches[0].position;
        bytes[5] memory calls = [
            longerCall(epoch, 1, 0, longerMatch(start, length, position)), // the span itself
            longerCall(epoch, 1, 0, longerMatch(start, length - 1, position)),
            longerCall(epoch, 1, 1, longerMatch(start, length, position)), // of another span
            longerCall(epoch, 1, 0, longerMatch(start - 1, length + 1, position - 1)), // untrue
            longerCall(epoch, 1, 9, longerMatch(start, length, position)) // of none
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(WATCHER);
            (bool success, bytes memory answer_) = address(settlement).call(calls[i]);
            ok(!success, "an honest receipt was refuted");
            bytes4 reason = i < 3
                ? AttributionSettlement.NoFault.selector
                : i == 3 ? ProofReader.Unproved.selector : ReceiptVerifier.NoSuchSpan.selector;
            eq(bytes32(bytes4(answer_)), bytes32(reason), "reason");
        }
    }

    function longerCall(Epoch memory epoch, uint64 i, uint256 span, bytes memory longer)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeCall(
            settlement.challengeLongerMatch,
            (epoch.receipts[i], i, receiptProof(epoch, i), span, longer)
        );
    }

    function test_a_forged_owner_falls_to_challengeMatch() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory forged = copyOf(receipts[1]);
        forged.matches[1].owner = CAROL;
        settleShares(forged);
        Epoch memory epoch = proposeWith(receipts, forged);
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        this.tryReceipt(epoch, 1);
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        this.tryMatch(epoch, 1, 0);
        challengeMatch(epoch, 1, 1);
        slashed("owner");
    }

    /// The copy's author is paid in place of the original's.
    function test_a_forged_record_falls_to_challengeMatch() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory forged = copyOf(receipts[1]);
        (forged.matches[0].record, forged.matches[0].owner, forged.matches[0].position) =
        (2, CAROL, 27);
        settleShares(forged);
        Epoch memory epoch = proposeWith(receipts, forged);
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        this.trySpan(epoch, 1, 0, 3);
        challengeMatch(epoch, 1, 0);
        slashed("record");
    }

    /// The last record of the table, whose holder has no successor.
    function test_a_forged_record_of_the_last_holder_falls() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory forged = copyOf(receipts[1]);
        (forged.matches[2].record, forged.matches[2].owner) = (2, CAROL);
        settleShares(forged);
        Epoch memory epoch = proposeWith(receipts, forged);
        challengeMatch(epoch, 1, 2);
        slashed("last");
    }

    function test_a_record_outside_the_table_falls_to_challengeMatch() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory forged = copyOf(receipts[1]);
        forged.matches[2].record = 4;
        Epoch memory epoch = proposeWith(receipts, forged);
        challengeMatch(epoch, 1, 2);
        slashed("outside");
    }

    /// An occurrence in the copy, paid to the original: that is the rule.
    function test_a_position_in_the_copy_is_no_fault() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory r = copyOf(receipts[1]);
        r.matches[0].position = 27;
        Epoch memory epoch = proposeWith(receipts, r);
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        this.tryMatch(epoch, 1, 0);
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        this.trySpan(epoch, 1, 0, 0);
    }

    function test_match_openings_must_be_true() external {
        Epoch memory epoch = epochOf(threeReceipts());
        propose(epoch);
        // Record 0's position, said to be held by others.
        vm.expectPartialRevert(ReceiptVerifier.NotTheHolder.selector);
        this.sendOut(matchCall(epoch, 1, 0, 1, 0));
        vm.expectPartialRevert(ReceiptVerifier.NotTheHolder.selector);
        this.sendOut(matchCall(epoch, 1, 0, 3, 0));
        vm.expectPartialRevert(ReceiptVerifier.NotTheHolder.selector);
        this.sendOut(matchCall(epoch, 1, 1, 0, 1));
        vm.expectRevert(ReceiptVerifier.PaidNotProved.selector);
        this.sendOut(matchCall(epoch, 1, 0, 0, 1));
        TableEntry memory before = table[0];
        table[0].cluster = 1;
        bytes memory lie = matchCall(epoch, 1, 1, 1, 1);
        vm.expectRevert(ReceiptVerifier.HolderNotProved.selector);
        this.sendOut(lie);
        table[0] = before;
        bytes32[] memory none = new bytes32[](0);
        SumProofStep[] memory proof = receiptProof(epoch, 1);
        bytes32[] memory holder = tableProof(0);
        vm.expectRevert(ReceiptVerifier.NextNotProved.selector);
        settlement.challengeMatch(
            epoch.receipts[1], 1, proof, 0, table[0], 0, holder, table[1], none, table[0], holder
        );
    }

    function sendOut(bytes calldata call) external {
        send(call);
    }

    function test_only_inside_the_window() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory forged = copyOf(receipts[1]);
        forged.covered += 1;
        Epoch memory epoch = epochOf(receipts);
        SumProofStep[] memory proof = receiptProof(epoch, 1);
        vm.expectRevert(AttributionSettlement.NoEpochPending.selector);
        settlement.challengeReceipt(forged, 1, proof);
        epoch = proposeWith(receipts, forged);
        proof = receiptProof(epoch, 1);
        vm.expectRevert(AttributionSettlement.ReceiptNotInEpoch.selector);
        settlement.challengeReceipt(forged, 2, proof);
        vm.warp(block.timestamp + 86_400);
        vm.expectPartialRevert(AttributionSettlement.WindowClosed.selector);
        settlement.challengeReceipt(forged, 1, proof);
    }

    /// What remains after a slashing: the money, for the next proposal, under the same number.
    function test_a_discarded_epoch_leaves_the_money() external {
        Receipt[] memory receipts = threeReceipts();
        uint256 money = settlement.unallocated();
        Receipt memory honest = receipts[1];
        Receipt memory forged = copyOf(honest);
        forged.covered += 1;
        Epoch memory epoch = proposeWith(receipts, forged);
        challengeReceipt(epoch, 1);
        eq(settlement.unallocated(), money + 1000 ether, "money");
        eq(BURN.balance, BOND / 2, "burned");
        receipts[1] = honest;
        epoch = epochOf(receipts);
        propose(epoch);
        (, uint64 number,,,,) = settlement.pending();
        eq(number, 1, "number");
        finalise(epoch);
        claimAll(epoch.rewards);
        eq(address(settlement).balance, 1000 ether, "paid");
    }

    /// The verifier takes the very call data of the challenges: anybody may ask it first.
    function test_the_verifier_answers_the_same_call() external {
        Receipt[] memory receipts = threeReceipts();
        Receipt memory forged = copyOf(receipts[1]);
        forged.covered += 1;
        Epoch memory epoch = proposeWith(receipts, forged);
        ReceiptVerifier verifier = settlement.verifier();
        SumProofStep[] memory proof = receiptProof(epoch, 1);
        eq(
            verifier.challengeReceipt(forged, 1, proof),
            "covered: not the sum of owned positions",
            "reason"
        );
        eq(verifier.challengeReceipt(receipts[0], 0, receiptProof(epoch, 0)), "", "no fault");
        eq(
            bytes32(verifier.challengeSpan.selector),
            bytes32(settlement.challengeSpan.selector),
            "selector"
        );
        eq(
            bytes32(verifier.challengeLongerMatch.selector),
            bytes32(settlement.challengeLongerMatch.selector),
            "selector"
        );
        eq(
            bytes32(verifier.challengeMatch.selector),
            bytes32(settlement.challengeMatch.selector),
            "selector"
        );
    }

    /// The largest receipt that is not over the limits is judged within a block's gas.
    function test_the_largest_receipt_can_be_judged() external {
        Receipt[] memory receipts = new Receipt[](1);
        Receipt memory r = nextReceipt(payer, HOST_A, 1000, 1000);
        settleChannel(payer, HOST_A);
        uint256 spans = 256;
        bigVersion(r);
        r.spans = new Span[](spans);
        r.matches = new Match[](4 * spans);
        for (uint256 i = 0; i < spans; ++i) {
            r.spans[i] =
                Span(uint32(6 * i), 6, 6, uint32(uint256(keccak256(abi.encode(i))) % 100_000));
            for (uint256 j = 0; j < 4; ++j) {
                uint32 credit = r.spans[i].credit / 4 + (j < r.spans[i].credit % 4 ? 1 : 0);
                uint256 record = 1024 - 4 * i - 4 + j;
                r.matches[4 * i + j] = Match(
                    uint32(i),
                    7,
                    uint32(record),
                    address(uint160(uint256(keccak256(abi.encode(record))))),
                    credit
                );
            }
        }
        r.covered = uint32(6 * spans);
        r.answerSymbols = r.covered;
        parameters.set("THRESHOLD_MIN", 0);
        parameters.set("ATTRIBUTION_THRESHOLD", 1);
        r.parametersVersion = parameters.version();
        Attribution.Rules memory rules = rulesNow();
        r.shares = Attribution.sharesOf(r.matches, rules.threshold);
        r.payouts = Attribution.payoutsOf(
            r.fee,
            r.answerSymbols,
            r.covered,
            r.shares,
            rules,
            Attribution.Parties(TREASURY, HOST_A, MODEL_OWNER, BASE_OWNER, address(vault))
        );
        (r.payouts[0].amount, r.payouts[1].amount) =
        (r.payouts[0].amount - 1, r.payouts[1].amount + 1);
        receipts[0] = r;
        judgeLargest(receipts);
    }

    function judgeLargest(Receipt[] memory receipts) private {
        Epoch memory epoch;
        epoch.receipts = receipts;
        epoch.proposal.receiptsTotal = receipts[0].fee;
        sealEpoch(epoch);
        propose(epoch);
        SumProofStep[] memory none = new SumProofStep[](0);
        bytes memory call = abi.encodeCall(settlement.challengeReceipt, (receipts[0], 0, none));
        vm.prank(WATCHER);
        uint256 gas = gasleft();
        (bool success,) = address(settlement).call(call);
        gas -= gasleft();
        ok(success, "payouts do not follow");
        ok(gas < 24_000_000, "gas of the judgement"); // and 350 kB of call data
    }

    function bigVersion(Receipt memory r) private {
        vm.startPrank(PUBLISHER);
        r.version = datanets.publishVersion(
            datanetId,
            "root",
            "manifest",
            IndexCommitment("t", "s", "i", "l", "r", "o", 1_000_000, 5000, 5000)
        );
        vm.stopPrank();
        vm.prank(MODEL_OWNER);
        r.adapterId = models.registerAdapter(
            "big", "weights", BASE, datanetId, r.version, "t", PRICE_IN, PRICE_OUT
        );
    }
}
