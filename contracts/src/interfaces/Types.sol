// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// The committed structures. Their C++ twins: src/datanet/record.hpp, src/market/receipt.hpp,
// src/attribution. Formats: docs/formats/.

struct RecordLeaf {
    bytes32 recordId; // keccak(datanetId | contributor | contentHash)
    address contributor;
    bytes32 contentCommitment; // keccak(salt | contentHash)
    bytes32 signatureCommitment; // keccak(salt | 112 big-endian uint64)
    bytes32 shingleRoot;
    bytes32 ruleSetHash;
    uint32 wordCount;
    uint32 byteCount;
    uint32 shingleCount;
    bytes32 licenceHash;
    uint64 sequence;
}

/// A record opened in an anchored batch: leaf, its place, its Merkle proof, and what its commitments hide.
struct OpenedRecord {
    uint256 batchId;
    RecordLeaf leaf;
    bytes32[] proof;
    bytes32 salt;
    bytes32 contentHash;
    uint64[112] signature;
}

/// Roots of a version's suffix index; every tree is a MerkleTree over packed leaves
/// (docs/formats/index-proofs.md).
struct IndexCommitment {
    bytes32 textRoot; // leaves: 16 symbols in their short form
    bytes32 suffixArrayRoot; // leaves: 64 uint32 of SA
    bytes32 inverseRoot; // leaves: 64 uint32 of ISA
    bytes32 slotRoot; // leaves: 64 uint32 of SLOT
    bytes32 tableRoot; // leaves: abi.encode(TableEntry)
    bytes32 ownersRoot; // leaves: owner, root of his list of ranks, where it starts, its size
    uint64 symbolCount;
    uint64 recordCount;
    uint64 ownerCount;
}

struct TableEntry {
    uint256 offset; // position in T of the record's first symbol
    bytes32 leafHash; // of the record in the version
    address owner;
    uint256 cluster; // index of the earliest near-duplicate record
}

struct Span {
    uint32 start; // symbol position in the answer
    uint32 length;
    uint32 owned; // answer positions that belong to this span
    uint32 credit; // surprise of those positions, 1/256 bit
}

struct Match {
    uint32 span; // index into spans
    uint32 position; // in T
    uint32 record; // table index of the cluster's earliest record
    address owner; // of that record
    uint32 credit;
}

struct Share {
    uint32 record;
    address owner;
    uint64 share; // of 2^32
}

struct Payout {
    address account;
    uint256 amount; // wei
}

struct Receipt {
    bytes32 datanetId;
    uint64 version;
    bytes32 adapterId;
    address payer;
    address host;
    uint64 nonce; // per host, from 0 without gaps
    uint32 tokensIn;
    uint32 tokensOut;
    uint256 fee; // gross, wei
    uint256 cumulative; // of the payer's voucher to this host, this fee included
    bytes32 promptHash; // keccak of the UTF-8 text
    bytes32 answerHash;
    bytes32 answerRoot; // MerkleTree over the answer's symbol words
    uint32 answerSymbols;
    uint32 covered; // positions owned by paid spans
    uint64 parametersVersion;
    Span[] spans;
    Match[] matches;
    Share[] shares; // by record; sum is 2^32, or empty
    Payout[] payouts; // by account ascending; sum is fee
}

/// A leaf of a sum-tree on the way up.
struct SumProofStep {
    bytes32 hash;
    uint256 sum;
}

struct EpochProposal {
    bytes32 receiptsRoot; // sum-tree: leaf data = receiptHash, sum = fee; order: host, nonce ascending
    uint64 receiptCount;
    uint256 receiptsTotal; // fees of this epoch
    bytes32 rewardsRoot; // sum-tree: leaf data = abi.encode(account), sum = cumulative wei; by account
    uint64 rewardCount;
    uint256 rewardsTotal; // cumulative since the first epoch
    uint64 creditedRecords; // sum over receipts of shares.length
    bytes32 dataCommitment; // keccak of the published epoch file
}
