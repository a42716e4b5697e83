// Services: what the routes need of the node. The routes parse, call and print; the node implements
// this by joining the parts below (which know nothing of each other). Every method is thread-safe.
// Answers are the JSON bodies that docs/API.md and /openapi.json describe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "codec/json.hpp"
#include "factory/format.hpp"
#include "market/voucher.hpp"
#include "model/sampler.hpp"

namespace ol::api {

using codec::Json;

struct CompletionCall {
    std::string model; // adapter id (name); the base's name: no adapter, no attribution
    std::vector<factory::ChatMessage> messages; // chat form, or
    std::optional<std::string> prompt;          // text form
    std::uint32_t max_tokens = 64;
    model::SamplingConfig sampling;
    std::vector<std::string> stop;
    std::optional<market::Voucher> voucher;
    std::optional<Address> payer; // whose debt a quote counts; the voucher's payer goes first
};

struct CompletionReply {
    std::string text, finish_reason;
    std::uint32_t prompt_tokens = 0, completion_tokens = 0;
    Json receipt; // null for the base alone; the receipt's JSON with texts of spans otherwise
};

struct UploadedFile {
    std::string name;    // keeps its extension; no folders
    std::string content; // bytes
};

class Services {
public:
    virtual ~Services() = default;

    virtual Result<Json> status() = 0;
    virtual Result<Json> datanets() = 0;
    virtual Result<Json> datanet(const std::string& id_or_name) = 0;
    virtual Result<Json> create_datanet(const Json& request) = 0;
    // Curates, stores, anchors with a bond; the verdict per row.
    virtual Result<Json> contribute(const std::string& datanet, const std::string& wallet,
                                    const std::string& licence,
                                    const std::vector<UploadedFile>& files) = 0;
    virtual Result<Json> records(const std::string& datanet, std::uint64_t offset,
                                 std::uint64_t limit) = 0;
    virtual Result<Json> record(const std::string& datanet, const Hash32& record_id) = 0;
    virtual Result<Json> versions(const std::string& datanet) = 0;
    virtual Result<Json> publish(const std::string& datanet) = 0;
    // Rebuilds a version from public data and compares every root with the ledger; 0: the latest.
    virtual Result<Json> verify_datanet(const std::string& datanet, std::uint64_t version) = 0;
    // version 0: the newest.
    virtual Result<Json> trace(const std::string& datanet, std::uint64_t version,
                               const std::string& text) = 0;

    virtual Result<Json> runs() = 0;
    virtual Result<Json> create_run(const Json& request) = 0; // starts it in the background
    virtual Result<Json> run(const std::string& id) = 0;
    // {"events":[{"offset":7,"kind":"step","data":{...}}],"state":"running"}: events from
    // from_offset on, ascending, not necessarily all. After done, failed or stopped the run adds
    // none.
    virtual Result<Json> run_events(const std::string& id, std::uint64_t from_offset) = 0;
    // action: "pause", "resume" or "stop".
    virtual Result<Json> control_run(const std::string& id, const std::string& action) = 0;
    virtual Result<Json> register_run(const std::string& id, const Json& request) = 0; // -> adapter

    virtual Result<Json> models() = 0; // OpenAI's list, with "parent" and prices
    // Files against the ledger; retrain: trains again from the record and compares the bytes.
    virtual Result<Json> verify_model(const std::string& model, bool retrain) = 0;
    // Trains as a training record says, of a registered adapter or not, and compares the bytes.
    // unverified before that where the ledger has another record of its adapter, but for `anyway`.
    virtual Result<Json> reproduce(const Json& record, bool anyway) = 0;
    // The member "quote" of a 402's body: {"host","escrow","chain_id","price_wei","owed_wei",
    // "cumulative_wei","deposited_wei"}.
    virtual Result<Json> quote(const CompletionCall& call) = 0;
    // payment when a voucher is needed and absent or too small. on_text is always callable; false
    // from it asks to stop. What fails should fail before the first text: then the client gets a
    // status, later only a broken stream.
    virtual Result<CompletionReply>
    complete(const CompletionCall& call, const std::function<bool(std::string_view)>& on_text) = 0;
    virtual Result<Json> load_adapter(const std::string& id) = 0;
    virtual Result<Json> unload_adapter(const std::string& id) = 0;

    virtual Result<Json> receipts(std::uint64_t offset, std::uint64_t limit) = 0;
    virtual Result<Json> receipt(const Hash32& receipt_hash) = 0;
    virtual Result<Json> verify_receipt(const Hash32& receipt_hash) = 0;
    virtual Result<Json> epochs() = 0;
    virtual Result<Json> epoch(std::uint64_t number) = 0;
    virtual Result<Json> settle() = 0; // redeem vouchers, post the epoch
    virtual Result<Json> finalise() = 0;
    virtual Result<Json> claim(const Address& account) = 0;
    virtual Result<Json> account(const Address& account) = 0; // balance, earned, claimed, records
    virtual Result<Json> contracts() = 0;                  // addresses, chain id, EIP-712 domains
    virtual Result<Json> fund(const Address& account) = 0; // development chain only
    // Body of a JSON-RPC request, passed to the ledger as it is.
    virtual Result<std::string> rpc(const std::string& body) = 0;
};

} // namespace ol::api
