// For the EVM's tests: an assembler, and a world to run code in. Every call runs twice, plain and
// as a program, which must agree.
#pragma once

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "chain/evm/arithmetic.hpp"
#include "chain/evm/instructions.hpp"
#include "chain/evm/machine.hpp"
#include "chain/evm/precompiles/precompiles.hpp"

namespace ol::chain::evm {

// "PUSH 300 PUSH1 0x2a ADD here: @here JUMP": names of instructions; PUSH takes as many bytes as
// its number needs, PUSHn n of them; "name:" is a JUMPDEST with a name, "@name" pushes where it is;
// "0x..." alone are bytes as they stand.
inline Bytes assemble(const std::string& text) {
    std::map<std::string, std::uint8_t> opcodes;
    for (int i = 0; i < 256; ++i) {
        opcodes[opcode_name(static_cast<std::uint8_t>(i))] = static_cast<std::uint8_t>(i);
    }
    Bytes out;
    std::map<std::string, std::size_t> labels;
    std::vector<std::pair<std::size_t, std::string>> uses;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        if (word.back() == ':') {
            labels[word.substr(0, word.size() - 1)] = out.size();
            out.push_back(op::jumpdest);
        } else if (word.front() == '@') {
            out.push_back(op::push1 + 1);
            uses.emplace_back(out.size(), word.substr(1));
            out.insert(out.end(), 2, 0);
        } else if (word.starts_with("0x")) {
            append(out, from_hex(word).value());
        } else if (word.starts_with("PUSH") && word != "PUSH0") {
            std::string number;
            words >> number;
            const U256 value = U256::parse(number).value();
            auto size = std::max<unsigned>(1, static_cast<unsigned>(value.bit_length() + 7) / 8);
            if (word != "PUSH") size = static_cast<unsigned>(std::stoul(word.substr(4)));
            out.push_back(static_cast<std::uint8_t>(op::push0 + size));
            const Hash32 bytes = value.to_be();
            out.insert(out.end(), bytes.end() - size, bytes.end());
        } else {
            EXPECT_TRUE(opcodes.contains(word)) << word;
            out.push_back(opcodes[word]);
        }
    }
    for (const auto& [at, name] : uses) {
        EXPECT_TRUE(labels.contains(name)) << name;
        out[at] = static_cast<std::uint8_t>(labels[name] >> 8);
        out[at + 1] = static_cast<std::uint8_t>(labels[name]);
    }
    return out;
}

// Returns what is on top of the stack.
inline const std::string return_top = " PUSH 0 MSTORE PUSH 32 PUSH 0 RETURN";

inline Address address_number(std::uint64_t number) { return address_of(U256(number)); }

struct World {
    explicit World(Fork fork = Fork::prague)
        : state(make_memory_state())
        , journal(*state) {
        rules.fork = fork;
        block.number = 1000;
        block.timestamp = 1'700'000'000;
        block.gas_limit = 30'000'000;
        block.coinbase = address_number(0xc01);
        block.difficulty = U256(0xd1ff);
        block.prev_randao = U256(0x4a4d).to_be();
        block.base_fee = U256(7);
        block.blob_base_fee = U256(3);
        block.chain_id = 99;
        block.block_hash = [](std::uint64_t number) { return U256(number * 3).to_be(); };
        transaction.origin = address_number(0xe0a);
        transaction.gas_price = U256(11);
        begin_transaction();
    }

    void set_code(std::uint64_t address, const Bytes& code) {
        journal.set_code(address_number(address), code);
    }
    void set_code(std::uint64_t address, const std::string& text) {
        set_code(address, assemble(text));
    }
    // As whoever carries out a transaction begins it: the precompiles are warm (EIP-2929).
    void begin_transaction() {
        journal.begin_transaction();
        if (rules.fork < Fork::berlin) return;
        for (const Address& address : precompile_addresses(rules)) journal.access_account(address);
    }
    // What was written is there before the transaction; all else is cold.
    void settle() {
        Rules keep_all;
        keep_all.fork = Fork::homestead;
        journal.end_transaction(keep_all);
        EXPECT_TRUE(state->apply(journal.take_changes()));
        begin_transaction();
    }

    struct Result : CallResult {
        std::int64_t gas_used = 0;
        U256 word() const {
            EXPECT_EQ(output.size(), 32U) << to_string(status);
            return output.size() == 32 ? U256::from_be(output) : U256();
        }
    };

    Message message(std::uint64_t to, std::int64_t gas = 10'000'000) const {
        Message out;
        out.sender = address_number(0xe0a);
        out.recipient = out.code_address = address_number(to);
        out.gas = gas;
        return out;
    }
    Result run(Form form, const Message& message, std::uint64_t nonce) {
        Machine machine(journal, rules, block);
        machine.form = form;
        machine.set_transaction(transaction);
        machine.set_tracer(tracer);
        Result out{machine.call(message, nonce)};
        out.gas_used = message.gas - out.gas_left;
        return out;
    }
    Result send(const Message& message, std::uint64_t nonce = 0) {
        const auto checkpoint = journal.checkpoint();
        const Result plain = run(Form::plain, message, nonce);
        const auto logs = journal.logs();
        const auto refund = journal.refund();
        journal.revert(checkpoint);
        Result program = run(Form::program, message, nonce);
        EXPECT_EQ(plain.status, program.status);
        EXPECT_EQ(plain.gas_used, program.gas_used);
        EXPECT_EQ(plain.output, program.output);
        EXPECT_EQ(logs, journal.logs());
        EXPECT_EQ(refund, journal.refund());
        return program;
    }
    Result call(std::uint64_t to, std::int64_t gas = 10'000'000) { return send(message(to, gas)); }
    // Puts the code at 0x1000 and runs it.
    Result run_code(const std::string& text, std::int64_t gas = 10'000'000) {
        set_code(0x1000, text);
        return call(0x1000, gas);
    }
    // The value that the code leaves on top of the stack.
    U256 top(const std::string& text) { return run_code(text + return_top).word(); }
    // Gas of an instruction (or more of them) behind preparations.
    std::int64_t gas_of(const std::string& before, const std::string& measured) {
        const auto used = [this](const std::string& text) {
            const auto checkpoint = journal.checkpoint();
            const std::int64_t gas = run_code(text).gas_used;
            journal.revert(checkpoint); // cold again
            return gas;
        };
        return used(before + " " + measured) - used(before);
    }

    std::unique_ptr<StateBackend> state;
    Journal journal;
    Rules rules;
    BlockContext block;
    TransactionContext transaction;
    Tracer* tracer = nullptr;
};

inline constexpr Fork all_forks[] = {
    Fork::frontier,        Fork::homestead, Fork::tangerine_whistle,
    Fork::spurious_dragon, Fork::byzantium, Fork::constantinople,
    Fork::petersburg,      Fork::istanbul,  Fork::berlin,
    Fork::london,          Fork::paris,     Fork::shanghai,
    Fork::cancun,          Fork::prague,    Fork::osaka};

} // namespace ol::chain::evm
