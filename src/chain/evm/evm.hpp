// The Ethereum Virtual Machine, Frontier to Osaka: message calls and contract creation over a
// Journal. One Evm runs one block's transactions, one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/u256.hpp"
#include "chain/state/journal.hpp"
#include "chain/types/fork.hpp"

namespace ol::chain::evm {

struct BlockContext {
    std::uint64_t number = 0, timestamp = 0, gas_limit = 0;
    Address coinbase;
    U256 difficulty;    // before Paris
    Hash32 prev_randao; // from Paris on
    U256 base_fee, blob_base_fee;
    std::uint64_t chain_id = 1;
    // Of one of the 256 blocks before this one; zero when unknown. Asked for valid numbers only.
    std::function<Hash32(std::uint64_t)> block_hash;
};

struct TransactionContext {
    Address origin;
    U256 gas_price; // effective
    std::vector<Hash32> blob_hashes;
};

enum class Status : std::uint8_t {
    success,
    revert,
    out_of_gas,
    invalid_instruction, // INVALID, or no instruction under these rules
    stack_overflow,
    stack_underflow,
    bad_jump_destination,
    static_violation,
    return_data_out_of_bounds,
    call_depth, // below: the call did not begin; gas is given back
    insufficient_balance,
    nonce_overflow,
    create_collision, // takes the gas
    code_too_large,
    init_code_too_large,
    code_starts_with_ef,
    precompile_failure,
};
std::string_view to_string(Status status); // geth's words: "out of gas", "execution reverted"

enum class CallKind : std::uint8_t { call, call_code, delegate_call, static_call, create, create2 };

struct Message {
    CallKind kind = CallKind::call;
    bool is_static = false;
    std::int32_t depth = 0;
    std::int64_t gas = 0;
    Address sender;       // CALLER in the callee
    Address recipient;    // ADDRESS in the callee; filled in for creations
    Address code_address; // whose code runs
    U256 value;           // CALLVALUE; moved for call, call_code (to itself) and creations
    ByteView input;       // call data; init code for creations
    Hash32 salt;          // create2
};

struct CallResult {
    Status status = Status::success;
    std::int64_t gas_left = 0;
    Bytes output;    // return data; of a creation: revert data alone
    Address created; // creations
    bool succeeded() const { return status == Status::success; }
};

// What a tracer sees before each instruction. Pointers hold during the call.
struct Step {
    std::uint64_t pc = 0;
    std::uint8_t opcode = 0;
    std::int64_t gas = 0, gas_cost = 0; // cost: 0 where it is known only after the step
    std::int32_t depth = 0;             // 1: the transaction's own frame
    std::span<const U256> stack;        // bottom first
    ByteView memory, return_data;
    std::int64_t refund = 0;
    Address address; // ADDRESS
};

class Tracer {
public:
    virtual ~Tracer() = default;
    virtual bool wants_steps() const { return false; }
    virtual void step(const Step&) {}
    // The step's instruction failed.
    virtual void fault(const Step&, Status) {}
    virtual void enter(const Message&) {} // the transaction's own call too; recipient is filled in
    virtual void exit(const Message&, const CallResult&) {} // output of a creation: its code
    // A balance left by SELFDESTRUCT.
    virtual void self_destruct(const Address& /*from*/, const Address& /*to*/, const U256&) {}
};

class Evm {
public:
    Evm(Journal& journal, const Rules& rules, BlockContext block);
    ~Evm();
    Evm(const Evm&) = delete;
    Evm& operator=(const Evm&) = delete;

    const Rules& rules() const;
    const BlockContext& block() const;
    void set_transaction(TransactionContext context);
    void set_tracer(Tracer* tracer); // null: none

    // Runs a message to its end: depth limit, value transfer, precompiles, delegation (EIP-7702),
    // creation rules (nonce, collision, deposit cost, size, 0xEF), revert of state on failure. The
    // caller of a creation at depth 0 has raised the sender's nonce already where its rules ask for
    // that: `message.recipient` of a depth 0 creation is computed from sender and `create_nonce`.
    CallResult call(const Message& message, std::uint64_t create_nonce = 0);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

Address create_address(const Address& sender, std::uint64_t nonce);
Address create2_address(const Address& sender, const Hash32& salt, const Hash32& init_code_hash);

// "PUSH1", "KECCAK256"; "opcode 0xc not defined" for others (geth's words).
std::string opcode_name(std::uint8_t opcode);

} // namespace ol::chain::evm
