#include "chain/evm/trace.hpp"

#include <algorithm>
#include <limits>

namespace ol::chain::evm {

namespace {

// More than any frame has.
constexpr std::int64_t unpayable = std::numeric_limits<std::int64_t>::max() / 4;

// What it would cost to reach the range.
std::int64_t reach_cost(const Frame& frame, const U256& offset, const U256& size) {
    if (size.is_zero()) return 0;
    if (!offset.fits_u64() || offset.limb[0] > memory_offset_limit || !size.fits_u64() ||
        size.limb[0] > memory_offset_limit) {
        return unpayable;
    }
    const std::uint64_t end =
        std::max<std::uint64_t>(offset.limb[0] + size.limb[0], frame.memory_size);
    return memory_gas(words_of(end)) - memory_gas(words_of(frame.memory_size));
}

std::int64_t word_cost(const U256& size, std::int64_t per_word) {
    return size.fits_u64() && size.limb[0] <= memory_offset_limit
               ? per_word * words_of(size.limb[0])
               : unpayable;
}

std::int64_t access_cost(Machine& machine, const Address& address, std::int64_t cold) {
    return machine.since(Fork::berlin) && !machine.journal.is_warm(address) ? cold : 0;
}

// Looks at a slot without warming it.
Journal::Slot peek_slot(Machine& machine, const Address& address, const U256& key) {
    const Journal::Checkpoint checkpoint = machine.journal.checkpoint();
    const Journal::Slot slot = machine.journal.access_slot(address, key);
    machine.journal.revert(checkpoint);
    return slot;
}

std::int64_t sload_cost(Machine& machine, const Frame& frame) {
    const bool cold = machine.since(Fork::berlin) &&
                      peek_slot(machine, frame.message.recipient, frame.sp[-1]).was_cold;
    return cold ? cold_slot_gas - warm_gas : 0;
}

std::int64_t sstore_cost(Machine& machine, const Frame& frame) {
    const Journal::Slot slot = peek_slot(machine, frame.message.recipient, frame.sp[-1]);
    return store_gas(machine.rules.fork, slot.original, slot.current, frame.sp[-2], slot.was_cold)
        .cost;
}

std::int64_t selfdestruct_cost(Machine& machine, const Frame& frame) {
    const Address beneficiary = address_of(frame.sp[-1]);
    std::int64_t cost = access_cost(machine, beneficiary, cold_account_gas);
    const bool makes_account =
        machine.since(Fork::spurious_dragon)
            ? !machine.journal.balance(frame.message.recipient).is_zero() &&
                  machine.journal.is_empty(beneficiary)
            : machine.since(Fork::tangerine_whistle) && !machine.journal.exists(beneficiary);
    if (makes_account) cost += new_account_gas;
    return cost;
}

std::int64_t delegate_cost(Machine& machine, const Address& target) {
    if (!machine.since(Fork::prague)) return 0;
    const CodePtr code = machine.journal.code(target);
    const std::uint8_t* to = delegate_of(code->bytes());
    if (to == nullptr) return 0;
    Address delegate;
    std::copy(to, to + 20, delegate.begin());
    return machine.journal.is_warm(delegate) ? warm_gas : cold_account_gas;
}

std::int64_t call_cost(Machine& machine, const Frame& frame, std::uint8_t opcode) {
    const bool states_value = opcode == op::call || opcode == op::callcode;
    const U256* next = frame.sp - 3; // below gas and address
    const U256 value = states_value ? *next-- : U256();
    const Address target = address_of(frame.sp[-2]);
    const U256 &input_offset = next[0], &input_size = next[-1];
    const U256 &output_offset = next[-2], &output_size = next[-3];
    std::int64_t cost = std::max(reach_cost(frame, input_offset, input_size),
                                 reach_cost(frame, output_offset, output_size));
    cost += access_cost(machine, target, cold_account_gas - warm_gas);
    if (!value.is_zero()) cost += call_value_gas;
    if (opcode == op::call) {
        const bool makes_account = machine.since(Fork::spurious_dragon)
                                       ? !value.is_zero() && machine.journal.is_empty(target)
                                       : !machine.journal.exists(target);
        if (makes_account) cost += new_account_gas;
    }
    cost += delegate_cost(machine, target);
    const std::int64_t left = frame.gas - machine.gas_costs[opcode] - cost;
    if (left < 0) return cost;
    const U256& asked = frame.sp[-1];
    const std::int64_t most = machine.since(Fork::tangerine_whistle) ? all_but_64th(left) : left;
    const bool bounded = U256(static_cast<std::uint64_t>(most)) < asked;
    if (bounded && !machine.since(Fork::tangerine_whistle)) return unpayable;
    return cost + (bounded ? most : static_cast<std::int64_t>(asked.limb[0]));
}

std::int64_t create_cost(Machine& machine, const Frame& frame, std::uint8_t opcode) {
    const U256 &offset = frame.sp[-2], &size = frame.sp[-3];
    std::int64_t per_word = opcode == op::create2 ? keccak_word_gas : 0;
    if (machine.since(Fork::shanghai)) per_word += init_code_word_gas;
    return reach_cost(frame, offset, size) + word_cost(size, per_word);
}

std::int64_t operand_cost(Machine& machine, const Frame& frame, std::uint8_t opcode) {
    const U256* sp = frame.sp;
    switch (opcode) {
    case op::exp:
        return exp_gas(sp[-2], machine.rules.fork);
    case op::keccak256:
        return reach_cost(frame, sp[-1], sp[-2]) + word_cost(sp[-2], keccak_word_gas);
    case op::balance:
    case op::extcodesize:
    case op::extcodehash:
        return access_cost(machine, address_of(sp[-1]), cold_account_gas - warm_gas);
    case op::extcodecopy:
        return access_cost(machine, address_of(sp[-1]), cold_account_gas - warm_gas) +
               reach_cost(frame, sp[-2], sp[-4]) + word_cost(sp[-4], copy_word_gas);
    case op::calldatacopy:
    case op::codecopy:
    case op::returndatacopy:
        return reach_cost(frame, sp[-1], sp[-3]) + word_cost(sp[-3], copy_word_gas);
    case op::mcopy:
        return reach_cost(frame, sp[-2] < sp[-1] ? sp[-1] : sp[-2], sp[-3]) +
               word_cost(sp[-3], copy_word_gas);
    case op::mload:
    case op::mstore:
        return reach_cost(frame, sp[-1], U256(32));
    case op::mstore8:
        return reach_cost(frame, sp[-1], U256(1));
    case op::return_:
    case op::revert:
        return reach_cost(frame, sp[-1], sp[-2]);
    case op::sload:
        return sload_cost(machine, frame);
    case op::sstore:
        return sstore_cost(machine, frame);
    case op::selfdestruct:
        return selfdestruct_cost(machine, frame);
    case op::create:
    case op::create2:
        return create_cost(machine, frame, opcode);
    case op::call:
    case op::callcode:
    case op::delegatecall:
    case op::staticcall:
        return call_cost(machine, frame, opcode);
    default:
        break;
    }
    if (opcode >= op::log0 && opcode <= op::log4) {
        const std::int64_t data = word_cost(sp[-2], 0) != 0
                                      ? unpayable
                                      : log_data_gas * static_cast<std::int64_t>(sp[-2].limb[0]);
        return reach_cost(frame, sp[-1], sp[-2]) + data;
    }
    return 0;
}

Step step_of(Machine& machine, const Frame& frame) {
    Step step;
    step.pc = static_cast<std::uint64_t>(frame.ip - frame.analysis->begin());
    step.opcode = *frame.ip;
    step.gas = frame.gas;
    step.gas_cost = step_cost(machine, frame);
    step.depth = frame.message.depth + 1;
    step.stack = {frame.stack.bottom, frame.sp};
    step.memory = {frame.memory, frame.memory_size};
    step.return_data = machine.return_data;
    step.refund = machine.journal.refund();
    step.address = frame.message.recipient;
    return step;
}

} // namespace

std::int64_t step_cost(Machine& machine, const Frame& frame) {
    const std::uint8_t opcode = *frame.ip;
    const std::int64_t constant = machine.gas_costs[opcode];
    if (constant < 0 || frame.sp - frame.stack.bottom < instructions[opcode].needs) return 0;
    const std::int64_t cost = constant + operand_cost(machine, frame, opcode);
    return cost < unpayable ? cost : 0;
}

void trace_step(Machine& machine, const Frame& frame) {
    machine.tracer->step(step_of(machine, frame));
}

void trace_fault(Machine& machine, const Frame& frame, Status status) {
    machine.tracer->fault(step_of(machine, frame), status);
}

} // namespace ol::chain::evm
