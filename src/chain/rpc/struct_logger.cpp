// The default tracer: one entry for each instruction.
#include <map>
#include <vector>

#include "base/limits.hpp"
#include "chain/evm/instructions.hpp"
#include "chain/rpc/tracers.hpp"

namespace ol::chain::rpc {

namespace {

namespace op = evm::op;

class StructLogger final : public Recorder {
public:
    StructLogger(bool memory, bool stack, bool storage, bool return_data, std::uint64_t limit)
        : memory_(memory)
        , stack_(stack)
        , storage_(storage)
        , return_data_(return_data)
        , limit_(limit) {
        entries_.begin_array();
    }

    bool wants_steps() const override { return true; }

    // An entry stays open until the next step: what SLOAD gave and why a step failed is known only
    // then.
    void step(const evm::Step& step) override {
        close(&step);
        if (limit_ != 0 && count_ >= limit_) return;
        if (entries_.size() > limits::rpc_answer_bytes) {
            too_large_ = true;
            return;
        }
        ++count_;
        open_ = true;
        entries_.begin_object();
        member("pc", step.pc);
        entries_.member("op", evm::opcode_name(step.opcode));
        member("gas", static_cast<std::uint64_t>(step.gas));
        member("gasCost", static_cast<std::uint64_t>(step.gas_cost));
        member("depth", static_cast<std::uint64_t>(step.depth));
        if (step.refund > 0) member("refund", static_cast<std::uint64_t>(step.refund));
        if (stack_) {
            entries_.key("stack");
            entries_.begin_array();
            for (const U256& word : step.stack) entries_.value(word);
            entries_.end_array();
        }
        if (memory_ && !step.memory.empty()) print_memory(step.memory);
        if (return_data_ && !step.return_data.empty()) {
            entries_.member("returnData", step.return_data);
        }
        if (storage_) note_storage(step);
    }

    void fault(const evm::Step& step, evm::Status status) override {
        if (!open_) return;
        std::string text(evm::to_string(status));
        if (status == evm::Status::invalid_instruction) {
            text += ": " + evm::opcode_name(step.opcode);
        }
        entries_.member("error", text);
        loading_.reset();
    }

    RpcStatus print(const TraceResult& result, Writer& out) override {
        close(nullptr);
        if (too_large_) return std::unexpected(trace_too_large());
        entries_.end_array();
        const bool failed = result.status != evm::Status::success;
        out.begin_object();
        out.key("gas");
        out.number(result.gas_used);
        out.member("failed", failed);
        const bool has_value = !failed || result.status == evm::Status::revert;
        out.member("returnValue", has_value ? ByteView(result.output) : ByteView());
        out.key("structLogs");
        out.raw(entries_.text());
        out.end_object();
        return {};
    }

private:
    struct Loading {
        Address address;
        U256 slot;
        std::int32_t depth = 0;
    };

    void member(std::string_view name, std::uint64_t plain) {
        entries_.key(name);
        entries_.number(plain);
    }

    void print_memory(ByteView memory) {
        entries_.key("memory");
        entries_.begin_array();
        for (std::size_t at = 0; at + 32 <= memory.size(); at += 32) {
            entries_.bare_hex(memory.subspan(at, 32));
        }
        entries_.end_array();
    }

    void note_storage(const evm::Step& step) {
        const std::size_t depth = step.stack.size();
        if (step.opcode == op::sload && depth >= 1) {
            loading_ = Loading{step.address, step.stack[depth - 1], step.depth};
        } else if (step.opcode == op::sstore && depth >= 2) {
            touched_[step.address][step.stack[depth - 1]] = step.stack[depth - 2];
            print_storage(step.address);
        }
    }

    void print_storage(const Address& address) {
        entries_.key("storage");
        entries_.begin_object();
        for (const auto& [slot, value] : touched_[address]) {
            entries_.key(to_hex(slot.to_be().view()));
            entries_.bare_hex(value.to_be().view());
        }
        entries_.end_object();
    }

    void close(const evm::Step* next) {
        if (!open_) return;
        open_ = false;
        if (loading_ && next != nullptr && next->depth == loading_->depth && !next->stack.empty()) {
            touched_[loading_->address][loading_->slot] = next->stack.back();
            print_storage(loading_->address);
        }
        loading_.reset();
        entries_.end_object();
    }

    const bool memory_, stack_, storage_, return_data_;
    const std::uint64_t limit_; // entries; 0: all
    Writer entries_;
    std::uint64_t count_ = 0;
    bool open_ = false, too_large_ = false;
    std::optional<Loading> loading_;
    std::map<Address, std::map<U256, U256>> touched_;
};

} // namespace

std::unique_ptr<Recorder> make_struct_logger(bool memory, bool stack, bool storage,
                                             bool return_data, std::uint64_t limit) {
    return std::make_unique<StructLogger>(memory, stack, storage, return_data, limit);
}

} // namespace ol::chain::rpc
