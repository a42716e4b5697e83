#include "chain/rpc/tracers.hpp"

#include <map>

#include "base/limits.hpp"
#include "chain/evm/precompiles/precompiles.hpp"

namespace ol::chain::rpc {

namespace {

// noopTracer: runs the transaction and records nothing.
class NoRecorder final : public Recorder {
public:
    RpcStatus print(const TraceResult&, Writer& out) override {
        out.begin_object();
        out.end_object();
        return {};
    }
};

// 4byteTracer: how often each selector is called with how many bytes of arguments.
class SelectorRecorder final : public Recorder {
public:
    explicit SelectorRecorder(const TraceSubject& subject)
        : rules_(subject.rules) {}
    void enter(const evm::Message& message) override {
        const bool creates =
            message.kind == evm::CallKind::create || message.kind == evm::CallKind::create2;
        if (creates || message.input.size() < 4) return;
        if (message.depth > 0 && evm::precompile_at(message.code_address, rules_)) return;
        ++counts_[fmt::format("{}-{}", to_hex0x(message.input.first(4)), message.input.size() - 4)];
    }
    RpcStatus print(const TraceResult&, Writer& out) override {
        out.begin_object();
        for (const auto& [name, count] : counts_) {
            out.key(name);
            out.number(count);
        }
        out.end_object();
        return {};
    }

private:
    Rules rules_;
    std::map<std::string, std::uint64_t> counts_; // a call costs 100 gas at least: it stays small
};

RpcResult<bool> flag(const Param& options, std::string_view name, bool otherwise) {
    const Param value = options[name];
    if (value.is_absent()) return otherwise;
    return value.boolean();
}

RpcResult<std::unique_ptr<Recorder>> struct_logger(const Param& options) {
    const bool memory = OL_TRY(flag(options, "enableMemory", false)) &&
                        !OL_TRY(flag(options, "disableMemory", false));
    const bool stack = !OL_TRY(flag(options, "disableStack", false));
    const bool storage = !OL_TRY(flag(options, "disableStorage", false));
    const bool return_data = OL_TRY(flag(options, "enableReturnData", false));
    const Param limit = options["limit"];
    const std::uint64_t most = limit.is_absent() ? 0 : OL_TRY(limit.any_number64());
    return make_struct_logger(memory, stack, storage, return_data, most);
}

} // namespace

std::unique_ptr<Recorder> make_selector_tracer(const TraceSubject& subject) {
    return std::make_unique<SelectorRecorder>(subject);
}

RpcResult<std::unique_ptr<Recorder>> make_recorder(const Param& options,
                                                   const TraceSubject& subject) {
    if (!options.is_absent()) OL_TRY(options.expect_object());
    const Param tracer = options["tracer"], config = options["tracerConfig"];
    if (!config.is_absent()) OL_TRY(config.expect_object());
    if (tracer.is_absent()) return struct_logger(options);
    const std::string name = OL_TRY(tracer.string());
    if (name.empty()) return struct_logger(options);
    if (name == "callTracer") {
        return make_call_tracer(subject, OL_TRY(flag(config, "onlyTopCall", false)),
                                OL_TRY(flag(config, "withLog", false)));
    }
    if (name == "prestateTracer") {
        PrestateOptions wanted;
        wanted.diff = OL_TRY(flag(config, "diffMode", false));
        wanted.code = !OL_TRY(flag(config, "disableCode", false));
        wanted.storage = !OL_TRY(flag(config, "disableStorage", false));
        wanted.empty_accounts = OL_TRY(flag(config, "includeEmpty", false));
        return make_prestate_tracer(subject, wanted);
    }
    if (name == "4byteTracer") return make_selector_tracer(subject);
    if (name == "noopTracer") return std::make_unique<NoRecorder>();
    return tracer.wrong(fmt::format("tracer '{}' not found: there are callTracer, prestateTracer, "
                                    "4byteTracer, noopTracer and, without a name, struct logs "
                                    "(no JavaScript)",
                                    name.substr(0, 40)));
}

} // namespace ol::chain::rpc
