#include "chain/types/transaction.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::chain {
namespace {

Bytes hex(std::string_view value) { return from_hex(value).value(); }

template <std::size_t N>
FixedBytes<N> random_fixed(Prng& prng) {
    FixedBytes<N> out;
    for (auto& byte : out) byte = static_cast<std::uint8_t>(prng.next());
    return out;
}

// Numbers of every length, zero often.
U256 random_number(Prng& prng, unsigned bits = 256) {
    return U256::from_be(random_fixed<32>(prng).view()) >> (256 - prng.below(bits + 1));
}

Bytes random_bytes(Prng& prng, std::size_t most) {
    Bytes out(prng.below(most));
    for (auto& byte : out) byte = static_cast<std::uint8_t>(prng.next());
    return out;
}

constexpr TransactionType types[] = {TransactionType::legacy,      TransactionType::access_list,
                                     TransactionType::dynamic_fee, TransactionType::blob,
                                     TransactionType::set_code,    TransactionType::deposit};

void fill_lists(Prng& prng, Transaction& tx) {
    if (tx.type == TransactionType::legacy || tx.is_deposit()) return;
    for (std::size_t i = prng.below(3); i > 0; --i) {
        AccessListEntry entry{random_fixed<20>(prng), {}};
        for (std::size_t k = prng.below(4); k > 0; --k) entry.slots.push_back(random_number(prng));
        tx.access_list.push_back(entry);
    }
    if (tx.type == TransactionType::blob) {
        tx.max_fee_per_blob_gas = random_number(prng);
        for (std::size_t i = prng.below(7); i > 0; --i) {
            tx.blob_hashes.push_back(random_fixed<32>(prng));
        }
    }
    if (tx.type != TransactionType::set_code) return;
    for (std::size_t i = prng.below(4); i > 0; --i) {
        tx.authorizations.push_back(
            {random_number(prng), random_fixed<20>(prng), random_number(prng, 64).low_u64(),
             static_cast<std::uint8_t>(prng.below(256)), random_number(prng), random_number(prng)});
    }
}

Transaction random_transaction(Prng& prng) {
    Transaction tx;
    tx.type = types[prng.below(std::size(types))];
    tx.gas_limit = random_number(prng, 64).low_u64();
    tx.value = random_number(prng);
    tx.data = random_bytes(prng, prng.below(4) == 0 ? 300 : 5);
    const bool may_create =
        tx.type != TransactionType::blob && tx.type != TransactionType::set_code;
    if (!may_create || prng.below(3) != 0) tx.to = random_fixed<20>(prng);
    if (tx.is_deposit()) {
        tx.source_hash = random_fixed<32>(prng);
        tx.from = random_fixed<20>(prng);
        tx.mint = random_number(prng, 128);
        tx.is_system = prng.below(2) == 1;
        return tx;
    }
    tx.nonce = random_number(prng, 64).low_u64();
    tx.max_fee = tx.max_priority_fee = random_number(prng);
    if (tx.type > TransactionType::access_list) tx.max_priority_fee = random_number(prng);
    if (tx.type != TransactionType::legacy || prng.below(2) == 0) {
        tx.chain_id = random_number(prng, 64).low_u64();
    }
    fill_lists(prng, tx);
    tx.y_parity = static_cast<std::uint8_t>(prng.below(2));
    tx.r = random_number(prng);
    tx.s = random_number(prng);
    return tx;
}

void sign(Transaction& tx, const crypto::PrivateKey& key) {
    const auto signature = key.sign(signing_hash(tx));
    tx.y_parity = signature.parity;
    tx.r = U256::from_be(signature.r.view());
    tx.s = U256::from_be(signature.s.view());
}

// The worked example of EIP-155.
TEST(Transaction, example_of_eip_155) {
    const auto key = crypto::PrivateKey::from_bytes(Bytes(32, 0x46)).value();
    Transaction tx;
    tx.chain_id = 1;
    tx.nonce = 9;
    tx.max_fee = tx.max_priority_fee = U256(20'000'000'000);
    tx.gas_limit = 21000;
    tx.to = Address::from(Bytes(20, 0x35)).value();
    tx.value = U256(1'000'000'000'000'000'000);
    EXPECT_EQ(to_hex(signing_hash(tx).view()),
              "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
    sign(tx, key);
    const std::string expected =
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a7640000802"
        "5a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761ae"
        "cb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83";
    EXPECT_EQ(to_hex(encode(tx)), expected);
    EXPECT_EQ(decode_transaction(hex(expected)).value(), tx);
    EXPECT_EQ(to_hex(sender_of(tx).value().view()), "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f");
}

TEST(Transaction, round_trip_of_every_type) {
    Prng prng(11);
    for (int i = 0; i < 3000; ++i) {
        const Transaction tx = random_transaction(prng);
        const Bytes bytes = encode(tx);
        const auto read = decode_transaction(bytes);
        ASSERT_TRUE(read.has_value()) << read.error().to_string();
        ASSERT_EQ(*read, tx);
    }
}

TEST(Transaction, truncations_and_trailing_bytes_are_refused) {
    Prng prng(12);
    for (int i = 0; i < 60; ++i) {
        Bytes bytes = encode(random_transaction(prng));
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            ASSERT_FALSE(decode_transaction(ByteView(bytes).first(size)).has_value());
        }
        bytes.push_back(0x80);
        ASSERT_FALSE(decode_transaction(bytes).has_value());
    }
}

// One transaction has one encoding: damaged bytes are refused, or are another transaction's.
TEST(Transaction, damage_is_refused_or_canonical) {
    Prng prng(13);
    int refused = 0;
    for (int i = 0; i < 6000; ++i) {
        Bytes bytes = encode(random_transaction(prng));
        bytes[prng.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
        const auto read = decode_transaction(bytes);
        refused += read ? 0 : 1;
        if (read) {
            ASSERT_EQ(encode(*read), bytes);
        }
    }
    EXPECT_GT(refused, 500);
}

TEST(Transaction, every_type_is_signed_and_recovered) {
    Prng prng(14);
    const auto key = crypto::PrivateKey::from_bytes(Bytes(32, 0x21)).value();
    for (int i = 0; i < 60; ++i) {
        Transaction tx = random_transaction(prng);
        if (tx.is_deposit()) {
            EXPECT_EQ(sender_of(tx).value(), tx.from);
            continue;
        }
        sign(tx, key);
        ASSERT_EQ(sender_of(tx).value(), key.address());
        Transaction other = tx;
        other.value = other.value + U256(1);
        const auto forged = sender_of(other);
        EXPECT_TRUE(!forged || *forged != key.address());
    }
}

TEST(Transaction, the_upper_half_of_s_counts_before_homestead_alone) {
    const U256 order =
        U256::parse("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").value();
    const auto key = crypto::PrivateKey::from_bytes(Bytes(32, 0x33)).value();
    Transaction tx;
    tx.gas_limit = 21000;
    tx.to = Address{};
    sign(tx, key);
    tx.s = order - tx.s;
    tx.y_parity ^= 1;
    EXPECT_FALSE(sender_of(tx).has_value());
    EXPECT_EQ(sender_of(tx, true).value(), key.address());
    for (const U256& s : {U256(), order, order + U256(1)}) {
        tx.s = s;
        EXPECT_FALSE(sender_of(tx, true).has_value());
    }
}

TEST(Transaction, authorizations_name_their_signer) {
    const auto key = crypto::PrivateKey::from_bytes(Bytes(32, 0x55)).value();
    Authorization authorization;
    authorization.chain_id = U256(7777);
    authorization.address[0] = 0xaa;
    authorization.nonce = 3;
    // keccak(0x05 | rlp([7777, address, 3])), written out by hand.
    Bytes message = hex("05d9821e6194aa0000000000000000000000000000000000000003");
    const auto signature = key.sign(crypto::keccak256(message));
    authorization.y_parity = signature.parity;
    authorization.r = U256::from_be(signature.r.view());
    authorization.s = U256::from_be(signature.s.view());
    EXPECT_EQ(authority_of(authorization).value(), key.address());
    authorization.y_parity = 2;
    EXPECT_FALSE(authority_of(authorization).has_value());
    authorization.y_parity = signature.parity;
    authorization.nonce = 4;
    const auto other = authority_of(authorization);
    EXPECT_TRUE(!other || *other != key.address());
}

TEST(Transaction, forms_that_are_not_taken) {
    const char* rows[] = {
        "",
        "00c0", // type 0 has no envelope
        "05c0", // not known
        "7dc0",   "80", "c0", "01", "0180", "01c0",
        "03c1c0", // blobs beside the transaction
        "7ec0",
    };
    for (const char* row : rows) EXPECT_FALSE(decode_transaction(hex(row)).has_value()) << row;
    EXPECT_EQ(decode_transaction(hex("03c1c0")).error().code, ErrorCode::unsupported);
}

TEST(Transaction, v_of_legacy_transactions) {
    Transaction tx;
    tx.to = Address{};
    for (const std::uint64_t id : {0ULL, 1ULL, 7777ULL, ~0ULL}) {
        for (const std::uint8_t parity : {0, 1}) {
            tx.chain_id = id;
            tx.y_parity = parity;
            EXPECT_EQ(decode_transaction(encode(tx)).value(), tx);
        }
    }
    // v at the end: nine fields of no value, then v, r, s.
    for (const char* row : {"c9808080808080"
                            "1a"
                            "8080",
                            "c9808080808080"
                            "1d"
                            "8080",
                            "c9808080808080"
                            "22"
                            "8080",
                            "c9808080808080"
                            "00"
                            "8080"}) {
        EXPECT_FALSE(decode_transaction(hex(row)).has_value()) << row;
    }
    EXPECT_TRUE(decode_transaction(hex("c9808080808080"
                                       "1b"
                                       "8080"))
                    .has_value());
    EXPECT_TRUE(decode_transaction(hex("c9808080808080"
                                       "23"
                                       "8080"))
                    .has_value());
}

TEST(Transaction, effective_price) {
    Transaction tx;
    tx.max_fee = U256(100);
    tx.max_priority_fee = U256(7);
    EXPECT_EQ(effective_gas_price(tx, U256(50)), U256(57));
    EXPECT_EQ(effective_gas_price(tx, U256(95)), U256(100));
    EXPECT_EQ(effective_gas_price(tx, U256(100)), U256(100));
}

TEST(TransactionTest, HashesOfManyAreThoseOfEach) {
    Transaction legacy, typed, deposit;
    legacy.nonce = 7;
    typed.type = TransactionType::dynamic_fee;
    typed.data = Bytes(300, 5); // more than one block of the hash function
    deposit.type = TransactionType::deposit;
    const std::vector<Transaction> all = {legacy, deposit, typed, deposit, typed, legacy};
    const auto found = hashes_of(all);
    ASSERT_EQ(found.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(found[i].hash, hash(all[i])) << i;
        EXPECT_EQ(found[i].signing, all[i].is_deposit() ? Hash32() : signing_hash(all[i])) << i;
    }
}

} // namespace
} // namespace ol::chain
