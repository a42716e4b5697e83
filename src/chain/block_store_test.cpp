#include "chain/block_store.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "chain/world_for_tests.hpp"

namespace ol::chain {
namespace {

class BlockStoreTest : public testing::Test {
protected:
    BlockStoreTest() { open(); }

    void open() {
        kv_.reset();
        auto opened = store::KeyValue::open(folder_.path(), chain_family_names());
        EXPECT_TRUE(opened.has_value()) << opened.error().to_string();
        kv_ = std::move(*opened);
    }
    BlockStore blocks() { return BlockStore(*kv_); }
    void write(const store::WriteBatch& batch) { ASSERT_TRUE(kv_->write(batch, false)); }

    // Block `number` with a transaction and logs of the addresses.
    static StoredBlock make(std::uint64_t number, const std::vector<std::uint8_t>& logs) {
        StoredBlock out;
        out.block.header.number = number;
        out.block.header.timestamp = 10 * number;
        out.block.transactions.push_back(transfer(0, number, {}));
        out.transaction_hashes.push_back(hash(out.block.transactions[0]));
        out.senders.push_back(test_key(0).address());
        auto& receipt = out.outcomes.emplace_back().receipt;
        receipt.type = TransactionType::dynamic_fee;
        for (const auto last : logs) {
            receipt.logs.emplace_back().address.data[19] = last;
        }
        receipt.logs_bloom = out.block.header.logs_bloom = bloom_of(receipt.logs);
        out.hash = hash(out.block.header);
        return out;
    }

    std::vector<std::uint64_t> with_logs(std::uint8_t last, std::uint64_t from, std::uint64_t to) {
        std::vector<std::uint64_t> out;
        Address address;
        address.data[19] = last;
        EXPECT_TRUE(blocks().scan_log_blocks(address, from, to, [&](std::uint64_t number) {
            out.push_back(number);
            return true;
        }));
        return out;
    }

    TestFolder folder_;
    std::unique_ptr<store::KeyValue> kv_;
};

TEST_F(BlockStoreTest, an_empty_store_says_so) {
    EXPECT_FALSE(blocks().heads().value());
    EXPECT_FALSE(blocks().header({}).value());
    EXPECT_EQ(blocks().block({}).value(), nullptr);
    EXPECT_FALSE(blocks().has({}).value());
    EXPECT_FALSE(blocks().canonical(0).value());
    EXPECT_FALSE(blocks().place({}).value());
    EXPECT_TRUE(blocks().waiting_overrides().value().empty());
    EXPECT_TRUE(blocks().genesis_digest().value().is_zero());
    EXPECT_EQ(blocks().logs({}).error().code, ErrorCode::not_found);
}

TEST_F(BlockStoreTest, canonical_indices_come_and_go) {
    std::vector<StoredBlock> chain;
    const std::vector<std::vector<std::uint8_t>> logs = {{}, {1}, {1, 2, 1}, {}, {2}, {1}};
    store::WriteBatch batch;
    for (std::uint64_t number = 0; number < logs.size(); ++number) {
        chain.push_back(make(number, logs[number]));
        blocks().put_block(chain.back(), batch);
        blocks().put_canonical(chain.back(), batch);
    }
    write(batch);
    open();
    EXPECT_EQ(with_logs(1, 0, 100), (std::vector<std::uint64_t>{1, 2, 5}));
    EXPECT_EQ(with_logs(1, 2, 4), (std::vector<std::uint64_t>{2}));
    EXPECT_EQ(with_logs(2, 0, 100), (std::vector<std::uint64_t>{2, 4}));
    EXPECT_TRUE(with_logs(3, 0, 100).empty());
    std::vector<std::uint64_t> seen;
    ASSERT_TRUE(blocks().scan_canonical(1, 4, [&](std::uint64_t number, const auto& block) {
        EXPECT_EQ(block.hash, chain[number].hash);
        EXPECT_EQ(block.bloom.has_value(), !logs[number].empty());
        seen.push_back(number);
        return number != 3;
    }));
    EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_EQ(blocks().place(chain[4].transaction_hashes[0]).value()->number, 4U);
    const auto found = blocks().logs(chain[2].hash).value();
    EXPECT_EQ(found.entries.size(), 3U);
    EXPECT_EQ(found.timestamp, 20U);
    EXPECT_EQ(found.log(2).transaction_hash, chain[2].transaction_hashes[0]);

    batch.clear();
    blocks().erase_canonical(chain[5], batch);
    blocks().erase_canonical(chain[2], batch);
    blocks().forget_block(chain[5].hash, batch);
    write(batch);
    EXPECT_EQ(with_logs(1, 0, 100), (std::vector<std::uint64_t>{1}));
    EXPECT_EQ(with_logs(2, 0, 100), (std::vector<std::uint64_t>{4}));
    EXPECT_FALSE(blocks().canonical(2).value());
    EXPECT_FALSE(blocks().place(chain[2].transaction_hashes[0]).value());
    EXPECT_TRUE(blocks().has(chain[2].hash).value());
    EXPECT_FALSE(blocks().has(chain[5].hash).value());
}

TEST_F(BlockStoreTest, heads_and_what_waits_come_back) {
    BlockStore::Heads heads;
    heads.genesis.data[0] = 1;
    heads.latest.data[0] = 2;
    heads.safe.data[0] = 3;
    heads.finalized.data[0] = 4;
    heads.target.data[0] = 5;
    AccountChange change;
    change.address.data[0] = 7;
    change.account.emplace().nonce = 9;
    store::WriteBatch batch;
    blocks().put_heads(heads, batch);
    blocks().put_waiting_overrides({change}, batch);
    blocks().put_genesis_digest(Hash32{{8}}, batch);
    write(batch);
    open();
    const auto back = blocks().heads().value().value();
    EXPECT_EQ(back.genesis, heads.genesis);
    EXPECT_EQ(back.latest, heads.latest);
    EXPECT_EQ(back.safe, heads.safe);
    EXPECT_EQ(back.finalized, heads.finalized);
    EXPECT_EQ(back.target, heads.target);
    EXPECT_EQ(blocks().waiting_overrides().value()[0].account->nonce, 9U);
    EXPECT_EQ(blocks().genesis_digest().value(), Hash32{{8}});
    batch.clear();
    blocks().put_waiting_overrides({}, batch);
    write(batch);
    EXPECT_TRUE(blocks().waiting_overrides().value().empty());
}

// Any stored value cut short or replaced is named as corrupted; another format is unsupported.
TEST_F(BlockStoreTest, damage_is_named) {
    const StoredBlock block = make(3, {1});
    store::WriteBatch batch;
    blocks().put_block(block, batch);
    blocks().put_canonical(block, batch);
    blocks().put_heads({}, batch);
    write(batch);
    ASSERT_NE(blocks().block(block.hash).value(), nullptr);
    const auto damage = [&](unsigned family, ByteView from, const std::function<Error()>& read) {
        Bytes key, value;
        ASSERT_TRUE(kv_->scan(family, from, [&](ByteView k, ByteView v) {
            key.assign(k.begin(), k.end());
            value.assign(v.begin(), v.end());
            return false;
        }));
        ASSERT_FALSE(value.empty());
        ASSERT_TRUE(kv_->put(family, key, ByteView(value).first(value.size() - 1), false));
        EXPECT_EQ(read().code, ErrorCode::corrupted);
        ASSERT_TRUE(kv_->put(family, key, value, false));
    };
    for (std::uint8_t kind = 0; kind < 3; ++kind) {
        damage(family_blocks, Bytes{kind}, [&] { return blocks().block(block.hash).error(); });
    }
    damage(family_blocks, Bytes{1}, [&] { return blocks().logs(block.hash).error(); });
    damage(family_blocks, Bytes{2}, [&] { return blocks().logs(block.hash).error(); });
    damage(family_chain_index, Bytes{0}, [&] { return blocks().canonical(3).error(); });
    damage(family_chain_index, Bytes{0}, [&] {
        return blocks()
            .scan_canonical(0, 9, [](std::uint64_t, const auto&) { return true; })
            .error();
    });
    damage(family_chain_index, Bytes{2}, [&] { return blocks().heads().error(); });
    damage(family_places, {}, [&] { return blocks().place(block.transaction_hashes[0]).error(); });
    // A block without its body is no block.
    Bytes body{1};
    append(body, block.hash.view());
    batch.clear();
    batch.erase(family_blocks, body);
    Bytes heads{2};
    append(heads, as_bytes("heads"));
    Bytes newer(161);
    newer[0] = 9;
    batch.put(family_chain_index, heads, newer);
    write(batch);
    EXPECT_EQ(blocks().block(block.hash).error().code, ErrorCode::corrupted);
    EXPECT_EQ(blocks().heads().error().code, ErrorCode::unsupported);
}

} // namespace
} // namespace ol::chain
