// RemoteServices: the same interface as a Node's, spoken to a running node over HTTP. What the
// command line uses when `openledger up` holds the data folder, and what an application would do.
#pragma once

#include <string>

#include "api/services.hpp"
#include "net/http.hpp"

namespace ol::node {

class RemoteServices final : public api::Services {
public:
    explicit RemoteServices(std::string url);

    Result<api::Json> status() override;
    Result<api::Json> datanets() override;
    Result<api::Json> datanet(const std::string& id_or_name) override;
    Result<api::Json> create_datanet(const api::Json& request) override;
    Result<api::Json> contribute(const std::string& datanet, const std::string& wallet,
                                 const std::string& licence,
                                 const std::vector<api::UploadedFile>& files) override;
    Result<api::Json> records(const std::string& datanet, std::uint64_t offset,
                              std::uint64_t limit) override;
    Result<api::Json> record(const std::string& datanet, const Hash32& record_id) override;
    Result<api::Json> versions(const std::string& datanet) override;
    Result<api::Json> publish(const std::string& datanet) override;
    Result<api::Json> verify_datanet(const std::string& datanet, std::uint64_t version) override;
    Result<api::Json> trace(const std::string& datanet, std::uint64_t version,
                            const std::string& text) override;
    Result<api::Json> runs() override;
    Result<api::Json> create_run(const api::Json& request) override;
    Result<api::Json> run(const std::string& id) override;
    Result<api::Json> run_events(const std::string& id, std::uint64_t from_offset) override;
    Result<api::Json> control_run(const std::string& id, const std::string& action) override;
    Result<api::Json> register_run(const std::string& id, const api::Json& request) override;
    Result<api::Json> models() override;
    Result<api::Json> verify_model(const std::string& model, bool retrain) override;
    Result<api::Json> reproduce(const api::Json& record, bool anyway) override;
    Result<api::Json> quote(const api::CompletionCall& call) override;
    Result<api::CompletionReply>
    complete(const api::CompletionCall& call,
             const std::function<bool(std::string_view)>& on_text) override;
    Result<api::Json> load_adapter(const std::string& id) override;
    Result<api::Json> unload_adapter(const std::string& id) override;
    Result<api::Json> receipts(std::uint64_t offset, std::uint64_t limit) override;
    Result<api::Json> receipt(const Hash32& receipt_hash) override;
    Result<api::Json> verify_receipt(const Hash32& receipt_hash) override;
    Result<api::Json> epochs() override;
    Result<api::Json> epoch(std::uint64_t number) override;
    Result<api::Json> settle() override;
    Result<api::Json> finalise() override;
    Result<api::Json> claim(const Address& account) override;
    Result<api::Json> account(const Address& account) override;
    Result<api::Json> contracts() override;
    Result<api::Json> fund(const Address& account) override;
    Result<std::string> rpc(const std::string& body) override;

private:
    Result<api::Json> get(const std::string& path);
    Result<api::Json> post(const std::string& path, const api::Json& body);

    std::string url_;
    net::Client client_;
};

} // namespace ol::node
