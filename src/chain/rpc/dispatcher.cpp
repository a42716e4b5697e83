#include "chain/rpc/dispatcher.hpp"

#include <exception>

#include "base/check.hpp"
#include "base/log.hpp"

namespace ol::chain::rpc {

using codec::Json;

void MethodTable::add(std::string name, std::size_t least, std::size_t most, Run run) {
    Method method{name, least, most, std::move(run)};
    const bool added = methods_.emplace(std::move(name), std::move(method)).second;
    OL_CHECK(added);
}

void MethodTable::alias(std::string name, std::string_view of) {
    const Method* method = find(of);
    OL_CHECK(method != nullptr);
    add(std::move(name), method->least, method->most, method->run);
}

const MethodTable::Method* MethodTable::find(std::string_view name) const {
    const auto found = methods_.find(name);
    return found == methods_.end() ? nullptr : &found->second;
}

namespace {

bool is_id(const Json& id) { return id.is_null() || id.is_string() || id.is_number(); }

void begin_answer(Writer& out, const Json& id) {
    out.begin_object();
    out.member("jsonrpc", "2.0");
    out.member("id", is_id(id) ? id : Json());
}

void print_error(Writer& out, const Json& id, const RpcError& error) {
    begin_answer(out, id);
    out.key("error");
    out.begin_object();
    out.key("code");
    out.raw(std::to_string(error.code));
    out.member("message", error.message);
    if (!error.data.empty()) {
        out.key("data");
        out.raw(error.data);
    }
    out.end_object();
    out.end_object();
}

} // namespace

Dispatcher::Dispatcher(const MethodTable& table, DispatcherOptions options)
    : table_(table)
    , options_(options) {}

RpcStatus Dispatcher::run(const Json& request, Answer& answer, Writer& out,
                          const net::WebSocketPtr& socket) const {
    if (!request.is_object()) return rpc_fail(invalid_request, "invalid request");
    if (!is_id(request["id"])) {
        return rpc_fail(invalid_request, "invalid request: id must be a string, a number or null");
    }
    const std::string_view name = request["method"].text();
    if (name.empty()) return rpc_fail(invalid_request, "invalid request: no method");
    const MethodTable::Method* method = table_.find(name);
    if (method == nullptr) {
        return rpc_fail(method_not_found, "the method {} does not exist/is not available", name);
    }
    const Json& given = request["params"];
    if (!given.is_null() && !given.is_array()) {
        return rpc_fail(invalid_params, "{}: params: non-array args", name);
    }
    std::size_t count = given.items().size();
    while (count > 0 && given.items()[count - 1].is_null()) --count;
    if (count < method->least) {
        return rpc_fail(invalid_params, "{}: missing value for required argument {}", name, count);
    }
    if (given.items().size() > method->most) {
        return rpc_fail(invalid_params, "{}: too many arguments, want at most {}", name,
                        method->most);
    }
    const Param params(method->name, given);
    Call call{.params = params, .out = out, .socket = socket, .after = {}};
    begin_answer(out, request["id"]);
    out.key("result");
    auto status = [&]() -> RpcStatus {
        try {
            return method->run(call);
        } catch (const std::exception& error) {
            // Of a library below, at its worst: no memory. The request fails, not the server.
            log::error("rpc", "{} failed: {}", name, error.what());
            return rpc_fail(internal_error, "{} failed inside the server; its log says why", name);
        }
    }();
    if (!status) return status;
    out.end_object();
    for (auto& each : call.after) answer.after.push_back(std::move(each));
    return {};
}

void Dispatcher::answer_one(const Json& request, Answer& answer, Writer& out,
                            const net::WebSocketPtr& socket) const {
    const std::size_t before = out.size();
    const auto status = run(request, answer, out, socket);
    // A notification has no id and gets no answer (JSON-RPC 2.0, section 4.1).
    const bool is_notification =
        request.is_object() && !request.contains("id") && request["method"].is_string();
    if (is_notification) return out.truncate(before);
    if (status) return;
    out.truncate(before);
    print_error(out, request["id"], status.error());
}

Dispatcher::Answer Dispatcher::handle(std::string_view request,
                                      const net::WebSocketPtr& socket) const {
    Answer answer;
    Writer out;
    const auto parsed = Json::parse(request);
    if (!parsed) {
        print_error(out, Json(), RpcError(parse_error, "parse error: " + parsed.error().context));
    } else if (!parsed->is_array()) {
        answer_one(*parsed, answer, out, socket);
    } else if (parsed->items().empty()) {
        print_error(out, Json(), RpcError(invalid_request, "empty batch"));
    } else if (parsed->items().size() > options_.batch_limit) {
        print_error(
            out, Json(),
            RpcError(invalid_request, fmt::format("batch too large: {} calls, at most {}",
                                                  parsed->items().size(), options_.batch_limit)));
    } else {
        out.begin_array();
        for (const Json& each : parsed->items()) {
            if (out.size() > options_.answer_limit_bytes) {
                print_error(
                    out, each["id"],
                    RpcError(limit_exceeded, "the batch's answers are larger than " +
                                                 std::to_string(options_.answer_limit_bytes) +
                                                 " bytes; send smaller batches"));
                continue;
            }
            answer_one(each, answer, out, socket);
        }
        out.end_array();
        if (out.size() == 2) out.truncate(0); // notifications alone
    }
    answer.text = out.take();
    return answer;
}

} // namespace ol::chain::rpc
