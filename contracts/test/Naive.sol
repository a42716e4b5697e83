// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Match, Payout, Share} from "../src/interfaces/Types.sol";
import {Attribution} from "../src/lib/Attribution.sol";

/// docs/formats/money.md, literally and slowly: the twin that src/lib/Attribution.sol is tested
/// against.
library Naive {
    uint256 internal constant ONE = 2 ** 32;

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
        uint256 given = 0;
        bool[] memory taken = new bool[](n);
        for (uint256 i = 0; i < n; ++i) {
            parts[i] = total * weights[i] / sum;
            given += parts[i];
        }
        for (; given < total; ++given) {
            uint256 best = n;
            for (uint256 i = 0; i < n; ++i) {
                if (taken[i]) continue;
                if (best == n || (total * weights[i]) % sum > (total * weights[best]) % sum) {
                    best = i;
                }
            }
            taken[best] = true;
            parts[best] += 1;
        }
    }

    function sharesOf(Match[] memory matches, uint256 threshold)
        internal
        pure
        returns (Share[] memory kept)
    {
        // Records ascending, one entry each.
        uint256 n = 0;
        Share[] memory records = new Share[](matches.length);
        uint256[] memory credits = new uint256[](matches.length);
        for (uint256 i = 0; i < matches.length; ++i) {
            uint256 place = 0;
            while (place < n && records[place].record < matches[i].record) ++place;
            if (place == n || records[place].record != matches[i].record) {
                for (uint256 j = n; j > place; --j) {
                    records[j] = records[j - 1];
                    credits[j] = credits[j - 1];
                }
                records[place] = Share(matches[i].record, matches[i].owner, 0);
                credits[place] = 0;
                ++n;
            }
            credits[place] += matches[i].credit;
        }
        if (n == 0) return new Share[](0);
        uint256[] memory weights = new uint256[](n);
        for (uint256 i = 0; i < n; ++i) {
            weights[i] = credits[i];
        }
        uint256[] memory first = largestRemainder(weights, ONE);
        uint256 count = 0;
        uint256 best = 0;
        for (uint256 i = 0; i < n; ++i) {
            if (first[i] >= threshold) ++count;
            if (first[i] > first[best]) best = i;
        }
        if (count == 0) {
            kept = new Share[](1);
            kept[0] = Share(records[best].record, records[best].owner, uint64(ONE));
            return kept;
        }
        kept = new Share[](count);
        weights = new uint256[](count);
        uint256 at_ = 0;
        for (uint256 i = 0; i < n; ++i) {
            if (first[i] < threshold) continue;
            weights[at_] = first[i];
            kept[at_++] = records[i];
        }
        first = largestRemainder(weights, ONE);
        for (uint256 i = 0; i < count; ++i) {
            kept[i].share = uint64(first[i]);
        }
    }

    function payoutsOf(
        uint256 fee,
        uint256 symbols,
        uint256 covered,
        Share[] memory shares,
        Attribution.Rules memory rules,
        Attribution.Parties memory parties
    ) internal pure returns (Payout[] memory out) {
        uint256[] memory parts = new uint256[](5);
        parts[0] = rules.splitPlatform;
        parts[1] = rules.splitHost;
        parts[2] = rules.splitModel;
        parts[3] = rules.splitStakers;
        parts[4] = rules.splitContributors;
        parts = largestRemainder(parts, fee);
        uint256 toContributors =
            symbols == 0 || shares.length == 0 ? 0 : parts[4] * (covered * ONE / symbols) / ONE;
        uint256 toBase = (parts[4] - toContributors) * rules.unexplainedBase / 10_000;
        out = add(out, parties.treasury, parts[0] + (parts[4] - toContributors - toBase));
        out = add(out, parties.host, parts[1]);
        out = add(out, parties.modelOwner, parts[2]);
        out = add(out, parties.stakeVault, parts[3]);
        out = add(out, parties.baseOwner, toBase);
        uint256[] memory weights = new uint256[](shares.length);
        for (uint256 i = 0; i < shares.length; ++i) {
            weights[i] = shares[i].share;
        }
        weights = largestRemainder(weights, toContributors);
        for (uint256 i = 0; i < shares.length; ++i) {
            out = add(out, shares[i].owner, weights[i]);
        }
    }

    /// A sorted list with an amount added.
    function add(Payout[] memory list, address account, uint256 amount)
        internal
        pure
        returns (Payout[] memory)
    {
        if (amount == 0) return list;
        uint256 place = 0;
        while (place < list.length && list[place].account < account) ++place;
        if (place < list.length && list[place].account == account) {
            list[place].amount += amount;
            return list;
        }
        Payout[] memory longer = new Payout[](list.length + 1);
        for (uint256 i = 0; i < longer.length; ++i) {
            longer[i] = i < place ? list[i] : i == place ? Payout(account, amount) : list[i - 1];
        }
        return longer;
    }
}
