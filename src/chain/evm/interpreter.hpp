// Runs a frame from where it stands to its end, or to an instruction that starts another frame.
#pragma once

#include <cstring>

#include "chain/evm/machine.hpp"

namespace ol::chain::evm {

// One instruction after the other, from frame.ip on. Exit::change: the code has become hot, and
// frame.resume is where its program goes on.
Exit interpret(Machine& machine, Frame& frame);
// The same to the end, telling the machine's tracer of every step.
Exit interpret_traced(Machine& machine, Frame& frame);
// The frame's program, from frame.resume on. Exit::change: what follows is for the interpreter.
Exit run_program(Machine& machine, Frame& frame);

// 32 bytes of the call data; zeros where it has ended.
inline U256 load_input(ByteView input, const U256& offset) {
    if (!(offset < U256(input.size()))) return {};
    const std::size_t there = input.size() - offset.limb[0];
    if (there >= 32) return load_be(input.data() + offset.limb[0]);
    std::uint8_t word[32] = {};
    std::memcpy(word, input.data() + offset.limb[0], there);
    return load_be(word);
}

} // namespace ol::chain::evm
