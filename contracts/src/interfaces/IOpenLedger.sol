// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IndexVerifier} from "../IndexVerifier.sol";
import {EpochProposal, IndexCommitment, OpenedRecord, Receipt, SumProofStep, TableEntry} from "./Types.sol";

/// Typed, bounded, versioned parameters. Owner: the governor's timelock (for now the deployer).
interface IProtocolParameters {
    event ParameterSet(bytes32 indexed key, uint256 value, uint64 version);

    /// Refuses a value outside the key's bounds and an unknown key. Raises the version by one.
    function set(bytes32 key, uint256 value) external;
    /// Only the settlement contract: moves ATTRIBUTION_THRESHOLD within its governed bounds.
    function adjustThreshold(uint256 value) external;
    function get(bytes32 key) external view returns (uint256);
    /// As it was at a version.
    function getAt(bytes32 key, uint64 version) external view returns (uint256);
    function bounds(bytes32 key) external view returns (uint256 min, uint256 max);
    function version() external view returns (uint64);
    function treasury() external view returns (address);
}

/// Stakes by role. Roles: "validator", "worker", "settler", "datanet" as bytes32.
interface IStakeVault {
    event Staked(address indexed account, bytes32 indexed role, uint256 amount);
    event Locked(address indexed account, bytes32 indexed role, uint256 amount);
    event Released(address indexed account, bytes32 indexed role, uint256 amount);
    event UnstakeRequested(address indexed account, bytes32 indexed role, uint256 amount, uint64 readyAt);
    event Withdrawn(address indexed account, bytes32 indexed role, uint256 amount);
    event Slashed(address indexed account, bytes32 indexed role, uint256 amount, address challenger, uint256 reward, uint256 burned);
    event RewardAdded(uint256 amount);
    event RewardClaimed(address indexed account, uint256 amount);

    function stake(bytes32 role) external payable;
    /// An authorised contract stakes on behalf of an account and locks it at once.
    function stakeLocked(address account, bytes32 role) external payable;
    function lock(address account, bytes32 role, uint256 amount) external;
    function release(address account, bytes32 role, uint256 amount) external;
    /// Takes `amount` of the locked stake: half to the challenger, the rest burns.
    function slash(address account, bytes32 role, uint256 amount, address challenger) external;
    function requestUnstake(bytes32 role, uint256 amount) external;
    function withdraw(bytes32 role) external; // after the cool-down
    function staked(address account, bytes32 role) external view returns (uint256);
    function locked(address account, bytes32 role) external view returns (uint256);
    /// Fees for stakers, pro rata to all stakes at this moment; the remainder is carried.
    function addReward() external payable;
    function rewardOf(address account) external view returns (uint256);
    function claimReward() external returns (uint256);
}

interface IDatanetRegistry {
    event DatanetCreated(bytes32 indexed datanetId, address indexed owner, string name, bytes32 metadataHash);
    event BatchAnchored(bytes32 indexed datanetId, uint256 indexed batchId, address indexed contributor, bytes32 root, uint64 count, uint64 bytes_, bytes32 dataCommitment, uint256 bond);
    event RecordRevoked(bytes32 indexed datanetId, uint256 indexed batchId, bytes32 leafHash, uint64 sequence, bytes32 originalLeafHash);
    event BatchSlashed(uint256 indexed batchId, address indexed contributor, address indexed challenger, uint256 amount);
    event BondReleased(uint256 indexed batchId, address indexed contributor, uint256 amount);
    /// The fault's kind is that of IndexVerifier.verifyFault.
    event VersionRefuted(bytes32 indexed datanetId, uint64 indexed version, uint8 fault, address challenger);
    event VersionPublished(bytes32 indexed datanetId, uint64 indexed version, bytes32 root, bytes32 manifestHash, IndexCommitment index);

    /// datanetId = keccak(abi.encode(owner, name)); a name is unique per owner. licence: SPDX text.
    function create(string calldata name, string calldata licence, bytes32 ruleSetHash, bytes32 metadataHash) external returns (bytes32 datanetId);
    /// msg.value is the bond, at least BATCH_BOND; locked for CHALLENGE_WINDOW. Batch ids count from 1.
    function anchorBatch(bytes32 datanetId, bytes32 root, uint64 count, uint64 bytes_, bytes32 dataCommitment) external payable returns (uint256 batchId);
    /// Two opened records of one datanet by different contributors; the later is a copy: equal content
    /// hashes, or at least DUPLICATE_MIN_EQUAL of 112 signature words equal. Slashes the later batch's
    /// bond once and revokes that record. Refuses what does not open, the same record, a wrong order.
    function challengeDuplicate(OpenedRecord calldata original, OpenedRecord calldata copy_) external;
    /// After the window: the bond becomes free stake of the contributor.
    function releaseBond(uint256 batchId) external;
    /// By the datanet's owner. Versions count from 1. recordCount etc. are in `index`.
    function publishVersion(bytes32 datanetId, bytes32 root, bytes32 manifestHash, IndexCommitment calldata index) external returns (uint64 version);

    function ownerOf(bytes32 datanetId) external view returns (address);
    function batch(uint256 batchId) external view returns (bytes32 datanetId, address contributor, bytes32 root, uint64 count, bytes32 dataCommitment, uint256 bond, uint64 anchoredAt, bool slashed);
    function batchCount() external view returns (uint256);
    function versionCount(bytes32 datanetId) external view returns (uint64);
    /// Marks a version whose index has a fault that the proof shows (docs/formats/index-proofs.md); no
    /// adapter is registered over it from then on. Anybody may call it, at any time.
    function challengeVersion(bytes32 datanetId, uint64 version, bytes calldata proof) external;
    function isRefuted(bytes32 datanetId, uint64 version) external view returns (bool);
    function indexVerifier() external view returns (IndexVerifier);
    function versionOf(bytes32 datanetId, uint64 version) external view returns (bytes32 root, bytes32 manifestHash, IndexCommitment memory index);
    function revoked(bytes32 leafHash) external view returns (bool);
}

interface IModelRegistry {
    event BaseRegistered(bytes32 indexed baseHash, address indexed owner, string name);
    event AdapterRegistered(bytes32 indexed adapterId, address indexed owner, string name, bytes32 adapterHash, bytes32 baseHash, bytes32 datanetId, uint64 version, bytes32 trainingRecordHash, uint256 priceInPerThousand, uint256 priceOutPerThousand);

    function registerBase(bytes32 baseHash, string calldata name) external;
    /// adapterId = keccak(abi.encode(owner, name)); unique. The base and the version must exist.
    function registerAdapter(string calldata name, bytes32 adapterHash, bytes32 baseHash, bytes32 datanetId, uint64 version, bytes32 trainingRecordHash, uint256 priceInPerThousand, uint256 priceOutPerThousand) external returns (bytes32 adapterId);
    function adapter(bytes32 adapterId) external view returns (address owner, string memory name, bytes32 adapterHash, bytes32 baseHash, bytes32 datanetId, uint64 version, bytes32 trainingRecordHash, uint256 priceInPerThousand, uint256 priceOutPerThousand);
    function ownerOf(bytes32 adapterId) external view returns (address);
    function baseOwner(bytes32 baseHash) external view returns (address);
}

/// A deposit per (payer, host). Vouchers are EIP-712: domain {name "OpenLedger InferenceEscrow",
/// version "1", chainId, verifyingContract}, Voucher(address payer,address host,uint256 cumulative).
interface IInferenceEscrow {
    event Deposited(address indexed payer, address indexed host, uint256 amount);
    event Redeemed(address indexed payer, address indexed host, uint256 amount, uint256 cumulative);
    event RefundRequested(address indexed payer, address indexed host, uint256 amount, uint64 readyAt);
    event Refunded(address indexed payer, address indexed host, uint256 amount);

    function deposit(address host) external payable;
    /// Moves upTo - redeemed to the settlement contract, where upTo <= cumulative is what was really
    /// used of the voucher. Only the host. Refuses upTo <= redeemed, a wrong signature, more than the
    /// deposit.
    function redeem(address payer, uint256 cumulative, uint256 upTo, bytes calldata signature) external returns (uint256 amount);
    function requestRefund(address host, uint256 amount) external;
    /// After REFUND_DELAY, at most what is still there.
    function refund(address host) external returns (uint256 amount);
    function channel(address payer, address host) external view returns (uint256 deposited, uint256 redeemed, uint256 refunding, uint64 refundReadyAt);
    function voucherDigest(address payer, address host, uint256 cumulative) external view returns (bytes32);
}

/// One pending epoch at a time. A slashed proposal is discarded: its money stays for the next proposal.
interface IAttributionSettlement {
    event Funded(address indexed payer, address indexed host, uint256 amount);
    event EpochProposed(uint64 indexed epoch, address indexed settler, EpochProposal proposal, uint256 bond, uint64 challengeEndsAt);
    event EpochChallenged(uint64 indexed epoch, address indexed challenger, string reason, uint256 slashed);
    event EpochFinalised(uint64 indexed epoch, bytes32 rewardsRoot, uint256 rewardsTotal, uint256 threshold);
    event Claimed(address indexed account, uint256 amount, uint256 cumulative);

    /// Called by the escrow with redeemed money.
    function fund(address payer, address host) external payable;
    /// msg.value is the bond, at least SETTLER_BOND. Refuses when an epoch is pending, when
    /// rewardsTotal != previous rewardsTotal + receiptsTotal, when receiptsTotal is more than the
    /// unallocated money, or receiptCount is 0 or more than MAX_EPOCH_RECEIPTS.
    function propose(EpochProposal calldata proposal) external payable returns (uint64 epoch);

    /// The receipt's own numbers do not follow from each other: credits of a span's matches, covered,
    /// shares from credits and threshold, payouts from shares, fee from the adapter's price, or sums.
    function challengeReceipt(Receipt calldata receipt, uint64 index, SumProofStep[] calldata proof) external;
    /// Symbol `offset` of match `matchIndex`: T at position + offset is not the answer's symbol.
    /// `textLeaf` is the packed leaf of T that holds it.
    function challengeSpan(Receipt calldata receipt, uint64 index, SumProofStep[] calldata proof, uint256 matchIndex, uint256 offset, bytes32 answerWord, bytes32[] calldata answerProof, bytes calldata textLeaf, bytes32[] calldata textProof) external;
    /// Span `spanIndex` is not maximal: `longer` (a proof for IndexVerifier.verifyLongerMatch) shows
    /// symbols of the answer that hold the span and more, and stand in T.
    function challengeLongerMatch(Receipt calldata receipt, uint64 index, SumProofStep[] calldata proof, uint256 spanIndex, bytes calldata longer) external;
    /// The record that holds the match's position (entry `holder`, with its successor unless it is the
    /// last) is not of the match's cluster, or the paid record's owner is another.
    function challengeMatch(Receipt calldata receipt, uint64 index, SumProofStep[] calldata proof, uint256 matchIndex, TableEntry calldata holder, uint256 holderIndex, bytes32[] calldata holderProof, TableEntry calldata next, bytes32[] calldata nextProof, TableEntry calldata paid, bytes32[] calldata paidProof) external;
    /// The whole epoch: all receipts in order, and one account's reward leaf (or its absence by its
    /// neighbours) against its previous cumulative and its payouts. The previous leaf is proved against
    /// the last finalised root.
    function challengeReward(Receipt[] calldata receipts, RewardClaim calldata reward, RewardClaim calldata previous) external;

    struct RewardClaim {
        address account;
        uint256 cumulative; // 0 with present = false when the account has no leaf
        bool present;
        uint64 index; // of the leaf; when absent: of the first leaf with a greater account (or count)
        SumProofStep[] proof;
        // When absent: the neighbours (an empty proof where there is none).
        address below;
        uint256 belowSum;
        SumProofStep[] belowProof;
        address above;
        uint256 aboveSum;
        SumProofStep[] aboveProof;
    }

    /// After the window; moves the threshold; frees the bond. Anybody may call it.
    function finalise() external;
    /// Pays cumulative - claimed to the account; anybody may call it. For the stake vault it calls
    /// addReward with the money.
    function claim(address account, uint256 cumulative, uint64 index, SumProofStep[] calldata proof) external returns (uint256 amount);

    function epochCount() external view returns (uint64); // finalised ones
    function unallocated() external view returns (uint256);
    function claimed(address account) external view returns (uint256);
    function pending() external view returns (bool exists, uint64 epoch, address settler, uint256 bond, uint64 challengeEndsAt, EpochProposal memory proposal);
    function finalisedRewards() external view returns (bytes32 root, uint64 count, uint256 total);
}
