#include "crypto/keystore.hpp"

#include <gtest/gtest.h>

#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::crypto {
namespace {

// Small enough for a test, large enough to be scrypt.
constexpr std::uint64_t quick_n = 256;

// The scrypt test vector of the Web3 Secret Storage Definition.
TEST(Keystore, web3_secret_storage_vector) {
    KeystoreCipher cipher;
    cipher.iv = from_hex("83dbcc02d8ccb40e466191a123791e0e").value();
    cipher.ciphertext =
        from_hex("d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c").value();
    cipher.salt =
        from_hex("ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19").value();
    cipher.mac =
        hash32_from_hex("2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097").value();
    cipher.scrypt_n = 262144;
    cipher.scrypt_r = 1;
    cipher.scrypt_p = 8;
    const Hash32 secret = keystore_decrypt(cipher, "testpassword").value();
    EXPECT_EQ(to_hex(secret.view()),
              "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d");
    EXPECT_EQ(to_hex(PrivateKey::from_bytes(secret.view()).value().address().view()),
              "008aeeda4d805471df9b2a5b0f38a0c3bcba786b");
}

TEST(Keystore, the_default_parameters_round_trip) {
    const Hash32 secret = PrivateKey::generate().secret();
    const auto cipher = keystore_encrypt(secret, "a password").value();
    EXPECT_EQ(cipher.scrypt_n, 262144U);
    EXPECT_EQ(cipher.scrypt_r, 8U);
    EXPECT_EQ(cipher.scrypt_p, 1U);
    EXPECT_EQ(keystore_decrypt(cipher, "a password").value(), secret);
}

TEST(Keystore, passwords_are_bytes) {
    const Hash32 secret = keccak256("secret");
    for (const std::string& password :
         {std::string(), std::string("p\xc3\xa9"), std::string("a\0b", 3), std::string(500, 'x')}) {
        const auto cipher = keystore_encrypt(secret, password, quick_n).value();
        EXPECT_EQ(keystore_decrypt(cipher, password).value(), secret);
        EXPECT_EQ(keystore_decrypt(cipher, password + "x").error().code,
                  ErrorCode::permission_denied);
    }
}

TEST(Keystore, any_change_is_refused) {
    const Hash32 secret = keccak256("secret");
    const auto good = keystore_encrypt(secret, "p", quick_n).value();
    const auto again = keystore_encrypt(secret, "p", quick_n).value();
    EXPECT_NE(good.salt, again.salt);
    EXPECT_NE(good.iv, again.iv);
    EXPECT_NE(good.ciphertext, again.ciphertext);
    const auto code = [](const KeystoreCipher& cipher) {
        const auto result = keystore_decrypt(cipher, "p");
        return result ? ErrorCode::internal : result.error().code;
    };
    auto bad = good;
    bad.ciphertext[5] ^= 1;
    EXPECT_EQ(code(bad), ErrorCode::permission_denied);
    bad = good;
    bad.salt[0] ^= 1;
    EXPECT_EQ(code(bad), ErrorCode::permission_denied);
    bad = good;
    bad.mac[31] ^= 1;
    EXPECT_EQ(code(bad), ErrorCode::permission_denied);
    bad = good;
    bad.scrypt_n *= 2;
    EXPECT_EQ(code(bad), ErrorCode::permission_denied);
    bad = good;
    bad.iv.pop_back();
    EXPECT_EQ(code(bad), ErrorCode::invalid_argument);
    bad = good;
    bad.ciphertext.push_back(0);
    EXPECT_EQ(code(bad), ErrorCode::invalid_argument);
    bad = good;
    bad.ciphertext.clear();
    EXPECT_EQ(code(bad), ErrorCode::invalid_argument);
}

TEST(Keystore, hostile_parameters_are_refused_before_any_work) {
    const auto good = keystore_encrypt(keccak256("secret"), "p", quick_n).value();
    auto salted = good;
    salted.salt.resize(1U << 20);
    EXPECT_EQ(keystore_decrypt(salted, "p").error().code, ErrorCode::too_large);
    EXPECT_EQ(keystore_encrypt(keccak256("secret"), "p", 1000).error().code,
              ErrorCode::invalid_argument);
    auto costly = good;
    costly.scrypt_n = 1ULL << 40;
    EXPECT_EQ(keystore_decrypt(costly, "p").error().code, ErrorCode::too_large);
}

} // namespace
} // namespace ol::crypto
