// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ProtocolParameters} from "../src/ProtocolParameters.sol";
import {StakeVault} from "../src/StakeVault.sol";
import {Send} from "../src/lib/Send.sol";
import {Checks} from "./Cheats.sol";

/// Takes value, and calls back into the vault when it does.
contract Reentrant {
    StakeVault private immutable vault;
    bytes private call_;
    bool public refused;

    constructor(StakeVault vault_) payable {
        vault = vault_;
    }

    function stake(bytes32 role, uint256 amount) external {
        vault.stake{value: amount}(role);
    }

    function run(bytes memory call, bytes memory inside) external {
        call_ = inside;
        (bool ok,) = address(vault).call(call);
        require(ok, "outer call");
    }

    receive() external payable {
        if (call_.length == 0) return;
        (bool ok,) = address(vault).call(call_);
        refused = !ok;
    }
}

contract StakeVaultTest is Checks {
    address private constant BURN = 0x000000000000000000000000000000000000dEaD;
    address private constant COURT = address(0xc0);
    address private constant ANNA = address(0xa1);
    address private constant BERT = address(0xb1);
    address private constant WATCHER = address(0xe1);
    StakeVault private vault;

    function setUp() external {
        vm.warp(1_700_000_000);
        vault = new StakeVault(address(new ProtocolParameters(address(this), address(1))));
        vault.authorise(COURT);
        vm.deal(ANNA, 100 ether);
        vm.deal(BERT, 100 ether);
        vm.deal(COURT, 100 ether);
    }

    function stake(address account, uint256 amount) private {
        vm.prank(account);
        vault.stake{value: amount}("worker");
    }

    function test_stake_is_counted_by_role() external {
        stake(ANNA, 3 ether);
        stake(ANNA, 1 ether);
        vm.prank(ANNA);
        vault.stake{value: 2 ether}("validator");
        eq(vault.staked(ANNA, "worker"), 4 ether, "worker");
        eq(vault.staked(ANNA, "validator"), 2 ether, "validator");
        eq(vault.totalStaked(), 6 ether, "total");
        eq(address(vault).balance, 6 ether, "balance");
    }

    function test_refusals() external {
        vm.startPrank(ANNA);
        vm.expectPartialRevert(StakeVault.UnknownRole.selector);
        vault.stake{value: 1}("king");
        vm.expectRevert(StakeVault.NothingSent.selector);
        vault.stake("worker");
        vm.expectRevert(StakeVault.NothingAsked.selector);
        vault.requestUnstake("worker", 0);
        vm.expectPartialRevert(StakeVault.NotEnoughFree.selector);
        vault.requestUnstake("worker", 1);
        vm.expectRevert(StakeVault.NothingCooling.selector);
        vault.withdraw("worker");
        vm.expectRevert(StakeVault.NothingToClaim.selector);
        vault.claimReward();
        vm.expectRevert(StakeVault.NothingSent.selector);
        vault.addReward();
        vm.stopPrank();
        vm.expectRevert(StakeVault.ZeroAddress.selector);
        new StakeVault(address(0));
    }

    function test_only_two_contracts_are_ever_authorised() external {
        vm.prank(ANNA);
        vm.expectPartialRevert(Ownable.OwnableUnauthorizedAccount.selector);
        vault.authorise(ANNA);
        vm.expectRevert(StakeVault.ZeroAddress.selector);
        vault.authorise(address(0));
        vm.expectPartialRevert(StakeVault.AlreadyAuthorised.selector);
        vault.authorise(COURT);
        vault.authorise(address(0xc1));
        vm.expectRevert(StakeVault.AuthorisedListClosed.selector);
        vault.authorise(address(0xc2));
    }

    function test_only_authorised_contracts_touch_locks() external {
        vm.startPrank(ANNA);
        bytes memory refusal = abi.encodeWithSelector(StakeVault.NotAuthorised.selector, ANNA);
        vm.expectRevert(refusal);
        vault.stakeLocked{value: 1}(ANNA, "worker");
        vm.expectRevert(refusal);
        vault.lock(ANNA, "worker", 0);
        vm.expectRevert(refusal);
        vault.release(ANNA, "worker", 0);
        vm.expectRevert(refusal);
        vault.slash(ANNA, "worker", 0, ANNA);
    }

    function test_lock_release_and_their_limits() external {
        stake(ANNA, 5 ether);
        vm.startPrank(COURT);
        vault.lock(ANNA, "worker", 4 ether);
        eq(vault.locked(ANNA, "worker"), 4 ether, "locked");
        eq(vault.staked(ANNA, "worker"), 5 ether, "locked stake is stake");
        vm.expectRevert(abi.encodeWithSelector(StakeVault.NotEnoughFree.selector, 2 ether, 1 ether));
        vault.lock(ANNA, "worker", 2 ether);
        vm.expectRevert(
            abi.encodeWithSelector(StakeVault.NotEnoughLocked.selector, 5 ether, 4 ether)
        );
        vault.release(ANNA, "worker", 5 ether);
        vault.release(ANNA, "worker", 3 ether);
        eq(vault.locked(ANNA, "worker"), 1 ether, "left");
        vm.expectRevert(StakeVault.NothingSent.selector);
        vault.stakeLocked(ANNA, "worker");
        vm.expectRevert(StakeVault.ZeroAddress.selector);
        vault.stakeLocked{value: 1}(address(0), "worker");
        vm.expectPartialRevert(StakeVault.UnknownRole.selector);
        vault.stakeLocked{value: 1}(ANNA, "king");
        vm.stopPrank();
        vm.prank(ANNA);
        vm.expectRevert(abi.encodeWithSelector(StakeVault.NotEnoughFree.selector, 5 ether, 4 ether));
        vault.requestUnstake("worker", 5 ether);
    }

    function testFuzz_slash_splits_between_challenger_and_fire(uint96 amount, uint96 part)
        external
    {
        amount = uint96(within(amount, 1, 50 ether));
        part = uint96(within(part, 0, amount));
        vm.startPrank(COURT);
        vault.stakeLocked{value: amount}(ANNA, "worker");
        vault.slash(ANNA, "worker", part, WATCHER);
        eq(WATCHER.balance, part / 2, "challenger");
        eq(BURN.balance, part - part / 2, "burned");
        eq(vault.staked(ANNA, "worker"), amount - part, "staked");
        eq(vault.locked(ANNA, "worker"), amount - part, "locked");
        eq(address(vault).balance, amount - part, "balance");
        vm.expectPartialRevert(StakeVault.NotEnoughLocked.selector);
        vault.slash(ANNA, "worker", uint256(amount) - part + 1, WATCHER);
        vm.expectRevert(StakeVault.ZeroAddress.selector);
        vault.slash(ANNA, "worker", 0, address(0));
    }

    function test_free_stake_cannot_be_slashed() external {
        stake(ANNA, 5 ether);
        vm.prank(COURT);
        vm.expectRevert(abi.encodeWithSelector(StakeVault.NotEnoughLocked.selector, 1, 0));
        vault.slash(ANNA, "worker", 1, WATCHER);
    }

    function test_unstake_cools_down() external {
        stake(ANNA, 5 ether);
        vm.startPrank(ANNA);
        vault.requestUnstake("worker", 2 ether);
        eq(vault.staked(ANNA, "worker"), 3 ether, "no longer stake");
        vm.warp(block.timestamp + 172_799);
        vm.expectPartialRevert(StakeVault.StillCooling.selector);
        vault.withdraw("worker");
        vault.requestUnstake("worker", 1 ether);
        vm.warp(block.timestamp + 1);
        vm.expectPartialRevert(StakeVault.StillCooling.selector);
        vault.withdraw("worker");
        vm.warp(block.timestamp + 172_799);
        (uint256 cooling,) = vault.cooling(ANNA, "worker");
        eq(cooling, 3 ether, "cooling");
        vault.withdraw("worker");
        eq(ANNA.balance, 98 ether, "back");
        vm.expectRevert(StakeVault.NothingCooling.selector);
        vault.withdraw("worker");
    }

    function test_rewards_follow_the_stakes_of_the_moment() external {
        stake(ANNA, 1 ether);
        vault.addReward{value: 10 ether}();
        stake(BERT, 3 ether);
        vault.addReward{value: 4 ether}();
        eq(vault.rewardOf(ANNA), 11 ether, "anna");
        eq(vault.rewardOf(BERT), 3 ether, "bert");
        vm.prank(BERT);
        vault.requestUnstake("worker", 3 ether);
        vault.addReward{value: 1 ether}();
        eq(vault.rewardOf(BERT), 3 ether, "cooling stake earns nothing");
        uint256 before = ANNA.balance;
        vm.prank(ANNA);
        eq(vault.claimReward(), 12 ether, "claimed");
        eq(ANNA.balance, before + 12 ether, "paid");
        vm.prank(ANNA);
        vm.expectRevert(StakeVault.NothingToClaim.selector);
        vault.claimReward();
    }

    function test_rewards_without_stakes_wait() external {
        vault.addReward{value: 2 ether}();
        stake(ANNA, 1 ether);
        eq(vault.rewardOf(ANNA), 0, "not his yet");
        vault.addReward{value: 1 ether}();
        eq(vault.rewardOf(ANNA), 3 ether, "carried");
    }

    function testFuzz_rewards_are_conserved(uint96[6] memory stakes, uint96[6] memory rewards)
        external
    {
        uint256 total = 0;
        for (uint256 i = 0; i < 6; ++i) {
            address account = address(uint160(0x1000 + i % 3));
            uint256 amount = within(stakes[i], 1, 1e27);
            vm.deal(account, amount);
            vm.prank(account);
            vault.stake{value: amount}("validator");
            uint256 reward = within(rewards[i], 1, 1e27);
            vm.deal(address(this), reward);
            vault.addReward{value: reward}();
            total += reward;
        }
        uint256 sum = 0;
        for (uint256 i = 0; i < 3; ++i) {
            sum += vault.rewardOf(address(uint160(0x1000 + i)));
        }
        ok(sum <= total, "no more than arrived");
        ok(total - sum <= 12, "all but the dust of divisions");
        eq(vault.rewardsHeld(), total, "held");
        eq(address(vault).balance, vault.totalStaked() + total, "balance");
    }

    function test_reentrancy_is_refused() external {
        Reentrant thief = new Reentrant{value: 10 ether}(vault);
        thief.stake("worker", 4 ether);
        stake(ANNA, 50 ether);
        vault.addReward{value: 54 ether}();
        bytes memory claim = abi.encodeCall(vault.claimReward, ());
        thief.run(claim, claim);
        ok(thief.refused(), "second claim");
        eq(address(thief).balance, 10 ether, "6 left + 4 of rewards");
        thief.run(abi.encodeCall(vault.requestUnstake, ("worker", 4 ether)), "");
        vm.warp(block.timestamp + 172_800);
        bytes memory withdraw = abi.encodeCall(vault.withdraw, ("worker"));
        thief.run(withdraw, withdraw);
        ok(thief.refused(), "second withdrawal");
        eq(address(thief).balance, 14 ether, "once");
    }

    function test_a_receiver_that_refuses_keeps_his_claim() external {
        vm.prank(COURT);
        vault.stakeLocked{value: 1 ether}(ANNA, "worker");
        vm.prank(COURT);
        vm.expectPartialRevert(Send.SendRefused.selector);
        vault.slash(ANNA, "worker", 1 ether, address(this));
        eq(vault.locked(ANNA, "worker"), 1 ether, "nothing happened");
    }
}
