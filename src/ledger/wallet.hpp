// Wallet: named keys in Web3 v3 keystore files of a folder.
#pragma once

#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::ledger {

struct WalletEntry {
    std::string name;
    Address address;
    Path file;
};

class Wallet {
public:
    explicit Wallet(Path folder);
    // already_exists when the name is taken. Names: 1-40 of a-z 0-9 - _.
    Result<crypto::PrivateKey> create(const std::string& name, std::string_view password,
                                      std::uint64_t scrypt_n = 262144);
    Status import(const std::string& name, const crypto::PrivateKey& key, std::string_view password,
                  std::uint64_t scrypt_n = 262144);
    // not_found, corrupted (with the file), permission_denied (wrong password).
    Result<crypto::PrivateKey> open(const std::string& name, std::string_view password) const;
    Result<std::vector<WalletEntry>> list() const; // by name; no password needed

private:
    Path folder_;
};

} // namespace ol::ledger
