#include "datanet/evidence.hpp"

#include "base/check.hpp"
#include "crypto/merkle.hpp"

namespace ol::datanet {

codec::AbiValue opened_record(const Batch& batch, std::uint64_t batch_id, std::uint64_t sequence) {
    OL_CHECK(sequence < batch.records.size());
    const Record& record = batch.records[sequence];
    const RecordLeaf leaf = leaf_of(record, batch.rule_set_hash, sequence);
    using List = codec::AbiValue::List;
    const auto number = [](std::uint64_t value) { return codec::AbiValue(value); };

    List leaf_words = {leaf.record_id,
                       leaf.contributor,
                       leaf.content_commitment,
                       leaf.signature_commitment,
                       leaf.shingle_root,
                       leaf.rule_set_hash,
                       number(leaf.word_count),
                       number(leaf.byte_count),
                       number(leaf.shingle_count),
                       leaf.licence_hash,
                       number(leaf.sequence)};
    const auto siblings = crypto::MerkleTree(batch.leaf_hashes()).prove(sequence);
    OL_CHECK(siblings.has_value());
    List proof(siblings->begin(), siblings->end());
    List signature(record.signature.begin(), record.signature.end());
    return List{number(batch_id), std::move(leaf_words), std::move(proof),
                record.salt,      record.content_hash,   std::move(signature)};
}

} // namespace ol::datanet
