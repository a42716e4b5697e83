#include "chain/evm/arithmetic.hpp"
#include "chain/evm/effects.hpp"
#include "chain/evm/interpreter.hpp"
#include "chain/evm/program.hpp"

namespace ol::chain::evm {

namespace {

// The number in y and z, and the one in x and y.
inline std::uint32_t high_number(const Operation* at) {
    std::uint32_t out = 0;
    std::memcpy(&out, &at->y, sizeof out);
    return out;
}
inline std::uint32_t low_number(const Operation* at) {
    std::uint32_t out = 0;
    std::memcpy(&out, &at->x, sizeof out);
    return out;
}

// The second word of an operation, as two numbers.
struct Pair {
    std::uint32_t first = 0, second = 0;
};
inline Pair pair_of(const Operation* at) { return std::bit_cast<Pair>(at[1]); }

inline U256& word_at(U256* sp, std::int32_t offset) {
    return *reinterpret_cast<U256*>(reinterpret_cast<char*>(sp) + offset);
}

// Operands of an effect, deepest first: words, and constants from 2^16 on.
void gather(const Operation* at, unsigned count, U256* sp, const U256* constants, U256* out) {
    for (unsigned i = 0; i < count; ++i) {
        const Pair pair = pair_of(at + i / 2);
        const auto reference = static_cast<std::int32_t>(i % 2 == 0 ? pair.first : pair.second);
        out[i] = reference >= 1 << 16 ? constants[reference - (1 << 16)] : word_at(sp, reference);
    }
}

#define OL_NEXT() goto* labels[static_cast<std::size_t>(ip->code)]
#define OL_SLOT(offset) word_at(sp, (offset))
#define OL_CONSTANT(index) constants[static_cast<std::uint16_t>(index)]

// Results of an operation, from its operands a and b (or a alone).
#define OL_RESULT(expression)                                                                      \
    OL_SLOT(ip->x) = (expression);                                                                 \
    ++ip;                                                                                          \
    OL_NEXT()
#define OL_SS(expression)                                                                          \
    {                                                                                              \
        const U256 &a = OL_SLOT(ip->y), &b = OL_SLOT(ip->z);                                       \
        OL_RESULT(expression);                                                                     \
    }
#define OL_SK(expression)                                                                          \
    {                                                                                              \
        const U256 &a = OL_SLOT(ip->y), &b = OL_CONSTANT(ip->z);                                   \
        OL_RESULT(expression);                                                                     \
    }
#define OL_KS(expression)                                                                          \
    {                                                                                              \
        const U256 &a = OL_CONSTANT(ip->y), &b = OL_SLOT(ip->z);                                   \
        OL_RESULT(expression);                                                                     \
    }
#define OL_S(expression)                                                                           \
    {                                                                                              \
        const U256& a = OL_SLOT(ip->y);                                                            \
        OL_RESULT(expression);                                                                     \
    }
// a is a number in the operation.
#define OL_IS(expression)                                                                          \
    {                                                                                              \
        const auto a = static_cast<unsigned>(static_cast<std::uint16_t>(ip->y));                   \
        const U256& b = OL_SLOT(ip->z);                                                            \
        OL_RESULT(expression);                                                                     \
    }
#define OL_SSM(modulus, expression)                                                                \
    {                                                                                              \
        const U256 &a = OL_SLOT(ip->y), &b = OL_SLOT(ip->z);                                       \
        const auto third = static_cast<std::int32_t>(pair_of(ip).first);                           \
        const U256& m = (modulus);                                                                 \
        OL_SLOT(ip->x) = (expression);                                                             \
        ip += 2;                                                                                   \
        OL_NEXT();                                                                                 \
    }

// A comparison's result, turned round where the lowest bit of x says so.
#define OL_TEST(operand_a, operand_b, expression)                                                  \
    {                                                                                              \
        const U256 &a = (operand_a), &b = (operand_b);                                             \
        const std::uint64_t truth = (expression) ? 1 : 0;                                          \
        OL_SLOT(ip->x & ~31) = U256(truth ^ static_cast<std::uint64_t>(ip->x & 1));                \
        ++ip;                                                                                      \
        OL_NEXT();                                                                                 \
    }

// A conditional jump: where it goes and by how much the stack pointer moves is in its second word.
#define OL_JUMP_IF(condition)                                                                      \
    {                                                                                              \
        const bool is_taken = (condition) != (ip->z != 0);                                         \
        const Pair pair = pair_of(ip);                                                             \
        sp = &OL_SLOT(static_cast<std::int32_t>(pair.second));                                     \
        ip = is_taken ? words + pair.first : ip + 2;                                               \
        OL_NEXT();                                                                                 \
    }
#define OL_JUMP_TEST(operand_a, operand_b, expression)                                             \
    {                                                                                              \
        const U256 &a = (operand_a), &b = (operand_b);                                             \
        OL_JUMP_IF(expression);                                                                    \
    }

#define OL_REACH(offset)                                                                           \
    if (!is_near(frame, offset)) [[unlikely]] {                                                    \
        frame.gas = gas;                                                                           \
        if (!reach(machine, frame, U256(offset), 32)) goto out_of_gas;                             \
        gas = frame.gas;                                                                           \
    }

inline bool is_near(const Frame& frame, const U256& offset) {
    return offset.fits_u64() && frame.memory_size >= 32 && offset.limb[0] <= frame.memory_size - 32;
}
inline bool is_near(const Frame& frame, std::uint32_t offset) {
    return offset + 32UL <= frame.memory_size;
}

} // namespace

// Longer than a function should be: it is one jump table with what it jumps to.
Exit run_program(Machine& machine, Frame& frame) {
    static const void* const labels[] = {
#define OL_LABEL(name) &&name,
        OL_PROGRAM_CODES(OL_LABEL)
#undef OL_LABEL
    };
    const Program& program = *frame.program;
    const Operation* const words = program.words.data();
    const U256* const constants = program.constants.data();
    const Operation* ip = frame.resume;
    U256* sp = frame.sp;
    std::int64_t gas = frame.gas;

    OL_NEXT();

block : {
    const auto height = static_cast<std::uint64_t>(sp - frame.stack.bottom);
    const Pair pair = pair_of(ip);
    const std::int64_t left = gas - pair.first;
    const bool fits =
        height - static_cast<std::uint16_t>(ip->x) <= static_cast<std::uint16_t>(ip->y);
    if (!fits || left < 0) [[unlikely]] {
        // One instruction of the block cannot run; the plain interpreter finds out which.
        frame.ip = frame.analysis->begin() + pair.second;
        goto left_to_interpreter;
    }
    gas = left;
    ip += 2;
    OL_NEXT();
}
leave:
    frame.ip = frame.analysis->begin() + high_number(ip);
left_to_interpreter:
    frame.resume = nullptr;
    frame.sp = sp;
    frame.gas = gas;
    return Exit::change;
take_gas:
    gas -= high_number(ip);
    if (gas < 0) [[unlikely]]
        goto out_of_gas;
    ++ip;
    OL_NEXT();
adjust:
    sp = &OL_SLOT(ip->x);
    ++ip;
    OL_NEXT();
move:
    OL_SLOT(ip->x) = OL_SLOT(ip->y);
    ++ip;
    OL_NEXT();
constant:
    OL_SLOT(ip->x) = OL_CONSTANT(ip->z);
    ++ip;
    OL_NEXT();
stop:
    frame.status = Status::success;
    goto ended;
fault:
    frame.status = static_cast<Status>(ip->x);
    goto ended;

jump : {
    const std::uint32_t target = high_number(ip);
    sp = &OL_SLOT(ip->x);
    ip = words + target;
    OL_NEXT();
}
jump_s : {
    const U256& target = OL_SLOT(ip->y);
    if (!target.fits_u64() || target.limb[0] >= program.entries.size()) [[unlikely]] {
        ip = words; // the fault
        OL_NEXT();
    }
    const std::uint32_t word = program.entries[target.limb[0]];
    sp = &OL_SLOT(ip->x);
    ip = words + word;
    OL_NEXT();
}
jump_if_s : {
    const bool is_taken = !OL_SLOT(ip->y).is_zero();
    const U256& target = OL_SLOT(ip->x);
    const Operation* to = ip + 1;
    if (is_taken) {
        const bool is_inside = target.fits_u64() && target.limb[0] < program.entries.size();
        to = is_inside ? program.entry(target.limb[0]) : words;
    }
    sp = &OL_SLOT(ip->z);
    ip = to;
    OL_NEXT();
}
jump_if:
    OL_JUMP_IF(!OL_SLOT(ip->x).is_zero());
jump_if_lt_ss:
    OL_JUMP_TEST(OL_SLOT(ip->x), OL_SLOT(ip->y), a < b);
jump_if_lt_sk:
    OL_JUMP_TEST(OL_SLOT(ip->x), OL_CONSTANT(ip->y), a < b);
jump_if_lt_ks:
    OL_JUMP_TEST(OL_CONSTANT(ip->x), OL_SLOT(ip->y), a < b);
jump_if_slt_ss:
    OL_JUMP_TEST(OL_SLOT(ip->x), OL_SLOT(ip->y), slt(a, b));
jump_if_slt_sk:
    OL_JUMP_TEST(OL_SLOT(ip->x), OL_CONSTANT(ip->y), slt(a, b));
jump_if_slt_ks:
    OL_JUMP_TEST(OL_CONSTANT(ip->x), OL_SLOT(ip->y), slt(a, b));
jump_if_eq_ss:
    OL_JUMP_TEST(OL_SLOT(ip->x), OL_SLOT(ip->y), a == b);
jump_if_eq_sk:
    OL_JUMP_TEST(OL_SLOT(ip->x), OL_CONSTANT(ip->y), a == b);

add_ss:
    OL_SS(a + b);
add_sk:
    OL_SK(a + b);
sub_ss:
    OL_SS(a - b);
sub_sk:
    OL_SK(a - b);
sub_ks:
    OL_KS(a - b);
mul_ss:
    OL_SS(a * b);
mul_sk:
    OL_SK(a * b);
and_ss:
    OL_SS(a & b);
and_sk:
    OL_SK(a & b);
or_ss:
    OL_SS(a | b);
or_sk:
    OL_SK(a | b);
xor_ss:
    OL_SS(a ^ b);
xor_sk:
    OL_SK(a ^ b);
div_ss:
    OL_SS(div(a, b));
div_sk:
    OL_SK(div(a, b));
sdiv_ss:
    OL_SS(sdiv(a, b));
sdiv_sk:
    OL_SK(sdiv(a, b));
mod_ss:
    OL_SS(mod(a, b));
mod_sk:
    OL_SK(mod(a, b));
smod_ss:
    OL_SS(smod(a, b));
smod_sk:
    OL_SK(smod(a, b));
lt_ss:
    OL_TEST(OL_SLOT(ip->y), OL_SLOT(ip->z), a < b);
lt_sk:
    OL_TEST(OL_SLOT(ip->y), OL_CONSTANT(ip->z), a < b);
lt_ks:
    OL_TEST(OL_CONSTANT(ip->y), OL_SLOT(ip->z), a < b);
slt_ss:
    OL_TEST(OL_SLOT(ip->y), OL_SLOT(ip->z), slt(a, b));
slt_sk:
    OL_TEST(OL_SLOT(ip->y), OL_CONSTANT(ip->z), slt(a, b));
slt_ks:
    OL_TEST(OL_CONSTANT(ip->y), OL_SLOT(ip->z), slt(a, b));
eq_ss:
    OL_TEST(OL_SLOT(ip->y), OL_SLOT(ip->z), a == b);
eq_sk:
    OL_TEST(OL_SLOT(ip->y), OL_CONSTANT(ip->z), a == b);
is_zero : {
    const std::uint64_t truth = OL_SLOT(ip->y).is_zero() ? 1 : 0;
    OL_SLOT(ip->x & ~31) = U256(truth ^ static_cast<std::uint64_t>(ip->x & 1));
    ++ip;
    OL_NEXT();
}
not_s:
    OL_S(~a);
clz_s:
    OL_S(clz(a));
byte_ss:
    OL_SS(byte_at(a, b));
byte_is:
    OL_IS(byte_at(U256(a), b));
signextend_ss:
    OL_SS(sign_extend(a, b));
signextend_is:
    OL_IS(sign_extend(U256(a), b));
shl_ss:
    OL_SS(shl(a, b));
shl_is:
    OL_IS(b << a);
shr_ss:
    OL_SS(shr(a, b));
shr_is:
    OL_IS(b >> a);
sar_ss:
    OL_SS(sar(a, b));
sar_is:
    OL_IS(sar(U256(a), b));
addmod_sss:
    OL_SSM(OL_SLOT(third), addmod(a, b, m));
addmod_ssk:
    OL_SSM(OL_CONSTANT(third), addmod(a, b, m));
mulmod_sss:
    OL_SSM(OL_SLOT(third), mulmod(a, b, m));
mulmod_ssk:
    OL_SSM(OL_CONSTANT(third), mulmod(a, b, m));

mload_s : {
    const U256& offset = OL_SLOT(ip->y);
    OL_REACH(offset);
    OL_RESULT(load_be(frame.memory + offset.limb[0]));
}
mload_i : {
    const std::uint32_t offset = high_number(ip);
    OL_REACH(offset);
    OL_RESULT(load_be(frame.memory + offset));
}
mstore_ss : {
    const U256& offset = OL_SLOT(ip->y);
    OL_REACH(offset);
    store_be(frame.memory + offset.limb[0], OL_SLOT(ip->z));
    ++ip;
    OL_NEXT();
}
mstore_sk : {
    const U256& offset = OL_SLOT(ip->y);
    OL_REACH(offset);
    store_be(frame.memory + offset.limb[0], OL_CONSTANT(ip->z));
    ++ip;
    OL_NEXT();
}
mstore_is : {
    const std::uint32_t offset = low_number(ip);
    OL_REACH(offset);
    store_be(frame.memory + offset, OL_SLOT(ip->z));
    ++ip;
    OL_NEXT();
}
mstore_ik : {
    const std::uint32_t offset = low_number(ip);
    OL_REACH(offset);
    store_be(frame.memory + offset, OL_CONSTANT(ip->z));
    ++ip;
    OL_NEXT();
}

address:
    OL_RESULT(word_of(frame.message.recipient));
origin:
    OL_RESULT(word_of(machine.transaction.origin));
caller:
    OL_RESULT(word_of(frame.message.sender));
callvalue:
    OL_RESULT(frame.message.value);
calldataload_s:
    OL_S(load_input(frame.message.input, a));
calldataload_i:
    OL_RESULT(load_input(frame.message.input, OL_CONSTANT(ip->z)));
calldatasize:
    OL_RESULT(U256(frame.message.input.size()));
gasprice:
    OL_RESULT(machine.transaction.gas_price);
returndatasize:
    OL_RESULT(U256(machine.return_data.size()));
coinbase:
    OL_RESULT(word_of(machine.block.coinbase));
timestamp:
    OL_RESULT(U256(machine.block.timestamp));
number:
    OL_RESULT(U256(machine.block.number));
prevrandao:
    OL_RESULT(machine.difficulty_or_randao());
gaslimit:
    OL_RESULT(U256(machine.block.gas_limit));
chainid:
    OL_RESULT(U256(machine.block.chain_id));
selfbalance:
    OL_RESULT(machine.journal.balance(frame.message.recipient));
basefee:
    OL_RESULT(machine.block.base_fee);
blobbasefee:
    OL_RESULT(machine.block.blob_base_fee);
msize:
    OL_RESULT(U256(frame.memory_size));
gas:
    OL_RESULT(U256(static_cast<std::uint64_t>(gas)));

effect : {
    const auto opcode = static_cast<std::uint8_t>(ip->y);
    const auto count = static_cast<unsigned>(ip->z);
    U256 operands[6];
    gather(ip, count, sp, constants, operands);
    frame.gas = gas;
    const Exit exit = effect::by_opcode[opcode](machine, frame, operands + count);
    gas = frame.gas;
    if (exit != Exit::next) return exit;
    if ((ip->x & 1) != 0) OL_SLOT(ip->x & ~31) = operands[0];
    ip += 1 + (count + 1) / 2;
    OL_NEXT();
}
send : {
    sp = &OL_SLOT(ip->x);
    const auto opcode = static_cast<std::uint8_t>(ip->y);
    ++ip;
    frame.gas = gas;
    frame.resume = ip;
    const Exit exit = effect::sends_by_opcode[opcode](machine, frame, sp);
    if (exit != Exit::next) return exit;
    gas = frame.gas;
    sp = frame.sp;
    OL_NEXT();
}

out_of_gas:
    frame.status = Status::out_of_gas;
ended:
    frame.gas = gas;
    return Exit::halt;
}

} // namespace ol::chain::evm
