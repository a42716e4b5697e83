// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {FastLz} from "./FastLz.sol";
import {L1Block} from "./L1Block.sol";

/// Prices of Layer 1 for wallets: what they add to a transaction's gas (OP specs, "GasPriceOracle";
/// Fjord's and Isthmus' rules, Jovian's when it is set).
contract GasPriceOracle {
    L1Block private constant L1_BLOCK = L1Block(0x4200000000000000000000000000000000000015);
    uint256 private constant SIGNATURE_BYTES = 68; // what signing adds to a transaction
    int256 private constant COST_INTERCEPT = -42_585_600; // of the regression, in millionths
    int256 private constant COST_PER_BYTE = 836_500;
    int256 private constant MIN_SIZE = 100_000_000;

    string public constant version = "1.6.0-openledger";
    uint256 public constant DECIMALS = 6;
    bool public constant isEcotone = true;
    bool public constant isFjord = true;
    bool public constant isIsthmus = true;
    bool public isJovian; // slot 0

    error NotDepositor();

    function setJovian() external {
        require(msg.sender == L1_BLOCK.DEPOSITOR_ACCOUNT(), NotDepositor());
        isJovian = true;
    }

    /// L1 fee of a transaction given unsigned in its encoded form.
    function getL1Fee(bytes memory data) external view returns (uint256) {
        return _fee(FastLz.length(data) + SIGNATURE_BYTES);
    }

    /// The same from its length alone: compression makes nothing longer than this.
    function getL1FeeUpperBound(uint256 unsignedSize) external view returns (uint256) {
        uint256 size = unsignedSize + SIGNATURE_BYTES;
        return _fee(size + size / 255 + 16);
    }

    function getL1GasUsed(bytes memory data) external pure returns (uint256) {
        return _estimatedSize(FastLz.length(data) + SIGNATURE_BYTES) * 16 / 10 ** DECIMALS;
    }

    function getOperatorFee(uint256 gasUsed) external view returns (uint256) {
        uint256 scalar = L1_BLOCK.operatorFeeScalar();
        uint256 constant_ = L1_BLOCK.operatorFeeConstant();
        if (isJovian) return gasUsed * scalar * 100 + constant_;
        return gasUsed * scalar / 1e6 + constant_;
    }

    function gasPrice() external view returns (uint256) {
        return block.basefee;
    }

    function baseFee() external view returns (uint256) {
        return block.basefee;
    }

    function l1BaseFee() external view returns (uint256) {
        return L1_BLOCK.basefee();
    }

    function blobBaseFee() external view returns (uint256) {
        return L1_BLOCK.blobBaseFee();
    }

    function baseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.baseFeeScalar();
    }

    function blobBaseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.blobBaseFeeScalar();
    }

    function decimals() external pure returns (uint256) {
        return DECIMALS;
    }

    function _fee(uint256 compressedSize) private view returns (uint256) {
        uint256 perByte = 16 * uint256(L1_BLOCK.baseFeeScalar()) * L1_BLOCK.basefee()
            + uint256(L1_BLOCK.blobBaseFeeScalar()) * L1_BLOCK.blobBaseFee();
        return _estimatedSize(compressedSize) * perByte / 10 ** (2 * DECIMALS);
    }

    // Of the transaction within a batch, in millionths of a byte.
    function _estimatedSize(uint256 compressedSize) private pure returns (uint256) {
        int256 size = COST_INTERCEPT + COST_PER_BYTE * int256(compressedSize);
        return uint256(size < MIN_SIZE ? MIN_SIZE : size);
    }
}
