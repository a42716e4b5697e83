// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AttributionSettlement} from "../src/AttributionSettlement.sol";
import {EpochProposal, Receipt} from "../src/interfaces/Types.sol";
import {World} from "./World.sol";

/// An owner that claims again when it is paid.
contract Hungry {
    AttributionSettlement private immutable settlement;
    bytes public again;
    bool public refused;

    constructor(AttributionSettlement settlement_) {
        settlement = settlement_;
    }

    function prepare(bytes calldata call) external {
        again = call;
    }

    receive() external payable {
        (bool ok,) = address(settlement).call(again);
        refused = !ok;
    }
}

contract SettlementTest is World {
    function setUp() external {
        setUpWorld();
    }

    function pendingIs(bool expected) private view {
        (bool exists,,,,,) = settlement.pending();
        ok(exists == expected, "pending");
    }

    function refuse(Epoch memory epoch, uint256 bond, bytes4 reason) private {
        vm.deal(SETTLER, bond);
        vm.prank(SETTLER);
        vm.expectPartialRevert(reason);
        settlement.propose{value: bond}(epoch.proposal);
    }

    function test_wiring() external {
        eq(settlement.escrow(), address(escrow), "escrow");
        eq(address(settlement.verifier().parameters()), address(parameters), "verifier");
        vm.expectPartialRevert(AttributionSettlement.EscrowAlreadySet.selector);
        settlement.setEscrow(address(1));
        vm.prank(ALICE);
        vm.expectPartialRevert(AttributionSettlement.OnlyDeployer.selector);
        settlement.setEscrow(address(1));
        vm.expectPartialRevert(AttributionSettlement.OnlyEscrow.selector);
        settlement.fund(payer, HOST_A);
        AttributionSettlement other = new AttributionSettlement(
            address(parameters), address(vault), address(datanets), address(models)
        );
        vm.expectRevert(AttributionSettlement.ZeroAddress.selector);
        other.setEscrow(address(0));
        vm.expectRevert(AttributionSettlement.ZeroAddress.selector);
        new AttributionSettlement(
            address(parameters), address(0), address(datanets), address(models)
        );
        vm.expectRevert(AttributionSettlement.NoEpochPending.selector);
        settlement.finalise();
    }

    function test_code_fits_the_limit() external view {
        ok(address(settlement).code.length <= 24_576, "settlement");
        ok(address(settlement.verifier()).code.length <= 24_576, "verifier");
    }

    function test_receipt_digest_is_eip_712() external view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("OpenLedger AttributionSettlement"),
                keccak256("1"),
                block.chainid,
                address(settlement)
            )
        );
        bytes32 message =
            keccak256(abi.encode(keccak256("Receipt(bytes32 receiptHash)"), keccak256("receipt")));
        eq(
            settlement.receiptDigest(keccak256("receipt")),
            keccak256(abi.encodePacked(hex"1901", domain, message)),
            "digest"
        );
    }

    function test_an_epoch_from_proposal_to_claims() external {
        (bytes32 root, uint64 count, uint256 total) = settlement.finalisedRewards();
        eq(
            root,
            keccak256(abi.encodePacked(hex"04", bytes32(0), bytes32(0), bytes32(0))),
            "empty tree"
        );
        eq(count, 0, "empty");
        eq(total, 0, "empty");
        Epoch memory epoch = epochOf(threeReceipts());
        eq(settlement.unallocated(), epoch.proposal.receiptsTotal, "all of it is paid for");
        propose(epoch);
        eq(vault.locked(SETTLER, "settler"), BOND, "bond");
        (
            bool exists,
            uint64 number,
            address settler,
            uint256 bond,
            uint64 endsAt,
            EpochProposal memory p
        ) = settlement.pending();
        ok(exists, "pending");
        eq(number, 1, "epoch");
        eq(settler, SETTLER, "settler");
        eq(bond, BOND, "bond");
        eq(endsAt, block.timestamp + 86_400, "window");
        eq(keccak256(abi.encode(p)), keccak256(abi.encode(epoch.proposal)), "proposal");
        refuse(epoch, BOND, AttributionSettlement.EpochPending.selector);

        vm.warp(block.timestamp + 86_399);
        vm.expectPartialRevert(AttributionSettlement.WindowOpen.selector);
        settlement.finalise();
        vm.warp(block.timestamp - 86_399);
        finalise(epoch);
        pendingIs(false);
        eq(settlement.epochCount(), 1, "count");
        eq(settlement.unallocated(), 0, "allocated");
        eq(vault.locked(SETTLER, "settler"), 0, "free");
        eq(vault.staked(SETTLER, "settler"), BOND, "stake");
        (root, count, total) = settlement.finalisedRewards();
        eq(root, epoch.proposal.rewardsRoot, "root");
        eq(count, epoch.rewards.length, "accounts");
        eq(total, epoch.proposal.receiptsTotal, "total");

        uint256 toStakers = 0;
        claimAll(epoch.rewards);
        for (uint256 i = 0; i < epoch.rewards.length; ++i) {
            address account = epoch.rewards[i].account;
            eq(settlement.claimed(account), epoch.rewards[i].amount, "claimed");
            if (account == address(vault)) {
                toStakers = epoch.rewards[i].amount;
            } else {
                eq(account.balance, epoch.rewards[i].amount, "paid");
            }
        }
        eq(address(settlement).balance, 0, "paid out to the wei");
        ok(toStakers != 0, "stakers");
        ok(toStakers - vault.rewardOf(SETTLER) <= 1, "the only staker has it");
    }

    function test_the_second_epoch_adds_to_the_first() external {
        Epoch memory first = epochOf(threeReceipts());
        propose(first);
        finalise(first);
        claimAll(first.rewards);
        Epoch memory second = epochOf(threeReceipts());
        propose(second);
        finalise(second);
        (,, uint256 total) = settlement.finalisedRewards();
        eq(total, first.proposal.receiptsTotal + second.proposal.receiptsTotal, "cumulative");
        // An old leaf of the first tree no longer claims.
        vm.expectPartialRevert(AttributionSettlement.RewardNotProved.selector);
        settlement.claim(
            first.rewards[0].account, first.rewards[0].amount, 0, rewardProof(first.rewards, 0)
        );
        claimAll(second.rewards);
        eq(address(settlement).balance, 0, "all paid");
    }

    function test_propose_refusals() external {
        Epoch memory epoch = epochOf(threeReceipts());
        refuse(epoch, BOND - 1, AttributionSettlement.BondTooSmall.selector);
        epoch.proposal.receiptCount = 0;
        refuse(epoch, BOND, AttributionSettlement.ReceiptCount.selector);
        epoch.proposal.receiptCount = 129;
        refuse(epoch, BOND, AttributionSettlement.ReceiptCount.selector);
        epoch.proposal.receiptCount = 3;
        epoch.proposal.rewardsTotal += 1;
        refuse(epoch, BOND, AttributionSettlement.WrongRewardsTotal.selector);
        epoch.proposal.receiptsTotal += 1;
        refuse(epoch, BOND, AttributionSettlement.MoreThanUnallocated.selector);
    }

    function test_claim_refusals() external {
        Epoch memory epoch = epochOf(threeReceipts());
        propose(epoch);
        address account = epoch.rewards[2].account;
        uint256 amount = epoch.rewards[2].amount;
        vm.expectPartialRevert(AttributionSettlement.RewardNotProved.selector);
        settlement.claim(account, amount, 2, rewardProof(epoch.rewards, 2));
        finalise(epoch);
        vm.expectPartialRevert(AttributionSettlement.RewardNotProved.selector);
        settlement.claim(account, amount + 1, 2, rewardProof(epoch.rewards, 2));
        vm.expectPartialRevert(AttributionSettlement.RewardNotProved.selector);
        settlement.claim(account, amount, 1, rewardProof(epoch.rewards, 2));
        vm.expectPartialRevert(AttributionSettlement.RewardNotProved.selector);
        settlement.claim(WATCHER, amount, 2, rewardProof(epoch.rewards, 2));
        settlement.claim(account, amount, 2, rewardProof(epoch.rewards, 2));
        vm.expectRevert(AttributionSettlement.NothingToClaim.selector);
        settlement.claim(account, amount, 2, rewardProof(epoch.rewards, 2));
    }

    function test_a_claim_is_paid_once_whatever_the_receiver_does() external {
        Hungry hungry = new Hungry(settlement);
        Receipt[] memory receipts = new Receipt[](1);
        receipts[0] = nextReceipt(payer, address(hungry), 1000, 1000);
        settlePayouts(receipts[0]);
        (uint256 due,,) = (owed[payer][address(hungry)], 0, 0);
        vm.deal(payer, due);
        vm.prank(payer);
        escrow.deposit{value: due}(address(hungry));
        bytes memory signature = voucher(payer, address(hungry), due);
        vm.prank(address(hungry));
        escrow.redeem(payer, due, due, signature);
        Epoch memory epoch = epochOf(receipts);
        propose(epoch);
        finalise(epoch);
        uint256 i = 0;
        while (epoch.rewards[i].account != address(hungry)) ++i;
        hungry.prepare(
            abi.encodeCall(
                settlement.claim,
                (address(hungry), epoch.rewards[i].amount, uint64(i), rewardProof(epoch.rewards, i))
            )
        );
        settlement.claim(
            address(hungry), epoch.rewards[i].amount, uint64(i), rewardProof(epoch.rewards, i)
        );
        ok(hungry.refused(), "second claim");
        eq(address(hungry).balance, epoch.rewards[i].amount, "once");
    }

    function test_the_threshold_moves_with_the_epoch() external {
        // Three receipts of three credited records each, twelve aimed at: a quarter below the
        // target.
        uint256 tau = parameters.get("ATTRIBUTION_THRESHOLD");
        Epoch memory epoch = epochOf(threeReceipts());
        eq(epoch.proposal.creditedRecords, 9, "credited");
        propose(epoch);
        finalise(epoch);
        eq(parameters.get("ATTRIBUTION_THRESHOLD"), tau - tau * 3 / 12 / 8, "down");
        eq(parameters.version(), 2, "a version");
        parameters.set("THRESHOLD_TARGET", 1);
        tau = parameters.get("ATTRIBUTION_THRESHOLD");
        epoch = epochOf(threeReceipts());
        propose(epoch);
        finalise(epoch);
        eq(parameters.get("ATTRIBUTION_THRESHOLD"), tau + tau / 8, "up");
    }

    /// The window is the one that was governed when the epoch was proposed.
    function test_a_parameter_does_not_shorten_a_running_window() external {
        Epoch memory epoch = epochOf(threeReceipts());
        propose(epoch);
        parameters.set("CHALLENGE_WINDOW", 60);
        vm.warp(block.timestamp + 61);
        vm.expectPartialRevert(AttributionSettlement.WindowOpen.selector);
        settlement.finalise();
    }
}
