// The leaves of the state's tries (Yellow Paper, 4.1): accounts and slot values. Internal to the
// state room.
#pragma once

#include "chain/state/state.hpp"
#include "chain/trie/node_rlp.hpp"

namespace ol::chain {

// A number without its leading zeros, as RLP wants it; zero is empty.
struct NumberBytes {
    explicit NumberBytes(const U256& number)
        : bytes(number.to_be()) {
        while (zeros < 32 && bytes[zeros] == 0) ++zeros;
    }
    ByteView view() const { return bytes.view().subspan(zeros); }

    Hash32 bytes;
    std::size_t zeros = 0;
};

inline constexpr std::size_t account_rlp_bytes = 2 + 9 + 33 + 33 + 33; // at most
inline constexpr std::size_t slot_rlp_bytes = 33;                      // at most

// [nonce, balance, storage root, code hash]; the size.
inline std::size_t put_account(std::uint8_t* out, const Account& account) {
    const NumberBytes nonce(account.nonce), balance(account.balance);
    const std::size_t payload =
        trie::string_bytes(nonce.view()) + trie::string_bytes(balance.view()) + 66;
    std::uint8_t* at = trie::put_header(out, 0xc0, payload);
    at = trie::put_string(at, nonce.view());
    at = trie::put_string(at, balance.view());
    at = trie::put_string(at, account.storage_root.view());
    at = trie::put_string(at, account.code_hash.view());
    return static_cast<std::size_t>(at - out);
}

inline std::size_t put_slot(std::uint8_t* out, const U256& value) {
    return static_cast<std::size_t>(trie::put_string(out, NumberBytes(value).view()) - out);
}

// The other way; corrupted or invalid_argument for other RLP.
Result<Account> parse_account(ByteView rlp);
Result<U256> parse_slot(ByteView rlp);

} // namespace ol::chain
