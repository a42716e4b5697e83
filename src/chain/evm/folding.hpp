// Results that are known when the code is compiled.
#pragma once

#include <optional>
#include <span>

#include "base/u256.hpp"

namespace ol::chain::evm {

// What the instruction makes of these operands (the top of the stack first); nothing for one that
// is not computed beforehand.
std::optional<U256> folded(std::uint8_t opcode, std::span<const U256> operands);

} // namespace ol::chain::evm
