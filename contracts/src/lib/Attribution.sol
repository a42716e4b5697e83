// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Match, Payout, Share} from "../interfaces/Types.sol";

/// From a fee and a trace to payouts, exactly as docs/formats/money.md says; the C++ twins are
/// src/market and src/attribution/blend. Callers bound the lengths (at most 2^16 of anything) and the
/// amounts (fees below 2^163), so nothing here overflows.
library Attribution {
    uint256 internal constant ONE = 1 << 32; // of shares

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
    function feeOf(uint256 tokensIn, uint256 tokensOut, uint256 priceIn, uint256 priceOut, uint256 platformFee)
        internal
        pure
        returns (uint256)
    {
        return tokensIn * priceIn / 1000 + tokensOut * priceOut / 1000 + platformFee;
    }

    /// parts[i] of total * weights[i] / sum, the units left over one each to the largest remainders (ties:
    /// the lower index). All zero when all weights are zero. The sum of weights must be below 2^240.
    function largestRemainder(uint256[] memory weights, uint256 total)
        internal
        pure
        returns (uint256[] memory parts)
    {
        uint256 n = weights.length;
        parts = new uint256[](n);
        uint256 sum = 0;
        for (uint256 i = 0; i < n; ++i) sum += weights[i];
        if (sum == 0) return parts;
        // A remainder is below `sum`, so it shares a word with its place; an earlier place is the larger key.
        uint256[] memory keys = new uint256[](n);
        uint256 left = total;
        for (uint256 i = 0; i < n; ++i) {
            uint256 product = total * weights[i];
            parts[i] = product / sum;
            left -= parts[i];
            keys[i] = ((product % sum) << 16) | (0xffff - i);
        }
        if (left == 0) return parts;
        sort(keys);
        for (uint256 i = 0; i < left; ++i) ++parts[0xffff - (keys[n - 1 - i] & 0xffff)];
    }

    /// Step 5. Matches may be in any order; the owner of a record is that of its first match.
    function sharesOf(Match[] memory matches, uint256 threshold) internal pure returns (Share[] memory) {
        (Match[] memory totals, uint256[] memory credits) = _creditsOfRecords(matches);
        if (totals.length == 0) return new Share[](0);
        uint256[] memory parts = largestRemainder(credits, ONE);
        uint256 best = 0;
        uint256 kept = 0;
        uint256 keptSum = 0;
        for (uint256 i = 0; i < parts.length; ++i) {
            if (parts[i] > parts[best]) best = i;
            if (parts[i] >= threshold) {
                ++kept;
                keptSum += parts[i];
            }
        }
        if (keptSum == 0) {
            Share[] memory alone = new Share[](1);
            alone[0] = Share(totals[best].record, totals[best].owner, uint64(ONE));
            return alone;
        }
        return _rescaled(totals, parts, threshold, kept);
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
        Payout[] memory entries = new Payout[](6 + shares.length);
        uint256 contributors = _fixedParts(entries, fee, rules, parties);
        uint256 explained = 0;
        if (answerSymbols != 0 && shares.length != 0) {
            explained = contributors * (covered * ONE / answerSymbols) / ONE;
        }
        uint256 toBase = (contributors - explained) * rules.unexplainedBase / 10_000;
        entries[4] = Payout(parties.baseOwner, toBase);
        entries[5] = Payout(parties.treasury, contributors - explained - toBase);

        uint256[] memory weights = new uint256[](shares.length);
        for (uint256 i = 0; i < shares.length; ++i) weights[i] = shares[i].share;
        uint256[] memory parts = largestRemainder(weights, explained);
        for (uint256 i = 0; i < shares.length; ++i) entries[6 + i] = Payout(shares[i].owner, parts[i]);
        return mergeByAccount(entries);
    }

    /// Amounts summed per account, zero amounts left out, ascending by account.
    function mergeByAccount(Payout[] memory entries) internal pure returns (Payout[] memory merged) {
        uint256 n = entries.length;
        uint256[] memory keys = new uint256[](n);
        for (uint256 i = 0; i < n; ++i) keys[i] = (uint256(uint160(entries[i].account)) << 16) | i;
        sort(keys);
        merged = new Payout[](n);
        uint256 count = 0;
        for (uint256 i = 0; i < n; ++i) {
            Payout memory entry = entries[keys[i] & 0xffff];
            if (entry.amount == 0) continue;
            if (count != 0 && merged[count - 1].account == entry.account) {
                merged[count - 1].amount += entry.amount;
            } else {
                merged[count++] = Payout(entry.account, entry.amount);
            }
        }
        assembly ("memory-safe") {
            mstore(merged, count)
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

    /// Ascending, by merging runs of doubling width: at most n log n steps for any input.
    function sort(uint256[] memory keys) internal pure {
        uint256 n = keys.length;
        uint256[] memory from = keys;
        uint256[] memory to = new uint256[](n);
        for (uint256 width = 1; width < n; width *= 2) {
            for (uint256 start = 0; start < n; start += 2 * width) _mergeRuns(from, to, start, width);
            (from, to) = (to, from);
        }
        if (n > 1) {
            for (uint256 i = 0; i < n; ++i) keys[i] = from[i];
        }
    }

    function _mergeRuns(uint256[] memory from, uint256[] memory to, uint256 start, uint256 width) private pure {
        uint256 n = from.length;
        uint256 middle = start + width < n ? start + width : n;
        uint256 end = start + 2 * width < n ? start + 2 * width : n;
        uint256 a = start;
        uint256 b = middle;
        for (uint256 i = start; i < end; ++i) {
            bool first = a < middle && (b == end || from[a] <= from[b]);
            to[i] = first ? from[a++] : from[b++];
        }
    }

    /// One entry per record, ascending; only record and owner of the entries are set.
    function _creditsOfRecords(Match[] memory matches)
        private
        pure
        returns (Match[] memory totals, uint256[] memory credits)
    {
        uint256 n = matches.length;
        uint256[] memory keys = new uint256[](n);
        for (uint256 i = 0; i < n; ++i) keys[i] = (uint256(matches[i].record) << 16) | i;
        sort(keys);
        totals = new Match[](n);
        credits = new uint256[](n);
        uint256 count = 0;
        for (uint256 i = 0; i < n; ++i) {
            Match memory entry = matches[keys[i] & 0xffff];
            if (count == 0 || totals[count - 1].record != entry.record) totals[count++] = entry;
            credits[count - 1] += entry.credit;
        }
        assembly ("memory-safe") {
            mstore(totals, count)
            mstore(credits, count)
        }
    }

    function _rescaled(Match[] memory totals, uint256[] memory parts, uint256 threshold, uint256 kept)
        private
        pure
        returns (Share[] memory shares)
    {
        uint256[] memory weights = new uint256[](kept);
        shares = new Share[](kept);
        uint256 count = 0;
        for (uint256 i = 0; i < parts.length; ++i) {
            if (parts[i] < threshold) continue;
            weights[count] = parts[i];
            shares[count++] = Share(totals[i].record, totals[i].owner, 0);
        }
        weights = largestRemainder(weights, ONE);
        for (uint256 i = 0; i < kept; ++i) shares[i].share = uint64(weights[i]);
    }

    function _fixedParts(Payout[] memory entries, uint256 fee, Rules memory rules, Parties memory parties)
        private
        pure
        returns (uint256 contributors)
    {
        uint256[] memory weights = new uint256[](5);
        weights[0] = rules.splitPlatform;
        weights[1] = rules.splitHost;
        weights[2] = rules.splitModel;
        weights[3] = rules.splitStakers;
        weights[4] = rules.splitContributors;
        uint256[] memory parts = largestRemainder(weights, fee);
        entries[0] = Payout(parties.treasury, parts[0]);
        entries[1] = Payout(parties.host, parts[1]);
        entries[2] = Payout(parties.modelOwner, parts[2]);
        entries[3] = Payout(parties.stakeVault, parts[3]);
        return parts[4];
    }
}
