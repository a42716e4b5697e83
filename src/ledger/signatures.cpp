#include "ledger/signatures.hpp"

namespace ol::ledger::signatures {

const std::vector<std::string>& errors() {
    static const std::vector<std::string> list{
        "AbsenceNotProved(address)", "AdapterExists(bytes32)", "AlreadyAuthorised(address)",
        "AlreadyRedeemed(uint256,uint256)", "AlreadyRevoked(bytes32)", "AnswerWordNotProved()",
        "AuthorisedListClosed()", "BaseExists(bytes32)", "BondGone(uint256)",
        "BondTooSmall(uint256,uint256)", "CheckpointUnorderedInsertion()",
        "DatanetExists(bytes32)", "DifferentAccounts()", "DifferentDatanets()",
        "EmptyCommitment()", "EmptyHash()", "EpochPending(uint64)", "EscrowAlreadySet(address)",
        "HolderNotProved()", "InvalidShortString()", "LeafNotInBatch(uint256)",
        "LeafOfAnotherContributor(uint256)", "MoreThanDeposit(uint256,uint256)",
        "MoreThanLeft(uint256,uint256)", "MoreThanUnallocated(uint256,uint256)",
        "MoreThanVoucher(uint256,uint256)", "NextNotProved()", "NoEpochPending()", "NoFault()",
        "NoRefundRequested()", "NoSuchMatch(uint256,uint256)", "NoSuchSpan(uint256,uint256)",
        "NotAuthorised(address)", "NotDuplicates(uint256,uint256)",
        "NotEnoughFree(uint256,uint256)", "NotEnoughLocked(uint256,uint256)",
        "NotSignedByPayer(address,address)", "NotTheHolder(uint256,uint256,uint256)",
        "NothingAsked()", "NothingCooling()", "NothingSent()", "NothingToClaim()",
        "OffsetOutsideSpan(uint256,uint256)", "OnlyDatanetOwner(address,address)",
        "OnlyDeployer(address)", "OnlyEscrow(address)", "OnlySettlement(address)",
        "OutOfBounds(bytes32,uint256,uint256,uint256)", "OutOfTurn(uint64,uint64)",
        "OwnableInvalidOwner(address)", "OwnableUnauthorizedAccount(address)", "PaidNotProved()",
        "PriceTooHigh(uint256,uint256)", "ReceiptCount(uint64,uint256)", "ReceiptNotInEpoch()",
        "ReceiptsNotTheEpochs()", "ReentrancyGuardReentrantCall()", "RefundNotReady(uint64)",
        "RewardNotProved(address)", "SafeCastOverflowedUintDowncast(uint8,uint256)",
        "SameContributor()", "SendRefused(address,uint256)", "SettlementAlreadySet(address)",
        "StillCooling(uint64)", "StringTooLong(string)", "TallyNotComplete(uint64,uint64)",
        "TextLength(uint256,uint256)", "TextWordNotProved()", "TooLarge()",
        "UnknownAdapter(bytes32)", "UnknownBase(bytes32)", "UnknownBatch(uint256)",
        "UnknownDatanet(bytes32)", "UnknownParameter(bytes32)", "UnknownRole(bytes32)",
        "UnknownVersion()", "UnknownVersion(bytes32,uint64)", "UnknownVersion(uint64,uint64)",
        "WindowClosed(uint64)", "WindowOpen(uint64)", "WrongContent(uint256)", "WrongOrder()",
        "WrongRecordId(uint256)", "WrongRewardsTotal(uint256,uint256)", "WrongSignature(uint256)",
        "ZeroAddress()"};
    return list;
}

} // namespace ol::ledger::signatures
