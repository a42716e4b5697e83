#include "datanet/record.hpp"

#include "crypto/hash.hpp"
#include "crypto/merkle.hpp"
#include <algorithm>

namespace ol::datanet {

namespace {

Hash32 keccak_of(const Hash32& a, const Hash32& b) {
    std::array<std::uint8_t, 64> both;
    std::copy(a.begin(), a.end(), both.begin());
    std::copy(b.begin(), b.end(), both.begin() + 32);
    return crypto::keccak256(ByteView(both));
}

} // namespace

Bytes RecordLeaf::encode() const {
    Bytes out(11 * 32, 0);
    std::uint8_t* word = out.data();
    const auto put_word = [&](const Hash32& value) {
        std::copy(value.begin(), value.end(), word);
        word += 32;
    };
    const auto put_number = [&](std::uint64_t value) {
        put_be64(word + 24, value);
        word += 32;
    };
    put_word(record_id);
    std::copy(contributor.begin(), contributor.end(), word + 12);
    word += 32;
    put_word(content_commitment);
    put_word(signature_commitment);
    put_word(shingle_root);
    put_word(rule_set_hash);
    put_number(word_count);
    put_number(byte_count);
    put_number(shingle_count);
    put_word(licence_hash);
    put_number(sequence);
    return out;
}

Hash32 RecordLeaf::hash() const { return crypto::merkle_leaf(encode()); }

Hash32 content_hash(std::string_view title, std::string_view text) {
    std::string content;
    content.reserve(title.size() + 1 + text.size());
    content.append(title).push_back('\n');
    content.append(text);
    return crypto::keccak256(content);
}

Hash32 record_id(const Hash32& datanet_id, const Address& contributor, const Hash32& content_hash) {
    Bytes input;
    input.reserve(84);
    append(input, datanet_id.view());
    append(input, contributor.view());
    append(input, content_hash.view());
    return crypto::keccak256(input);
}

Hash32 record_salt(const Hash32& batch_salt, const Hash32& content_hash) {
    return keccak_of(batch_salt, content_hash);
}

Hash32 signature_commitment(const Hash32& salt, const MinHash& signature) {
    std::array<std::uint8_t, 32 + 8 * minhash_size> input;
    std::copy(salt.begin(), salt.end(), input.begin());
    for (std::size_t i = 0; i < minhash_size; ++i)
        put_be64(input.data() + 32 + 8 * i, signature[i]);
    return crypto::keccak256(ByteView(input));
}

Hash32 shingle_root(const std::vector<std::uint64_t>& hashes) {
    std::vector<Hash32> leaves;
    leaves.reserve(hashes.size() / shingles_per_leaf + 1);
    std::array<std::uint8_t, 8 * shingles_per_leaf> data;
    for (std::size_t at = 0; at < hashes.size(); at += shingles_per_leaf) {
        const std::size_t count = std::min(shingles_per_leaf, hashes.size() - at);
        for (std::size_t i = 0; i < count; ++i) put_be64(data.data() + 8 * i, hashes[at + i]);
        leaves.push_back(crypto::merkle_leaf(ByteView(data).first(8 * count)));
    }
    return crypto::MerkleTree(std::move(leaves)).root();
}

RecordLeaf leaf_of(const Record& record, const Hash32& rule_set_hash, std::uint64_t sequence) {
    RecordLeaf leaf;
    leaf.record_id = record.id;
    leaf.contributor = record.contributor;
    leaf.content_commitment = keccak_of(record.salt, record.content_hash);
    leaf.signature_commitment = signature_commitment(record.salt, record.signature);
    leaf.shingle_root = record.shingle_root;
    leaf.rule_set_hash = rule_set_hash;
    leaf.word_count = record.word_count;
    leaf.byte_count = static_cast<std::uint32_t>(record.text.size());
    leaf.shingle_count = record.shingle_count;
    leaf.licence_hash = crypto::keccak256(record.licence);
    leaf.sequence = sequence;
    return leaf;
}

} // namespace ol::datanet
