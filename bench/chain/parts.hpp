// The parts of the chain's workload program; each reads its own options and returns an exit status.
#pragma once

#include <string>

namespace bench {

// One contract call again and again: --code FILE --input FILE (hex both) [--seconds S] [--calls N].
// Prints one line of JSON: the median and the least CPU time of a call in ms, the gas that it took,
// its status and the keccak of its output.
int run_evm(int argc, char** argv);

} // namespace bench
