// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// OPEN as an ERC-20 token: one for one with what is deposited (the interface of WETH9). Holds
/// exactly totalSupply, besides what was forced upon it.
contract WrappedOpen {
    string public constant name = "Wrapped OPEN";
    string public constant symbol = "WOPEN";
    uint8 public constant decimals = 18;

    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    event Approval(address indexed owner, address indexed spender, uint256 amount);
    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Deposit(address indexed to, uint256 amount);
    event Withdrawal(address indexed from, uint256 amount);

    error BalanceTooLow(address account, uint256 balance, uint256 needed);
    error AllowanceTooLow(address owner, address spender, uint256 allowed, uint256 needed);
    error NotPaid(address account);

    receive() external payable {
        deposit();
    }

    function deposit() public payable {
        balanceOf[msg.sender] += msg.value;
        emit Deposit(msg.sender, msg.value);
    }

    function withdraw(uint256 amount) external {
        _take(msg.sender, amount);
        emit Withdrawal(msg.sender, amount);
        (bool paid,) = msg.sender.call{value: amount}("");
        require(paid, NotPaid(msg.sender));
    }

    function totalSupply() external view returns (uint256) {
        return address(this).balance;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return transferFrom(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public returns (bool) {
        if (from != msg.sender) {
            uint256 allowed = allowance[from][msg.sender];
            if (allowed != type(uint256).max) {
                require(allowed >= amount, AllowanceTooLow(from, msg.sender, allowed, amount));
                allowance[from][msg.sender] = allowed - amount;
            }
        }
        _take(from, amount);
        balanceOf[to] += amount;
        emit Transfer(from, to, amount);
        return true;
    }

    function _take(address from, uint256 amount) private {
        uint256 balance = balanceOf[from];
        require(balance >= amount, BalanceTooLow(from, balance, amount));
        balanceOf[from] = balance - amount;
    }
}
