#include "chain/block_codec.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "chain/block_store.hpp"

namespace ol::chain {
namespace {

template <class T>
T random_bytes(Prng& random) {
    T out;
    for (auto& byte : out.data) byte = static_cast<std::uint8_t>(random.next());
    return out;
}

Bytes some_bytes(Prng& random, std::size_t most) {
    Bytes out(random.below(most + 1));
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random.next());
    return out;
}

Transaction random_transaction(Prng& random) {
    Transaction out;
    constexpr TransactionType types[] = {TransactionType::legacy, TransactionType::dynamic_fee,
                                         TransactionType::set_code, TransactionType::deposit};
    out.type = types[random.below(4)];
    out.data = some_bytes(random, 40);
    out.gas_limit = random.next();
    out.value = U256(random.next());
    out.to = random_bytes<Address>(random);
    if (out.is_deposit()) {
        out.from = random_bytes<Address>(random);
        out.mint = U256(random.below(2));
        return out;
    }
    out.chain_id = 7777;
    out.nonce = random.next();
    out.max_fee = out.max_priority_fee = U256(random.next());
    out.r = U256(random.next());
    out.s = U256(random.next());
    if (out.type == TransactionType::set_code) out.authorizations.emplace_back().nonce = 4;
    return out;
}

TransactionOutcome random_outcome(Prng& random, TransactionType type) {
    TransactionOutcome out;
    out.receipt.type = type;
    out.receipt.succeeded = random.below(2) == 0;
    out.status = out.receipt.succeeded ? evm::Status::success : evm::Status::revert;
    if (random.below(8) == 0) {
        out.receipt.succeeded = false;
        out.receipt.post_state = random_bytes<Hash32>(random);
    }
    out.gas_used = random.below(1'000'000);
    out.effective_gas_price = U256(random.next());
    out.l1_fee = U256(random.below(3));
    out.operator_fee = U256(random.below(2));
    if (random.below(4) == 0) out.created = random_bytes<Address>(random);
    if (type == TransactionType::deposit) {
        out.receipt.deposit_nonce = random.below(3) == 0 ? ~0ULL : random.below(3);
        out.receipt.deposit_receipt_version = 1;
    }
    for (auto left = random.below(4); left > 0; --left) {
        Log log;
        log.address = random_bytes<Address>(random);
        for (auto topics = random.below(5); topics > 0; --topics) {
            log.topics.push_back(random_bytes<Hash32>(random));
        }
        log.data = some_bytes(random, 70);
        out.receipt.logs.push_back(std::move(log));
    }
    out.receipt.logs_bloom = bloom_of(out.receipt.logs);
    return out;
}

StoredBlock random_block(Prng& random) {
    StoredBlock out;
    out.hash = random_bytes<Hash32>(random);
    out.size_bytes = random.below(100'000);
    out.block.header.number = random.below(1000);
    out.block.header.timestamp = random.below(1000);
    std::uint64_t gas = 0;
    for (auto left = random.below(6); left > 0; --left) {
        out.block.transactions.push_back(random_transaction(random));
        out.transaction_hashes.push_back(hash(out.block.transactions.back()));
        out.senders.push_back(random_bytes<Address>(random));
        out.outcomes.push_back(random_outcome(random, out.block.transactions.back().type));
        gas += out.outcomes.back().gas_used;
        out.outcomes.back().receipt.cumulative_gas_used = gas;
    }
    if (random.below(2) == 0) {
        out.block.withdrawals.emplace();
        if (random.below(2) == 0) {
            out.block.withdrawals->push_back({1, 2, random_bytes<Address>(random), 3});
        }
    }
    if (random.below(3) == 0) out.block.ommers.emplace_back().number = 5;
    return out;
}

StateChanges random_changes(Prng& random) {
    StateChanges out;
    for (auto left = random.below(4); left > 0; --left) {
        AccountChange change;
        change.address = random_bytes<Address>(random);
        if (random.below(4) != 0) {
            change.account.emplace();
            change.account->nonce = random.next();
            change.account->balance = U256(random.next());
        }
        change.storage_cleared = random.below(2) == 0;
        for (auto slots = random.below(3); slots > 0; --slots) {
            change.storage.emplace_back(U256(random.next()), U256(random.below(2)));
        }
        if (random.below(2) == 0) change.code = std::make_shared<const Code>(some_bytes(random, 9));
        out.push_back(std::move(change));
    }
    return out;
}

void expect_equal(const TransactionOutcome& a, const TransactionOutcome& b) {
    EXPECT_EQ(a.receipt, b.receipt);
    EXPECT_EQ(a.status, b.status);
    EXPECT_EQ(a.gas_used, b.gas_used);
    EXPECT_EQ(a.created, b.created);
    EXPECT_EQ(a.effective_gas_price, b.effective_gas_price);
    EXPECT_EQ(a.l1_fee, b.l1_fee);
    EXPECT_EQ(a.operator_fee, b.operator_fee);
}

TEST(block_codec, values_come_back) {
    Prng random(1);
    for (int i = 0; i < 300; ++i) {
        const StoredBlock block = random_block(random);
        const auto body = decode_body(encode_body(block));
        ASSERT_TRUE(body) << body.error().to_string();
        EXPECT_EQ(body->transactions, block.block.transactions);
        EXPECT_EQ(body->transaction_hashes, block.transaction_hashes);
        EXPECT_EQ(body->senders, block.senders);
        EXPECT_EQ(body->withdrawals, block.block.withdrawals);
        EXPECT_EQ(body->ommers, block.block.ommers);
        EXPECT_EQ(body->block_bytes, block.size_bytes);
        const auto outcomes = decode_outcomes(encode_outcomes(block.outcomes));
        ASSERT_TRUE(outcomes) << outcomes.error().to_string();
        ASSERT_EQ(outcomes->size(), block.outcomes.size());
        for (std::size_t k = 0; k < outcomes->size(); ++k) {
            expect_equal((*outcomes)[k], block.outcomes[k]);
        }
    }
}

TEST(block_codec, changes_come_back) {
    Prng random(2);
    for (int i = 0; i < 300; ++i) {
        const auto changes = random_changes(random);
        const auto back = decode_changes(encode_changes(changes));
        ASSERT_TRUE(back) << back.error().to_string();
        ASSERT_EQ(back->size(), changes.size());
        for (std::size_t k = 0; k < changes.size(); ++k) {
            EXPECT_EQ((*back)[k].address, changes[k].address);
            EXPECT_EQ((*back)[k].account, changes[k].account);
            EXPECT_EQ((*back)[k].storage_cleared, changes[k].storage_cleared);
            EXPECT_EQ((*back)[k].storage, changes[k].storage);
            ASSERT_EQ((*back)[k].code == nullptr, changes[k].code == nullptr);
            if (changes[k].code == nullptr) continue;
            EXPECT_EQ((*back)[k].code->bytes(), changes[k].code->bytes());
        }
    }
}

// Logs read from the stored bytes are those of the outcomes.
TEST(block_codec, logs_are_found_without_decoding) {
    Prng random(3);
    for (int i = 0; i < 200; ++i) {
        const StoredBlock block = random_block(random);
        const BlockLogs whole = logs_of(block);
        std::vector<std::uint32_t> indices;
        std::size_t index = 0;
        const auto done = for_each_log(encode_outcomes(block.outcomes), [&](const LogView& view) {
            const FoundLog expected = whole.log(index++);
            EXPECT_EQ(view.address, expected.log.address);
            EXPECT_EQ(view.transaction_index, expected.transaction_index);
            EXPECT_EQ(view.topics.size(), 32 * expected.log.topics.size());
            EXPECT_TRUE(std::ranges::equal(view.data, expected.log.data));
            if (indices.empty() || indices.back() != view.transaction_index) {
                indices.push_back(view.transaction_index);
            }
        });
        ASSERT_TRUE(done);
        ASSERT_EQ(index, whole.entries.size());
        const auto hashes = hashes_in_body(encode_body(block), indices);
        ASSERT_TRUE(hashes);
        EXPECT_EQ(*hashes, whole.transaction_hashes);
    }
    EXPECT_FALSE(hashes_in_body(encode_body(random_block(random)), std::vector<std::uint32_t>{99}));
}

// Cut, lengthened and bit-flipped values are refused or decode to something that encodes.
TEST(block_codec, damaged_values_are_refused) {
    Prng random(4);
    for (int i = 0; i < 40; ++i) {
        const StoredBlock block = random_block(random);
        const Bytes values[] = {encode_body(block), encode_outcomes(block.outcomes),
                                encode_changes(random_changes(random))};
        const auto read = [](int which, ByteView bytes) {
            switch (which) {
            case 0:
                return decode_body(bytes).has_value();
            case 1:
                return decode_outcomes(bytes).has_value();
            default:
                return decode_changes(bytes).has_value();
            }
        };
        for (int which = 0; which < 3; ++which) {
            const Bytes& value = values[which];
            for (std::size_t size = 0; size < value.size(); ++size) {
                EXPECT_FALSE(read(which, ByteView(value).first(size)));
            }
            Bytes longer = value;
            longer.push_back(0);
            EXPECT_FALSE(read(which, longer));
            for (int flip = 0; flip < 60; ++flip) {
                Bytes damaged = value;
                damaged[random.below(damaged.size())] ^=
                    static_cast<std::uint8_t>(1U << random.below(8));
                (void)read(which, damaged);
                (void)for_each_log(damaged, [](const LogView&) {});
                (void)hashes_in_body(damaged, std::vector<std::uint32_t>{0, 1});
            }
        }
    }
}

} // namespace
} // namespace ol::chain
