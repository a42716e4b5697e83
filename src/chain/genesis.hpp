// Genesis: laying a chain's first block down, and the genesis of the development chain - OP Stack
// rules with OPEN as the native token, predeploys at their addresses, the well-known accounts
// funded. The same options and artefacts give the same block hash, always.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "chain/state/state.hpp"
#include "chain/types/chain_config.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::chain {

// Puts the accounts of `genesis` into an empty state and returns its header with the roots filled
// in (OP specs, Isthmus: the withdrawals root is the message passer's storage root).
Result<Header> lay_down(const Genesis& genesis, StateBackend& state);

// Identifies what a chain began with: header and accounts, without its schedule of forks, which may
// be given more of later.
Hash32 digest_of(const Genesis& genesis);

// Predeploys (OP specs, "Predeploys").
namespace predeploy {
// 0x42000000000000000000000000000000000000XX
constexpr Address at(std::uint8_t last) {
    Address out;
    out.data[0] = 0x42;
    out.data[19] = last;
    return out;
}
inline constexpr Address wrapped_open = at(0x06);
inline constexpr Address gas_price_oracle = at(0x0F);
inline constexpr Address sequencer_fee_vault = at(0x11);
inline constexpr Address l1_block = at(0x15);
inline constexpr Address message_passer = at(0x16);
inline constexpr Address base_fee_vault = at(0x19);
inline constexpr Address l1_fee_vault = at(0x1A);
inline constexpr Address operator_fee_vault = at(0x1B);
} // namespace predeploy

// Sends the L1 attributes: 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001.
inline constexpr Address depositor_account = {{0xde, 0xad, 0xde, 0xad, 0xde, 0xad, 0xde,
                                               0xad, 0xde, 0xad, 0xde, 0xad, 0xde, 0xad,
                                               0xde, 0xad, 0xde, 0xad, 0x00, 0x01}};

inline constexpr std::string_view development_mnemonic =
    "test test test test test test test test test test test junk";

struct DevelopmentOptions {
    std::uint64_t chain_id = 7777;
    OpFork fork = OpFork::isthmus;
    std::uint64_t gas_limit = 60'000'000;
    std::uint64_t timestamp = 1'767'225'600; // 2026-01-01
    // Gas costs nothing and stays free however full the blocks are: balances show money alone.
    bool free_gas = false;
    U256 base_fee = 1'000'000'000;
    // Of development_mnemonic, each with `balance`. None: nobody has money that everybody's key
    // opens.
    std::uint32_t accounts = 10;
    U256 balance = U256(10'000) * U256(1'000'000'000'000'000'000);
    Address fee_recipient; // whom the fee vaults pay
};

// `artifacts`: contracts/out. not_found with the remedy when the predeploys are not built.
Result<Genesis> development_genesis(const DevelopmentOptions& options, const Path& artifacts);

} // namespace ol::chain
