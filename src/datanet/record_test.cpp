#include "datanet/record.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "codec/abi.hpp"
#include "crypto/hash.hpp"
#include "crypto/merkle.hpp"
#include "datanet/curation.hpp"
#include "datanet/evidence.hpp"
#include "datanet/version.hpp"

namespace ol::datanet {
namespace {

Hash32 hash_of(std::string_view text) { return crypto::keccak256(text); }

Address address_of(std::uint8_t last) {
    Address out;
    out[19] = last;
    out[0] = 0xaa;
    return out;
}

std::string body(std::uint64_t seed, std::size_t words = 40) {
    Prng prng(seed);
    std::string text;
    for (std::size_t i = 0; i < words; ++i) {
        if (i > 0) text += ' ';
        for (std::size_t n = 3 + prng.below(5); n > 0; --n)
            text += static_cast<char>('a' + prng.below(26));
    }
    return text;
}

Batch make_batch(std::uint64_t seed, std::size_t count, std::uint8_t who = 1) {
    Batch batch;
    batch.datanet_id = hash_of("datanet");
    batch.contributor = address_of(who);
    batch.rule_set_hash = RuleSet{}.hash();
    batch.batch_salt = hash_of(fmt::format("salt {}", seed));
    for (std::size_t i = 0; i < count; ++i) {
        batch.records.push_back(make_record(
            batch.datanet_id, batch.contributor, fmt::format("Title \"{}\" é", i),
            body(seed * 1000 + i), fmt::format("f.txt:{}", i), "CC-BY-4.0", batch.batch_salt));
    }
    return batch;
}

TEST(RecordLeaf, EncodesAsSolidityDoes) {
    const Batch batch = make_batch(1, 3);
    const RecordLeaf leaf = leaf_of(batch.records[2], batch.rule_set_hash, 2);
    const auto encoded = codec::abi_encode(
        "(bytes32,address,bytes32,bytes32,bytes32,bytes32,uint32,uint32,uint32,bytes32,uint64)",
        {leaf.record_id, leaf.contributor, leaf.content_commitment, leaf.signature_commitment,
         leaf.shingle_root, leaf.rule_set_hash, std::uint64_t{leaf.word_count},
         std::uint64_t{leaf.byte_count}, std::uint64_t{leaf.shingle_count}, leaf.licence_hash,
         leaf.sequence});
    ASSERT_TRUE(encoded.has_value()) << encoded.error().to_string();
    EXPECT_EQ(leaf.encode(), *encoded);
    EXPECT_EQ(leaf.encode().size(), 352U);
    EXPECT_EQ(leaf.hash(), crypto::merkle_leaf(*encoded));
}

TEST(RecordLeaf, CommitmentsFollowTheirFormulas) {
    const Batch batch = make_batch(2, 1);
    const Record& r = batch.records[0];
    EXPECT_EQ(r.content_hash, hash_of(r.title + "\n" + r.text));
    Bytes id;
    append(id, batch.datanet_id.view());
    append(id, batch.contributor.view());
    append(id, r.content_hash.view());
    EXPECT_EQ(r.id, crypto::keccak256(id));
    Bytes salt;
    append(salt, batch.batch_salt.view());
    append(salt, r.content_hash.view());
    EXPECT_EQ(r.salt, crypto::keccak256(salt));
    const RecordLeaf leaf = leaf_of(r, batch.rule_set_hash, 0);
    Bytes content;
    append(content, r.salt.view());
    append(content, r.content_hash.view());
    EXPECT_EQ(leaf.content_commitment, crypto::keccak256(content));
    Bytes signature;
    append(signature, r.salt.view());
    for (const std::uint64_t word : r.signature) {
        std::uint8_t bytes[8];
        put_be64(bytes, word);
        append(signature, bytes);
    }
    EXPECT_EQ(leaf.signature_commitment, crypto::keccak256(signature));
    EXPECT_EQ(leaf.licence_hash, hash_of("CC-BY-4.0"));
    EXPECT_EQ(leaf.byte_count, r.text.size());
    EXPECT_EQ(leaf.word_count, 40U);
    EXPECT_EQ(leaf.shingle_count, 36U);
}

TEST(ShingleRoot, SixteenToALeaf) {
    std::vector<std::uint64_t> hashes;
    for (std::uint64_t i = 0; i < 40; ++i) hashes.push_back(i * 1000);
    std::vector<Hash32> leaves;
    for (std::size_t at = 0; at < 40; at += 16) {
        Bytes data;
        for (std::size_t i = at; i < std::min<std::size_t>(at + 16, 40); ++i) {
            std::uint8_t bytes[8];
            put_be64(bytes, hashes[i]);
            append(data, bytes);
        }
        leaves.push_back(crypto::merkle_leaf(data));
    }
    EXPECT_EQ(shingle_root(hashes), crypto::MerkleTree(leaves).root());
    EXPECT_EQ(shingle_root({}), crypto::MerkleTree({}).root());
}

TEST(Batch, JsonLinesRoundTrip) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
        const Batch batch = make_batch(3, count);
        const std::string text = batch.to_jsonl();
        const auto back = Batch::from_jsonl(text);
        ASSERT_TRUE(back.has_value()) << back.error().to_string();
        EXPECT_EQ(back->to_jsonl(), text);
        EXPECT_EQ(back->root(), batch.root());
        ASSERT_EQ(back->records.size(), count);
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(back->records[i].id, batch.records[i].id);
            EXPECT_EQ(back->records[i].salt, batch.records[i].salt);
            EXPECT_EQ(back->records[i].signature, batch.records[i].signature);
            EXPECT_EQ(back->records[i].shingle_root, batch.records[i].shingle_root);
            EXPECT_EQ(back->records[i].source, batch.records[i].source);
        }
    }
}

std::string with_member(const std::string& jsonl, std::size_t line, std::string_view name,
                        codec::Json value) {
    std::string out;
    std::string_view rest = jsonl;
    for (std::size_t at = 0; !rest.empty(); ++at) {
        std::string one(rest.substr(0, rest.find('\n')));
        rest.remove_prefix(one.size() + 1);
        if (at == line) {
            auto json = codec::Json::parse(one);
            EXPECT_TRUE(json.has_value() && json->contains(name)) << name;
            json->set(name, std::move(value));
            one = json->dump();
        }
        out += one + "\n";
    }
    return out;
}

void expect_corrupted(const std::string& jsonl, std::string_view place, std::string_view why) {
    const auto back = Batch::from_jsonl(jsonl);
    ASSERT_FALSE(back.has_value()) << why;
    EXPECT_EQ(back.error().code, ErrorCode::corrupted) << why;
    EXPECT_NE(back.error().context.find(place), std::string::npos)
        << why << ": " << back.error().context;
}

TEST(Batch, EveryChangedMemberIsFound) {
    const std::string good = make_batch(4, 3).to_jsonl();
    const Hash32 other = hash_of("other");
    expect_corrupted(with_member(good, 0, "format", "openledger-batch-2"), "line 1", "format");
    // These change what the records derive to, so the first record shows it.
    expect_corrupted(with_member(good, 0, "datanet", other), "line 2", "datanet");
    expect_corrupted(with_member(good, 0, "contributor", address_of(9)), "line 2", "contributor");
    expect_corrupted(with_member(good, 0, "rule_set", other), "line 2", "rule_set");
    expect_corrupted(with_member(good, 0, "salt", other), "line 2", "salt");
    expect_corrupted(with_member(good, 0, "root", other), "line 1", "root");
    expect_corrupted(with_member(good, 0, "records", 2), "line 4", "fewer records");
    expect_corrupted(with_member(good, 0, "records", 4), "3 of 4", "more records");
    for (const char* const name : {"id", "leaf"}) {
        expect_corrupted(with_member(good, 2, name, other), "line 3", name);
    }
    for (const char* const name : {"words", "shingles"}) {
        expect_corrupted(with_member(good, 2, name, 7), "line 3", name);
    }
    for (const char* const name : {"title", "text", "licence"}) {
        expect_corrupted(with_member(good, 2, name, "something else"), "line 3", name);
    }
    expect_corrupted(with_member(good, 2, "text", body(4002) + "  "), "line 3", "not normalised");
    expect_corrupted(with_member(good, 2, "title", "two\nlines"), "line 3", "title of two lines");
    expect_corrupted(with_member(good, 2, "text", 5), "line 3", "not a string");
}

TEST(Batch, EveryByteAndEveryCutIsFound) {
    const Batch batch = make_batch(5, 2);
    const std::string good = batch.to_jsonl();
    Prng prng(5);
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ (1 << prng.below(7)));
        const auto back = Batch::from_jsonl(bad);
        // `source` is for people and under the blob's hash alone; everything else is derived.
        const bool in_source = back.has_value() && back->root() == batch.root();
        EXPECT_TRUE(!back.has_value() || in_source) << at;
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(Batch::from_jsonl(good.substr(0, size)).has_value()) << size;
    }
    EXPECT_FALSE(Batch::from_jsonl(good + "\n").has_value());
    EXPECT_FALSE(Batch::from_jsonl(good + "{}\n").has_value());
    EXPECT_FALSE(Batch::from_jsonl("").has_value());
}

TEST(Version, OrderClustersAndRevocation) {
    Batch first = make_batch(6, 4, 1);
    Batch second = make_batch(7, 2, 2);
    // A copy with one word of 300 changed, in the other contributor's batch; and a copy of the
    // copy.
    const std::string original = body(60, 300);
    const auto with_word = [](std::string text, std::size_t at) {
        return text.replace(text.find(' ', at) + 1, 1, "Q");
    };
    first.records.push_back(make_record(first.datanet_id, first.contributor, "o", original, "",
                                        "CC0-1.0", first.batch_salt));
    second.records.push_back(make_record(second.datanet_id, second.contributor, "c",
                                         with_word(original, 500), "", "CC0-1.0",
                                         second.batch_salt));
    second.records.push_back(make_record(second.datanet_id, second.contributor, "d",
                                         with_word(with_word(original, 500), 1200), "", "CC0-1.0",
                                         second.batch_salt));
    const Hash32 struck = first.leaf_hashes()[1];
    // Batches are taken in the order of their ids, whatever the caller's order.
    const VersionManifest version = make_version(first.datanet_id, 3, {{12, &second}, {5, &first}},
                                                 {struck, hash_of("unknown")});
    ASSERT_EQ(version.entries.size(), 8U);
    EXPECT_EQ(version.entries[0].batch_id, 5U);
    EXPECT_EQ(version.entries[1].sequence, 2U);
    EXPECT_EQ(version.entries[4].batch_id, 12U);
    EXPECT_EQ(version.entries[3].record_id, first.records[4].id);
    EXPECT_EQ(version.entries[3].owner, first.contributor);
    EXPECT_EQ(version.entries[3].cluster, 3U);
    EXPECT_EQ(version.entries[6].cluster, 3U);
    EXPECT_EQ(version.entries[7].cluster, 3U);
    for (const std::size_t alone : {0U, 1U, 2U, 4U, 5U})
        EXPECT_EQ(version.entries[alone].cluster, alone);

    std::vector<Hash32> leaves;
    for (const VersionEntry& entry : version.entries) leaves.push_back(entry.leaf_hash);
    EXPECT_EQ(version.root(), crypto::MerkleTree(leaves).root());
    const std::string text = version.to_jsonl();
    const auto back = VersionManifest::from_jsonl(text);
    ASSERT_TRUE(back.has_value()) << back.error().to_string();
    EXPECT_EQ(back->entries, version.entries);
    EXPECT_EQ(back->version, 3U);
    EXPECT_EQ(back->datanet_id, first.datanet_id);
}

TEST(Version, ManifestRefusesWhatItIsNot) {
    const Batch batch = make_batch(8, 4);
    const VersionManifest version = make_version(batch.datanet_id, 1, {{0, &batch}}, {});
    const std::string good = version.to_jsonl();
    const auto refused = [](const std::string& text) {
        const auto back = VersionManifest::from_jsonl(text);
        return !back.has_value() && back.error().code == ErrorCode::corrupted;
    };
    EXPECT_FALSE(refused(good));
    EXPECT_TRUE(refused(with_member(good, 0, "root", hash_of("x"))));
    EXPECT_TRUE(refused(with_member(good, 0, "records", 5)));
    EXPECT_TRUE(refused(with_member(good, 0, "format", "x")));
    EXPECT_TRUE(refused(with_member(good, 2, "leaf", hash_of("x"))));
    EXPECT_TRUE(refused(with_member(good, 2, "cluster", 2)));
    EXPECT_TRUE(refused(with_member(good, 2, "cluster", std::uint64_t{1} << 32)));
    EXPECT_TRUE(refused(with_member(good, 2, "sequence", 0)));
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_TRUE(refused(good.substr(0, size)));
    EXPECT_TRUE(refused(good + "\n"));
    EXPECT_TRUE(make_version(batch.datanet_id, 1, {}, {}).entries.empty());
}

TEST(Version, ManyCopiesOfOneTextAreOneCluster) {
    Batch batch = make_batch(9, 0);
    const std::string text = body(9, 60);
    for (int i = 0; i < 2000; ++i) {
        batch.records.push_back(make_record(batch.datanet_id, batch.contributor,
                                            fmt::format("{}", i), text, "", "CC0-1.0",
                                            batch.batch_salt));
    }
    for (const VersionEntry& entry : make_version(batch.datanet_id, 1, {{0, &batch}}, {}).entries) {
        ASSERT_EQ(entry.cluster, 0U);
    }
}

TEST(Evidence, OpenedRecordIsWhatTheContractChecks) {
    const Batch batch = make_batch(10, 5);
    for (std::uint64_t sequence = 0; sequence < 5; ++sequence) {
        const codec::AbiValue opened = opened_record(batch, 42, sequence);
        const std::string tuple = fmt::format("({})", opened_record_type);
        const auto encoded = codec::abi_encode(tuple, {opened});
        ASSERT_TRUE(encoded.has_value()) << encoded.error().to_string();
        const auto decoded = codec::abi_decode(tuple, *encoded);
        ASSERT_TRUE(decoded.has_value()) << decoded.error().to_string();
        const auto& fields = (*decoded)[0].list();
        EXPECT_EQ(fields[0].u64(), 42U);
        // DatanetRegistry._open: leaf in the tree at its sequence, then the three commitments.
        Bytes leaf_bytes;
        for (const auto& word : fields[1].list()) append(leaf_bytes, word.word().view());
        std::vector<Hash32> proof;
        for (const auto& step : fields[2].list()) proof.push_back(step.word());
        const Hash32 leaf = crypto::merkle_leaf(leaf_bytes);
        EXPECT_TRUE(crypto::merkle_verify(batch.root(), leaf, sequence, 5, proof).has_value());
        const auto& words = fields[1].list();
        EXPECT_EQ(words[0].word(),
                  record_id(batch.datanet_id, words[1].address(), fields[4].word()));
        MinHash signature;
        for (std::size_t i = 0; i < minhash_size; ++i) signature[i] = fields[5].list()[i].u64();
        EXPECT_EQ(words[3].word(), signature_commitment(fields[3].word(), signature));
        EXPECT_EQ(words[10].u64(), sequence);
    }
}

} // namespace
} // namespace ol::datanet
