#include <chrono>
#include <thread>

#include "api/router.hpp"
#include "api/schema.hpp"
#include "factory/run.hpp"

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

Json count(std::string_view description) {
    return schema::with_bounds(schema::integer(description), 0, INT64_MAX);
}

// What a run is told, with what it does where it is not told: the console's form shows both.
Json new_run() {
    using namespace schema;
    const auto config = factory::default_run_config().to_json();
    const auto& lora = config["lora"];
    const auto& optimizer = config["optimizer"];
    const auto with_default = [](Json schema, const Json& value) {
        return schema.set("default", value);
    };
    const auto whole = [&](std::string_view description, std::int64_t most, const Json& value) {
        return with_default(with_bounds(integer(description), 1, most), value);
    };
    const auto real = [&](std::string_view description, const Json& value) {
        return with_default(number(description), value);
    };
    const auto flag = [&](std::string_view description, const Json& value) {
        return with_default(boolean(description), value);
    };
    const auto one_of_these = [&](std::initializer_list<std::string_view> allowed,
                                  std::string_view description, const Json& value) {
        return with_default(values(allowed).set("description", description), value);
    };
    return object(
        {{"name!", with_bounds(text("becomes the adapter's id"), 1, 200)},
         {"datanet!", text("id or name")},
         {"version", count("0 or absent: the newest")},
         {"epochs", whole("passes over the records", 10'000, config["epochs"])},
         {"rank", whole("of the adapter", 1024, lora["rank"])},
         {"alpha", number("scale of the adapter; absent: twice the rank")},
         {"learning_rate", real("of AdamW", optimizer["learning_rate"])},
         {"batch", whole("examples a step", 4096, config["batch_examples"])},
         {"max_tokens", whole("of an example", 4096, config["max_tokens"])},
         {"record_limit", with_default(count("0: all records"), config["record_limit"])},
         {"seed", with_default(count("of sampling, order and noise"), config["seed"])},
         {"accumulation", whole("batches a step", 4096, config["accumulation"])},
         {"packing", flag("several examples share a row", config["packing"])},
         {"neftune_alpha", real("noise on embeddings; 0: none", config["neftune_alpha"])},
         {"quantization",
          one_of_these({"", "q8_0", "q4_0"}, "of the base while training", config["quantization"])},
         {"checkpointing", flag("less memory, more time", config["checkpointing"])},
         {"rslora", flag("scale alpha / sqrt(rank)", lora["rslora"])},
         {"dora", flag("learned lengths of outputs", lora["dora"])},
         {"dropout", real("of what the adapter sees", lora["dropout"])},
         {"target_modules",
          with_default(array(text("PEFT's name: q_proj, lm_head")), lora["targets"])},
         {"rank_pattern", any("module or pattern of its name: its rank")},
         {"alpha_pattern", any("module or pattern of its name: its alpha")},
         {"schedule", one_of_these({"constant", "linear", "cosine"}, "of the learning rate",
                                   optimizer["schedule"])},
         {"minimum_ratio", real("of the rate, at the end", optimizer["minimum_ratio"])},
         {"lora_plus_ratio", real("B learns so much faster", optimizer["lora_plus_ratio"])},
         {"wallet", text("name of the wallet that owns the adapter")}});
}

} // namespace

void add_run_routes(Router& router) {
    using namespace schema;
    router.add({.method = "GET",
                .pattern = "/api/runs",
                .tag = "runs",
                .operation = "list_runs",
                .summary = "Training runs, newest first",
                .response = object({{"runs", array(ref("Run"))}})},
               [](const Call& call) { return call.services.runs(); });
    router.add({.method = "POST",
                .pattern = "/api/runs",
                .tag = "runs",
                .operation = "create_run",
                .summary = "Start fine-tuning an adapter on a datanet's version",
                .request = new_run(),
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
