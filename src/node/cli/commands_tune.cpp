#include "node/cli/commands_tune.hpp"

#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include "base/clock.hpp"
#include "factory/tune.hpp"
#include "node/cli/commands.hpp"

namespace ol::node::cli {

using codec::Json;

namespace {

struct TuneCommand {
    factory::TuneConfig tune;
    std::string folder, data, held_out, output, schedule = "cosine";
    double learning_rate = 0, alpha = 0;
    std::vector<std::string> targets, rank_pattern, alpha_pattern;
};

constexpr double adapter_rate = 2e-4, full_rate = 2e-5;

std::uint64_t peak_bytes() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
}

Result<factory::TuneConfig> config_of(const TuneCommand& command) {
    auto out = command.tune;
    out.folder = command.folder;
    out.data = command.data;
    out.output = command.output;
    out.held_out = command.held_out;
    auto& run = out.run;
    run.optimizer.schedule = OL_TRY_IN(model::schedule_from(command.schedule), "--schedule");
    const double rate = out.full ? full_rate : adapter_rate;
    run.optimizer.learning_rate =
        static_cast<float>(command.learning_rate > 0 ? command.learning_rate : rate);
    run.lora.alpha = command.alpha > 0 ? static_cast<float>(command.alpha)
                                       : 2.0F * static_cast<float>(run.lora.rank);
    OL_TRY_IN(run.lora.set_target_modules(command.targets), "--target");
    auto patterns = Json::object();
    patterns.set("rank_pattern", OL_TRY(pattern_of("--rank-pattern", command.rank_pattern)));
    patterns.set("alpha_pattern", OL_TRY(pattern_of("--alpha-pattern", command.alpha_pattern)));
    OL_TRY(factory::read_patterns(patterns, run.lora));
    return out;
}

void say_start(const Console& out, const factory::TuneStart& start) {
    out.line(fmt::format(
        "{} rows, {} examples ({}){}{}", human_count(start.rows), human_count(start.examples),
        start.form, start.cut > 0 ? fmt::format(", {} cut", human_count(start.cut)) : "",
        start.empty > 0 ? fmt::format(", {} with nothing to learn", human_count(start.empty))
                        : ""));
    out.line(fmt::format("{} of {} parameters are trained", human_count(start.trained_parameters),
                         human_count(start.memory.base / 4)));
    out.line(fmt::format("memory: about {}: {} model, {} gradients, {} moments, {} activations{}",
                         human_bytes(start.memory.total() + start.checkpoint_bytes),
                         human_bytes(start.memory.base), human_bytes(start.memory.gradients),
                         human_bytes(start.memory.moments), human_bytes(start.memory.activations),
                         start.checkpoint_bytes > 0
                             ? ", " + human_bytes(start.checkpoint_bytes) + " of a checkpoint"
                             : ""));
    if (start.step > 0) {
        out.line(fmt::format("going on from step {} of {}", start.step, start.steps));
    }
}

// Says how it starts, and now and then how far it is. Stays where it is made.
struct Shown {
    explicit Shown(Session& session) {
        watch.start = [this, &session](const factory::TuneStart& start) {
            steps = start.steps;
            if (!session.json()) say_start(session.console(), start);
        };
        watch.step = [this, &session](std::uint64_t step, const model::StepReport& report,
                                      double seconds) {
            if (session.json() || (since.seconds() - last < 2 && step < steps)) return;
            last = since.seconds();
            session.console().line(
                fmt::format("step {}/{}  loss {:.4f}  rate {:.2e}  {:.0f} tokens/s", step, steps,
                            report.loss, static_cast<double>(report.learning_rate),
                            static_cast<double>(report.tokens) / std::max(seconds, 1e-9)));
        };
    }
    Shown(const Shown&) = delete;
    Shown& operator=(const Shown&) = delete;

    factory::TuneWatch watch;
    std::uint64_t steps = 0;
    Stopwatch since;
    double last = -10;
};

Status run_tune(Session& session, const TuneCommand& command) {
    for (const auto& [option, value] : {std::pair{"FOLDER", &command.folder},
                                        {"--data", &command.data},
                                        {"--out", &command.output}}) {
        if (value->empty()) return fail(ErrorCode::invalid_argument, "{} is required", option);
    }
    const auto config = OL_TRY(config_of(command));
    const auto& out = session.console();
    ThreadPool pool(session.options().node.threads);
    const Shown shown(session);
    const auto report = OL_TRY(factory::tune(config, pool, shown.watch));
    const auto& start = report.start;
    const auto peak = peak_bytes();
    if (session.json()) {
        session.print(
            Json::object({{"output", command.output},
                          {"method", config.full ? "full" : "lora"},
                          {"rows", start.rows},
                          {"examples", start.examples},
                          {"cut", start.cut},
                          {"form", start.form},
                          {"trained_parameters", start.trained_parameters},
                          {"resumed_at", start.step},
                          {"steps", start.steps},
                          {"loss_first", report.loss_first},
                          {"loss_last", report.loss_last},
                          {"held_out_first", report.held_out_first},
                          {"held_out_last", report.held_out_last},
                          {"loss_tokens", report.tokens},
                          {"seconds", report.seconds},
                          {"memory_predicted_bytes", start.memory.total() + start.checkpoint_bytes},
                          {"trainer_predicted_bytes", start.memory.trainer()},
                          {"trainer_bytes", report.trainer_bytes},
                          {"memory_peak_bytes", peak},
                          {"hash", report.hash}}));
        return {};
    }
    out.line(fmt::format("{}: loss {:.4f} -> {:.4f} in {:.1f} s, {}", command.output,
                         report.loss_first, report.loss_last, report.seconds,
                         to_hex0x(report.hash.view())));
    if (!command.held_out.empty()) {
        out.line(fmt::format("held out: loss {:.4f} -> {:.4f}", report.held_out_first,
                             report.held_out_last));
    }
    out.line(fmt::format("memory: trainer {} (predicted {}), peak of the process {}",
                         human_bytes(report.trainer_bytes), human_bytes(start.memory.trainer()),
                         human_bytes(peak)));
    return {};
}

struct AgainCommand {
    std::string record, folder, data;
    bool checkpointing = false;
};

Status run_tune_again(Session& session, const AgainCommand& command) {
    const auto record = OL_TRY(factory::read_tuning_record(command.record));
    ThreadPool pool(session.options().node.threads);
    const Shown shown(session);
    const factory::TuneAgain from{command.folder, command.data, command.checkpointing};
    const auto report =
        OL_TRY_IN(factory::tune_again(record, from, pool, shown.watch), "{}", command.record);
    if (session.json()) {
        session.print(Json::object({{"record", command.record},
                                    {"reproduced", true},
                                    {"method", record["method"]},
                                    {"steps", report.start.steps},
                                    {"loss_first", report.loss_first},
                                    {"loss_last", report.loss_last},
                                    {"seconds", report.seconds},
                                    {"hash", report.hash}}));
        return {};
    }
    const auto& out = session.console();
    out.line(fmt::format("{}: the same bytes, {}, in {:.1f} s",
                         out.paint(Paint::green, "reproduced"), to_hex0x(report.hash.view()),
                         report.seconds));
    return {};
}

void add_tune_again(CLI::App& tune, std::function<Status(Session&)>& action) {
    static AgainCommand c;
    auto* app = tune.add_subcommand("reproduce",
                                    "Tune again as a tuning record says and compare the bytes");
    app->footer("Example:\n  openledger model tune reproduce adapter --model models/base-8m --data "
                "chats.jsonl\n"
                "What is tuned lies in $TMPDIR (default /tmp) meanwhile.");
    app->fallthrough();
    app->add_option("RECORD", c.record, "A tuning_record.json, or the folder that tuning left")
        ->required();
    app->add_option("--model", c.folder, "The model's folder, as it was before")->required();
    app->add_option("--data", c.data, "The data's file")->required();
    app->add_flag("--checkpointing", c.checkpointing, "Less memory, more time, the same bytes");
    app->callback([&action] { action = [](Session& s) { return run_tune_again(s, c); }; });
}

} // namespace

void add_tune_command(CLI::App& group, std::function<Status(Session&)>& action) {
    static TuneCommand c;
    auto& run = c.tune.run;
    run.lora.rank = 16;
    run.max_tokens = 0;
    c.targets = {"all-linear"};
    auto* app = group.add_subcommand("tune", "Fine-tune a model's folder: an adapter or all of it");
    app->footer(
        "Example:\n  openledger model tune models/base-8m --data chats.jsonl --out adapter\n"
        "  openledger model tune models/base-8m --data chats.jsonl --out tuned --full\n"
        "  openledger model tune reproduce adapter --model models/base-8m --data chats.jsonl\n"
        "The same command goes on where it was broken off.");
    app->fallthrough();
    // Required of `tune` alone, so not said to the parser: it would ask it of `reproduce`, too.
    app->add_option("FOLDER", c.folder, "A model's folder, as Hugging Face has it; required");
    app->add_option("--data", c.data,
                    "JSON lines or a JSON list (messages, conversations, instruction and output, "
                    "prompt and completion, text), or a text file; required");
    app->add_option("--held-out", c.held_out, "Data whose loss is measured before and after");
    app->add_option("--out", c.output, "The folder to write; required");
    app->add_flag("--full", c.tune.full, "All weights, in place of an adapter");
    app->add_option("--dtype", c.tune.dtype, "Of all weights: f32 or bf16 (default: as FOLDER)");
    app->add_option("--rank", run.lora.rank, "Of the adapter")->capture_default_str();
    app->add_option("--alpha", c.alpha, "Default: twice the rank");
    app->add_option("--target", c.targets, "Modules: q_proj, embed_tokens, lm_head, ...")
        ->allow_extra_args(false)
        ->capture_default_str();
    app->add_option("--rank-pattern", c.rank_pattern,
                    "MODULE=RANK, a module's name or a pattern of it")
        ->allow_extra_args(false);
    app->add_option("--alpha-pattern", c.alpha_pattern, "MODULE=ALPHA, likewise")
        ->allow_extra_args(false);
    app->add_flag("--rslora", run.lora.rslora, "Scale alpha / sqrt(rank)");
    app->add_flag("--dora", run.lora.dora, "Learned lengths of the outputs");
    app->add_option("--dropout", run.lora.dropout, "Of what the adapter sees");
    app->add_option("--lora-plus", run.optimizer.lora_plus_ratio, "B learns so much faster than A");
    app->add_option("--quantization", run.quantization,
                    "Of the model under an adapter: q8_0 or q4_0");
    app->add_option("--epochs", run.epochs)->capture_default_str();
    app->add_option("--batch", run.batch_examples, "Examples")->capture_default_str();
    app->add_option("--accumulation", run.accumulation, "Batches a step")->capture_default_str();
    app->add_option("--max-tokens", run.max_tokens,
                    "Of an example (default: 512, or the model's context)");
    app->add_flag("--packing", run.packing, "Several examples share a row");
    app->add_option("--learning-rate", c.learning_rate, "Default 2e-4; 2e-5 with --full");
    app->add_option("--schedule", c.schedule, "constant, linear or cosine")->capture_default_str();
    app->add_option("--minimum-ratio", run.optimizer.minimum_ratio, "Of the rate, at the end")
        ->capture_default_str();
    app->add_option("--warmup", run.optimizer.warmup_steps, "Steps; 0: a twentieth");
    app->add_option("--weight-decay", run.optimizer.weight_decay)->capture_default_str();
    app->add_option("--clip", run.optimizer.clip_norm, "Of the gradient's norm; 0: none")
        ->capture_default_str();
    app->add_option("--neftune", run.neftune_alpha, "Noise on the embeddings");
    app->add_option("--seed", run.seed)->capture_default_str();
    app->add_flag("--checkpointing", run.checkpointing, "Less memory, more time, the same bytes");
    app->add_option("--checkpoint-every", run.checkpoint_every, "Steps")->capture_default_str();
    add_tune_again(*app, action);
    app->callback([&action, app] {
        if (!app->get_subcommands().empty()) return;
        action = [](Session& session) { return run_tune(session, c); };
    });
}

} // namespace ol::node::cli
