#include "chain/types/block.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

template <std::size_t N>
FixedBytes<N> random_fixed(Prng& prng) {
    FixedBytes<N> out;
    for (auto& byte : out) byte = static_cast<std::uint8_t>(prng.next());
    return out;
}

Hash32 hash32(std::string_view text) { return hash32_from_hex(text).value(); }

std::uint64_t random_u64(Prng& prng) { return prng.next() >> prng.below(64); }

Header random_header(Prng& prng) {
    Header out;
    out.parent_hash = random_fixed<32>(prng);
    out.ommers_hash = empty_ommers_hash;
    out.coinbase = random_fixed<20>(prng);
    out.state_root = random_fixed<32>(prng);
    out.transactions_root = random_fixed<32>(prng);
    out.receipts_root = random_fixed<32>(prng);
    out.logs_bloom = random_fixed<256>(prng);
    out.difficulty = U256::from_be(random_fixed<32>(prng).view()) >> prng.below(257);
    out.number = random_u64(prng);
    out.gas_limit = random_u64(prng);
    out.gas_used = random_u64(prng);
    out.timestamp = random_u64(prng);
    out.extra_data = Bytes(prng.below(33), 0x11);
    out.prev_randao = random_fixed<32>(prng);
    out.nonce = random_fixed<8>(prng);
    const auto members = prng.below(7);
    if (members > 0) out.base_fee = U256(random_u64(prng));
    if (members > 1) out.withdrawals_root = random_fixed<32>(prng);
    if (members > 2) out.blob_gas_used = random_u64(prng);
    if (members > 3) out.excess_blob_gas = random_u64(prng);
    if (members > 4) out.parent_beacon_block_root = random_fixed<32>(prng);
    if (members > 5) out.requests_hash = random_fixed<32>(prng);
    return out;
}

Receipt random_receipt(Prng& prng) {
    constexpr TransactionType types[] = {TransactionType::legacy,      TransactionType::access_list,
                                         TransactionType::dynamic_fee, TransactionType::blob,
                                         TransactionType::set_code,    TransactionType::deposit};
    Receipt out;
    out.type = types[prng.below(6)];
    if (prng.below(4) == 0) {
        out.post_state = random_fixed<32>(prng);
    } else {
        out.succeeded = prng.below(2) == 1;
    }
    out.cumulative_gas_used = random_u64(prng);
    for (std::size_t i = prng.below(4); i > 0; --i) {
        Log& log = out.logs.emplace_back();
        log.address = random_fixed<20>(prng);
        for (std::size_t k = prng.below(5); k > 0; --k) {
            log.topics.push_back(random_fixed<32>(prng));
        }
        log.data = Bytes(prng.below(100), 0xdd);
    }
    out.logs_bloom = bloom_of(out.logs);
    if (out.type == TransactionType::deposit && prng.below(3) != 0) {
        out.deposit_nonce = random_u64(prng);
        if (prng.below(2) == 0) out.deposit_receipt_version = 1;
    }
    return out;
}

Block random_block(Prng& prng) {
    Block out;
    out.header = random_header(prng);
    for (std::size_t i = prng.below(5); i > 0; --i) {
        Transaction& tx = out.transactions.emplace_back();
        if (prng.below(2) == 0) {
            tx.type = TransactionType::dynamic_fee;
            tx.chain_id = 7777;
            tx.max_priority_fee = U256(3);
        }
        tx.nonce = random_u64(prng);
        tx.data = Bytes(prng.below(80), 0x5a);
    }
    for (std::size_t i = prng.below(3); i > 0; --i) out.ommers.push_back(random_header(prng));
    if (prng.below(2) == 0) {
        auto& withdrawals = out.withdrawals.emplace();
        for (std::size_t i = prng.below(4); i > 0; --i) {
            withdrawals.push_back(
                {random_u64(prng), random_u64(prng), random_fixed<20>(prng), random_u64(prng)});
        }
    }
    return out;
}

// Round trip; each truncation and a trailing byte refused; what damaged bytes decode to encodes to
// those very bytes.
template <class Make, class Decode>
void check_codec(std::uint64_t seed, Make make, Decode decode) {
    Prng prng(seed);
    for (int i = 0; i < 400; ++i) {
        const auto value = make(prng);
        Bytes bytes = encode(value);
        const auto read = decode(ByteView(bytes));
        ASSERT_TRUE(read.has_value()) << read.error().to_string();
        ASSERT_EQ(*read, value);
        for (std::size_t size = 0; i < 20 && size < bytes.size(); ++size) {
            ASSERT_FALSE(decode(ByteView(bytes).first(size)).has_value()) << size;
        }
        bytes.push_back(0);
        ASSERT_FALSE(decode(ByteView(bytes)).has_value());
        bytes.pop_back();
        for (int k = 0; k < 10; ++k) {
            Bytes damaged = bytes;
            damaged[prng.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
            if (const auto other = decode(ByteView(damaged))) {
                ASSERT_EQ(encode(*other), damaged);
            }
        }
    }
}

TEST(Header, codec) { check_codec(21, random_header, decode_header); }
TEST(Receipt, codec) { check_codec(22, random_receipt, decode_receipt); }
TEST(Block, codec) { check_codec(23, random_block, decode_block); }

TEST(Types, constants_are_what_they_say) {
    EXPECT_EQ(empty_ommers_hash,
              crypto::keccak256(codec::rlp_encode(codec::Rlp(codec::Rlp::List{}))));
    EXPECT_EQ(empty_root_hash, crypto::keccak256(codec::rlp_encode(codec::Rlp(Bytes{}))));
    EXPECT_EQ(empty_code_hash, crypto::keccak256(ByteView()));
    EXPECT_EQ(empty_requests_hash, crypto::sha256(ByteView()));
}

// Ethereum's first block: its header is known to everyone, and so is its hash.
TEST(Header, hash_of_the_mainnet_genesis) {
    Header header;
    header.ommers_hash = empty_ommers_hash;
    header.state_root = hash32("d7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544");
    header.transactions_root = header.receipts_root = empty_root_hash;
    header.difficulty = U256(17'179'869'184);
    header.gas_limit = 5000;
    header.extra_data =
        from_hex("11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa").value();
    header.nonce[7] = 0x42;
    EXPECT_EQ(hash(header),
              hash32("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"));
}

TEST(Bloom, finds_what_was_added) {
    Prng prng(24);
    std::vector<Log> logs(20);
    for (auto& log : logs) {
        log.address = random_fixed<20>(prng);
        log.topics = {random_fixed<32>(prng), random_fixed<32>(prng)};
    }
    const Bloom bloom = bloom_of(logs);
    for (const auto& log : logs) {
        EXPECT_TRUE(bloom_may_contain(bloom, log.address.view()));
        for (const auto& topic : log.topics) EXPECT_TRUE(bloom_may_contain(bloom, topic.view()));
    }
    int found = 0;
    for (int i = 0; i < 1000; ++i) {
        found += bloom_may_contain(bloom, random_fixed<32>(prng).view()) ? 1 : 0;
    }
    EXPECT_LT(found, 30); // about 180 of 2048 bits are set: one in 1,500
    EXPECT_TRUE(bloom_of({}).is_zero());
}

// keccak(20 zero bytes) = 5380c7b7ae81a58eb98d9c78de4a1fd7fd9535fc953ed2be602daaa41767312a: its
// first pairs 5380, c7b7, ae81 name the bits 0x380, 0x7b7 and 0x681.
TEST(Bloom, bits_of_the_zero_address) {
    Bloom bloom;
    add_to_bloom(bloom, Address{}.view());
    Bloom expected;
    for (const unsigned bit : {0x380U, 0x7b7U, 0x681U}) {
        expected[255 - bit / 8] |= static_cast<std::uint8_t>(1U << bit % 8);
    }
    EXPECT_EQ(to_hex(crypto::keccak256(Address{}.view()).view()).substr(0, 12), "5380c7b7ae81");
    EXPECT_EQ(bloom, expected);
}

TEST(Receipt, forms_that_are_not_taken) {
    Receipt receipt;
    Bytes bytes = encode(receipt);
    for (const std::uint8_t type : {0x00, 0x05, 0x7d, 0x7f}) {
        Bytes typed{type};
        append(typed, bytes);
        EXPECT_FALSE(decode_receipt(typed).has_value());
    }
    Receipt deposit;
    deposit.deposit_nonce = 1; // of a legacy transaction: not its member
    EXPECT_FALSE(decode_receipt(encode(deposit)).has_value());
}

// One key, 0x80: the root is the hash of one leaf, whose path is that byte behind its flag.
Hash32 root_of_one(const Bytes& value) {
    codec::RlpWriter leaf;
    leaf.list([&] { leaf.bytes(from_hex("2080").value()).bytes(value); });
    return crypto::keccak256(leaf.take());
}

TEST(Roots, of_lists_of_one) {
    Prng prng(25);
    Transaction tx;
    tx.type = TransactionType::dynamic_fee;
    tx.data = Bytes(90, 0x11);
    EXPECT_EQ(transactions_root(std::vector{tx}), root_of_one(encode(tx)));
    const Withdrawal withdrawal{1, 2, random_fixed<20>(prng), 3};
    EXPECT_EQ(withdrawals_root(std::vector{withdrawal}), root_of_one(encode(withdrawal)));
    Receipt receipt;
    receipt.type = TransactionType::deposit;
    receipt.deposit_nonce = 7;
    EXPECT_EQ(receipts_root(std::vector{receipt}), root_of_one(encode(receipt)));
    Receipt without = receipt;
    without.deposit_nonce.reset();
    EXPECT_EQ(receipts_root(std::vector{receipt}, true), root_of_one(encode(without)));
    EXPECT_NE(encode(receipt), encode(without));
}

TEST(Roots, of_nothing) {
    EXPECT_EQ(transactions_root({}), empty_root_hash);
    EXPECT_EQ(receipts_root({}), empty_root_hash);
    EXPECT_EQ(withdrawals_root({}), empty_root_hash);
    EXPECT_EQ(ommers_hash({}), empty_ommers_hash);
    Prng prng(26);
    const Header ommer = random_header(prng);
    codec::RlpWriter list;
    list.list([&] { list.raw(encode(ommer)); });
    EXPECT_EQ(ommers_hash(std::vector{ommer}), crypto::keccak256(list.take()));
}

} // namespace
} // namespace ol::chain
