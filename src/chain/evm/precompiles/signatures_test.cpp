// ecrecover against our own signatures, P256VERIFY against OpenSSL's.
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/u256.hpp"
#include "chain/evm/precompiles/examples_for_tests.hpp"

namespace ol::chain::evm {
namespace {

using examples::call;
using examples::hex;
using examples::join;

constexpr std::string_view secp256k1_order =
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
constexpr std::string_view p256_order =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
constexpr std::string_view p256_prime =
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

Bytes part(const Bytes& bytes, std::size_t at, std::size_t size = 32) {
    return Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                 bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
}
Bytes with_part(Bytes bytes, std::size_t at, const Bytes& part) {
    std::copy(part.begin(), part.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    return bytes;
}

Bytes from_number(const U256& value) {
    const Hash32 bytes = value.to_be();
    return Bytes(bytes.begin(), bytes.end());
}
U256 number(std::string_view text) { return U256::from_be(hex(text)); }

TEST(Ecrecover, FindsTheSigner) {
    for (std::uint64_t i = 1; i <= 40; ++i) {
        const auto key = examples::private_key(i * 0x123456789);
        const Hash32 digest = crypto::keccak256(examples::word(i));
        const Bytes input = examples::ecrecover(key, digest);
        const Bytes signer = join(Bytes(12), key.address().view());
        EXPECT_EQ(call(0x01, input), signer);
        // What follows is ignored.
        EXPECT_EQ(call(0x01, join(input, Bytes(5, 0xff))), signer);

        // (r, n - s) with the other parity is a signature of the same key: a high s is valid here.
        const U256 s = U256::from_be(part(input, 96));
        Bytes high = with_part(input, 96, from_number(number(secp256k1_order) - s));
        high[63] = static_cast<std::uint8_t>(27 + 28 - high[63]);
        EXPECT_EQ(call(0x01, high), signer);

        // Another parity or digest is another signer.
        Bytes other = input;
        other[63] = static_cast<std::uint8_t>(27 + 28 - other[63]);
        EXPECT_NE(call(0x01, other), signer);
        other = input;
        other[static_cast<std::size_t>(i % 32)] ^= 1;
        EXPECT_NE(call(0x01, other), signer);
    }
}

TEST(Ecrecover, InvalidSignaturesGiveNothing) {
    const Bytes good = examples::ecrecover(examples::private_key(5), crypto::keccak256("a"));
    const Bytes order = hex(secp256k1_order);
    for (const int v : {0, 1, 26, 29, 255}) {
        Bytes bad = good;
        bad[63] = static_cast<std::uint8_t>(v);
        EXPECT_TRUE(call(0x01, bad).empty()) << v;
    }
    for (std::size_t i = 32; i < 63; ++i) {
        Bytes bad = good;
        bad[i] = 1;
        EXPECT_TRUE(call(0x01, bad).empty()) << i;
    }
    EXPECT_TRUE(call(0x01, with_part(good, 64, Bytes(32))).empty());
    EXPECT_TRUE(call(0x01, with_part(good, 96, Bytes(32))).empty());
    EXPECT_TRUE(call(0x01, with_part(good, 64, order)).empty());
    EXPECT_TRUE(call(0x01, with_part(good, 96, order)).empty());
    EXPECT_TRUE(call(0x01, with_part(good, 64, Bytes(32, 0xff))).empty());
    EXPECT_TRUE(call(0x01, {}).empty());
    // Short input goes on with zeros: of an s that ends in zeros they may be left out.
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_EQ(call(0x01, part(good, 0, size)),
                  call(0x01, join(part(good, 0, size), Bytes(good.size() - size))));
    }
}

// A digest, signed by a fresh key of OpenSSL, as P256VERIFY takes it.
Bytes signed_by_openssl(const Bytes& digest) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key, nullptr);
    std::uint8_t der[128];
    std::size_t der_size = sizeof der;
    EXPECT_EQ(EVP_PKEY_sign_init(context), 1);
    EXPECT_EQ(EVP_PKEY_sign(context, der, &der_size, digest.data(), digest.size()), 1);
    const std::uint8_t* at = der;
    ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der_size));
    Bytes r(32), s(32), point(65);
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), r.data(), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), s.data(), 32);
    std::size_t point_size = 0;
    EXPECT_EQ(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point.data(),
                                              point.size(), &point_size),
              1);
    EXPECT_EQ(point_size, 65u);
    ECDSA_SIG_free(signature);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return join(digest, r, s, part(point, 1, 64));
}

TEST(P256, SignaturesOfOpenSsl) {
    const Bytes yes = examples::word(1);
    Prng prng(3);
    for (std::uint64_t i = 0; i < 20; ++i) {
        const Bytes good = signed_by_openssl(examples::random_bytes(32, i));
        ASSERT_EQ(call(0x100, good), yes);
        // (r, n - s) is valid, too.
        const U256 s = U256::from_be(part(good, 64));
        EXPECT_EQ(call(0x100, with_part(good, 64, from_number(number(p256_order) - s))), yes);
        for (std::size_t field = 0; field < 5; ++field) {
            Bytes bad = good;
            bad[32 * field + prng.below(32)] ^= static_cast<std::uint8_t>(1 << prng.below(8));
            EXPECT_TRUE(call(0x100, bad).empty()) << field;
        }
    }
    EXPECT_EQ(ERR_peek_error(), 0u) << "a refusal must not leave an error in OpenSSL's queue";
}

TEST(P256, DigestsOfTheEnds) {
    EXPECT_EQ(call(0x100, signed_by_openssl(Bytes(32))), examples::word(1));
    EXPECT_EQ(call(0x100, signed_by_openssl(Bytes(32, 0xff))),
              examples::word(1)); // above the order
    EXPECT_EQ(call(0x100, signed_by_openssl(hex(p256_order))), examples::word(1));
}

TEST(P256, RefusesWhatIsOutOfRange) {
    const Bytes good = examples::p256();
    ASSERT_EQ(call(0x100, good), examples::word(1));
    for (const std::size_t at : {32, 64}) { // r, s
        EXPECT_TRUE(call(0x100, with_part(good, at, Bytes(32))).empty());
        EXPECT_TRUE(call(0x100, with_part(good, at, hex(p256_order))).empty());
        const U256 beyond = U256::from_be(part(good, at)) + number(p256_order); // wraps: not equal
        EXPECT_TRUE(call(0x100, with_part(good, at, from_number(beyond))).empty());
    }
    for (const std::size_t at : {96, 128}) { // x, y
        EXPECT_TRUE(call(0x100, with_part(good, at, hex(p256_prime))).empty());
        EXPECT_TRUE(call(0x100, with_part(good, at, Bytes(32, 0xff))).empty());
    }
    EXPECT_TRUE(call(0x100, with_part(good, 96, Bytes(64))).empty()); // infinity
    for (const std::size_t size : {0, 32, 159}) {
        EXPECT_TRUE(call(0x100, part(good, 0, size)).empty()) << size;
    }
    EXPECT_TRUE(call(0x100, join(good, Bytes(1))).empty());
}

// A key whose x is small has a twin x + p below 2^256: it must be refused, not reduced.
TEST(P256, RefusesCoordinatesThatWouldReduce) {
    // (5, y) is on the curve: 5^3 - 15 + b is a square.
    EC_GROUP* group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT* point = EC_POINT_new(group);
    BIGNUM* x = BN_new();
    BIGNUM* y = BN_new();
    BN_set_word(x, 5);
    ASSERT_EQ(EC_POINT_set_compressed_coordinates(group, point, x, 0, nullptr), 1);
    ASSERT_EQ(EC_POINT_get_affine_coordinates(group, point, x, y, nullptr), 1);
    Bytes y_bytes(32);
    BN_bn2binpad(y, y_bytes.data(), 32);
    BN_free(x);
    BN_free(y);
    // With u1 = 0 and u2 = 1 the sum is the key itself: h = 0, r = s = 5.
    const Bytes five = examples::word(5);
    EXPECT_EQ(call(0x100, join(Bytes(32), five, five, five, y_bytes)), examples::word(1));
    const Bytes beyond = from_number(number(p256_prime) + U256(5));
    EXPECT_TRUE(call(0x100, join(Bytes(32), five, five, beyond, y_bytes)).empty());
    EC_POINT_free(point);
    EC_GROUP_free(group);
}

// u1 G + u2 Q at infinity: no signature.
TEST(P256, RefusesASumAtInfinity) {
    // Q = G, r = 1, s = 1, h = n - 1: (n - 1) G + G.
    const Bytes generator = hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                                "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
    const Bytes one = examples::word(1);
    const Bytes less_one = from_number(number(p256_order) - U256(1));
    EXPECT_TRUE(call(0x100, join(less_one, one, one, generator)).empty());
}

} // namespace
} // namespace ol::chain::evm
