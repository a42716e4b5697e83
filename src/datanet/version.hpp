// Versions: immutable, ordered lists of records with a root (docs/formats/version.md).
#pragma once

#include <vector>

#include "datanet/record.hpp"

namespace ol::datanet {

// One line of a version's manifest. Order: batches as anchored, records by sequence, revoked ones
// left out.
struct VersionEntry {
    Hash32 record_id;
    Hash32 leaf_hash;
    Address owner;
    std::uint64_t batch_id = 0; // on the ledger
    std::uint64_t sequence = 0; // within the batch
    std::uint32_t cluster = 0;  // index of the earliest near-duplicate in this version
    bool operator==(const VersionEntry&) const = default;
};

struct VersionManifest {
    Hash32 datanet_id;
    std::uint64_t version = 0; // 1, 2, ...
    std::vector<VersionEntry> entries;

    Hash32 root() const; // MerkleTree over leaf hashes
    std::string to_jsonl() const;
    static Result<VersionManifest> from_jsonl(std::string_view text);
};

// Entries of all batches, clusters assigned by MinHash (>= 101 of 112 equal, transitively to the
// earliest record). `revoked` holds leaf hashes struck out by challenges.
struct AnchoredBatch {
    std::uint64_t batch_id = 0;
    const Batch* batch = nullptr;
};
VersionManifest make_version(const Hash32& datanet_id, std::uint64_t version,
                             const std::vector<AnchoredBatch>& batches,
                             const std::vector<Hash32>& revoked);

} // namespace ol::datanet
