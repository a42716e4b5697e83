// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Match, Payout, Receipt, Share, Span, SumProofStep} from "../src/interfaces/Types.sol";
import {Attribution} from "../src/lib/Attribution.sol";
import {Naive} from "./Naive.sol";
import {World} from "./World.sol";

/// Does whatever an adversary or an honest party might, in any order, and keeps the books apart.
contract Handler is World {
    uint256 public constant STARTING = 1_000_000 ether;
    address[] public actors; // all who ever hold money outside the contracts
    Receipt[] private waiting; // paid for, not yet settled
    Payout[] private proposed; // rewards of the pending epoch
    Receipt[] private inEpoch;
    uint256 private taken; // of the waiting ones, the first
    uint256 private faultOf; // of the pending proposal: 0 none, else what challenge finds it
    uint256 private endsAt;

    mapping(address account => uint256) public received; // from claims
    mapping(address account => uint256) private lastCumulative;
    uint256 public burnedExpected;
    string public violated; // the first rule that did not hold
    uint256 public finalised;
    uint256 public slashings;
    uint256 public claims;
    uint256 public withdrawals;

    constructor() {
        setUpWorld();
        actors = [
            ALICE,
            BOB,
            CAROL,
            DAVE,
            TREASURY,
            MODEL_OWNER,
            BASE_OWNER,
            HOST_A,
            HOST_B,
            SETTLER,
            WATCHER
        ];
        actors.push(payer);
        actors.push(otherPayer);
        for (uint256 i = 0; i < actors.length; ++i) {
            vm.deal(actors[i], STARTING);
        }
    }

    function ledgers()
        external
        view
        returns (address vault_, address escrow_, address settlement_, address datanets_)
    {
        return (address(vault), address(escrow), address(settlement), address(datanets));
    }

    function violate(bool condition, string memory rule) private {
        if (condition && bytes(violated).length == 0) violated = rule;
    }

    function someone(uint256 seed) private view returns (address) {
        return actors[seed % actors.length];
    }

    /// Few, so that one and the same stake goes through all its states.
    function staker(uint256 seed) private view returns (address) {
        return actors[7 + seed % 3]; // HOST_A, HOST_B, SETTLER
    }

    function roleOf(uint256 seed) private pure returns (bytes32) {
        return (seed >> 16) % 4 == 0 ? bytes32("worker") : bytes32("settler");
    }

    function payerOf(uint256 seed) private view returns (address) {
        return seed % 2 == 0 ? payer : otherPayer;
    }

    function hostOf(uint256 seed) private pure returns (address) {
        return (seed >> 1) % 2 == 0 ? HOST_A : HOST_B;
    }

    // ---- payers and hosts

    function deposit(uint256 seed, uint256 amount) external {
        amount = within(amount, 1, 50 ether);
        address from = payerOf(seed);
        if (from.balance < amount) return;
        vm.prank(from);
        escrow.deposit{value: amount}(hostOf(seed));
    }

    function requestRefund(uint256 seed, uint256 amount) external {
        (uint256 deposited, uint256 redeemed,,) = escrow.channel(payerOf(seed), hostOf(seed));
        if (deposited == redeemed) return;
        vm.prank(payerOf(seed));
        escrow.requestRefund(hostOf(seed), within(amount, 1, deposited - redeemed));
    }

    function refund(uint256 seed) external {
        address from = payerOf(seed);
        (,, uint256 refunding, uint64 readyAt) = escrow.channel(from, hostOf(seed));
        vm.prank(from);
        try escrow.refund(hostOf(seed)) {
            violate(refunding == 0 || block.timestamp < readyAt, "refund inside its delay");
        } catch {
            violate(refunding != 0 && block.timestamp >= readyAt, "due refund refused");
        }
    }

    /// A request is answered and its money redeemed at once.
    function answerRequest(uint256 seed, uint32 tokensIn, uint32 tokensOut) external {
        if (waiting.length == 8) return;
        address from = payerOf(seed);
        address host = hostOf(seed);
        (uint256 deposited,,,) = escrow.channel(from, host);
        uint256 snapshot = owed[from][host];
        Receipt memory receipt = nextReceipt(from, host, tokensIn % 4000, tokensOut % 400);
        if (seed % 7 == 0) {
            // Nothing of the datanet was said.
            receipt.spans = new Span[](0);
            receipt.matches = new Match[](0);
            receipt.covered = 0;
            settleShares(receipt);
        }
        if (owed[from][host] > deposited) {
            owed[from][host] = snapshot;
            nonces[host] -= 1;
            return;
        }
        bytes memory signature = voucher(from, host, owed[from][host]);
        vm.prank(host);
        escrow.redeem(from, owed[from][host], owed[from][host], signature);
        pushReceipt(waiting, receipt);
    }

    // ---- settlers, watchers, owners

    function proposeEpoch(uint256 seed) external {
        (bool exists,,,,,) = settlement.pending();
        if (exists || waiting.length == 0 || SETTLER.balance < BOND) return;
        Epoch memory epoch = epochOf(sorted(waiting));
        faultOf = seed % 3 == 0 ? 1 + (seed >> 8) % 3 : 0;
        if (faultOf == 1) {
            // A receipt pays a wei from the first account to the second.
            Receipt memory receipt = epoch.receipts[0];
            receipt.payouts[0].amount -= 1;
            receipt.payouts[1].amount += 1;
            epoch = epochOf(epoch.receipts);
        }
        if (faultOf == 2) {
            epoch.rewards[0].amount += 1;
            epoch.rewards[1].amount -= 1;
            sealEpoch(epoch);
        }
        if (faultOf == 3) {
            epoch.receipts[0].covered += 1;
            sealEpoch(epoch);
        }
        vm.prank(SETTLER);
        settlement.propose{value: BOND}(epoch.proposal);
        endsAt = block.timestamp + parameters.get("CHALLENGE_WINDOW");
        replace(proposed, epoch.rewards);
        taken = epoch.receipts.length;
        delete inEpoch;
        for (uint256 i = 0; i < taken; ++i) {
            pushReceipt(inEpoch, epoch.receipts[i]);
        }
    }

    /// Tries every challenge; exactly the one that finds the fault may succeed, and only in the
    /// window.
    function challenge(uint256 seed) external {
        (bool exists,,,,,) = settlement.pending();
        if (!exists) return;
        Epoch memory epoch;
        epoch.receipts = inEpoch;
        epoch.rewards = proposed;
        uint256 before = WATCHER.balance;
        bool success;
        if (seed % 2 == 0) {
            uint64 i = uint64((seed >> 8) % inEpoch.length);
            SumProofStep[] memory proof = receiptProof(epoch, i);
            vm.prank(WATCHER);
            try settlement.challengeReceipt(epoch.receipts[i], i, proof) {
                success = true;
            } catch {}
            violate(
                success && (i != 0 || (faultOf != 1 && faultOf != 3)),
                "an honest receipt was slashed"
            );
        } else {
            address account = proposed[(seed >> 8) % 2].account;
            vm.prank(WATCHER);
            try settlement.challengeReward(
                epoch.receipts, rewardClaim(proposed, account), rewardClaim(finalRewards, account)
            ) {
                success = true;
            } catch {}
            violate(success && faultOf != 2, "honest rewards were slashed");
            violate(!success && faultOf == 2 && block.timestamp < endsAt, "false rewards stood");
        }
        if (!success) return;
        violate(block.timestamp >= endsAt, "a challenge after the window");
        violate(WATCHER.balance != before + BOND / 2, "the challenger's half");
        faultOf = 0;
        burnedExpected += BOND - BOND / 2;
        ++slashings;
    }

    function finaliseEpoch() external {
        (bool exists,,,,,) = settlement.pending();
        if (!exists) return;
        if (faultOf != 0) return challengeFault();
        try settlement.finalise() {
            violate(block.timestamp < endsAt, "finalised inside its window");
            replace(finalRewards, proposed);
            settleWaiting();
            ++finalised;
        } catch {
            violate(block.timestamp >= endsAt, "due epoch not finalised");
        }
    }

    function claim(uint256 seed) external {
        if (finalRewards.length == 0) return;
        uint256 i = seed % finalRewards.length;
        address account = finalRewards[i].account;
        uint256 due = finalRewards[i].amount - lastCumulative[account];
        uint256 before = account.balance;
        try settlement.claim(
            account, finalRewards[i].amount, uint64(i), rewardProof(finalRewards, i)
        ) returns (
            uint256 amount
        ) {
            violate(
                amount != due || account.balance != before + due || due == 0,
                "claimed twice or wrongly"
            );
            lastCumulative[account] = finalRewards[i].amount;
            received[account] += amount;
            ++claims;
        } catch {
            violate(due != 0, "due claim refused");
        }
    }

    // ---- stakers and contributors

    function stake(uint256 seed, uint256 amount) external {
        address account = staker(seed);
        amount = within(amount, 1, 5 ether);
        if (account.balance < amount) return;
        vm.prank(account);
        vault.stake{value: amount}(roleOf(seed));
    }

    function requestUnstake(uint256 seed, uint256 amount) external {
        address account = staker(seed);
        bytes32 role = roleOf(seed);
        uint256 free = vault.staked(account, role) - vault.locked(account, role);
        if (free == 0) return;
        vm.prank(account);
        vault.requestUnstake(role, within(amount, 1, free));
    }

    function withdraw(uint256 seed) external {
        address account = staker(seed);
        bytes32 role = roleOf(seed);
        (uint256 cooling, uint64 readyAt) = vault.cooling(account, role);
        vm.prank(account);
        try vault.withdraw(role) {
            violate(cooling == 0 || block.timestamp < readyAt, "withdrawn inside the cool-down");
            ++withdrawals;
        } catch {
            violate(cooling != 0 && block.timestamp >= readyAt, "due withdrawal refused");
        }
    }

    function claimReward(uint256 seed) external {
        address account = someone(seed);
        uint256 due = vault.rewardOf(account);
        uint256 before = account.balance;
        vm.prank(account);
        try vault.claimReward() {
            violate(account.balance != before + due, "reward");
        } catch {
            violate(due != 0, "due reward refused");
        }
    }

    function anchor(uint256 seed) external {
        address account = someone(seed);
        if (account.balance < 1 ether) return;
        vm.prank(account);
        datanets.anchorBatch{value: 1 ether}(datanetId, keccak256("root"), 1, 1, keccak256("data"));
    }

    function releaseBond(uint256 seed) external {
        uint256 count = datanets.batchCount();
        if (count == 0) return;
        uint256 id = 1 + seed % count;
        (uint64 windowEndsAt, bool released) = datanets.bondOf(id);
        try datanets.releaseBond(id) {
            violate(released || block.timestamp < windowEndsAt, "bond released early or twice");
        } catch {
            violate(!released && block.timestamp >= windowEndsAt, "due bond refused");
        }
    }

    /// A watcher is awake: what is false never lasts to the end of the window.
    function wait(uint256 time) external {
        time = within(time, 1, 50_000);
        if (block.timestamp + time >= endsAt) challengeFault();
        vm.warp(block.timestamp + time);
    }

    function challengeFault() private {
        if (faultOf != 0) this.challenge(faultOf == 2 ? 1 : 0);
    }

    /// What came in while the epoch was pending waits for the next.
    function settleWaiting() private {
        Receipt[] memory all = waiting;
        delete waiting;
        for (uint256 i = taken; i < all.length; ++i) {
            pushReceipt(waiting, all[i]);
        }
    }

    // ---- what the invariants read

    function actorCount() external view returns (uint256) {
        return actors.length;
    }

    function escrowOwes() external view returns (uint256 sum) {
        for (uint256 i = 0; i < 4; ++i) {
            (uint256 deposited, uint256 redeemed,,) = escrow.channel(payerOf(i), hostOf(i));
            sum += deposited - redeemed;
        }
    }

    function settlementOwes() external view returns (uint256 sum) {
        sum = settlement.unallocated();
        for (uint256 i = 0; i < finalRewards.length; ++i) {
            sum += finalRewards[i].amount - settlement.claimed(finalRewards[i].account);
        }
    }

    function waitingFees() external view returns (uint256 sum) {
        for (uint256 i = 0; i < waiting.length; ++i) {
            sum += waiting[i].fee;
        }
    }

    function unallocated() external view returns (uint256) {
        return settlement.unallocated();
    }

    function vaultOwes() external view returns (uint256 sum, uint256 rewards) {
        bytes32[3] memory roles = [bytes32("worker"), "settler", "datanet"];
        for (uint256 i = 0; i < actors.length; ++i) {
            for (uint256 r = 0; r < 3; ++r) {
                (uint256 cooling,) = vault.cooling(actors[i], roles[r]);
                sum += vault.staked(actors[i], roles[r]) + cooling;
            }
            rewards += vault.rewardOf(actors[i]);
        }
    }

    function rewardsHeld() external view returns (uint256) {
        return vault.rewardsHeld();
    }

    function overclaimed() external view returns (bool) {
        (,, uint256 total) = settlement.finalisedRewards();
        uint256 sum = 0;
        for (uint256 i = 0; i < finalRewards.length; ++i) {
            address account = finalRewards[i].account;
            if (settlement.claimed(account) > finalRewards[i].amount) return true;
            if (settlement.claimed(account) != received[account]) return true;
            sum += finalRewards[i].amount;
        }
        return sum != total;
    }

    function sorted(Receipt[] memory list) private pure returns (Receipt[] memory) {
        for (uint256 i = 1; i < list.length; ++i) {
            for (uint256 j = i; j > 0; --j) {
                bool later = list[j].host > list[j - 1].host
                    || (list[j].host == list[j - 1].host && list[j].nonce > list[j - 1].nonce);
                if (later) break;
                (list[j], list[j - 1]) = (list[j - 1], list[j]);
            }
        }
        return list;
    }

    function replace(Payout[] storage list, Payout[] memory by) private {
        while (list.length != 0) list.pop();
        for (uint256 i = 0; i < by.length; ++i) {
            list.push(by[i]);
        }
    }

    function pushReceipt(Receipt[] storage list, Receipt memory receipt) private {
        list.push();
        Receipt storage r = list[list.length - 1];
        r.datanetId = receipt.datanetId;
        r.version = receipt.version;
        r.adapterId = receipt.adapterId;
        r.payer = receipt.payer;
        r.host = receipt.host;
        r.nonce = receipt.nonce;
        r.tokensIn = receipt.tokensIn;
        r.tokensOut = receipt.tokensOut;
        r.fee = receipt.fee;
        r.cumulative = receipt.cumulative;
        r.promptHash = receipt.promptHash;
        r.answerHash = receipt.answerHash;
        r.answerRoot = receipt.answerRoot;
        r.answerSymbols = receipt.answerSymbols;
        r.covered = receipt.covered;
        r.parametersVersion = receipt.parametersVersion;
        for (uint256 i = 0; i < receipt.spans.length; ++i) {
            r.spans.push(receipt.spans[i]);
        }
        for (uint256 i = 0; i < receipt.matches.length; ++i) {
            r.matches.push(receipt.matches[i]);
        }
        for (uint256 i = 0; i < receipt.shares.length; ++i) {
            r.shares.push(receipt.shares[i]);
        }
        for (uint256 i = 0; i < receipt.payouts.length; ++i) {
            r.payouts.push(receipt.payouts[i]);
        }
    }
}

contract InvariantsTest is World {
    Handler private handler;
    uint256 private total;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() external {
        handler = new Handler();
        total = handler.actorCount() * handler.STARTING();
    }

    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// The money path comes more often, so that epochs do get through.
    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        bytes4[] memory s = new bytes4[](22);
        (s[0], s[1], s[2], s[3]) =
        (
            Handler.deposit.selector,
            Handler.deposit.selector,
            Handler.refund.selector,
            Handler.requestRefund.selector
        );
        (s[4], s[5], s[6]) =
        (
            Handler.answerRequest.selector,
            Handler.answerRequest.selector,
            Handler.proposeEpoch.selector
        );
        (s[7], s[8], s[9]) =
        (Handler.proposeEpoch.selector, Handler.challenge.selector, Handler.finaliseEpoch.selector);
        (s[10], s[11], s[12]) =
        (Handler.finaliseEpoch.selector, Handler.claim.selector, Handler.claim.selector);
        (s[13], s[14], s[15]) =
        (Handler.stake.selector, Handler.requestUnstake.selector, Handler.withdraw.selector);
        (s[16], s[17], s[18]) =
        (Handler.claimReward.selector, Handler.anchor.selector, Handler.releaseBond.selector);
        (s[19], s[20], s[21]) =
        (Handler.wait.selector, Handler.wait.selector, Handler.answerRequest.selector);
        list = new FuzzSelector[](1);
        list[0] = FuzzSelector(address(handler), s);
    }

    /// The handler is no idler: in a long enough run every path is taken.
    function test_the_handler_gets_everywhere() external {
        bytes4[] memory selectors = this.targetSelectors()[0].selectors;
        for (uint256 i = 0; i < 700; ++i) {
            uint256 r = uint256(keccak256(abi.encode("walk", i)));
            bytes4 selector = selectors[r % selectors.length];
            uint256 amount =
                selector == Handler.answerRequest.selector ? (r >> 16) % 2 ** 32 : r >> 8;
            (bool success,) =
                address(handler).call(abi.encodeWithSelector(selector, r >> 32, amount, r >> 224));
            ok(success, "a handler's function reverts");
        }
        eq(handler.violated(), "", "rule");
        ok(handler.finalised() > 2, "finalised");
        ok(handler.slashings() > 2, "slashings");
        ok(handler.claims() > 10, "claims");
        ok(handler.withdrawals() > 2, "withdrawals");
    }

    /// All at once, for a run costs the same whatever is asked at its steps.
    function invariant_the_books_balance() external view {
        eq(handler.violated(), "", "rule");
        (address vault_, address escrow_, address settlement_, address datanets_) =
            handler.ledgers();
        eq(escrow_.balance, handler.escrowOwes(), "the escrow holds what it owes");
        eq(settlement_.balance, handler.settlementOwes(), "the settlement holds what it owes");
        eq(handler.unallocated(), handler.waitingFees(), "unallocated is what waits for an epoch");
        (uint256 stakes, uint256 rewards) = handler.vaultOwes();
        eq(vault_.balance, stakes + handler.rewardsHeld(), "the vault holds what it owes");
        ok(rewards <= handler.rewardsHeld(), "no more rewards than arrived");
        eq(datanets_.balance, 0, "the registry holds nothing");
        eq(BURN.balance, handler.burnedExpected(), "only slashing burns");
        ok(!handler.overclaimed(), "claims");
        uint256 sum = vault_.balance + escrow_.balance + settlement_.balance + BURN.balance;
        for (uint256 i = 0; i < handler.actorCount(); ++i) {
            sum += handler.actors(i).balance;
        }
        eq(sum, total, "conserved to the wei");
    }
}
