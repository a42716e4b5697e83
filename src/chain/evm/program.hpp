// A code in the form in which hot code runs. Each block of instructions that is only entered at its
// first is one unit: its constant gas and its stack depth are checked once, and what its PUSH, DUP,
// SWAP and POP would move is resolved when it is compiled - an operation names the stack words
// (or constants) that it reads and the word that it writes.
//
// A program is made of 8-byte words: an operation's first word, and for some a second one. Stack
// words are byte offsets from the stack pointer at the block's begin; at a block's end every word
// is where the EVM has it, and the pointer moves.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/u256.hpp"
#include "chain/types/fork.hpp"

namespace ol::chain::evm {

class CodeAnalysis;

// Suffixes say what the operands are: s a stack word, k a constant, i a number in the operation.
// clang-format off
#define OL_PROGRAM_CODES(X)                                                                        \
    X(fault) X(leave) X(block) X(take_gas) X(adjust) X(move) X(constant) X(stop)                   \
    X(jump) X(jump_s) X(jump_if_s) X(jump_if) X(jump_if_lt_ss) X(jump_if_lt_sk) X(jump_if_lt_ks)   \
    X(jump_if_slt_ss) X(jump_if_slt_sk) X(jump_if_slt_ks) X(jump_if_eq_ss) X(jump_if_eq_sk)        \
    X(add_ss) X(add_sk) X(sub_ss) X(sub_sk) X(sub_ks) X(mul_ss) X(mul_sk)                          \
    X(and_ss) X(and_sk) X(or_ss) X(or_sk) X(xor_ss) X(xor_sk)                                      \
    X(div_ss) X(div_sk) X(sdiv_ss) X(sdiv_sk) X(mod_ss) X(mod_sk) X(smod_ss) X(smod_sk)            \
    X(lt_ss) X(lt_sk) X(lt_ks) X(slt_ss) X(slt_sk) X(slt_ks) X(eq_ss) X(eq_sk)                     \
    X(is_zero) X(not_s) X(clz_s) X(byte_ss) X(byte_is) X(signextend_ss) X(signextend_is)           \
    X(shl_ss) X(shl_is) X(shr_ss) X(shr_is) X(sar_ss) X(sar_is)                                    \
    X(addmod_sss) X(addmod_ssk) X(mulmod_sss) X(mulmod_ssk)                                        \
    X(mload_s) X(mload_i) X(mstore_ss) X(mstore_sk) X(mstore_is) X(mstore_ik)                      \
    X(address) X(origin) X(caller) X(callvalue) X(calldataload_s) X(calldataload_i)                \
    X(calldatasize) X(gasprice) X(returndatasize) X(coinbase) X(timestamp) X(number)               \
    X(prevrandao) X(gaslimit) X(chainid) X(selfbalance) X(basefee) X(blobbasefee) X(msize)         \
    X(gas) X(effect) X(send)
// clang-format on

enum class ProgramCode : std::uint16_t {
#define OL_NAME(name) name,
    OL_PROGRAM_CODES(OL_NAME)
#undef OL_NAME
};

struct Operation {
    ProgramCode code = ProgramCode::fault;
    std::int16_t x = 0, y = 0, z = 0;
};
static_assert(sizeof(Operation) == 8);

struct Program {
    std::vector<Operation> words;
    std::vector<U256> constants;
    std::vector<std::uint32_t> entries; // word of the JUMPDEST at a pc; 0: there is none

    const Operation* start() const { return words.data() + first; }
    const Operation* entry(std::uint64_t pc) const { return words.data() + entries[pc]; }
    // Word 0 is where jumps to elsewhere land: it faults.
    static constexpr std::uint32_t first = 1;
};

Program compile(const CodeAnalysis& analysis, Fork fork);

} // namespace ol::chain::evm
