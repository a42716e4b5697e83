// The instruction set: names, stack effects and constant gas of every opcode under every fork
// (Yellow Paper, appendix H; the EIPs name what changed).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "chain/types/fork.hpp"

namespace ol::chain::evm {

namespace op {
enum Opcode : std::uint8_t {
    stop = 0x00,
    add,
    mul,
    sub,
    div,
    sdiv,
    mod,
    smod,
    addmod,
    mulmod,
    exp,
    signextend,
    lt = 0x10,
    gt,
    slt,
    sgt,
    eq,
    iszero,
    and_,
    or_,
    xor_,
    not_,
    byte,
    shl,
    shr,
    sar,
    clz,
    keccak256 = 0x20,
    address = 0x30,
    balance,
    origin,
    caller,
    callvalue,
    calldataload,
    calldatasize,
    calldatacopy,
    codesize,
    codecopy,
    gasprice,
    extcodesize,
    extcodecopy,
    returndatasize,
    returndatacopy,
    extcodehash,
    blockhash = 0x40,
    coinbase,
    timestamp,
    number,
    prevrandao, // DIFFICULTY before Paris
    gaslimit,
    chainid,
    selfbalance,
    basefee,
    blobhash,
    blobbasefee,
    pop = 0x50,
    mload,
    mstore,
    mstore8,
    sload,
    sstore,
    jump,
    jumpi,
    pc,
    msize,
    gas,
    jumpdest,
    tload,
    tstore,
    mcopy,
    push0,
    push1,
    push32 = 0x7f,
    dup1,
    dup16 = 0x8f,
    swap1,
    swap16 = 0x9f,
    log0,
    log4 = 0xa4,
    create = 0xf0,
    call,
    callcode,
    return_,
    delegatecall,
    create2,
    staticcall = 0xfa,
    revert = 0xfd,
    invalid,
    selfdestruct,
};
} // namespace op

struct Instruction {
    std::string_view name; // empty: no such instruction under any fork
    std::uint8_t needs = 0, gives = 0;
    Fork since = Fork::frontier;
};
extern const std::array<Instruction, 256> instructions;

// Constant gas by opcode; -1 where there is no such instruction. Costs that depend on operands or
// on warmth come on top.
using GasTable = std::array<std::int16_t, 256>;
const GasTable& gas_table(Fork fork);

constexpr bool is_push(std::uint8_t opcode) { return opcode >= op::push1 && opcode <= op::push32; }
constexpr unsigned push_size(std::uint8_t opcode) {
    return is_push(opcode) ? opcode - op::push0 : 0U;
}

} // namespace ol::chain::evm
