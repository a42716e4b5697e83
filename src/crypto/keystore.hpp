// Web3 Secret Storage, version 3: scrypt (n = 262144, r = 8, p = 1 by default) and AES-128-CTR with
// a keccak MAC. The JSON is read and written by ledger/wallet; here are its cryptographic parts.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol::crypto {

struct KeystoreCipher {
    Bytes salt;       // 32
    Bytes iv;         // 16
    Bytes ciphertext; // 32
    Hash32 mac;       // keccak(derived[16..32] | ciphertext)
    std::uint64_t scrypt_n = 262144;
    std::uint32_t scrypt_r = 8;
    std::uint32_t scrypt_p = 1;
};

Result<KeystoreCipher> keystore_encrypt(const Hash32& secret, std::string_view password,
                                        std::uint64_t scrypt_n = 262144);
// permission_denied when the password is wrong (the MAC differs); too_large when the parameters
// ask for more than 1 GiB of memory or for n r p > 2^24 steps.
Result<Hash32> keystore_decrypt(const KeystoreCipher& cipher, std::string_view password);

} // namespace ol::crypto
