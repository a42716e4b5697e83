#include "node/node.hpp"

#include "api/handler.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "crypto/hash.hpp"

namespace ol::node {

using api::Json;

namespace {

constexpr std::string_view version_text = "0.1.0";
constexpr std::string_view development_grant_open = "100";

Result<std::uint64_t> uint_or(const Json& request, std::string_view key, std::uint64_t fallback) {
    if (!request.contains(key) || request[key].is_null()) return fallback;
    return OL_TRY_IN(request[key].as_uint(), "{}", key);
}

Result<double> double_or(const Json& request, std::string_view key, double fallback) {
    if (!request.contains(key) || request[key].is_null()) return fallback;
    return OL_TRY_IN(request[key].as_double(), "{}", key);
}

Result<std::string> text_of(const Json& request, std::string_view key) {
    return OL_TRY_IN(OL_TRY(request.require(key))->as_string(), "{}", key);
}

Result<std::string> text_or(const Json& request, std::string_view key, std::string fallback) {
    if (!request.contains(key) || request[key].is_null()) return fallback;
    return OL_TRY_IN(request[key].as_string(), "{}", key);
}

Result<U256> wei_or(const Json& request, std::string_view key, const U256& fallback) {
    if (!request.contains(key) || request[key].is_null()) return fallback;
    return OL_TRY_IN(request[key].as_u256(), "{}", key);
}

// Uploads go to a folder of their own for the readers, and away again.
class UploadFolder {
public:
    explicit UploadFolder(Path path)
        : path_(std::move(path)) {}
    UploadFolder(const UploadFolder&) = delete;
    UploadFolder& operator=(const UploadFolder&) = delete;
    ~UploadFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const Path& path() const { return path_; }

private:
    Path path_;
};

bool is_plain_name(const std::string& name) {
    return !name.empty() && name.size() <= 200 && name != "." && name != ".." &&
           name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

} // namespace

Result<std::unique_ptr<Node>> Node::open(NodeConfig config, const ProgressSink& progress) {
    std::unique_ptr<Node> node(new Node());
    node->context_ = OL_TRY(Context::open(std::move(config)));
    auto& context = *node->context_;
    node->datanets_ = OL_TRY(DatanetService::open(context));
    node->models_ = OL_TRY(ModelService::open(context, *node->datanets_, progress));
    node->inference_ = OL_TRY(InferenceService::open(context, *node->datanets_, *node->models_));
    node->settlement_ = OL_TRY(SettlementService::open(context, *node->inference_));
    node->watcher_ = std::make_unique<Watcher>(context, *node->inference_, *node->settlement_);
    return node;
}

Result<std::unique_ptr<net::Server>> Node::serve() {
    net::ServerOptions options;
    options.host = context_->config.host;
    options.port = context_->config.port;
    options.worker_threads = 8;
    Path web_root = context_->config.web_root;
    if (web_root.empty()) {
        if (auto found = find_resource("web/dist"); found) web_root = *found;
    }
    api::HandlerOptions handling;
    handling.allowed_hosts = context_->config.allowed_hosts;
    auto server = OL_TRY(net::Server::start(options, api::make_handler(*this, web_root, handling)));
    OL_TRY(context_->lock->announce(
        fmt::format("http://{}:{}", context_->config.host, server->port())));
    return server;
}

Result<Json> Node::status() {
    Json out =
        Json::object({{"version", version_text},
                      {"development", context_->development()},
                      {"chain", Json::object({{"id", OL_TRY(context_->chain->chain_id())},
                                              {"url", context_->chain->url()},
                                              {"block", OL_TRY(context_->chain->block_number())}})},
                      {"datanets", OL_TRY(datanets_->list()).size()},
                      {"records", OL_TRY(datanets_->record_count())},
                      {"models", OL_TRY(models_->adapter_rows()).size()},
                      {"base", models_->base_name()},
                      {"receipts", OL_TRY(inference_->receipt_count())},
                      {"epochs", OL_TRY(context_->contracts->epoch_count())}});
    out.set("contracts", context_->contracts->at().to_json());
    return out;
}

Result<Json> Node::datanets() {
    Json rows = Json::array();
    for (const auto& row : OL_TRY(datanets_->list()))
        rows.push(OL_TRY(datanets_->datanet_json(row)));
    return Json::object({{"datanets", std::move(rows)}});
}

Result<Json> Node::datanet(const std::string& id_or_name) {
    return datanets_->datanet_json(OL_TRY(datanets_->find(id_or_name)));
}

Result<Json> Node::create_datanet(const Json& request) {
    const auto name = OL_TRY(text_of(request, "name"));
    const auto wallet = OL_TRY(text_of(request, "wallet"));
    OL_TRY(datanets_->create(name, OL_TRY(text_or(request, "summary", "")),
                             OL_TRY(text_or(request, "licence", "CC-BY-4.0")), wallet));
    return datanet(name);
}

Result<Json> Node::contribute(const std::string& datanet, const std::string& wallet,
                              const std::string& licence,
                              const std::vector<api::UploadedFile>& files) {
    const auto row = OL_TRY(datanets_->find(datanet));
    const UploadFolder folder(context_->config.data_dir / "incoming" /
                              to_hex(crypto::random_bytes(8)));
    for (const auto& file : files) {
        if (!is_plain_name(file.name)) {
            return fail(ErrorCode::invalid_argument, "'{}' is not a plain file name", file.name);
        }
        OL_TRY(write_file_atomic(folder.path() / file.name, file.content));
    }
    auto report = OL_TRY(datanets_->contribute(row, wallet, licence.empty() ? row.licence : licence,
                                               {folder.path()}, no_progress));
    for (auto& verdict : report.verdicts) verdict.file = Path(verdict.file).filename().string();
    return report.to_json();
}

Result<Json> Node::records(const std::string& datanet, std::uint64_t offset, std::uint64_t limit) {
    return datanets_->records_json(OL_TRY(datanets_->find(datanet)).id, offset, limit);
}

Result<Json> Node::record(const std::string& datanet, const Hash32& record_id) {
    return datanets_->record_json(OL_TRY(datanets_->find(datanet)).id, record_id);
}

Result<Json> Node::versions(const std::string& datanet) {
    return datanets_->versions_json(OL_TRY(datanets_->find(datanet)).id);
}

Result<Json> Node::publish(const std::string& datanet) {
    return OL_TRY(datanets_->publish(OL_TRY(datanets_->find(datanet)), no_progress)).to_json();
}

Result<Json> Node::verify_datanet(const std::string& datanet, std::uint64_t version) {
    return datanets_->verify(OL_TRY(datanets_->find(datanet)), version, no_progress);
}

Result<Json> Node::trace(const std::string& datanet, std::uint64_t version,
                         const std::string& text) {
    const auto row = OL_TRY(datanets_->find(datanet));
    const auto open = OL_TRY(datanets_->version(row.id, version));
    return datanets_->trace_json(*open, text, OL_TRY(context_->current_money_rules()));
}

Result<Json> Node::runs() {
    Json rows = Json::array();
    for (const auto& run : OL_TRY(models_->runs().list()))
        rows.push(OL_TRY(models_->run_json(run)));
    return Json::object({{"runs", std::move(rows)}});
}

Result<bool> flag_or(const Json& request, std::string_view key, bool fallback) {
    if (!request.contains(key) || request[key].is_null()) return fallback;
    return OL_TRY_IN(request[key].as_bool(), "{}", key);
}

Result<float> real_or(const Json& request, std::string_view key, float fallback) {
    return static_cast<float>(OL_TRY(double_or(request, key, static_cast<double>(fallback))));
}

// The ways to train beside the plain one; RunConfig::check refuses what does not go together.
Status read_method(const Json& request, factory::RunConfig& to) {
    to.accumulation =
        static_cast<std::uint32_t>(OL_TRY(uint_or(request, "accumulation", to.accumulation)));
    to.packing = OL_TRY(flag_or(request, "packing", to.packing));
    to.neftune_alpha = OL_TRY(real_or(request, "neftune_alpha", to.neftune_alpha));
    to.quantization = OL_TRY(text_or(request, "quantization", to.quantization));
    to.checkpointing = OL_TRY(flag_or(request, "checkpointing", to.checkpointing));
    to.lora.rslora = OL_TRY(flag_or(request, "rslora", to.lora.rslora));
    to.lora.dora = OL_TRY(flag_or(request, "dora", to.lora.dora));
    to.lora.dropout = OL_TRY(real_or(request, "dropout", to.lora.dropout));
    OL_TRY(factory::read_patterns(request, to.lora));
    if (const auto& modules = request["target_modules"]; !modules.is_null()) {
        std::vector<std::string> names;
        for (const auto& item : modules.items()) {
            names.push_back(OL_TRY_IN(item.as_string(), "target_modules"));
        }
        OL_TRY_IN(to.lora.set_target_modules(names), "target_modules");
    }
    auto& optimizer = to.optimizer;
    const auto schedule = std::string(model::to_string(optimizer.schedule));
    optimizer.schedule =
        OL_TRY(model::schedule_from(OL_TRY(text_or(request, "schedule", schedule))));
    optimizer.minimum_ratio = OL_TRY(real_or(request, "minimum_ratio", optimizer.minimum_ratio));
    optimizer.lora_plus_ratio =
        OL_TRY(real_or(request, "lora_plus_ratio", optimizer.lora_plus_ratio));
    return {};
}

Result<factory::RunConfig> run_config_from(const Json& request, const Hash32& datanet_id) {
    auto config = factory::default_run_config();
    config.datanet_id = datanet_id;
    config.name = OL_TRY(text_of(request, "name"));
    config.version = OL_TRY(uint_or(request, "version", 0));
    const auto whole = [&](std::string_view key, std::uint32_t& to) -> Status {
        to = static_cast<std::uint32_t>(OL_TRY(uint_or(request, key, to)));
        return {};
    };
    OL_TRY(whole("epochs", config.epochs));
    OL_TRY(whole("rank", config.lora.rank));
    OL_TRY(whole("batch", config.batch_examples));
    OL_TRY(whole("max_tokens", config.max_tokens));
    config.lora.alpha = OL_TRY(real_or(request, "alpha", factory::alpha_of_rank(config.lora.rank)));
    config.optimizer.learning_rate =
        OL_TRY(real_or(request, "learning_rate", config.optimizer.learning_rate));
    config.record_limit = OL_TRY(uint_or(request, "record_limit", config.record_limit));
    config.seed = OL_TRY(uint_or(request, "seed", config.seed));
    OL_TRY(read_method(request, config));
    return config;
}

Result<Json> Node::create_run(const Json& request) {
    const auto row = OL_TRY(datanets_->find(OL_TRY(text_of(request, "datanet"))));
    const auto run = OL_TRY(models_->create_run(OL_TRY(run_config_from(request, row.id))));
    OL_TRY(models_->start(run.id));
    return models_->run_json(run);
}

Result<Json> Node::run(const std::string& id) {
    auto out = OL_TRY(models_->run_json(OL_TRY(models_->runs().get(id))));
    out.set("events", OL_TRY(models_->runs().events(id, 0)).size());
    return out;
}

Result<Json> Node::run_events(const std::string& id, std::uint64_t from_offset) {
    Json rows = Json::array();
    for (const auto& event : OL_TRY(models_->runs().events(id, from_offset))) {
        rows.push(
            Json::object({{"offset", event.offset}, {"kind", event.kind}, {"data", event.data}}));
    }
    return Json::object({{"events", std::move(rows)},
                         {"state", factory::to_string(OL_TRY(models_->runs().get(id)).state)}});
}

Result<Json> Node::control_run(const std::string& id, const std::string& action) {
    if (action == "pause") {
        OL_TRY(models_->runs().request(id, factory::RunState::paused));
    } else if (action == "stop") {
        OL_TRY(models_->runs().request(id, factory::RunState::stopped));
    } else if (action == "resume") {
        OL_TRY(models_->start(id));
    } else {
        return fail(ErrorCode::invalid_argument, "'{}' is none of pause, resume, stop", action);
    }
    return run(id);
}

Result<Json> Node::register_run(const std::string& id, const Json& request) {
    const auto wallet = OL_TRY(text_of(request, "wallet"));
    const auto price_in = OL_TRY(wei_or(request, "price_in", OL_TRY(parse_open("0.1"))));
    const auto price_out = OL_TRY(wei_or(request, "price_out", OL_TRY(parse_open("0.5"))));
    const auto row = OL_TRY(models_->register_adapter(id, wallet, price_in, price_out));
    return Json::object({{"model", row.name},
                         {"adapter_id", row.adapter_id},
                         {"hash", row.adapter_hash},
                         {"owner", row.owner}});
}

Result<Json> Node::models() { return models_->models_json(); }

Result<Json> Node::verify_model(const std::string& model, bool retrain) {
    return models_->verify_adapter(model, retrain);
}

Result<Json> Node::reproduce(const Json& record, bool anyway) {
    return models_->reproduce(record, anyway);
}

Result<Json> Node::quote(const api::CompletionCall& call) {
    Address payer;
    if (call.payer) payer = *call.payer;
    if (call.voucher) payer = call.voucher->payer;
    const auto q = OL_TRY(inference_->quote(call, payer));
    return Json::object({{"host", q.host},
                         {"escrow", context_->contracts->at().escrow},
                         {"chain_id", context_->contracts->at().chain_id},
                         {"price_wei", q.price},
                         {"owed_wei", q.owed},
                         {"cumulative_wei", q.cumulative},
                         {"deposited_wei", q.deposited},
                         {"price_in", q.price_in},
                         {"price_out", q.price_out},
                         {"platform_fee", q.platform_fee}});
}

Result<api::CompletionReply> Node::complete(const api::CompletionCall& call,
                                            const std::function<bool(std::string_view)>& on_text) {
    api::CompletionReply reply;
    openlora::Completion completion;
    if (call.model.empty() || call.model == models_->base_name()) {
        completion = OL_TRY(inference_->complete_base(call, on_text));
    } else {
        auto answer = OL_TRY(inference_->answer(call, on_text));
        completion = std::move(answer.completion);
        reply.receipt = OL_TRY(inference_->receipt_json(answer.receipt));
    }
    reply.text = std::move(completion.text);
    reply.finish_reason = std::move(completion.finish_reason);
    reply.prompt_tokens = completion.prompt_tokens;
    reply.completion_tokens = completion.completion_tokens;
    return reply;
}

Result<Json> Node::load_adapter(const std::string& id) {
    OL_TRY(models_->adapter(id));
    OL_TRY(models_->adapters().acquire(id));
    return Json::object({{"model", id}, {"loaded", true}});
}

Result<Json> Node::unload_adapter(const std::string& id) {
    const auto row = OL_TRY(models_->adapter(id));
    OL_TRY(models_->adapters().remove(id));
    OL_TRY(models_->adapters().add(id, row.folder, row.adapter_hash));
    return Json::object({{"model", id}, {"loaded", false}});
}

Result<Json> Node::receipts(std::uint64_t offset, std::uint64_t limit) {
    return inference_->receipts_json(offset, limit);
}

Result<Json> Node::receipt(const Hash32& receipt_hash) {
    return inference_->receipt_json(OL_TRY(inference_->receipt(receipt_hash)));
}

Result<Json> Node::verify_receipt(const Hash32& receipt_hash) {
    return inference_->verify(receipt_hash);
}

Result<Json> Node::epochs() { return settlement_->epochs_json(); }
Result<Json> Node::epoch(std::uint64_t number) { return settlement_->epoch_json(number); }

Result<Json> Node::settle() {
    const auto epoch = OL_TRY(settlement_->settle());
    return settlement_->epoch_json(epoch.number);
}

Result<Json> Node::finalise() { return settlement_->epoch_json(OL_TRY(settlement_->finalise())); }

Result<Json> Node::claim(const Address& account) {
    const auto amount = OL_TRY(settlement_->claim(account));
    return Json::object({{"account", account}, {"claimed_wei", amount}});
}

Result<Json> Node::account(const Address& account) { return settlement_->account_json(account); }

Result<Json> Node::contracts() {
    const auto& at = context_->contracts->at();
    Json out = Json::object({{"chain_id", at.chain_id},
                             {"parameters", at.parameters},
                             {"vault", at.vault},
                             {"datanets", at.datanets},
                             {"models", at.models},
                             {"escrow", at.escrow},
                             {"settlement", at.settlement},
                             {"treasury", at.treasury}});
    const auto domain = [](const ledger::TypedDomain& d) {
        return Json::object(
            {{"name", d.name},
             {"version", d.version},
             {"chainId", d.chain_id},
             {"verifyingContract", crypto::checksum_address(d.verifying_contract)}});
    };
    out.set("host", inference_->host());
    out.set("escrow_domain", domain(context_->contracts->escrow_domain()));
    out.set("settlement_domain", domain(context_->contracts->settlement_domain()));
    return out;
}

Result<Json> Node::fund(const Address& account) {
    if (!context_->development()) {
        return fail(ErrorCode::unsupported, "only a development chain gives OPEN away");
    }
    OL_TRY(context_->fund(account, OL_TRY(parse_open(development_grant_open))));
    return Json::object(
        {{"account", account}, {"balance_wei", OL_TRY(context_->chain->balance(account))}});
}

Result<std::string> Node::rpc(const std::string& body) {
    net::ClientRequest request;
    request.method = "POST";
    request.url = context_->chain->url();
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body;
    return OL_TRY(rpc_client_.send(request)).body;
}

} // namespace ol::node
