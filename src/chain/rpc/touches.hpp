// Which account or slot an instruction is about to read or change: what access lists and prestate
// traces are made of.
#pragma once

#include "chain/evm/evm.hpp"
#include "chain/evm/instructions.hpp"

namespace ol::chain::rpc {

inline Address address_in(const U256& word) {
    const Hash32 bytes = word.to_be();
    Address out;
    std::copy(bytes.begin() + 12, bytes.end(), out.begin());
    return out;
}

// account(address) and slot(address, slot) are called for what the step names on its stack.
template <class OnAccount, class OnSlot>
void visit_touches(const evm::Step& step, OnAccount account, OnSlot slot) {
    namespace op = evm::op;
    const std::size_t depth = step.stack.size();
    const auto from_top = [&](std::size_t i) -> const U256& { return step.stack[depth - 1 - i]; };
    switch (step.opcode) {
    case op::sload:
    case op::sstore:
        if (depth >= 1) slot(step.address, from_top(0));
        break;
    case op::balance:
    case op::extcodesize:
    case op::extcodecopy:
    case op::extcodehash:
    case op::selfdestruct:
        if (depth >= 1) account(address_in(from_top(0)));
        break;
    case op::call:
    case op::callcode:
    case op::delegatecall:
    case op::staticcall:
        if (depth >= 5) account(address_in(from_top(1)));
        break;
    default:
        break;
    }
}

} // namespace ol::chain::rpc
