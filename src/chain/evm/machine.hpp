// The inside of an Evm: frames of running code, their stacks and memories, how messages begin and
// end. The interpreter never calls itself: an instruction that starts another frame ends the run of
// its own, so 1024 nested calls need no native stack.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "chain/evm/analysis.hpp"
#include "chain/evm/evm.hpp"
#include "chain/evm/gas.hpp"
#include "chain/evm/instructions.hpp"
#include "chain/evm/program.hpp"
#include "chain/evm/space.hpp"

namespace ol::chain::evm {

// How an instruction, or a run of instructions, ends.
enum class Exit : std::uint8_t {
    next,   // the next instruction follows
    call,   // another frame is on top now; this one goes on when it has ended
    halt,   // the frame has ended: its status and output are set
    change, // the frame goes on in its other form: program or plain code
};

struct Frame {
    Message message;
    bool input_in_memory = false;                 // message.input lies in the caller's memory
    CodePtr code;                                 // of an account, or
    std::unique_ptr<const CodeAnalysis> own_code; // of a creation
    const CodeAnalysis* analysis = nullptr;

    // Hot code runs as a program: then `resume` is where it stands in there, and null otherwise.
    const Program* program = nullptr;
    const Operation* resume = nullptr;
    std::int64_t jumps_left = 0; // until it is worth while to compile the code

    // Where it stands. The interpreter keeps these three in registers while it runs.
    const std::uint8_t* ip = nullptr;
    U256* sp = nullptr; // the first free word of the stack
    std::int64_t gas = 0;

    StackSpace::Place stack;
    std::uint8_t* memory = nullptr; // moves when any memory grows
    std::size_t memory_base = 0, memory_size = 0;
    Journal::Checkpoint checkpoint = 0;

    // How it ended; the output lies in its memory.
    Status status = Status::success;
    std::size_t output_offset = 0, output_size = 0;

    // Where the message that it sent shall leave its output.
    std::size_t answer_offset = 0, answer_size = 0;

    bool creates() const {
        return message.kind == CallKind::create || message.kind == CallKind::create2;
    }
    ByteView output() const {
        return output_size == 0 ? ByteView() : ByteView(memory + output_offset, output_size);
    }
};

// In which form code runs: plain at first and as a program when it is hot, or always one of them.
enum class Form : std::uint8_t { by_heat, plain, program };

class Machine {
public:
    Machine(Journal& state, const Rules& active_rules, BlockContext block_context);

    CallResult call(const Message& message, std::uint64_t create_nonce);
    void set_transaction(TransactionContext context);
    void set_tracer(Tracer* sink) { tracer = sink; }

    Journal& journal;
    const Rules rules;
    const BlockContext block;
    const GasTable& gas_costs;
    TransactionContext transaction;
    Tracer* tracer = nullptr;
    Form form = Form::by_heat;
    Bytes return_data; // of the last message that the running frame sent

    bool since(Fork fork) const { return rules.fork >= fork; }
    U256 difficulty_or_randao() const; // EIP-4399

    // Gives the frame's memory at least `end` bytes (at most 2^33) and takes the gas. False: there
    // is not enough gas.
    bool grow(Frame& frame, std::uint64_t end);

    // Sends a message from `frame`, whose sp is below the operands: the answer will be pushed
    // there. `code` is that of code_address, delegation followed, where the caller has it at hand.
    Exit send(Frame& frame, Message& message, CodePtr code);

    // The code of `address` as a call runs it (EIP-7702).
    CodePtr callable_code(const Address& address);

    void touch(const Address& address);

    // The frame, which stands at a JUMPDEST, goes on as a program.
    void change_to_program(Frame& frame);

private:
    // The end of a message; `output` holds until the next one begins.
    struct Answer {
        Status status = Status::success;
        std::int64_t gas_left = 0;
        ByteView output;
    };

    // True: a frame was pushed. False: the answer is there.
    bool begin(Message& message, CodePtr code, bool input_in_memory);
    Status begin_call(const Message& message, Journal::Checkpoint& checkpoint);
    Status begin_creation(const Message& message, Journal::Checkpoint& checkpoint);
    void answer_precompile(std::uint16_t number, const Message& message,
                           Journal::Checkpoint checkpoint);
    void choose_form(Frame& frame);
    void push_frame(const Message& message, CodePtr code, bool input_in_memory,
                    Journal::Checkpoint checkpoint);
    Exit run(Frame& frame);
    void finish(Frame& frame);
    Status deposit_code(Frame& frame);
    void deliver(Frame& caller, const Message& message);
    void transfer(const Message& message);
    void revert(Journal::Checkpoint checkpoint);
    CallResult result_of(const Message& message) const;

    std::vector<std::unique_ptr<Frame>> frames_; // the first `live_` are in use
    std::size_t live_ = 0;
    StackSpace stacks_;
    MemorySpace memory_;
    Answer answer_;
    Bytes precompile_output_;
    bool ripemd_touched_ = false;
};

inline Exit halt(Frame& frame, Status status) {
    frame.status = status;
    return Exit::halt;
}

inline bool charge(Frame& frame, std::int64_t gas) { return (frame.gas -= gas) >= 0; }

// No gas limit pays for memory beyond this.
inline constexpr std::uint64_t memory_offset_limit = 0xffffffff;

// Memory [offset, offset + size) is there and paid for; false: there is not enough gas. An empty
// range asks for nothing.
inline bool reach(Machine& machine, Frame& frame, const U256& offset, std::uint64_t size) {
    if (!offset.fits_u64() || offset.limb[0] > memory_offset_limit) return false;
    const std::uint64_t end = offset.limb[0] + size;
    return end <= frame.memory_size || machine.grow(frame, end);
}
inline bool reach(Machine& machine, Frame& frame, const U256& offset, const U256& size) {
    if (size.is_zero()) return true;
    if (!size.fits_u64() || size.limb[0] > memory_offset_limit) return false;
    return reach(machine, frame, offset, size.limb[0]);
}

inline Address address_of(const U256& word) {
    std::uint8_t bytes[32];
    store_be(bytes, word);
    Address out;
    std::memcpy(out.data.data(), bytes + 12, 20);
    return out;
}
inline U256 word_of(const Address& address) {
    std::uint8_t bytes[32] = {};
    std::memcpy(bytes + 12, address.data.data(), 20);
    return load_be(bytes);
}
inline U256 word_of(const Hash32& hash) { return load_be(hash.data.data()); }

// The account that an EIP-7702 designator points to; null for other code.
inline const std::uint8_t* delegate_of(ByteView code) {
    const bool is_designator =
        code.size() == 23 && code[0] == 0xef && code[1] == 0x01 && code[2] == 0x00;
    return is_designator ? code.data() + 3 : nullptr;
}

} // namespace ol::chain::evm
