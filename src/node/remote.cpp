#include "node/remote.hpp"

#include <algorithm>
#include <optional>

#include "codec/base64.hpp"

namespace ol::node {

using api::Json;

namespace {

constexpr std::int64_t long_call_ms = 3'600'000; // contributions, publication, settlement

// A path segment or query value with everything but unreserved characters escaped (RFC 3986).
std::string escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

ErrorCode code_from(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i) {
        const auto code = static_cast<ErrorCode>(i);
        if (to_string(code) == name) return code;
    }
    return ErrorCode::internal;
}

Error error_from(const Json& body, int status) {
    const auto code = body["error"]["code"].as_string();
    const auto message = body["error"]["message"].as_string();
    if (!code || !message) {
        return Error{ErrorCode::unavailable, fmt::format("the node answered HTTP {}", status)};
    }
    return Error{code_from(*code), *message};
}

Json call_body(const api::CompletionCall& call, bool stream) {
    Json body = Json::object({{"model", call.model}, {"max_tokens", call.max_tokens}});
    if (call.prompt) {
        body.set("prompt", *call.prompt);
    } else {
        Json messages = Json::array();
        for (const auto& message : call.messages) {
            messages.push(Json::object({{"role", message.role}, {"content", message.content}}));
        }
        body.set("messages", std::move(messages));
    }
    body.set("temperature", static_cast<double>(call.sampling.temperature));
    body.set("top_p", static_cast<double>(call.sampling.top_p));
    body.set("top_k", call.sampling.top_k);
    body.set("repetition_penalty", static_cast<double>(call.sampling.repetition_penalty));
    body.set("seed", call.sampling.seed);
    if (!call.stop.empty()) {
        Json stop = Json::array();
        for (const auto& text : call.stop) stop.push(text);
        body.set("stop", std::move(stop));
    }
    body.set("stream", stream);
    return body;
}

std::string path_of(const api::CompletionCall& call) {
    return call.prompt ? "/v1/completions" : "/v1/chat/completions";
}

// One server-sent event.
struct ServerEvent {
    std::string name, data;
    std::string id;
};

// Server-sent events as they arrive in pieces: calls back with each whole one.
class EventReader {
public:
    template <class OnEvent>
    bool feed(std::string_view bytes, const OnEvent& on_event) {
        buffer_ += bytes;
        for (;;) {
            const auto end = buffer_.find("\n\n");
            if (end == std::string::npos) return true;
            const auto event = parse(std::string_view(buffer_).substr(0, end));
            buffer_.erase(0, end + 2);
            if (event.data.empty()) continue; // a comment that keeps the connection alive
            if (!on_event(event)) return false;
        }
    }

private:
    static ServerEvent parse(std::string_view block) {
        ServerEvent out;
        while (!block.empty()) {
            auto line = block.substr(0, block.find('\n'));
            block.remove_prefix(std::min(line.size() + 1, block.size()));
            const auto colon = line.find(':');
            auto value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
            if (value.starts_with(' ')) value.remove_prefix(1);
            const auto field = line.substr(0, colon);
            if (field == "data") {
                if (!out.data.empty()) out.data += '\n';
                out.data += value;
            } else if (field == "event") {
                out.name = value;
            } else if (field == "id") {
                out.id = value;
            }
        }
        return out;
    }

    std::string buffer_;
};

} // namespace

RemoteServices::RemoteServices(std::string url)
    : url_(std::move(url)) {
    while (url_.ends_with('/')) url_.pop_back();
}

Result<Json> RemoteServices::get(const std::string& path) {
    net::ClientRequest request;
    request.url = url_ + path;
    const auto reply = OL_TRY(client_.send(request));
    auto body = Json::parse(reply.body);
    if (reply.status != 200) {
        return std::unexpected(error_from(body ? *body : Json(), reply.status));
    }
    return body;
}

Result<Json> RemoteServices::post(const std::string& path, const Json& body) {
    net::ClientRequest request;
    request.method = "POST";
    request.url = url_ + path;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body.dump();
    request.timeout_ms = long_call_ms;
    const auto reply = OL_TRY(client_.send(request));
    auto parsed = Json::parse(reply.body);
    if (reply.status != 200) {
        return std::unexpected(error_from(parsed ? *parsed : Json(), reply.status));
    }
    return parsed;
}

Result<Json> RemoteServices::status() { return get("/api/status"); }
Result<Json> RemoteServices::datanets() { return get("/api/datanets"); }
Result<Json> RemoteServices::datanet(const std::string& id) {
    return get("/api/datanets/" + escape(id));
}
Result<Json> RemoteServices::create_datanet(const Json& request) {
    return post("/api/datanets", request);
}

Result<Json> RemoteServices::contribute(const std::string& datanet, const std::string& wallet,
                                        const std::string& licence,
                                        const std::vector<api::UploadedFile>& files) {
    Json rows = Json::array();
    for (const auto& file : files) {
        rows.push(Json::object({{"name", file.name},
                                {"content_base64", codec::base64_encode(as_bytes(file.content))}}));
    }
    return post(
        "/api/datanets/" + escape(datanet) + "/contributions",
        Json::object({{"wallet", wallet}, {"licence", licence}, {"files", std::move(rows)}}));
}

Result<Json> RemoteServices::records(const std::string& datanet, std::uint64_t offset,
                                     std::uint64_t limit) {
    return get(
        fmt::format("/api/datanets/{}/records?offset={}&limit={}", escape(datanet), offset, limit));
}
Result<Json> RemoteServices::record(const std::string& datanet, const Hash32& record_id) {
    return get(
        fmt::format("/api/datanets/{}/records/{}", escape(datanet), to_hex0x(record_id.view())));
}
Result<Json> RemoteServices::versions(const std::string& datanet) {
    return get("/api/datanets/" + escape(datanet) + "/versions");
}
Result<Json> RemoteServices::publish(const std::string& datanet) {
    return post("/api/datanets/" + escape(datanet) + "/versions", Json::object());
}
Result<Json> RemoteServices::verify_datanet(const std::string& datanet, std::uint64_t version) {
    return post(fmt::format("/api/datanets/{}/versions/{}/verify", escape(datanet), version),
                Json::object());
}
Result<Json> RemoteServices::trace(const std::string& datanet, std::uint64_t version,
                                   const std::string& text) {
    return post("/api/trace",
                Json::object({{"datanet", datanet}, {"version", version}, {"text", text}}));
}

Result<Json> RemoteServices::runs() { return get("/api/runs"); }
Result<Json> RemoteServices::create_run(const Json& request) { return post("/api/runs", request); }
Result<Json> RemoteServices::run(const std::string& id) { return get("/api/runs/" + escape(id)); }

Result<Json> RemoteServices::run_events(const std::string& id, std::uint64_t from_offset) {
    // The stream follows a live run; one look takes what is there and hangs up.
    Json rows = Json::array();
    const auto now = OL_TRY(run(id));
    const auto end = OL_TRY(OL_TRY(now.require("events"))->as_uint());
    if (from_offset < end) {
        EventReader reader;
        net::ClientRequest request;
        request.url = fmt::format("{}/api/runs/{}/events?from={}", url_, escape(id), from_offset);
        std::uint64_t next = from_offset;
        request.on_data = [&](std::string_view bytes) {
            return reader.feed(bytes, [&](const ServerEvent& event) {
                const auto offset = U256::from_decimal(event.id);
                auto data = Json::parse(event.data);
                if (!offset || !data) return false;
                rows.push(Json::object({{"offset", offset->low_u64()},
                                        {"kind", event.name},
                                        {"data", std::move(*data)}}));
                next = offset->low_u64() + 1;
                return next < end;
            });
        };
        const auto reply = client_.send(request);
        if (!reply && next < end) return std::unexpected(reply.error());
    }
    return Json::object({{"events", std::move(rows)}, {"state", now["state"]}});
}

Result<Json> RemoteServices::control_run(const std::string& id, const std::string& action) {
    return post("/api/runs/" + escape(id) + "/" + escape(action), Json::object());
}
Result<Json> RemoteServices::register_run(const std::string& id, const Json& request) {
    return post("/api/runs/" + escape(id) + "/register", request);
}

Result<Json> RemoteServices::models() { return get("/v1/models"); }

Result<Json> RemoteServices::verify_model(const std::string& model, bool retrain) {
    return post("/api/models/" + escape(model) + "/verify", Json::object({{"retrain", retrain}}));
}

Result<Json> RemoteServices::reproduce(const Json& record, bool anyway) {
    Json body = record;
    return post("/api/runs/reproduce", body.set("anyway", anyway));
}

Result<Json> RemoteServices::quote(const api::CompletionCall& call) {
    net::ClientRequest request;
    request.method = "POST";
    request.url = url_ + path_of(call);
    request.headers = {{"Content-Type", "application/json"}};
    if (call.payer)
        request.headers.emplace_back("X-OpenLedger-Payer", to_hex0x(call.payer->view()));
    request.body = call_body(call, false).dump();
    const auto reply = OL_TRY(client_.send(request));
    const auto body = OL_TRY(Json::parse(reply.body));
    if (reply.status != 402) return std::unexpected(error_from(body, reply.status));
    return body["quote"];
}

Result<api::CompletionReply>
RemoteServices::complete(const api::CompletionCall& call,
                         const std::function<bool(std::string_view)>& on_text) {
    api::CompletionReply out;
    net::ClientRequest request;
    request.method = "POST";
    request.url = url_ + path_of(call);
    request.headers = {{"Content-Type", "application/json"}};
    if (call.voucher) {
        request.headers.emplace_back("X-OpenLedger-Voucher", call.voucher->to_json().dump());
    }
    request.body = call_body(call, true).dump();
    request.timeout_ms = long_call_ms;
    EventReader reader;
    std::optional<Error> failure;
    std::string plain;
    bool done = false;
    request.on_data = [&](std::string_view bytes) {
        plain += bytes;
        return reader.feed(bytes, [&](const ServerEvent& received) {
            if (received.data == "[DONE]") {
                done = true;
                return true;
            }
            const auto event = Json::parse(received.data);
            if (!event) {
                failure = event.error();
                return false;
            }
            if (event->contains("error")) {
                failure = error_from(*event, 200);
                return false;
            }
            if (event->contains("openledger")) out.receipt = (*event)["openledger"];
            if (event->contains("usage") && (*event)["usage"].is_object()) {
                const auto& usage = (*event)["usage"];
                out.prompt_tokens =
                    static_cast<std::uint32_t>(usage["prompt_tokens"].as_uint().value_or(0));
                out.completion_tokens =
                    static_cast<std::uint32_t>(usage["completion_tokens"].as_uint().value_or(0));
            }
            for (const auto& choice : (*event)["choices"].items()) {
                const auto text = call.prompt ? choice["text"].as_string()
                                              : choice["delta"]["content"].as_string();
                if (const auto reason = choice["finish_reason"].as_string()) {
                    out.finish_reason = *reason;
                }
                if (!text) continue;
                out.text += *text;
                if (on_text && !on_text(*text)) return false;
            }
            return true;
        });
    };
    const auto reply = client_.send(request);
    if (failure) return std::unexpected(*failure);
    if (!reply) return std::unexpected(reply.error());
    if (reply->status != 200) {
        const auto body = Json::parse(plain.empty() ? reply->body : plain);
        return std::unexpected(error_from(body ? *body : Json(), reply->status));
    }
    if (!done) {
        return fail(ErrorCode::unavailable, "the node ended the answer early; nothing was charged "
                                            "unless `openledger receipt list` shows it");
    }
    return out;
}

Result<Json> RemoteServices::load_adapter(const std::string& id) {
    return post("/v1/load_lora_adapter", Json::object({{"lora_name", id}}));
}
Result<Json> RemoteServices::unload_adapter(const std::string& id) {
    return post("/v1/unload_lora_adapter", Json::object({{"lora_name", id}}));
}

Result<Json> RemoteServices::receipts(std::uint64_t offset, std::uint64_t limit) {
    return get(fmt::format("/api/receipts?offset={}&limit={}", offset, limit));
}
Result<Json> RemoteServices::receipt(const Hash32& hash) {
    return get("/api/receipts/" + to_hex0x(hash.view()));
}
Result<Json> RemoteServices::verify_receipt(const Hash32& hash) {
    return get("/api/receipts/" + to_hex0x(hash.view()) + "/verify");
}
Result<Json> RemoteServices::epochs() { return get("/api/epochs"); }
Result<Json> RemoteServices::epoch(std::uint64_t number) {
    return get(fmt::format("/api/epochs/{}", number));
}
Result<Json> RemoteServices::settle() { return post("/api/epochs/settle", Json::object()); }
Result<Json> RemoteServices::finalise() { return post("/api/epochs/finalise", Json::object()); }
Result<Json> RemoteServices::claim(const Address& account) {
    return post("/api/accounts/" + to_hex0x(account.view()) + "/claim", Json::object());
}
Result<Json> RemoteServices::account(const Address& account) {
    return get("/api/accounts/" + to_hex0x(account.view()));
}
Result<Json> RemoteServices::contracts() { return get("/api/contracts"); }
Result<Json> RemoteServices::fund(const Address& account) {
    return post("/api/accounts/" + to_hex0x(account.view()) + "/fund", Json::object());
}
Result<std::string> RemoteServices::rpc(const std::string& body) {
    return OL_TRY(post("/rpc", OL_TRY(Json::parse(body)))).dump();
}

} // namespace ol::node
