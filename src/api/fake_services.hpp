// FakeServices: for the tests of the routes. It writes down how it was called, and answers with
// what the test set.
#pragma once

#include <atomic>
#include <mutex>

#include "api/services.hpp"

namespace ol::api {

class FakeServices final : public Services {
public:
    // Set before the calls.
    std::optional<Error> error;
    std::optional<Error> quote_error;
    std::vector<std::string> pieces = {"Hello", ", ", "world"};
    Json answer_receipt = Json::object({{"hash", "0x01"}});
    std::optional<Error> late_error; // of complete, after the pieces
    std::function<void()> between_pieces = [] {};
    std::vector<Json> events;
    std::atomic<bool> events_ended = true;
    // Read after them.
    std::string last; // "datanet foldoc"
    CompletionCall completion;
    std::vector<UploadedFile> files;
    std::atomic<int> completions_ended = 0;
    std::mutex mutex; // of events

    Result<Json> status() override { return note("status"); }
    Result<Json> datanets() override { return note("datanets"); }
    Result<Json> datanet(const std::string& id) override { return note("datanet " + id); }
    Result<Json> create_datanet(const Json& request) override {
        return note("create_datanet " + request.dump());
    }
    Result<Json> contribute(const std::string& id, const std::string& wallet,
                            const std::string& licence,
                            const std::vector<UploadedFile>& given) override {
        files = given;
        return note("contribute " + id + " " + wallet + " " + licence);
    }
    Result<Json> records(const std::string& id, std::uint64_t offset,
                         std::uint64_t limit) override {
        return note(fmt::format("records {} {} {}", id, offset, limit));
    }
    Result<Json> record(const std::string& id, const Hash32& record) override {
        return note("record " + id + " " + to_hex(record.view()));
    }
    Result<Json> versions(const std::string& id) override { return note("versions " + id); }
    Result<Json> publish(const std::string& id) override { return note("publish " + id); }
    Result<Json> verify_datanet(const std::string& id, std::uint64_t version) override {
        return note(fmt::format("verify_datanet {} {}", id, version));
    }
    Result<Json> trace(const std::string& id, std::uint64_t version,
                       const std::string& text) override {
        return note(fmt::format("trace {} {} {}", id, version, text));
    }
    Result<Json> runs() override { return note("runs"); }
    Result<Json> create_run(const Json& request) override {
        return note("create_run " + request.dump());
    }
    Result<Json> run(const std::string& id) override { return note("run " + id); }
    Result<Json> run_events(const std::string& id, std::uint64_t from) override {
        if (error) return std::unexpected(*error);
        const std::lock_guard lock(mutex);
        last = fmt::format("run_events {} {}", id, from);
        Json list = Json::array();
        const bool ended = events_ended; // before the events: none is added after it
        for (const auto& event : events) {
            if (event["offset"].as_uint().value_or(0) < from) continue;
            list.push(event);
            if (list.items().size() == 2) break; // pages
        }
        return Json::object({{"events", list}, {"state", ended ? "done" : "running"}});
    }
    Result<Json> control_run(const std::string& id, const std::string& action) override {
        return note("control_run " + id + " " + action);
    }
    Result<Json> register_run(const std::string& id, const Json& request) override {
        return note("register_run " + id + " " + request.dump());
    }
    Result<Json> models() override {
        Json out = OL_TRY(note("models"));
        return out.set("data", Json::array({Json::object({{"id", "base"}}),
                                            Json::object({{"id", "foldoc"}})}));
    }
    Result<Json> verify_model(const std::string& model, bool retrain) override {
        return note(fmt::format("verify_model {} {}", model, retrain));
    }
    Result<Json> reproduce(const Json& record, bool anyway) override {
        return note(fmt::format("reproduce {} {}", record.dump(), anyway));
    }
    Result<Json> quote(const CompletionCall&) override {
        if (quote_error) return std::unexpected(*quote_error);
        return Json::object({{"price_wei", "123"}});
    }
    Result<CompletionReply>
    complete(const CompletionCall& call,
             const std::function<bool(std::string_view)>& on_text) override {
        completion = call;
        struct Ending {
            std::atomic<int>& count;
            ~Ending() { ++count; }
        } ending{completions_ended};
        if (error) return std::unexpected(*error);
        CompletionReply out;
        for (const auto& piece : pieces) {
            out.text += piece;
            if (!on_text(piece)) return fail(ErrorCode::cancelled, "the client left");
            between_pieces();
        }
        if (late_error) return std::unexpected(*late_error);
        out.finish_reason = "stop";
        out.prompt_tokens = 7;
        out.completion_tokens = 3;
        out.receipt = answer_receipt;
        return out;
    }
    Result<Json> load_adapter(const std::string& id) override { return note("load " + id); }
    Result<Json> unload_adapter(const std::string& id) override { return note("unload " + id); }
    Result<Json> receipts(std::uint64_t offset, std::uint64_t limit) override {
        return note(fmt::format("receipts {} {}", offset, limit));
    }
    Result<Json> receipt_of(std::string_view what, const Hash32& hash) {
        return note(fmt::format("{} {}", what, to_hex(hash.view())));
    }
    Result<Json> receipt(const Hash32& hash) override { return receipt_of("receipt", hash); }
    Result<Json> verify_receipt(const Hash32& hash) override {
        return receipt_of("verify_receipt", hash);
    }
    Result<Json> epochs() override { return note("epochs"); }
    Result<Json> epoch(std::uint64_t number) override {
        return note(fmt::format("epoch {}", number));
    }
    Result<Json> settle() override { return note("settle"); }
    Result<Json> finalise() override { return note("finalise"); }
    Result<Json> claim(const Address& account) override { return note_account("claim", account); }
    Result<Json> account(const Address& account) override {
        return note_account("account", account);
    }
    Result<Json> contracts() override { return note("contracts"); }
    Result<Json> fund(const Address& account) override { return note_account("fund", account); }
    Result<std::string> rpc(const std::string& body) override {
        OL_TRY(note("rpc"));
        return "echo " + body;
    }

private:
    Result<Json> note(std::string what) {
        if (error) return std::unexpected(*error);
        last = what;
        return Json::object({{"did", std::move(what)}});
    }
    Result<Json> note_account(std::string_view what, const Address& account) {
        return note(fmt::format("{} {}", what, to_hex(account.view())));
    }
};

} // namespace ol::api
