// What instructions cost beyond their constant gas, by fork. Pure functions.
#pragma once

#include <cstdint>

#include "base/u256.hpp"
#include "chain/types/fork.hpp"

namespace ol::chain::evm {

inline constexpr std::int64_t cold_account_gas = 2600; // EIP-2929, in all
inline constexpr std::int64_t cold_slot_gas = 2100;
inline constexpr std::int64_t warm_gas = 100;
inline constexpr std::int64_t call_value_gas = 9000;
inline constexpr std::int64_t call_stipend = 2300;
inline constexpr std::int64_t new_account_gas = 25000;
inline constexpr std::int64_t code_deposit_gas = 200; // a byte
inline constexpr std::int64_t self_destruct_refund = 24000;
inline constexpr std::int64_t log_data_gas = 8;       // a byte
inline constexpr std::int64_t keccak_word_gas = 6;    // KECCAK256 and CREATE2
inline constexpr std::int64_t copy_word_gas = 3;      // CALLDATACOPY and its kin
inline constexpr std::int64_t init_code_word_gas = 2; // EIP-3860
inline constexpr std::size_t max_code_bytes = 24576;  // EIP-170
inline constexpr std::size_t max_init_code_bytes = 2 * max_code_bytes;
inline constexpr std::int32_t max_depth = 1024;
inline constexpr std::size_t stack_limit = 1024;

inline std::int64_t words_of(std::uint64_t bytes) {
    return static_cast<std::int64_t>((bytes + 31) / 32);
}

// Of a memory of so many words (Yellow Paper, equation 326); at most 2^27 words.
inline std::int64_t memory_gas(std::int64_t words) { return 3 * words + words * words / 512; }

// EIP-160.
inline std::int64_t exp_gas(const U256& exponent, Fork fork) {
    const int bytes = (exponent.bit_length() + 7) / 8;
    return bytes * (fork >= Fork::spurious_dragon ? 50 : 10);
}

// EIP-150: a 64th stays with the caller.
inline std::int64_t all_but_64th(std::int64_t gas) { return gas - gas / 64; }

struct StoreGas {
    std::int64_t cost = 0, refund = 0; // a refund may be taken back: negative
};
// SSTORE of `value` where the slot holds `current` and held `original` when the transaction began:
// Yellow Paper; EIP-1283 in Constantinople alone; EIP-2200, 2929, 3529.
StoreGas store_gas(Fork fork, const U256& original, const U256& current, const U256& value,
                   bool was_cold);

} // namespace ol::chain::evm
