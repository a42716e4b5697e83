// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {FastLz} from "../src/predeploys/FastLz.sol";
import {FeeVault} from "../src/predeploys/FeeVault.sol";
import {GasPriceOracle} from "../src/predeploys/GasPriceOracle.sol";
import {L1Block} from "../src/predeploys/L1Block.sol";
import {L2ToL1MessagePasser} from "../src/predeploys/L2ToL1MessagePasser.sol";
import {Multicall3} from "../src/predeploys/Multicall3.sol";
import {WrappedOpen} from "../src/predeploys/WrappedOpen.sol";
import {Checks} from "./Cheats.sol";

contract PredeploysTest is Checks {
    address private constant DEPOSITOR = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;
    L1Block private constant L1_BLOCK = L1Block(0x4200000000000000000000000000000000000015);
    L2ToL1MessagePasser private constant PASSER =
        L2ToL1MessagePasser(payable(0x4200000000000000000000000000000000000016));
    address private constant ANNA = address(0xa1);
    address private constant BERT = address(0xb1);

    GasPriceOracle private oracle = new GasPriceOracle();
    WrappedOpen private wrapped = new WrappedOpen();
    Multicall3 private multicall = new Multicall3();

    function setUp() public {
        vm.etch(address(L1_BLOCK), address(new L1Block()).code);
        vm.etch(address(PASSER), address(new L2ToL1MessagePasser()).code);
        vm.deal(ANNA, 100 ether);
    }

    function attributes(bytes4 selector) private pure returns (bytes memory) {
        return abi.encodePacked(
            selector,
            uint32(1368),
            uint32(810949),
            uint64(3),
            uint64(1_700_000_000),
            uint64(20_000_000),
            uint256(7 gwei),
            uint256(5),
            bytes32(uint256(0xabc)),
            bytes32(uint256(0xdef)),
            uint32(2_000_000),
            uint64(77)
        );
    }

    function setAttributes(bytes memory data) private returns (bool done) {
        vm.prank(DEPOSITOR);
        (done,) = address(L1_BLOCK).call(data);
    }

    function test_attributes_are_unpacked_into_the_slots_of_the_specification() public {
        ok(setAttributes(attributes(L1Block.setL1BlockValuesIsthmus.selector)), "set");
        eq(L1_BLOCK.baseFeeScalar(), 1368, "base fee scalar");
        eq(L1_BLOCK.blobBaseFeeScalar(), 810949, "blob base fee scalar");
        eq(L1_BLOCK.sequenceNumber(), 3, "sequence number");
        eq(L1_BLOCK.timestamp(), 1_700_000_000, "timestamp");
        eq(L1_BLOCK.number(), 20_000_000, "number");
        eq(L1_BLOCK.basefee(), 7 gwei, "base fee");
        eq(L1_BLOCK.blobBaseFee(), 5, "blob base fee");
        eq(uint256(L1_BLOCK.hash()), 0xabc, "hash");
        eq(uint256(L1_BLOCK.batcherHash()), 0xdef, "batcher");
        eq(L1_BLOCK.operatorFeeScalar(), 2_000_000, "operator fee scalar");
        eq(L1_BLOCK.operatorFeeConstant(), 77, "operator fee constant");
        eq(slot(0), 20_000_000 | (uint256(1_700_000_000) << 64), "slot 0");
        eq(slot(1), 7 gwei, "slot 1");
        eq(slot(3), 3 | (uint256(810949) << 64) | (uint256(1368) << 96), "slot 3");
        eq(slot(7), 5, "slot 7");
        eq(slot(8), 77 | (uint256(2_000_000) << 64), "slot 8");
    }

    function slot(uint256 index) private view returns (uint256) {
        return uint256(vm.load(address(L1_BLOCK), bytes32(index)));
    }

    function test_jovian_attributes_add_the_footprint_scalar() public {
        bytes memory data = attributes(L1Block.setL1BlockValuesJovian.selector);
        ok(setAttributes(bytes.concat(data, bytes2(uint16(400)))), "set");
        eq(L1_BLOCK.daFootprintGasScalar(), 400, "scalar");
        eq(slot(8), 77 | (uint256(2_000_000) << 64) | (uint256(400) << 96), "slot 8");
        ok(!setAttributes(data), "too short");
    }

    function test_only_the_depositor_sets_attributes() public {
        (bool done,) = address(L1_BLOCK).call(attributes(L1Block.setL1BlockValuesIsthmus.selector));
        ok(!done, "refused");
        eq(L1_BLOCK.number(), 0, "nothing changed");
        eq(uint32(L1Block.setL1BlockValuesEcotone.selector), 0x440a5e20, "Ecotone's selector");
        eq(uint32(L1Block.setL1BlockValuesIsthmus.selector), 0x098999be, "Isthmus' selector");
        eq(uint32(L1Block.setL1BlockValuesJovian.selector), 0x3db6be2b, "Jovian's selector");
    }

    function test_compressed_lengths() public pure {
        eq(FastLz.length(""), 0, "nothing");
        eq(FastLz.length(hex"010203"), 4, "literals");
        // 32 literals a run, each run with its byte: 1000 equal bytes are one long match.
        eq(FastLz.length(new bytes(1000)), 21, "zeros");
        bytes memory counted = new bytes(64);
        for (uint256 i = 0; i < 64; ++i) {
            counted[i] = bytes1(uint8(i));
        }
        eq(FastLz.length(counted), 66, "incompressible");
    }

    function test_l1_fee_follows_the_formula() public {
        ok(setAttributes(attributes(L1Block.setL1BlockValuesIsthmus.selector)), "set");
        uint256 perByte = 16 * uint256(1368) * 7 gwei + uint256(810949) * 5;
        // Small transactions count as 100 bytes.
        eq(oracle.getL1Fee(new bytes(10)), 100e6 * perByte / 1e12, "minimum");
        bytes memory data = new bytes(400);
        for (uint256 i = 0; i < 400; ++i) {
            data[i] = bytes1(uint8(uint256(keccak256(abi.encode(i)))));
        }
        uint256 size = FastLz.length(data) + 68;
        ok(size >= 400, "random bytes do not compress");
        eq(oracle.getL1Fee(data), (836_500 * size - 42_585_600) * perByte / 1e12, "regression");
        ok(oracle.getL1FeeUpperBound(400) >= oracle.getL1Fee(data), "bound");
        eq(oracle.getOperatorFee(21_000), uint256(21_000) * 2 + 77, "operator fee");
        vm.prank(DEPOSITOR);
        oracle.setJovian();
        eq(oracle.getOperatorFee(21_000), uint256(21_000) * 2_000_000 * 100 + 77, "Jovian's");
    }

    function test_withdrawals_are_remembered_under_their_hash() public {
        bytes32 expected = keccak256(
            abi.encode(uint256(1) << 240, ANNA, BERT, 2 ether, uint256(90_000), bytes(hex"c0de"))
        );
        vm.prank(ANNA);
        PASSER.initiateWithdrawal{value: 2 ether}(BERT, 90_000, hex"c0de");
        ok(PASSER.sentMessages(expected), "sent");
        eq(PASSER.messageNonce(), (uint256(1) << 240) + 1, "nonce");
        ok(
            vm.load(address(PASSER), keccak256(abi.encode(expected, uint256(0))))
                == bytes32(uint256(1)),
            "in the mapping of slot 0"
        );
        eq(address(PASSER).balance, 2 ether, "held");
        PASSER.burn();
        eq(address(PASSER).balance, 0, "burnt");
    }

    function test_vaults_pay_the_recipient() public {
        address payable vault = payable(0x4200000000000000000000000000000000000011);
        vm.etch(vault, address(new FeeVault()).code);
        vm.store(vault, bytes32(uint256(1)), bytes32(uint256(uint160(BERT))));
        vm.store(vault, bytes32(uint256(2)), bytes32(uint256(1 ether)));
        vm.store(vault, bytes32(uint256(3)), bytes32(uint256(1)));
        vm.deal(vault, 1 ether - 1);
        vm.expectPartialRevert(FeeVault.BelowMinimum.selector);
        FeeVault(vault).withdraw();
        vm.deal(vault, 3 ether);
        FeeVault(vault).withdraw();
        eq(BERT.balance, 3 ether, "paid");
        eq(FeeVault(vault).totalProcessed(), 3 ether, "counted");
        vm.store(vault, bytes32(uint256(3)), bytes32(uint256(0)));
        vm.deal(vault, 2 ether);
        FeeVault(vault).withdraw();
        eq(address(PASSER).balance, 2 ether, "on its way to Layer 1");
    }

    function test_wrapped_open_is_backed_one_for_one(uint96 deposit, uint96 sent) public {
        vm.deal(ANNA, deposit);
        vm.startPrank(ANNA);
        wrapped.deposit{value: deposit}();
        if (sent > deposit) {
            vm.expectPartialRevert(WrappedOpen.BalanceTooLow.selector);
            wrapped.transfer(BERT, sent);
            vm.stopPrank();
            return;
        }
        wrapped.transfer(BERT, sent);
        wrapped.withdraw(deposit - sent);
        vm.stopPrank();
        eq(ANNA.balance, deposit - sent, "taken out");
        eq(wrapped.balanceOf(BERT), sent, "sent");
        eq(wrapped.totalSupply(), sent, "supply");
        vm.expectPartialRevert(WrappedOpen.AllowanceTooLow.selector);
        wrapped.transferFrom(BERT, ANNA, uint256(sent) + 1);
        vm.prank(BERT);
        wrapped.approve(ANNA, sent);
        vm.prank(ANNA);
        wrapped.transferFrom(BERT, ANNA, sent);
        eq(wrapped.balanceOf(ANNA), sent, "taken by allowance");
        eq(wrapped.allowance(BERT, ANNA), 0, "used up");
    }

    function test_multicall_gathers_results_and_bears_failures() public {
        Multicall3.Call3[] memory calls = new Multicall3.Call3[](2);
        calls[0] =
            Multicall3.Call3(address(multicall), false, abi.encodeCall(Multicall3.getChainId, ()));
        calls[1] = Multicall3.Call3(
            address(wrapped), true, abi.encodeCall(WrappedOpen.transfer, (BERT, 1))
        );
        Multicall3.Result[] memory results = multicall.aggregate3(calls);
        eq(abi.decode(results[0].returnData, (uint256)), block.chainid, "chain id");
        ok(!results[1].success, "failed alone");
        calls[1].allowFailure = false;
        vm.expectRevert(abi.encodeWithSelector(Multicall3.CallFailed.selector, uint256(1)));
        multicall.aggregate3(calls);
    }
}
