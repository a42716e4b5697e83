// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Length of the FastLZ level 1 compression of some bytes, without making it: what the L1 fee is
/// estimated from since Fjord (OP specs, "Fjord L1-Cost fee changes").
library FastLz {
    uint256 private constant TABLE = 8192; // hash table of the last place of three bytes
    uint256 private constant WINDOW = 0x1fff;
    uint256 private constant TAIL = 13; // no match begins in the last bytes

    function length(bytes memory data) internal pure returns (uint256 total) {
        unchecked {
            uint256 limit = data.length < TAIL ? 0 : data.length - TAIL;
            uint256[] memory table = new uint256[](TABLE);
            uint256 anchor = 0; // bytes before it are accounted for
            uint256 position = 2;
            while (position < limit) {
                uint256 from;
                while (true) {
                    uint256 three = _three(data, position);
                    uint256 slot = _slot(three);
                    from = table[slot];
                    table[slot] = position;
                    if (position >= limit) return total + _literals(data.length - anchor);
                    uint256 distance = position - from;
                    ++position;
                    if (distance <= WINDOW && three == _three(data, from)) break;
                }
                if (position >= limit) break;
                --position;
                if (position > anchor) total += _literals(position - anchor);
                uint256 equal = _equal(data, from + 3, position + 3, limit + 9);
                total += _match(equal);
                position += equal;
                table[_slot(_three(data, position))] = position;
                ++position;
                table[_slot(_three(data, position))] = position;
                ++position;
                anchor = position;
            }
            return total + _literals(data.length - anchor);
        }
    }

    function _three(bytes memory data, uint256 position) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            let word := mload(add(add(data, 0x20), position))
            value := or(or(byte(0, word), shl(8, byte(1, word))), shl(16, byte(2, word)))
        }
    }

    function _slot(uint256 three) private pure returns (uint256) {
        unchecked {
            return (three * 2654435769 >> 19) & 0x1fff;
        }
    }

    // How many bytes agree at `a` and at `b`, before `end` at b; a mismatch is counted too.
    function _equal(bytes memory data, uint256 a, uint256 b, uint256 end)
        private
        pure
        returns (uint256 count)
    {
        unchecked {
            uint256 most = end - b;
            while (count < most) {
                bool same = data[a + count] == data[b + count];
                ++count;
                if (!same) break;
            }
        }
    }

    function _literals(uint256 count) private pure returns (uint256) {
        unchecked {
            uint256 rest = count % 32;
            return 33 * (count / 32) + (rest == 0 ? 0 : rest + 1);
        }
    }

    function _match(uint256 count) private pure returns (uint256) {
        unchecked {
            uint256 less = count - 1;
            return 3 * (less / 262) + (less % 262 >= 6 ? 3 : 2);
        }
    }
}
