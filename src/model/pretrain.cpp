#include "model/pretrain.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/clock.hpp"
#include "base/prng.hpp"
#include "codec/json.hpp"
#include "crypto/hash.hpp"
#include "model/pretrain_text.hpp"

namespace ol::model {

namespace {

using codec::Json;

constexpr char checkpoint_magic[8] = {'O', 'L', 'P', 'R', 'E', 'T', 'R', '1'};
constexpr std::size_t held_out_sequences = 256; // enough for two digits of bits per byte
constexpr std::size_t loss_window = 50;         // steps whose mean is reported as the last loss
constexpr std::uint64_t record_losses = 200;    // points of the loss curve in the record

Json describe(const PretrainConfig& config) {
    const auto& o = config.optimizer;
    return Json::object({
        {"sequence_tokens", config.sequence_tokens},
        {"batch_sequences", config.batch_sequences},
        {"seed", config.seed},
        {"held_out_fraction", config.held_out_fraction},
        {"optimizer", Json::object({{"name", "adamw"},
                                    {"learning_rate", static_cast<double>(o.learning_rate)},
                                    {"beta1", static_cast<double>(o.beta1)},
                                    {"beta2", static_cast<double>(o.beta2)},
                                    {"epsilon", static_cast<double>(o.epsilon)},
                                    {"weight_decay", static_cast<double>(o.weight_decay)},
                                    {"clip_norm", static_cast<double>(o.clip_norm)},
                                    {"warmup_steps", o.warmup_steps}})},
    });
}

// Belongs to one configuration and text; a checkpoint of another is not continued. The number of
// steps is not part of it: a run may be resumed to end sooner or later, and its record says so.
Hash32 run_key(const PretrainConfig& config, const PretrainText& text) {
    crypto::Keccak256 hasher;
    hasher.update(text.key.view());
    hasher.update(as_bytes(config.shape.to_json()));
    hasher.update(as_bytes(describe(config).dump()));
    return hasher.finish();
}

// From `first_step` on the schedule was that of `steps` steps.
struct Plan {
    std::uint64_t first_step, steps;
};

struct Run {
    Hash32 key;
    double seconds = 0;
    std::vector<Plan> plans;
    std::vector<float> losses; // of every step so far
};

// magic, sha-256 of the rest, key, milliseconds, plans, losses, trainer's state.
Bytes checkpoint_file(const Run& run, const Trainer& trainer) {
    Bytes body;
    std::uint8_t number[8];
    const auto put = [&](std::uint64_t value) {
        put_be64(number, value);
        append(body, number);
    };
    append(body, run.key.view());
    put(static_cast<std::uint64_t>(run.seconds * 1000));
    put(run.plans.size());
    for (const auto& plan : run.plans) {
        put(plan.first_step);
        put(plan.steps);
    }
    put(run.losses.size());
    append(body, {reinterpret_cast<const std::uint8_t*>(run.losses.data()),
                  run.losses.size() * sizeof(float)});
    append(body, trainer.save_state());
    Bytes out(checkpoint_magic, checkpoint_magic + sizeof checkpoint_magic);
    append(out, crypto::sha256(body).view());
    append(out, body);
    return out;
}

Status take_checkpoint(ByteView bytes, const Path& path, Run& run, Trainer& trainer) {
    constexpr std::size_t header = sizeof checkpoint_magic + 32;
    if (bytes.size() < header + 48 ||
        std::memcmp(bytes.data(), checkpoint_magic, sizeof checkpoint_magic) != 0) {
        return fail(ErrorCode::corrupted, "{}: not a checkpoint; remove it to start again",
                    path.string());
    }
    const ByteView body = bytes.subspan(header);
    if (std::memcmp(crypto::sha256(body).data.data(), bytes.data() + sizeof checkpoint_magic, 32) !=
        0) {
        return fail(ErrorCode::corrupted,
                    "{}: its bytes do not match their hash; remove it to start again",
                    path.string());
    }
    if (std::memcmp(body.data(), run.key.data.data(), 32) != 0) {
        return fail(ErrorCode::conflict,
                    "{} belongs to another configuration or text; remove it, or choose another "
                    "output folder",
                    path.string());
    }
    run.seconds = static_cast<double>(get_be64(body.data() + 32)) / 1000;
    std::size_t at = 40;
    const auto take = [&] {
        const std::uint64_t value = body.size() - at >= 8 ? get_be64(body.data() + at) : 0;
        at = std::min(at + 8, body.size());
        return value;
    };
    const std::uint64_t plans = take();
    for (std::uint64_t i = 0; i < plans && at < body.size(); ++i) {
        const std::uint64_t first_step = take();
        run.plans.push_back({first_step, take()});
    }
    const std::uint64_t count = take();
    if (run.plans.size() != plans || count > (body.size() - at) / sizeof(float)) {
        return fail(ErrorCode::corrupted, "{}: cut short; remove it to start again", path.string());
    }
    run.losses.resize(count);
    if (count > 0) std::memcpy(run.losses.data(), body.data() + at, count * sizeof(float));
    return trainer.load_state(body.subspan(at + count * sizeof(float)));
}

Example sequence_at(const std::vector<TokenId>& stream, std::size_t index, std::size_t length) {
    const std::size_t first = index * length;
    const std::size_t last = std::min(stream.size(), first + length + 1);
    Example out;
    out.tokens.assign(stream.begin() + static_cast<std::ptrdiff_t>(first),
                      stream.begin() + static_cast<std::ptrdiff_t>(last));
    out.mask.assign(out.tokens.size(), 1);
    return out;
}

// The n-th sequence of the run: each epoch visits all sequences in an order of its own.
class Order {
public:
    Order(std::uint64_t seed, std::size_t count)
        : seed_(seed)
        , order_(count) {}
    std::size_t at(std::uint64_t n) {
        const std::uint64_t epoch = n / order_.size();
        if (epoch + 1 != shuffled_) {
            Prng prng(seed_ + 0x5851f42d4c957f2d * (epoch + 1));
            for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = i;
            for (std::size_t i = order_.size(); i > 1; --i) {
                std::swap(order_[i - 1], order_[prng.below(i)]);
            }
            shuffled_ = epoch + 1;
        }
        return order_[n % order_.size()];
    }

private:
    std::uint64_t seed_, shuffled_ = 0;
    std::vector<std::size_t> order_;
};

Status check_config(const PretrainConfig& config) {
    if (config.sequence_tokens < 2 || config.sequence_tokens > config.shape.context_length) {
        return fail(ErrorCode::invalid_argument,
                    "sequences of {} tokens do not fit the context of {}; choose 2 to {}",
                    config.sequence_tokens, config.shape.context_length,
                    config.shape.context_length);
    }
    if (config.batch_sequences == 0 || config.steps == 0) {
        return fail(ErrorCode::invalid_argument, "batch and steps must be at least 1");
    }
    if (!(config.held_out_fraction >= 0 && config.held_out_fraction <= 0.5)) {
        return fail(ErrorCode::invalid_argument,
                    "the held-out fraction {} is not between 0 and 0.5", config.held_out_fraction);
    }
    // Refuses shapes that config.json could not say.
    OL_TRY(ModelConfig::from_json(config.shape.to_json()));
    return {};
}

double last_mean(const std::vector<float>& losses) {
    const std::size_t count = std::min(losses.size(), loss_window);
    double sum = 0;
    for (std::size_t i = losses.size() - count; i < losses.size(); ++i) {
        sum += static_cast<double>(losses[i]);
    }
    return count == 0 ? 0 : sum / static_cast<double>(count);
}

// Loss over the first held-out sequences, and the same per byte of their text.
Status measure_held_out(const PretrainConfig& config, const PretrainText& text, Trainer& trainer,
                        const ProgressSink& progress, PretrainReport& report) {
    const std::size_t length = config.sequence_tokens;
    const std::size_t count =
        text.held_out.size() < 2
            ? 0
            : std::min(held_out_sequences, (text.held_out.size() - 2) / length + 1);
    double nats = 0;
    std::uint64_t tokens = 0;
    for (std::size_t i = 0; i < count; i += 8) {
        if (!progress("measuring held-out text", i, count)) {
            return fail(ErrorCode::cancelled,
                        "pretraining was stopped before its final measurement");
        }
        std::vector<Example> batch;
        for (std::size_t j = i; j < std::min(i + 8, count); ++j) {
            batch.push_back(sequence_at(text.held_out, j, length));
        }
        std::uint64_t here = 0;
        for (const auto& example : batch) here += example.tokens.size() - 1;
        nats += OL_TRY(trainer.evaluate(batch)) * static_cast<double>(here);
        tokens += here;
    }
    if (tokens == 0) return {};
    report.held_out_loss = nats / static_cast<double>(tokens);
    const double bytes_per_token =
        static_cast<double>(text.held_out_bytes) / static_cast<double>(text.held_out.size());
    report.held_out_bits_per_byte = report.held_out_loss / std::log(2.0) / bytes_per_token;
    return {};
}

Json record(const PretrainConfig& config, const PretrainText& text, const Run& run,
            const PretrainReport& report, const Hash32& model_hash) {
    Json sources = Json::array();
    for (const auto& source : text.sources) {
        const auto licence = config.licences.find(source.path);
        sources.push(Json::object(
            {{"path", source.path},
             {"files", source.files},
             {"documents", source.documents},
             {"text_bytes", source.bytes},
             {"keccak256", source.hash},
             {"licence", licence == config.licences.end() ? Json() : Json(licence->second)}}));
    }
    Json curve = Json::array();
    const std::uint64_t every = std::max<std::uint64_t>(1, run.losses.size() / record_losses);
    for (std::size_t i = 0; i < run.losses.size(); i += every) {
        curve.push(Json::array({Json(i + 1), Json(static_cast<double>(run.losses[i]))}));
    }
    Json plans = Json::array();
    for (const auto& plan : run.plans) {
        plans.push(Json::object({{"first_step", plan.first_step}, {"schedule_steps", plan.steps}}));
    }
    const auto shape = Json::parse(config.shape.to_json());
    return Json::object({
        {"format", "openledger training record 1"},
        {"kind", "pretraining"},
        {"text", Json::object({{"key", text.key},
                               {"train_bytes", text.train_bytes},
                               {"train_tokens", text.train.size()},
                               {"held_out_bytes", text.held_out_bytes},
                               {"held_out_tokens", text.held_out.size()},
                               {"sources", std::move(sources)}})},
        {"shape", shape ? *shape : Json()},
        {"parameters", config.shape.parameter_count()},
        {"run", describe(config)},
        {"plans", std::move(plans)},
        {"result", Json::object({{"model_keccak256", model_hash},
                                 {"steps", report.steps},
                                 {"tokens", report.tokens},
                                 {"first_loss", report.first_loss},
                                 {"last_loss", report.last_loss},
                                 {"held_out_loss", report.held_out_loss},
                                 {"held_out_bits_per_byte", report.held_out_bits_per_byte},
                                 {"seconds", std::round(report.seconds)},
                                 {"losses", std::move(curve)}})},
    });
}

} // namespace

Result<PretrainReport> pretrain(const PretrainConfig& given, ThreadPool& pool,
                                const ProgressSink& progress) {
    PretrainConfig config = given;
    config.optimizer.total_steps = config.steps;
    config.shape.eos_token = 0; // <|end|>
    OL_TRY(check_config(config));
    OL_TRY(make_directories(config.output));
    const auto text = OL_TRY(prepare_text(config, pool, progress));
    const std::size_t length = config.sequence_tokens;
    if (text.train.size() < length + 1) {
        return fail(ErrorCode::invalid_argument,
                    "the sources give {} tokens, less than one sequence of {}; add text",
                    text.train.size(), length);
    }
    const std::size_t sequences = (text.train.size() - 1) / length;

    Model model = Model::random(config.shape, config.seed);
    auto trainer = Trainer::for_model(model, config.optimizer, pool);
    Run run;
    run.key = run_key(config, text);
    const auto checkpoint = config.output / "checkpoint.bin";
    std::error_code ignored;
    if (std::filesystem::exists(checkpoint, ignored)) {
        const auto map = OL_TRY(MappedFile::open(checkpoint));
        OL_TRY(take_checkpoint(map.bytes(), checkpoint, run, *trainer));
    }
    if (run.plans.empty() || run.plans.back().steps != config.steps) {
        run.plans.push_back({trainer->step_count(), config.steps});
    }
    const double seconds_before = run.seconds;
    const std::uint64_t first_step = trainer->step_count();
    const Stopwatch watch;
    const auto save = [&]() -> Status {
        run.seconds = seconds_before + watch.seconds();
        return write_file_atomic(checkpoint, ByteView(checkpoint_file(run, *trainer)));
    };

    Order order(config.seed, sequences);
    std::string what = "pretraining";
    while (trainer->step_count() < config.steps) {
        const std::uint64_t step = trainer->step_count();
        if (!progress(what, step, config.steps)) {
            OL_TRY(save());
            return fail(
                ErrorCode::cancelled,
                "pretraining was stopped after step {}; the same command goes on from there", step);
        }
        std::vector<Example> batch;
        for (std::uint64_t i = 0; i < config.batch_sequences; ++i) {
            batch.push_back(
                sequence_at(text.train, order.at(step * config.batch_sequences + i), length));
        }
        const auto report = OL_TRY(trainer->step(batch));
        run.losses.push_back(static_cast<float>(report.loss));
        const double speed =
            static_cast<double>((step + 1 - first_step) * config.batch_sequences * length) /
            watch.seconds();
        what = fmt::format(
            "pretraining: loss {:.4f}, gradient norm {:.2f}, rate {:.2e}, {:.0f} tokens/s",
            report.loss, report.gradient_norm, report.learning_rate, speed);
        if (config.checkpoint_every > 0 && (step + 1) % config.checkpoint_every == 0)
            OL_TRY(save());
    }
    if (trainer->step_count() > first_step) OL_TRY(save());

    PretrainReport out;
    out.steps = trainer->step_count();
    out.tokens = out.steps * config.batch_sequences * length;
    out.seconds = run.seconds;
    out.first_loss = run.losses.empty() ? 0 : static_cast<double>(run.losses.front());
    out.last_loss = last_mean(run.losses);
    OL_TRY(measure_held_out(config, text, *trainer, progress, out));
    OL_TRY(model.save(config.output, true));
    const auto hash = OL_TRY(base_hash(config.output));
    OL_TRY(write_file_atomic(config.output / "training_record.json",
                             record(config, text, run, out, hash).dump(2) + "\n"));
    return out;
}

} // namespace ol::model
