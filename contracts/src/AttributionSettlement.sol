// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {
    IAttributionSettlement,
    IProtocolParameters,
    IStakeVault
} from "./interfaces/IOpenLedger.sol";
import {EpochProposal, Receipt, SumProofStep, TableEntry} from "./interfaces/Types.sol";
import {ReceiptVerifier} from "./ReceiptVerifier.sol";
import {Attribution} from "./lib/Attribution.sol";
import {Keys} from "./lib/Keys.sol";
import {MerkleTree} from "./lib/MerkleTree.sol";
import {Send} from "./lib/Send.sol";

/// Epochs of receipts: proposed under bond, open to challenge, then final and claimable.
///
/// Holds exactly `unallocated` plus what finalised rewards still owe (their total less all claims);
/// bonds are in the stake vault.
contract AttributionSettlement is IAttributionSettlement, ReentrancyGuardTransient {
    struct Pending {
        EpochProposal proposal;
        address settler; // zero: nothing is pending
        uint64 challengeEndsAt;
        uint64 parametersVersion; // when it was proposed
        uint256 bond;
        uint256 id; // counts proposals, so that a tally never outlives the proposal that it is of
    }

    struct SumRoot {
        bytes32 root;
        uint64 count;
        uint256 total;
    }

    /// What one account earns from the first `next` receipts of the pending epoch.
    struct Tally {
        uint64 next;
        uint64 nonce; // of the last receipt
        uint64 creditedRecords;
        bool disordered;
        address host; // of the last receipt
        uint256 owed;
    }

    bytes32 public constant RECEIPT_TYPEHASH = keccak256("Receipt(bytes32 receiptHash)");
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );

    IProtocolParameters public immutable parameters;
    IStakeVault public immutable vault;
    ReceiptVerifier public immutable verifier;
    address public immutable deployer;
    address public escrow;

    uint64 public epochCount;
    uint256 public unallocated;
    mapping(address account => uint256) public claimed;
    /// Redeemed by a host from a payer since the beginning.
    mapping(address payer => mapping(address host => uint256)) public paid;
    /// Receipts trees of the finalised epochs.
    mapping(uint64 epoch => SumRoot) public receiptsOf;
    uint256 public proposalCount;
    SumRoot private _rewards;
    Pending private _pending;
    mapping(bytes32 id => Tally) private _tallies;

    event EscrowSet(address escrow);

    error ZeroAddress();
    error OnlyDeployer(address caller);
    error EscrowAlreadySet(address escrow);
    error OnlyEscrow(address caller);
    error EpochPending(uint64 epoch);
    error NoEpochPending();
    error ReceiptCount(uint64 count, uint256 max);
    error MoreThanUnallocated(uint256 receiptsTotal, uint256 unallocated);
    error WrongRewardsTotal(uint256 rewardsTotal, uint256 expected);
    error BondTooSmall(uint256 sent, uint256 least);
    error WindowClosed(uint64 endedAt);
    error WindowOpen(uint64 endsAt);
    error ReceiptNotInEpoch();
    error ReceiptsNotTheEpochs();
    error OutOfTurn(uint64 index, uint64 expected);
    error TallyNotComplete(uint64 tallied, uint64 count);
    error DifferentAccounts();
    error RewardNotProved(address account);
    error AbsenceNotProved(address account);
    error NoFault();
    error NothingToClaim();

    constructor(address parameters_, address vault_, address datanets_, address models_) {
        if (
            parameters_ == address(0) || vault_ == address(0) || datanets_ == address(0)
                || models_ == address(0)
        ) revert ZeroAddress();
        deployer = msg.sender;
        parameters = IProtocolParameters(parameters_);
        vault = IStakeVault(vault_);
        verifier = new ReceiptVerifier(parameters_, datanets_, models_, vault_);
        _rewards.root = MerkleTree.sumRootOf(0, 0, 0);
    }

    /// Once: where redeemed money comes from.
    function setEscrow(address escrow_) external {
        if (msg.sender != deployer) revert OnlyDeployer(msg.sender);
        if (escrow_ == address(0)) revert ZeroAddress();
        if (escrow != address(0)) revert EscrowAlreadySet(escrow);
        escrow = escrow_;
        emit EscrowSet(escrow_);
    }

    /// @inheritdoc IAttributionSettlement
    function fund(address payer, address host) external payable {
        if (msg.sender != escrow) revert OnlyEscrow(msg.sender);
        unallocated += msg.value;
        paid[payer][host] += msg.value;
        emit Funded(payer, host, msg.value);
    }

    /// @inheritdoc IAttributionSettlement
    function propose(EpochProposal calldata proposal)
        external
        payable
        nonReentrant
        returns (uint64 epoch)
    {
        epoch = epochCount + 1;
        if (_pending.settler != address(0)) revert EpochPending(epoch);
        uint256 limit = parameters.get(Keys.MAX_EPOCH_RECEIPTS);
        if (proposal.receiptCount == 0 || proposal.receiptCount > limit) {
            revert ReceiptCount(proposal.receiptCount, limit);
        }
        if (proposal.receiptsTotal > unallocated) {
            revert MoreThanUnallocated(proposal.receiptsTotal, unallocated);
        }
        uint256 expected = _rewards.total + proposal.receiptsTotal;
        if (proposal.rewardsTotal != expected) {
            revert WrongRewardsTotal(proposal.rewardsTotal, expected);
        }
        uint256 least = parameters.get(Keys.SETTLER_BOND);
        if (msg.value < least) revert BondTooSmall(msg.value, least);

        uint64 endsAt = uint64(block.timestamp + parameters.get(Keys.CHALLENGE_WINDOW));
        _pending.proposal = proposal;
        _pending.settler = msg.sender;
        _pending.challengeEndsAt = endsAt;
        _pending.parametersVersion = parameters.version();
        _pending.bond = msg.value;
        _pending.id = ++proposalCount;
        emit EpochProposed(epoch, msg.sender, proposal, msg.value, endsAt);
        vault.stakeLocked{value: msg.value}(msg.sender, Keys.ROLE_SETTLER);
    }

    /// @inheritdoc IAttributionSettlement
    function challengeReceipt(Receipt calldata receipt, uint64 index, SumProofStep[] calldata proof)
        external
        nonReentrant
    {
        _open(receipt, receipt.fee, index, proof);
        if (receipt.parametersVersion > _pending.parametersVersion) {
            return _discard("receipt: version of the parameters after the proposal");
        }
        if (receipt.cumulative > paid[receipt.payer][receipt.host]) {
            return _discard("cumulative: more than the host redeemed from the payer");
        }
        _judge();
    }

    /// @inheritdoc IAttributionSettlement
    function challengeSpan(
        Receipt calldata receipt,
        uint64 index,
        SumProofStep[] calldata proof,
        uint256,
        uint256,
        bytes32,
        bytes32[] memory,
        bytes memory,
        bytes32[] memory
    ) public nonReentrant {
        _open(receipt, receipt.fee, index, proof);
        _judge();
    }

    /// @inheritdoc IAttributionSettlement
    function challengeLongerMatch(
        Receipt calldata receipt,
        uint64 index,
        SumProofStep[] calldata proof,
        uint256,
        bytes calldata
    ) external nonReentrant {
        _open(receipt, receipt.fee, index, proof);
        _judge();
    }

    /// @inheritdoc IAttributionSettlement
    function challengeMatch(
        Receipt calldata receipt,
        uint64 index,
        SumProofStep[] calldata proof,
        uint256,
        TableEntry calldata,
        uint256,
        bytes32[] memory,
        TableEntry calldata,
        bytes32[] memory,
        TableEntry calldata,
        bytes32[] memory
    ) public nonReentrant {
        _open(receipt, receipt.fee, index, proof);
        _judge();
    }

    /// @inheritdoc IAttributionSettlement
    /// @dev With all receipts at hand their order and the count of credited records are judged too.
    function challengeReward(
        Receipt[] calldata receipts,
        RewardClaim calldata reward,
        RewardClaim calldata previous
    ) external nonReentrant {
        _checkWindow();
        uint256 count = receipts.length;
        if (count != _pending.proposal.receiptCount) revert ReceiptsNotTheEpochs();
        bytes32[] memory hashes = new bytes32[](count);
        uint256[] memory fees = new uint256[](count);
        Tally memory tally;
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = _leafOf(receipts[i]);
            fees[i] = receipts[i].fee;
            _add(tally, receipts[i], reward.account);
        }
        (bytes32 root,) = MerkleTree.sumRoot(hashes, fees);
        if (root != _pending.proposal.receiptsRoot) revert ReceiptsNotTheEpochs();
        _judgeReward(tally, reward, previous);
    }

    /// challengeReward in pieces, for an epoch whose receipts do not fit one transaction: the
    /// caller opens all receipts in order, then calls challengeTalliedReward.
    function tallyReceipt(
        address account,
        Receipt calldata receipt,
        uint64 index,
        SumProofStep[] calldata proof
    ) external nonReentrant {
        _open(receipt, receipt.fee, index, proof);
        Tally memory tally = _tallies[_tallyId(account)];
        if (index != tally.next) revert OutOfTurn(index, tally.next);
        _add(tally, receipt, account);
        _tallies[_tallyId(account)] = tally;
    }

    function challengeTalliedReward(RewardClaim calldata reward, RewardClaim calldata previous)
        external
        nonReentrant
    {
        _checkWindow();
        Tally memory tally = _tallies[_tallyId(reward.account)];
        if (tally.next != _pending.proposal.receiptCount) {
            revert TallyNotComplete(tally.next, _pending.proposal.receiptCount);
        }
        _judgeReward(tally, reward, previous);
    }

    /// Two neighbours of the rewards tree are not strictly ascending. Without this, an account
    /// could be "absent" from a tree that holds it.
    function challengeRewardOrder(
        uint64 index,
        address account,
        uint256 cumulative,
        SumProofStep[] calldata proof,
        address next,
        uint256 nextCumulative,
        SumProofStep[] calldata nextProof
    ) external nonReentrant {
        _checkWindow();
        SumRoot memory tree = _proposedRewards();
        _checkReward(tree, account, cumulative, index, proof);
        _checkReward(tree, next, nextCumulative, uint256(index) + 1, nextProof);
        if (account < next) revert NoFault();
        _discard("rewards: accounts not ascending");
    }

    /// The leaf carries another sum than the receipt's fee.
    function challengeLeafSum(
        Receipt calldata receipt,
        uint256 sum,
        uint64 index,
        SumProofStep[] calldata proof
    ) external nonReentrant {
        _open(receipt, sum, index, proof);
        if (sum == receipt.fee) revert NoFault();
        _discard("receipts: the leaf's sum is not the fee");
    }

    /// A host's nonce or a payer's money was used before, in a finalised epoch or elsewhere in this
    /// one. A receipt uses its channel's money from cumulative - fee to cumulative. Together with
    /// challengeReceipt (cumulative is redeemed) no channel settles more than was redeemed from it.
    function challengeReplay(
        Receipt calldata receipt,
        uint64 index,
        SumProofStep[] calldata proof,
        uint64 epoch,
        Receipt calldata other,
        uint64 otherIndex,
        SumProofStep[] calldata otherProof
    ) external nonReentrant {
        _open(receipt, receipt.fee, index, proof);
        if (epoch == epochCount + 1) {
            if (index == otherIndex) revert NoFault();
            _open(other, other.fee, otherIndex, otherProof);
        } else {
            _checkReceipt(receiptsOf[epoch], other, other.fee, otherIndex, otherProof);
        }
        if (receipt.host != other.host) revert NoFault();
        if (receipt.nonce == other.nonce) {
            return _discard("receipts: the host's nonce was used before");
        }
        bool overlap = receipt.payer == other.payer && _startOf(receipt) < other.cumulative
            && _startOf(other) < receipt.cumulative;
        if (!overlap) revert NoFault();
        _discard("receipts: the payer's money was used before");
    }

    /// @inheritdoc IAttributionSettlement
    function finalise() external nonReentrant {
        if (_pending.settler == address(0)) revert NoEpochPending();
        if (block.timestamp < _pending.challengeEndsAt) {
            revert WindowOpen(_pending.challengeEndsAt);
        }
        Pending memory done = _pending;
        delete _pending;
        EpochProposal memory proposal = done.proposal;
        uint64 epoch = ++epochCount;
        unallocated -= proposal.receiptsTotal;
        _rewards = SumRoot(proposal.rewardsRoot, proposal.rewardCount, proposal.rewardsTotal);
        receiptsOf[epoch] =
            SumRoot(proposal.receiptsRoot, proposal.receiptCount, proposal.receiptsTotal);
        uint256 threshold = Attribution.nextThreshold(
            parameters.get(Keys.ATTRIBUTION_THRESHOLD),
            proposal.creditedRecords,
            proposal.receiptCount,
            parameters.get(Keys.THRESHOLD_TARGET),
            parameters.get(Keys.THRESHOLD_MIN),
            parameters.get(Keys.THRESHOLD_MAX)
        );
        emit EpochFinalised(epoch, proposal.rewardsRoot, proposal.rewardsTotal, threshold);
        parameters.adjustThreshold(threshold);
        vault.release(done.settler, Keys.ROLE_SETTLER, done.bond);
    }

    /// @inheritdoc IAttributionSettlement
    function claim(address account, uint256 cumulative, uint64 index, SumProofStep[] calldata proof)
        external
        nonReentrant
        returns (uint256 amount)
    {
        _checkReward(_rewards, account, cumulative, index, proof);
        if (cumulative <= claimed[account]) revert NothingToClaim();
        amount = cumulative - claimed[account];
        claimed[account] = cumulative;
        emit Claimed(account, amount, cumulative);
        if (account == address(vault)) {
            vault.addReward{value: amount}();
        } else {
            Send.value(account, amount);
        }
    }

    /// @inheritdoc IAttributionSettlement
    function pending()
        external
        view
        returns (
            bool exists,
            uint64 epoch,
            address settler,
            uint256 bond,
            uint64 challengeEndsAt,
            EpochProposal memory proposal
        )
    {
        exists = _pending.settler != address(0);
        epoch = exists ? epochCount + 1 : 0;
        return (
            exists,
            epoch,
            _pending.settler,
            _pending.bond,
            _pending.challengeEndsAt,
            _pending.proposal
        );
    }

    /// @inheritdoc IAttributionSettlement
    function finalisedRewards() external view returns (bytes32 root, uint64 count, uint256 total) {
        return (_rewards.root, _rewards.count, _rewards.total);
    }

    /// The caller's tally of an account in the pending epoch.
    function tallyOf(address challenger, address account)
        external
        view
        returns (uint64 next, uint64 creditedRecords, bool disordered, uint256 owed)
    {
        Tally storage tally = _tallies[keccak256(abi.encode(_pending.id, challenger, account))];
        return (tally.next, tally.creditedRecords, tally.disordered, tally.owed);
    }

    /// What a host signs (EIP-712) under a receipt whose hash is keccak(abi.encode(receipt)).
    function receiptDigest(bytes32 receiptHash) external view returns (bytes32) {
        bytes32 message = keccak256(abi.encode(RECEIPT_TYPEHASH, receiptHash));
        return MessageHashUtils.toTypedDataHash(domainSeparator(), message);
    }

    /// @dev The name is one byte too long for OpenZeppelin's EIP712. Nothing on the ledger checks
    /// such a signature, so there is nothing to cache.
    function domainSeparator() public view returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256("OpenLedger AttributionSettlement"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
    }

    function _checkWindow() private view {
        if (_pending.settler == address(0)) revert NoEpochPending();
        if (block.timestamp >= _pending.challengeEndsAt) {
            revert WindowClosed(_pending.challengeEndsAt);
        }
    }

    /// The receipt is leaf `index` of the pending epoch, with that sum.
    function _open(
        Receipt calldata receipt,
        uint256 sum,
        uint64 index,
        SumProofStep[] calldata proof
    ) private view {
        _checkWindow();
        EpochProposal storage proposal = _pending.proposal;
        SumRoot memory tree =
            SumRoot(proposal.receiptsRoot, proposal.receiptCount, proposal.receiptsTotal);
        _checkReceipt(tree, receipt, sum, index, proof);
    }

    function _checkReceipt(
        SumRoot memory tree,
        Receipt calldata receipt,
        uint256 sum,
        uint64 index,
        SumProofStep[] calldata proof
    ) private pure {
        if (!MerkleTree.verifySum(
                tree.root, _leafOf(receipt), sum, index, tree.count, proof, tree.total
            )) {
            revert ReceiptNotInEpoch();
        }
    }

    function _checkReward(
        SumRoot memory tree,
        address account,
        uint256 cumulative,
        uint256 index,
        SumProofStep[] calldata proof
    ) private pure {
        bytes32 leaf = MerkleTree.leaf(abi.encode(account));
        if (!MerkleTree.verifySum(
                tree.root, leaf, cumulative, index, tree.count, proof, tree.total
            )) {
            revert RewardNotProved(account);
        }
    }

    /// The leaf hash of a receipt. Gives its memory back, for an epoch has many receipts.
    function _leafOf(Receipt calldata receipt) private pure returns (bytes32 leaf) {
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        leaf = MerkleTree.leaf(abi.encode(keccak256(abi.encode(receipt))));
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
    }

    function _proposedRewards() private view returns (SumRoot memory) {
        EpochProposal storage proposal = _pending.proposal;
        return SumRoot(proposal.rewardsRoot, proposal.rewardCount, proposal.rewardsTotal);
    }

    /// Saturates: a cumulative below the fee is challengeReceipt's to refute.
    function _startOf(Receipt calldata receipt) private pure returns (uint256) {
        return receipt.cumulative > receipt.fee ? receipt.cumulative - receipt.fee : 0;
    }

    function _tallyId(address account) private view returns (bytes32) {
        return keccak256(abi.encode(_pending.id, msg.sender, account));
    }

    function _add(Tally memory tally, Receipt calldata receipt, address account) private pure {
        if (tally.next != 0) {
            bool ascending = receipt.host > tally.host
                || (receipt.host == tally.host && receipt.nonce > tally.nonce);
            if (!ascending) tally.disordered = true;
        }
        ++tally.next;
        tally.host = receipt.host;
        tally.nonce = receipt.nonce;
        tally.creditedRecords += uint64(receipt.shares.length);
        // A sum that overflows belongs to false payouts, which challengeReceipt refutes; here it
        // only must not stop the tally.
        unchecked {
            for (uint256 i = 0; i < receipt.payouts.length; ++i) {
                if (receipt.payouts[i].account == account) tally.owed += receipt.payouts[i].amount;
            }
        }
    }

    function _judgeReward(
        Tally memory tally,
        RewardClaim calldata reward,
        RewardClaim calldata previous
    ) private {
        if (reward.account != previous.account) {
            revert DifferentAccounts();
        }
        _checkClaim(_proposedRewards(), reward);
        _checkClaim(_rewards, previous);
        if (tally.disordered) return _discard("receipts: not ascending by host and nonce");
        if (tally.creditedRecords != _pending.proposal.creditedRecords) {
            return _discard("proposal: credited records");
        }
        unchecked {
            if (reward.cumulative == previous.cumulative + tally.owed) revert NoFault();
        }
        _discard("rewards: do not follow from the receipts");
    }

    /// The account's leaf, or its absence: the neighbours of the place where it would stand.
    function _checkClaim(SumRoot memory tree, RewardClaim calldata reward) private pure {
        if (reward.present) {
            return _checkReward(tree, reward.account, reward.cumulative, reward.index, reward.proof);
        }
        bool consistent = reward.cumulative == 0 && reward.index <= tree.count
            && (reward.index == 0 || reward.below < reward.account)
            && (reward.index == tree.count || reward.above > reward.account);
        if (!consistent) revert AbsenceNotProved(reward.account);
        if (reward.index != 0) {
            _checkReward(tree, reward.below, reward.belowSum, reward.index - 1, reward.belowProof);
        }
        if (reward.index != tree.count) {
            _checkReward(tree, reward.above, reward.aboveSum, reward.index, reward.aboveProof);
        }
    }

    /// Asks the verifier, which takes the same call data.
    function _judge() private {
        (bool ok, bytes memory answer) = address(verifier).staticcall(msg.data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        string memory reason = abi.decode(answer, (string));
        if (bytes(reason).length == 0) revert NoFault();
        _discard(reason);
    }

    /// The settler loses the bond; the money of the epoch waits for the next proposal.
    function _discard(string memory reason) private {
        address settler = _pending.settler;
        uint256 bond = _pending.bond;
        delete _pending;
        emit EpochChallenged(epochCount + 1, msg.sender, reason, bond);
        vault.slash(settler, Keys.ROLE_SETTLER, bond, msg.sender);
    }
}
