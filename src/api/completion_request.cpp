#include "api/completion_request.hpp"

#include <array>

#include "api/schema.hpp"
#include "base/limits.hpp"
#include "crypto/hash.hpp"

namespace ol::api {

namespace {

constexpr std::size_t stop_most = 16;

// Members that would change the answer's meaning; absent, null, and the value that asks for nothing
// are fine.
Status check_unsupported(const Json& body) {
    static const std::array<std::pair<std::string_view, Json>, 16> neutral = {{
        {"n", 1},
        {"best_of", 1},
        {"echo", false},
        {"suffix", ""},
        {"logprobs", false},
        {"top_logprobs", 0},
        {"presence_penalty", 0},
        {"frequency_penalty", 0},
        {"logit_bias", Json::object()},
        {"tools", Json::array()},
        {"functions", Json::array()},
        {"tool_choice", "none"},
        {"response_format", Json::object({{"type", "text"}})},
        {"audio", nullptr},
        {"modalities", Json::array({Json("text")})},
        {"prediction", nullptr},
    }};
    for (const auto& [name, harmless] : neutral) {
        const Json& given = body[name];
        const bool same_number = given.is_number() && harmless.is_number() &&
                                 given.as_double().value_or(1) == harmless.as_double().value_or(0);
        if (given.is_null() || given == harmless || same_number) continue;
        return fail(ErrorCode::unsupported, "'{}' is not supported{}", name,
                    harmless.is_null() ? "" : " (only the value " + harmless.dump() + ")");
    }
    return {};
}

Result<std::string> content_of(const Json& content, std::size_t index) {
    if (content.is_string()) return content.as_string();
    std::string out;
    for (const auto& part : content.items()) {
        const auto type = part["type"].as_string().value_or("");
        if (type != "text") {
            return fail(ErrorCode::unsupported,
                        "messages[{}]: content of type '{}' is not supported (only text)", index,
                        type);
        }
        const auto text = OL_TRY_IN(part["text"].as_string(), "messages[{}]: text", index);
        out += (out.empty() ? "" : "\n") + text;
    }
    return out;
}

Result<std::vector<factory::ChatMessage>> messages_of(const Json& messages) {
    std::vector<factory::ChatMessage> out;
    for (const auto& message : messages.items()) {
        std::string role = message["role"].as_string().value_or("");
        if (role == "developer") role = "system"; // OpenAI's newer name for it
        if (role != "system" && role != "user" && role != "assistant") {
            return fail(ErrorCode::invalid_argument,
                        "messages[{}]: the role '{}' is none of system, user, assistant",
                        out.size(), role);
        }
        auto content = OL_TRY(content_of(message["content"], out.size()));
        out.push_back({std::move(role), std::move(content)});
    }
    return out;
}

Result<std::string> prompt_of(const Json& prompt) {
    if (prompt.is_string()) return prompt.as_string();
    if (prompt.items().size() != 1) {
        return fail(ErrorCode::unsupported, "one prompt a request is supported, got {}",
                    prompt.items().size());
    }
    return prompt.items()[0].as_string();
}

Result<std::vector<std::string>> stops_of(const Json& stop) {
    std::vector<std::string> out;
    if (stop.is_string()) out.push_back(*stop.as_string());
    for (const auto& each : stop.items()) out.push_back(OL_TRY_IN(each.as_string(), "stop"));
    for (const auto& each : out) {
        if (each.empty()) return fail(ErrorCode::invalid_argument, "stop: a text is empty");
    }
    return out;
}

Result<std::uint64_t> seed_of(const Json& seed, float temperature) {
    if (seed.is_null()) {
        if (temperature == 0.0F) return 0; // no choice is made by it
        return get_be64(crypto::random_bytes(8).data());
    }
    if (const auto positive = seed.as_uint()) return *positive;
    return static_cast<std::uint64_t>(OL_TRY_IN(seed.as_int(), "seed"));
}

Status read_sampling(const Json& body, CompletionCall& call) {
    const auto number = [&](std::string_view name, float otherwise) -> float {
        return static_cast<float>(body[name].as_double().value_or(otherwise));
    };
    call.sampling.temperature = number("temperature", 0.0F);
    call.sampling.top_p = number("top_p", 1.0F);
    if (call.sampling.top_p <= 0.0F) {
        return fail(ErrorCode::invalid_argument, "top_p must be above 0");
    }
    const auto top_k = body["top_k"].as_int().value_or(0);
    call.sampling.top_k = top_k < 0 ? 0 : static_cast<std::uint32_t>(top_k); // -1: all, too
    call.sampling.repetition_penalty = number("repetition_penalty", 1.0F);
    if (call.sampling.repetition_penalty <= 0.0F) {
        return fail(ErrorCode::invalid_argument, "repetition_penalty must be above 0");
    }
    call.sampling.seed = OL_TRY(seed_of(body["seed"], call.sampling.temperature));
    const Json& newer = body["max_completion_tokens"];
    const Json& most = newer.is_null() ? body["max_tokens"] : newer;
    if (!most.is_null()) call.max_tokens = static_cast<std::uint32_t>(OL_TRY(most.as_uint()));
    call.stop = OL_TRY(stops_of(body["stop"]));
    return {};
}

Status read_payment(const net::Request& request, CompletionCall& call) {
    if (const auto payer = request.header("x-openledger-payer"); !payer.empty()) {
        call.payer = OL_TRY_IN(address_from_hex(payer), "header x-openledger-payer");
    }
    if (const auto voucher = request.header("x-openledger-voucher"); !voucher.empty()) {
        const Json json = OL_TRY_IN(Json::parse(voucher), "header x-openledger-voucher");
        call.voucher = OL_TRY_IN(market::Voucher::from_json(json), "header x-openledger-voucher");
        if (call.payer && *call.payer != call.voucher->payer) {
            return fail(ErrorCode::invalid_argument,
                        "header x-openledger-payer names {}, the voucher's payer is {}",
                        to_hex0x(call.payer->view()), to_hex0x(call.voucher->payer.view()));
        }
        call.payer = call.voucher->payer;
    }
    return {};
}

} // namespace

Result<CompletionOptions> parse_completion(const Call& call, bool chat) {
    const Json& body = call.body;
    OL_TRY(check_unsupported(body));
    CompletionOptions out;
    out.call.model = body["model"].as_string().value_or("");
    out.stream = body["stream"].as_bool().value_or(false);
    if (chat) {
        out.call.messages = OL_TRY(messages_of(body["messages"]));
    } else {
        out.call.prompt = OL_TRY(prompt_of(body["prompt"]));
    }
    OL_TRY(read_sampling(body, out.call));
    OL_TRY(read_payment(call.request, out.call));
    return out;
}

Json completion_schema(bool chat) {
    using namespace schema;
    const auto part = object({{"type!", text()}, {"text", text()}});
    const auto message = object({{"role!", text("system, user or assistant")},
                                 {"content!", one_of({text(), array(part)})}});
    const auto tokens = with_bounds(integer("64 unless told"), 1, limits::answer_tokens);
    Json out = object({
        {"model!", with_bounds(text("an adapter's id, or the base model's"), 1, 200)},
        {"temperature", with_bounds(number("0 (default): the most likely token each time"), 0, 2)},
        {"top_p", with_bounds(number(), 0, 1)},
        {"top_k", with_bounds(integer("0 or -1: all"), -1, INT32_MAX)},
        {"repetition_penalty", with_bounds(number(), 0, 10)},
        {"max_tokens", tokens},
        {"max_completion_tokens", tokens},
        {"stop", one_of({text(), with_bounds(array(text()), 0, stop_most)})},
        {"seed", integer("the same seed and request give the same answer")},
        {"stream", boolean("server-sent events, ended by 'data: [DONE]'")},
        {"n", integer("only 1")},
    });
    Json properties = out["properties"], required = out["required"];
    if (chat) {
        properties.set("messages", with_bounds(array(message), 1, limits::prompt_tokens));
        required.push("messages");
    } else {
        properties.set("prompt", one_of({text(), array(text())}));
        required.push("prompt");
    }
    out.set("properties", std::move(properties));
    out.set("required", std::move(required));
    return out;
}

} // namespace ol::api
