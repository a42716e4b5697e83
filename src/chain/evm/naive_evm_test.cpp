#include "chain/evm/naive_evm_for_tests.hpp"

#include <algorithm>
#include <map>

#include "chain/evm/arithmetic.hpp"
#include "chain/evm/instructions.hpp"
#include "chain/evm/machine.hpp"
#include "chain/evm/precompiles/precompiles.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::evm {
namespace {

struct Fault {
    Status status;
};

} // namespace

// One frame. Faults are thrown: this is a test.
struct NaiveEvm::Run {
    NaiveEvm& evm;
    Message message;
    Bytes code;
    std::int64_t gas;
    std::vector<U256> stack;
    Bytes memory, returned, output;
    std::size_t pc = 0;
    bool running = true, reverted = false;

    [[noreturn]] static void fault(Status status) { throw Fault{status}; }
    void pay(std::int64_t amount) {
        if (amount > gas) fault(Status::out_of_gas);
        gas -= amount;
    }
    U256 pop() {
        if (stack.empty()) fault(Status::stack_underflow);
        const U256 out = stack.back();
        stack.pop_back();
        return out;
    }
    void push(const U256& value) {
        if (stack.size() == 1024) fault(Status::stack_overflow);
        stack.push_back(value);
    }
    std::size_t touch_memory(const U256& offset, const U256& size) {
        if (size.is_zero()) return 0;
        if (!(offset < U256(1ULL << 32)) || !(size < U256(1ULL << 32))) {
            fault(Status::out_of_gas);
        }
        const std::uint64_t end = (offset.limb[0] + size.limb[0] + 31) / 32 * 32;
        const auto cost = [](std::uint64_t bytes) {
            const auto words = static_cast<std::int64_t>(bytes / 32);
            return words * 3 + words * words / 512;
        };
        if (end > memory.size()) {
            pay(cost(end) - cost(memory.size()));
            memory.resize(end);
        }
        return offset.limb[0];
    }
    void pay_words(const U256& size, std::int64_t each) {
        if (!(size < U256(1ULL << 32))) fault(Status::out_of_gas);
        pay(each * static_cast<std::int64_t>((size.limb[0] + 31) / 32));
    }
    Bytes read(const U256& offset, const U256& size) {
        const std::size_t at = touch_memory(offset, size);
        return {memory.begin() + static_cast<std::ptrdiff_t>(at),
                memory.begin() + static_cast<std::ptrdiff_t>(at + size.limb[0])};
    }
    void copy_in(const U256& to, const U256& from, const U256& size, const Bytes& source) {
        const std::size_t at = touch_memory(to, size);
        pay_words(size, 3);
        for (std::uint64_t i = 0; i < size.limb[0]; ++i) {
            const U256 place = from + U256(i);
            const bool inside = place < U256(source.size()) && !(place < from);
            memory[at + i] = inside ? source[place.limb[0]] : 0;
        }
    }
    void pay_account(const Address& address, std::int64_t frontier, std::int64_t tangerine,
                     std::int64_t istanbul) {
        if (evm.since(Fork::berlin)) {
            pay(evm.journal_.access_account(address) ? 2600 : 100);
        } else if (evm.since(Fork::istanbul)) {
            pay(istanbul);
        } else {
            pay(evm.since(Fork::tangerine_whistle) ? tangerine : frontier);
        }
    }
    void need(Fork fork) const {
        if (!evm.since(fork)) fault(Status::invalid_instruction);
    }
    void not_static() const {
        if (message.is_static) fault(Status::static_violation);
    }
    bool is_destination(const U256& target) const {
        if (!(target < U256(code.size()))) return false;
        for (std::size_t i = 0; i < code.size(); ++i) {
            if (i == target.limb[0]) return code[i] == 0x5b;
            if (code[i] >= 0x60 && code[i] <= 0x7f) i += code[i] - 0x5fU;
        }
        return false;
    }
    void jump(const U256& target) {
        if (!is_destination(target)) fault(Status::bad_jump_destination);
        pc = target.limb[0];
    }

    void step(std::uint8_t opcode);
    void compute(std::uint8_t opcode);
    void look_around(std::uint8_t opcode);
    void remember(std::uint8_t opcode);
    void store();
    void send_call(std::uint8_t opcode);
    void create(std::uint8_t opcode);
    void self_destruct();
    void log(unsigned topics);
    void end(bool reverts);
};

NaiveEvm::Outcome NaiveEvm::run(const Message& message, const Bytes& code) {
    Run frame{*this, message, code, message.gas, {}, {}, {}, {}};
    try {
        while (frame.running) frame.step(frame.pc < code.size() ? code[frame.pc] : 0);
    } catch (const Fault& fault) {
        return {fault.status, 0, {}};
    }
    return {frame.reverted ? Status::revert : Status::success, frame.gas, frame.output};
}

void NaiveEvm::Run::compute(std::uint8_t opcode) {
    const auto truth = [](bool value) { return U256(value ? 1 : 0); };
    if (opcode == op::iszero || opcode == op::not_ || opcode == op::clz) {
        if (opcode == op::clz) need(Fork::osaka);
        pay(opcode == op::clz ? 5 : 3);
        const U256 a = pop();
        return push(opcode == op::iszero ? truth(a.is_zero()) : opcode == op::not_ ? ~a : clz(a));
    }
    if (opcode == op::addmod || opcode == op::mulmod) {
        pay(8);
        const U256 a = pop(), b = pop(), m = pop();
        return push(opcode == op::addmod ? addmod(a, b, m) : mulmod(a, b, m));
    }
    if (opcode >= op::shl && opcode <= op::sar) need(Fork::constantinople);
    const U256 a = pop(), b = pop();
    const bool middle =
        opcode == op::mul || (opcode >= op::div && opcode <= op::smod) || opcode == op::signextend;
    pay(opcode == op::exp ? 10 : middle ? 5 : 3);
    switch (opcode) {
    case op::add:
        return push(a + b);
    case op::mul:
        return push(a * b);
    case op::sub:
        return push(a - b);
    case op::div:
        return push(div(a, b));
    case op::sdiv:
        return push(sdiv(a, b));
    case op::mod:
        return push(mod(a, b));
    case op::smod:
        return push(smod(a, b));
    case op::exp:
        pay((b.bit_length() + 7) / 8 * (evm.since(Fork::spurious_dragon) ? 50 : 10));
        return push(exp(a, b));
    case op::signextend:
        return push(sign_extend(a, b));
    case op::lt:
        return push(truth(a < b));
    case op::gt:
        return push(truth(a > b));
    case op::slt:
        return push(truth(slt(a, b)));
    case op::sgt:
        return push(truth(slt(b, a)));
    case op::eq:
        return push(truth(a == b));
    case op::and_:
        return push(a & b);
    case op::or_:
        return push(a | b);
    case op::xor_:
        return push(a ^ b);
    case op::byte:
        return push(byte_at(a, b));
    case op::shl:
        return push(shl(a, b));
    case op::shr:
        return push(shr(a, b));
    default:
        return push(sar(a, b));
    }
}

void NaiveEvm::Run::look_around(std::uint8_t opcode) {
    Journal& journal = evm.journal_;
    switch (opcode) {
    case op::keccak256: {
        pay(30);
        const U256 offset = pop(), size = pop();
        const Bytes bytes = read(offset, size);
        pay_words(size, 6);
        return push(load_be(crypto::keccak256(bytes).data.data()));
    }
    case op::balance: {
        const Address who = address_of(pop());
        pay_account(who, 20, 400, 700);
        return push(journal.balance(who));
    }
    case op::extcodesize: {
        const Address who = address_of(pop());
        pay_account(who, 20, 700, 700);
        return push(U256(journal.code(who)->bytes().size()));
    }
    case op::extcodecopy: {
        const Address who = address_of(pop());
        const U256 to = pop(), from = pop(), size = pop();
        pay_account(who, 20, 700, 700);
        return copy_in(to, from, size, journal.code(who)->bytes());
    }
    case op::extcodehash: {
        need(Fork::constantinople);
        const Address who = address_of(pop());
        pay_account(who, 0, 400, 700);
        return push(journal.is_empty(who) ? U256() : word_of(journal.code_hash(who)));
    }
    case op::calldataload: {
        pay(3);
        const U256 from = pop();
        std::uint8_t word[32] = {};
        for (std::uint64_t i = 0; i < 32; ++i) {
            const U256 place = from + U256(i);
            if (place < U256(message.input.size()) && !(place < from)) {
                word[i] = message.input[place.limb[0]];
            }
        }
        return push(load_be(word));
    }
    case op::calldatacopy:
    case op::codecopy: {
        pay(3);
        const U256 to = pop(), from = pop(), size = pop();
        const Bytes input(message.input.begin(), message.input.end());
        return copy_in(to, from, size, opcode == op::codecopy ? code : input);
    }
    case op::returndatacopy: {
        need(Fork::byzantium);
        pay(3);
        const U256 to = pop(), from = pop(), size = pop();
        U256 end;
        if (add_overflow(from, size, end) || end > U256(returned.size())) {
            fault(Status::return_data_out_of_bounds);
        }
        return copy_in(to, from, size, returned);
    }
    case op::blockhash: {
        pay(20);
        const U256 number = pop();
        const std::uint64_t now = evm.block_.number;
        const bool recent = number < U256(now) && U256(now) - number <= U256(256);
        return push(recent ? word_of(evm.block_.block_hash(number.limb[0])) : U256());
    }
    case op::blobhash: {
        need(Fork::cancun);
        pay(3);
        const U256 index = pop();
        const auto& hashes = evm.transaction_.blob_hashes;
        return push(index < U256(hashes.size()) ? word_of(hashes[index.limb[0]]) : U256());
    }
    default:
        break;
    }
    const std::map<std::uint8_t, std::pair<Fork, U256>> words = {
        {op::address, {Fork::frontier, word_of(message.recipient)}},
        {op::origin, {Fork::frontier, word_of(evm.transaction_.origin)}},
        {op::caller, {Fork::frontier, word_of(message.sender)}},
        {op::callvalue, {Fork::frontier, message.value}},
        {op::calldatasize, {Fork::frontier, U256(message.input.size())}},
        {op::codesize, {Fork::frontier, U256(code.size())}},
        {op::gasprice, {Fork::frontier, evm.transaction_.gas_price}},
        {op::returndatasize, {Fork::byzantium, U256(returned.size())}},
        {op::coinbase, {Fork::frontier, word_of(evm.block_.coinbase)}},
        {op::timestamp, {Fork::frontier, U256(evm.block_.timestamp)}},
        {op::number, {Fork::frontier, U256(evm.block_.number)}},
        {op::prevrandao,
         {Fork::frontier,
          evm.since(Fork::paris) ? word_of(evm.block_.prev_randao) : evm.block_.difficulty}},
        {op::gaslimit, {Fork::frontier, U256(evm.block_.gas_limit)}},
        {op::chainid, {Fork::istanbul, U256(evm.block_.chain_id)}},
        {op::selfbalance, {Fork::istanbul, journal.balance(message.recipient)}},
        {op::basefee, {Fork::london, evm.block_.base_fee}},
        {op::blobbasefee, {Fork::cancun, evm.block_.blob_base_fee}},
    };
    const auto word = words.find(opcode);
    if (word == words.end()) fault(Status::invalid_instruction);
    need(word->second.first);
    pay(opcode == op::selfbalance ? 5 : 2);
    push(word->second.second);
}

void NaiveEvm::Run::store() {
    not_static();
    if (evm.since(Fork::istanbul) && gas <= 2300) fault(Status::out_of_gas);
    const U256 key = pop(), value = pop();
    const auto [current, original, cold] = evm.journal_.access_slot(message.recipient, key);
    const Fork fork = evm.rules_.fork;
    std::int64_t cost = 0, refund = 0;
    if (fork >= Fork::istanbul || fork == Fork::constantinople) {
        const bool berlin = fork >= Fork::berlin;
        const std::int64_t load = berlin ? 100 : fork == Fork::constantinople ? 200 : 800;
        const std::int64_t reset = berlin ? 2900 : 5000;
        const std::int64_t clears = fork >= Fork::london ? 4800 : 15000;
        if (berlin && cold) cost += 2100;
        if (current == value) {
            cost += load;
        } else if (original == current) {
            cost += original.is_zero() ? 20000 : reset;
            if (!original.is_zero() && value.is_zero()) refund += clears;
        } else {
            cost += load;
            if (!original.is_zero() && current.is_zero()) refund -= clears;
            if (!original.is_zero() && value.is_zero()) refund += clears;
            if (original == value) refund += (original.is_zero() ? 20000 : reset) - load;
        }
    } else {
        cost = current.is_zero() && !value.is_zero() ? 20000 : 5000;
        if (!current.is_zero() && value.is_zero()) refund = 15000;
    }
    pay(cost);
    evm.journal_.add_refund(refund);
    if (value != current) evm.journal_.set_storage(message.recipient, key, value);
}

void NaiveEvm::Run::remember(std::uint8_t opcode) {
    switch (opcode) {
    case op::pop:
        pay(2);
        pop();
        return;
    case op::mload: {
        pay(3);
        const Bytes word = read(pop(), U256(32));
        return push(load_be(word.data()));
    }
    case op::mstore: {
        pay(3);
        const U256 offset = pop(), value = pop();
        return store_be(&memory[touch_memory(offset, U256(32))], value);
    }
    case op::mstore8: {
        pay(3);
        const U256 offset = pop(), value = pop();
        const std::size_t at = touch_memory(offset, U256(1));
        memory[at] = static_cast<std::uint8_t>(value.limb[0]);
        return;
    }
    case op::mcopy: {
        need(Fork::cancun);
        pay(3);
        const U256 to = pop(), from = pop(), size = pop();
        touch_memory(to, size);
        const Bytes bytes = read(from, size);
        pay_words(size, 3);
        std::copy(bytes.begin(), bytes.end(),
                  memory.begin() + static_cast<std::ptrdiff_t>(size.is_zero() ? 0 : to.limb[0]));
        return;
    }
    case op::sload: {
        const auto [current, original, cold] = evm.journal_.access_slot(message.recipient, pop());
        const std::int64_t before_berlin = evm.since(Fork::istanbul)            ? 800
                                           : evm.since(Fork::tangerine_whistle) ? 200
                                                                                : 50;
        pay(evm.since(Fork::berlin) ? (cold ? 2100 : 100) : before_berlin);
        return push(current);
    }
    case op::sstore:
        return store();
    case op::tload:
        need(Fork::cancun);
        pay(100);
        return push(evm.journal_.transient(message.recipient, pop()));
    case op::tstore: {
        need(Fork::cancun);
        not_static();
        pay(100);
        const U256 key = pop(), value = pop();
        return evm.journal_.set_transient(message.recipient, key, value);
    }
    case op::pc:
        pay(2);
        return push(U256(pc));
    case op::msize:
        pay(2);
        return push(U256(memory.size()));
    case op::gas:
        pay(2);
        return push(U256(static_cast<std::uint64_t>(gas)));
    case op::jumpdest:
        return pay(1);
    default:
        need(Fork::shanghai);
        pay(2);
        return push(U256());
    }
}

void NaiveEvm::Run::end(bool reverts) {
    const U256 offset = pop(), size = pop();
    output = read(offset, size);
    running = false;
    reverted = reverts;
}

void NaiveEvm::Run::log(unsigned topics) {
    not_static();
    const U256 offset = pop(), size = pop();
    Log entry;
    entry.address = message.recipient;
    for (unsigned i = 0; i < topics; ++i) entry.topics.push_back(pop().to_be());
    pay(375 + 375 * static_cast<std::int64_t>(topics));
    entry.data = read(offset, size);
    pay(8 * static_cast<std::int64_t>(entry.data.size()));
    evm.journal_.add_log(entry);
}

void NaiveEvm::Run::self_destruct() {
    not_static();
    Journal& journal = evm.journal_;
    const Address heir = address_of(pop());
    const U256 balance = journal.balance(message.recipient);
    if (evm.since(Fork::tangerine_whistle)) pay(5000);
    if (evm.since(Fork::berlin) && journal.access_account(heir)) pay(2600);
    if (evm.since(Fork::spurious_dragon)) {
        if (journal.is_empty(heir) && !balance.is_zero()) pay(25000);
    } else if (evm.since(Fork::tangerine_whistle) && !journal.exists(heir)) {
        pay(25000);
    }
    running = false;
    const bool goes = !evm.since(Fork::cancun) || journal.created_in_transaction(message.recipient);
    if (goes || heir != message.recipient) {
        journal.add_balance(heir, balance);
        if (!balance.is_zero()) journal.set_balance(message.recipient, U256());
    }
    if (!goes) return;
    if (journal.self_destruct(message.recipient) && !evm.since(Fork::london)) {
        journal.add_refund(24000);
    }
}

void NaiveEvm::Run::send_call(std::uint8_t opcode) {
    Journal& journal = evm.journal_;
    if (opcode == op::delegatecall) need(Fork::homestead);
    if (opcode == op::staticcall) need(Fork::byzantium);
    const U256 asked = pop();
    const Address target = address_of(pop());
    U256 value;
    if (opcode == op::call || opcode == op::callcode) value = pop();
    const U256 in = pop(), in_size = pop(), out = pop(), out_size = pop();
    if (opcode == op::call && !value.is_zero()) not_static();
    touch_memory(in, in_size);
    touch_memory(out, out_size);
    pay_account(target, 40, 700, 700);
    Bytes target_code = journal.code(target)->bytes();
    if (evm.since(Fork::prague) && target_code.size() == 23 && target_code[0] == 0xef &&
        target_code[1] == 1 && target_code[2] == 0) {
        Address delegate;
        std::copy(target_code.begin() + 3, target_code.end(), delegate.begin());
        pay(journal.access_account(delegate) ? 2600 : 100);
    }
    if (!value.is_zero()) pay(9000);
    if (opcode == op::call) {
        if (evm.since(Fork::spurious_dragon)) {
            if (!value.is_zero() && journal.is_empty(target)) pay(25000);
        } else if (!journal.exists(target)) {
            pay(25000);
        }
    }
    std::int64_t given = 0;
    const auto most = evm.since(Fork::tangerine_whistle) ? gas - gas / 64 : gas;
    if (U256(static_cast<std::uint64_t>(most)) < asked) {
        if (!evm.since(Fork::tangerine_whistle)) fault(Status::out_of_gas);
        given = most;
    } else {
        given = static_cast<std::int64_t>(asked.limb[0]);
    }
    gas -= given;
    if (!value.is_zero()) given += 2300;
    Message next;
    next.depth = message.depth + 1;
    next.gas = given;
    next.is_static = message.is_static || opcode == op::staticcall;
    next.code_address = target;
    const Bytes input = read(in, in_size);
    next.input = input;
    const bool at_home = opcode == op::callcode || opcode == op::delegatecall;
    next.recipient = at_home ? message.recipient : target;
    next.sender = opcode == op::delegatecall ? message.sender : message.recipient;
    next.value = opcode == op::delegatecall ? message.value : value;
    next.kind = opcode == op::call           ? CallKind::call
                : opcode == op::callcode     ? CallKind::call_code
                : opcode == op::delegatecall ? CallKind::delegate_call
                                             : CallKind::static_call;
    Outcome outcome = evm.call(next);
    gas += outcome.gas;
    push(U256(outcome.status == Status::success ? 1 : 0));
    const std::size_t copied = std::min<std::size_t>(out_size.limb[0], outcome.output.size());
    if (copied != 0) {
        std::copy_n(outcome.output.begin(), copied,
                    memory.begin() + static_cast<std::ptrdiff_t>(out.limb[0]));
    }
    returned = std::move(outcome.output);
}

void NaiveEvm::Run::create(std::uint8_t opcode) {
    if (opcode == op::create2) need(Fork::constantinople);
    not_static();
    pay(32000);
    const U256 value = pop(), offset = pop(), size = pop();
    const U256 salt = opcode == op::create2 ? pop() : U256();
    const Bytes init = read(offset, size);
    returned.clear();
    if (evm.since(Fork::shanghai)) {
        if (init.size() > 49152) fault(Status::init_code_too_large);
        pay_words(size, 2);
    }
    if (opcode == op::create2) pay_words(size, 6);
    Message next;
    next.kind = opcode == op::create2 ? CallKind::create2 : CallKind::create;
    next.depth = message.depth + 1;
    next.gas = evm.since(Fork::tangerine_whistle) ? gas - gas / 64 : gas;
    gas -= next.gas;
    next.sender = message.recipient;
    next.value = value;
    next.input = init;
    next.recipient = opcode == op::create2
                         ? create2_address(next.sender, salt.to_be(), crypto::keccak256(init))
                         : create_address(next.sender, evm.journal_.nonce(next.sender));
    Outcome outcome = evm.create(next);
    gas += outcome.gas;
    push(outcome.status == Status::success ? word_of(next.recipient) : U256());
    if (outcome.status == Status::revert) returned = std::move(outcome.output);
}

void NaiveEvm::Run::step(std::uint8_t opcode) {
    const std::size_t at = pc;
    if (opcode == op::stop) {
        running = false;
        return;
    }
    if (opcode >= 0x60 && opcode <= 0x7f) {
        pay(3);
        std::uint8_t word[32] = {};
        const std::size_t size = opcode - 0x5fU;
        for (std::size_t i = 0; i < size; ++i) {
            word[32 - size + i] = pc + 1 + i < code.size() ? code[pc + 1 + i] : 0;
        }
        push(load_be(word));
        pc += 1 + size;
        return;
    }
    if (opcode >= op::dup1 && opcode <= op::swap16) {
        pay(3);
        const bool swaps = opcode >= op::swap1;
        const std::size_t n = swaps ? opcode - op::swap1 + 2U : opcode - op::dup1 + 1U;
        if (stack.size() < n) fault(Status::stack_underflow);
        if (swaps) {
            std::swap(stack.back(), stack[stack.size() - n]);
        } else {
            push(U256(stack[stack.size() - n]));
        }
    } else if (opcode == op::jump || opcode == op::jumpi) {
        pay(opcode == op::jump ? 8 : 10);
        const U256 target = pop();
        if (opcode == op::jump || !pop().is_zero()) return jump(target);
    } else if (opcode <= op::signextend || (opcode >= op::lt && opcode <= op::clz)) {
        compute(opcode);
    } else if (opcode == op::keccak256 || (opcode >= op::address && opcode <= op::blobbasefee)) {
        look_around(opcode);
    } else if (opcode >= op::pop && opcode <= op::push0) {
        remember(opcode);
    } else if (opcode >= op::log0 && opcode <= op::log4) {
        log(opcode - op::log0);
    } else if (opcode == op::create || opcode == op::create2) {
        create(opcode);
    } else if (opcode == op::call || opcode == op::callcode || opcode == op::delegatecall ||
               opcode == op::staticcall) {
        send_call(opcode);
    } else if (opcode == op::return_) {
        end(false);
    } else if (opcode == op::revert) {
        need(Fork::byzantium);
        end(true);
    } else if (opcode == op::selfdestruct) {
        self_destruct();
    } else {
        fault(Status::invalid_instruction);
    }
    pc = at + 1;
}

NaiveEvm::Outcome NaiveEvm::call(const Message& message) {
    const Address ripemd = address_of(U256(3));
    if (message.depth > 1024) return {Status::call_depth, message.gas, {}};
    const bool pays = message.kind == CallKind::call || message.kind == CallKind::call_code;
    if (pays && journal_.balance(message.sender) < message.value) {
        return {Status::insufficient_balance, message.gas, {}};
    }
    const auto checkpoint = journal_.checkpoint();
    if (message.kind == CallKind::call) {
        journal_.subtract_balance(message.sender, message.value);
        journal_.add_balance(message.recipient, message.value);
    } else if (message.kind == CallKind::static_call) {
        journal_.touch(message.recipient);
    }
    Outcome out;
    if (const auto number = precompile_at(message.code_address, rules_)) {
        auto result =
            run_precompile(*number, rules_, message.input, static_cast<std::uint64_t>(message.gas));
        out = result.succeeded ? Outcome{Status::success,
                                         message.gas - static_cast<std::int64_t>(result.gas_used),
                                         std::move(result.output)}
                               : Outcome{Status::precompile_failure, 0, {}};
    } else {
        Bytes code = journal_.code(message.code_address)->bytes();
        if (since(Fork::prague) && code.size() == 23 && code[0] == 0xef && code[1] == 1 &&
            code[2] == 0) {
            Address delegate;
            std::copy(code.begin() + 3, code.end(), delegate.begin());
            code = journal_.code(delegate)->bytes();
        }
        out = run(message, code);
    }
    if (out.status != Status::success) {
        journal_.revert(checkpoint);
        // Block 2,675,119: the touch of 0x03 stays. Harmless to make when it was not touched: it is
        // removed again.
        if (since(Fork::spurious_dragon)) journal_.touch(ripemd);
    }
    return out;
}

NaiveEvm::Outcome NaiveEvm::create(const Message& message) {
    if (message.depth > 1024) return {Status::call_depth, message.gas, {}};
    if (journal_.balance(message.sender) < message.value) {
        return {Status::insufficient_balance, message.gas, {}};
    }
    journal_.set_nonce(message.sender, journal_.nonce(message.sender) + 1);
    if (since(Fork::berlin)) journal_.access_account(message.recipient);
    if (journal_.nonce(message.recipient) != 0 ||
        !journal_.code(message.recipient)->bytes().empty() ||
        journal_.has_storage(message.recipient)) {
        return {Status::create_collision, 0, {}};
    }
    const auto checkpoint = journal_.checkpoint();
    journal_.begin_contract(message.recipient);
    if (since(Fork::spurious_dragon)) journal_.set_nonce(message.recipient, 1);
    journal_.subtract_balance(message.sender, message.value);
    journal_.add_balance(message.recipient, message.value);
    Message inner = message;
    inner.input = {};
    Outcome out = run(inner, Bytes(message.input.begin(), message.input.end()));
    if (out.status == Status::success) {
        const auto cost = 200 * static_cast<std::int64_t>(out.output.size());
        if (since(Fork::spurious_dragon) && out.output.size() > 24576) {
            out = {Status::code_too_large, 0, {}};
        } else if (since(Fork::london) && !out.output.empty() && out.output[0] == 0xef) {
            out = {Status::code_starts_with_ef, 0, {}};
        } else if (cost <= out.gas) {
            out.gas -= cost;
            if (!out.output.empty()) journal_.set_code(message.recipient, out.output);
            out.output.clear();
        } else if (since(Fork::homestead)) {
            out = {Status::out_of_gas, 0, {}};
        } else {
            out.output.clear();
        }
    }
    if (out.status != Status::success) journal_.revert(checkpoint);
    return out;
}

} // namespace ol::chain::evm
