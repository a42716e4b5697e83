// The precompiled contracts 0x01 to 0x11 and P256VERIFY at 0x0100: which are there under which
// rules, what they cost and what they answer. Stateless and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "chain/types/fork.hpp"

namespace ol::chain::evm {

// The precompile at `address` under `rules`: 1 to 0x11, 0x100; nothing where there is none.
// P256VERIFY is there on the OP Stack from Fjord (RIP-7212) and on Ethereum from Osaka (EIP-7951).
std::optional<std::uint16_t> precompile_at(const Address& address, const Rules& rules);

// All of them, for warm addresses (EIP-2929).
std::vector<Address> precompile_addresses(const Rules& rules);

struct PrecompileResult {
    bool succeeded = false;     // false: the call fails and takes all its gas
    std::uint64_t gas_used = 0; // valid when it succeeded
    Bytes output;
};

// Runs precompile `number` (as precompile_at gave it) with at most `gas`. Input limits of the OP
// Stack (bn256 pairing from Granite, BLS from Isthmus, tighter ones from Jovian) are checked here.
PrecompileResult run_precompile(std::uint16_t number, const Rules& rules, ByteView input,
                                std::uint64_t gas);

} // namespace ol::chain::evm
