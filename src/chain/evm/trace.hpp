// What a tracer is told of a step.
#pragma once

#include "chain/evm/machine.hpp"

namespace ol::chain::evm {

// The frame stands before the instruction at its ip; ip, sp and gas are up to date.
void trace_step(Machine& machine, const Frame& frame);
void trace_fault(Machine& machine, const Frame& frame, Status status);

// What the instruction will take: its constant gas and what its operands add, the gas that a call
// hands on included (as geth counts). 0 where the operands or the instruction are not there.
std::int64_t step_cost(Machine& machine, const Frame& frame);

} // namespace ol::chain::evm
