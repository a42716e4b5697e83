// Keys from a mnemonic: BIP-39 (words to seed) and BIP-32 on Ethereum's path m/44'/60'/0'/0/index,
// as every wallet does it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::crypto {

// The first `count` keys of the mnemonic without a passphrase. The words are taken as they are
// (their checksum is not looked at): one space between them, lower case.
Result<std::vector<PrivateKey>> keys_of_mnemonic(std::string_view words, std::uint32_t count);

} // namespace ol::crypto
