// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// What Layer 2 knows of Layer 1 (OP specs, "Predeploys", "L1 Attributes"; Isthmus and Jovian). The
/// first transaction of each block writes it. The layout of the storage is consensus: the execution
/// layer reads the fee parameters from these slots, packed as here.
contract L1Block {
    address public constant DEPOSITOR_ACCOUNT = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;
    string public constant version = "1.6.0-openledger";

    uint64 public number; // slot 0
    uint64 public timestamp;
    uint256 public basefee; // slot 1
    bytes32 public hash; // slot 2
    uint64 public sequenceNumber; // slot 3: L2 blocks since the epoch began
    uint32 public blobBaseFeeScalar;
    uint32 public baseFeeScalar;
    bytes32 public batcherHash; // slot 4
    uint256 public l1FeeOverhead; // slot 5: before Ecotone
    uint256 public l1FeeScalar; // slot 6: before Ecotone
    uint256 public blobBaseFee; // slot 7
    uint64 public operatorFeeConstant; // slot 8
    uint32 public operatorFeeScalar;
    uint16 public daFootprintGasScalar; // Jovian

    error NotDepositor();

    // The calldata is packed: selector (4), baseFeeScalar (4), blobBaseFeeScalar (4),
    // sequenceNumber (8), timestamp (8), number (8), basefee (32), blobBaseFee (32), hash (32),
    // batcherHash (32), and from Isthmus on operatorFeeScalar (4), operatorFeeConstant (8), and in
    // Jovian daFootprintGasScalar (2).

    function setL1BlockValuesEcotone() external {
        _setEcotone();
    }

    function setL1BlockValuesIsthmus() external {
        _setEcotone();
        _setOperatorFee();
    }

    function setL1BlockValuesJovian() external {
        _setEcotone();
        _setOperatorFee();
        daFootprintGasScalar = uint16(bytes2(msg.data[176:178]));
    }

    /// OPEN is the native token of this chain (custom gas token).
    function isCustomGasToken() external pure returns (bool) {
        return true;
    }

    function gasPayingToken() external pure returns (address token, uint8 decimals) {
        return (0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE, 18);
    }

    function gasPayingTokenName() external pure returns (string memory) {
        return "OPEN";
    }

    function gasPayingTokenSymbol() external pure returns (string memory) {
        return "OPEN";
    }

    function _setEcotone() private {
        require(msg.sender == DEPOSITOR_ACCOUNT, NotDepositor());
        bytes calldata data = msg.data;
        baseFeeScalar = uint32(bytes4(data[4:8]));
        blobBaseFeeScalar = uint32(bytes4(data[8:12]));
        sequenceNumber = uint64(bytes8(data[12:20]));
        timestamp = uint64(bytes8(data[20:28]));
        number = uint64(bytes8(data[28:36]));
        basefee = uint256(bytes32(data[36:68]));
        blobBaseFee = uint256(bytes32(data[68:100]));
        hash = bytes32(data[100:132]);
        batcherHash = bytes32(data[132:164]);
    }

    function _setOperatorFee() private {
        operatorFeeScalar = uint32(bytes4(msg.data[164:168]));
        operatorFeeConstant = uint64(bytes8(msg.data[168:176]));
    }
}
