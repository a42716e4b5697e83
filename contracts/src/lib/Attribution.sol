// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Match, Payout, Share} from "../interfaces/Types.sol";

/// From a fee and a trace to payouts, exactly as docs/formats/money.md says; the C++ twins are
/// src/market and src/attribution/blend. Callers bound the lengths (at most 2^16 of anything) and
/// the amounts (fees below 2^163), so nothing here overflows.
library Attribution {
    uint256 internal constant ONE = 1 << 32; // of shares

    error TooLarge();

    struct Rules {
        uint256 threshold;
        uint256 splitPlatform;
        uint256 splitHost;
        uint256 splitModel;
        uint256 splitStakers;
        uint256 splitContributors;
        uint256 unexplainedBase;
        uint256 platformFee;
    }

    struct Parties {
        address treasury;
        address host;
        address modelOwner;
        address baseOwner;
        address stakeVault;
    }

    /// Step 1.
    function feeOf(
        uint256 tokensIn,
        uint256 tokensOut,
        uint256 priceIn,
        uint256 priceOut,
        uint256 platformFee
    ) internal pure returns (uint256) {
        return tokensIn * priceIn / 1000 + tokensOut * priceOut / 1000 + platformFee;
    }

    /// parts[i] of total * weights[i] / sum, the units left over one each to the largest remainders
    /// (ties: the lower index). All zero when all weights are zero. The sum of weights must be
    /// below 2^240.
    function largestRemainder(uint256[] memory weights, uint256 total)
        internal
        pure
        returns (uint256[] memory parts)
    {
        uint256 n = weights.length;
        parts = new uint256[](n);
        uint256 sum = 0;
        for (uint256 i = 0; i < n; ++i) {
            sum += weights[i];
        }
        if (sum == 0) return parts;
        // Once for all products: no weight is above the sum.
        if (total > type(uint256).max / sum || sum >> 240 != 0) revert TooLarge();
        // A remainder is below `sum`, so it shares a word with its place; an earlier place is the
        // larger key.
        uint256[] memory keys = new uint256[](n);
        uint256 left = total;
        unchecked {
            for (uint256 i = 0; i < n; ++i) {
                uint256 product = total * weights[i];
                uint256 part = product / sum;
                parts[i] = part;
                left -= part;
                keys[i] = ((product - part * sum) << 16) | (0xffff - i);
            }
        }
        if (left == 0) return parts;
        sort(keys);
        for (uint256 i = 0; i < left; ++i) {
            ++parts[0xffff - (keys[n - 1 - i] & 0xffff)];
        }
    }

    /// Step 5. Matches may be in any order; the owner of a record is that of its first match.
    function sharesOf(Match[] memory matches, uint256 threshold)
        internal
        pure
        returns (Share[] memory shares)
    {
        (uint256[] memory firsts, uint256[] memory credits) = _creditsOfRecords(matches);
        uint256[] memory parts = largestRemainder(credits, ONE);
        uint256 best = 0;
        uint256 kept = 0;
        uint256 keptSum = 0;
        for (uint256 i = 0; i < parts.length; ++i) {
            uint256 part = parts[i];
            if (part > parts[best]) best = i;
            if (part < threshold) continue;
            // Kept entries move to the front, in place.
            parts[kept] = part;
            firsts[kept++] = firsts[i];
            keptSum += part;
        }
        if (keptSum == 0 && parts.length != 0) {
            // None reached the threshold, so nothing moved; or all are zero, and the best is the
            // first.
            (parts[0], firsts[0], kept) = (ONE, firsts[best], 1);
        }
        assembly ("memory-safe") {
            mstore(parts, kept)
        }
        parts = largestRemainder(parts, ONE);
        shares = new Share[](kept);
        for (uint256 i = 0; i < kept; ++i) {
            Match memory first = matches[firsts[i]];
            Share memory share = shares[i];
            share.record = first.record;
            share.owner = first.owner;
            share.share = uint64(parts[i]);
        }
    }

    /// Steps 2, 3, 6 and 7; `covered` is at most `answerSymbols`. Sums to the fee.
    function payoutsOf(
        uint256 fee,
        uint256 answerSymbols,
        uint256 covered,
        Share[] memory shares,
        Rules memory rules,
        Parties memory parties
    ) internal pure returns (Payout[] memory) {
        uint256 n = shares.length;
        address[] memory accounts = new address[](6 + n);
        uint256[] memory amounts = new uint256[](6 + n);
        uint256 contributors = _fixedParts(accounts, amounts, fee, rules, parties);
        uint256 explained = 0;
        if (answerSymbols != 0 && n != 0) {
            explained = contributors * (covered * ONE / answerSymbols) / ONE;
        }
        uint256 toBase = (contributors - explained) * rules.unexplainedBase / 10_000;
        (accounts[4], amounts[4]) = (parties.baseOwner, toBase);
        (accounts[5], amounts[5]) = (parties.treasury, contributors - explained - toBase);

        uint256[] memory parts = new uint256[](n);
        for (uint256 i = 0; i < n; ++i) {
            parts[i] = shares[i].share;
        }
        parts = largestRemainder(parts, explained);
        for (uint256 i = 0; i < n; ++i) {
            (accounts[6 + i], amounts[6 + i]) = (shares[i].owner, parts[i]);
        }
        return mergeByAccount(accounts, amounts);
    }

    /// Amounts summed per account, zero amounts left out, ascending by account. Overwrites the
    /// amounts.
    function mergeByAccount(address[] memory accounts, uint256[] memory amounts)
        internal
        pure
        returns (Payout[] memory merged)
    {
        uint256 n = accounts.length;
        uint256[] memory keys = new uint256[](n);
        uint256 count = 0;
        for (uint256 i = 0; i < n; ++i) {
            if (amounts[i] != 0) keys[count++] = (uint256(uint160(accounts[i])) << 16) | i;
        }
        assembly ("memory-safe") {
            mstore(keys, count)
        }
        sort(keys);
        // The first key of each account moves to the front, and its amount collects the others.
        n = count;
        count = 0;
        uint256 first = 0;
        for (uint256 i = 0; i < n; ++i) {
            uint256 key = keys[i];
            if (count != 0 && key >> 16 == keys[count - 1] >> 16) {
                amounts[first] += amounts[key & 0xffff];
            } else {
                first = key & 0xffff;
                keys[count++] = key;
            }
        }
        merged = new Payout[](count);
        for (uint256 i = 0; i < count; ++i) {
            Payout memory payout = merged[i];
            payout.account = address(uint160(keys[i] >> 16));
            payout.amount = amounts[keys[i] & 0xffff];
        }
    }

    /// The threshold after an epoch, moved as EIP-1559 moves the base fee.
    function nextThreshold(
        uint256 threshold,
        uint256 creditedRecords,
        uint256 receipts,
        uint256 target,
        uint256 min,
        uint256 max
    ) internal pure returns (uint256) {
        uint256 goal = target * receipts;
        if (goal == 0) goal = 1;
        if (creditedRecords > goal) {
            uint256 excess = creditedRecords - goal;
            if (excess > goal) excess = goal;
            uint256 step = threshold * excess / goal / 8;
            threshold += step == 0 ? 1 : step;
        } else {
            threshold -= threshold * (goal - creditedRecords) / goal / 8;
        }
        if (threshold < min) return min;
        return threshold > max ? max : threshold;
    }

    /// Ascending, by merging runs of doubling width: n log n steps whatever the input. In assembly,
    /// because the largest receipt that is within the limits must be judged within one
    /// transaction's gas.
    function sort(uint256[] memory keys) internal pure {
        assembly ("memory-safe") {
            let size := mul(mload(keys), 32)
            let from := add(keys, 32)
            let to := mload(0x40)
            mstore(0x40, add(to, size))
            for { let width := 32 } lt(width, size) { width := mul(width, 2) } {
                let fromEnd := add(from, size)
                for { let start := 0 } lt(start, size) { start := add(start, mul(width, 2)) } {
                    // Runs [a, aEnd) and [b, bEnd), cut at the end of the array.
                    let a := add(from, start)
                    let aEnd := add(a, width)
                    if gt(aEnd, fromEnd) { aEnd := fromEnd }
                    let b := aEnd
                    let bEnd := add(b, width)
                    if gt(bEnd, fromEnd) { bEnd := fromEnd }
                    let out := add(to, start)
                    for {} and(lt(a, aEnd), lt(b, bEnd)) { out := add(out, 32) } {
                        let x := mload(a)
                        let y := mload(b)
                        switch gt(x, y)
                        case 0 {
                            mstore(out, x)
                            a := add(a, 32)
                        }
                        default {
                            mstore(out, y)
                            b := add(b, 32)
                        }
                    }
                    mcopy(out, a, sub(aEnd, a))
                    mcopy(add(out, sub(aEnd, a)), b, sub(bEnd, b))
                }
                let swapped := from
                from := to
                to := swapped
            }
            mcopy(add(keys, 32), from, size)
        }
    }

    /// The records that are paid, ascending: the place of each one's first match, and its credit.
    function _creditsOfRecords(Match[] memory matches)
        private
        pure
        returns (uint256[] memory firsts, uint256[] memory credits)
    {
        uint256 n = matches.length;
        firsts = new uint256[](n);
        credits = new uint256[](n);
        for (uint256 i = 0; i < n; ++i) {
            firsts[i] = (uint256(matches[i].record) << 16) | i;
        }
        sort(firsts);
        uint256 count = 0;
        uint256 last = 0;
        for (uint256 i = 0; i < n; ++i) {
            uint256 key = firsts[i];
            if (count == 0 || key >> 16 != last) {
                last = key >> 16;
                firsts[count++] = key & 0xffff;
            }
            credits[count - 1] += matches[key & 0xffff].credit;
        }
        assembly ("memory-safe") {
            mstore(firsts, count)
            mstore(credits, count)
        }
    }

    function _fixedParts(
        address[] memory accounts,
        uint256[] memory amounts,
        uint256 fee,
        Rules memory rules,
        Parties memory parties
    ) private pure returns (uint256 contributors) {
        uint256[] memory weights = new uint256[](5);
        weights[0] = rules.splitPlatform;
        weights[1] = rules.splitHost;
        weights[2] = rules.splitModel;
        weights[3] = rules.splitStakers;
        weights[4] = rules.splitContributors;
        uint256[] memory parts = largestRemainder(weights, fee);
        (accounts[0], amounts[0]) = (parties.treasury, parts[0]);
        (accounts[1], amounts[1]) = (parties.host, parts[1]);
        (accounts[2], amounts[2]) = (parties.modelOwner, parts[2]);
        (accounts[3], amounts[3]) = (parties.stakeVault, parts[3]);
        return parts[4];
    }
}
