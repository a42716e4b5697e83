#include <chrono>

#include "api/completion_job.hpp"
#include "api/completion_request.hpp"
#include "api/schema.hpp"
#include "crypto/hash.hpp"

namespace ol::api {

namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds look_time{200}; // between two looks whether the client is there
constexpr milliseconds keep_alive_time{15'000};

// What every body of one answer repeats.
struct Frame {
    bool chat = true;
    std::string id, model;
    std::int64_t created = 0;

    Json body(std::string_view object, Json choice) const {
        return Json::object({{"id", id},
                             {"object", object},
                             {"created", created},
                             {"model", model},
                             {"choices", Json::array({std::move(choice)})}});
    }

    Json whole(const CompletionReply& reply) const {
        Json choice = Json::object({{"index", 0}});
        if (chat) {
            choice.set("message", Json::object({{"role", "assistant"}, {"content", reply.text}}));
        } else {
            choice.set("text", reply.text);
        }
        choice.set("logprobs", nullptr);
        choice.set("finish_reason", reply.finish_reason);
        return body(chat ? "chat.completion" : "text_completion", std::move(choice));
    }

    // A chunk with a delta (chat) or a text; reason: null until the last.
    std::string chunk(Json delta_or_text, Json reason) const {
        return net::sse_event("", chunk_body(std::move(delta_or_text), std::move(reason)).dump());
    }
    Json chunk_body(Json delta_or_text, Json reason) const {
        Json choice = Json::object({{"index", 0}});
        choice.set(chat ? "delta" : "text", std::move(delta_or_text));
        choice.set("logprobs", nullptr);
        choice.set("finish_reason", std::move(reason));
        return body(chat ? "chat.completion.chunk" : "text_completion", std::move(choice));
    }
    std::string text_chunk(const std::string& text) const {
        return chunk(chat ? Json::object({{"content", text}}) : Json(text), nullptr);
    }
};

void add_ending(Json& body, const CompletionReply& reply) {
    const std::uint64_t total = std::uint64_t{reply.prompt_tokens} + reply.completion_tokens;
    body.set("usage", Json::object({{"prompt_tokens", reply.prompt_tokens},
                                    {"completion_tokens", reply.completion_tokens},
                                    {"total_tokens", total}}));
    body.set("openledger", reply.receipt);
}

Frame make_frame(const Call& call, const CompletionOptions& options, bool chat) {
    const Bytes random = crypto::random_bytes(12);
    return {.chat = chat,
            .id = (chat ? "chatcmpl-" : "cmpl-") + to_hex(random),
            .model = options.call.model,
            .created = call.clock.unix_ms() / 1000};
}

// 402 with a quote, or any other error's reply.
net::Response failure_response(Services& services, const CompletionCall& call, const Error& error) {
    net::Response out = error_response(error);
    if (error.code != ErrorCode::payment) return out;
    const auto quote = services.quote(call);
    if (!quote) return error_response(quote.error());
    Json body = Json::object(
        {{"error", Json::object({{"code", to_string(error.code)}, {"message", error.context}})}});
    body.set("quote", *quote);
    out.body = body.dump();
    return out;
}

void write_stream(CompletionJob& job, const Frame& frame, net::BodyStream& stream) {
    const Json opening =
        frame.chat ? Json::object({{"role", "assistant"}, {"content", ""}}) : Json("");
    if (frame.chat && !stream.write(frame.chunk(opening, nullptr))) return;
    auto last_write = SteadyClock::now();
    for (;;) {
        const Result<CompletionReply>* outcome =
            job.outcome(); // before the text: then all is there
        if (const std::string text = job.take_text(); !text.empty()) {
            if (!stream.write(frame.text_chunk(text))) return;
            last_write = SteadyClock::now();
        }
        if (outcome != nullptr && !*outcome) {
            const Error& error = outcome->error();
            stream.write(net::sse_event("", error_response(error).body));
            return;
        }
        if (outcome != nullptr) {
            const CompletionReply& reply = **outcome;
            Json last =
                frame.chunk_body(frame.chat ? Json::object() : Json(""), reply.finish_reason);
            add_ending(last, reply);
            stream.write(net::sse_event("", last.dump())) &&
                stream.write(net::sse_event("", "[DONE]"));
            return;
        }
        if (!stream.alive()) return;
        if (SteadyClock::now() - last_write >= keep_alive_time) {
            if (!stream.write(": still here\n\n")) return;
            last_write = SteadyClock::now();
        }
        job.wait(look_time);
    }
}

Result<net::Response> complete(const Call& call, bool chat) {
    CompletionOptions options = OL_TRY(parse_completion(call, chat));
    const Frame frame = make_frame(call, options, chat);
    if (!options.stream) {
        auto reply = call.services.complete(options.call, [](std::string_view) { return true; });
        if (!reply) return failure_response(call.services, options.call, reply.error());
        Json body = frame.whole(*reply);
        add_ending(body, *reply);
        return json_response(body);
    }
    auto job = std::make_shared<CompletionJob>(call.services, options.call);
    // Headers go out with the first text; what fails before it has a status of its own.
    while (!job->wait(keep_alive_time)) {
    }
    if (const auto* outcome = job->outcome(); outcome != nullptr && !*outcome) {
        return failure_response(call.services, options.call, outcome->error());
    }
    net::Response out;
    out.content_type = "text/event-stream";
    out.headers = {{"cache-control", "no-cache"}, {"x-accel-buffering", "no"}};
    out.stream = [job, frame](net::BodyStream& stream) { write_stream(*job, frame, stream); };
    return out;
}

Json completion_response(bool chat) {
    using namespace schema;
    Json choice = chat ? object({{"index!", integer()},
                                 {"message!", object({{"role!", text()}, {"content!", text()}})},
                                 {"finish_reason!", text("stop or length")}})
                       : object({{"index!", integer()},
                                 {"text!", text()},
                                 {"finish_reason!", text("stop or length")}});
    return object({{"id!", text()},
                   {"object!", text()},
                   {"created!", integer("seconds since 1970")},
                   {"model!", text()},
                   {"choices!", array(std::move(choice))},
                   {"usage!", ref("Usage")},
                   {"openledger!", or_null(ref("Receipt"))}});
}

void add_completion_route(Router& router, bool chat) {
    router.add_raw({.method = "POST",
                    .pattern = chat ? "/v1/chat/completions" : "/v1/completions",
                    .tag = "completions",
                    .operation = chat ? "create_chat_completion" : "create_completion",
                    .summary = chat ? "Answer a chat, with a receipt of who is paid for it"
                                    : "Continue a text, with a receipt of who is paid for it",
                    .parameters = {{"x-openledger-voucher", "header",
                                    "the payer's signed promise, as JSON: "
                                    "{\"payer\",\"host\",\"cumulative\",\"signature\"}",
                                    schema::text()},
                                   {"x-openledger-payer", "header",
                                    "whose debt the quote of a 402 counts", schema::address()}},
                    .request = completion_schema(chat),
                    .response = completion_response(chat),
                    .payment = true,
                    .handler = [chat](const Call& call) { return complete(call, chat); }});
}

} // namespace

void add_completion_routes(Router& router) {
    add_completion_route(router, true);
    add_completion_route(router, false);
}

} // namespace ol::api
