// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {InferenceEscrow} from "../src/InferenceEscrow.sol";
import {World} from "./World.sol";

/// A payer that is a contract, and asks for its refund twice at once.
contract Greedy {
    InferenceEscrow private immutable escrow;
    bool public refused;

    constructor(InferenceEscrow escrow_) payable {
        escrow = escrow_;
    }

    function prepare() external {
        escrow.deposit{value: 4 ether}(address(1));
        escrow.requestRefund(address(1), 4 ether);
    }

    function run() external {
        escrow.refund(address(1));
    }

    receive() external payable {
        try escrow.refund(address(1)) {}
        catch {
            refused = true;
        }
    }
}

contract InferenceEscrowTest is World {
    function setUp() external {
        deploy();
        vm.deal(payer, 100 ether);
        vm.prank(payer);
        escrow.deposit{value: 10 ether}(HOST_A);
    }

    function channelIs(uint256 deposited, uint256 redeemed, uint256 refunding) private view {
        (uint256 d, uint256 r, uint256 f,) = escrow.channel(payer, HOST_A);
        eq(d, deposited, "deposited");
        eq(r, redeemed, "redeemed");
        eq(f, refunding, "refunding");
    }

    function test_digest_is_eip_712() external view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("OpenLedger InferenceEscrow"),
                keccak256("1"),
                block.chainid,
                address(escrow)
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Voucher(address payer,address host,uint256 cumulative)"),
                payer,
                HOST_A,
                uint256(7)
            )
        );
        eq(
            escrow.voucherDigest(payer, HOST_A, 7),
            keccak256(abi.encodePacked(hex"1901", domain, message)),
            "digest"
        );
    }

    function test_redeem_moves_what_was_used() external {
        bytes memory signature = voucher(payer, HOST_A, 6 ether);
        vm.startPrank(HOST_A);
        eq(escrow.redeem(payer, 6 ether, 4 ether, signature), 4 ether, "first");
        channelIs(10 ether, 4 ether, 0);
        eq(settlement.unallocated(), 4 ether, "funded");
        eq(settlement.paid(payer, HOST_A), 4 ether, "paid");
        eq(escrow.redeem(payer, 6 ether, 6 ether, signature), 2 ether, "the rest of the voucher");
        channelIs(10 ether, 6 ether, 0);
        eq(address(escrow).balance, 4 ether, "escrow");
        eq(address(settlement).balance, 6 ether, "settlement");
        vm.expectRevert(
            abi.encodeWithSelector(InferenceEscrow.AlreadyRedeemed.selector, 6 ether, 6 ether)
        );
        escrow.redeem(payer, 6 ether, 6 ether, signature);
    }

    function test_redeem_refusals() external {
        bytes memory signature = voucher(payer, HOST_A, 6 ether);
        vm.startPrank(HOST_A);
        vm.expectRevert(
            abi.encodeWithSelector(InferenceEscrow.MoreThanVoucher.selector, 6 ether + 1, 6 ether)
        );
        escrow.redeem(payer, 6 ether, 6 ether + 1, signature);
        vm.expectPartialRevert(InferenceEscrow.AlreadyRedeemed.selector);
        escrow.redeem(payer, 6 ether, 0, signature);
        vm.expectPartialRevert(InferenceEscrow.NotSignedByPayer.selector);
        escrow.redeem(payer, 6 ether + 1, 6 ether, signature);
        signature[64] = bytes1(uint8(signature[64]) ^ 1);
        vm.expectPartialRevert(InferenceEscrow.NotSignedByPayer.selector);
        escrow.redeem(payer, 6 ether, 6 ether, signature);
        vm.expectPartialRevert(InferenceEscrow.NotSignedByPayer.selector);
        escrow.redeem(payer, 6 ether, 6 ether, "");
        signature = voucher(payer, HOST_A, 20 ether);
        vm.expectRevert(
            abi.encodeWithSelector(InferenceEscrow.MoreThanDeposit.selector, 11 ether, 10 ether)
        );
        escrow.redeem(payer, 20 ether, 11 ether, signature);
        vm.stopPrank();
        // Another host's voucher, and another payer's signature.
        vm.expectPartialRevert(InferenceEscrow.MoreThanDeposit.selector);
        vm.prank(HOST_B);
        escrow.redeem(payer, 20 ether, 5 ether, signature);
        vm.prank(payer);
        escrow.deposit{value: 10 ether}(HOST_B);
        vm.expectPartialRevert(InferenceEscrow.NotSignedByPayer.selector);
        vm.prank(HOST_B);
        escrow.redeem(payer, 20 ether, 5 ether, signature);
    }

    /// A signature that recovers nobody must not draw on the zero address's deposits.
    function test_the_zero_address_signs_nothing() external {
        vm.deal(address(0), 1 ether);
        vm.prank(address(0));
        escrow.deposit{value: 1 ether}(HOST_A);
        vm.prank(HOST_A);
        vm.expectPartialRevert(InferenceEscrow.NotSignedByPayer.selector);
        escrow.redeem(address(0), 1 ether, 1 ether, new bytes(65));
    }

    function test_deposit_refusals() external {
        vm.startPrank(payer);
        vm.expectRevert(InferenceEscrow.NothingSent.selector);
        escrow.deposit(HOST_A);
        vm.expectRevert(InferenceEscrow.ZeroAddress.selector);
        escrow.deposit{value: 1}(address(0));
        vm.stopPrank();
        vm.expectRevert(InferenceEscrow.ZeroAddress.selector);
        new InferenceEscrow(address(0), address(1));
        vm.expectRevert(InferenceEscrow.ZeroAddress.selector);
        new InferenceEscrow(address(1), address(0));
    }

    function test_refund_waits_and_pays() external {
        vm.startPrank(payer);
        vm.expectRevert(InferenceEscrow.NoRefundRequested.selector);
        escrow.refund(HOST_A);
        vm.expectRevert(InferenceEscrow.NothingAsked.selector);
        escrow.requestRefund(HOST_A, 0);
        vm.expectRevert(
            abi.encodeWithSelector(InferenceEscrow.MoreThanLeft.selector, 11 ether, 10 ether)
        );
        escrow.requestRefund(HOST_A, 11 ether);
        escrow.requestRefund(HOST_A, 3 ether);
        channelIs(10 ether, 0, 3 ether);
        vm.warp(block.timestamp + 86_399);
        vm.expectPartialRevert(InferenceEscrow.RefundNotReady.selector);
        escrow.refund(HOST_A);
        vm.warp(block.timestamp + 1);
        uint256 before = payer.balance;
        eq(escrow.refund(HOST_A), 3 ether, "refunded");
        eq(payer.balance, before + 3 ether, "paid");
        channelIs(7 ether, 0, 0);
        vm.expectRevert(InferenceEscrow.NoRefundRequested.selector);
        escrow.refund(HOST_A);
    }

    function test_the_host_goes_before_a_refund() external {
        vm.prank(payer);
        escrow.requestRefund(HOST_A, 8 ether);
        bytes memory signature = voucher(payer, HOST_A, 9 ether);
        vm.prank(HOST_A);
        escrow.redeem(payer, 9 ether, 9 ether, signature);
        vm.warp(block.timestamp + 86_400);
        vm.prank(payer);
        eq(escrow.refund(HOST_A), 1 ether, "what is still there");
        channelIs(9 ether, 9 ether, 0);
    }

    function test_a_refund_is_paid_once() external {
        Greedy greedy = new Greedy{value: 4 ether}(escrow);
        greedy.prepare();
        vm.warp(block.timestamp + 86_400);
        greedy.run();
        ok(greedy.refused(), "second refund");
        eq(address(greedy).balance, 4 ether, "once");
        eq(address(escrow).balance, 10 ether, "the other's deposit");
    }

    function testFuzz_a_channel_never_pays_more_than_its_deposit(
        uint256 deposit_,
        uint256 used,
        uint256 refund_,
        bool refundFirst
    ) external {
        deposit_ = within(deposit_, 1, 1e27);
        vm.deal(otherPayer, deposit_);
        vm.startPrank(otherPayer);
        escrow.deposit{value: deposit_}(HOST_B);
        escrow.requestRefund(HOST_B, within(refund_, 1, deposit_));
        vm.stopPrank();
        vm.warp(block.timestamp + 86_400);
        uint256 refunded = 0;
        if (refundFirst) {
            vm.prank(otherPayer);
            refunded = escrow.refund(HOST_B);
        }
        (uint256 left,,,) = escrow.channel(otherPayer, HOST_B);
        uint256 drawn = 0;
        if (left != 0) {
            uint256 upTo = within(used, 1, left);
            bytes memory signature = voucher(otherPayer, HOST_B, upTo);
            vm.prank(HOST_B);
            drawn = escrow.redeem(otherPayer, upTo, upTo, signature);
        }
        if (!refundFirst) {
            vm.prank(otherPayer);
            refunded = escrow.refund(HOST_B);
        }
        eq(otherPayer.balance, refunded, "refunded");
        eq(settlement.unallocated(), drawn, "drawn");
        eq(address(escrow).balance, 10 ether + deposit_ - refunded - drawn, "rest");
    }
}
