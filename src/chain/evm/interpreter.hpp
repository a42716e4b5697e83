// Runs a frame from where it stands to its end, or to an instruction that starts another frame.
#pragma once

#include "chain/evm/machine.hpp"

namespace ol::chain::evm {

Exit interpret(Machine& machine, Frame& frame);
// The same, telling the machine's tracer of every step.
Exit interpret_traced(Machine& machine, Frame& frame);

} // namespace ol::chain::evm
