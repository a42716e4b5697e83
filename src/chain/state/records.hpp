// Keys and values of the state's families (docs/formats/state-database.md). Internal to the state
// room.
#pragma once

#include "chain/state/state.hpp"
#include "chain/trie/path.hpp"

namespace ol::chain {

// What the hash of an address or of a slot is called in the families' keys.
using HashedKey = Hash32;

// A slot of an account.
struct SlotKey {
    HashedKey owner, slot;
    auto operator<=>(const SlotKey&) const = default;
};

// Which trie: the accounts', or the storage of one.
using TrieOwner = std::optional<HashedKey>;

struct Head {
    std::uint64_t number = 0;
    Hash32 root;
    std::uint64_t version = 0; // grows with every commit and every roll-back
    std::uint64_t oldest = 0;  // how far back the reverse diffs reach
    bool operator==(const Head&) const = default;
};

inline constexpr std::size_t most_record_bytes = 1 + 9 + 33 + 32 + 32; // of an account or a slot

// Accounts without what most of them do not have: flags, nonce, balance, then the code hash and the
// storage root where they are not those of nothing. Into a buffer of most_record_bytes; the size.
std::size_t put_account_record(std::uint8_t* out, const Account& account);
Result<Account> decode_account_record(ByteView bytes);
// A value without its leading zeros.
Bytes encode_slot_record(const U256& value);
Result<U256> decode_slot_record(ByteView bytes);
Bytes encode_head(const Head& head);
Result<Head> decode_head(ByteView bytes);

ByteView head_key(); // of family_state_meta
Bytes slot_record_key(const SlotKey& key);
// A link of a trie, at its path; those of one branch's children follow each other.
Bytes link_key(const TrieOwner& owner, const trie::Path& at);
// Where the flat values behind a path begin.
Bytes leaf_key(const TrieOwner& owner, const trie::Path& at);

} // namespace ol::chain
