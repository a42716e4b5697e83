#include "net/json_rpc.hpp"

#include "base/limits.hpp"

namespace ol::net {

using codec::Json;

namespace {

// Where nodes put the revert data: error.data itself, or a member of it.
std::string hex_of(const Json& data) {
    for (const Json* each : {&data, &data["data"], &data["result"]}) {
        if (auto text = each->as_string(); text && text->starts_with("0x")) return *text;
    }
    return {};
}

} // namespace

JsonRpcClient::JsonRpcClient(std::string url)
    : url_(std::move(url)) {}

Result<Json> JsonRpcClient::call(std::string_view method, Json params) {
    const std::uint64_t id = next_id_++;
    ClientRequest request;
    request.method = "POST";
    request.url = url_;
    request.headers = {{"content-type", "application/json"}};
    request.body =
        Json::object(
            {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}})
            .dump();
    request.reply_limit_bytes = limits::rpc_reply_bytes;
    const auto reply = OL_TRY_IN(client_.send(request), "{}", method);
    auto parsed = Json::parse(reply.body);
    if (!parsed || !parsed->is_object()) {
        return fail(ErrorCode::unavailable,
                    "{}: {} answered HTTP {} and no JSON-RPC (is this the address of a ledger?)",
                    method, url_, reply.status);
    }
    if (const Json& error = (*parsed)["error"]; !error.is_null()) {
        const auto code = error["code"].as_int();
        const auto message = error["message"].as_string();
        const std::string hex = hex_of(error["data"]);
        return fail(ErrorCode::conflict, "{}: code {}, {}{}{}", method, code.value_or(0),
                    message.value_or(error.dump()), hex.empty() ? "" : ", data ", hex);
    }
    if (const auto answered = (*parsed)["id"].as_uint(); !answered || *answered != id) {
        return fail(ErrorCode::unavailable, "{}: {} answered another request (id {}, not {})",
                    method, url_, (*parsed)["id"].dump(), id);
    }
    if (!parsed->contains("result")) {
        return fail(ErrorCode::unavailable, "{}: {} answered HTTP {} with neither result nor error",
                    method, url_, reply.status);
    }
    return (*parsed)["result"];
}

} // namespace ol::net
