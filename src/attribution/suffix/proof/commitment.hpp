// The commitment of a segment: keccak trees over its arrays, in packed leaves
// (docs/formats/index-proofs.md).
//
// A leaf of T holds 16 symbols in their short form (length byte and bytes; a separator is a zero
// byte and its record + 1 in 4 bytes); a leaf of SA, ISA, SLOT and of an owner's list holds 64
// big-endian u32. So hashing is cheap (one or two keccak blocks a leaf) and an opening is small.
//
// O_X: the ascending SA ranks whose suffix starts in a record of owner X. SLOT[i]: where rank i
// stands in the list of its owner. Both follow from SA and the table; they are stored beside the
// segment (OwnerLists) because a false one can be refuted only by who holds it.
#pragma once

#include <cstdint>
#include <vector>

#include "attribution/suffix/segment.hpp"
#include "base/thread_pool.hpp"

namespace ol::attribution::suffix {

struct SegmentArrays;

// What the ledger stores for a version.
struct IndexCommitment {
    Hash32 text_root, suffix_array_root, inverse_root, slot_root;
    Hash32 table_root;              // leaves: TableEntry::encode, one a record
    Hash32 owners_root;             // leaves: owner, root of O_X, where O_X starts, |O_X|; by owner
    std::uint64_t symbol_count = 0; // length of T, separators included; the sum of all |O_X|
    std::uint64_t record_count = 0;
    std::uint64_t owner_count = 0;
    bool operator==(const IndexCommitment&) const = default;
};

// The owners' lists of one segment, packed one after another.
struct OwnerLists {
    std::vector<Address> owners;       // ascending
    std::vector<std::uint32_t> starts; // owners + 1; list x is ranks[starts[x], starts[x + 1])
    std::vector<std::uint32_t> ranks;  // N
    std::vector<std::uint32_t> slots;  // N: SLOT

    // One pass over the suffix array. Of arrays that are no index it makes some lists.
    static OwnerLists make(const Segment& segment);
    static OwnerLists make(const SegmentArrays& arrays);
    // The file beside a segment: checksummed, written atomically. corrupted with its name.
    Status write(const Path& path) const;
    static Result<OwnerLists> read(const Path& path);
    static Result<OwnerLists> parse(ByteView bytes, std::string_view name);
    Bytes serialize() const;
    // Whether the lists have the sizes that a segment of `symbols` needs. What they say may still
    // be false. Lists that are read have them for slots.size() symbols.
    bool fits(std::uint64_t symbols) const;
    std::uint32_t size_of(std::size_t owner) const { return starts[owner + 1] - starts[owner]; }
};

} // namespace ol::attribution::suffix
