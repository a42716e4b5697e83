// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {L2ToL1MessagePasser} from "./L2ToL1MessagePasser.sol";

/// Where a kind of fee gathers: the sequencer's tips, base fees, L1 fees, operator fees (OP specs,
/// "Fee vaults"). Anybody may pass it on to the recipient, whom genesis writes into the storage.
contract FeeVault {
    enum WithdrawalNetwork {
        L1,
        L2
    }

    L2ToL1MessagePasser private constant PASSER =
        L2ToL1MessagePasser(payable(0x4200000000000000000000000000000000000016));
    uint256 private constant WITHDRAWAL_GAS = 400_000;

    uint256 public totalProcessed; // slot 0
    address public recipient; // slot 1
    uint256 public minWithdrawalAmount; // slot 2
    WithdrawalNetwork public withdrawalNetwork; // slot 3

    event Withdrawal(uint256 value, address to, address from, WithdrawalNetwork withdrawalNetwork);

    error BelowMinimum(uint256 balance, uint256 minimum);
    error NotPaid(address recipient);

    receive() external payable {}

    function withdraw() external returns (uint256 value) {
        value = address(this).balance;
        require(value >= minWithdrawalAmount, BelowMinimum(value, minWithdrawalAmount));
        totalProcessed += value;
        emit Withdrawal(value, recipient, msg.sender, withdrawalNetwork);
        if (withdrawalNetwork == WithdrawalNetwork.L1) {
            PASSER.initiateWithdrawal{value: value}(recipient, WITHDRAWAL_GAS, "");
        } else {
            (bool paid,) = recipient.call{value: value}("");
            require(paid, NotPaid(recipient));
        }
    }
}
