// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// The few cheat codes and assertions of forge that these tests need.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function getRecordedLogs() external returns (Log[] memory);
    function exists(string calldata path) external view returns (bool);
    function load(address account, bytes32 slot) external view returns (bytes32);
    function prank(address sender) external;
    function readFileBinary(string calldata path) external view returns (bytes memory);
    function toString(uint256 value) external pure returns (string memory);
    function recordLogs() external;
    function revertToState(uint256 id) external returns (bool);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotState() external returns (uint256 id);
    function startPrank(address sender) external;
    function stopPrank() external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function warp(uint256 timestamp) external;
}

abstract contract Checks {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error NotEqual(string what, uint256 a, uint256 b);
    error NotTrue(string what);

    function eq(uint256 a, uint256 b, string memory what) internal pure {
        if (a != b) revert NotEqual(what, a, b);
    }

    function eq(address a, address b, string memory what) internal pure {
        if (a != b) revert NotEqual(what, uint160(a), uint160(b));
    }

    function eq(bytes32 a, bytes32 b, string memory what) internal pure {
        if (a != b) revert NotEqual(what, uint256(a), uint256(b));
    }

    function eq(string memory a, string memory b, string memory what) internal pure {
        if (keccak256(bytes(a)) != keccak256(bytes(b))) {
            revert NotTrue(string.concat(what, ": ", a, " / ", b));
        }
    }

    function ok(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    function within(uint256 x, uint256 min, uint256 max) internal pure returns (uint256) {
        return x >= min && x <= max ? x : min + x % (max - min + 1);
    }
}
