#include "chain/evm/interpreter.hpp"

#include "chain/evm/arithmetic.hpp"
#include "chain/evm/effects.hpp"
#include "chain/evm/trace.hpp"

namespace ol::chain::evm {

namespace {

// The value behind a PUSH of N bytes.
template <unsigned N>
inline U256 push_value(const std::uint8_t* data) {
    if constexpr (N == 1) {
        return {data[0]};
    } else if constexpr (N <= 8) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < N; ++i) value = value << 8 | data[i];
        return {value};
    } else {
        std::uint8_t word[32] = {};
        std::memcpy(word + 32 - N, data, N);
        return load_be(word);
    }
}

// Memory [offset, offset + 32) is there already.
inline bool is_near(const Frame& frame, const U256& offset) {
    return offset.fits_u64() && frame.memory_size >= 32 && offset.limb[0] <= frame.memory_size - 32;
}

// One label an instruction, each ending in its own jump to the next ("direct threading"). Macros,
// because a label cannot be handed to a function.
#define OL_NEXT()                                                                                  \
    do {                                                                                           \
        if constexpr (traced) {                                                                    \
            goto step;                                                                             \
        } else {                                                                                   \
            goto* labels[*ip];                                                                     \
        }                                                                                          \
    } while (false)

// What an instruction needs on the stack, what it leaves there, what it costs.
#define OL_CHECK_STEP(needs, gives, cost)                                                          \
    do {                                                                                           \
        if ((needs) > 0 && sp - bottom < (needs)) [[unlikely]]                                     \
            goto stack_underflow;                                                                  \
        if ((gives) > (needs) && sp - bottom == stack_limit) [[unlikely]]                          \
            goto stack_overflow;                                                                   \
        if ((gas -= (cost)) < 0) [[unlikely]]                                                      \
            goto out_of_gas;                                                                       \
    } while (false)

// An instruction that some forks do not have.
#define OL_CHECK_FORK(opcode)                                                                      \
    if (costs[opcode] < 0) [[unlikely]]                                                            \
    goto undefined

#define OL_PUSH_WORD(cost, expression)                                                             \
    OL_CHECK_STEP(0, 1, cost);                                                                     \
    *sp++ = (expression);                                                                          \
    ++ip;                                                                                          \
    OL_NEXT()

// a is the top of the stack, b what lies below it, and so on.
#define OL_UNARY(cost, expression)                                                                 \
    {                                                                                              \
        OL_CHECK_STEP(1, 1, cost);                                                                 \
        const U256& a = sp[-1];                                                                    \
        sp[-1] = (expression);                                                                     \
        ++ip;                                                                                      \
    }                                                                                              \
    OL_NEXT()

#define OL_BINARY(cost, expression)                                                                \
    {                                                                                              \
        OL_CHECK_STEP(2, 1, cost);                                                                 \
        const U256 &a = sp[-1], &b = sp[-2];                                                       \
        sp[-2] = (expression);                                                                     \
        --sp;                                                                                      \
        ++ip;                                                                                      \
    }                                                                                              \
    OL_NEXT()

#define OL_TERNARY(cost, expression)                                                               \
    {                                                                                              \
        OL_CHECK_STEP(3, 1, cost);                                                                 \
        const U256 &a = sp[-1], &b = sp[-2], &c = sp[-3];                                          \
        sp[-3] = (expression);                                                                     \
        sp -= 2;                                                                                   \
        ++ip;                                                                                      \
    }                                                                                              \
    OL_NEXT()

// An instruction of effects.hpp. Those that end the frame, and those that may start another one.
#define OL_EFFECT(name, opcode, needs, gives, invocation)                                          \
    name : {                                                                                       \
        OL_CHECK_FORK(opcode);                                                                     \
        OL_CHECK_STEP(needs, gives, costs[opcode]);                                                \
        frame.gas = gas;                                                                           \
        const Exit exit = (invocation);                                                            \
        gas = frame.gas;                                                                           \
        if (exit != Exit::next) [[unlikely]]                                                       \
            goto ended;                                                                            \
        sp += (gives) - (needs);                                                                   \
        ++ip;                                                                                      \
    }                                                                                              \
    OL_NEXT()

#define OL_SEND(name, opcode, needs, invocation)                                                   \
    name : {                                                                                       \
        OL_CHECK_FORK(opcode);                                                                     \
        OL_CHECK_STEP(needs, 1, costs[opcode]);                                                    \
        frame.gas = gas;                                                                           \
        frame.ip = ip + 1;                                                                         \
        const Exit exit = (invocation);                                                            \
        if (exit == Exit::call) {                                                                  \
            frame.jumps_left = jumps_left;                                                         \
            return exit;                                                                           \
        }                                                                                          \
        gas = frame.gas;                                                                           \
        if (exit == Exit::halt) goto ended;                                                        \
        sp = frame.sp;                                                                             \
        ++ip;                                                                                      \
    }                                                                                              \
    OL_NEXT()

#define OL_PUSH(n)                                                                                 \
    push##n : OL_CHECK_STEP(0, 1, 3);                                                              \
    *sp++ = push_value<n>(ip + 1);                                                                 \
    ip += (n) + 1;                                                                                 \
    OL_NEXT();

#define OL_DUP(n)                                                                                  \
    dup##n : OL_CHECK_STEP(n, (n) + 1, 3);                                                         \
    *sp = sp[-(n)];                                                                                \
    ++sp;                                                                                          \
    ++ip;                                                                                          \
    OL_NEXT();

#define OL_SWAP(n)                                                                                 \
    swap##n : {                                                                                    \
        OL_CHECK_STEP((n) + 1, (n) + 1, 3);                                                        \
        const U256 top = sp[-1];                                                                   \
        sp[-1] = sp[-1 - (n)];                                                                     \
        sp[-1 - (n)] = top;                                                                        \
        ++ip;                                                                                      \
    }                                                                                              \
    OL_NEXT();

#define OL_LOG(n) OL_EFFECT(log##n, op::log0 + n, n + 2, 0, effect::log(machine, frame, sp, n));

#define OL_NONE &&undefined
#define OL_NONE_4 OL_NONE, OL_NONE, OL_NONE, OL_NONE
#define OL_NONE_8 OL_NONE_4, OL_NONE_4
#define OL_NONE_16 OL_NONE_8, OL_NONE_8

// Longer than a function should be: it is one jump table with what it jumps to.
template <bool traced>
Exit run(Machine& machine, Frame& frame) {
    // clang-format off
    static const void* const labels[256] = {
        &&stop, &&add, &&mul, &&sub, &&div, &&sdiv, &&mod, &&smod, &&addmod, &&mulmod, &&exp,
        &&signextend, OL_NONE_4, &&lt, &&gt, &&slt, &&sgt, &&eq, &&iszero, &&and_, &&or_,
        &&xor_, &&not_, &&byte, &&shl, &&shr, &&sar, &&clz, OL_NONE, &&keccak256, OL_NONE_8,
        OL_NONE_4, OL_NONE, OL_NONE, OL_NONE, &&address, &&balance, &&origin, &&caller,
        &&callvalue, &&calldataload, &&calldatasize, &&calldatacopy, &&codesize, &&codecopy,
        &&gasprice, &&extcodesize, &&extcodecopy, &&returndatasize, &&returndatacopy,
        &&extcodehash, &&blockhash, &&coinbase, &&timestamp, &&number, &&prevrandao, &&gaslimit,
        &&chainid, &&selfbalance, &&basefee, &&blobhash, &&blobbasefee, OL_NONE_4, OL_NONE,
        &&pop, &&mload, &&mstore, &&mstore8, &&sload, &&sstore, &&jump, &&jumpi, &&pc, &&msize,
        &&gas_left, &&jumpdest, &&tload, &&tstore, &&mcopy, &&push0, &&push1, &&push2, &&push3,
        &&push4, &&push5, &&push6, &&push7, &&push8, &&push9, &&push10, &&push11, &&push12,
        &&push13, &&push14, &&push15, &&push16, &&push17, &&push18, &&push19, &&push20,
        &&push21, &&push22, &&push23, &&push24, &&push25, &&push26, &&push27, &&push28,
        &&push29, &&push30, &&push31, &&push32, &&dup1, &&dup2, &&dup3, &&dup4, &&dup5, &&dup6,
        &&dup7, &&dup8, &&dup9, &&dup10, &&dup11, &&dup12, &&dup13, &&dup14, &&dup15, &&dup16,
        &&swap1, &&swap2, &&swap3, &&swap4, &&swap5, &&swap6, &&swap7, &&swap8, &&swap9,
        &&swap10, &&swap11, &&swap12, &&swap13, &&swap14, &&swap15, &&swap16, &&log0, &&log1,
        &&log2, &&log3, &&log4, OL_NONE_16, OL_NONE_16, OL_NONE_16, OL_NONE_16, OL_NONE_8,
        OL_NONE, OL_NONE, OL_NONE, &&create, &&call, &&callcode, &&return_, &&delegatecall,
        &&create2, OL_NONE_4, &&staticcall, OL_NONE, OL_NONE, &&revert, OL_NONE, &&selfdestruct,
    };
    // clang-format on
    const CodeAnalysis& analysis = *frame.analysis;
    const std::int16_t* const costs = machine.gas_costs.data();
    U256* const bottom = frame.stack.bottom;
    const std::uint8_t* ip = frame.ip;
    U256* sp = frame.sp;
    std::int64_t gas = frame.gas;
    std::int64_t jumps_left = frame.jumps_left; // until it is worth while to compile
    Status fault = Status::success;
    [[maybe_unused]] std::int64_t gas_before = 0; // the step, for a tracer

    OL_NEXT();

step:
    __attribute__((unused));
    if constexpr (traced) {
        frame.ip = ip;
        frame.sp = sp;
        frame.gas = gas_before = gas;
        trace_step(machine, frame);
        goto* labels[*ip];
    }

add:
    OL_BINARY(3, a + b);
mul:
    OL_BINARY(5, a * b);
sub:
    OL_BINARY(3, a - b);
div:
    OL_BINARY(5, evm::div(a, b));
sdiv:
    OL_BINARY(5, evm::sdiv(a, b));
mod:
    OL_BINARY(5, evm::mod(a, b));
smod:
    OL_BINARY(5, evm::smod(a, b));
addmod:
    OL_TERNARY(8, evm::addmod(a, b, c));
mulmod:
    OL_TERNARY(8, evm::mulmod(a, b, c));
signextend:
    OL_BINARY(5, sign_extend(a, b));
lt:
    OL_BINARY(3, U256(a < b ? 1 : 0));
gt:
    OL_BINARY(3, U256(b < a ? 1 : 0));
slt:
    OL_BINARY(3, U256(evm::slt(a, b) ? 1 : 0));
sgt:
    OL_BINARY(3, U256(evm::slt(b, a) ? 1 : 0));
eq:
    OL_BINARY(3, U256(a == b ? 1 : 0));
iszero:
    OL_UNARY(3, U256(a.is_zero() ? 1 : 0));
and_:
    OL_BINARY(3, a & b);
or_:
    OL_BINARY(3, a | b);
xor_:
    OL_BINARY(3, a ^ b);
not_:
    OL_UNARY(3, ~a);
byte:
    OL_BINARY(3, byte_at(a, b));

shl:
    OL_CHECK_FORK(op::shl);
    OL_BINARY(3, evm::shl(a, b));
shr:
    OL_CHECK_FORK(op::shr);
    OL_BINARY(3, evm::shr(a, b));
sar:
    OL_CHECK_FORK(op::sar);
    OL_BINARY(3, evm::sar(a, b));
clz:
    OL_CHECK_FORK(op::clz);
    OL_UNARY(5, evm::clz(a));

address:
    OL_PUSH_WORD(2, word_of(frame.message.recipient));
origin:
    OL_PUSH_WORD(2, word_of(machine.transaction.origin));
caller:
    OL_PUSH_WORD(2, word_of(frame.message.sender));
callvalue:
    OL_PUSH_WORD(2, frame.message.value);
calldataload:
    OL_UNARY(3, load_input(frame.message.input, a));
calldatasize:
    OL_PUSH_WORD(2, U256(frame.message.input.size()));
codesize:
    OL_PUSH_WORD(2, U256(analysis.size()));
gasprice:
    OL_PUSH_WORD(2, machine.transaction.gas_price);
returndatasize:
    OL_CHECK_FORK(op::returndatasize);
    OL_PUSH_WORD(2, U256(machine.return_data.size()));
coinbase:
    OL_PUSH_WORD(2, word_of(machine.block.coinbase));
timestamp:
    OL_PUSH_WORD(2, U256(machine.block.timestamp));
number:
    OL_PUSH_WORD(2, U256(machine.block.number));
prevrandao:
    OL_PUSH_WORD(2, machine.difficulty_or_randao());
gaslimit:
    OL_PUSH_WORD(2, U256(machine.block.gas_limit));
chainid:
    OL_CHECK_FORK(op::chainid);
    OL_PUSH_WORD(2, U256(machine.block.chain_id));
selfbalance:
    OL_CHECK_FORK(op::selfbalance);
    OL_PUSH_WORD(5, machine.journal.balance(frame.message.recipient));
basefee:
    OL_CHECK_FORK(op::basefee);
    OL_PUSH_WORD(2, machine.block.base_fee);
blobbasefee:
    OL_CHECK_FORK(op::blobbasefee);
    OL_PUSH_WORD(2, machine.block.blob_base_fee);

pop:
    OL_CHECK_STEP(1, 0, 2);
    --sp;
    ++ip;
    OL_NEXT();

mload:
    OL_CHECK_STEP(1, 1, 3);
    if (!is_near(frame, sp[-1])) [[unlikely]] {
        frame.gas = gas;
        if (!reach(machine, frame, sp[-1], 32)) goto out_of_gas;
        gas = frame.gas;
    }
    sp[-1] = load_be(frame.memory + sp[-1].limb[0]);
    ++ip;
    OL_NEXT();

mstore:
    OL_CHECK_STEP(2, 0, 3);
    if (!is_near(frame, sp[-1])) [[unlikely]] {
        frame.gas = gas;
        if (!reach(machine, frame, sp[-1], 32)) goto out_of_gas;
        gas = frame.gas;
    }
    store_be(frame.memory + sp[-1].limb[0], sp[-2]);
    sp -= 2;
    ++ip;
    OL_NEXT();

jump:
    OL_CHECK_STEP(1, 0, 8);
    --sp;
    if (!sp->fits_u64() || !analysis.is_jump_destination(sp->limb[0])) goto bad_jump_destination;
    ip = analysis.begin() + sp->limb[0];
    if (!traced && --jumps_left < 0) goto hot;
    OL_NEXT();

jumpi:
    OL_CHECK_STEP(2, 0, 10);
    sp -= 2;
    if (sp[0].is_zero()) {
        ++ip;
    } else {
        if (!sp[1].fits_u64() || !analysis.is_jump_destination(sp[1].limb[0])) {
            goto bad_jump_destination;
        }
        ip = analysis.begin() + sp[1].limb[0];
        if (!traced && --jumps_left < 0) goto hot;
    }
    OL_NEXT();

hot:
    frame.ip = ip;
    frame.sp = sp;
    frame.gas = gas;
    machine.change_to_program(frame);
    return Exit::change;

pc:
    OL_PUSH_WORD(2, U256(static_cast<std::uint64_t>(ip - analysis.begin())));
msize:
    OL_PUSH_WORD(2, U256(frame.memory_size));
gas_left:
    OL_PUSH_WORD(2, U256(static_cast<std::uint64_t>(gas)));

jumpdest:
    OL_CHECK_STEP(0, 0, 1);
    ++ip;
    OL_NEXT();

push0:
    OL_CHECK_FORK(op::push0);
    OL_PUSH_WORD(2, U256());

    // clang-format off
    OL_PUSH(1) OL_PUSH(2) OL_PUSH(3) OL_PUSH(4) OL_PUSH(5) OL_PUSH(6) OL_PUSH(7) OL_PUSH(8)
    OL_PUSH(9) OL_PUSH(10) OL_PUSH(11) OL_PUSH(12) OL_PUSH(13) OL_PUSH(14) OL_PUSH(15) OL_PUSH(16)
    OL_PUSH(17) OL_PUSH(18) OL_PUSH(19) OL_PUSH(20) OL_PUSH(21) OL_PUSH(22) OL_PUSH(23) OL_PUSH(24)
    OL_PUSH(25) OL_PUSH(26) OL_PUSH(27) OL_PUSH(28) OL_PUSH(29) OL_PUSH(30) OL_PUSH(31) OL_PUSH(32)
    OL_DUP(1) OL_DUP(2) OL_DUP(3) OL_DUP(4) OL_DUP(5) OL_DUP(6) OL_DUP(7) OL_DUP(8)
    OL_DUP(9) OL_DUP(10) OL_DUP(11) OL_DUP(12) OL_DUP(13) OL_DUP(14) OL_DUP(15) OL_DUP(16)
    OL_SWAP(1) OL_SWAP(2) OL_SWAP(3) OL_SWAP(4) OL_SWAP(5) OL_SWAP(6) OL_SWAP(7) OL_SWAP(8)
    OL_SWAP(9) OL_SWAP(10) OL_SWAP(11) OL_SWAP(12) OL_SWAP(13) OL_SWAP(14) OL_SWAP(15) OL_SWAP(16)
        // clang-format on

        OL_EFFECT(exp, op::exp, 2, 1, effect::exp(machine, frame, sp));
    OL_EFFECT(keccak256, op::keccak256, 2, 1, effect::keccak256(machine, frame, sp));
    OL_EFFECT(balance, op::balance, 1, 1, effect::balance(machine, frame, sp));
    OL_EFFECT(calldatacopy, op::calldatacopy, 3, 0, effect::calldatacopy(machine, frame, sp));
    OL_EFFECT(codecopy, op::codecopy, 3, 0, effect::codecopy(machine, frame, sp));
    OL_EFFECT(extcodesize, op::extcodesize, 1, 1, effect::extcodesize(machine, frame, sp));
    OL_EFFECT(extcodecopy, op::extcodecopy, 4, 0, effect::extcodecopy(machine, frame, sp));
    OL_EFFECT(extcodehash, op::extcodehash, 1, 1, effect::extcodehash(machine, frame, sp));
    OL_EFFECT(returndatacopy, op::returndatacopy, 3, 0, effect::returndatacopy(machine, frame, sp));
    OL_EFFECT(blockhash, op::blockhash, 1, 1, effect::blockhash(machine, frame, sp));
    OL_EFFECT(blobhash, op::blobhash, 1, 1, effect::blobhash(machine, frame, sp));
    OL_EFFECT(mstore8, op::mstore8, 2, 0, effect::mstore8(machine, frame, sp));
    OL_EFFECT(mcopy, op::mcopy, 3, 0, effect::mcopy(machine, frame, sp));
    OL_EFFECT(sload, op::sload, 1, 1, effect::sload(machine, frame, sp));
    OL_EFFECT(sstore, op::sstore, 2, 0, effect::sstore(machine, frame, sp));
    OL_EFFECT(tload, op::tload, 1, 1, effect::tload(machine, frame, sp));
    OL_EFFECT(tstore, op::tstore, 2, 0, effect::tstore(machine, frame, sp));
    OL_LOG(0)
    OL_LOG(1)
    OL_LOG(2)
    OL_LOG(3) OL_LOG(4) OL_EFFECT(return_, op::return_, 2, 0, effect::return_(machine, frame, sp));
    OL_EFFECT(revert, op::revert, 2, 0, effect::revert(machine, frame, sp));
    OL_EFFECT(selfdestruct, op::selfdestruct, 1, 0, effect::selfdestruct(machine, frame, sp));
    OL_SEND(create, op::create, 3, effect::create(machine, frame, sp));
    OL_SEND(create2, op::create2, 4, effect::create2(machine, frame, sp));
    OL_SEND(call, op::call, 7, effect::call(machine, frame, sp));
    OL_SEND(callcode, op::callcode, 7, effect::callcode(machine, frame, sp));
    OL_SEND(delegatecall, op::delegatecall, 6, effect::delegatecall(machine, frame, sp));
    OL_SEND(staticcall, op::staticcall, 6, effect::staticcall(machine, frame, sp));

stop:
    fault = Status::success;
    goto halted;
undefined:
    fault = Status::invalid_instruction;
    goto halted;
stack_underflow:
    fault = Status::stack_underflow;
    goto halted;
stack_overflow:
    fault = Status::stack_overflow;
    goto halted;
out_of_gas:
    fault = Status::out_of_gas;
    goto halted;
bad_jump_destination:
    fault = Status::bad_jump_destination;
halted:
    frame.status = fault;
ended:
    if constexpr (traced) {
        if (frame.status != Status::success && frame.status != Status::revert) {
            frame.ip = ip;
            frame.sp = sp;
            frame.gas = gas_before;
            trace_fault(machine, frame, frame.status);
        }
    }
    frame.gas = gas;
    frame.jumps_left = jumps_left;
    return Exit::halt;
}

} // namespace

Exit interpret(Machine& machine, Frame& frame) { return run<false>(machine, frame); }
Exit interpret_traced(Machine& machine, Frame& frame) { return run<true>(machine, frame); }

} // namespace ol::chain::evm
