// From code to program, one block after the other. Within a block the stack is followed by name:
// each position holds a constant or the word that has its value, so that moving values about costs
// nothing until the block's end, where those that are out of place are put in order.
#include <algorithm>
#include <bit>
#include <optional>

#include "chain/evm/block_reader.hpp"
#include "chain/evm/block_stack.hpp"
#include "chain/evm/effects.hpp"
#include "chain/evm/folding.hpp"
#include "chain/evm/instructions.hpp"
#include "chain/evm/machine.hpp"
#include "chain/evm/program.hpp"
#include "chain/evm/program_forms.hpp"

namespace ol::chain::evm {

namespace {

using Code = ProgramCode;

std::int16_t offset_of(int slot) { return static_cast<std::int16_t>(slot * 32); }

// What a conditional jump tests: a word, or a comparison made for it alone.
struct Test {
    Code code = Code::jump_if;
    std::array<Operand, 2> operands;
    bool has_two = false, is_negated = false;
};

// Blocks that look at more of the stack are left to the plain interpreter.
constexpr int most_words = 512;

class Compiler {
public:
    Compiler(const CodeAnalysis& analysis, Fork fork)
        : analysis_(analysis)
        , costs_(gas_table(fork)) {}

    Program run();

private:
    void emit_block(std::uint32_t pc);
    void emit_step(const Block::Step& step);
    void emit_gas(std::uint8_t opcode);
    void emit_end(const Block::Step& last);

    void emit(Code code, int x = 0, int y = 0, int z = 0) {
        words_.push_back({code, static_cast<std::int16_t>(x), static_cast<std::int16_t>(y),
                          static_cast<std::int16_t>(z)});
    }
    void emit_pair(std::uint32_t first, std::uint32_t second) {
        words_.push_back(std::bit_cast<Operation>(std::uint64_t{second} << 32 | first));
    }
    void emit_number(Code code, int x, std::uint32_t number) { // in y and z
        emit(code, x, static_cast<std::int16_t>(number), static_cast<std::int16_t>(number >> 16));
    }

    int constant(const U256& value);
    const U256& value_of(const Operand& operand) const {
        return program_.constants[static_cast<std::size_t>(operand.index)];
    }
    Operand in_slot(Operand operand); // a constant is put into a free word
    int result_slot();
    void push_result(Code code, int y, int z, int flags = 0);
    bool fold(std::uint8_t opcode, std::span<const Operand> operands);
    void put_in_order(std::span<Operand* const> pinned);

    void emit_binary(std::uint8_t opcode);
    void emit_shift(std::uint8_t opcode, Code general, Code immediate, unsigned limit);
    void emit_unary(std::uint8_t opcode);
    void emit_ternary(std::uint8_t opcode);
    void emit_mload();
    void emit_mstore();
    void emit_effect(std::uint8_t opcode);
    void emit_jump();
    void emit_jumpi();
    void emit_fall_through();
    Test take_test(const Operand& condition);
    void land(const U256& target, std::size_t word, bool in_pair);

    const CodeAnalysis& analysis_;
    const GasTable& costs_;
    Program program_;
    std::vector<Operation>& words_ = program_.words;
    Block block_;
    BlockStack stack_;
    std::size_t next_result_ = 0, next_gas_ = 0;
    std::size_t comparison_ = 0; // word of the comparison that was emitted last, if it was last
    bool is_full_ = false;       // out of scratch words or constants

    struct Landing {
        std::size_t word; // whose second half-word or y and z are the target
        std::uint32_t pc;
        bool in_pair;
    };
    std::vector<Landing> landings_;
    std::array<std::uint32_t, 1024> recent_constants_{};
};

// -------------------------------------------------------------------- constants and results

int Compiler::constant(const U256& value) {
    auto& all = program_.constants;
    const std::uint64_t mixed =
        (value.limb[0] ^ value.limb[1] * 3 ^ value.limb[2] * 5 ^ value.limb[3] * 7) *
        0x9e3779b97f4a7c15;
    std::uint32_t& recent = recent_constants_[mixed >> 54];
    if (recent < all.size() && all[recent] == value) return static_cast<int>(recent);
    if (all.size() > 0xffff) {
        is_full_ = true;
        return 0;
    }
    recent = static_cast<std::uint32_t>(all.size());
    all.push_back(value);
    return static_cast<int>(recent);
}

Operand Compiler::in_slot(Operand operand) {
    if (!operand.is_constant) return operand;
    const int slot = stack_.free_slot(BlockStack::nowhere);
    if (slot == BlockStack::nowhere) {
        is_full_ = true;
        return {false, 0};
    }
    stack_.use(slot);
    emit(Code::constant, offset_of(slot), 0, operand.index);
    return {false, slot};
}

// The word for the result that is about to be pushed.
int Compiler::result_slot() {
    const int home = block_.homes[next_result_++];
    const int slot = stack_.free_slot(home);
    if (slot != BlockStack::nowhere) return slot;
    is_full_ = true;
    return 0;
}

void Compiler::push_result(Code code, int y, int z, int flags) {
    const int slot = result_slot();
    emit(code, offset_of(slot) | flags, y, z);
    stack_.push({false, slot});
}

// A result that is known now. True: it was pushed.
bool Compiler::fold(std::uint8_t opcode, std::span<const Operand> operands) {
    std::array<U256, 3> values;
    for (std::size_t i = 0; i < operands.size(); ++i) {
        if (!operands[i].is_constant) return false;
        values[i] = value_of(operands[i]);
    }
    const auto result = folded(opcode, std::span(values).first(operands.size()));
    if (!result) return false;
    ++next_result_;
    stack_.push({true, constant(*result)});
    return true;
}

// Every value into the word of its position; `pinned` operands can be read after that.
void Compiler::put_in_order(std::span<Operand* const> pinned) {
    const bool fits = stack_.put_in_order(pinned, [this](int to, const Operand& from) {
        if (from.is_constant) {
            emit(Code::constant, offset_of(to), 0, from.index);
        } else {
            emit(Code::move, offset_of(to), offset_of(from.index));
        }
    });
    if (!fits) is_full_ = true;
}

// ------------------------------------------------------------------------------- operations

void Compiler::emit_binary(std::uint8_t opcode) {
    const BinaryForms forms = *binary_forms(opcode);
    Operand a = stack_.pop(), b = stack_.pop();
    if (fold(opcode, std::array{a, b})) return;
    if (opcode == op::gt || opcode == op::sgt) std::swap(a, b);
    if (a.is_constant && forms.commutes) std::swap(a, b);
    if (a.is_constant && forms.ks == Code::fault) a = in_slot(a);
    const Code code = a.is_constant ? forms.ks : b.is_constant ? forms.sk : forms.ss;
    const int y = a.is_constant ? a.index : offset_of(a.index);
    const int z = b.is_constant ? b.index : offset_of(b.index);
    stack_.release(a);
    stack_.release(b);
    push_result(code, y, z);
    if (forms.compares) comparison_ = words_.size() - 1;
}

// Shifts, BYTE and SIGNEXTEND: the first operand is mostly a small constant.
void Compiler::emit_shift(std::uint8_t opcode, Code general, Code immediate, unsigned limit) {
    Operand a = stack_.pop(), b = stack_.pop();
    if (fold(opcode, std::array{a, b})) return;
    const bool is_small = a.is_constant && value_of(a) < U256(limit);
    if (!is_small) a = in_slot(a);
    b = in_slot(b);
    const int y = is_small ? static_cast<int>(value_of(a).limb[0]) : offset_of(a.index);
    stack_.release(a);
    stack_.release(b);
    push_result(is_small ? immediate : general, y, offset_of(b.index));
}

void Compiler::emit_unary(std::uint8_t opcode) {
    Operand a = stack_.pop();
    if (fold(opcode, std::array{a})) return;
    const bool is_test = opcode == op::iszero;
    // Of a comparison just made: the comparison is turned round instead.
    if (is_test && comparison_ != 0 && comparison_ + 1 == words_.size() &&
        stack_.uses(a.index) == 1 && (words_.back().x & ~31) == offset_of(a.index)) {
        words_.back().x ^= 1;
        ++next_result_;
        stack_.push_again(a);
        return;
    }
    stack_.release(a);
    const Code code = is_test ? Code::is_zero : opcode == op::not_ ? Code::not_s : Code::clz_s;
    push_result(code, offset_of(a.index), 0);
    if (is_test) comparison_ = words_.size() - 1;
}

void Compiler::emit_ternary(std::uint8_t opcode) {
    Operand a = stack_.pop(), b = stack_.pop(), m = stack_.pop();
    if (fold(opcode, std::array{a, b, m})) return;
    a = in_slot(a);
    b = in_slot(b);
    const bool adds = opcode == op::addmod;
    const Code code = m.is_constant ? (adds ? Code::addmod_ssk : Code::mulmod_ssk)
                                    : (adds ? Code::addmod_sss : Code::mulmod_sss);
    for (const Operand& operand : {a, b, m}) stack_.release(operand);
    push_result(code, offset_of(a.index), offset_of(b.index));
    const int modulus = m.is_constant ? m.index : offset_of(m.index);
    emit_pair(static_cast<std::uint32_t>(modulus), 0);
}

void Compiler::emit_mload() {
    Operand at = stack_.pop();
    const bool is_near = at.is_constant && value_of(at) <= U256(memory_offset_limit);
    if (!is_near) at = in_slot(at);
    stack_.release(at);
    const int slot = result_slot();
    if (is_near) {
        emit_number(Code::mload_i, offset_of(slot),
                    static_cast<std::uint32_t>(value_of(at).limb[0]));
    } else {
        emit(Code::mload_s, offset_of(slot), offset_of(at.index));
    }
    stack_.push({false, slot});
}

void Compiler::emit_mstore() {
    Operand at = stack_.pop();
    const Operand value = stack_.pop();
    const int z = value.is_constant ? value.index : offset_of(value.index);
    if (at.is_constant && value_of(at) <= U256(memory_offset_limit)) {
        const auto number = static_cast<std::uint32_t>(value_of(at).limb[0]);
        emit(value.is_constant ? Code::mstore_ik : Code::mstore_is,
             static_cast<std::int16_t>(number), static_cast<std::int16_t>(number >> 16), z);
    } else {
        at = in_slot(at);
        emit(value.is_constant ? Code::mstore_sk : Code::mstore_ss, 0, offset_of(at.index), z);
    }
    stack_.release(at);
    stack_.release(value);
}

void Compiler::emit_effect(std::uint8_t opcode) {
    const Instruction& instruction = instructions[opcode];
    std::array<Operand, 6> operands; // deepest first
    for (int i = instruction.needs - 1; i >= 0; --i) {
        operands[static_cast<std::size_t>(i)] = stack_.pop();
    }
    for (int i = 0; i < instruction.needs; ++i) {
        stack_.release(operands[static_cast<std::size_t>(i)]);
    }
    const bool gives = instruction.gives != 0;
    const int slot = gives ? result_slot() : 0;
    emit(Code::effect, offset_of(slot) | (gives ? 1 : 0), opcode, instruction.needs);
    const auto reference = [](const Operand& operand) {
        return operand.is_constant ? static_cast<std::uint32_t>(operand.index) + (1U << 16)
                                   : static_cast<std::uint32_t>(operand.index * 32);
    };
    for (std::size_t i = 0; i < instruction.needs; i += 2) {
        emit_pair(reference(operands[i]), reference(operands[i + 1]));
    }
    if (gives) stack_.push({false, slot});
}

// Behind an instruction that saw the gas: what stands from there to the next one.
void Compiler::emit_gas(std::uint8_t opcode) {
    if (!sees_gas(opcode)) return;
    const auto gas = static_cast<std::uint32_t>(block_.gas[next_gas_++]);
    if (gas != 0) emit_number(Code::take_gas, 0, gas);
}

void Compiler::emit_step(const Block::Step& step) {
    const std::uint8_t opcode = step.opcode;
    if (is_push(opcode)) {
        std::array<std::uint8_t, 32> bytes{};
        const unsigned size = push_size(opcode);
        std::copy_n(analysis_.begin() + step.pc + 1, size, bytes.end() - size);
        return stack_.push({true, constant(load_be(bytes.data()))});
    }
    if (opcode >= op::dup1 && opcode <= op::dup16) return stack_.dup(opcode - op::dup1 + 1);
    if (opcode >= op::swap1 && opcode <= op::swap16) return stack_.swap(opcode - op::swap1 + 1);
    if (binary_forms(opcode)) return emit_binary(opcode);
    if (effect::by_opcode[opcode] != nullptr) return emit_effect(opcode);
    switch (opcode) {
    case op::jumpdest:
        return;
    case op::pop:
        return stack_.release(stack_.pop());
    case op::push0:
        return stack_.push({true, constant(U256())});
    case op::pc:
        ++next_result_;
        return stack_.push({true, constant(U256(step.pc))});
    case op::codesize:
        ++next_result_;
        return stack_.push({true, constant(U256(analysis_.size()))});
    case op::iszero:
    case op::not_:
    case op::clz:
        return emit_unary(opcode);
    case op::addmod:
    case op::mulmod:
        return emit_ternary(opcode);
    case op::shl:
        return emit_shift(opcode, Code::shl_ss, Code::shl_is, 256);
    case op::shr:
        return emit_shift(opcode, Code::shr_ss, Code::shr_is, 256);
    case op::sar:
        return emit_shift(opcode, Code::sar_ss, Code::sar_is, 256);
    case op::byte:
        return emit_shift(opcode, Code::byte_ss, Code::byte_is, 32);
    case op::signextend:
        return emit_shift(opcode, Code::signextend_ss, Code::signextend_is, 31);
    case op::mload:
        return emit_mload();
    case op::mstore:
        return emit_mstore();
    case op::calldataload: {
        const Operand at = stack_.pop();
        stack_.release(at);
        return at.is_constant ? push_result(Code::calldataload_i, 0, at.index)
                              : push_result(Code::calldataload_s, offset_of(at.index), 0);
    }
    default:
        return push_result(environment_form(opcode), 0, 0);
    }
}

// --------------------------------------------------------------------------- ends of blocks

// A comparison that was emitted last and that the jump alone reads is taken back.
Test Compiler::take_test(const Operand& condition) {
    Test test;
    test.operands[0] = condition;
    if (comparison_ == 0 || comparison_ + 1 != words_.size() || stack_.uses(condition.index) != 1 ||
        (words_.back().x & ~31) != offset_of(condition.index)) {
        return test;
    }
    const Operation comparison = words_.back();
    words_.pop_back();
    stack_.release(condition);
    test.code = jump_form(comparison.code);
    test.is_negated = (comparison.x & 1) != 0;
    const auto constant_at = [](std::int16_t index) {
        return Operand{true, static_cast<std::uint16_t>(index)};
    };
    const auto slot_at = [this](std::int16_t offset) {
        stack_.use(offset / 32);
        return Operand{false, offset / 32};
    };
    if (comparison.code == Code::is_zero) {
        test.operands[0] = slot_at(comparison.y);
        test.is_negated = !test.is_negated;
        return test;
    }
    test.has_two = true;
    const bool first_is_constant =
        comparison.code == Code::lt_ks || comparison.code == Code::slt_ks;
    const bool second_is_constant = comparison.code == Code::lt_sk ||
                                    comparison.code == Code::slt_sk ||
                                    comparison.code == Code::eq_sk;
    test.operands[0] = first_is_constant ? constant_at(comparison.y) : slot_at(comparison.y);
    test.operands[1] = second_is_constant ? constant_at(comparison.z) : slot_at(comparison.z);
    return test;
}

// A jump to a constant: its operation gets the word when all blocks are there, and goes to the
// fault in word 0 where there is no destination.
void Compiler::land(const U256& target, std::size_t word, bool in_pair) {
    if (!target.fits_u64() || !analysis_.is_jump_destination(target.limb[0])) return;
    landings_.push_back({word, static_cast<std::uint32_t>(target.limb[0]), in_pair});
}

void Compiler::emit_jump() {
    Operand target = stack_.pop();
    const std::array pinned = {&target};
    put_in_order(pinned);
    const int delta = offset_of(stack_.height());
    if (target.is_constant) {
        land(value_of(target), words_.size(), false);
        emit_number(Code::jump, delta, 0);
    } else {
        emit(Code::jump_s, delta, offset_of(target.index));
    }
}

void Compiler::emit_jumpi() {
    Operand target = stack_.pop(), condition = stack_.pop();
    if (condition.is_constant) {
        if (!value_of(condition).is_zero()) {
            stack_.push_again(target);
            emit_jump();
        } else {
            emit_fall_through();
        }
        return;
    }
    if (!target.is_constant) {
        const std::array pinned = {&target, &condition};
        put_in_order(pinned);
        emit(Code::jump_if_s, offset_of(target.index), offset_of(condition.index),
             offset_of(stack_.height()));
        return;
    }
    Test test = take_test(condition);
    const std::array pinned = {&test.operands[0], &test.operands[1]};
    put_in_order(std::span(pinned).first(test.has_two ? 2 : 1));
    const auto field = [](const Operand& operand) {
        return operand.is_constant ? operand.index : int{offset_of(operand.index)};
    };
    emit(test.code, field(test.operands[0]), test.has_two ? field(test.operands[1]) : 0,
         test.is_negated ? 1 : 0);
    land(value_of(target), words_.size(), true);
    emit_pair(0, static_cast<std::uint32_t>(stack_.height() * 32));
}

void Compiler::emit_fall_through() {
    put_in_order({});
    if (stack_.height() != 0) emit(Code::adjust, offset_of(stack_.height()));
}

void Compiler::emit_end(const Block::Step& last) {
    const std::uint8_t opcode = last.opcode;
    if (costs_[opcode] < 0) {
        emit(Code::fault, static_cast<int>(Status::invalid_instruction));
    } else if (opcode == op::stop) {
        emit(Code::stop);
    } else if (opcode == op::jump) {
        emit_jump();
    } else if (opcode == op::jumpi) {
        emit_jumpi();
    } else if (is_send(opcode)) {
        put_in_order({});
        emit(Code::send, offset_of(stack_.height()), opcode);
    } else {
        emit_step(last);
        if (block_.is_open) emit_fall_through();
    }
}

void Compiler::emit_block(std::uint32_t pc) {
    const std::size_t begin = words_.size(), first_landing = landings_.size();
    const int room = static_cast<int>(stack_limit) - block_.grows - block_.needs;
    const std::uint64_t most_gas = *std::max_element(block_.gas.begin(), block_.gas.end());
    if (room < 0 || block_.needs + block_.grows > most_words || most_gas > 0xffffffff) {
        return emit_number(Code::leave, 0, pc);
    }
    stack_.begin(block_.needs, block_.grows);
    next_result_ = next_gas_ = comparison_ = 0;
    emit(Code::block, block_.needs, room);
    emit_pair(static_cast<std::uint32_t>(block_.gas[next_gas_++]), pc);
    for (std::size_t i = 0; i + 1 < block_.steps.size() && !is_full_; ++i) {
        emit_step(block_.steps[i]);
        emit_gas(block_.steps[i].opcode);
    }
    if (!is_full_) emit_end(block_.steps.back());
    if (!is_full_) return;
    // The plain interpreter runs this one.
    is_full_ = false;
    words_.resize(begin);
    landings_.resize(first_landing);
    emit_number(Code::leave, 0, pc);
}

Program Compiler::run() {
    const auto size = static_cast<std::uint32_t>(analysis_.size());
    program_.entries.assign(size, 0);
    program_.constants.emplace_back();
    words_.reserve(size + 64);
    emit(Code::fault, static_cast<int>(Status::bad_jump_destination));
    for (std::uint32_t pc = 0;;) {
        if (analysis_.is_jump_destination(pc)) {
            program_.entries[pc] = static_cast<std::uint32_t>(words_.size());
        }
        read_block(analysis_, costs_, pc, block_);
        emit_block(pc);
        pc = block_.next_pc;
        // What no jump reaches and nothing runs into is no code.
        while (!block_.is_open && pc < size && !analysis_.is_jump_destination(pc)) ++pc;
        if (pc >= size) break;
    }
    emit(Code::stop); // behind a code whose last instruction may go on
    for (const Landing& at : landings_) {
        const std::uint64_t target = program_.entries[at.pc];
        auto word = std::bit_cast<std::uint64_t>(words_[at.word]);
        word |= at.in_pair ? target : target << 32;
        words_[at.word] = std::bit_cast<Operation>(word);
    }
    return std::move(program_);
}

} // namespace

Program compile(const CodeAnalysis& analysis, Fork fork) { return Compiler(analysis, fork).run(); }

} // namespace ol::chain::evm
