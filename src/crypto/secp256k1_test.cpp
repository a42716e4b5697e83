#include "crypto/secp256k1.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "base/u256.hpp"
#include "crypto/hash.hpp"

namespace ol::crypto {
namespace {

const U256 group_order =
    U256::parse("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").value();

PrivateKey key_from(std::string_view hex) {
    return PrivateKey::from_bytes(from_hex(hex).value()).value();
}

// The first three accounts that anvil and hardhat derive from "test test ... junk", and EIP-155's.
TEST(Secp256k1, known_addresses) {
    const struct {
        const char* secret;
        const char* address;
    } rows[] = {
        {"0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
         "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"},
        {"0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
         "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"},
        {"0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
         "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"},
        {"0x4646464646464646464646464646464646464646464646464646464646464646",
         "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(checksum_address(key_from(row.secret).address()), row.address);
    }
}

// The example of EIP-155: the signing hash of the transaction and its r, s, v = 37 (parity 0 on
// chain 1).
TEST(Secp256k1, eip155_signature) {
    const auto digest =
        hash32_from_hex("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53").value();
    const auto key = key_from("4646464646464646464646464646464646464646464646464646464646464646");
    const Signature made = key.sign(digest);
    EXPECT_EQ(to_hex(made.r.view()),
              "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276");
    EXPECT_EQ(to_hex(made.s.view()),
              "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83");
    EXPECT_EQ(made.parity, 0);
    EXPECT_EQ(recover(digest, made).value(), key.address());
}

// The vector that Bitcoin libraries share for RFC 6979 over secp256k1: key 1, "Satoshi Nakamoto".
TEST(Secp256k1, rfc6979_nonce) {
    const Signature made = PrivateKey::from_bytes(U256(1).to_be().view())
                               .value()
                               .sign(sha256(as_bytes("Satoshi Nakamoto")));
    EXPECT_EQ(to_hex(made.r.view()),
              "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8");
    EXPECT_EQ(to_hex(made.s.view()),
              "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5");
}

TEST(Secp256k1, random_signatures_recover_their_signer_with_low_s) {
    Prng prng(5);
    for (int i = 0; i < 100; ++i) {
        const PrivateKey key = PrivateKey::generate();
        const Hash32 digest = keccak256(std::to_string(prng.next()));
        const Signature made = key.sign(digest);
        EXPECT_EQ(made, key.sign(digest));
        EXPECT_EQ(recover(digest, made).value(), key.address());
        EXPECT_LE(U256::from_be(made.s.view()), group_order >> 1);
        EXPECT_EQ(Signature::from_rsv(made.to_rsv()).value(), made);

        Signature high = made;
        high.s = (group_order - U256::from_be(made.s.view())).to_be();
        high.parity ^= 1;
        EXPECT_EQ(recover(digest, high).error().code, ErrorCode::unverified);

        Signature other = made;
        other.parity ^= 1;
        const auto stranger = recover(digest, other);
        EXPECT_TRUE(!stranger || *stranger != key.address());
        Hash32 other_digest = digest;
        other_digest[i % 32] ^= 1;
        const auto of_other = recover(other_digest, made);
        EXPECT_TRUE(!of_other || *of_other != key.address());
    }
}

TEST(Secp256k1, malformed_signatures_are_unverified) {
    const PrivateKey key = PrivateKey::generate();
    const Hash32 digest = keccak256("x");
    const Signature good = key.sign(digest);
    const auto code = [&](Signature bad) { return recover(digest, bad).error().code; };
    EXPECT_EQ(code({{}, good.s, 0}), ErrorCode::unverified);
    EXPECT_EQ(code({good.r, {}, 0}), ErrorCode::unverified);
    EXPECT_EQ(code({group_order.to_be(), good.s, 0}), ErrorCode::unverified);
    EXPECT_EQ(code({good.r, group_order.to_be(), 0}), ErrorCode::unverified);
    EXPECT_EQ(code({good.r, good.s, 2}), ErrorCode::unverified);
    // No point of the curve has x = 5.
    EXPECT_EQ(code({U256(5).to_be(), good.s, 0}), ErrorCode::unverified);

    Bytes rsv = good.to_rsv();
    for (const std::uint8_t v : {0, 1, 26, 29, 37, 255}) {
        rsv[64] = v;
        EXPECT_FALSE(Signature::from_rsv(rsv).has_value());
    }
    rsv[64] = 27;
    for (const std::size_t size : {0U, 64U}) {
        EXPECT_FALSE(Signature::from_rsv(ByteView(rsv).first(size)).has_value());
    }
    rsv.push_back(0);
    EXPECT_FALSE(Signature::from_rsv(rsv).has_value());
}

TEST(Secp256k1, keys_outside_the_group_are_refused) {
    EXPECT_FALSE(PrivateKey::from_bytes(U256(0).to_be().view()).has_value());
    EXPECT_FALSE(PrivateKey::from_bytes(group_order.to_be().view()).has_value());
    EXPECT_FALSE(PrivateKey::from_bytes((U256() - U256(1)).to_be().view()).has_value());
    EXPECT_TRUE(PrivateKey::from_bytes((group_order - U256(1)).to_be().view()).has_value());
    EXPECT_FALSE(PrivateKey::from_bytes(Bytes(31, 1)).has_value());
    EXPECT_FALSE(PrivateKey::from_bytes(Bytes(33, 1)).has_value());
    EXPECT_NE(PrivateKey::generate().secret(), PrivateKey::generate().secret());
}

// The test cases of EIP-55.
TEST(Secp256k1, eip55_addresses) {
    for (const char* text : {"0x52908400098527886E0F7030069857D2E4169EE7",
                             "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
                             "0xde709f2102306220921060314715629080e2fb77",
                             "0x27b1fdb04752bbc536007a920d24acb045561c26",
                             "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                             "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
                             "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
                             "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"}) {
        EXPECT_EQ(checksum_address(address_from_hex(text).value()), text);
    }
}

} // namespace
} // namespace ol::crypto
