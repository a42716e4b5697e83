#include "chain/evm/machine.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/check.hpp"
#include "chain/evm/interpreter.hpp"
#include "chain/evm/precompiles/precompiles.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::evm {

namespace {

constexpr Address ripemd_address = [] {
    Address out;
    out.data[19] = 3;
    return out;
}();

} // namespace

Machine::Machine(Journal& state, const Rules& active_rules, BlockContext block_context)
    : journal(state)
    , rules(active_rules)
    , block(std::move(block_context))
    , gas_costs(gas_table(active_rules.fork)) {}

void Machine::set_transaction(TransactionContext context) {
    transaction = std::move(context);
    ripemd_touched_ = false;
}

CallResult Machine::call(const Message& message, std::uint64_t create_nonce) {
    Message first = message;
    if (first.kind == CallKind::create) {
        first.recipient = create_address(first.sender, create_nonce);
    } else if (first.kind == CallKind::create2) {
        first.recipient = create2_address(first.sender, first.salt, crypto::keccak256(first.input));
    }
    OL_CHECK(live_ == 0); // a tracer must not call back
    return_data.clear();
    if (!begin(first, nullptr, false)) return result_of(first);
    for (;;) {
        Frame& frame = *frames_[live_ - 1];
        if (run(frame) == Exit::call) continue;
        finish(frame);
        if (tracer != nullptr) tracer->exit(frame.message, result_of(frame.message));
        // A creation's code is for the tracer alone.
        if (frame.creates() && answer_.status == Status::success) answer_.output = {};
        if (frame.program == nullptr) frame.analysis->ran(frame.jumps_left);
        frame.code.reset();
        frame.own_code.reset();
        if (--live_ == 0) return result_of(frame.message);
        deliver(*frames_[live_ - 1], frame.message);
    }
}

Exit Machine::run(Frame& frame) {
    if (tracer != nullptr && tracer->wants_steps()) return interpret_traced(*this, frame);
    for (;;) {
        const Exit exit =
            frame.resume != nullptr ? run_program(*this, frame) : interpret(*this, frame);
        if (exit != Exit::change) return exit;
    }
}

U256 Machine::difficulty_or_randao() const {
    return since(Fork::paris) ? word_of(block.prev_randao) : block.difficulty;
}

void Machine::change_to_program(Frame& frame) {
    if (frame.program == nullptr) frame.program = &frame.analysis->program(rules.fork);
    frame.resume =
        frame.program->entry(static_cast<std::uint64_t>(frame.ip - frame.analysis->begin()));
    frame.jumps_left = 0; // comes back at once from what the program leaves to the interpreter
}

CallResult Machine::result_of(const Message& message) const {
    CallResult out;
    out.status = answer_.status;
    out.gas_left = answer_.gas_left;
    out.output.assign(answer_.output.begin(), answer_.output.end());
    if (message.kind == CallKind::create || message.kind == CallKind::create2) {
        out.created = message.recipient;
    }
    return out;
}

Exit Machine::send(Frame& frame, Message& message, CodePtr code) {
    if (begin(message, std::move(code), true)) return Exit::call;
    deliver(frame, message);
    return Exit::next;
}

bool Machine::begin(Message& message, CodePtr code, bool input_in_memory) {
    if (tracer != nullptr) tracer->enter(message);
    const bool is_creation = message.kind == CallKind::create || message.kind == CallKind::create2;
    Journal::Checkpoint checkpoint = 0;
    answer_ = {Status::success, message.gas, {}};
    answer_.status =
        is_creation ? begin_creation(message, checkpoint) : begin_call(message, checkpoint);
    if (answer_.status == Status::create_collision) answer_.gas_left = 0;
    if (answer_.status == Status::success) {
        if (is_creation) {
            push_frame(message, nullptr, input_in_memory, checkpoint);
            return true;
        }
        if (const auto number = precompile_at(message.code_address, rules)) {
            answer_precompile(*number, message, checkpoint);
        } else {
            if (code == nullptr) code = callable_code(message.code_address);
            if (!code->bytes().empty()) {
                push_frame(message, std::move(code), input_in_memory, checkpoint);
                return true;
            }
        }
    }
    if (tracer != nullptr) tracer->exit(message, result_of(message));
    return false;
}

Status Machine::begin_call(const Message& message, Journal::Checkpoint& checkpoint) {
    if (message.depth > max_depth) return Status::call_depth;
    const bool moves_value = message.kind == CallKind::call || message.kind == CallKind::call_code;
    if (moves_value && !message.value.is_zero() &&
        journal.balance(message.sender) < message.value) {
        return Status::insufficient_balance;
    }
    checkpoint = journal.checkpoint();
    if (message.kind == CallKind::call) transfer(message);
    if (message.kind == CallKind::static_call) touch(message.recipient);
    return Status::success;
}

// EIP-684 and EIP-7610: no contract replaces another, nor what looks like one.
Status Machine::begin_creation(const Message& message, Journal::Checkpoint& checkpoint) {
    if (message.depth > max_depth) return Status::call_depth;
    if (journal.balance(message.sender) < message.value) return Status::insufficient_balance;
    if (message.depth > 0) {
        const std::uint64_t nonce = journal.nonce(message.sender);
        if (nonce + 1 == 0) return Status::nonce_overflow; // EIP-2681
        journal.set_nonce(message.sender, nonce + 1);
    }
    const Address& contract = message.recipient;
    if (since(Fork::berlin)) journal.access_account(contract);
    if (journal.nonce(contract) != 0 || journal.code_hash(contract) != empty_code_hash ||
        journal.has_storage(contract)) {
        return Status::create_collision;
    }
    checkpoint = journal.checkpoint();
    journal.begin_contract(contract);
    if (since(Fork::spurious_dragon)) journal.set_nonce(contract, 1);
    transfer(message);
    return Status::success;
}

void Machine::transfer(const Message& message) {
    if (message.value.is_zero()) return touch(message.recipient);
    OL_CHECK(journal.subtract_balance(message.sender, message.value));
    journal.add_balance(message.recipient, message.value);
}

// The precompile 0x03 was once removed by a call that ran out of gas (block 2,675,119 of Ethereum):
// the rules hold it for touched whatever is reverted.
void Machine::touch(const Address& address) {
    journal.touch(address);
    if (address == ripemd_address && since(Fork::spurious_dragon)) ripemd_touched_ = true;
}

void Machine::revert(Journal::Checkpoint checkpoint) {
    journal.revert(checkpoint);
    if (ripemd_touched_) journal.touch(ripemd_address);
}

void Machine::answer_precompile(std::uint16_t number, const Message& message,
                                Journal::Checkpoint checkpoint) {
    const auto gas = static_cast<std::uint64_t>(message.gas);
    PrecompileResult result = run_precompile(number, rules, message.input, gas);
    if (!result.succeeded || result.gas_used > gas) {
        revert(checkpoint);
        answer_ = {Status::precompile_failure, 0, {}};
        return;
    }
    precompile_output_ = std::move(result.output);
    answer_ = {Status::success, static_cast<std::int64_t>(gas - result.gas_used),
               precompile_output_};
}

CodePtr Machine::callable_code(const Address& address) {
    CodePtr code = journal.code(address);
    if (!since(Fork::prague)) return code;
    if (const std::uint8_t* to = delegate_of(code->bytes()); to != nullptr) {
        Address delegate;
        std::copy(to, to + 20, delegate.begin());
        return journal.code(delegate);
    }
    return code;
}

void Machine::choose_form(Frame& frame) {
    const CodeAnalysis& analysis = *frame.analysis;
    frame.program = nullptr;
    frame.jumps_left = std::numeric_limits<std::int64_t>::max();
    if (form == Form::by_heat) {
        frame.program = analysis.program_if_hot(rules.fork);
        frame.jumps_left = analysis.jumps_until_hot();
    } else if (form == Form::program) {
        frame.program = &analysis.program(rules.fork);
        frame.jumps_left = 0;
    }
    frame.resume = frame.program != nullptr ? frame.program->start() : nullptr;
}

void Machine::push_frame(const Message& message, CodePtr code, bool input_in_memory,
                         Journal::Checkpoint checkpoint) {
    if (frames_.size() == live_) frames_.push_back(std::make_unique<Frame>());
    Frame& frame = *frames_[live_];
    frame.message = message;
    frame.input_in_memory = input_in_memory;
    if (code != nullptr) {
        frame.analysis = &analysis_of(*code);
        frame.code = std::move(code);
    } else {
        frame.own_code = std::make_unique<const CodeAnalysis>(message.input);
        frame.analysis = frame.own_code.get();
        frame.message.input = {}; // the init code is not its own call data
    }
    frame.ip = frame.analysis->begin();
    choose_form(frame);
    frame.gas = message.gas;
    if (live_ == 0) {
        frame.stack = stacks_.first();
        frame.memory_base = 0;
    } else {
        const Frame& caller = *frames_[live_ - 1];
        frame.stack = stacks_.above(caller.stack, caller.sp);
        frame.memory_base = caller.memory_base + caller.memory_size;
    }
    frame.sp = frame.stack.bottom;
    frame.memory = memory_.data() + frame.memory_base;
    frame.memory_size = 0;
    frame.checkpoint = checkpoint;
    frame.status = Status::success;
    frame.output_offset = frame.output_size = 0;
    return_data.clear();
    ++live_;
}

// Sets the answer; its output stays in the frame's memory.
void Machine::finish(Frame& frame) {
    Status status = frame.status;
    if (status == Status::success && frame.creates()) status = deposit_code(frame);
    answer_ = {status, frame.gas, frame.output()};
    if (status == Status::success) return;
    revert(frame.checkpoint);
    if (status != Status::revert) answer_ = {status, 0, {}};
}

// EIP-170, EIP-3541, and the price of code. At Frontier a contract that cannot pay is born empty.
Status Machine::deposit_code(Frame& frame) {
    const ByteView code = frame.output();
    if (since(Fork::spurious_dragon) && code.size() > max_code_bytes) {
        return Status::code_too_large;
    }
    if (since(Fork::london) && !code.empty() && code[0] == 0xef) {
        return Status::code_starts_with_ef;
    }
    const std::int64_t cost = code_deposit_gas * static_cast<std::int64_t>(code.size());
    if (cost > frame.gas) {
        if (since(Fork::homestead)) return Status::out_of_gas;
        frame.output_size = 0;
        return Status::success;
    }
    frame.gas -= cost;
    if (!code.empty()) {
        journal.set_code(frame.message.recipient, Bytes(code.begin(), code.end()));
    }
    return Status::success;
}

// The answer into the caller's stack, memory, gas and return data.
void Machine::deliver(Frame& caller, const Message& message) {
    caller.gas += answer_.gas_left;
    const bool succeeded = answer_.status == Status::success;
    if (message.kind == CallKind::create || message.kind == CallKind::create2) {
        *caller.sp++ = succeeded ? word_of(message.recipient) : U256();
    } else {
        *caller.sp++ = U256(succeeded ? 1 : 0);
        const std::size_t size = std::min(caller.answer_size, answer_.output.size());
        if (size != 0) {
            std::memcpy(caller.memory + caller.answer_offset, answer_.output.data(), size);
        }
    }
    return_data.assign(answer_.output.begin(), answer_.output.end());
}

bool Machine::grow(Frame& frame, std::uint64_t end) {
    const std::int64_t words = words_of(end);
    const auto old_size = frame.memory_size;
    frame.gas -= memory_gas(words) - memory_gas(static_cast<std::int64_t>(old_size / 32));
    if (frame.gas < 0) return false;
    const std::size_t size = static_cast<std::size_t>(words) * 32;
    if (frame.memory_base + size > memory_.capacity()) {
        const auto before = reinterpret_cast<std::uintptr_t>(memory_.data());
        if (!memory_.reserve(frame.memory_base + size)) return false;
        for (std::size_t i = 0; i < live_; ++i) {
            Frame& moved = *frames_[i];
            moved.memory = memory_.data() + moved.memory_base;
            if (!moved.input_in_memory || moved.message.input.empty()) continue;
            const auto input = reinterpret_cast<std::uintptr_t>(moved.message.input.data());
            moved.message.input = {memory_.data() + (input - before), moved.message.input.size()};
        }
    }
    std::memset(frame.memory + old_size, 0, size - old_size);
    frame.memory_size = size;
    return true;
}

} // namespace ol::chain::evm
