#include "node/model_service.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "crypto/hash.hpp"
#include "factory/reproduce.hpp"

namespace ol::node {

using codec::Json;

struct ModelService::Queue {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::string> waiting;
    std::string current;
    bool stop = false;
    std::thread thread;
};

namespace {

AdapterRow adapter_row(const store::Row& row) {
    AdapterRow out;
    out.name = row.text(0);
    out.adapter_id = row.hash32(1);
    out.folder = row.text(2);
    out.adapter_hash = row.hash32(3);
    out.training_record_hash = row.hash32(4);
    out.owner = row.address(5);
    out.datanet_id = row.hash32(6);
    out.version = static_cast<std::uint64_t>(row.integer(7));
    out.price_in = row.u256(8);
    out.price_out = row.u256(9);
    return out;
}

constexpr std::string_view select_adapter =
    "SELECT name, adapter_id, folder, adapter_hash, training_record_hash, owner, datanet, version, "
    "price_in, price_out FROM adapters ";

// Seconds since 1970 at which a model's file was written; clients of OpenAI's list expect them.
std::int64_t written_at(const Path& file) {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(file, error);
    if (error) return 0;
    const auto since = std::chrono::file_clock::to_sys(time).time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(since).count();
}

} // namespace

ModelService::ModelService(Context& context, DatanetService& datanets)
    : context_(context)
    , datanets_(datanets) {}

Result<std::unique_ptr<ModelService>> ModelService::open(Context& context, DatanetService& datanets,
                                                         const ProgressSink& progress) {
    std::unique_ptr<ModelService> service(new ModelService(context, datanets));
    auto& s = *service;
    const Path folder = context.config.base_model.empty() ? OL_TRY(find_resource("models/base-8m"))
                                                          : context.config.base_model;
    s.base_folder_ = folder;
    s.base_name_ = folder.filename().string();
    s.base_ = std::make_unique<model::Model>(OL_TRY(model::Model::load(folder, {}, progress)));
    s.tokenizer_ = std::make_unique<model::Tokenizer>(OL_TRY(model::Tokenizer::from_file(folder)));
    s.chat_form_.emplace(folder, *s.tokenizer_);
    if (const auto& refusal = s.chat_form_->refusal()) {
        log::warning("model", "base {} answers no chats: {}", s.base_name_, refusal->context);
    }
    s.base_hash_ = OL_TRY(model::base_hash(folder, progress));
    s.adapters_ =
        std::make_unique<openlora::AdapterStore>(s.base_->config, limits::adapters_resident);
    s.server_ = std::make_unique<openlora::CompletionServer>(*s.base_, *s.tokenizer_, *s.adapters_,
                                                             *context.pool);
    s.server_->release_rows(*s.base_);
    s.runs_ = std::make_unique<factory::RunStore>(*context.db, context.config.data_dir / "runs");

    if (OL_TRY(context.contracts->base_owner(s.base_hash_)).is_zero()) {
        const auto owner = OL_TRY(context.keys->key_or_create(base_wallet));
        OL_TRY(context.fund(owner.address(), OL_TRY(parse_open("10"))));
        context.chain->label("register base " + s.base_name_);
        OL_TRY(context.contracts->register_base(owner, s.base_hash_, s.base_name_));
    }
    for (const auto& row : OL_TRY(s.adapter_rows())) {
        // The ledger says what the bytes must hash to; the row only says where they lie.
        const auto on_ledger = OL_TRY(context.contracts->adapter(row.adapter_id));
        OL_TRY(s.adapters_->add(row.name, row.folder, on_ledger.adapter_hash));
    }
    s.queue_ = std::make_unique<Queue>();
    s.queue_->thread = std::thread([&s] { s.work(); });
    for (const auto& id : OL_TRY(s.runs_->interrupted())) {
        log::warning("factory", "resuming run {} from its checkpoint", id);
        OL_TRY(s.start(id));
    }
    return service;
}

ModelService::~ModelService() {
    if (!queue_) return;
    {
        const std::scoped_lock guard(queue_->mutex);
        queue_->stop = true;
        queue_->waiting.clear();
        // A run under way writes its checkpoint at its next step and waits for the next start.
        if (!queue_->current.empty()) {
            if (const auto asked = runs_->request(queue_->current, factory::RunState::queued);
                !asked) {
                log::warning("factory", "{}", asked.error().to_string());
            }
        }
    }
    queue_->wake.notify_all();
    queue_->thread.join();
}

Result<std::string>
ModelService::chat_prompt(const std::vector<factory::ChatMessage>& messages) const {
    return chat_form_->prompt(messages, SystemClock().unix_ms() / 1000);
}

void ModelService::work() {
    for (;;) {
        {
            std::unique_lock guard(queue_->mutex);
            queue_->wake.wait(guard, [&] { return queue_->stop || !queue_->waiting.empty(); });
            if (queue_->stop) return;
            queue_->current = queue_->waiting.front();
            queue_->waiting.pop_front();
        }
        if (const auto done = execute(queue_->current); !done) {
            log::error("factory", "run {}: {}", queue_->current, done.error().to_string());
        }
        const std::scoped_lock guard(queue_->mutex);
        queue_->current.clear();
    }
}

Status ModelService::start(const std::string& run_id) {
    OL_TRY(runs_->get(run_id));
    const std::scoped_lock guard(queue_->mutex);
    queue_->waiting.push_back(run_id);
    queue_->wake.notify_one();
    return {};
}

Result<factory::RunInfo> ModelService::create_run(factory::RunConfig config) {
    if (adapter(config.name)) {
        return fail(ErrorCode::already_exists, "an adapter '{}' exists; choose another name",
                    config.name);
    }
    if (config.version == 0) {
        config.version = OL_TRY(context_.contracts->version_count(config.datanet_id));
    }
    config.version_root =
        OL_TRY(context_.contracts->version(config.datanet_id, config.version)).root;
    config.base_hash = base_hash_;
    return runs_->create(config);
}

Result<std::vector<factory::TrainingData>> ModelService::data_of(const factory::RunConfig& config) {
    const auto version = OL_TRY(datanets_.version(config.datanet_id, config.version));
    if (version->root != config.version_root) {
        return fail(ErrorCode::unverified, "version {} has another root than the run was made for",
                    config.version);
    }
    std::vector<Address> owners;
    for (const auto& entry : version->manifest.entries) owners.push_back(entry.owner);
    std::vector<factory::TrainingData> data;
    for (const auto i : factory::sample_records(owners, config.record_limit, config.seed)) {
        data.push_back(
            {version->titles[i], version->texts[i], version->manifest.entries[i].leaf_hash});
    }
    return data;
}

Status ModelService::serves(const Hash32& base_hash) const {
    if (base_hash == base_hash_) return {};
    return fail(ErrorCode::not_found,
                "the base {} is not here, only {} ({}); start with --base FOLDER of that base",
                to_hex0x(base_hash.view()), base_name_, to_hex0x(base_hash_.view()));
}

// The files may have changed since the start; what is trained on is what the ledger knows.
Result<model::Model> ModelService::whole_base() const {
    if (OL_TRY(model::base_hash(base_folder_)) != base_hash_) {
        return fail(ErrorCode::unverified,
                    "{}: the base's files are not those that the node started with; restore them, "
                    "or start the node again",
                    base_folder_.string());
    }
    return model::Model::load(base_folder_);
}

Result<factory::RunInfo> ModelService::execute(const std::string& run_id) {
    const auto run = OL_TRY(runs_->get(run_id));
    // A run whose records or base are not to be had ends here: nobody else would tell its owner.
    const auto give_up = [&](const Error& why) -> Result<factory::RunInfo> {
        OL_TRY(runs_->give_up(run_id, why));
        return std::unexpected(why);
    };
    if (const auto here = serves(run.config.base_hash); !here) return give_up(here.error());
    auto data = data_of(run.config);
    if (!data) return give_up(data.error());
    const auto base = whole_base();
    if (!base) return give_up(base.error());
    return runs_->execute(run_id, *base, *tokenizer_, std::move(*data), *context_.pool);
}

Result<AdapterRow> ModelService::register_adapter(const std::string& run_id,
                                                  const std::string& owner_wallet,
                                                  const U256& price_in, const U256& price_out) {
    const auto run = OL_TRY(runs_->get(run_id));
    if (run.state != factory::RunState::done || !run.adapter_hash || !run.record_hash) {
        return fail(ErrorCode::conflict, "run {} is {}; only a run that is done can be registered",
                    run_id, factory::to_string(run.state));
    }
    const auto owner = OL_TRY(context_.keys->key(owner_wallet));
    ledger::AdapterOnLedger on_ledger;
    on_ledger.owner = owner.address();
    on_ledger.name = run.config.name;
    on_ledger.adapter_hash = *run.adapter_hash;
    on_ledger.base_hash = base_hash_;
    on_ledger.datanet_id = run.config.datanet_id;
    on_ledger.version = run.config.version;
    on_ledger.training_record_hash = *run.record_hash;
    on_ledger.price_in = price_in;
    on_ledger.price_out = price_out;
    OL_TRY(context_.blobs->put(OL_TRY(read_text_file(run.folder / "training_record.json",
                                                     factory::training_record_limit_bytes))));
    context_.chain->label("register adapter " + run.config.name);
    const auto id = OL_TRY(context_.contracts->register_adapter(owner, on_ledger));
    OL_TRY(context_.db->run("INSERT OR REPLACE INTO adapters VALUES(?,?,?,?,?,?,?,?,?,?)",
                            run.config.name, id, run.folder.string(), *run.adapter_hash,
                            *run.record_hash, owner.address(), run.config.datanet_id,
                            run.config.version, price_in, price_out));
    OL_TRY(adapters_->add(run.config.name, run.folder, *run.adapter_hash));
    return adapter(run.config.name);
}

Result<AdapterRow> ModelService::adapter(const std::string& name) const {
    std::optional<AdapterRow> found;
    OL_TRY(context_.db->query(
        std::string(select_adapter) + "WHERE name = ?",
        [&](const store::Row& row) {
            found = adapter_row(row);
            return false;
        },
        name));
    if (!found) {
        return fail(ErrorCode::not_found,
                    "there is no model '{}'; `openledger model list` shows "
                    "those that are",
                    name);
    }
    return *found;
}

Result<std::vector<AdapterRow>> ModelService::adapter_rows() const {
    std::vector<AdapterRow> out;
    OL_TRY(context_.db->query(std::string(select_adapter) + "ORDER BY name",
                              [&](const store::Row& row) {
                                  out.push_back(adapter_row(row));
                                  return true;
                              }));
    return out;
}

Result<Json> ModelService::verify_adapter(const std::string& name, bool retrain) {
    const auto row = OL_TRY(adapter(name));
    const auto on_ledger = OL_TRY(context_.contracts->adapter(row.adapter_id));
    const auto hash = OL_TRY(model::adapter_hash(row.folder));
    if (hash != on_ledger.adapter_hash) {
        return fail(ErrorCode::unverified, "the files of '{}' hash to {}, the ledger has {}", name,
                    to_hex0x(hash.view()), to_hex0x(on_ledger.adapter_hash.view()));
    }
    const auto record_text = OL_TRY(
        read_text_file(row.folder / "training_record.json", factory::training_record_limit_bytes));
    if (crypto::keccak256(record_text) != on_ledger.training_record_hash) {
        const auto record = OL_TRY_IN(Json::parse(record_text), "training record of '{}'", name);
        const auto differs = against_ledger(record, on_ledger.training_record_hash);
        return fail(ErrorCode::unverified,
                    "the training record of '{}' is not the registered one: {}", name,
                    differs.empty() ? "the same members are written otherwise" : differs);
    }
    Json out = Json::object({{"model", name},
                             {"adapter_hash", hash},
                             {"training_record_hash", on_ledger.training_record_hash},
                             {"files_match_ledger", true}});
    if (retrain) {
        const auto record = OL_TRY(Json::parse(record_text));
        OL_TRY(factory::check_record(record));
        const auto config = OL_TRY(factory::RunConfig::from_json(record["run"]));
        OL_TRY(serves(config.base_hash));
        const auto again = OL_TRY(factory::reproduce(record, OL_TRY(whole_base()), *tokenizer_,
                                                     OL_TRY(data_of(config)), *context_.pool));
        if (again != hash) {
            return fail(ErrorCode::unverified, "training again gives {}, the ledger has {}",
                        to_hex0x(again.view()), to_hex0x(hash.view()));
        }
        out.set("reproduced", true);
    }
    return out;
}

std::string ModelService::against_ledger(const Json& record, const Hash32& on_ledger) const {
    const auto bytes = context_.blobs->get(on_ledger);
    const auto registered =
        bytes ? Json::parse(as_text(*bytes)) : Result<Json>(std::unexpected(bytes.error()));
    if (!registered) {
        return fmt::format("the ledger has {}, whose text is not here ({})",
                           to_hex0x(on_ledger.view()), registered.error().to_string());
    }
    return fmt::format("{}", fmt::join(factory::differences(record, *registered), "; "));
}

Result<Json> ModelService::reproduce(const Json& record, bool anyway) {
    const auto config = OL_TRY_IN(factory::RunConfig::from_json(record["run"]), "training record");
    const auto named = OL_TRY_IN(record["adapter_hash"].as_hash32(), "training record");
    const auto hash = crypto::keccak256(record.dump());
    Json registered;
    std::optional<AdapterRow> other; // of this hash or name, with another record
    for (const auto& row : OL_TRY(adapter_rows())) {
        if (row.training_record_hash == hash) registered = Json(row.name);
        const bool same_bytes = row.adapter_hash == named;
        if (same_bytes || (row.name == config.name && !other)) other = row;
    }
    if (registered.is_null() && other && !anyway) {
        const auto on_ledger = OL_TRY(context_.contracts->adapter(other->adapter_id));
        const auto differs = against_ledger(record, on_ledger.training_record_hash);
        if (!differs.empty()) {
            return fail(ErrorCode::unverified,
                        "this is not the training record that the ledger has of '{}': {}; to "
                        "train as it says all the same, ask for it anyway (--anyway)",
                        other->name, differs);
        }
    }
    OL_TRY(factory::check_record(record));
    OL_TRY_IN(serves(config.base_hash), "training record");
    auto data = data_of(config);
    if (!data && data.error().code == ErrorCode::unverified) return std::unexpected(data.error());
    if (!data) {
        return fail(ErrorCode::not_found,
                    "version {} of datanet {}, which the training record names, is not to be had "
                    "here: {}",
                    config.version, to_hex0x(config.datanet_id.view()), data.error().to_string());
    }
    const auto again = OL_TRY(
        factory::reproduce(record, OL_TRY(whole_base()), *tokenizer_, *data, *context_.pool));
    if (again != named) {
        return fail(ErrorCode::unverified, "training again gives {}, the training record names {}",
                    to_hex0x(again.view()), to_hex0x(named.view()));
    }
    return Json::object({{"model", config.name},
                         {"adapter_hash", named},
                         {"training_record_hash", hash},
                         {"registered", registered},
                         {"reproduced", true}});
}

Result<Json> ModelService::run_json(const factory::RunInfo& run) const {
    Json out = Json::object({{"id", run.id},
                             {"name", run.config.name},
                             {"state", factory::to_string(run.state)},
                             {"error", run.error},
                             {"step", run.step},
                             {"steps", run.steps},
                             {"loss_first", run.loss_first},
                             {"loss_last", run.loss_last},
                             {"seconds", run.seconds},
                             {"tokens_per_second", run.tokens_per_second}});
    out.set("adapter_hash", run.adapter_hash ? Json(*run.adapter_hash) : Json());
    out.set("record_hash", run.record_hash ? Json(*run.record_hash) : Json());
    out.set("config", run.config.to_json());
    return out;
}

Result<Json> ModelService::models_json() const {
    Json data = Json::array();
    data.push(Json::object({{"id", base_name_},
                            {"object", "model"},
                            {"created", written_at(base_folder_ / "model.safetensors")},
                            {"owned_by", "openledger"},
                            {"owner", nullptr},
                            {"parent", nullptr},
                            {"hash", base_hash_},
                            {"parameters", base_->config.parameter_count()},
                            {"datanet", nullptr},
                            {"version", nullptr},
                            {"price_in", nullptr},
                            {"price_out", nullptr}}));
    const auto resident = adapters_->list();
    for (const auto& row : OL_TRY(adapter_rows())) {
        bool loaded = false;
        for (const auto& info : resident) loaded = loaded || (info.id == row.name && info.resident);
        data.push(Json::object({{"id", row.name},
                                {"object", "model"},
                                {"created", written_at(row.folder / "adapter_model.safetensors")},
                                {"owned_by", row.owner},
                                {"owner", row.owner},
                                {"parent", base_name_},
                                {"adapter_id", row.adapter_id},
                                {"hash", row.adapter_hash},
                                {"training_record_hash", row.training_record_hash},
                                {"datanet", row.datanet_id},
                                {"version", row.version},
                                {"price_in", row.price_in},
                                {"price_out", row.price_out},
                                {"resident", loaded}}));
    }
    return Json::object({{"object", "list"}, {"data", std::move(data)}});
}

} // namespace ol::node
