#include "factory/tune.hpp"

#include <limits>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "crypto/hash.hpp"
#include "factory/checkpoint.hpp"
#include "factory/reproduce.hpp"
#include "factory/training.hpp"
#include "model/backprop.hpp"
#include "model/export.hpp"

namespace ol::factory {

namespace {

using codec::Json;

constexpr std::string_view tuning_format = "openledger/tuning-record/2";
// Names neither the examples nor the type of all weights, which is the folder's then.
constexpr std::string_view first_format = "openledger/tuning-record/1";
constexpr std::string_view record_name = "tuning_record.json";
constexpr std::string_view checkpoint_name = "checkpoint.bin";
constexpr std::uint32_t default_tokens = 512;

// Members of a run that a tuning record has.
bool is_recorded(std::string_view key, bool full) {
    const bool of_datanet = key == "name" || key == "datanet_id" || key == "version" ||
                            key == "version_root" || key == "record_limit";
    const bool no_byte = key == "checkpoint_every" || key == "checkpointing";
    return !of_datanet && !no_byte && !(full && key == "lora");
}

// What the record says of them: the file's rows, the template and the tokenizer together.
Hash32 examples_hash(const std::vector<model::Example>& examples) {
    crypto::Keccak256 hash;
    std::uint8_t number[4];
    for (const auto& example : examples) {
        put_be32(number, static_cast<std::uint32_t>(example.tokens.size()));
        hash.update(ByteView(number));
        for (const auto token : example.tokens) {
            put_be32(number, static_cast<std::uint32_t>(token));
            hash.update(ByteView(number));
        }
        hash.update(ByteView(example.mask));
    }
    return hash.finish();
}

// Of what tuning leaves in a folder.
Result<Hash32> hash_of_result(const Path& folder, bool full) {
    if (full) return model::base_hash(folder);
    return crypto::keccak256(OL_TRY(model::AdapterFiles::read(folder)).weights);
}

class Tuning {
public:
    // expected: the record that must come of it, but for the hash of the result; null: any.
    Tuning(const TuneConfig& config, ThreadPool& pool, const TuneWatch& watch,
           const Json* expected = nullptr)
        : config_(config)
        , pool_(pool)
        , watch_(watch)
        , expected_(expected) {}

    Result<TuneReport> go();

private:
    Status prepare();
    Status resume();
    Status one_step(Order& order);
    Result<double> held_out_loss() const;
    Status finish();
    Status check_expected() const;
    std::string record(const Hash32& result) const;
    Path checkpoint_file() const { return config_.output / checkpoint_name; }

    TuneConfig config_;
    ThreadPool& pool_;
    const TuneWatch& watch_;
    const Json* expected_;
    model::Model model_;
    std::unique_ptr<Training> training_;
    Prepared prepared_;
    std::vector<model::Example> held_out_;
    Hash32 data_hash_, examples_hash_, fingerprint_;
    std::uint64_t step_ = 0;
    TuneReport report_;
};

Status Tuning::prepare() {
    auto& run = config_.run;
    if (!config_.dtype.empty() && config_.dtype != "f32" && config_.dtype != "bf16") {
        return fail(ErrorCode::invalid_argument, "dtype {}: use f32 or bf16", config_.dtype);
    }
    if (config_.full && !run.quantization.empty()) {
        return fail(ErrorCode::invalid_argument,
                    "weights that are quantized cannot be trained: train an adapter on them");
    }
    const auto has = [&](std::string_view name) {
        std::error_code ignored;
        return std::filesystem::exists(config_.output / name, ignored);
    };
    // With a checkpoint these are of a call that was broken off while it wrote.
    const bool other = has("config.json") || has("adapter_config.json");
    if (has(record_name) || (other && !std::filesystem::exists(checkpoint_file()))) {
        return fail(ErrorCode::already_exists, "{} has a model; choose another folder",
                    config_.output.string());
    }
    model_ = OL_TRY(model::Model::load(config_.folder));
    run.name = "tune";
    run.base_hash = OL_TRY(model::base_hash(config_.folder));
    if (config_.full && config_.dtype.empty()) {
        config_.dtype = OL_TRY(model::is_bf16(config_.folder)) ? "bf16" : "f32";
    }
    const auto context = model_.config.context_length;
    if (run.max_tokens == 0) run.max_tokens = std::min(default_tokens, context);
    OL_TRY(run.check());
    if (run.max_tokens > context) {
        return fail(ErrorCode::invalid_argument, "max_tokens is {}, the model's context is {}",
                    run.max_tokens, context);
    }
    const auto text = OL_TRY(TuningText::of_folder(config_.folder, model_.config));
    auto data = OL_TRY(read_tuning_data(config_.data, text, run.max_tokens));
    if (!config_.held_out.empty()) {
        held_out_ = OL_TRY(read_tuning_data(config_.held_out, text, run.max_tokens)).examples;
    }
    auto& start = report_.start;
    start.rows = data.rows;
    start.examples = data.examples.size();
    start.cut = data.cut;
    start.empty = data.empty;
    start.form = text.form();
    data_hash_ = data.hash;
    examples_hash_ = examples_hash(data.examples);
    prepared_.record_count = data.examples.size();
    for (const auto& example : data.examples) {
        prepared_.longest = std::max<std::uint64_t>(prepared_.longest, example.tokens.size());
    }
    prepared_.examples = run.packing ? model::pack_examples(data.examples, run.max_tokens)
                                     : std::move(data.examples);
    return {};
}

// Numbers and hashes alone: no date, path or name of a machine.
std::string Tuning::record(const Hash32& result) const {
    const bool first = expected_ != nullptr && (*expected_)["format"] == Json(first_format);
    auto run = Json::object();
    const auto all = config_.run.to_json();
    for (const auto& [key, value] : all.members()) {
        if (is_recorded(key, config_.full)) run.set(key, value);
    }
    auto data = Json::object({{"hash", data_hash_},
                              {"rows", report_.start.rows},
                              {"examples", report_.start.examples},
                              {"form", report_.start.form}});
    if (!first) data.set("examples_hash", examples_hash_);
    auto out = Json::object({{"format", first ? first_format : tuning_format},
                             {"engine", Json(engine_version)},
                             {"method", config_.full ? "full" : "lora"}});
    if (config_.full && !first) out.set("dtype", config_.dtype);
    return out.set("run", std::move(run))
        .set("data", std::move(data))
        .set("steps", report_.start.steps)
        .set("result_hash", result)
        .dump();
}

Status Tuning::check_expected() const {
    const auto result = OL_TRY_IN((*expected_)["result_hash"].as_hash32(), "result_hash");
    const auto found = differences(*expected_, OL_TRY(Json::parse(record(result))));
    if (found.empty()) return {};
    return fail(ErrorCode::unverified,
                "{}: so it is with this model and these data; examples_hash also changes with the "
                "folder's chat template",
                fmt::join(found, "; "));
}

Status Tuning::resume() {
    fingerprint_ = crypto::keccak256(record(Hash32{}));
    const auto found = OL_TRY(find_checkpoint(checkpoint_file()));
    if (!found) return {};
    if (found->fingerprint != fingerprint_) {
        return fail(ErrorCode::conflict,
                    "{} is of another model, data or configuration; give these again, or choose "
                    "another folder",
                    checkpoint_file().string());
    }
    OL_TRY_IN(training_->trainer().load_state(found->state), "{}", checkpoint_file().string());
    step_ = found->step;
    return {};
}

Result<double> Tuning::held_out_loss() const {
    double total = 0;
    std::uint64_t tokens = 0;
    for (std::size_t i = 0; i < held_out_.size(); i += config_.run.batch_examples) {
        const auto end = std::min(held_out_.size(), i + config_.run.batch_examples);
        const std::vector<model::Example> batch(held_out_.begin() + std::ptrdiff_t(i),
                                                held_out_.begin() + std::ptrdiff_t(end));
        const auto count = model::Backprop::loss_tokens(batch);
        const double mean = OL_TRY_IN(training_->trainer().evaluate(batch), "held-out data");
        total += mean * static_cast<double>(count);
        tokens += count;
    }
    return tokens == 0 ? 0.0 : total / static_cast<double>(tokens);
}

Status Tuning::one_step(Order& order) {
    const Stopwatch watch;
    const auto done = OL_TRY(training_->step(order, step_, prepared_));
    ++step_;
    const double seconds = watch.seconds();
    if (report_.tokens == 0) report_.loss_first = done.loss;
    report_.loss_last = done.loss;
    report_.tokens += done.tokens;
    report_.seconds += seconds;
    if (watch_.step) watch_.step(step_, done, seconds);
    if (step_ % config_.run.checkpoint_every != 0 || step_ >= report_.start.steps) return {};
    return write_checkpoint(checkpoint_file(),
                            {fingerprint_, step_, training_->trainer().save_state()});
}

Status Tuning::finish() {
    const auto& output = config_.output;
    if (config_.full) {
        std::error_code ignored; // a part of one
        std::filesystem::remove(output / "config.json", ignored);
        OL_TRY(model::export_folder(model_, config_.folder, output, config_.dtype == "bf16"));
    } else {
        OL_TRY(training_->adapter().save(output, config_.folder.string()));
    }
    report_.hash = OL_TRY(hash_of_result(output, config_.full));
    OL_TRY(write_file_atomic(output / record_name, std::string_view(record(report_.hash))));
    // And what a call that was killed left of one.
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(output, ignored)) {
        if (entry.path().filename().string().starts_with(checkpoint_name)) {
            std::filesystem::remove(entry.path(), ignored);
        }
    }
    return {};
}

Result<TuneReport> Tuning::go() {
    OL_TRY(prepare());
    auto& run = config_.run;
    auto& start = report_.start;
    Order order(prepared_.examples.size(), run);
    start.steps = order.steps();
    run.end_schedule_at(start.steps);
    if (expected_ != nullptr) OL_TRY_IN(check_expected(), "tuning record");
    OL_TRY(make_directories(config_.output));
    training_ = config_.full ? OL_TRY(Training::make_full(run, model_, pool_))
                             : OL_TRY(Training::make(run, model_, pool_));
    OL_TRY(resume());
    start.step = step_;
    start.memory = training_->predict(prepared_);
    start.trained_parameters =
        config_.full ? model_.config.parameter_count() : training_->adapter().parameter_count();
    // Values and moments.
    if (start.steps > run.checkpoint_every) start.checkpoint_bytes = 12 * start.trained_parameters;
    if (watch_.start) watch_.start(start);
    report_.held_out_first = OL_TRY(held_out_loss());
    while (step_ < start.steps) OL_TRY(one_step(order));
    report_.held_out_last = OL_TRY(held_out_loss());
    report_.trainer_bytes = training_->trainer().buffer_bytes();
    OL_TRY(finish());
    return report_;
}

// How a record says to train. What it leaves out, and is of a datanet, counts for nothing.
Result<TuneConfig> config_of(const Json& record) {
    const bool first = record["format"] == Json(first_format);
    if (!first) OL_TRY(must_be(record, "format", tuning_format));
    OL_TRY(must_be(record, "engine", engine_version));
    const auto method = OL_TRY_IN(record["method"].as_string(), "method");
    if (method != "lora" && method != "full") {
        return fail(ErrorCode::invalid_argument, "method is {}, must be lora or full", method);
    }
    TuneConfig out;
    out.full = method == "full";
    if (out.full && !first) {
        out.dtype = OL_TRY_IN(record["dtype"].as_string(), "dtype");
    }
    RunConfig rest;
    rest.name = "tune";
    const auto defaults = rest.to_json();
    auto run = record["run"].is_object() ? record["run"] : Json::object();
    for (const auto& [key, value] : defaults.members()) {
        if (!is_recorded(key, out.full)) run.set(key, value);
    }
    out.run = OL_TRY(RunConfig::from_json(run));
    out.run.checkpoint_every = std::numeric_limits<std::uint64_t>::max(); // nobody would resume it
    return out;
}

} // namespace

Result<TuneReport> tune(const TuneConfig& config, ThreadPool& pool, const TuneWatch& watch) {
    return Tuning(config, pool, watch).go();
}

Result<Json> read_tuning_record(const Path& file_or_folder) {
    std::error_code ignored;
    const bool is_folder = std::filesystem::is_directory(file_or_folder, ignored);
    const auto file = is_folder ? file_or_folder / record_name : file_or_folder;
    const auto text = OL_TRY(read_text_file(file, training_record_limit_bytes));
    const auto record = OL_TRY_IN(Json::parse(text), "{}", file.string());
    if (!is_folder) return record;
    const auto named = OL_TRY_IN(record["result_hash"].as_hash32(), "{}", file.string());
    const auto hash = OL_TRY(hash_of_result(file_or_folder, record["method"] == Json("full")));
    if (hash == named) return record;
    return fail(ErrorCode::unverified, "{}: its files hash to {}, its {} names {}",
                file_or_folder.string(), to_hex0x(hash.view()), record_name,
                to_hex0x(named.view()));
}

Result<TuneReport> tune_again(const Json& record, const TuneAgain& from, ThreadPool& pool,
                              const TuneWatch& watch) {
    auto config = OL_TRY_IN(config_of(record), "tuning record");
    const auto data_hash = OL_TRY_IN(record["data"]["hash"].as_hash32(), "tuning record: data");
    const auto named = OL_TRY_IN(record["result_hash"].as_hash32(), "tuning record: result_hash");
    const auto is = [](const Path& path, const Hash32& found, const Hash32& wanted) -> Status {
        if (found == wanted) return {};
        return fail(ErrorCode::unverified, "{} hashes to {}, the tuning record names {}",
                    path.string(), to_hex0x(found.view()), to_hex0x(wanted.view()));
    };
    OL_TRY_IN(is(from.folder, OL_TRY(model::base_hash(from.folder)), config.run.base_hash),
              "another model");
    OL_TRY_IN(
        is(from.data, crypto::keccak256(OL_TRY(MappedFile::open(from.data)).bytes()), data_hash),
        "other data");
    config.folder = from.folder;
    config.data = from.data;
    config.run.checkpointing = from.checkpointing;
    std::error_code error;
    const Path place = std::filesystem::temp_directory_path(error);
    if (error) return fail(ErrorCode::io, "TMPDIR: {}; name a folder", error.message());
    config.output = place / ("openledger-tune-" + to_hex(crypto::random_bytes(8)));
    auto report = Tuning(config, pool, watch, &record).go();
    std::filesystem::remove_all(config.output, error);
    if (report && report->hash != named) {
        return fail(ErrorCode::unverified, "tuning again gives {}, the tuning record names {}",
                    to_hex0x(report->hash.view()), to_hex0x(named.view()));
    }
    return report;
}

} // namespace ol::factory
