// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Sends native value; the last thing that a function does, after all its state is written.
library Send {
    error SendRefused(address to, uint256 amount);

    function value(address to, uint256 amount) internal {
        if (amount == 0) return;
        (bool ok,) = to.call{value: amount}("");
        if (!ok) revert SendRefused(to, amount);
    }
}
