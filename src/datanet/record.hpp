// Records: what a datanet is made of, and their commitment on the ledger (docs/formats/record.md).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "codec/json.hpp"

namespace ol::datanet {

inline constexpr std::size_t minhash_size = 112; // 14 bands x 8 rows
using MinHash = std::array<std::uint64_t, minhash_size>;

struct Record {
    Hash32 id; // keccak(datanet_id | contributor | content_hash)
    Hash32 datanet_id;
    Address contributor;
    std::string title;
    std::string text;    // normalised; the content
    std::string source;  // "foldoc.index:1234", for people
    std::string licence; // SPDX identifier
    Hash32 content_hash; // keccak(title | 0x0a | text)
    Hash32 salt;         // keccak(batch_salt | content_hash)
    MinHash signature{};
    Hash32 shingle_root;          // datanet::shingle_root of the sorted distinct shingle hashes
    std::uint32_t word_count = 0; // as shingle() counts them
    std::uint32_t shingle_count = 0;
    std::uint32_t cluster = 0; // version-wide index of the earliest near-duplicate (itself if none)
};

// The committed form: static, 11 words when ABI-encoded. Solidity: struct RecordLeaf.
struct RecordLeaf {
    Hash32 record_id;
    Address contributor;
    Hash32 content_commitment;   // keccak(salt | content_hash)
    Hash32 signature_commitment; // keccak(salt | 112 big-endian uint64)
    Hash32 shingle_root;
    Hash32 rule_set_hash;
    std::uint32_t word_count = 0;
    std::uint32_t byte_count = 0; // of the text
    std::uint32_t shingle_count = 0;
    Hash32 licence_hash;        // keccak of the SPDX identifier
    std::uint64_t sequence = 0; // 0-based place in its batch

    Bytes encode() const; // abi.encode(leaf): 352 bytes
    Hash32 hash() const;  // merkle_leaf(encode())
};

Hash32 content_hash(std::string_view title, std::string_view text);
Hash32 record_id(const Hash32& datanet_id, const Address& contributor, const Hash32& content_hash);
Hash32 record_salt(const Hash32& batch_salt, const Hash32& content_hash);
Hash32 signature_commitment(const Hash32& salt, const MinHash& signature);
// Merkle root over the hashes in order, sixteen big-endian ones to a leaf (the last may hold
// fewer): a leaf then costs one keccak block.
inline constexpr std::size_t shingles_per_leaf = 16;
Hash32 shingle_root(const std::vector<std::uint64_t>& hashes);
// The record of a title (one tidy line) and a normalised text, everything derived from them.
Record make_record(const Hash32& datanet_id, const Address& contributor, std::string title,
                   std::string text, std::string source, std::string licence,
                   const Hash32& batch_salt);
RecordLeaf leaf_of(const Record& record, const Hash32& rule_set_hash, std::uint64_t sequence);

// A batch as it is published after its root was anchored: bodies, salts, signatures. Stored as a
// blob; its hash is the batch's data commitment. JSON lines: a header object, then one per record.
struct Batch {
    Hash32 datanet_id;
    Address contributor;
    Hash32 rule_set_hash;
    Hash32 batch_salt;
    std::vector<Record> records;

    std::vector<Hash32> leaf_hashes() const;
    Hash32 root() const; // MerkleTree over leaf hashes in order
    std::string to_jsonl() const;
    // Recomputes every derived field; corrupted (with the line) when one differs.
    static Result<Batch> from_jsonl(std::string_view text);
};

} // namespace ol::datanet
