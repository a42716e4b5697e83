// Proofs about a committed segment, as byte strings: made here, checked by verify() here and by
// contracts/src/IndexVerifier.sol with the same verdict on the same bytes
// (docs/formats/index-proofs.md). A proof needs nothing but the commitment: who checks it holds no
// index.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attribution/suffix/proof/arrays.hpp"
#include "attribution/suffix/proof/commitment.hpp"

namespace ol::attribution::suffix {

inline constexpr std::uint8_t proof_version = 1; // first byte of a proof; its kind is the second

enum class FaultKind : std::uint8_t {
    inverse = 1, // R1: ISA[SA[i]] is not i, or SA[i] is outside of T
    order = 2,   // R2: the suffixes at i and i + 1 are out of order
    list_order,  // an owner's list does not ascend, or leaves the suffix array
    slot,        // O_X[SLOT[i]] is not i, where X owns the record of SA[i]; or X has no list
    table_order, // offsets of neighbouring records do not ascend, the first is not 0, the last >= N
    separator,   // a record does not end with its separator, or a separator stands elsewhere
    cluster,     // a record's cluster is later than it, or is not its own head
    owner_order, // owners do not ascend, or their lists do not follow each other from 0 to N
    form,        // a leaf's bytes are not what a leaf of that tree may be
};

// What a proof that holds has shown.
struct Claim {
    enum class Kind : std::uint8_t { order_fault = 1, occurrences = 2, span = 3, longer_match = 4 };
    Kind kind = Kind::occurrences;
    FaultKind fault = FaultKind::order;   // order_fault
    std::vector<text::SymbolWord> phrase; // occurrences, span, longer_match
    std::uint64_t count = 0;              // occurrences: of the phrase in T
    Address owner;                        // occurrences: X; span: the record's owner
    std::uint64_t owner_count = 0;        // occurrences: those in X's records
    std::uint32_t position = 0;           // span, longer_match: of the occurrence in T
    std::uint32_t record = 0, offset = 0; // span: symbol `offset` of record `record`
    std::uint32_t start = 0;              // longer_match: where the phrase stands in the answer
};

// Makes proofs about one segment. Thread safe. The first use hashes everything.
class Prover {
public:
    // `lists` as published (they may be false: faults of theirs are then proved too), of the
    // segment's size. Segment, lists and pool must outlive the prover and stay where they are.
    Prover(const Segment& segment, const OwnerLists& lists, ThreadPool* pool = nullptr);
    Prover(SegmentArrays arrays, const OwnerLists& lists, ThreadPool* pool = nullptr);
    ~Prover();

    const IndexCommitment& commitment() const;
    // The first fault of the segment and its lists, with its proof; nothing when all is in order.
    // Leaves' forms come first, then the table, clusters, separators, R1, R2, owners, lists, slots:
    // each check relies on those before. Safe on any arrays.
    struct Fault {
        FaultKind kind = FaultKind::form;
        std::string text; // "ranks 17 and 18 are out of order (R2)"
        Bytes proof;
    };
    std::optional<Fault> find_fault() const;

    // The claims below are for segments without faults.
    //
    // "phrase occurs exactly n times, k of them in records of `owner`" (n and k are found here;
    // both may be 0). invalid_argument for an empty phrase, one with a separator, or one beyond
    // limits::proof_symbols.
    Result<Bytes> prove_occurrences(std::span<const text::SymbolWord> phrase,
                                    const Address& owner) const;
    // "`length` symbols at `position` are symbols of record r at offset o, owned by X".
    // invalid_argument where they are not of one record.
    Result<Bytes> prove_span(std::uint32_t position, std::uint32_t length) const;
    // "answer[start, start + length) occurs at `position`", against the answer's root (a MerkleTree
    // over its symbol words, one a leaf). The caller compares with what was claimed to be longest.
    Result<Bytes> prove_longer_match(std::span<const text::SymbolWord> answer, std::uint32_t start,
                                     std::uint32_t length, std::uint32_t position) const;

    // Openings for the settlement's challenges: the leaf that holds a symbol of T, a table entry.
    // not_found beyond the end.
    struct Opening {
        Bytes leaf;
        std::vector<Hash32> siblings; // as docs/formats/merkle.md has them
    };
    Result<Opening> open_text(std::uint32_t position) const;
    Result<Opening> open_table(std::uint32_t record) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// What the proof shows of the segment with this commitment; unverified (with the first step that
// fails) when it shows nothing. answer_root and answer_symbols are needed by longer_match alone.
Result<Claim> verify_proof(const IndexCommitment& commitment, ByteView proof,
                           const Hash32& answer_root = {}, std::uint64_t answer_symbols = 0);

} // namespace ol::attribution::suffix
