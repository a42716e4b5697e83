#include "crypto/keystore.hpp"

#include <array>
#include <cstring>
#include <memory>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.hpp"
#include "crypto/hash.hpp"
#include "crypto/scrypt.hpp"

namespace ol::crypto {
namespace {

constexpr std::size_t salt_limit_bytes = 1024;

// The 32 bytes that scrypt derives: the cipher's key and the MAC's key. Wiped when destroyed.
struct DerivedKey {
    std::array<std::uint8_t, 32> bytes{};

    DerivedKey() = default;
    DerivedKey(const DerivedKey&) = default;
    DerivedKey& operator=(const DerivedKey&) = default;
    ~DerivedKey() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

    const std::uint8_t* cipher_key() const { return bytes.data(); }
    Hash32 mac(ByteView ciphertext) const {
        Keccak256 hasher;
        hasher.update({bytes.data() + 16, 16});
        hasher.update(ciphertext);
        return hasher.finish();
    }
};

Result<DerivedKey> derive(const KeystoreCipher& cipher, std::string_view password) {
    if (cipher.salt.size() > salt_limit_bytes) {
        return fail(ErrorCode::too_large, "keystore: a salt of {} bytes", cipher.salt.size());
    }
    DerivedKey out;
    OL_TRY_IN(scrypt(password, cipher.salt, {cipher.scrypt_n, cipher.scrypt_r, cipher.scrypt_p},
                     out.bytes),
              "keystore");
    return out;
}

// AES-128 in counter mode: the same call encrypts and decrypts.
void aes_128_ctr(const std::uint8_t* key, const Bytes& iv, ByteView in, std::uint8_t* out) {
    OL_CHECK(iv.size() == 16);
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(
        EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    OL_CHECK(context != nullptr);
    int written = 0;
    OL_CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_128_ctr(), nullptr, key, iv.data()) == 1);
    OL_CHECK(EVP_EncryptUpdate(context.get(), out, &written, in.data(),
                               static_cast<int>(in.size())) == 1);
    OL_CHECK(static_cast<std::size_t>(written) == in.size());
}

} // namespace

Result<KeystoreCipher> keystore_encrypt(const Hash32& secret, std::string_view password,
                                        std::uint64_t scrypt_n) {
    KeystoreCipher out;
    out.scrypt_n = scrypt_n;
    out.salt = random_bytes(32);
    out.iv = random_bytes(16);
    const DerivedKey key = OL_TRY(derive(out, password));
    out.ciphertext.resize(secret.size());
    aes_128_ctr(key.cipher_key(), out.iv, secret.view(), out.ciphertext.data());
    out.mac = key.mac(out.ciphertext);
    return out;
}

Result<Hash32> keystore_decrypt(const KeystoreCipher& cipher, std::string_view password) {
    if (cipher.iv.size() != 16 || cipher.ciphertext.size() != 32) {
        return fail(ErrorCode::invalid_argument,
                    "keystore: an iv of {} bytes (must be 16) and a ciphertext of {} (must be 32)",
                    cipher.iv.size(), cipher.ciphertext.size());
    }
    const DerivedKey key = OL_TRY(derive(cipher, password));
    const Hash32 mac = key.mac(cipher.ciphertext);
    if (CRYPTO_memcmp(mac.data.data(), cipher.mac.data.data(), mac.size()) != 0) {
        return fail(ErrorCode::permission_denied,
                    "keystore: wrong password (or the file was changed)");
    }
    Hash32 secret;
    aes_128_ctr(key.cipher_key(), cipher.iv, cipher.ciphertext, secret.data.data());
    return secret;
}

} // namespace ol::crypto
