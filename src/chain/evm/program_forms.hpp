// Which operations an instruction becomes, by what its operands are.
#pragma once

#include <optional>

#include "chain/evm/program.hpp"

namespace ol::chain::evm {

// Of an instruction with two operands, the top of the stack first; fault: there is no such form.
struct BinaryForms {
    ProgramCode ss, sk, ks;
    bool commutes, compares;
};
// GT and SGT are LT and SLT of swapped operands.
std::optional<BinaryForms> binary_forms(std::uint8_t opcode);

// Of an instruction without operands that looks at its frame, the transaction or the block.
ProgramCode environment_form(std::uint8_t opcode);

// The conditional jump that makes the comparison itself.
ProgramCode jump_form(ProgramCode comparison);

} // namespace ol::chain::evm
