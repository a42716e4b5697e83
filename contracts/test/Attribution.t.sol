// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Match, Payout, Share} from "../src/interfaces/Types.sol";
import {Attribution} from "../src/lib/Attribution.sol";
import {Checks} from "./Cheats.sol";
import {Naive} from "./Naive.sol";

contract AttributionTest is Checks {
    uint256 private constant ONE = 1 << 32;

    function list(uint256 a, uint256 b, uint256 c) private pure returns (uint256[] memory out) {
        out = new uint256[](3);
        (out[0], out[1], out[2]) = (a, b, c);
    }

    function randomMatches(uint256 seed, uint256 count)
        private
        pure
        returns (Match[] memory matches)
    {
        matches = new Match[](count);
        uint256 skew = seed % 3;
        for (uint256 i = 0; i < count; ++i) {
            uint256 r = uint256(keccak256(abi.encode(seed, i)));
            uint32 record = uint32(r % (1 + count / 2));
            uint256 credit =
                (r >> 32) % (skew == 0 ? 2 ** 32 : skew == 1 ? 40 : 2 ** ((r >> 80) % 33));
            matches[i] = Match(0, uint32(r >> 128), record, ownerOf(record), uint32(credit));
        }
    }

    function ownerOf(uint256 record) private pure returns (address) {
        return address(uint160(1 + record % 7));
    }

    function randomRules(uint256 seed) private pure returns (Attribution.Rules memory rules) {
        rules.threshold = 2 ** ((seed >> 8) % 33);
        rules.splitPlatform = (seed >> 16) % 3001;
        rules.splitHost = (seed >> 32) % 5001;
        rules.splitModel = (seed >> 48) % 5001;
        rules.splitStakers = (seed >> 64) % 5001;
        rules.splitContributors = 1000 + (seed >> 80) % 8001;
        rules.unexplainedBase = (seed >> 96) % 10_001;
    }

    function randomParties(uint256 seed) private pure returns (Attribution.Parties memory parties) {
        // Few accounts, so that some are the same.
        parties.treasury = address(uint160(1 + (seed >> 112) % 9));
        parties.host = address(uint160(1 + (seed >> 120) % 9));
        parties.modelOwner = address(uint160(1 + (seed >> 128) % 9));
        parties.baseOwner = address(uint160(1 + (seed >> 136) % 9));
        parties.stakeVault = address(uint160(1 + (seed >> 144) % 9));
    }

    function same(Share[] memory a, Share[] memory b) private pure {
        eq(a.length, b.length, "shares");
        for (uint256 i = 0; i < a.length; ++i) {
            eq(a[i].record, b[i].record, "record");
            eq(a[i].owner, b[i].owner, "owner");
            eq(a[i].share, b[i].share, "share");
        }
    }

    function same(Payout[] memory a, Payout[] memory b) private pure {
        eq(a.length, b.length, "payouts");
        for (uint256 i = 0; i < a.length; ++i) {
            eq(a[i].account, b[i].account, "account");
            eq(a[i].amount, b[i].amount, "amount");
        }
    }

    function test_largest_remainder_by_hand() external pure {
        uint256[] memory parts = Attribution.largestRemainder(list(1, 1, 1), 10);
        eq(parts[0], 4, "tie: the earlier");
        eq(parts[1], 3, "");
        eq(parts[2], 3, "");
        parts = Attribution.largestRemainder(list(1, 2, 3), 10); // 1.67, 3.33, 5
        eq(parts[0], 2, "");
        eq(parts[1], 3, "");
        eq(parts[2], 5, "");
        parts = Attribution.largestRemainder(list(0, 0, 0), 10);
        eq(parts[0] + parts[1] + parts[2], 0, "no weight");
        eq(Attribution.largestRemainder(new uint256[](0), 10).length, 0, "empty");
    }

    function testFuzz_largest_remainder(uint256[] memory weights, uint256 total, uint8 bits)
        external
        pure
    {
        uint256 n = weights.length > 40 ? 40 : weights.length;
        uint256[] memory small = new uint256[](n);
        uint256 sum = 0;
        for (uint256 i = 0; i < n; ++i) {
            small[i] = weights[i] >> (192 + bits % 64);
            sum += small[i];
        }
        total >>= 80;
        uint256[] memory parts = Attribution.largestRemainder(small, total);
        uint256[] memory naive = Naive.largestRemainder(small, total);
        uint256 given = 0;
        for (uint256 i = 0; i < n; ++i) {
            eq(parts[i], naive[i], "part");
            given += parts[i];
        }
        eq(given, sum == 0 ? 0 : total, "sum");
    }

    function testFuzz_sort(uint256[] memory keys) external pure {
        uint256 sum = 0;
        unchecked {
            for (uint256 i = 0; i < keys.length; ++i) {
                sum += keys[i];
            }
            Attribution.sort(keys);
            for (uint256 i = 0; i < keys.length; ++i) {
                sum -= keys[i];
            }
        }
        eq(sum, 0, "the same keys");
        for (uint256 i = 1; i < keys.length; ++i) {
            ok(keys[i - 1] <= keys[i], "order");
        }
    }

    function testFuzz_shares(uint256 seed, uint256 count, uint256 threshold) external pure {
        count = within(count, 0, 24);
        threshold = within(threshold, 1, ONE / 2) >> (seed % 24);
        if (threshold == 0) threshold = 1;
        Match[] memory matches = randomMatches(seed, count);
        Share[] memory shares = Attribution.sharesOf(matches, threshold);
        same(shares, Naive.sharesOf(matches, threshold));
        if (count == 0) return;
        uint256 sum = 0;
        for (uint256 i = 0; i < shares.length; ++i) {
            sum += shares[i].share;
            ok(shares[i].share >= threshold, "dropped below the threshold");
            ok(i == 0 || shares[i - 1].record < shares[i].record, "ascending");
            eq(shares[i].owner, ownerOf(shares[i].record), "owner");
        }
        eq(sum, ONE, "sum of shares");
    }

    function test_largest_alone_when_none_reaches_the_threshold() external pure {
        Match[] memory matches = new Match[](3);
        matches[0] = Match(0, 0, 9, address(9), 10);
        matches[1] = Match(0, 0, 4, address(4), 10);
        matches[2] = Match(0, 0, 6, address(6), 9);
        Share[] memory shares = Attribution.sharesOf(matches, ONE / 2);
        eq(shares.length, 1, "one");
        eq(shares[0].record, 4, "ties: the lowest record");
        eq(shares[0].share, ONE, "everything");
    }

    function test_shares_of_no_credit_go_to_the_lowest_record() external pure {
        Match[] memory matches = new Match[](2);
        matches[0] = Match(0, 0, 9, address(9), 0);
        matches[1] = Match(0, 0, 4, address(4), 0);
        for (uint256 threshold = 0; threshold < 2; ++threshold) {
            Share[] memory shares = Attribution.sharesOf(matches, threshold);
            eq(shares.length, 1, "one");
            eq(shares[0].record, 4, "lowest");
            eq(shares[0].share, ONE, "everything");
        }
    }

    function testFuzz_payouts(
        uint256 seed,
        uint256 fee,
        uint32 symbols,
        uint32 covered,
        uint256 count
    ) external pure {
        fee >>= 93 + (seed % 160);
        if (covered > symbols) (covered, symbols) = (symbols, covered);
        Attribution.Rules memory rules = randomRules(seed);
        Attribution.Parties memory parties = randomParties(seed);
        Share[] memory shares =
            Attribution.sharesOf(randomMatches(seed, within(count, 0, 12)), rules.threshold);
        Payout[] memory payouts =
            Attribution.payoutsOf(fee, symbols, covered, shares, rules, parties);
        same(payouts, Naive.payoutsOf(fee, symbols, covered, shares, rules, parties));
        uint256 sum = 0;
        for (uint256 i = 0; i < payouts.length; ++i) {
            ok(payouts[i].amount != 0, "zero amounts are left out");
            ok(i == 0 || payouts[i - 1].account < payouts[i].account, "ascending");
            sum += payouts[i].amount;
        }
        eq(sum, fee, "conserved");
    }

    function test_payouts_by_hand() external pure {
        Attribution.Rules memory rules =
            Attribution.Rules(2 ** 26, 1000, 1000, 1000, 2000, 5000, 5000, 10 ** 12);
        Attribution.Parties memory parties =
            Attribution.Parties(address(1), address(2), address(3), address(4), address(5));
        Share[] memory shares = new Share[](2);
        shares[0] = Share(0, address(6), uint64(ONE / 4 * 3));
        shares[1] = Share(1, address(2), uint64(ONE / 4));
        // 1000 = 100 treasury + 100 host + 100 model + 200 stakers + 500 contributors; 3 of 4
        // explained: 375 to the shares (281.25, 93.75), 125 unexplained: 62 to the base, 63 to the
        // treasury.
        Payout[] memory payouts = Attribution.payoutsOf(1000, 4, 3, shares, rules, parties);
        eq(payouts.length, 6, "accounts");
        eq(payouts[0].amount, 163, "treasury");
        eq(payouts[1].amount, 194, "host, also an owner");
        eq(payouts[2].amount, 100, "model");
        eq(payouts[3].amount, 62, "base");
        eq(payouts[4].amount, 200, "vault");
        eq(payouts[5].amount, 281, "owner");
    }

    function test_fee_by_hand() external pure {
        eq(Attribution.feeOf(1, 1, 999, 1001, 5), 0 + 1 + 5, "rounded down apart");
        eq(Attribution.feeOf(2500, 400, 10, 30, 0), 25 + 12, "");
        uint256 most = Attribution.feeOf(
            type(uint32).max, type(uint32).max, type(uint128).max, type(uint128).max, 10 ** 18
        );
        ok(most < 1 << 163, "the largest fee");
    }

    function test_threshold_by_hand() external pure {
        uint256 tau = 1 << 26;
        eq(Attribution.nextThreshold(tau, 8, 2, 4, 0, ONE), tau, "on target");
        eq(Attribution.nextThreshold(tau, 16, 2, 4, 0, ONE), tau + tau / 8, "twice: an eighth up");
        eq(Attribution.nextThreshold(tau, 1000, 2, 4, 0, ONE), tau + tau / 8, "no faster");
        eq(Attribution.nextThreshold(tau, 0, 2, 4, 0, ONE), tau - tau / 8, "none: an eighth down");
        eq(Attribution.nextThreshold(0, 9, 2, 4, 0, ONE), 1, "leaves zero");
        eq(Attribution.nextThreshold(tau, 0, 2, 4, tau, ONE), tau, "the lower bound");
        eq(Attribution.nextThreshold(tau, 16, 2, 4, 0, tau + 5), tau + 5, "the upper bound");
        // 67108864 * 3 / 8 / 8 and 67108864 * 1 / 8 / 8.
        eq(Attribution.nextThreshold(tau, 11, 2, 4, 0, ONE), tau + 3_145_728, "");
        eq(Attribution.nextThreshold(tau, 7, 2, 4, 0, ONE), tau - 1_048_576, "");
    }

    function testFuzz_threshold_moves_by_an_eighth_at_most(
        uint32 tau,
        uint64 credited,
        uint8 receipts,
        uint16 target
    ) external pure {
        uint256 next = Attribution.nextThreshold(
            tau, credited, uint256(receipts) + 1, within(target, 1, 1000), 0, ONE
        );
        ok(next <= uint256(tau) + tau / 8 + 1 && next >= uint256(tau) - tau / 8, "an eighth");
    }
}
