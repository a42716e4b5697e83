// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ProtocolParameters} from "../src/ProtocolParameters.sol";
import {Checks} from "./Cheats.sol";

contract ProtocolParametersTest is Checks {
    uint256 private constant ONE = 1 << 32;
    address private constant SETTLEMENT = address(0x5e77);
    ProtocolParameters private parameters;

    struct Row {
        bytes32 key;
        uint256 value;
        uint256 min;
        uint256 max;
    }

    function setUp() external {
        parameters = new ProtocolParameters(address(this), address(0x7ea));
        parameters.setSettlement(SETTLEMENT);
    }

    /// The table of docs/formats/money.md, with the bounds as they stand among the defaults.
    function rows() private pure returns (Row[22] memory) {
        return [
            Row("ATTRIBUTION_THRESHOLD", ONE / 64, ONE / 4096, ONE / 8),
            Row("THRESHOLD_MIN", ONE / 4096, 0, ONE / 8),
            Row("THRESHOLD_MAX", ONE / 8, ONE / 4096, ONE / 2),
            Row("THRESHOLD_TARGET", 4, 1, 1000),
            Row("SPLIT_PLATFORM", 1000, 0, 3000),
            Row("SPLIT_HOST", 1000, 0, 5000),
            Row("SPLIT_MODEL", 1000, 0, 5000),
            Row("SPLIT_STAKERS", 2000, 0, 5000),
            Row("SPLIT_CONTRIBUTORS", 5000, 1000, 9000),
            Row("UNEXPLAINED_BASE", 5000, 0, 10_000),
            Row("PLATFORM_FEE", 10 ** 12, 0, 10 ** 18),
            Row("BATCH_BOND", 10 ** 18, 10 ** 15, 10 ** 24),
            Row("SETTLER_BOND", 10 ** 19, 10 ** 15, 10 ** 24),
            Row("CHALLENGE_WINDOW", 86_400, 60, 172_799),
            Row("REFUND_DELAY", 86_400, 60, 2_592_000),
            Row("COOL_DOWN", 172_800, 86_401, 5_184_000),
            Row("DUPLICATE_MIN_EQUAL", 104, 101, 112),
            Row("MAX_EPOCH_RECEIPTS", 128, 1, 256),
            Row("SPAN_MIN_SYMBOLS", 6, 2, 64),
            Row("SPAN_MIN_BITS", 6144, 0, 2 ** 20),
            Row("SPAN_MAX_CLUSTERS", 16, 1, 16),
            Row("SPAN_COMMON", 64, 1, 10 ** 6)
        ];
    }

    function test_defaults_and_bounds() external view {
        eq(parameters.version(), 1, "version");
        eq(parameters.treasury(), address(0x7ea), "treasury");
        Row[22] memory all = rows();
        for (uint256 i = 0; i < all.length; ++i) {
            string memory name = string(abi.encodePacked(all[i].key));
            eq(parameters.get(all[i].key), all[i].value, name);
            eq(parameters.getAt(all[i].key, 1), all[i].value, name);
            (uint256 min, uint256 max) = parameters.bounds(all[i].key);
            eq(min, all[i].min, name);
            eq(max, all[i].max, name);
        }
    }

    function test_bounds_are_kept() external {
        Row[22] memory all = rows();
        for (uint256 i = 0; i < all.length; ++i) {
            Row memory row = all[i];
            uint256 before = vm.snapshotState();
            parameters.set(row.key, row.min);
            parameters.set(row.key, row.max);
            vm.revertToState(before);
            vm.expectRevert(
                abi.encodeWithSelector(
                    ProtocolParameters.OutOfBounds.selector, row.key, row.max + 1, row.min, row.max
                )
            );
            parameters.set(row.key, row.max + 1);
            if (row.min == 0) continue;
            vm.expectPartialRevert(ProtocolParameters.OutOfBounds.selector);
            parameters.set(row.key, row.min - 1);
        }
    }

    function test_versions_are_kept() external {
        parameters.set("SPLIT_HOST", 1500);
        parameters.set("PLATFORM_FEE", 7);
        parameters.set("SPLIT_HOST", 900);
        eq(parameters.version(), 4, "version");
        eq(parameters.getAt("SPLIT_HOST", 1), 1000, "1");
        eq(parameters.getAt("SPLIT_HOST", 2), 1500, "2");
        eq(parameters.getAt("SPLIT_HOST", 3), 1500, "3");
        eq(parameters.getAt("SPLIT_HOST", 4), 900, "4");
        eq(parameters.getAt("PLATFORM_FEE", 2), 10 ** 12, "fee");
        eq(parameters.getAt("PLATFORM_FEE", 3), 7, "fee");
        vm.expectPartialRevert(ProtocolParameters.UnknownVersion.selector);
        parameters.getAt("SPLIT_HOST", 5);
        vm.expectPartialRevert(ProtocolParameters.UnknownVersion.selector);
        parameters.getAt("SPLIT_HOST", 0);
    }

    function test_unknown_keys() external {
        bytes memory unknown =
            abi.encodeWithSelector(ProtocolParameters.UnknownParameter.selector, bytes32("SPLIT"));
        vm.expectRevert(unknown);
        parameters.get("SPLIT");
        vm.expectRevert(unknown);
        parameters.getAt("SPLIT", 1);
        vm.expectRevert(unknown);
        parameters.bounds("SPLIT");
        vm.expectRevert(unknown);
        parameters.set("SPLIT", 1);
    }

    function test_only_the_owner_sets() external {
        vm.prank(address(1));
        vm.expectPartialRevert(Ownable.OwnableUnauthorizedAccount.selector);
        parameters.set("SPLIT_HOST", 1);
        vm.prank(address(1));
        vm.expectPartialRevert(Ownable.OwnableUnauthorizedAccount.selector);
        parameters.setSettlement(address(1));
    }

    function test_settlement_is_set_once() external {
        vm.expectPartialRevert(ProtocolParameters.SettlementAlreadySet.selector);
        parameters.setSettlement(address(1));
        ProtocolParameters other = new ProtocolParameters(address(this), address(1));
        vm.expectRevert(ProtocolParameters.ZeroAddress.selector);
        other.setSettlement(address(0));
        vm.expectRevert(ProtocolParameters.ZeroAddress.selector);
        new ProtocolParameters(address(this), address(0));
    }

    function test_the_settlement_moves_the_threshold() external {
        vm.expectPartialRevert(ProtocolParameters.OnlySettlement.selector);
        parameters.adjustThreshold(ONE / 64 + 1);
        vm.startPrank(SETTLEMENT);
        parameters.adjustThreshold(ONE / 64 + 1);
        eq(parameters.version(), 2, "a version");
        parameters.adjustThreshold(ONE / 64 + 1);
        eq(parameters.version(), 2, "no change, no version");
        eq(parameters.getAt("ATTRIBUTION_THRESHOLD", 1), ONE / 64, "old");
        eq(parameters.get("ATTRIBUTION_THRESHOLD"), ONE / 64 + 1, "new");
        vm.expectPartialRevert(ProtocolParameters.OutOfBounds.selector);
        parameters.adjustThreshold(ONE / 8 + 1);
        vm.expectPartialRevert(ProtocolParameters.OutOfBounds.selector);
        parameters.adjustThreshold(ONE / 4096 - 1);
    }

    function test_the_threshold_follows_its_bounds() external {
        parameters.set("THRESHOLD_MIN", ONE / 32);
        eq(parameters.get("ATTRIBUTION_THRESHOLD"), ONE / 32, "raised");
        eq(parameters.getAt("ATTRIBUTION_THRESHOLD", 2), ONE / 32, "in the same version");
        parameters.set("THRESHOLD_MIN", 0);
        parameters.set("THRESHOLD_MAX", ONE / 100);
        eq(parameters.get("ATTRIBUTION_THRESHOLD"), ONE / 100, "lowered");
        vm.expectPartialRevert(ProtocolParameters.OutOfBounds.selector);
        parameters.set("THRESHOLD_MIN", ONE / 100 + 1);
    }

    function testFuzz_the_cool_down_outlasts_the_window(uint256[8] memory values) external {
        for (uint256 i = 0; i < values.length; ++i) {
            bytes32 key = i % 2 == 0 ? bytes32("CHALLENGE_WINDOW") : bytes32("COOL_DOWN");
            (uint256 min, uint256 max) = parameters.bounds(key);
            parameters.set(key, within(values[i], min, max));
            ok(parameters.get("CHALLENGE_WINDOW") < parameters.get("COOL_DOWN"), "order");
        }
    }
}
