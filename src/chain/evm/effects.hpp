// The instructions that do more than compute on the stack. Each takes the stack as it is before it
// pops (`sp` is one past the top), leaves its result, if any, in its deepest operand, and charges
// what its operands cost; constant gas and stack depth were checked before. They keep their frame's
// gas in `frame.gas`.
#pragma once

#include "chain/evm/machine.hpp"

namespace ol::chain::evm::effect {

using Effect = Exit (*)(Machine& machine, Frame& frame, U256* sp);

Exit exp(Machine& machine, Frame& frame, U256* sp);
Exit keccak256(Machine& machine, Frame& frame, U256* sp);
Exit balance(Machine& machine, Frame& frame, U256* sp);
Exit calldatacopy(Machine& machine, Frame& frame, U256* sp);
Exit codecopy(Machine& machine, Frame& frame, U256* sp);
Exit extcodesize(Machine& machine, Frame& frame, U256* sp);
Exit extcodecopy(Machine& machine, Frame& frame, U256* sp);
Exit extcodehash(Machine& machine, Frame& frame, U256* sp);
Exit returndatacopy(Machine& machine, Frame& frame, U256* sp);
Exit blockhash(Machine& machine, Frame& frame, U256* sp);
Exit blobhash(Machine& machine, Frame& frame, U256* sp);
Exit mstore8(Machine& machine, Frame& frame, U256* sp);
Exit mcopy(Machine& machine, Frame& frame, U256* sp);
Exit log(Machine& machine, Frame& frame, U256* sp, unsigned topics);

Exit sload(Machine& machine, Frame& frame, U256* sp);
Exit sstore(Machine& machine, Frame& frame, U256* sp);
Exit tload(Machine& machine, Frame& frame, U256* sp);
Exit tstore(Machine& machine, Frame& frame, U256* sp);
Exit selfdestruct(Machine& machine, Frame& frame, U256* sp);

Exit return_(Machine& machine, Frame& frame, U256* sp);
Exit revert(Machine& machine, Frame& frame, U256* sp);

// These set `frame.sp`; the answer is pushed there, now or when the message has ended.
Exit create(Machine& machine, Frame& frame, U256* sp);
Exit create2(Machine& machine, Frame& frame, U256* sp);
Exit call(Machine& machine, Frame& frame, U256* sp);
Exit callcode(Machine& machine, Frame& frame, U256* sp);
Exit delegatecall(Machine& machine, Frame& frame, U256* sp);
Exit staticcall(Machine& machine, Frame& frame, U256* sp);

// Those that give at most a word and start no other frame, by their opcode; null for the others.
extern const std::array<Effect, 256> by_opcode;
// CALL and its kin, CREATE and CREATE2.
extern const std::array<Effect, 256> sends_by_opcode;

} // namespace ol::chain::evm::effect
