#include "crypto/hash.hpp"

#include <gtest/gtest.h>

// Crypto++ is the independent twin of the permutation and of the padding.
#include <cryptopp/keccak.h>
#include <cryptopp/sha.h>

#include "base/prng.hpp"

namespace ol::crypto {
namespace {

Bytes random_text(Prng& prng, std::size_t size) {
    Bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(prng.next());
    return out;
}

Hash32 cryptopp_keccak(const Bytes& bytes) {
    CryptoPP::Keccak_256 hasher;
    hasher.Update(bytes.data(), bytes.size());
    Hash32 out;
    hasher.Final(out.data.data());
    return out;
}

// The empty string and "abc" from the Keccak team's vectors; the empty-code hash of the Yellow
// Paper is the first.
TEST(Hash, keccak_known_answers) {
    EXPECT_EQ(to_hex(keccak256("").view()),
              "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    EXPECT_EQ(to_hex(keccak256("abc").view()),
              "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    EXPECT_EQ(to_hex(keccak256("The quick brown fox jumps over the lazy dog").view()),
              "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15");
    EXPECT_EQ(to_hex(keccak256("Transfer(address,address,uint256)").view()),
              "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
}

TEST(Hash, keccak_equals_cryptopp_for_every_length) {
    Prng prng(1);
    for (std::size_t size = 0; size <= 1000; ++size) {
        const Bytes bytes = random_text(prng, size);
        ASSERT_EQ(keccak256(ByteView(bytes)), cryptopp_keccak(bytes)) << size;
    }
}

TEST(Hash, many_at_once_equal_one_by_one) {
    Prng prng(7);
    for (int round = 0; round < 300; ++round) {
        const std::size_t limit = round % 3 == 0 ? 134 : 700; // one block; several
        std::vector<Bytes> texts(prng.below(23));
        for (auto& text : texts) text = random_text(prng, prng.below(limit));
        const std::vector<ByteView> inputs(texts.begin(), texts.end());
        std::vector<Hash32> out(inputs.size());
        keccak256_many(inputs, out);
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            ASSERT_EQ(out[i], cryptopp_keccak(texts[i])) << texts[i].size();
        }
    }
}

TEST(Hash, rows_equal_one_by_one_for_every_length) {
    Prng prng(8);
    for (std::size_t size = 0; size <= keccak_row_bytes; ++size) {
        for (const std::size_t count : {1U, 2U, 4U, 7U, 8U}) {
            const Bytes rows = random_text(prng, size * count);
            const auto prefix = static_cast<std::uint8_t>(prng.next());
            std::vector<Hash32> out(count);
            keccak256_rows(prefix, rows, out);
            for (std::size_t i = 0; i < count; ++i) {
                Bytes row{prefix};
                append(row, ByteView(rows).subspan(i * size, size));
                ASSERT_EQ(out[i], cryptopp_keccak(row)) << size << " x " << count;
            }
        }
    }
}

TEST(Hash, keccak_in_pieces_equals_at_once) {
    Prng prng(2);
    for (int round = 0; round < 300; ++round) {
        const Bytes bytes = random_text(prng, prng.below(2000));
        Keccak256 hasher;
        ByteView left(bytes);
        while (!left.empty()) {
            const std::size_t piece = std::min<std::size_t>(prng.below(400), left.size());
            hasher.update(left.first(piece));
            left = left.subspan(piece);
        }
        ASSERT_EQ(hasher.finish(), keccak256(ByteView(bytes))) << bytes.size();
    }
}

TEST(Hash, keccak_reads_unaligned_input) {
    Prng prng(3);
    const Bytes bytes = random_text(prng, 600);
    for (std::size_t from = 0; from < 9; ++from) {
        const ByteView view = ByteView(bytes).subspan(from);
        EXPECT_EQ(keccak256(view), cryptopp_keccak(Bytes(view.begin(), view.end())));
    }
}

// FIPS 180-4 examples.
// RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
TEST(Hash, hmac_sha256_known_answers) {
    EXPECT_EQ(to_hex(hmac_sha256(Bytes(20, 0x0b), as_bytes("Hi There")).view()),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    const auto jefe = hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"));
    EXPECT_EQ(to_hex(jefe.view()),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(to_hex(hmac_sha256(Bytes(131, 0xaa),
                                 as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))
                         .view()),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    EXPECT_TRUE(equal_secrets(as_bytes("abc"), as_bytes("abc")));
    EXPECT_FALSE(equal_secrets(as_bytes("abc"), as_bytes("abd")));
    EXPECT_FALSE(equal_secrets(as_bytes("abc"), as_bytes("ab")));
}

TEST(Hash, sha256_known_answers) {
    EXPECT_EQ(to_hex(sha256({}).view()),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(sha256(as_bytes("abc")).view()),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hash, random_bytes_differ) {
    EXPECT_TRUE(random_bytes(0).empty());
    const Bytes a = random_bytes(32);
    EXPECT_EQ(a.size(), 32U);
    EXPECT_NE(a, random_bytes(32));
}

} // namespace
} // namespace ol::crypto
