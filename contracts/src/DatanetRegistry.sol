// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IndexVerifier} from "./IndexVerifier.sol";
import {IDatanetRegistry, IProtocolParameters, IStakeVault} from "./interfaces/IOpenLedger.sol";
import {IndexCommitment, OpenedRecord, RecordLeaf} from "./interfaces/Types.sol";
import {Keys} from "./lib/Keys.sol";
import {MerkleTree} from "./lib/MerkleTree.sol";

/// Datanets, their batches under bond, and their published versions.
contract DatanetRegistry is IDatanetRegistry, ReentrancyGuardTransient {
    struct Datanet {
        address owner;
        uint64 versionCount;
        bytes32 ruleSetHash;
        bytes32 metadataHash;
        string name;
        string licence;
    }

    struct Batch {
        bytes32 datanetId;
        bytes32 root;
        bytes32 dataCommitment;
        address contributor;
        uint64 count;
        bool slashed;
        bool released;
        uint64 anchoredAt;
        uint64 windowEndsAt; // of the window that was governed when it was anchored
        uint256 bond;
    }

    struct Version {
        bytes32 root;
        bytes32 manifestHash;
        IndexCommitment index;
        bool refuted;
    }

    uint256 public constant MAX_TEXT_BYTES = 128; // of names and licences

    IProtocolParameters public immutable parameters;
    IStakeVault public immutable vault;
    /// Judges proofs about the index of a version; without state.
    IndexVerifier public immutable indexVerifier;
    uint256 public batchCount;
    mapping(bytes32 leafHash => bool) public revoked;
    mapping(bytes32 datanetId => Datanet) private _datanets;
    mapping(uint256 batchId => Batch) private _batches;
    mapping(bytes32 datanetId => mapping(uint64 version => Version)) private _versions;

    /// What DatanetCreated does not say.
    event DatanetTerms(bytes32 indexed datanetId, string licence, bytes32 ruleSetHash);

    error ZeroAddress();
    error TextLength(uint256 length, uint256 max);
    error DatanetExists(bytes32 datanetId);
    error UnknownDatanet(bytes32 datanetId);
    error UnknownBatch(uint256 batchId);
    error UnknownVersion(bytes32 datanetId, uint64 version);
    error AlreadyRefuted(bytes32 datanetId, uint64 version);
    error OnlyDatanetOwner(address caller, address owner);
    error EmptyCommitment();
    error BondTooSmall(uint256 sent, uint256 least);
    error DifferentDatanets();
    error WrongOrder();
    error SameContributor();
    error LeafOfAnotherContributor(uint256 batchId);
    error LeafNotInBatch(uint256 batchId);
    error WrongRecordId(uint256 batchId);
    error WrongContent(uint256 batchId);
    error WrongSignature(uint256 batchId);
    error NotDuplicates(uint256 equalWords, uint256 least);
    error AlreadyRevoked(bytes32 leafHash);
    error WindowOpen(uint64 endsAt);
    error BondGone(uint256 batchId);

    constructor(address parameters_, address vault_) {
        if (parameters_ == address(0) || vault_ == address(0)) revert ZeroAddress();
        parameters = IProtocolParameters(parameters_);
        vault = IStakeVault(vault_);
        indexVerifier = new IndexVerifier();
    }

    /// @inheritdoc IDatanetRegistry
    function create(
        string calldata name,
        string calldata licence,
        bytes32 ruleSetHash,
        bytes32 metadataHash
    ) external returns (bytes32 datanetId) {
        _checkText(name);
        _checkText(licence);
        datanetId = keccak256(abi.encode(msg.sender, name));
        if (_datanets[datanetId].owner != address(0)) revert DatanetExists(datanetId);
        _datanets[datanetId] = Datanet(msg.sender, 0, ruleSetHash, metadataHash, name, licence);
        emit DatanetCreated(datanetId, msg.sender, name, metadataHash);
        emit DatanetTerms(datanetId, licence, ruleSetHash);
    }

    /// @inheritdoc IDatanetRegistry
    function anchorBatch(
        bytes32 datanetId,
        bytes32 root,
        uint64 count,
        uint64 bytes_,
        bytes32 dataCommitment
    ) external payable nonReentrant returns (uint256 batchId) {
        _checkDatanet(datanetId);
        if (root == 0 || count == 0 || dataCommitment == 0) revert EmptyCommitment();
        uint256 least = parameters.get(Keys.BATCH_BOND);
        if (msg.value < least) revert BondTooSmall(msg.value, least);
        batchId = ++batchCount;
        Batch storage entry = _batches[batchId];
        entry.datanetId = datanetId;
        entry.root = root;
        entry.dataCommitment = dataCommitment;
        entry.contributor = msg.sender;
        entry.count = count;
        entry.anchoredAt = uint64(block.timestamp);
        entry.windowEndsAt = uint64(block.timestamp + parameters.get(Keys.CHALLENGE_WINDOW));
        entry.bond = msg.value;
        emit BatchAnchored(
            datanetId, batchId, msg.sender, root, count, bytes_, dataCommitment, msg.value
        );
        vault.stakeLocked{value: msg.value}(msg.sender, Keys.ROLE_DATANET);
    }

    /// @inheritdoc IDatanetRegistry
    /// @dev Inside the later batch's window its bond is slashed, once a batch; the record is
    /// revoked at any time.
    function challengeDuplicate(OpenedRecord calldata original, OpenedRecord calldata copy_)
        external
        nonReentrant
    {
        Batch storage first = _batches[original.batchId];
        Batch storage later = _batches[copy_.batchId];
        if (first.contributor == address(0)) revert UnknownBatch(original.batchId);
        if (later.contributor == address(0)) revert UnknownBatch(copy_.batchId);
        if (first.datanetId != later.datanetId) revert DifferentDatanets();
        // Another contributor means another batch, so batch ids alone order the two.
        if (first.contributor == later.contributor) revert SameContributor();
        if (original.batchId >= copy_.batchId) revert WrongOrder();
        bytes32 originalLeaf = _open(original, first);
        bytes32 leafHash = _open(copy_, later);
        if (original.contentHash != copy_.contentHash) {
            uint256 least = parameters.get(Keys.DUPLICATE_MIN_EQUAL);
            uint256 equal = _equalWords(original.signature, copy_.signature);
            if (equal < least) revert NotDuplicates(equal, least);
        }

        bool slashable = !later.slashed && !later.released && block.timestamp < later.windowEndsAt;
        if (revoked[leafHash] && !slashable) revert AlreadyRevoked(leafHash);
        if (!revoked[leafHash]) {
            revoked[leafHash] = true;
            emit RecordRevoked(
                later.datanetId, copy_.batchId, leafHash, copy_.leaf.sequence, originalLeaf
            );
        }
        if (slashable) {
            later.slashed = true;
            emit BatchSlashed(copy_.batchId, later.contributor, msg.sender, later.bond);
            vault.slash(later.contributor, Keys.ROLE_DATANET, later.bond, msg.sender);
        }
    }

    /// @inheritdoc IDatanetRegistry
    function releaseBond(uint256 batchId) external nonReentrant {
        Batch storage entry = _batches[batchId];
        if (entry.contributor == address(0)) revert UnknownBatch(batchId);
        if (entry.slashed || entry.released) revert BondGone(batchId);
        if (block.timestamp < entry.windowEndsAt) revert WindowOpen(entry.windowEndsAt);
        entry.released = true;
        emit BondReleased(batchId, entry.contributor, entry.bond);
        vault.release(entry.contributor, Keys.ROLE_DATANET, entry.bond);
    }

    /// @inheritdoc IDatanetRegistry
    function publishVersion(
        bytes32 datanetId,
        bytes32 root,
        bytes32 manifestHash,
        IndexCommitment calldata index
    ) external returns (uint64 version) {
        _checkDatanet(datanetId);
        Datanet storage entry = _datanets[datanetId];
        if (msg.sender != entry.owner) revert OnlyDatanetOwner(msg.sender, entry.owner);
        if (
            root == 0 || manifestHash == 0 || index.textRoot == 0 || index.suffixArrayRoot == 0
                || index.inverseRoot == 0 || index.slotRoot == 0 || index.tableRoot == 0
                || index.ownersRoot == 0 || index.symbolCount == 0 || index.recordCount == 0
                || index.ownerCount == 0
        ) revert EmptyCommitment();
        version = ++entry.versionCount;
        _versions[datanetId][version] = Version(root, manifestHash, index, false);
        emit VersionPublished(datanetId, version, root, manifestHash, index);
    }

    /// @inheritdoc IDatanetRegistry
    function challengeVersion(bytes32 datanetId, uint64 version, bytes calldata proof) external {
        Version storage entry = _versionOf(datanetId, version);
        if (entry.refuted) revert AlreadyRefuted(datanetId, version);
        uint8 fault = indexVerifier.verifyFault(entry.index, proof);
        entry.refuted = true;
        emit VersionRefuted(datanetId, version, fault, msg.sender);
    }

    /// @inheritdoc IDatanetRegistry
    function isRefuted(bytes32 datanetId, uint64 version) external view returns (bool) {
        return _versionOf(datanetId, version).refuted;
    }

    /// @inheritdoc IDatanetRegistry
    function ownerOf(bytes32 datanetId) external view returns (address) {
        return _datanets[datanetId].owner;
    }

    function datanet(bytes32 datanetId)
        external
        view
        returns (
            address owner,
            string memory name,
            string memory licence,
            bytes32 ruleSetHash,
            bytes32 metadataHash
        )
    {
        _checkDatanet(datanetId);
        Datanet storage entry = _datanets[datanetId];
        return (entry.owner, entry.name, entry.licence, entry.ruleSetHash, entry.metadataHash);
    }

    /// @inheritdoc IDatanetRegistry
    function batch(uint256 batchId)
        external
        view
        returns (
            bytes32 datanetId,
            address contributor,
            bytes32 root,
            uint64 count,
            bytes32 dataCommitment,
            uint256 bond,
            uint64 anchoredAt,
            bool slashed
        )
    {
        Batch storage entry = _batches[batchId];
        if (entry.contributor == address(0)) revert UnknownBatch(batchId);
        return (
            entry.datanetId,
            entry.contributor,
            entry.root,
            entry.count,
            entry.dataCommitment,
            entry.bond,
            entry.anchoredAt,
            entry.slashed
        );
    }

    /// When a batch's bond can no longer be slashed, and whether it was released.
    function bondOf(uint256 batchId) external view returns (uint64 windowEndsAt, bool released) {
        Batch storage entry = _batches[batchId];
        if (entry.contributor == address(0)) revert UnknownBatch(batchId);
        return (entry.windowEndsAt, entry.released);
    }

    /// @inheritdoc IDatanetRegistry
    function versionCount(bytes32 datanetId) external view returns (uint64) {
        return _datanets[datanetId].versionCount;
    }

    /// @inheritdoc IDatanetRegistry
    function versionOf(bytes32 datanetId, uint64 version)
        external
        view
        returns (bytes32 root, bytes32 manifestHash, IndexCommitment memory index)
    {
        Version storage entry = _versionOf(datanetId, version);
        return (entry.root, entry.manifestHash, entry.index);
    }

    function _versionOf(bytes32 datanetId, uint64 version) private view returns (Version storage) {
        if (version == 0 || version > _datanets[datanetId].versionCount) {
            revert UnknownVersion(datanetId, version);
        }
        return _versions[datanetId][version];
    }

    function _checkText(string calldata text) private pure {
        uint256 length = bytes(text).length;
        if (length == 0 || length > MAX_TEXT_BYTES) revert TextLength(length, MAX_TEXT_BYTES);
    }

    function _checkDatanet(bytes32 datanetId) private view {
        if (_datanets[datanetId].owner == address(0)) revert UnknownDatanet(datanetId);
    }

    /// The leaf's hash, when the record opens: everything that the leaf says of datanet,
    /// contributor and content is true. A leaf in somebody else's name is no record of his, so it
    /// revokes nothing of his.
    function _open(OpenedRecord calldata opened, Batch storage entry)
        private
        view
        returns (bytes32 leafHash)
    {
        RecordLeaf calldata leaf = opened.leaf;
        if (leaf.contributor != entry.contributor) revert LeafOfAnotherContributor(opened.batchId);
        leafHash = MerkleTree.leaf(abi.encode(leaf));
        if (!MerkleTree.verify(entry.root, leafHash, leaf.sequence, entry.count, opened.proof)) {
            revert LeafNotInBatch(opened.batchId);
        }
        if (
            leaf.recordId
                != keccak256(
                    abi.encodePacked(entry.datanetId, leaf.contributor, opened.contentHash)
                )
        ) revert WrongRecordId(opened.batchId);
        if (leaf.contentCommitment != keccak256(abi.encodePacked(opened.salt, opened.contentHash)))
        {
            revert WrongContent(opened.batchId);
        }
        if (leaf.signatureCommitment != _signatureCommitment(opened.salt, opened.signature)) {
            revert WrongSignature(opened.batchId);
        }
    }

    /// keccak(salt | 112 big-endian uint64), four words of the signature to a word of memory.
    function _signatureCommitment(bytes32 salt, uint64[112] calldata signature)
        private
        pure
        returns (bytes32)
    {
        uint256[28] memory packed;
        for (uint256 i = 0; i < 28; ++i) {
            packed[i] = (uint256(signature[4 * i]) << 192) | (uint256(signature[4 * i + 1]) << 128)
                | (uint256(signature[4 * i + 2]) << 64) | signature[4 * i + 3];
        }
        return keccak256(abi.encodePacked(salt, packed));
    }

    function _equalWords(uint64[112] calldata a, uint64[112] calldata b)
        private
        pure
        returns (uint256 equal)
    {
        for (uint256 i = 0; i < 112; ++i) {
            if (a[i] == b[i]) ++equal;
        }
    }
}
