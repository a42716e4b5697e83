// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AttributionSettlement} from "../src/AttributionSettlement.sol";
import {IAttributionSettlement} from "../src/interfaces/IOpenLedger.sol";
import {Payout, Receipt, SumProofStep} from "../src/interfaces/Types.sol";
import {Naive} from "./Naive.sol";
import {Trees} from "./Trees.sol";
import {World} from "./World.sol";

/// Challenges of the whole epoch: rewards against receipts, order, repetition.
contract RewardChallengesTest is World {
    address private constant STRANGER = address(0x1500); // between the contributors and the others

    function setUp() external {
        setUpWorld();
    }

    function accounts() private view returns (address[11] memory) {
        return [
            ALICE,
            BOB,
            CAROL,
            DAVE,
            STRANGER,
            TREASURY,
            MODEL_OWNER,
            BASE_OWNER,
            HOST_A,
            HOST_B,
            address(vault)
        ];
    }

    function slashed(string memory what) private view {
        (bool exists,,,,,) = settlement.pending();
        ok(!exists, what);
        eq(WATCHER.balance, BOND / 2, what);
    }

    function challenge(Epoch memory epoch, address account) private {
        IAttributionSettlement.RewardClaim memory reward = rewardClaim(epoch.rewards, account);
        IAttributionSettlement.RewardClaim memory previous = rewardClaim(finalRewards, account);
        vm.prank(WATCHER);
        settlement.challengeReward(epoch.receipts, reward, previous);
    }

    function tally(Epoch memory epoch, address account) private {
        for (uint64 i = 0; i < epoch.receipts.length; ++i) {
            SumProofStep[] memory proof = receiptProof(epoch, i);
            vm.prank(WATCHER);
            settlement.tallyReceipt(account, epoch.receipts[i], i, proof);
        }
    }

    function challengeTallied(Epoch memory epoch, address account) private {
        IAttributionSettlement.RewardClaim memory reward = rewardClaim(epoch.rewards, account);
        IAttributionSettlement.RewardClaim memory previous = rewardClaim(finalRewards, account);
        vm.prank(WATCHER);
        settlement.challengeTalliedReward(reward, previous);
    }

    function tryChallenge(Epoch memory epoch, address account) external {
        challenge(epoch, account);
    }

    function tryTallied(Epoch memory epoch, address account) external {
        tally(epoch, account);
        challengeTallied(epoch, account);
    }

    function honestStands(Epoch memory epoch) private {
        address[11] memory all = accounts();
        for (uint256 i = 0; i < all.length; ++i) {
            vm.expectRevert(AttributionSettlement.NoFault.selector);
            this.tryChallenge(epoch, all[i]);
            vm.expectRevert(AttributionSettlement.NoFault.selector);
            this.tryTallied(epoch, all[i]);
        }
    }

    function firstEpoch() private {
        Epoch memory epoch = epochOf(threeReceipts());
        propose(epoch);
        finalise(epoch);
    }

    function placeOf(Payout[] memory rewards, address account)
        private
        pure
        returns (uint256 place)
    {
        while (rewards[place].account != account) ++place;
    }

    function test_honest_epochs_stand() external {
        Epoch memory epoch = epochOf(threeReceipts());
        propose(epoch);
        honestStands(epoch);
        finalise(epoch);
        epoch = epochOf(threeReceipts());
        propose(epoch);
        honestStands(epoch);
        finalise(epoch);
        claimAll(epoch.rewards);
        eq(address(settlement).balance, 0, "paid");
    }

    /// A wei moved from one account to another, in the first and in the second epoch, shown on
    /// either.
    function test_a_moved_wei_falls() external {
        for (uint256 round = 0; round < 4; ++round) {
            uint256 clean = vm.snapshotState();
            if (round >= 2) firstEpoch();
            Epoch memory epoch = epochOf(threeReceipts());
            epoch.rewards[placeOf(epoch.rewards, BOB)].amount -= 1;
            epoch.rewards[placeOf(epoch.rewards, TREASURY)].amount += 1;
            sealEpoch(epoch);
            propose(epoch);
            vm.expectRevert(AttributionSettlement.NoFault.selector);
            this.tryChallenge(epoch, ALICE);
            challenge(epoch, round % 2 == 0 ? BOB : TREASURY);
            slashed("moved");
            vm.revertToState(clean);
        }
    }

    function test_a_moved_wei_falls_to_a_tally() external {
        firstEpoch();
        Epoch memory epoch = epochOf(threeReceipts());
        epoch.rewards[placeOf(epoch.rewards, BOB)].amount -= 1;
        epoch.rewards[placeOf(epoch.rewards, TREASURY)].amount += 1;
        sealEpoch(epoch);
        propose(epoch);
        tally(epoch, BOB);
        (uint64 next, uint64 credited, bool disordered,) = settlement.tallyOf(WATCHER, BOB);
        eq(next, 3, "next");
        eq(credited, 9, "credited");
        ok(!disordered, "ordered");
        challengeTallied(epoch, BOB);
        slashed("tallied");
    }

    /// An owner's leaf is left out: his money goes to another.
    function test_an_omitted_account_falls() external {
        for (uint256 round = 0; round < 3; ++round) {
            uint256 clean = vm.snapshotState();
            Epoch memory epoch = epochOf(threeReceipts());
            // The first leaf, one in the middle, the last.
            uint256 place = round == 0
                ? 0
                : round == 1 ? placeOf(epoch.rewards, DAVE) : epoch.rewards.length - 1;
            address victim = epoch.rewards[place].account;
            epoch.rewards[(place + 1) % epoch.rewards.length].amount += epoch.rewards[place].amount;
            Payout[] memory rest = new Payout[](epoch.rewards.length - 1);
            for (uint256 i = 0; i < rest.length; ++i) {
                rest[i] = epoch.rewards[i < place ? i : i + 1];
            }
            epoch.rewards = rest;
            sealEpoch(epoch);
            propose(epoch);
            challenge(epoch, victim);
            slashed("omitted");
            vm.revertToState(clean);
        }
    }

    /// Somebody who earned nothing gets a leaf.
    function test_an_invented_account_falls() external {
        Epoch memory epoch = epochOf(threeReceipts());
        epoch.rewards[placeOf(epoch.rewards, ALICE)].amount -= 500;
        epoch.rewards = Naive.add(epoch.rewards, STRANGER, 500);
        sealEpoch(epoch);
        propose(epoch);
        challenge(epoch, STRANGER);
        slashed("invented");
    }

    function test_an_empty_rewards_tree_falls() external {
        Epoch memory epoch = epochOf(threeReceipts());
        epoch.rewards = new Payout[](0);
        sealEpoch(epoch);
        propose(epoch);
        challenge(epoch, ALICE);
        slashed("empty");
    }

    /// An account that earned before must not lose it in an epoch where it earns nothing.
    function test_forgotten_earnings_fall() external {
        firstEpoch();
        Receipt[] memory receipts = new Receipt[](1);
        receipts[0] = nextReceipt(payer, HOST_B, 10, 10);
        settleChannel(payer, HOST_B);
        Epoch memory epoch = epochOf(receipts);
        uint256 place = placeOf(epoch.rewards, HOST_A);
        epoch.rewards[placeOf(epoch.rewards, HOST_B)].amount += epoch.rewards[place].amount - 1;
        epoch.rewards[place].amount = 1;
        sealEpoch(epoch);
        propose(epoch);
        challenge(epoch, HOST_A);
        slashed("forgotten");
    }

    function test_a_false_count_of_credited_records_falls() external {
        Epoch memory epoch = epochOf(threeReceipts());
        epoch.proposal.creditedRecords += 1;
        propose(epoch);
        challenge(epoch, ALICE);
        slashed("credited records");
    }

    function test_receipts_out_of_order_fall() external {
        Receipt[] memory receipts = threeReceipts();
        (receipts[0], receipts[2]) = (receipts[2], receipts[0]);
        Epoch memory epoch = epochOf(receipts);
        propose(epoch);
        uint256 clean = vm.snapshotState();
        challenge(epoch, ALICE);
        slashed("order");
        vm.revertToState(clean);
        tally(epoch, ALICE);
        challengeTallied(epoch, ALICE);
        slashed("order, tallied");
    }

    /// The same receipt twice in one epoch: out of order, and a replay.
    function test_a_repeated_receipt_falls() external {
        Receipt[] memory receipts = new Receipt[](4);
        Receipt[] memory three = threeReceipts();
        (receipts[0], receipts[1], receipts[2], receipts[3]) =
        (three[0], three[0], three[1], three[2]);
        owed[payer][HOST_B] += 1000 ether; // other money, to be had
        settleChannel(payer, HOST_B);
        Epoch memory epoch = epochOf(receipts);
        propose(epoch);
        uint256 clean = vm.snapshotState();
        challenge(epoch, ALICE);
        slashed("repeated");
        vm.revertToState(clean);
        replay(epoch, 1, 1, epoch, 0);
        slashed("replayed");
    }

    function replay(Epoch memory epoch, uint64 i, uint64 number, Epoch memory other, uint64 j)
        private
    {
        SumProofStep[] memory proof = receiptProof(epoch, i);
        SumProofStep[] memory otherProof = receiptProof(other, j);
        vm.prank(WATCHER);
        settlement.challengeReplay(
            epoch.receipts[i], i, proof, number, other.receipts[j], j, otherProof
        );
    }

    function tryReplay(Epoch memory epoch, uint64 i, uint64 number, Epoch memory other, uint64 j)
        external
    {
        replay(epoch, i, number, other, j);
    }

    function test_a_receipt_of_an_earlier_epoch_falls() external {
        Epoch memory first = epochOf(threeReceipts());
        propose(first);
        finalise(first);
        Receipt[] memory receipts = threeReceipts();
        receipts[0] = first.receipts[0];
        Epoch memory second = epochOf(receipts);
        propose(second);
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        this.tryReplay(second, 1, 1, first, 0);
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        this.tryReplay(second, 1, 2, second, 1);
        vm.expectRevert(AttributionSettlement.ReceiptNotInEpoch.selector);
        this.tryReplay(second, 0, 3, first, 0);
        replay(second, 0, 1, first, 0);
        slashed("earlier epoch");
    }

    /// Under a new nonce the same money of the payer: the intervals that two receipts use overlap.
    function test_money_used_twice_falls() external {
        Epoch memory first = epochOf(threeReceipts());
        propose(first);
        finalise(first);
        Receipt[] memory receipts = threeReceipts();
        Receipt memory twice = nextReceipt(payer, HOST_B, 1, 1);
        settleChannel(payer, HOST_B);
        twice.cumulative = twice.fee; // as if it were the channel's first
        receipts[2] = twice;
        Epoch memory second = epochOf(receipts);
        propose(second);
        for (uint64 i = 0; i < 2; ++i) {
            for (uint64 j = 0; j < 3; ++j) {
                vm.expectRevert(AttributionSettlement.NoFault.selector);
                this.tryReplay(second, i, 1, first, j);
            }
        }
        replay(second, 2, 1, first, 2);
        slashed("twice");
    }

    function test_a_leaf_with_another_sum_falls() external {
        Epoch memory epoch = epochOf(threeReceipts());
        SumProofStep[] memory leaves = receiptLeaves(epoch.receipts);
        leaves[0].sum += 5;
        leaves[1].sum -= 5;
        epoch.proposal.receiptsRoot = Trees.sumRoot(leaves);
        propose(epoch);
        uint256 fee = epoch.receipts[0].fee;
        vm.startPrank(WATCHER);
        vm.expectRevert(AttributionSettlement.ReceiptNotInEpoch.selector);
        settlement.challengeLeafSum(epoch.receipts[0], fee, 0, Trees.sumProve(leaves, 0));
        vm.expectRevert(AttributionSettlement.NoFault.selector);
        settlement.challengeLeafSum(
            epoch.receipts[2], epoch.receipts[2].fee, 2, Trees.sumProve(leaves, 2)
        );
        settlement.challengeLeafSum(epoch.receipts[0], fee + 5, 0, Trees.sumProve(leaves, 0));
        slashed("sum");
    }

    function order(Epoch memory epoch, uint64 i) private {
        Payout memory a = epoch.rewards[i];
        Payout memory b = epoch.rewards[i + 1];
        SumProofStep[] memory proof = rewardProof(epoch.rewards, i);
        SumProofStep[] memory nextProof = rewardProof(epoch.rewards, i + 1);
        vm.prank(WATCHER);
        settlement.challengeRewardOrder(
            i, a.account, a.amount, proof, b.account, b.amount, nextProof
        );
    }

    function tryOrder(Epoch memory epoch, uint64 i) external {
        order(epoch, i);
    }

    function test_unordered_rewards_fall() external {
        for (uint256 round = 0; round < 2; ++round) {
            uint256 clean = vm.snapshotState();
            Epoch memory epoch = epochOf(threeReceipts());
            if (round == 0) {
                (epoch.rewards[3], epoch.rewards[4]) = (epoch.rewards[4], epoch.rewards[3]);
            } else {
                // One account in two leaves.
                Payout[] memory longer = new Payout[](epoch.rewards.length + 1);
                for (uint256 i = 0; i < longer.length; ++i) {
                    longer[i] = epoch.rewards[i < 4 ? i : i - 1];
                }
                longer[3] = Payout(longer[4].account, 7);
                longer[4] = Payout(longer[4].account, longer[4].amount - 7);
                epoch.rewards = longer;
            }
            sealEpoch(epoch);
            propose(epoch);
            vm.expectRevert(AttributionSettlement.NoFault.selector);
            this.tryOrder(epoch, 0);
            order(epoch, 3);
            slashed("order");
            vm.revertToState(clean);
        }
    }

    function test_reward_evidence_must_be_true() external {
        firstEpoch();
        Epoch memory epoch = epochOf(threeReceipts());
        propose(epoch);
        IAttributionSettlement.RewardClaim memory reward = rewardClaim(epoch.rewards, BOB);
        IAttributionSettlement.RewardClaim memory previous = rewardClaim(finalRewards, BOB);
        IAttributionSettlement.RewardClaim memory absent = rewardClaim(epoch.rewards, STRANGER);
        absent.account = BOB;
        vm.expectPartialRevert(AttributionSettlement.AbsenceNotProved.selector);
        settlement.challengeReward(epoch.receipts, absent, previous);
        // Another one's absence as his own: between neighbours that are none.
        absent = rewardClaim(epoch.rewards, STRANGER);
        absent.index += 1;
        vm.expectPartialRevert(AttributionSettlement.RewardNotProved.selector);
        settlement.challengeReward(epoch.receipts, absent, rewardClaim(finalRewards, STRANGER));
        absent.index = 100;
        vm.expectPartialRevert(AttributionSettlement.AbsenceNotProved.selector);
        settlement.challengeReward(epoch.receipts, absent, rewardClaim(finalRewards, STRANGER));
        absent = rewardClaim(epoch.rewards, STRANGER);
        absent.cumulative = 1;
        vm.expectPartialRevert(AttributionSettlement.AbsenceNotProved.selector);
        settlement.challengeReward(epoch.receipts, absent, rewardClaim(finalRewards, STRANGER));
        previous.cumulative += 1;
        vm.expectPartialRevert(AttributionSettlement.RewardNotProved.selector);
        settlement.challengeReward(epoch.receipts, reward, previous);
        previous = rewardClaim(finalRewards, ALICE);
        vm.expectRevert(AttributionSettlement.DifferentAccounts.selector);
        settlement.challengeReward(epoch.receipts, reward, previous);
        previous = rewardClaim(finalRewards, BOB);
        reward.cumulative += 1;
        vm.expectPartialRevert(AttributionSettlement.RewardNotProved.selector);
        settlement.challengeReward(epoch.receipts, reward, previous);
        reward = rewardClaim(epoch.rewards, BOB);
        epoch.receipts[2].covered += 1;
        vm.expectRevert(AttributionSettlement.ReceiptsNotTheEpochs.selector);
        settlement.challengeReward(epoch.receipts, reward, previous);
        vm.expectRevert(AttributionSettlement.ReceiptsNotTheEpochs.selector);
        settlement.challengeReward(new Receipt[](2), reward, previous);
    }

    function test_a_tally_goes_in_turn_and_belongs_to_one_proposal() external {
        Receipt[] memory receipts = threeReceipts();
        Epoch memory epoch = epochOf(receipts);
        epoch.proposal.creditedRecords += 1;
        propose(epoch);
        SumProofStep[] memory proof = receiptProof(epoch, 1);
        vm.prank(WATCHER);
        vm.expectPartialRevert(AttributionSettlement.OutOfTurn.selector);
        settlement.tallyReceipt(BOB, receipts[1], 1, proof);
        IAttributionSettlement.RewardClaim memory reward = rewardClaim(epoch.rewards, BOB);
        IAttributionSettlement.RewardClaim memory previous = rewardClaim(finalRewards, BOB);
        vm.prank(WATCHER);
        vm.expectPartialRevert(AttributionSettlement.TallyNotComplete.selector);
        settlement.challengeTalliedReward(reward, previous);
        tally(epoch, BOB);
        // Another's tally is not ours.
        vm.expectPartialRevert(AttributionSettlement.TallyNotComplete.selector);
        settlement.challengeTalliedReward(reward, previous);
        challengeTallied(epoch, BOB);
        slashed("credited");
        // The next proposal under the same number starts anew.
        epoch = epochOf(receipts);
        propose(epoch);
        (uint64 next,,,) = settlement.tallyOf(WATCHER, BOB);
        eq(next, 0, "anew");
    }
}
