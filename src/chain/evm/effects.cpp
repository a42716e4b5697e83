// Memory, hashes, logs and what instructions see of accounts and of the block.
#include "chain/evm/effects.hpp"

#include <algorithm>
#include <cstring>

#include "chain/evm/arithmetic.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::evm::effect {

namespace {

// Copies `size` bytes of `source` from `from` on into memory, zeros where the source has ended.
void copy(std::uint8_t* to, ByteView source, const U256& from, std::size_t size) {
    std::size_t there = 0;
    if (from < U256(source.size())) {
        there = std::min(size, source.size() - static_cast<std::size_t>(from.limb[0]));
        std::memcpy(to, source.data() + from.limb[0], there);
    }
    std::memset(to + there, 0, size - there);
}

// (to, from, size) on top of the stack.
Exit copy_to_memory(Machine& machine, Frame& frame, U256* sp, ByteView source) {
    const U256 &to = sp[-1], &from = sp[-2], &size = sp[-3];
    if (!reach(machine, frame, to, size)) return halt(frame, Status::out_of_gas);
    const std::size_t bytes = size.limb[0];
    if (!charge(frame, copy_word_gas * words_of(bytes))) return halt(frame, Status::out_of_gas);
    if (bytes != 0) copy(frame.memory + to.limb[0], source, from, bytes);
    return Exit::next;
}

// Of an instruction that looks at an account: what a cold one costs more (EIP-2929).
bool charge_access(Machine& machine, Frame& frame, const Address& address) {
    if (!machine.since(Fork::berlin) || !machine.journal.access_account(address)) return true;
    return charge(frame, cold_account_gas - warm_gas);
}

} // namespace

Exit exp(Machine& machine, Frame& frame, U256* sp) {
    const U256 exponent = sp[-2];
    if (!charge(frame, exp_gas(exponent, machine.rules.fork))) {
        return halt(frame, Status::out_of_gas);
    }
    sp[-2] = evm::exp(sp[-1], exponent);
    return Exit::next;
}

Exit keccak256(Machine& machine, Frame& frame, U256* sp) {
    const U256 &offset = sp[-1], &size = sp[-2];
    if (!reach(machine, frame, offset, size)) return halt(frame, Status::out_of_gas);
    const std::size_t bytes = size.limb[0];
    if (!charge(frame, keccak_word_gas * words_of(bytes))) return halt(frame, Status::out_of_gas);
    const ByteView input = bytes == 0 ? ByteView() : ByteView(frame.memory + offset.limb[0], bytes);
    sp[-2] = word_of(crypto::keccak256(input));
    return Exit::next;
}

Exit balance(Machine& machine, Frame& frame, U256* sp) {
    const Address address = address_of(sp[-1]);
    if (!charge_access(machine, frame, address)) return halt(frame, Status::out_of_gas);
    sp[-1] = machine.journal.balance(address);
    return Exit::next;
}

Exit calldatacopy(Machine& machine, Frame& frame, U256* sp) {
    return copy_to_memory(machine, frame, sp, frame.message.input);
}

Exit codecopy(Machine& machine, Frame& frame, U256* sp) {
    return copy_to_memory(machine, frame, sp, frame.analysis->code());
}

Exit extcodesize(Machine& machine, Frame& frame, U256* sp) {
    const Address address = address_of(sp[-1]);
    if (!charge_access(machine, frame, address)) return halt(frame, Status::out_of_gas);
    sp[-1] = U256(machine.journal.code(address)->bytes().size());
    return Exit::next;
}

Exit extcodecopy(Machine& machine, Frame& frame, U256* sp) {
    const U256 &to = sp[-2], &from = sp[-3], &size = sp[-4];
    if (!reach(machine, frame, to, size)) return halt(frame, Status::out_of_gas);
    const std::size_t bytes = size.limb[0];
    if (!charge(frame, copy_word_gas * words_of(bytes))) return halt(frame, Status::out_of_gas);
    const Address address = address_of(sp[-1]);
    if (!charge_access(machine, frame, address)) return halt(frame, Status::out_of_gas);
    if (bytes != 0) {
        const CodePtr code = machine.journal.code(address);
        copy(frame.memory + to.limb[0], code->bytes(), from, bytes);
    }
    return Exit::next;
}

Exit extcodehash(Machine& machine, Frame& frame, U256* sp) {
    const Address address = address_of(sp[-1]);
    if (!charge_access(machine, frame, address)) return halt(frame, Status::out_of_gas);
    const bool nobody = machine.journal.is_empty(address);
    sp[-1] = nobody ? U256() : word_of(machine.journal.code_hash(address));
    return Exit::next;
}

// Beyond the end of the return data there are no zeros (EIP-211).
Exit returndatacopy(Machine& machine, Frame& frame, U256* sp) {
    const U256 &to = sp[-1], &from = sp[-2], &size = sp[-3];
    const ByteView data = machine.return_data;
    if (!reach(machine, frame, to, size)) return halt(frame, Status::out_of_gas);
    const std::size_t bytes = size.limb[0];
    if (U256(data.size()) < from || data.size() - from.limb[0] < bytes) {
        return halt(frame, Status::return_data_out_of_bounds);
    }
    if (!charge(frame, copy_word_gas * words_of(bytes))) return halt(frame, Status::out_of_gas);
    if (bytes != 0) std::memcpy(frame.memory + to.limb[0], data.data() + from.limb[0], bytes);
    return Exit::next;
}

Exit blockhash(Machine& machine, Frame&, U256* sp) {
    const U256 number = sp[-1];
    const std::uint64_t now = machine.block.number;
    sp[-1] = U256();
    const bool recent = number < U256(now) && now - number.limb[0] <= 256;
    if (recent && machine.block.block_hash) {
        sp[-1] = word_of(machine.block.block_hash(number.limb[0]));
    }
    return Exit::next;
}

Exit blobhash(Machine& machine, Frame&, U256* sp) {
    const auto& hashes = machine.transaction.blob_hashes;
    sp[-1] = sp[-1] < U256(hashes.size()) ? word_of(hashes[sp[-1].limb[0]]) : U256();
    return Exit::next;
}

Exit mstore8(Machine& machine, Frame& frame, U256* sp) {
    if (!reach(machine, frame, sp[-1], 1)) return halt(frame, Status::out_of_gas);
    frame.memory[sp[-1].limb[0]] = static_cast<std::uint8_t>(sp[-2].limb[0]);
    return Exit::next;
}

Exit mcopy(Machine& machine, Frame& frame, U256* sp) {
    const U256 &to = sp[-1], &from = sp[-2], &size = sp[-3];
    // The farther end of the two pays for both.
    if (!reach(machine, frame, from < to ? to : from, size)) {
        return halt(frame, Status::out_of_gas);
    }
    const std::size_t bytes = size.limb[0];
    if (!charge(frame, copy_word_gas * words_of(bytes))) return halt(frame, Status::out_of_gas);
    if (bytes != 0) {
        std::memmove(frame.memory + to.limb[0], frame.memory + from.limb[0], bytes);
    }
    return Exit::next;
}

Exit log(Machine& machine, Frame& frame, U256* sp, unsigned topics) {
    if (frame.message.is_static) return halt(frame, Status::static_violation);
    const U256 &offset = sp[-1], &size = sp[-2];
    if (!reach(machine, frame, offset, size)) return halt(frame, Status::out_of_gas);
    const std::size_t bytes = size.limb[0];
    if (!charge(frame, log_data_gas * static_cast<std::int64_t>(bytes))) {
        return halt(frame, Status::out_of_gas);
    }
    Log entry;
    entry.address = frame.message.recipient;
    entry.topics.reserve(topics);
    for (unsigned i = 0; i < topics; ++i) {
        entry.topics.push_back(sp[-3 - static_cast<std::ptrdiff_t>(i)].to_be());
    }
    if (bytes != 0) {
        const std::uint8_t* data = frame.memory + offset.limb[0];
        entry.data.assign(data, data + bytes);
    }
    machine.journal.add_log(std::move(entry));
    return Exit::next;
}

namespace {

Exit end_with_output(Machine& machine, Frame& frame, U256* sp, Status status) {
    const U256 &offset = sp[-1], &size = sp[-2];
    if (!reach(machine, frame, offset, size)) return halt(frame, Status::out_of_gas);
    frame.output_size = size.limb[0];
    frame.output_offset = frame.output_size == 0 ? 0 : offset.limb[0];
    return halt(frame, status);
}

} // namespace

Exit return_(Machine& machine, Frame& frame, U256* sp) {
    return end_with_output(machine, frame, sp, Status::success);
}

Exit revert(Machine& machine, Frame& frame, U256* sp) {
    return end_with_output(machine, frame, sp, Status::revert);
}

namespace {

template <unsigned topics>
Exit log_of(Machine& machine, Frame& frame, U256* sp) {
    return log(machine, frame, sp, topics);
}

constexpr std::array<Effect, 256> make_by_opcode() {
    std::array<Effect, 256> out{};
    out[op::exp] = exp;
    out[op::keccak256] = keccak256;
    out[op::balance] = balance;
    out[op::calldatacopy] = calldatacopy;
    out[op::codecopy] = codecopy;
    out[op::extcodesize] = extcodesize;
    out[op::extcodecopy] = extcodecopy;
    out[op::extcodehash] = extcodehash;
    out[op::returndatacopy] = returndatacopy;
    out[op::blockhash] = blockhash;
    out[op::blobhash] = blobhash;
    out[op::mstore8] = mstore8;
    out[op::mcopy] = mcopy;
    out[op::sload] = sload;
    out[op::sstore] = sstore;
    out[op::tload] = tload;
    out[op::tstore] = tstore;
    out[op::log0] = log_of<0>;
    out[op::log0 + 1] = log_of<1>;
    out[op::log0 + 2] = log_of<2>;
    out[op::log0 + 3] = log_of<3>;
    out[op::log4] = log_of<4>;
    out[op::return_] = return_;
    out[op::revert] = revert;
    out[op::selfdestruct] = selfdestruct;
    return out;
}

constexpr std::array<Effect, 256> make_sends_by_opcode() {
    std::array<Effect, 256> out{};
    out[op::create] = create;
    out[op::create2] = create2;
    out[op::call] = call;
    out[op::callcode] = callcode;
    out[op::delegatecall] = delegatecall;
    out[op::staticcall] = staticcall;
    return out;
}

} // namespace

constexpr std::array<Effect, 256> by_opcode = make_by_opcode();
constexpr std::array<Effect, 256> sends_by_opcode = make_sends_by_opcode();

} // namespace ol::chain::evm::effect
