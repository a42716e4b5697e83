// ModelService: the base model, training runs, registered adapters, and the completion server.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "factory/format.hpp"
#include "factory/run.hpp"
#include "model/tokenizer.hpp"
#include "model/transformer.hpp"
#include "node/chat_form.hpp"
#include "node/datanet_service.hpp"
#include "openlora/adapter_store.hpp"
#include "openlora/server.hpp"

namespace ol::node {

struct AdapterRow {
    std::string name;
    Hash32 adapter_id, adapter_hash, training_record_hash, datanet_id;
    Address owner;
    Path folder;
    std::uint64_t version = 0;
    U256 price_in, price_out; // wei per 1,000 tokens
};

class ModelService {
public:
    // Loads and registers the base, knows the registered adapters, resumes interrupted runs in the
    // background.
    static Result<std::unique_ptr<ModelService>> open(Context& context, DatanetService& datanets,
                                                      const ProgressSink& progress);
    ~ModelService();

    const std::string& base_name() const { return base_name_; }
    const Hash32& base_hash() const { return base_hash_; }
    const model::ModelConfig& base_config() const { return base_->config; }
    const model::Tokenizer& tokenizer() const { return *tokenizer_; }
    // The prompt of a conversation, as ChatForm says.
    Result<std::string> chat_prompt(const std::vector<factory::ChatMessage>& messages) const;
    openlora::CompletionServer& server() { return *server_; }
    openlora::AdapterStore& adapters() { return *adapters_; }

    // Fills version root and base hash; the run is queued.
    Result<factory::RunInfo> create_run(factory::RunConfig config);
    // In the calling thread, to the end. A run that cannot begin, as its records or the base are
    // not what it was made for, has failed with that error.
    Result<factory::RunInfo> execute(const std::string& run_id);
    // In the background; one run at a time, in the order asked.
    Status start(const std::string& run_id);
    factory::RunStore& runs() { return *runs_; }

    // Registers a finished run's adapter on the ledger under its run's name and makes it servable.
    Result<AdapterRow> register_adapter(const std::string& run_id, const std::string& owner_wallet,
                                        const U256& price_in, const U256& price_out);
    Result<AdapterRow> adapter(const std::string& name) const;
    Result<std::vector<AdapterRow>> adapter_rows() const;
    // Trains the registered adapter's record again and compares the bytes.
    Result<codec::Json> verify_adapter(const std::string& name, bool retrain);
    // Trains as any training record says and compares the adapter's bytes with what it names.
    // not_found says which of base and version is not to be had here; unverified where the bytes
    // differ. Where an adapter of its hash or name is registered here with another record, that is
    // unverified before any training, unless it is asked for `anyway`.
    Result<codec::Json> reproduce(const codec::Json& record, bool anyway);

    Result<codec::Json> run_json(const factory::RunInfo& run) const;
    Result<codec::Json> models_json() const;

private:
    ModelService(Context& context, DatanetService& datanets);
    Result<std::vector<factory::TrainingData>> data_of(const factory::RunConfig& config);
    Status serves(const Hash32& base_hash) const; // not_found names both bases
    Result<model::Model> whole_base() const;
    // In what a record differs from the one that the ledger has, as text; empty where its members
    // are the same.
    std::string against_ledger(const codec::Json& record, const Hash32& on_ledger) const;
    void work();

    Context& context_;
    DatanetService& datanets_;
    Path base_folder_;
    std::string base_name_;
    Hash32 base_hash_;
    std::unique_ptr<model::Model> base_;
    std::unique_ptr<model::Tokenizer> tokenizer_;
    std::optional<ChatForm> chat_form_;
    std::unique_ptr<openlora::AdapterStore> adapters_;
    std::unique_ptr<openlora::CompletionServer> server_;
    std::unique_ptr<factory::RunStore> runs_;

    struct Queue;
    std::unique_ptr<Queue> queue_;
};

} // namespace ol::node
