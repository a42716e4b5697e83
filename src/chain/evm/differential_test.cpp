// Random code on the plain interpreter, as programs, and on the naive machine: they must agree on
// what happened, on the gas to the last unit, and on the state.
#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "chain/evm/instructions.hpp"
#include "chain/evm/machine.hpp"
#include "chain/evm/naive_evm_for_tests.hpp"

namespace ol::chain::evm {
namespace {

Address address_number(std::uint64_t number) { return address_of(U256(number)); }

// ---------------------------------------------------------------------------- random programs

class Writer {
public:
    Writer(Prng& prng, Fork fork)
        : prng_(prng)
        , costs_(gas_table(fork)) {}

    Bytes program();

private:
    // One that the fork does not have is left out, mostly.
    void emit(std::uint8_t opcode) {
        if (costs_[opcode] < 0 && prng_.below(60) != 0) return drop(opcode);
        code_.push_back(opcode);
        height_ += instructions[opcode].gives - instructions[opcode].needs;
        if (height_ < 0) height_ = 0;
    }
    void drop(std::uint8_t opcode) {
        for (int i = instructions[opcode].needs; i > 0; --i) emit(op::pop);
        for (int i = instructions[opcode].gives; i > 0; --i) push(any_value());
    }
    void push(const U256& value) {
        const Hash32 bytes = value.to_be();
        const auto size = std::max<unsigned>(1, static_cast<unsigned>(value.bit_length() + 7) / 8);
        emit(static_cast<std::uint8_t>(op::push0 + size));
        code_.insert(code_.end(), bytes.end() - size, bytes.end());
    }
    U256 any_value();
    void some_value(); // on the stack, by whatever way
    void compute();
    void shuffle();
    void use_memory();
    void use_storage();
    void look_around();
    void send();
    void create();
    void label() {
        labels_.push_back(code_.size());
        emit(op::jumpdest);
    }
    void branch();
    void end();

    Prng& prng_;
    const GasTable& costs_;
    Bytes code_;
    int height_ = 0;
    std::vector<std::size_t> labels_;
    std::vector<std::size_t> jumps_; // places of two bytes that get a label
};

U256 Writer::any_value() {
    switch (prng_.below(8)) {
    case 0:
        return U256() - U256(prng_.below(3));
    case 1:
        return U256(1) << static_cast<unsigned>(prng_.below(256));
    case 2:
        return U256(prng_.next(), prng_.next(), prng_.next(), prng_.next());
    case 3:
        return U256(prng_.next());
    default:
        return U256(prng_.below(70));
    }
}

void Writer::some_value() {
    if (height_ > 0 && prng_.below(2) == 0) {
        emit(static_cast<std::uint8_t>(
            op::dup1 + prng_.below(static_cast<std::uint64_t>(std::min(height_, 16)))));
    } else {
        push(any_value());
    }
}

void Writer::compute() {
    constexpr std::uint8_t all[] = {
        op::add,    op::mul,    op::sub,    op::div,  op::sdiv, op::mod,  op::smod,
        op::addmod, op::exp,    op::mulmod, op::lt,   op::gt,   op::slt,  op::sgt,
        op::eq,     op::iszero, op::iszero, op::and_, op::or_,  op::xor_, op::not_,
        op::byte,   op::shl,    op::shr,    op::sar,  op::clz,  op::pc,   op::signextend};
    const std::uint8_t opcode = all[prng_.below(std::size(all))];
    while (height_ < instructions[opcode].needs || prng_.below(3) == 0) some_value();
    emit(opcode);
}

void Writer::shuffle() {
    const auto n = prng_.below(16);
    switch (prng_.below(5)) {
    case 0:
        if (height_ > 0 || prng_.below(50) == 0) emit(op::pop);
        return;
    case 1:
    case 2:
        if (height_ > static_cast<int>(n) || prng_.below(50) == 0) {
            emit(static_cast<std::uint8_t>(op::dup1 + n));
        }
        return;
    default:
        if (height_ > static_cast<int>(n) + 1 || prng_.below(50) == 0) {
            emit(static_cast<std::uint8_t>(op::swap1 + n));
        }
    }
}

void Writer::use_memory() {
    const auto small = [this] {
        push(prng_.below(200) == 0 ? any_value() : U256(prng_.below(200)));
    };
    switch (prng_.below(9)) {
    case 0:
    case 1:
        small();
        return emit(op::mload);
    case 2:
    case 3:
        some_value();
        small();
        return emit(op::mstore);
    case 4:
        some_value();
        small();
        return emit(op::mstore8);
    case 5:
        small();
        small();
        return emit(op::keccak256);
    case 6: {
        constexpr std::uint8_t copies[] = {op::calldatacopy, op::codecopy, op::mcopy};
        const bool returned = prng_.below(4) == 0;
        push(U256(prng_.below(returned ? 3 : 200)));
        push(U256(prng_.below(returned ? 3 : 200)));
        small();
        return emit(returned ? std::uint8_t{op::returndatacopy} : copies[prng_.below(3)]);
    }
    case 7: {
        const auto topics = prng_.below(5);
        for (std::uint64_t i = 0; i < topics; ++i) some_value();
        small();
        small();
        return emit(static_cast<std::uint8_t>(op::log0 + topics));
    }
    default:
        return emit(op::msize);
    }
}

void Writer::use_storage() {
    if (prng_.below(2) == 0) {
        push(prng_.below(2) == 0 ? U256() : any_value());
        push(U256(prng_.below(4)));
        return emit(prng_.below(4) == 0 ? op::tstore : op::sstore);
    }
    push(U256(prng_.below(4)));
    emit(prng_.below(4) == 0 ? op::tload : op::sload);
}

void Writer::look_around() {
    constexpr std::uint8_t plain[] = {
        op::address,  op::origin,      op::caller,   op::callvalue, op::calldatasize,
        op::codesize, op::gasprice,    op::coinbase, op::timestamp, op::returndatasize,
        op::number,   op::prevrandao,  op::gaslimit, op::chainid,   op::selfbalance,
        op::basefee,  op::blobbasefee, op::gas,      op::gas,       op::push0};
    constexpr std::uint8_t asking[] = {op::balance,   op::extcodesize, op::extcodehash,
                                       op::blockhash, op::blobhash,    op::calldataload};
    if (prng_.below(2) == 0) return emit(plain[prng_.below(std::size(plain))]);
    push(U256(prng_.below(2) == 0 ? 0xc0 + prng_.below(8) : prng_.below(40)));
    if (prng_.below(6) == 0) {
        for (int i = 0; i < 3; ++i) push(U256(prng_.below(60)));
        return emit(op::extcodecopy);
    }
    emit(asking[prng_.below(std::size(asking))]);
}

void Writer::send() {
    constexpr std::uint8_t calls[] = {op::call, op::call, op::callcode, op::delegatecall,
                                      op::staticcall};
    const std::uint8_t opcode = calls[prng_.below(std::size(calls))];
    for (int i = 0; i < 4; ++i) push(U256(prng_.below(100))); // output and input
    if (opcode == op::call || opcode == op::callcode) {
        push(prng_.below(3) == 0 ? U256(prng_.below(200)) : U256());
    }
    push(U256(prng_.below(6) == 0 ? prng_.below(8) : 0xc0 + prng_.below(8)));
    if (prng_.below(3) == 0) {
        push(U256(prng_.below(60'000)));
    } else {
        emit(op::gas);
    }
    emit(opcode);
}

void Writer::create() {
    // Init code that returns, faults, or is whatever the memory holds.
    const U256 inits[] = {U256::parse("0x60206000f3").value() << 216, // 32 zero bytes of code
                          U256::parse("0x60ef60005360016000f3").value()
                              << 176,                                 // code that begins with 0xef
                          U256::parse("0x60016000fd").value() << 216, // reverts with a byte
                          U256::parse("0x600160015500").value() << 208, // stores, and makes no code
                          U256::parse("0x33ff").value() << 240,         // destroys itself
                          any_value()};
    push(inits[prng_.below(std::size(inits))]);
    push(U256(prng_.below(3) * 32));
    emit(op::mstore);
    const bool salted = prng_.below(2) == 0;
    if (salted) push(U256(prng_.below(2)));
    push(U256(prng_.below(100)));
    push(U256(prng_.below(3) * 32));
    push(U256(prng_.below(3) == 0 ? prng_.below(100) : 0));
    emit(salted ? op::create2 : op::create);
}

void Writer::branch() {
    const auto kind = prng_.below(4);
    if (kind == 0) return label();
    if (kind == 1) {
        if (prng_.below(3) == 0) compute();
        some_value();
        if (prng_.below(2) == 0) emit(op::iszero);
    }
    code_.push_back(op::push1 + 1);
    jumps_.push_back(code_.size());
    code_.insert(code_.end(), 2, static_cast<std::uint8_t>(prng_.below(256)));
    ++height_;
    if (kind == 1) return emit(op::jumpi);
    if (kind == 2 && prng_.below(4) != 0) return emit(op::pop);
    if (kind == 2) return emit(op::jump);
    // A jump whose target the compiler does not see.
    push(U256());
    emit(op::mload);
    push(U256());
    emit(op::mul);
    emit(op::add);
    some_value();
    emit(op::swap1);
    emit(op::jumpi);
}

void Writer::end() {
    const auto kind = prng_.below(8);
    if (kind < 4) {
        push(U256(prng_.below(80)));
        push(U256(prng_.below(80)));
        return emit(kind == 0 ? op::revert : op::return_);
    }
    if (kind == 4) {
        push(U256(0xc0 + prng_.below(8)));
        return emit(op::selfdestruct);
    }
    if (kind == 5) emit(op::stop);
    if (kind == 6) emit(static_cast<std::uint8_t>(prng_.below(256)));
}

Bytes Writer::program() {
    const auto count = 5 + prng_.below(prng_.below(4) == 0 ? 200 : 40);
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto kind = prng_.below(100);
        if (kind < 30) {
            compute();
        } else if (kind < 60) {
            shuffle();
        } else if (kind < 70) {
            use_memory();
        } else if (kind < 76) {
            use_storage();
        } else if (kind < 82) {
            look_around();
        } else if (kind < 86) {
            send();
        } else if (kind < 88) {
            create();
        } else if (kind < 97) {
            branch();
        } else if (kind < 99) {
            push(any_value());
        } else if (prng_.below(3) == 0) {
            emit(static_cast<std::uint8_t>(prng_.below(256)));
        }
    }
    label();
    end();
    for (const std::size_t at : jumps_) {
        if (prng_.below(60) == 0) continue;
        // Forward, mostly: else nearly everything would loop until the gas is gone.
        std::size_t target = labels_[prng_.below(labels_.size())];
        while (target < at && prng_.below(8) != 0) target = labels_[prng_.below(labels_.size())];
        code_[at] = static_cast<std::uint8_t>(target >> 8);
        code_[at + 1] = static_cast<std::uint8_t>(target);
    }
    return std::move(code_);
}

// ------------------------------------------------------------------------------- three machines

struct Seen {
    Status status = Status::success;
    std::int64_t gas = 0, refund = 0;
    Bytes output;
    std::vector<Log> logs;
    StateChanges changes;
};

// Which of several faults of a block is named is not the same for programs.
int class_of(Status status) {
    return status == Status::success ? 0 : status == Status::revert ? 1 : 2;
}

std::string describe(const StateChanges& changes) {
    std::string out;
    for (const auto& change : changes) {
        out += fmt::format("{}:", to_hex(change.address.view()));
        if (change.account) {
            out += fmt::format(" nonce {} balance {} code {}", change.account->nonce,
                               change.account->balance.to_decimal(),
                               to_hex(change.account->code_hash.view()));
        }
        out += change.storage_cleared ? " cleared" : "";
        for (const auto& [slot, value] : change.storage) {
            out += fmt::format(" {}={}", slot.to_quantity(), value.to_quantity());
        }
        out += "\n";
    }
    return out;
}

struct Trial {
    Rules rules;
    BlockContext block;
    TransactionContext transaction;
    Message message;
    StateBackend& state;

    template <class Call>
    Seen see(Call call) {
        Journal journal(state);
        journal.begin_transaction();
        journal.access_account(message.sender);
        journal.access_account(message.recipient);
        Seen seen = call(journal);
        seen.refund = journal.refund();
        seen.logs = journal.logs();
        journal.end_transaction(rules);
        seen.changes = journal.take_changes();
        EXPECT_FALSE(journal.error());
        return seen;
    }
    Seen on_machine(Form form) {
        return see([&](Journal& journal) {
            Machine machine(journal, rules, block);
            machine.form = form;
            machine.set_transaction(transaction);
            CallResult result = machine.call(message, 0);
            return Seen{result.status, result.gas_left, 0, std::move(result.output), {}, {}};
        });
    }
    Seen on_naive() {
        return see([&](Journal& journal) {
            NaiveEvm naive(journal, rules, block, transaction);
            auto outcome = naive.call(message);
            return Seen{outcome.status, outcome.gas, 0, std::move(outcome.output), {}, {}};
        });
    }
};

void expect_same(const Seen& a, const Seen& b) {
    EXPECT_EQ(class_of(a.status), class_of(b.status))
        << to_string(a.status) << " | " << to_string(b.status);
    EXPECT_EQ(a.gas, b.gas);
    EXPECT_EQ(a.refund, b.refund);
    EXPECT_EQ(a.output, b.output);
    EXPECT_EQ(a.logs, b.logs);
    EXPECT_EQ(describe(a.changes), describe(b.changes));
}

// Contracts 0xc0 to 0xc5 with random code, 0xc6 delegated to one of them (EIP-7702), 0xc7 nobody.
std::unique_ptr<StateBackend> random_world(Prng& prng, Fork fork) {
    auto state = make_memory_state();
    Journal journal(*state);
    journal.begin_transaction();
    for (std::uint64_t i = 0; i < 6; ++i) {
        const Address address = address_number(0xc0 + i);
        journal.set_code(address, Writer(prng, fork).program());
        journal.set_nonce(address, 1);
        journal.set_balance(address, U256(prng.below(1000)));
        for (std::uint64_t slot = 0; slot < 2; ++slot) {
            journal.set_storage(address, U256(slot), U256(prng.below(2)));
        }
    }
    Bytes designator = {0xef, 0x01, 0x00};
    append(designator, address_number(0xc0 + prng.below(6)).view());
    journal.set_code(address_number(0xc6), designator);
    journal.set_balance(address_number(0xaa), U256(1'000'000));
    journal.end_transaction({});
    EXPECT_TRUE(state->apply(journal.take_changes()));
    return state;
}

Trial random_trial(Prng& prng, Fork fork, StateBackend& state, const Bytes& input) {
    Trial trial{{}, {}, {}, {}, state};
    trial.rules.fork = fork;
    trial.block.number = 300;
    trial.block.timestamp = 1000;
    trial.block.gas_limit = 30'000'000;
    trial.block.coinbase = address_number(0xcb);
    trial.block.difficulty = U256(77);
    trial.block.prev_randao = U256(88).to_be();
    trial.block.base_fee = U256(9);
    trial.block.blob_base_fee = U256(3);
    trial.block.block_hash = [](std::uint64_t number) { return U256(number + 5).to_be(); };
    trial.transaction.origin = address_number(0xaa);
    trial.transaction.gas_price = U256(10);
    trial.transaction.blob_hashes = {U256(0x1234).to_be()};
    trial.message.sender = address_number(0xaa);
    trial.message.recipient = trial.message.code_address = address_number(0xc0 + prng.below(6));
    trial.message.value = U256(prng.below(2) * prng.below(100));
    trial.message.input = input;
    constexpr std::uint64_t gas[] = {2'000, 100'000, 1'000'000, 3'000'000};
    trial.message.gas = static_cast<std::int64_t>(prng.below(gas[prng.below(4)]));
    return trial;
}

TEST(EvmDifferential, PlainProgramAndNaiveAgreeOnRandomCode) {
    int finished = 0, reverted = 0;
    constexpr int worlds = 1500;
    for (int i = 0; i < worlds; ++i) {
        Prng prng(static_cast<std::uint64_t>(i));
        // Late forks more often: they have more instructions.
        const auto fork =
            static_cast<Fork>(prng.below(2) == 0 ? prng.below(15) : 11 + prng.below(4));
        const auto state = random_world(prng, fork);
        Bytes input(prng.below(80));
        for (auto& byte : input) byte = static_cast<std::uint8_t>(prng.next());
        for (int j = 0; j < 4; ++j) {
            Trial trial = random_trial(prng, fork, *state, input);
            SCOPED_TRACE(fmt::format("world {} trial {} fork {} gas {}", i, j,
                                     chain::to_string(trial.rules.fork), trial.message.gas));
            const Seen naive = trial.on_naive();
            const Seen plain = trial.on_machine(Form::plain);
            expect_same(naive, plain);
            EXPECT_EQ(naive.status == Status::revert, plain.status == Status::revert);
            expect_same(plain, trial.on_machine(Form::program));
            expect_same(plain, trial.on_machine(Form::by_heat));
            if (HasFailure()) return;
            finished += naive.status == Status::success ? 1 : 0;
            reverted += naive.status == Status::revert ? 1 : 0;
        }
    }
    // The programs do something: else this proves little.
    EXPECT_GT(finished, worlds);
    EXPECT_GT(reverted, worlds / 20);
}

} // namespace
} // namespace ol::chain::evm
