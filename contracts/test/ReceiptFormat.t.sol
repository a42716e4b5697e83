// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Match, Payout, Receipt, Share, Span} from "../src/interfaces/Types.sol";
import {Checks} from "./Cheats.sol";
import {Trees} from "./Trees.sol";

/// The example of docs/formats/receipt.md. Its numbers were also encoded with `cast abi-encode`.
contract ReceiptFormatTest is Checks {
    function example() private pure returns (Receipt memory r) {
        r.datanetId = bytes32(uint256(1));
        r.version = 2;
        r.adapterId = bytes32(uint256(3));
        r.payer = address(4);
        r.host = address(5);
        r.nonce = 6;
        r.tokensIn = 7;
        r.tokensOut = 8;
        r.fee = 1000;
        r.cumulative = 3000;
        r.promptHash = bytes32(uint256(9));
        r.answerHash = bytes32(uint256(10));
        r.answerRoot = bytes32(uint256(11));
        r.answerSymbols = 12;
        r.covered = 6;
        r.parametersVersion = 13;
        r.spans = new Span[](1);
        r.spans[0] = Span(1, 6, 6, 201);
        r.matches = new Match[](2);
        r.matches[0] = Match(0, 14, 15, address(16), 101);
        r.matches[1] = Match(0, 17, 18, address(19), 100);
        r.shares = new Share[](2);
        r.shares[0] = Share(15, address(16), 2_158_167_646);
        r.shares[1] = Share(18, address(19), 2_136_799_650);
        r.payouts = new Payout[](2);
        r.payouts[0] = Payout(address(5), 600);
        r.payouts[1] = Payout(address(16), 400);
    }

    function test_example() external pure {
        bytes memory encoded = abi.encode(example());
        eq(encoded.length, 1568, "bytes");
        eq(keccak256(encoded), HASH, "receipt hash");
        eq(Trees.leaf(abi.encode(keccak256(encoded))), LEAF, "leaf");
    }

    bytes32 private constant HASH =
        0xe16b2e9babc87fe93ecd557173eb165db826d6c9d604d9cad48449f4adb0cd90;
    bytes32 private constant LEAF =
        0x276b0cbd510d38d3ec724d67a83a4abe526524f23b36f689b93fbebbd451468d;
}
