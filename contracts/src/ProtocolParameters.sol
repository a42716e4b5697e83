// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IProtocolParameters} from "./interfaces/IOpenLedger.sol";
import {Keys} from "./lib/Keys.sol";

/// Keeps every value that a parameter ever had, by version, so that an old receipt stays
/// recomputable.
contract ProtocolParameters is IProtocolParameters, Ownable {
    using Checkpoints for Checkpoints.Trace208;

    struct Bounds {
        uint128 min;
        uint128 max; // 0: no such key
    }

    uint256 private constant ONE = 1 << 32;

    address public immutable treasury;
    address public settlement;
    uint64 public version = 1;
    mapping(bytes32 key => Bounds) private _bounds;
    mapping(bytes32 key => Checkpoints.Trace208) private _values;

    event SettlementSet(address settlement);

    error UnknownParameter(bytes32 key);
    error UnknownVersion(uint64 version, uint64 latest);
    error OutOfBounds(bytes32 key, uint256 value, uint256 min, uint256 max);
    error OnlySettlement(address caller);
    error SettlementAlreadySet(address settlement);
    error ZeroAddress();

    constructor(address owner_, address treasury_) Ownable(owner_) {
        if (treasury_ == address(0)) revert ZeroAddress();
        treasury = treasury_;
        _define(Keys.THRESHOLD_MIN, ONE / 4096, 0, ONE / 2);
        _define(Keys.THRESHOLD_MAX, ONE / 8, 0, ONE / 2);
        _define(Keys.ATTRIBUTION_THRESHOLD, ONE / 64, 0, ONE / 2);
        _define(Keys.THRESHOLD_TARGET, 4, 1, 1000);
        _define(Keys.SPLIT_PLATFORM, 1000, 0, 3000);
        _define(Keys.SPLIT_HOST, 1000, 0, 5000);
        _define(Keys.SPLIT_MODEL, 1000, 0, 5000);
        _define(Keys.SPLIT_STAKERS, 2000, 0, 5000);
        _define(Keys.SPLIT_CONTRIBUTORS, 5000, 1000, 9000);
        _define(Keys.UNEXPLAINED_BASE, 5000, 0, 10_000);
        _define(Keys.PLATFORM_FEE, 10 ** 12, 0, 10 ** 18);
        _define(Keys.BATCH_BOND, 10 ** 18, 10 ** 15, 10 ** 24);
        _define(Keys.SETTLER_BOND, 10 ** 19, 10 ** 15, 10 ** 24);
        _define(Keys.CHALLENGE_WINDOW, 86_400, 60, 2_592_000);
        _define(Keys.REFUND_DELAY, 86_400, 60, 2_592_000);
        _define(Keys.COOL_DOWN, 172_800, 120, 5_184_000);
        _define(Keys.DUPLICATE_MIN_EQUAL, 104, 101, 112);
        _define(Keys.MAX_EPOCH_RECEIPTS, 128, 1, 256);
        _define(Keys.SPAN_MIN_SYMBOLS, 6, 2, 64);
        _define(Keys.SPAN_MIN_BITS, 6144, 0, 2 ** 20);
        _define(Keys.SPAN_MAX_CLUSTERS, 16, 1, 16);
        _define(Keys.SPAN_COMMON, 64, 1, 10 ** 6);
    }

    /// Once: who may move the threshold.
    function setSettlement(address settlement_) external onlyOwner {
        if (settlement != address(0)) revert SettlementAlreadySet(settlement);
        if (settlement_ == address(0)) revert ZeroAddress();
        settlement = settlement_;
        emit SettlementSet(settlement_);
    }

    /// @inheritdoc IProtocolParameters
    function set(bytes32 key, uint256 value) external onlyOwner {
        (uint256 min, uint256 max) = bounds(key);
        if (value < min || value > max) revert OutOfBounds(key, value, min, max);
        ++version;
        _write(key, value);
        // The threshold never stands outside its governed bounds, not even until the next epoch.
        uint256 threshold = get(Keys.ATTRIBUTION_THRESHOLD);
        if (key == Keys.THRESHOLD_MIN && threshold < value) {
            _write(Keys.ATTRIBUTION_THRESHOLD, value);
        }
        if (key == Keys.THRESHOLD_MAX && threshold > value) {
            _write(Keys.ATTRIBUTION_THRESHOLD, value);
        }
    }

    /// @inheritdoc IProtocolParameters
    function adjustThreshold(uint256 value) external {
        if (msg.sender != settlement) revert OnlySettlement(msg.sender);
        (uint256 min, uint256 max) = bounds(Keys.ATTRIBUTION_THRESHOLD);
        if (value < min || value > max) {
            revert OutOfBounds(Keys.ATTRIBUTION_THRESHOLD, value, min, max);
        }
        if (value == get(Keys.ATTRIBUTION_THRESHOLD)) return;
        ++version;
        _write(Keys.ATTRIBUTION_THRESHOLD, value);
    }

    /// @inheritdoc IProtocolParameters
    function get(bytes32 key) public view returns (uint256) {
        if (_bounds[key].max == 0) revert UnknownParameter(key);
        return _values[key].latest();
    }

    /// @inheritdoc IProtocolParameters
    function getAt(bytes32 key, uint64 version_) external view returns (uint256) {
        if (_bounds[key].max == 0) revert UnknownParameter(key);
        if (version_ == 0 || version_ > version) revert UnknownVersion(version_, version);
        return _values[key].upperLookupRecent(uint48(version_));
    }

    /// What `set` accepts now: the fixed bounds, narrowed where two parameters must keep an order
    /// (THRESHOLD_MIN <= threshold <= THRESHOLD_MAX, CHALLENGE_WINDOW < COOL_DOWN).
    function bounds(bytes32 key) public view returns (uint256 min, uint256 max) {
        (min, max) = (_bounds[key].min, _bounds[key].max);
        if (max == 0) revert UnknownParameter(key);
        if (key == Keys.THRESHOLD_MIN) {
            max = _lower(max, get(Keys.THRESHOLD_MAX));
        } else if (key == Keys.THRESHOLD_MAX) {
            min = get(Keys.THRESHOLD_MIN);
        } else if (key == Keys.ATTRIBUTION_THRESHOLD) {
            (min, max) = (get(Keys.THRESHOLD_MIN), get(Keys.THRESHOLD_MAX));
        } else if (key == Keys.CHALLENGE_WINDOW) {
            max = _lower(max, get(Keys.COOL_DOWN) - 1);
        } else if (key == Keys.COOL_DOWN) {
            uint256 floor = get(Keys.CHALLENGE_WINDOW) + 1;
            if (floor > min) min = floor;
        }
    }

    function _lower(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _define(bytes32 key, uint256 value, uint128 min, uint256 max) private {
        _bounds[key] = Bounds(min, uint128(max));
        _write(key, value);
    }

    function _write(bytes32 key, uint256 value) private {
        _values[key].push(SafeCast.toUint48(version), SafeCast.toUint208(value));
        emit ParameterSet(key, value, version);
    }
}
