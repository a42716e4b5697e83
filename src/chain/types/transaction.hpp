// Transactions of every type (EIP-2718): legacy, access list (EIP-2930), dynamic fee (EIP-1559),
// blob (EIP-4844), set code (EIP-7702) and the OP Stack's deposits (type 0x7E). Values; thread-safe
// as values are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/u256.hpp"

namespace ol::chain {

enum class TransactionType : std::uint8_t {
    legacy = 0,
    access_list = 1,
    dynamic_fee = 2,
    blob = 3,
    set_code = 4,
    deposit = 0x7E,
};

struct AccessListEntry {
    Address address;
    std::vector<U256> slots;
    bool operator==(const AccessListEntry&) const = default;
};

// EIP-7702: (chain_id, address, nonce) signed by the account that delegates.
struct Authorization {
    U256 chain_id;
    Address address;
    std::uint64_t nonce = 0;
    std::uint8_t y_parity = 0;
    U256 r, s;
    bool operator==(const Authorization&) const = default;
};

struct Transaction {
    TransactionType type = TransactionType::legacy;
    // None: a legacy transaction without replay protection (before EIP-155).
    std::optional<std::uint64_t> chain_id;
    std::uint64_t nonce = 0;
    U256 max_fee;          // wei per gas; of legacy and access-list ones the gas price
    U256 max_priority_fee; // equals max_fee for them
    std::uint64_t gas_limit = 0;
    std::optional<Address> to; // none: creates a contract
    U256 value;
    Bytes data;
    std::vector<AccessListEntry> access_list;
    U256 max_fee_per_blob_gas;
    std::vector<Hash32> blob_hashes;
    std::vector<Authorization> authorizations;

    // Deposits alone (OP specs, "Deposits"): not signed, `from` is stated.
    Hash32 source_hash;
    Address from;
    U256 mint;
    bool is_system = false;

    // Signature; y_parity is 0 or 1 (legacy: from v).
    std::uint8_t y_parity = 0;
    U256 r, s;

    bool is_deposit() const { return type == TransactionType::deposit; }
    bool operator==(const Transaction&) const = default;
};

// The form in which it is hashed, put in blocks and sent: legacy RLP, or type byte | RLP.
Bytes encode(const Transaction& transaction);
// Exactly one transaction in that form; refuses non-canonical RLP, unknown types, numbers above
// their width (nonce and gas limit: 64 bits), a y parity above 1, trailing bytes. Blob transactions
// with their sidecar (the network form) are unsupported.
Result<Transaction> decode_transaction(ByteView bytes);

Hash32 hash(const Transaction& transaction);         // keccak of encode()
Hash32 signing_hash(const Transaction& transaction); // what the sender signs; not for deposits
// Both of several transactions, which share the lanes of the hash function. A deposit's signing
// hash is zero.
struct TransactionHashes {
    Hash32 hash, signing;
};
std::vector<TransactionHashes> hashes_of(std::span<const Transaction> transactions);

// The signer (a deposit's `from`). unverified for an invalid signature: zero or out of range r, s;
// s above half the order unless `allow_high_s` (Frontier). One elliptic-curve recovery: remember
// it.
Result<Address> sender_of(const Transaction& transaction, bool allow_high_s = false);
Result<Address> sender_of(const Transaction& transaction, const Hash32& signing, bool allow_high_s);
// Who signed an EIP-7702 authorization; unverified when malformed.
Result<Address> authority_of(const Authorization& authorization);

// max_fee or base fee + priority fee, whichever is less. The caller has checked max_fee >=
// base_fee.
U256 effective_gas_price(const Transaction& transaction, const U256& base_fee);

} // namespace ol::chain
