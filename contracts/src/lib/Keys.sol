// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Names of the governed parameters, as left-aligned bytes32, and of the stake roles.
/// Meanings and bounds: docs/formats/money.md.
library Keys {
    bytes32 internal constant ATTRIBUTION_THRESHOLD = "ATTRIBUTION_THRESHOLD";
    bytes32 internal constant THRESHOLD_MIN = "THRESHOLD_MIN";
    bytes32 internal constant THRESHOLD_MAX = "THRESHOLD_MAX";
    bytes32 internal constant THRESHOLD_TARGET = "THRESHOLD_TARGET";
    bytes32 internal constant SPLIT_PLATFORM = "SPLIT_PLATFORM";
    bytes32 internal constant SPLIT_HOST = "SPLIT_HOST";
    bytes32 internal constant SPLIT_MODEL = "SPLIT_MODEL";
    bytes32 internal constant SPLIT_STAKERS = "SPLIT_STAKERS";
    bytes32 internal constant SPLIT_CONTRIBUTORS = "SPLIT_CONTRIBUTORS";
    bytes32 internal constant UNEXPLAINED_BASE = "UNEXPLAINED_BASE";
    bytes32 internal constant PLATFORM_FEE = "PLATFORM_FEE";
    bytes32 internal constant BATCH_BOND = "BATCH_BOND";
    bytes32 internal constant SETTLER_BOND = "SETTLER_BOND";
    bytes32 internal constant CHALLENGE_WINDOW = "CHALLENGE_WINDOW";
    bytes32 internal constant REFUND_DELAY = "REFUND_DELAY";
    bytes32 internal constant COOL_DOWN = "COOL_DOWN";
    bytes32 internal constant DUPLICATE_MIN_EQUAL = "DUPLICATE_MIN_EQUAL";
    bytes32 internal constant MAX_EPOCH_RECEIPTS = "MAX_EPOCH_RECEIPTS";
    bytes32 internal constant SPAN_MIN_SYMBOLS = "SPAN_MIN_SYMBOLS";
    bytes32 internal constant SPAN_MIN_BITS = "SPAN_MIN_BITS";
    bytes32 internal constant SPAN_MAX_CLUSTERS = "SPAN_MAX_CLUSTERS";
    bytes32 internal constant SPAN_COMMON = "SPAN_COMMON";

    bytes32 internal constant ROLE_VALIDATOR = "validator";
    bytes32 internal constant ROLE_WORKER = "worker";
    bytes32 internal constant ROLE_SETTLER = "settler";
    bytes32 internal constant ROLE_DATANET = "datanet";
}
