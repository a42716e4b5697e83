// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Messages and value on their way to Layer 1 (OP specs, "L2ToL1MessagePasser"). Slot 0 holds the
/// hashes that a withdrawal is proven against: Isthmus' header carries this contract's storage root.
contract L2ToL1MessagePasser {
    mapping(bytes32 withdrawal => bool) public sentMessages; // slot 0
    uint240 private _nonce; // slot 1

    string public constant version = "1.2.0-openledger";
    uint16 public constant MESSAGE_VERSION = 1;
    uint256 private constant RECEIVE_GAS = 100_000;

    event MessagePassed(
        uint256 indexed nonce,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        bytes32 withdrawalHash
    );
    event WithdrawerBalanceBurnt(uint256 indexed amount);

    receive() external payable {
        initiateWithdrawal(msg.sender, RECEIVE_GAS, "");
    }

    /// Value that left for Layer 1 is taken out of circulation here; anybody may do it.
    function burn() external {
        uint256 amount = address(this).balance;
        new Furnace{value: amount}();
        emit WithdrawerBalanceBurnt(amount);
    }

    function initiateWithdrawal(address target, uint256 gasLimit, bytes memory data)
        public
        payable
    {
        uint256 nonce = messageNonce();
        bytes32 withdrawal =
            keccak256(abi.encode(nonce, msg.sender, target, msg.value, gasLimit, data));
        sentMessages[withdrawal] = true;
        emit MessagePassed(nonce, msg.sender, target, msg.value, gasLimit, data, withdrawal);
        unchecked {
            ++_nonce;
        }
    }

    /// The next message's: the version in the upper two bytes.
    function messageNonce() public view returns (uint256) {
        return uint256(MESSAGE_VERSION) << 240 | _nonce;
    }
}

/// Ends with what it was given, within the transaction that made it (EIP-6780), so that it is gone.
contract Furnace {
    constructor() payable {
        selfdestruct(payable(address(this)));
    }
}
