#include "factory/tune.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "crypto/hash.hpp"
#include "factory/checkpoint.hpp"
#include "factory/training.hpp"
#include "model/backprop.hpp"
#include "model/export.hpp"

namespace ol::factory {

namespace {

using codec::Json;

constexpr std::string_view tuning_format = "openledger/tuning-record/1";
constexpr std::string_view record_name = "tuning_record.json";
constexpr std::string_view checkpoint_name = "checkpoint.bin";
constexpr std::uint32_t default_tokens = 512;

class Tuning {
public:
    Tuning(const TuneConfig& config, ThreadPool& pool, const TuneWatch& watch)
        : config_(config)
        , pool_(pool)
        , watch_(watch) {}

    Result<TuneReport> go();

private:
    Status prepare();
    Status resume();
    Status one_step(Order& order);
    Result<double> held_out_loss() const;
    Status finish();
    std::string record(const Hash32& result) const;
    Path checkpoint_file() const { return config_.output / checkpoint_name; }

    TuneConfig config_;
    ThreadPool& pool_;
    const TuneWatch& watch_;
    model::Model model_;
    std::unique_ptr<Training> training_;
    Prepared prepared_;
    std::vector<model::Example> held_out_;
    Hash32 data_hash_, fingerprint_;
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
    auto run = Json::object();
    const auto all = config_.run.to_json();
    for (const auto& [key, value] : all.members()) {
        const bool of_datanet = key == "name" || key == "datanet_id" || key == "version" ||
                                key == "version_root" || key == "record_limit";
        const bool no_byte = key == "checkpoint_every" || key == "checkpointing";
        if (!of_datanet && !no_byte && !(config_.full && key == "lora")) run.set(key, value);
    }
    return Json::object({{"format", Json(tuning_format)},
                         {"engine", Json(engine_version)},
                         {"method", config_.full ? "full" : "lora"},
                         {"run", std::move(run)},
                         {"data", Json::object({{"hash", data_hash_},
                                                {"rows", report_.start.rows},
                                                {"examples", report_.start.examples},
                                                {"form", report_.start.form}})},
                         {"steps", report_.start.steps},
                         {"result_hash", result}})
        .dump();
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
        const bool as_bf16 = config_.dtype.empty() ? OL_TRY(model::is_bf16(config_.folder))
                                                   : config_.dtype == "bf16";
        OL_TRY(model::export_folder(model_, config_.folder, output, as_bf16));
        report_.hash = OL_TRY(model::base_hash(output));
    } else {
        OL_TRY(training_->adapter().save(output, config_.folder.string()));
        report_.hash = crypto::keccak256(OL_TRY(model::AdapterFiles::read(output)).weights);
    }
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

} // namespace

Result<TuneReport> tune(const TuneConfig& config, ThreadPool& pool, const TuneWatch& watch) {
    return Tuning(config, pool, watch).go();
}

} // namespace ol::factory
