// pretrain, train, model, ask.
#include <thread>

#include "factory/run.hpp"
#include "model/pretrain.hpp"
#include "node/cli/commands.hpp"
#include "node/cli/fields.hpp"

namespace ol::node::cli {

using codec::Json;

namespace {

std::unexpected<Error> unknown_model(const std::string& model) {
    return fail(ErrorCode::not_found,
                "there is no model '{}'; `openledger model list` shows those that are", model);
}

constexpr auto poll_interval = std::chrono::milliseconds(250);

// Prints a run's steps as they come, until it ends.
Result<Json> follow_run(Session& session, api::Services& services, const std::string& id) {
    std::uint64_t offset = 0;
    Stopwatch since;
    double shown = -10;
    for (;;) {
        const auto page = OL_TRY(services.run_events(id, offset));
        for (const auto& event : page["events"].items()) {
            offset = number_at(event, "offset") + 1;
            if (text_at(event, "kind") != "step" || session.json()) continue;
            if (since.seconds() - shown < 2) continue;
            shown = since.seconds();
            const auto& data = event["data"];
            session.console().line(fmt::format("step {}/{}  loss {:.4f}  {:.0f} tokens/s",
                                               number_at(data, "step"), number_at(data, "steps"),
                                               real_at(data, "loss"),
                                               real_at(data, "tokens_per_second")));
        }
        const auto state = text_at(page, "state");
        if (state == "done") return services.run(id);
        if (state == "failed" || state == "stopped" || state == "paused") {
            const auto run = OL_TRY(services.run(id));
            return fail(ErrorCode::conflict, "run {} is {}{}", id, state,
                        text_at(run, "error").empty() ? "" : ": " + text_at(run, "error"));
        }
        std::this_thread::sleep_for(poll_interval);
    }
}

} // namespace

Status run_pretrain(Session& session, const PretrainCommand& command) {
    model::PretrainConfig config;
    config.sources.assign(command.sources.begin(), command.sources.end());
    config.output = command.output;
    for (const auto& licence : command.licences) {
        const auto split = licence.find('=');
        if (split == std::string::npos) {
            return fail(ErrorCode::invalid_argument, "--licence {}: write SOURCE=LICENCE", licence);
        }
        config.licences[licence.substr(0, split)] = licence.substr(split + 1);
    }
    config.shape.vocab_size = command.vocab;
    config.shape.hidden_size = command.hidden;
    config.shape.intermediate_size = command.intermediate;
    config.shape.layer_count = command.layers;
    config.shape.head_count = command.heads;
    config.shape.kv_head_count = command.kv_heads;
    if (command.heads == 0 || command.hidden % command.heads != 0) {
        return fail(ErrorCode::invalid_argument, "--hidden {} is not a multiple of --heads {}",
                    command.hidden, command.heads);
    }
    config.shape.head_size = command.hidden / command.heads;
    config.shape.context_length = command.context;
    config.sequence_tokens = command.sequence;
    config.batch_sequences = command.batch;
    config.steps = command.steps;
    config.seed = command.seed;
    config.checkpoint_every = command.checkpoint_every;
    config.max_bytes = command.max_bytes;
    config.optimizer.learning_rate = static_cast<float>(command.learning_rate);
    config.optimizer.warmup_steps = command.warmup;
    config.optimizer.weight_decay = 0.1F;
    ThreadPool pool(session.options().node.threads);
    const auto report = OL_TRY(model::pretrain(config, pool, session.console().progress()));
    const Json json = Json::object({{"output", command.output},
                                    {"steps", report.steps},
                                    {"tokens", report.tokens},
                                    {"first_loss", report.first_loss},
                                    {"last_loss", report.last_loss},
                                    {"held_out_loss", report.held_out_loss},
                                    {"held_out_bits_per_byte", report.held_out_bits_per_byte},
                                    {"seconds", report.seconds}});
    if (session.json()) {
        session.print(json);
    } else {
        session.console().line(fmt::format("{}: {} tokens in {:.0f} s, loss {:.3f} -> {:.3f}, held "
                                           "out {:.3f} nats a token = {:.3f} "
                                           "bits a byte",
                                           command.output, human_count(report.tokens),
                                           report.seconds, report.first_loss, report.last_loss,
                                           report.held_out_loss, report.held_out_bits_per_byte));
    }
    return {};
}

Result<Json> pattern_of(std::string_view option, const std::vector<std::string>& pairs) {
    auto out = Json::object();
    for (const auto& pair : pairs) {
        const auto split = pair.rfind('=');
        const auto value =
            split == std::string::npos ? Result<Json>(Json()) : Json::parse(pair.substr(split + 1));
        if (!value || !value->is_number()) {
            return fail(ErrorCode::invalid_argument, "{} {}: write MODULE=NUMBER, q_proj=8", option,
                        pair);
        }
        out.set(pair.substr(0, split), *value);
    }
    return out;
}

Status run_train(Session& session, const TrainCommand& command) {
    for (const auto& [option, value] : {std::pair{"--name", &command.name},
                                        {"--datanet", &command.datanet},
                                        {"--wallet", &command.wallet}}) {
        if (value->empty()) return fail(ErrorCode::invalid_argument, "{} is required", option);
    }
    auto* services = OL_TRY(session.services());
    Json request = Json::object({{"name", command.name},
                                 {"datanet", command.datanet},
                                 {"version", command.version},
                                 {"record_limit", command.record_limit},
                                 {"seed", command.seed}});
    if (command.epochs != 0) request.set("epochs", command.epochs);
    if (command.rank != 0) request.set("rank", command.rank);
    if (command.learning_rate != 0) request.set("learning_rate", command.learning_rate);
    if (command.accumulation) request.set("accumulation", *command.accumulation);
    for (const auto& [key, value] : {std::pair{"minimum_ratio", command.minimum_ratio},
                                     {"neftune_alpha", command.neftune_alpha},
                                     {"dropout", command.dropout},
                                     {"lora_plus_ratio", command.lora_plus_ratio}}) {
        if (value) request.set(key, *value);
    }
    for (const auto& [key, value] :
         {std::pair{"schedule", command.schedule}, {"quantization", command.quantization}}) {
        if (value) request.set(key, *value);
    }
    for (const auto& [key, value] : {std::pair{"packing", command.packing},
                                     {"rslora", command.rslora},
                                     {"dora", command.dora},
                                     {"checkpointing", command.checkpointing}}) {
        if (value) request.set(key, value);
    }
    if (!command.targets.empty()) {
        auto modules = Json::array();
        for (const auto& name : command.targets) modules.push(Json(name));
        request.set("target_modules", std::move(modules));
    }
    if (!command.rank_pattern.empty()) {
        request.set("rank_pattern", OL_TRY(pattern_of("--rank-pattern", command.rank_pattern)));
    }
    if (!command.alpha_pattern.empty()) {
        request.set("alpha_pattern", OL_TRY(pattern_of("--alpha-pattern", command.alpha_pattern)));
    }
    const auto run = OL_TRY(services->create_run(request));
    auto done = OL_TRY(follow_run(session, *services, text_at(run, "id")));
    if (!command.no_register) {
        const auto registered = OL_TRY(
            services->register_run(text_at(run, "id"), Json::object({{"wallet", command.wallet}})));
        done.set("registered", registered);
    }
    if (session.json()) {
        session.print(done);
    } else {
        session.console().line(fmt::format(
            "{}: loss {:.4f} -> {:.4f} in {:.1f} s; adapter {}{}", command.name,
            real_at(done, "loss_first"), real_at(done, "loss_last"), real_at(done, "seconds"),
            text_at(done, "adapter_hash"), command.no_register ? "" : ", registered and served"));
    }
    return {};
}

Status train_reproduce(Session& session, const std::string& model_or_record, bool anyway) {
    auto* services = OL_TRY(session.services());
    std::error_code ignored;
    const bool is_file = std::filesystem::is_regular_file(model_or_record, ignored);
    Json record;
    if (is_file) {
        const auto text =
            OL_TRY(read_text_file(model_or_record, factory::training_record_limit_bytes));
        record = OL_TRY_IN(Json::parse(text), "{}", model_or_record);
    } else if (anyway) {
        return fail(ErrorCode::invalid_argument,
                    "--anyway goes with a record's file, and there is no file {}", model_or_record);
    }
    fmt::print(stderr, "training {} again from its record...\n", model_or_record);
    const auto verdict = is_file
                             ? OL_TRY_IN(services->reproduce(record, anyway), "{}", model_or_record)
                             : OL_TRY(services->verify_model(model_or_record, true));
    if (session.json()) {
        session.print(verdict);
        return {};
    }
    const auto& out = session.console();
    const auto model = text_at(verdict, "registered");
    out.line(fmt::format("{}: the same bytes, {}{}", out.paint(Paint::green, "reproduced"),
                         text_at(verdict, "adapter_hash"),
                         !is_file        ? ""
                         : model.empty() ? "; the record is of no adapter that is registered here"
                                         : "; the record that the ledger has of " + model));
    return {};
}

Status model_list(Session& session) {
    const auto models = OL_TRY(OL_TRY(session.services())->models());
    if (session.json()) {
        session.print(models);
        return {};
    }
    for (const auto& row : models["data"].items()) {
        if (row["parent"].is_null()) {
            session.console().line(fmt::format("{:24} base, {} parameters", text_at(row, "id"),
                                               human_count(number_at(row, "parameters"))));
        } else {
            session.console().line(fmt::format(
                "{:24} adapter of {}, {} / {} per 1,000 tokens in / out{}", text_at(row, "id"),
                text_at(row, "parent"), open_at(row, "price_in"), open_at(row, "price_out"),
                row["resident"].as_bool().value_or(false) ? ", resident" : ""));
        }
    }
    return {};
}

Status model_show(Session& session, const std::string& model) {
    const auto models = OL_TRY(OL_TRY(session.services())->models());
    for (const auto& row : models["data"].items()) {
        if (text_at(row, "id") != model) continue;
        session.print(row);
        return {};
    }
    return unknown_model(model);
}

Status model_verify(Session& session, const std::string& model) {
    const auto verdict = OL_TRY(OL_TRY(session.services())->verify_model(model, false));
    if (session.json()) {
        session.print(verdict);
    } else {
        session.console().line(fmt::format(
            "{}: files and training record are those of the ledger, {}",
            session.console().paint(Paint::green, "verified"), text_at(verdict, "adapter_hash")));
    }
    return {};
}

Status run_ask(Session& session, const AskCommand& command) {
    auto* services = OL_TRY(session.services());
    auto* contracts = OL_TRY(session.contracts());
    const auto& out = session.console();
    api::CompletionCall call;
    call.model = command.model;
    call.messages = {{"user", command.prompt}};
    call.max_tokens = command.max_tokens;
    call.sampling.temperature = static_cast<float>(command.temperature);
    call.sampling.seed = command.seed;
    const auto models = OL_TRY(services->models());
    bool is_base = false, is_known = false;
    for (const auto& row : models["data"].items()) {
        if (text_at(row, "id") != command.model) continue;
        is_known = true;
        is_base = row["parent"].is_null();
    }
    if (!is_known) return unknown_model(command.model);
    if (!is_base) {
        auto* keys = OL_TRY(session.keys());
        const auto payer = OL_TRY(keys->key(command.wallet));
        call.payer = payer.address();
        auto quote = OL_TRY(services->quote(call));
        const auto host = OL_TRY(quote["host"].as_address());
        if (!command.deposit.empty()) {
            contracts->chain().label("deposit");
            OL_TRY(contracts->deposit(payer, host, OL_TRY(parse_open(command.deposit))));
            quote = OL_TRY(services->quote(call));
        }
        const auto cumulative = OL_TRY(quote["cumulative_wei"].as_u256());
        const auto deposited = OL_TRY(quote["deposited_wei"].as_u256());
        if (deposited < cumulative) {
            return fail(
                ErrorCode::payment,
                "the answer may cost {}, {} has {} deposited for this host and owes {}; add "
                "--deposit 10",
                format_open(OL_TRY(quote["price_wei"].as_u256())), command.wallet,
                format_open(deposited), format_open(OL_TRY(quote["owed_wei"].as_u256())));
        }
        call.voucher = market::sign_voucher(contracts->escrow_domain(), payer, host, cumulative);
    }
    const auto reply = OL_TRY(services->complete(call, [&](std::string_view piece) {
        if (!session.json()) out.write(piece);
        return true;
    }));
    if (session.json()) {
        session.print(Json::object({{"model", command.model},
                                    {"prompt", command.prompt},
                                    {"answer", reply.text},
                                    {"finish_reason", reply.finish_reason},
                                    {"prompt_tokens", reply.prompt_tokens},
                                    {"completion_tokens", reply.completion_tokens},
                                    {"receipt", reply.receipt}}));
        return {};
    }
    out.line();
    if (reply.receipt.is_null()) return {};
    out.line();
    out.line(out.paint(Paint::bold, fmt::format("{:.0f} % of the answer is explained; fee {}",
                                                100 * real_at(reply.receipt, "explained"),
                                                open_at(reply.receipt, "fee_wei"))));
    for (const auto& share : reply.receipt["shares"].items()) {
        out.line(fmt::format("  {:5.1f} %  {}  {}", 100 * real_at(share, "share"),
                             short_hex(text_at(share, "owner")), record_name(share)));
    }
    for (const auto& span : reply.receipt["spans"].items()) {
        out.line(out.paint(Paint::dim, fmt::format("  \"{}\"", text_at(span, "text"))));
    }
    out.line(fmt::format("receipt {}", text_at(reply.receipt, "hash")));
    return {};
}

} // namespace ol::node::cli
