// CALL and its kin, CREATE and CREATE2: operands, gas, and the message that they send.
#include "chain/evm/effects.hpp"

#include "crypto/hash.hpp"

namespace ol::chain::evm::effect {

namespace {

struct Operands {
    Address target;
    U256 gas, value, input_offset, input_size, output_offset, output_size;
    bool has_value = false;
};

// The seven operands of CALL and CALLCODE, the six of the others.
Operands take_operands(Frame& frame, U256* sp, CallKind kind) {
    const bool states_value = kind == CallKind::call || kind == CallKind::call_code;
    const U256* next = sp - 1;
    Operands out;
    out.gas = *next--;
    out.target = address_of(*next--);
    if (states_value) out.value = *next--;
    out.input_offset = *next--;
    out.input_size = *next--;
    out.output_offset = *next--;
    out.output_size = *next;
    out.has_value = !out.value.is_zero();
    frame.sp = sp - (states_value ? 7 : 6);
    return out;
}

// What the call costs its frame besides the gas that it hands on. `code` becomes the callee's where
// that had to be looked at (EIP-7702: the delegate's account is paid for too).
bool charge_call(Machine& machine, Frame& frame, const Operands& operands, CallKind kind,
                 CodePtr& code) {
    Journal& journal = machine.journal;
    if (!reach(machine, frame, operands.input_offset, operands.input_size)) return false;
    if (!reach(machine, frame, operands.output_offset, operands.output_size)) return false;
    std::int64_t cost = 0;
    if (operands.has_value) cost += call_value_gas;
    if (machine.since(Fork::berlin) && journal.access_account(operands.target)) {
        cost += cold_account_gas - warm_gas;
    }
    if (cost > frame.gas) return false;
    if (kind == CallKind::call) {
        const bool makes_account = machine.since(Fork::spurious_dragon)
                                       ? operands.has_value && journal.is_empty(operands.target)
                                       : !journal.exists(operands.target);
        if (makes_account) cost += new_account_gas;
    }
    if (machine.since(Fork::prague)) {
        code = journal.code(operands.target);
        if (const std::uint8_t* to = delegate_of(code->bytes()); to != nullptr) {
            Address delegate;
            std::copy(to, to + 20, delegate.begin());
            cost += journal.access_account(delegate) ? cold_account_gas : warm_gas;
            if (cost > frame.gas) return false;
            code = journal.code(delegate);
        }
    }
    return charge(frame, cost);
}

// The gas of the callee, taken from the frame. False: more was asked for than there is, before
// EIP-150 put a bound to it.
bool take_callee_gas(Machine& machine, Frame& frame, const U256& asked, std::int64_t& out) {
    out = frame.gas;
    if (machine.since(Fork::tangerine_whistle)) {
        out = all_but_64th(frame.gas);
        if (asked < U256(static_cast<std::uint64_t>(out))) {
            out = static_cast<std::int64_t>(asked.limb[0]);
        }
    } else {
        if (U256(static_cast<std::uint64_t>(frame.gas)) < asked) return false;
        out = static_cast<std::int64_t>(asked.limb[0]);
    }
    frame.gas -= out;
    return true;
}

Exit send_call(Machine& machine, Frame& frame, U256* sp, CallKind kind) {
    const Operands operands = take_operands(frame, sp, kind);
    const Message& self = frame.message;
    if (kind == CallKind::call && operands.has_value && self.is_static) {
        return halt(frame, Status::static_violation);
    }
    machine.return_data.clear();
    CodePtr code;
    Message message;
    if (!charge_call(machine, frame, operands, kind, code) ||
        !take_callee_gas(machine, frame, operands.gas, message.gas)) {
        return halt(frame, Status::out_of_gas);
    }
    if (operands.has_value) message.gas += call_stipend;
    message.kind = kind;
    message.is_static = self.is_static || kind == CallKind::static_call;
    message.depth = self.depth + 1;
    message.sender = kind == CallKind::delegate_call ? self.sender : self.recipient;
    message.code_address = operands.target;
    message.recipient =
        kind == CallKind::call || kind == CallKind::static_call ? operands.target : self.recipient;
    message.value = kind == CallKind::delegate_call ? self.value : operands.value;
    if (!operands.input_size.is_zero()) {
        message.input = {frame.memory + operands.input_offset.limb[0], operands.input_size.limb[0]};
    }
    frame.answer_size = operands.output_size.limb[0];
    frame.answer_offset = frame.answer_size == 0 ? 0 : operands.output_offset.limb[0];
    return machine.send(frame, message, std::move(code));
}

Exit send_creation(Machine& machine, Frame& frame, U256* sp, CallKind kind) {
    if (frame.message.is_static) return halt(frame, Status::static_violation);
    const U256 value = sp[-1], offset = sp[-2], size = sp[-3];
    frame.sp = sp - (kind == CallKind::create2 ? 4 : 3);
    machine.return_data.clear();
    if (!reach(machine, frame, offset, size)) return halt(frame, Status::out_of_gas);
    const std::size_t bytes = size.limb[0];
    std::int64_t word_gas = kind == CallKind::create2 ? keccak_word_gas : 0;
    if (machine.since(Fork::shanghai)) {
        if (bytes > max_init_code_bytes) return halt(frame, Status::init_code_too_large);
        word_gas += init_code_word_gas;
    }
    if (!charge(frame, word_gas * words_of(bytes))) return halt(frame, Status::out_of_gas);

    Message message;
    message.kind = kind;
    message.depth = frame.message.depth + 1;
    message.gas = machine.since(Fork::tangerine_whistle) ? all_but_64th(frame.gas) : frame.gas;
    frame.gas -= message.gas;
    message.sender = frame.message.recipient;
    message.value = value;
    if (bytes != 0) message.input = {frame.memory + offset.limb[0], bytes};
    if (kind == CallKind::create2) {
        message.salt = sp[-4].to_be();
        message.recipient =
            create2_address(message.sender, message.salt, crypto::keccak256(message.input));
    } else {
        message.recipient = create_address(message.sender, machine.journal.nonce(message.sender));
    }
    frame.answer_offset = frame.answer_size = 0;
    return machine.send(frame, message, nullptr);
}

} // namespace

Exit create(Machine& machine, Frame& frame, U256* sp) {
    return send_creation(machine, frame, sp, CallKind::create);
}
Exit create2(Machine& machine, Frame& frame, U256* sp) {
    return send_creation(machine, frame, sp, CallKind::create2);
}
Exit call(Machine& machine, Frame& frame, U256* sp) {
    return send_call(machine, frame, sp, CallKind::call);
}
Exit callcode(Machine& machine, Frame& frame, U256* sp) {
    return send_call(machine, frame, sp, CallKind::call_code);
}
Exit delegatecall(Machine& machine, Frame& frame, U256* sp) {
    return send_call(machine, frame, sp, CallKind::delegate_call);
}
Exit staticcall(Machine& machine, Frame& frame, U256* sp) {
    return send_call(machine, frame, sp, CallKind::static_call);
}

} // namespace ol::chain::evm::effect
