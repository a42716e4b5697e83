// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDatanetRegistry, IModelRegistry} from "./interfaces/IOpenLedger.sol";

/// Base models and the adapters trained over them. Nothing here changes once registered, so the
/// price and the owners of an old receipt stay recomputable.
contract ModelRegistry is IModelRegistry {
    struct Adapter {
        address owner;
        uint64 version;
        bytes32 adapterHash;
        bytes32 baseHash;
        bytes32 datanetId;
        bytes32 trainingRecordHash;
        uint256 priceInPerThousand;
        uint256 priceOutPerThousand;
        string name;
    }

    uint256 public constant MAX_TEXT_BYTES = 128;
    /// Keeps every product of a price, a token count and a share inside 256 bits.
    uint256 public constant MAX_PRICE = type(uint128).max;

    IDatanetRegistry public immutable datanets;
    /// Zero for an unknown base.
    mapping(bytes32 baseHash => address) public baseOwner;
    mapping(bytes32 adapterId => Adapter) private _adapters;

    error ZeroAddress();
    error TextLength(uint256 length, uint256 max);
    error EmptyHash();
    error BaseExists(bytes32 baseHash);
    error UnknownBase(bytes32 baseHash);
    error UnknownVersion(bytes32 datanetId, uint64 version);
    error VersionRefuted(bytes32 datanetId, uint64 version);
    error AdapterExists(bytes32 adapterId);
    error UnknownAdapter(bytes32 adapterId);
    error PriceTooHigh(uint256 price, uint256 max);

    constructor(address datanets_) {
        if (datanets_ == address(0)) revert ZeroAddress();
        datanets = IDatanetRegistry(datanets_);
    }

    /// @inheritdoc IModelRegistry
    function registerBase(bytes32 baseHash, string calldata name) external {
        if (baseHash == 0) revert EmptyHash();
        _checkText(name);
        if (baseOwner[baseHash] != address(0)) revert BaseExists(baseHash);
        baseOwner[baseHash] = msg.sender;
        emit BaseRegistered(baseHash, msg.sender, name);
    }

    /// @inheritdoc IModelRegistry
    function registerAdapter(
        string calldata name,
        bytes32 adapterHash,
        bytes32 baseHash,
        bytes32 datanetId,
        uint64 version,
        bytes32 trainingRecordHash,
        uint256 priceInPerThousand,
        uint256 priceOutPerThousand
    ) external returns (bytes32 adapterId) {
        _checkText(name);
        if (adapterHash == 0) revert EmptyHash();
        if (baseOwner[baseHash] == address(0)) revert UnknownBase(baseHash);
        if (version == 0 || version > datanets.versionCount(datanetId)) {
            revert UnknownVersion(datanetId, version);
        }
        if (datanets.isRefuted(datanetId, version)) revert VersionRefuted(datanetId, version);
        _checkPrice(priceInPerThousand);
        _checkPrice(priceOutPerThousand);
        adapterId = keccak256(abi.encode(msg.sender, name));
        Adapter storage entry = _adapters[adapterId];
        if (entry.owner != address(0)) revert AdapterExists(adapterId);
        entry.owner = msg.sender;
        entry.version = version;
        entry.adapterHash = adapterHash;
        entry.baseHash = baseHash;
        entry.datanetId = datanetId;
        entry.trainingRecordHash = trainingRecordHash;
        entry.priceInPerThousand = priceInPerThousand;
        entry.priceOutPerThousand = priceOutPerThousand;
        entry.name = name;
        _emitRegistered(adapterId, entry);
    }

    /// @inheritdoc IModelRegistry
    function adapter(bytes32 adapterId)
        external
        view
        returns (
            address owner,
            string memory name,
            bytes32 adapterHash,
            bytes32 baseHash,
            bytes32 datanetId,
            uint64 version,
            bytes32 trainingRecordHash,
            uint256 priceInPerThousand,
            uint256 priceOutPerThousand
        )
    {
        Adapter storage entry = _adapters[adapterId];
        if (entry.owner == address(0)) revert UnknownAdapter(adapterId);
        return (
            entry.owner,
            entry.name,
            entry.adapterHash,
            entry.baseHash,
            entry.datanetId,
            entry.version,
            entry.trainingRecordHash,
            entry.priceInPerThousand,
            entry.priceOutPerThousand
        );
    }

    /// Zero for an unknown adapter.
    function ownerOf(bytes32 adapterId) external view returns (address) {
        return _adapters[adapterId].owner;
    }

    function _emitRegistered(bytes32 adapterId, Adapter storage entry) private {
        emit AdapterRegistered(
            adapterId,
            entry.owner,
            entry.name,
            entry.adapterHash,
            entry.baseHash,
            entry.datanetId,
            entry.version,
            entry.trainingRecordHash,
            entry.priceInPerThousand,
            entry.priceOutPerThousand
        );
    }

    function _checkText(string calldata text) private pure {
        uint256 length = bytes(text).length;
        if (length == 0 || length > MAX_TEXT_BYTES) revert TextLength(length, MAX_TEXT_BYTES);
    }

    function _checkPrice(uint256 price) private pure {
        if (price > MAX_PRICE) revert PriceTooHigh(price, MAX_PRICE);
    }
}
