// Headers, receipts, logs, withdrawals and whole blocks, their RLP forms and roots. Values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/u256.hpp"
#include "chain/types/transaction.hpp"

namespace ol::chain {

using Bloom = FixedBytes<256>;

struct Log {
    Address address;
    std::vector<Hash32> topics; // at most 4
    Bytes data;
    bool operator==(const Log&) const = default;
};

void add_to_bloom(Bloom& bloom, ByteView entry); // an address or a topic (Yellow Paper, 4.3.1)
Bloom bloom_of(std::span<const Log> logs);
bool bloom_may_contain(const Bloom& bloom, ByteView entry);

// Optional members are there from their fork on, in this order (a later one implies the earlier).
struct Header {
    Hash32 parent_hash;
    Hash32 ommers_hash; // empty_ommers_hash from Paris on
    Address coinbase;
    Hash32 state_root, transactions_root, receipts_root;
    Bloom logs_bloom;
    U256 difficulty;
    std::uint64_t number = 0, gas_limit = 0, gas_used = 0, timestamp = 0;
    Bytes extra_data;
    Hash32 prev_randao; // mixHash before Paris
    FixedBytes<8> nonce;
    std::optional<U256> base_fee;                   // London
    std::optional<Hash32> withdrawals_root;         // Shanghai; Isthmus: message passer's root
    std::optional<std::uint64_t> blob_gas_used;     // Cancun; Jovian: data-availability use
    std::optional<std::uint64_t> excess_blob_gas;   // Cancun
    std::optional<Hash32> parent_beacon_block_root; // Cancun
    std::optional<Hash32> requests_hash;            // Prague
    bool operator==(const Header&) const = default;
};

extern const Hash32 empty_ommers_hash;   // keccak(rlp([]))
extern const Hash32 empty_root_hash;     // keccak(rlp("")): the root of an empty trie
extern const Hash32 empty_code_hash;     // keccak("")
extern const Hash32 empty_requests_hash; // sha256("")

struct Withdrawal {
    std::uint64_t index = 0, validator_index = 0;
    Address address;
    std::uint64_t amount_gwei = 0;
    bool operator==(const Withdrawal&) const = default;
};

struct Block {
    Header header;
    std::vector<Transaction> transactions;
    std::vector<Header> ommers;
    std::optional<std::vector<Withdrawal>> withdrawals; // from Shanghai
    bool operator==(const Block&) const = default;
};

struct Receipt {
    TransactionType type = TransactionType::legacy;
    bool succeeded = false;
    std::optional<Hash32> post_state; // before Byzantium, in place of the status
    std::uint64_t cumulative_gas_used = 0;
    Bloom logs_bloom;
    std::vector<Log> logs;
    // Deposits: the sender's nonce before it (Regolith); the version 1 from Canyon on.
    std::optional<std::uint64_t> deposit_nonce, deposit_receipt_version;
    bool operator==(const Receipt&) const = default;
};

Bytes encode(const Header& header);
Bytes encode(const Block& block);     // [header, transactions, ommers, withdrawals?]
Bytes encode(const Receipt& receipt); // type byte | RLP, the form of the receipts trie
Bytes encode(const Withdrawal& withdrawal);
// Refuse non-canonical RLP, missing or trailing members, numbers above their width.
Result<Header> decode_header(ByteView bytes);
Result<Block> decode_block(ByteView bytes);
Result<Receipt> decode_receipt(ByteView bytes);

Hash32 hash(const Header& header); // the block's hash

// Roots of tries keyed by rlp(index).
Hash32 transactions_root(std::span<const Transaction> transactions);
// In OP blocks between Regolith and Canyon deposit receipts enter the trie without their nonce.
Hash32 receipts_root(std::span<const Receipt> receipts, bool without_deposit_nonce = false);
Hash32 withdrawals_root(std::span<const Withdrawal> withdrawals);
Hash32 ommers_hash(std::span<const Header> ommers);

} // namespace ol::chain
