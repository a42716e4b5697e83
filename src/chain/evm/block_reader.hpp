// A block of code for the compiler: instructions that are entered at the first and left at the
// last.
#pragma once

#include <cstdint>
#include <vector>

#include "chain/evm/analysis.hpp"
#include "chain/evm/instructions.hpp"

namespace ol::chain::evm {

struct Block {
    struct Step {
        std::uint32_t pc;
        std::uint8_t opcode;
    };
    std::vector<Step> steps;
    std::uint32_t next_pc = 0; // where the next block begins
    bool is_open = false;      // can run on into the next block
    // Stack words that it looks at, by how many it grows the stack in between, and in the end.
    int needs = 0, grows = 0, delta = 0;
    // Constant gas up to each instruction that sees how much is left, and from the last to the end.
    std::vector<std::uint64_t> gas;
    // Of each result (of what is no PUSH, DUP or SWAP): its position at the block's end, or
    // nowhere.
    std::vector<int> homes;
};

// CALL and its kin, CREATE and CREATE2.
bool is_send(std::uint8_t opcode);
// Looks at how much gas is left: then no more may have been paid for than stands up to it.
bool sees_gas(std::uint8_t opcode);

// Reads the block at `pc` into `block`, whose vectors are used again.
void read_block(const CodeAnalysis& analysis, const GasTable& costs, std::uint32_t pc,
                Block& block);

} // namespace ol::chain::evm
