// callTracer: the calls of a transaction as a tree.
#include <algorithm>
#include <vector>

#include "base/limits.hpp"
#include "chain/evm/instructions.hpp"
#include "chain/rpc/simulation.hpp"
#include "chain/rpc/tracers.hpp"

namespace ol::chain::rpc {

namespace {

namespace op = evm::op;
using evm::CallKind;

struct TracedLog {
    Address address;
    std::vector<Hash32> topics;
    Bytes data;
    std::size_t position = 0; // calls of its frame before it
};

struct Frame {
    std::string_view type;
    Address from;
    std::optional<Address> to;
    std::optional<U256> value;
    std::uint64_t gas = 0, gas_used = 0;
    Bytes input, output;
    evm::Status status = evm::Status::success;
    std::vector<TracedLog> logs;
    std::vector<Frame> calls;
    bool failed() const { return status != evm::Status::success; }
};

std::string_view type_of(CallKind kind) {
    switch (kind) {
    case CallKind::call:
        return "CALL";
    case CallKind::call_code:
        return "CALLCODE";
    case CallKind::delegate_call:
        return "DELEGATECALL";
    case CallKind::static_call:
        return "STATICCALL";
    case CallKind::create:
        return "CREATE";
    case CallKind::create2:
        return "CREATE2";
    }
    return "CALL";
}

constexpr std::uint64_t frame_bytes = 512; // of JSON besides input, output and logs

class CallTracer final : public Recorder {
public:
    CallTracer(const TraceSubject& subject, bool only_top, bool logs)
        : subject_(subject)
        , only_top_(only_top)
        , logs_(logs) {}

    bool wants_steps() const override { return logs_; }

    void step(const evm::Step& step) override {
        if (step.opcode < op::log0 || step.opcode > op::log4 || open_.empty() || too_large_) return;
        if (only_top_ && step.depth > 1) return;
        const std::size_t topics = step.opcode - op::log0;
        if (step.stack.size() < 2 + topics) return;
        const auto from_top = [&](std::size_t i) { return step.stack[step.stack.size() - 1 - i]; };
        const U256 offset = from_top(0), size = from_top(1);
        // What cannot be paid for fails, and its frame's logs with it.
        if (step.gas_cost > step.gas) return;
        if (!size.fits_u64() || size.low_u64() > limits::rpc_answer_bytes) return;
        if (!keep(size.low_u64() * 2 + frame_bytes)) return;
        TracedLog log;
        log.address = step.address;
        for (std::size_t i = 0; i < topics; ++i) log.topics.push_back(from_top(2 + i).to_be());
        log.data.resize(size.low_u64());
        const std::uint64_t begin = offset.fits_u64() ? offset.low_u64() : step.memory.size();
        if (begin < step.memory.size()) {
            const auto there = step.memory.subspan(begin);
            std::copy_n(there.begin(), std::min(there.size(), log.data.size()), log.data.begin());
        }
        log.position = open_.back().calls.size();
        open_.back().logs.push_back(std::move(log));
    }

    void enter(const evm::Message& message) override {
        if (only_top_ && message.depth > 0) return;
        Frame frame;
        frame.type = type_of(message.kind);
        frame.gas = static_cast<std::uint64_t>(message.gas);
        const bool borrows =
            message.kind == CallKind::delegate_call || message.kind == CallKind::call_code;
        frame.from = borrows ? message.recipient : message.sender;
        frame.to = borrows ? message.code_address : message.recipient;
        if (message.kind != CallKind::static_call) frame.value = message.value;
        if (keep(frame_bytes + message.input.size() * 2)) {
            frame.input.assign(message.input.begin(), message.input.end());
        }
        open_.push_back(std::move(frame));
    }

    void exit(const evm::Message& message, const evm::CallResult& result) override {
        if (open_.empty() || (only_top_ && message.depth > 0)) return;
        Frame& frame = open_.back();
        frame.gas_used = frame.gas - static_cast<std::uint64_t>(result.gas_left);
        frame.status = result.status;
        const bool creates = message.kind == CallKind::create || message.kind == CallKind::create2;
        if (creates && result.succeeded()) frame.to = result.created;
        if (creates && !result.succeeded()) frame.to.reset();
        if (result.succeeded() || result.status == evm::Status::revert) {
            if (keep(result.output.size() * 2)) frame.output = result.output;
        }
        if (open_.size() == 1) return; // printed with the transaction's own gas
        Frame done = std::move(open_.back());
        open_.pop_back();
        if (!too_large_) open_.back().calls.push_back(std::move(done));
    }

    void self_destruct(const Address& from, const Address& to, const U256& balance) override {
        if (open_.empty() || only_top_ || !keep(frame_bytes)) return;
        Frame frame;
        frame.type = "SELFDESTRUCT";
        frame.from = from;
        frame.to = to;
        frame.value = balance;
        open_.back().calls.push_back(std::move(frame));
    }

    RpcStatus print(const TraceResult& result, Writer& out) override {
        if (too_large_) return std::unexpected(trace_too_large());
        if (open_.empty()) { // refused before its first frame
            Frame none;
            none.type = subject_.to ? "CALL" : "CREATE";
            none.from = subject_.from;
            none.to = subject_.to;
            none.status = result.status;
            open_.push_back(std::move(none));
        }
        Frame& top = open_.front();
        top.gas = subject_.gas;
        top.gas_used = result.gas_used;
        if (top.type == "CREATE" && !top.failed() && result.created) top.to = *result.created;
        print_frame(top, top.failed(), out);
        return {};
    }

private:
    bool keep(std::uint64_t bytes) {
        kept_ += bytes;
        if (kept_ > limits::rpc_answer_bytes) too_large_ = true;
        return !too_large_;
    }

    // As deep as the EVM: 1,024.
    void print_frame(const Frame& frame, bool failed, Writer& out) const {
        out.begin_object();
        out.member("from", frame.from);
        out.member("gas", frame.gas);
        out.member("gasUsed", frame.gas_used);
        out.member_if("to", frame.to);
        out.member("input", frame.input);
        if (frame.failed()) {
            if (!frame.output.empty()) out.member("output", frame.output);
            out.member("error", evm::to_string(frame.status));
            const auto reason = frame.status == evm::Status::revert ? revert_reason(frame.output)
                                                                    : std::optional<std::string>();
            if (reason && !reason->empty()) out.member("revertReason", *reason);
        } else if (!frame.output.empty()) {
            out.member("output", frame.output);
        }
        if (!frame.calls.empty()) {
            out.key("calls");
            out.begin_array();
            for (const auto& each : frame.calls) print_frame(each, failed || each.failed(), out);
            out.end_array();
        }
        // What a failed frame logged was undone, and what its calls logged with it.
        if (!frame.logs.empty() && !failed) {
            out.key("logs");
            out.begin_array();
            for (const auto& each : frame.logs) {
                out.begin_object();
                out.member("address", each.address);
                out.member("topics", each.topics);
                out.member("data", each.data);
                out.member("position", each.position);
                out.end_object();
            }
            out.end_array();
        }
        out.member_if("value", frame.value);
        out.member("type", frame.type);
        out.end_object();
    }

    const TraceSubject subject_;
    const bool only_top_, logs_;
    std::vector<Frame> open_; // from the transaction's own inwards
    std::uint64_t kept_ = 0;
    bool too_large_ = false;
};

} // namespace

std::unique_ptr<Recorder> make_call_tracer(const TraceSubject& subject, bool only_top, bool logs) {
    return std::make_unique<CallTracer>(subject, only_top, logs);
}

} // namespace ol::chain::rpc
