// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IndexVerifier} from "../src/IndexVerifier.sol";
import {IndexCommitment} from "../src/interfaces/Types.sol";
import {ProofReader} from "../src/lib/ProofReader.sol";
import {Checks} from "./Cheats.sol";

/// The verifier against the C++ side: the same verdict and the same claim on the same bytes. The
/// files are made by tests/index_proof_vectors.cpp, which says what a record is.
contract IndexVerifierTest is Checks {
    string private constant FOLDER = "../build/index-proofs/";
    uint256 private constant HEADER = 1 + 6 * 32 + 3 * 8 + 32 + 8 + 32 + 4;

    struct Vector {
        bool holds;
        IndexCommitment index;
        bytes32 answerRoot;
        uint64 answerSymbols;
        bytes32 digest;
        bytes proof;
    }

    IndexVerifier private verifier = new IndexVerifier();

    event Gas(string what, uint256 proofBytes, uint256 execution, uint256 transaction);

    function test_ten_thousand_faults_are_accepted() external view {
        uint256 faults = 0;
        for (uint256 i = 0; i < 10; ++i) {
            string memory name = string.concat("faults-", vm.toString(i), ".bin");
            (uint256 count, uint256 holding) = this.checkFile(name);
            eq(count, holding, "a fault that C++ proved");
            faults += count;
        }
        eq(faults, 10_000, "faults");
    }

    function test_claims_are_those_of_the_other_side() external view {
        (uint256 count, uint256 holding) = this.checkFile("claims.bin");
        eq(count, holding, "a claim that C++ proved");
        ok(count > 300, "claims");
    }

    function test_changed_proofs_have_the_same_verdict() external view {
        (uint256 count, uint256 holding) = this.checkFile("changed.bin");
        ok(count > 5000 && holding < count / 20, "changed proofs");
    }

    /// Any change of one byte: the proof fails, or shows a claim as C++ would (the files above); here
    /// only that a fault of one index is none of another and that nothing but Unproved comes back.
    function testFuzz_forged_proofs(uint256 which, uint256 place, uint8 change) external view {
        bytes memory file = read("claims.bin");
        uint256 offset = 0;
        for (uint256 skip = which % 40; skip != 0; --skip) {
            offset = next(file, offset);
        }
        (Vector memory v,) = this.parse(file, offset);
        v.proof[place % v.proof.length] ^= bytes1(change == 0 ? 1 : change);
        (bool success, bytes memory answer) = ask(v);
        ok(success || bytes4(answer) == ProofReader.Unproved.selector, "another error");
        v.proof[1] = 0x01;
        (success, answer) = ask(v);
        ok(!success, "a claim is a fault");
    }

    function testFuzz_random_bytes(bytes calldata noise) external view {
        (Vector memory v,) = this.parse(read("claims.bin"), 0);
        v.proof = bytes.concat(hex"01", noise);
        (bool success, bytes memory answer) = ask(v);
        ok(!success && bytes4(answer) == ProofReader.Unproved.selector, "noise");
    }

    /// Gas of each question about a larger index: the median proof, call data included.
    function test_gas() external {
        bytes memory file = read("large.bin");
        string[4] memory names = ["", "occurrences", "span", "longer match"];
        for (uint256 kind = 2; kind <= 4; ++kind) {
            (uint256 size, uint256 execution, uint256 total) = this.dearest(file, kind);
            emit Gas(names[kind - 1], size, execution, total);
            ok(total < 350_000, "gas of a claim");
        }
        (uint256 size_, uint256 execution_, uint256 total_) = this.dearest(read("faults-0.bin"), 1);
        emit Gas("fault (small index)", size_, execution_, total_);
        ok(total_ < 350_000, "gas of a fault");
    }

    /// Of the proofs of one kind the one that costs most.
    function dearest(bytes calldata file, uint256 kind)
        external
        view
        returns (uint256 size, uint256 execution, uint256 total)
    {
        uint256 offset = 0;
        while (offset < file.length) {
            (Vector memory v, uint256 following) = parse(file, offset);
            offset = following;
            if (uint8(v.proof[1]) != kind) continue;
            bytes memory call = callOf(v);
            uint256 gas = gasleft();
            (bool success,) = address(verifier).staticcall(call);
            gas -= gasleft();
            ok(success, "a proof that C++ accepts");
            uint256 cost = transactionGas(call, gas);
            if (cost > total) (size, execution, total) = (v.proof.length, gas, cost);
        }
    }

    /// As EIP-7623 counts it.
    function transactionGas(bytes memory call, uint256 execution) private pure returns (uint256) {
        uint256 tokens = 0;
        for (uint256 i = 0; i < call.length; ++i) {
            tokens += call[i] == 0 ? 1 : 4;
        }
        uint256 standard = 4 * tokens + execution;
        return 21_000 + (standard > 10 * tokens ? standard : 10 * tokens);
    }

    /// How many records a file has, and how many of them hold. In a call of its own, which gives
    /// the memory back.
    function checkFile(string calldata name)
        external
        view
        returns (uint256 count, uint256 holding)
    {
        return this.checkRecords(read(name));
    }

    function checkRecords(bytes calldata file)
        external
        view
        returns (uint256 count, uint256 holding)
    {
        uint256 offset = 0;
        uint256 memory_;
        assembly ("memory-safe") {
            memory_ := mload(0x40)
        }
        while (offset < file.length) {
            (Vector memory v, uint256 following) = parse(file, offset);
            (bool success, bytes memory answer) = ask(v);
            if (success != v.holds) revert NotEqual("verdict of the record at", offset, count);
            if (success) {
                eq(digestOf(v, answer), v.digest, "claim");
                ++holding;
            } else {
                ok(bytes4(answer) == ProofReader.Unproved.selector, "another error");
            }
            ++count;
            offset = following;
            assembly ("memory-safe") {
                mstore(0x40, memory_)
            }
        }
    }

    function read(string memory name) private view returns (bytes memory) {
        string memory path = string.concat(FOLDER, name);
        if (!vm.exists(path)) {
            revert NotTrue(string.concat(
                    path,
                    " is missing; make it with: build/release/tests/index_proof_vectors build/index-proofs"
                ));
        }
        return vm.readFileBinary(path);
    }

    function next(bytes memory file, uint256 offset) private pure returns (uint256) {
        uint256 word;
        assembly ("memory-safe") {
            word := mload(add(add(file, 32), add(offset, sub(HEADER, 4))))
        }
        return offset + HEADER + (word >> 224);
    }

    function parse(bytes calldata file, uint256 offset)
        public
        pure
        returns (Vector memory v, uint256 following)
    {
        bytes calldata record = file[offset:];
        v.holds = record[0] == 0x01;
        record = record[1:];
        v.index.textRoot = bytes32(record[0:32]);
        v.index.suffixArrayRoot = bytes32(record[32:64]);
        v.index.inverseRoot = bytes32(record[64:96]);
        v.index.slotRoot = bytes32(record[96:128]);
        v.index.tableRoot = bytes32(record[128:160]);
        v.index.ownersRoot = bytes32(record[160:192]);
        v.index.symbolCount = uint64(bytes8(record[192:200]));
        v.index.recordCount = uint64(bytes8(record[200:208]));
        v.index.ownerCount = uint64(bytes8(record[208:216]));
        v.answerRoot = bytes32(record[216:248]);
        v.answerSymbols = uint64(bytes8(record[248:256]));
        v.digest = bytes32(record[256:288]);
        uint256 size = uint32(bytes4(record[288:292]));
        v.proof = record[292:292 + size];
        following = offset + HEADER + size;
    }

    function kindOf(Vector memory v) private pure returns (uint256) {
        return v.proof.length < 2 ? 1 : uint8(v.proof[1]);
    }

    function callOf(Vector memory v) private view returns (bytes memory) {
        uint256 kind = kindOf(v);
        if (kind == 2) return abi.encodeCall(verifier.verifyOccurrences, (v.index, v.proof));
        if (kind == 3) return abi.encodeCall(verifier.verifySpan, (v.index, v.proof));
        if (kind == 4) {
            return abi.encodeCall(
                verifier.verifyLongerMatch, (v.index, v.proof, v.answerRoot, v.answerSymbols)
            );
        }
        return abi.encodeCall(verifier.verifyFault, (v.index, v.proof));
    }

    function ask(Vector memory v) private view returns (bool, bytes memory) {
        return address(verifier).staticcall(callOf(v));
    }

    /// As tests/index_proof_vectors.cpp makes it.
    function digestOf(Vector memory v, bytes memory answer) private pure returns (bytes32) {
        uint256 kind = kindOf(v);
        if (kind == 1) {
            uint8 fault = abi.decode(answer, (uint8));
            return keccak256(
                abi.encodePacked(uint8(1), fault, uint64(0), address(0), uint64(0), uint128(0))
            );
        }
        if (kind == 2) {
            IndexVerifier.Occurrences memory o = abi.decode(answer, (IndexVerifier.Occurrences));
            return keccak256(
                abi.encodePacked(
                    uint16(0x0200),
                    uint64(o.count),
                    o.owner,
                    uint64(o.ownerCount),
                    uint128(0),
                    o.phrase
                )
            );
        }
        if (kind == 3) {
            IndexVerifier.PlacedSpan memory s = abi.decode(answer, (IndexVerifier.PlacedSpan));
            return keccak256(
                abi.encodePacked(
                    uint16(0x0300),
                    uint64(0),
                    s.owner,
                    uint64(0),
                    uint32(s.position),
                    uint32(s.record),
                    uint32(s.offset),
                    uint32(0),
                    s.phrase
                )
            );
        }
        IndexVerifier.LongerMatch memory m = abi.decode(answer, (IndexVerifier.LongerMatch));
        return keccak256(
            abi.encodePacked(
                uint16(0x0400),
                uint64(0),
                address(0),
                uint64(0),
                uint32(m.position),
                uint64(0),
                uint32(m.start),
                m.phrase
            )
        );
    }
}
