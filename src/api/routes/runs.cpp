#include <chrono>
#include <thread>

#include "api/router.hpp"
#include "api/schema.hpp"

namespace ol::api {

namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds poll_time{200};
constexpr milliseconds keep_alive_time{15'000};

struct EventPage {
    std::string text; // of the stream
    std::uint64_t next = 0;
    bool ended = false;
};

EventPage print_events(const Json& answer, std::uint64_t from) {
    EventPage out;
    out.next = from;
    for (const auto& event : answer["events"].items()) {
        const std::uint64_t offset = event["offset"].as_uint().value_or(out.next);
        out.text += net::sse_event(event["kind"].as_string().value_or(""), event["data"].dump(),
                                   std::to_string(offset));
        out.next = std::max(out.next, offset + 1);
    }
    const auto state = answer["state"].as_string().value_or("");
    out.ended = state == "done" || state == "failed" || state == "stopped";
    return out;
}

// Follows a run: writes what there is, then looks again until the run has ended and all is written.
// The last event may be stored between an answer's events and its state: an empty answer is the end
// only when the one before it knew of the end already.
void follow(Services& services, const std::string& id, EventPage page, net::BodyStream& stream) {
    auto last_write = SteadyClock::now();
    bool known_ended = false;
    for (;;) {
        if (!page.text.empty()) {
            if (!stream.write(page.text)) return;
            last_write = SteadyClock::now();
        } else if (page.ended && known_ended) {
            stream.write(net::sse_event("end", "{}"));
            return;
        } else if (!page.ended) {
            if (SteadyClock::now() - last_write >= keep_alive_time) {
                if (!stream.write(": still here\n\n")) return;
                last_write = SteadyClock::now();
            }
            std::this_thread::sleep_for(poll_time);
        }
        known_ended = page.ended;
        if (!stream.alive()) return;
        auto answer = services.run_events(id, page.next);
        if (!answer) {
            const auto& error = answer.error();
            stream.write(net::sse_event("failure", Json::object({{"code", to_string(error.code)},
                                                                 {"message", error.context}})
                                                       .dump()));
            return;
        }
        page = print_events(*answer, page.next);
    }
}

Result<net::Response> run_events(const Call& call) {
    std::uint64_t from = OL_TRY(call.number_query("from", 0, INT64_MAX));
    // What a browser sends when it connects again: the id of the last event it got.
    const std::string last(call.request.header("last-event-id"));
    if (!last.empty()) {
        char* end = nullptr;
        const std::uint64_t seen = std::strtoull(last.c_str(), &end, 10);
        if (*end != '\0' || last[0] < '0' || last[0] > '9' || seen >= INT64_MAX) {
            return fail(ErrorCode::invalid_argument, "last-event-id '{}' is no event's id", last);
        }
        from = std::max(from, seen + 1);
    }
    const std::string id = call.param("id");
    auto page = print_events(OL_TRY(call.services.run_events(id, from)), from);
    if (page.ended && page.text.empty()) { // as in follow: once more
        page = print_events(OL_TRY(call.services.run_events(id, from)), from);
    }
    net::Response out;
    if (!last.empty() && page.ended && page.text.empty()) {
        out.status = 204; // tells a browser's EventSource not to connect again
        return out;
    }
    out.content_type = "text/event-stream";
    out.headers = {{"cache-control", "no-cache"}, {"x-accel-buffering", "no"}};
    out.stream = [&services = call.services, id, page = std::move(page)](net::BodyStream& stream) {
        follow(services, id, page, stream);
    };
    return out;
}

// The record is the body but for what is asked of the node.
Result<Json> reproduce(const Call& call) {
    Json::Object record;
    for (const auto& member : call.body.members()) {
        if (member.first != "anyway") record.push_back(member);
    }
    return call.services.reproduce(Json::object_of(std::move(record)),
                                   call.body["anyway"].as_bool().value_or(false));
}

void add_control(Router& router, const std::string& action, const std::string& summary) {
    router.add(
        {.method = "POST",
         .pattern = "/api/runs/{id}/" + action,
         .tag = "runs",
         .operation = action + "_run",
         .summary = summary,
         .response = schema::ref("Run")},
        [action](const Call& call) { return call.services.control_run(call.param("id"), action); });
}

} // namespace

void add_run_routes(Router& router) {
    using namespace schema;
    const auto count = [](std::string_view description) {
        return with_bounds(integer(description), 0, INT64_MAX);
    };
    router.add({.method = "GET",
                .pattern = "/api/runs",
                .tag = "runs",
                .operation = "list_runs",
                .summary = "Training runs, newest first",
                .response = object({{"runs", array(ref("Run"))}})},
               [](const Call& call) { return call.services.runs(); });
    router.add(
        {.method = "POST",
         .pattern = "/api/runs",
         .tag = "runs",
         .operation = "create_run",
         .summary = "Start fine-tuning an adapter on a datanet's version",
         .request = object({{"name!", with_bounds(text("becomes the adapter's id"), 1, 200)},
                            {"datanet!", text("id or name")},
                            {"version", count("0 or absent: the newest")},
                            {"epochs", with_bounds(integer(), 1, 10'000)},
                            {"rank", with_bounds(integer(), 1, 1024)},
                            {"alpha", number("scale of the adapter; twice the rank")},
                            {"learning_rate", number()},
                            {"batch", with_bounds(integer("examples a step"), 1, 4096)},
                            {"max_tokens", with_bounds(integer("of an example"), 1, 4096)},
                            {"record_limit", count("0: all records")},
                            {"seed", count("of sampling, order and noise")},
                            {"accumulation", with_bounds(integer("batches a step"), 1, 4096)},
                            {"packing", boolean("several examples share a row")},
                            {"neftune_alpha", number("noise on embeddings; 0: none")},
                            {"quantization", text("of the base: q8_0, q4_0 or empty")},
                            {"checkpointing", boolean("less memory, more time")},
                            {"rslora", boolean("scale alpha / sqrt(rank)")},
                            {"dora", boolean("learned lengths of outputs")},
                            {"dropout", number("of what the adapter sees")},
                            {"target_modules", array(text("PEFT's name: q_proj, lm_head"))},
                            {"rank_pattern", any("module or pattern of its name: its rank")},
                            {"alpha_pattern", any("module or pattern of its name: its alpha")},
                            {"schedule", text("constant, linear or cosine")},
                            {"minimum_ratio", number("of the rate, at the end")},
                            {"lora_plus_ratio", number("B learns so much faster")},
                            {"wallet", text("name of the wallet that owns the adapter")}}),
         .response = ref("Run")},
        [](const Call& call) { return call.services.create_run(call.body); });
    router.add(
        {.method = "POST",
         .pattern = "/api/runs/reproduce",
         .tag = "runs",
         .operation = "reproduce_run",
         .summary = "Train as a training record says and compare the bytes",
         .request = object({{"format!", text("of the record")},
                            {"run!", any("how it was trained")},
                            {"anyway", boolean("also where the ledger has another record")}})},
        reproduce);
    router.add({.method = "GET",
                .pattern = "/api/runs/{id}",
                .tag = "runs",
                .operation = "get_run",
                .summary = "State, step, losses and speed of a run",
                .response = ref("Run")},
               [](const Call& call) { return call.services.run(call.param("id")); });
    router.add_raw(
        {.method = "GET",
         .pattern = "/api/runs/{id}/events",
         .tag = "runs",
         .operation = "follow_run",
         .summary = "The run's events from an offset on, then live; ends with 'event: end'",
         .parameters = {{"from", "query", "offset of the first event", count("")},
                        {"last-event-id", "header", "the id after which to go on", count("")}},
         .response = text("server-sent events"),
         .response_type = "text/event-stream",
         .handler = run_events});
    add_control(router, "pause", "Stop at the next step, to go on later");
    add_control(router, "resume", "Go on where the run was paused or broken off");
    add_control(router, "stop", "End the run at its next step");
    router.add(
        {.method = "POST",
         .pattern = "/api/runs/{id}/register",
         .tag = "runs",
         .operation = "register_run",
         .summary = "Register the finished run's adapter on the ledger and serve it",
         .request = object({{"wallet!", text("name of the wallet that owns it")},
                            {"price_in", any("wei per 1,000 prompt tokens")},
                            {"price_out", any("wei per 1,000 answer tokens")}})},
        [](const Call& call) { return call.services.register_run(call.param("id"), call.body); });
}

} // namespace ol::api
