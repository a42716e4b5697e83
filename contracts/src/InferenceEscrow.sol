// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {
    IAttributionSettlement,
    IInferenceEscrow,
    IProtocolParameters
} from "./interfaces/IOpenLedger.sol";
import {Keys} from "./lib/Keys.sol";
import {Send} from "./lib/Send.sol";

/// Deposits of payers for hosts, drawn by cumulative signed vouchers: a request costs no
/// transaction.
///
/// Holds exactly the sum over channels of deposited - redeemed.
contract InferenceEscrow is IInferenceEscrow, EIP712, ReentrancyGuardTransient {
    struct Channel {
        uint256 deposited; // all deposits less all refunds
        uint256 redeemed;
        uint256 refunding;
        uint64 refundReadyAt;
    }

    bytes32 public constant VOUCHER_TYPEHASH =
        keccak256("Voucher(address payer,address host,uint256 cumulative)");

    IProtocolParameters public immutable parameters;
    IAttributionSettlement public immutable settlement;
    mapping(address payer => mapping(address host => Channel)) private _channels;

    error ZeroAddress();
    error NothingSent();
    error MoreThanVoucher(uint256 upTo, uint256 cumulative);
    error AlreadyRedeemed(uint256 upTo, uint256 redeemed);
    error MoreThanDeposit(uint256 upTo, uint256 deposited);
    error NotSignedByPayer(address recovered, address payer);
    error NothingAsked();
    error MoreThanLeft(uint256 asked, uint256 left);
    error NoRefundRequested();
    error RefundNotReady(uint64 readyAt);

    constructor(address parameters_, address settlement_)
        EIP712("OpenLedger InferenceEscrow", "1")
    {
        if (parameters_ == address(0) || settlement_ == address(0)) revert ZeroAddress();
        parameters = IProtocolParameters(parameters_);
        settlement = IAttributionSettlement(settlement_);
    }

    /// @inheritdoc IInferenceEscrow
    function deposit(address host) external payable {
        if (host == address(0)) revert ZeroAddress();
        if (msg.value == 0) revert NothingSent();
        _channels[msg.sender][host].deposited += msg.value;
        emit Deposited(msg.sender, host, msg.value);
    }

    /// @inheritdoc IInferenceEscrow
    /// @dev A pending refund does not stand in the host's way: the delay exists so that he can
    /// redeem.
    function redeem(address payer, uint256 cumulative, uint256 upTo, bytes calldata signature)
        external
        nonReentrant
        returns (uint256 amount)
    {
        Channel storage entry = _channels[payer][msg.sender];
        if (upTo > cumulative) revert MoreThanVoucher(upTo, cumulative);
        if (upTo <= entry.redeemed) revert AlreadyRedeemed(upTo, entry.redeemed);
        if (upTo > entry.deposited) revert MoreThanDeposit(upTo, entry.deposited);
        (address signer,,) =
            ECDSA.tryRecover(voucherDigest(payer, msg.sender, cumulative), signature);
        // A failed recovery is the zero address, whose deposits nobody can sign for.
        if (signer != payer || signer == address(0)) revert NotSignedByPayer(signer, payer);
        amount = upTo - entry.redeemed;
        entry.redeemed = upTo;
        emit Redeemed(payer, msg.sender, amount, upTo);
        settlement.fund{value: amount}(payer, msg.sender);
    }

    /// @inheritdoc IInferenceEscrow
    /// @dev A second request replaces the first and starts its delay again.
    function requestRefund(address host, uint256 amount) external {
        Channel storage entry = _channels[msg.sender][host];
        if (amount == 0) revert NothingAsked();
        uint256 left = entry.deposited - entry.redeemed;
        if (amount > left) revert MoreThanLeft(amount, left);
        entry.refunding = amount;
        entry.refundReadyAt = uint64(block.timestamp + parameters.get(Keys.REFUND_DELAY));
        emit RefundRequested(msg.sender, host, amount, entry.refundReadyAt);
    }

    /// @inheritdoc IInferenceEscrow
    function refund(address host) external nonReentrant returns (uint256 amount) {
        Channel storage entry = _channels[msg.sender][host];
        if (entry.refunding == 0) revert NoRefundRequested();
        if (block.timestamp < entry.refundReadyAt) revert RefundNotReady(entry.refundReadyAt);
        amount = entry.refunding;
        uint256 left = entry.deposited - entry.redeemed;
        if (amount > left) amount = left;
        entry.refunding = 0;
        entry.refundReadyAt = 0;
        entry.deposited -= amount;
        emit Refunded(msg.sender, host, amount);
        Send.value(msg.sender, amount);
    }

    /// @inheritdoc IInferenceEscrow
    function channel(address payer, address host)
        external
        view
        returns (uint256 deposited, uint256 redeemed, uint256 refunding, uint64 refundReadyAt)
    {
        Channel storage entry = _channels[payer][host];
        return (entry.deposited, entry.redeemed, entry.refunding, entry.refundReadyAt);
    }

    /// @inheritdoc IInferenceEscrow
    function voucherDigest(address payer, address host, uint256 cumulative)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(VOUCHER_TYPEHASH, payer, host, cumulative)));
    }
}
