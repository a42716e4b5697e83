// EIP-1559 transactions: encoding and signing alone. Sending is Chain's.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/u256.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::ledger {

struct Transaction {
    std::uint64_t chain_id = 0, nonce = 0;
    U256 max_priority_fee, max_fee; // wei per gas
    std::uint64_t gas = 0;
    std::optional<Address> to; // none: the data creates a contract
    U256 value;
    Bytes data;
};

// keccak(0x02 | rlp(fields)): what the sender signs (EIP-1559).
Hash32 signing_hash(const Transaction& transaction);
// 0x02 | rlp(fields, y parity, r, s): what eth_sendRawTransaction takes. Its keccak is the
// transaction's hash.
Bytes sign_transaction(const Transaction& transaction, const crypto::PrivateKey& key);

} // namespace ol::ledger
