// Storage, transient storage and SELFDESTRUCT.
#include "chain/evm/effects.hpp"

namespace ol::chain::evm::effect {

Exit sload(Machine& machine, Frame& frame, U256* sp) {
    const Journal::Slot slot = machine.journal.access_slot(frame.message.recipient, sp[-1]);
    if (slot.was_cold && machine.since(Fork::berlin) && !charge(frame, cold_slot_gas - warm_gas)) {
        return halt(frame, Status::out_of_gas);
    }
    sp[-1] = slot.current;
    return Exit::next;
}

Exit sstore(Machine& machine, Frame& frame, U256* sp) {
    if (frame.message.is_static) return halt(frame, Status::static_violation);
    // EIP-2200: the stipend of a call must not change state.
    if (machine.since(Fork::istanbul) && frame.gas <= call_stipend) {
        return halt(frame, Status::out_of_gas);
    }
    const Address& address = frame.message.recipient;
    const U256 &key = sp[-1], &value = sp[-2];
    const Journal::Slot slot = machine.journal.access_slot(address, key);
    const StoreGas gas =
        store_gas(machine.rules.fork, slot.original, slot.current, value, slot.was_cold);
    if (!charge(frame, gas.cost)) return halt(frame, Status::out_of_gas);
    if (gas.refund != 0) machine.journal.add_refund(gas.refund);
    if (value != slot.current) machine.journal.set_storage(address, key, value);
    return Exit::next;
}

Exit tload(Machine& machine, Frame& frame, U256* sp) {
    sp[-1] = machine.journal.transient(frame.message.recipient, sp[-1]);
    return Exit::next;
}

Exit tstore(Machine& machine, Frame& frame, U256* sp) {
    if (frame.message.is_static) return halt(frame, Status::static_violation);
    machine.journal.set_transient(frame.message.recipient, sp[-1], sp[-2]);
    return Exit::next;
}

namespace {

// EIP-150, and EIP-161 after it: whether the beneficiary is an account that the balance makes.
bool makes_account(Machine& machine, const Address& beneficiary, const U256& balance) {
    if (!machine.since(Fork::tangerine_whistle)) return false;
    if (!machine.since(Fork::spurious_dragon)) return !machine.journal.exists(beneficiary);
    return !balance.is_zero() && machine.journal.is_empty(beneficiary);
}

} // namespace

Exit selfdestruct(Machine& machine, Frame& frame, U256* sp) {
    if (frame.message.is_static) return halt(frame, Status::static_violation);
    Journal& journal = machine.journal;
    const Address& self = frame.message.recipient;
    const Address beneficiary = address_of(sp[-1]);
    if (machine.since(Fork::berlin) && journal.access_account(beneficiary) &&
        !charge(frame, cold_account_gas)) {
        return halt(frame, Status::out_of_gas);
    }
    const U256 balance = journal.balance(self);
    if (makes_account(machine, beneficiary, balance) && !charge(frame, new_account_gas)) {
        return halt(frame, Status::out_of_gas);
    }
    if (machine.tracer != nullptr) machine.tracer->self_destruct(self, beneficiary, balance);
    // EIP-6780: from Cancun on only what this transaction made is removed.
    const bool removed = !machine.since(Fork::cancun) || journal.created_in_transaction(self);
    if (balance.is_zero()) {
        machine.touch(beneficiary);
    } else if (removed || beneficiary != self) {
        journal.add_balance(beneficiary, balance);
        journal.set_balance(self, U256()); // also of itself: the balance is gone
    }
    if (removed && journal.self_destruct(self) && !machine.since(Fork::london)) {
        journal.add_refund(self_destruct_refund);
    }
    return halt(frame, Status::success);
}

} // namespace ol::chain::evm::effect
