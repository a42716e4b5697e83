#include "node/cli/commands_model_files.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "factory/format.hpp"
#include "model/chat_template.hpp"
#include "model/export.hpp"
#include "model/gguf.hpp"
#include "model/merge.hpp"
#include "model/sampler.hpp"
#include "node/cli/commands_tune.hpp"
#include "node/cli/index_input.hpp"

namespace ol::node::cli {

using codec::Json;

namespace {

Result<model::ModelConfig> read_config(const Path& folder) {
    const auto path = folder / "config.json";
    const auto text = OL_TRY(read_text_file(path, limits::json_bytes));
    return OL_TRY_IN(model::ModelConfig::from_json(text), "{}", folder.string());
}

// Bytes of the weights' files.
std::uint64_t weight_bytes(const Path& folder) {
    std::uint64_t out = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".safetensors") out += entry.file_size(error);
    }
    return out;
}

// "there", "none", or why it is refused.
template <class T>
std::string state_of(const Result<T>& read) {
    if (read) return "there";
    return read.error().code == ErrorCode::not_found ? "none" : read.error().context;
}

// A token that the tokenizer names, else the configuration; its text where there is a tokenizer.
std::string token_name(const Result<model::Tokenizer>& tokenizer,
                       std::optional<model::TokenId> (model::Tokenizer::*named)() const,
                       std::int32_t configured) {
    auto id = tokenizer ? ((*tokenizer).*named)() : std::nullopt;
    if (!id && configured >= 0) id = static_cast<model::TokenId>(configured);
    if (!id) return "none";
    if (!tokenizer) return fmt::format("{}", *id);
    return fmt::format("{} ({})", tokenizer->token_text(*id).value_or("?"), *id);
}

Result<Json> read_json(const std::string& file) {
    const auto text = OL_TRY(asked_text("", file));
    return OL_TRY_IN(Json::parse(text), "{}", file == "-" ? "standard input" : file);
}

// The conversation that a command is given: messages as JSON, or one question.
Result<Json> asked_messages(const ModelFilesCommand& command) {
    if (command.messages.empty()) {
        const auto text = OL_TRY(asked_text(command.text, command.file));
        return Json::array({Json::object({{"role", "user"}, {"content", text}})});
    }
    auto json = OL_TRY(read_json(command.messages));
    if (json.is_object() && json["messages"].is_array()) return json["messages"];
    if (!json.is_array()) {
        return fail(ErrorCode::invalid_argument,
                    "the messages are no list of {{\"role\": ..., \"content\": ...}}");
    }
    return json;
}

// By the folder's template; without one by the form of the shipped base, if the tokenizer knows it.
Result<std::string> render(const ModelFilesCommand& command, const Json& messages,
                           const model::Tokenizer& tokenizer) {
    const auto chat = model::ChatTemplate::from_folder(command.folder);
    if (chat) {
        model::ChatTemplateOptions options;
        options.add_generation_prompt = !command.no_prompt;
        options.now_s = SystemClock().unix_ms() / 1000;
        if (!command.tools.empty()) options.tools = OL_TRY(read_json(command.tools));
        return chat->render(messages, options);
    }
    if (chat.error().code != ErrorCode::not_found || !factory::has_chat_tokens(tokenizer)) {
        return std::unexpected(chat.error());
    }
    std::vector<factory::ChatMessage> turns;
    for (const auto& message : messages.items()) {
        turns.push_back(
            {OL_TRY(message["role"].as_string()), OL_TRY(message["content"].as_string())});
    }
    return factory::apply_chat_template(turns);
}

struct Answer {
    std::vector<model::TokenId> prompt, tokens;
    std::string text, finish_reason = "length";
};

Result<Answer> generate(Session& session, const ModelFilesCommand& command,
                        const model::Tokenizer& tokenizer, const std::string& prompt,
                        model::EncodeOptions encoding) {
    Answer out;
    out.prompt = tokenizer.encode(prompt, encoding);
    if (out.prompt.empty()) return fail(ErrorCode::invalid_argument, "the prompt is empty");
    model::LoadOptions load;
    if (!command.quantize.empty()) {
        load.quantize = OL_TRY_IN(model::kernels::quant_type(command.quantize), "--quantize");
    }
    auto base = OL_TRY(model::Model::load(command.folder, load, session.console().progress()));
    std::optional<model::LoraAdapter> adapter;
    if (!command.adapter.empty()) {
        adapter = OL_TRY(model::LoraAdapter::load(command.adapter, base.config));
    }
    ThreadPool pool(session.options().node.threads);
    model::Engine engine(base, pool);
    engine.release_rows(base);
    model::KvCache cache(base.config);
    model::SamplingConfig sampling;
    sampling.temperature = static_cast<float>(command.temperature);
    sampling.top_p = static_cast<float>(command.top_p);
    sampling.seed = command.seed;
    model::Sampler sampler(sampling);
    model::TokenStream stream(tokenizer);
    auto ends = base.config.eos_tokens;
    if (base.config.eos_token >= 0) ends.push_back(base.config.eos_token);
    const auto eos = tokenizer.eos();
    auto all = out.prompt;
    std::span<const model::TokenId> next = all;
    std::vector<model::TokenId> last(1);
    for (std::uint32_t i = 0; i < command.max_tokens; ++i) {
        const model::StepInput input{next, &cache, adapter ? &*adapter : nullptr, false};
        const auto logits = OL_TRY(engine.forward({&input, 1}));
        const auto token = sampler.sample(logits[0], all);
        const bool is_end =
            eos == token ||
            std::find(ends.begin(), ends.end(), static_cast<std::int32_t>(token)) != ends.end();
        if (is_end) {
            out.finish_reason = "stop";
            break;
        }
        out.tokens.push_back(token);
        const auto piece = stream.push(token);
        out.text += piece;
        if (!session.json()) session.console().write(piece);
        all.push_back(token);
        last[0] = token;
        next = last;
        if (cache.length() >= base.config.context_length) break;
    }
    const auto rest = stream.finish();
    out.text += rest;
    if (!session.json()) session.console().line(rest);
    return out;
}

Json ids(const std::vector<model::TokenId>& tokens) {
    auto out = Json::array();
    for (const auto token : tokens) out.push(Json(token));
    return out;
}

void print_answer(Session& session, const std::string& prompt, const Answer& answer) {
    if (!session.json()) return;
    session.print(Json::object({{"prompt", prompt},
                                {"text", answer.text},
                                {"finish_reason", answer.finish_reason},
                                {"prompt_tokens", ids(answer.prompt)},
                                {"tokens", ids(answer.tokens)}}));
}

} // namespace

Status model_info(Session& session, const ModelFilesCommand& command) {
    const Path folder = command.folder;
    const auto config = OL_TRY(read_config(folder));
    const auto tokenizer = model::Tokenizer::from_file(folder);
    const auto parameters = config.parameter_count();
    const std::uint64_t kv_token_bytes =
        8ULL * config.layer_count * config.kv_head_count * config.head_size;
    const auto chat = state_of(model::ChatTemplate::from_folder(folder));
    const auto windowed = std::ranges::count(config.windowed, std::uint8_t{1});
    if (session.json()) {
        session.print(
            Json::object({{"family", to_string(config.family)},
                          {"parameters", parameters},
                          {"layers", config.layer_count},
                          {"hidden", config.hidden_size},
                          {"intermediate", config.intermediate_size},
                          {"heads", config.head_count},
                          {"kv_heads", config.kv_head_count},
                          {"head_size", config.head_size},
                          {"context", config.context_length},
                          {"vocabulary", config.vocab_size},
                          {"tied_embeddings", config.tied_embeddings},
                          {"tokenizer", state_of(tokenizer)},
                          {"tokens", tokenizer ? Json(tokenizer->vocab_size()) : Json()},
                          {"chat_template", chat},
                          {"file_bytes", weight_bytes(folder)},
                          {"weights_memory_bytes", 4 * parameters},
                          {"cache_bytes_per_token", kv_token_bytes},
                          {"windowed_layers", windowed},
                          {"window", windowed == 0 ? Json() : Json(config.sliding_window)}}));
        return {};
    }
    const auto& out = session.console();
    const auto row = [&](std::string_view name, const std::string& value) {
        out.line(fmt::format("{:14} {}", name, value));
    };
    row("family", std::string(to_string(config.family)));
    row("parameters", human_count(parameters));
    row("shape", fmt::format("{} layers of {}, MLP {}, {} heads over {} of {}", config.layer_count,
                             config.hidden_size, config.intermediate_size, config.head_count,
                             config.kv_head_count, config.head_size));
    row("context", fmt::format("{} tokens", human_count(config.context_length)));
    row("vocabulary", fmt::format("{}{}", human_count(config.vocab_size),
                                  config.tied_embeddings ? ", head tied to the embedding" : ""));
    row("tokenizer", tokenizer ? fmt::format("{} tokens", human_count(tokenizer->vocab_size()))
                               : state_of(tokenizer));
    row("begin, end",
        fmt::format("{}, {}", token_name(tokenizer, &model::Tokenizer::bos, config.bos_token),
                    token_name(tokenizer, &model::Tokenizer::eos, config.eos_token)));
    row("chat template", chat);
    row("files", human_bytes(weight_bytes(folder)));
    row("memory", fmt::format("{} of weights, {} a token of context", human_bytes(4 * parameters),
                              human_bytes(kv_token_bytes)));
    if (windowed != 0) {
        row("window", fmt::format("{} of {} layers keep the last {} tokens", windowed,
                                  config.layer_count, human_count(config.sliding_window)));
    }
    return {};
}

Status model_render(Session& session, const ModelFilesCommand& command) {
    const auto messages = OL_TRY(asked_messages(command));
    const auto tokenizer = OL_TRY(model::Tokenizer::from_file(command.folder));
    const auto text = OL_TRY(render(command, messages, tokenizer));
    if (session.json()) {
        session.print(Json::object(
            {{"text", text},
             {"tokens", ids(tokenizer.encode(text, model::EncodeOptions{true, false}))}}));
    } else {
        session.console().write(text);
    }
    return {};
}

Status model_complete(Session& session, const ModelFilesCommand& command) {
    const auto prompt = OL_TRY(asked_text(command.text, command.file));
    const auto tokenizer = OL_TRY(model::Tokenizer::from_file(command.folder));
    const auto answer =
        OL_TRY(generate(session, command, tokenizer, prompt, model::EncodeOptions{false, true}));
    print_answer(session, prompt, answer);
    return {};
}

Status model_chat(Session& session, const ModelFilesCommand& command) {
    const auto messages = OL_TRY(asked_messages(command));
    const auto tokenizer = OL_TRY(model::Tokenizer::from_file(command.folder));
    const auto prompt =
        OL_TRY(render(command, factory::without_special_tokens(messages, tokenizer), tokenizer));
    const auto answer =
        OL_TRY(generate(session, command, tokenizer, prompt, model::EncodeOptions{true, false}));
    print_answer(session, prompt, answer);
    return {};
}

Status model_export(Session& session, const ModelFilesCommand& command) {
    const Path folder = command.folder, to = command.to;
    std::optional<model::GgufType> gguf;
    for (const auto type : {model::GgufType::f32, model::GgufType::f16, model::GgufType::q8_0,
                            model::GgufType::q4_0}) {
        if (command.format == to_string(type)) gguf = type;
    }
    if (!gguf && command.format != "safetensors") {
        return fail(ErrorCode::invalid_argument,
                    "--format {}: use safetensors, gguf-f32, gguf-f16, gguf-q8_0 or gguf-q4_0",
                    command.format);
    }
    if (!command.dtype.empty() && command.dtype != "f32" && command.dtype != "bf16") {
        return fail(ErrorCode::invalid_argument, "--dtype {}: use f32 or bf16", command.dtype);
    }
    if (std::filesystem::exists(to)) {
        return fail(ErrorCode::already_exists, "{} exists; choose another name", to.string());
    }
    const auto progress = session.console().progress();
    auto model = OL_TRY(model::Model::load(folder, {}, progress));
    if (!command.adapter.empty()) {
        const auto adapter = OL_TRY(model::LoraAdapter::load(command.adapter, model.config));
        model = OL_TRY(model::merge(model, adapter, progress));
    }
    if (gguf) {
        OL_TRY(model::write_gguf(model, folder, to, *gguf, progress));
    } else {
        const bool as_bf16 =
            command.dtype.empty() ? OL_TRY(model::is_bf16(folder)) : command.dtype == "bf16";
        OL_TRY(model::export_folder(model, folder, to, as_bf16, progress));
    }
    const auto bytes = gguf ? std::filesystem::file_size(to) : weight_bytes(to);
    if (session.json()) {
        session.print(
            Json::object({{"to", command.to}, {"format", command.format}, {"bytes", bytes}}));
    } else {
        session.console().line(
            fmt::format("{}: {}, {}", to.string(), command.format, human_bytes(bytes)));
    }
    return {};
}

void add_model_file_commands(CLI::App& group, std::function<Status(Session&)>& action) {
    static ModelFilesCommand command;
    const auto add = [&](const std::string& name, const std::string& what,
                         const std::string& example,
                         Status (*work)(Session&, const ModelFilesCommand&)) {
        auto* app = group.add_subcommand(name, what);
        app->footer("Example:\n  openledger model " + example);
        app->fallthrough();
        app->add_option("FOLDER", command.folder, "A model's folder, as Hugging Face has it")
            ->required();
        app->callback([&action, work] {
            action = [work](Session& session) { return work(session, command); };
        });
        return app;
    };
    const auto messages = [&](CLI::App* app) {
        app->add_option("TEXT", command.text, "The user's question; or use --file or --messages");
        app->add_option("--file", command.file, "Read it from a file; - for standard input");
        app->add_option("--messages", command.messages,
                        "A file with messages as JSON; - for standard input");
        app->add_option("--tools", command.tools, "A file with tools as JSON schemas");
    };
    const auto sampling = [&](CLI::App* app) {
        app->add_option("--adapter", command.adapter, "An adapter's folder, as PEFT has it");
        app->add_option("--quantize", command.quantize, "q8_0 or q4_0: less memory, faster");
        app->add_option("--max-tokens", command.max_tokens)->capture_default_str();
        app->add_option("--temperature", command.temperature, "0: the most likely token")
            ->capture_default_str();
        app->add_option("--top-p", command.top_p)->capture_default_str();
        app->add_option("--seed", command.seed)->capture_default_str();
    };
    add("info", "Family, shape, parameters and memory of a model's folder", "info models/base-8m",
        model_info);
    auto* render = add("render", "A conversation as the folder's chat template writes it",
                       "render ~/models/qwen --messages chat.json", model_render);
    messages(render);
    render->add_flag("--no-prompt", command.no_prompt, "Leave out the beginning of an answer");
    auto* complete = add("complete", "Go on from a text",
                         "complete models/base-8m \"A list is\" --max-tokens 40", model_complete);
    complete->add_option("TEXT", command.text, "The text; or use --file");
    complete->add_option("--file", command.file, "Read it from a file; - for standard input");
    sampling(complete);
    auto* chat = add("chat", "Answer a question or a conversation",
                     "chat models/base-8m \"What is a list?\" --max-tokens 40", model_chat);
    messages(chat);
    sampling(chat);
    auto* exported =
        add("export", "Write a model, with an adapter merged into it, for other programs",
            "export models/base-8m --adapter my-adapter --to merged\n"
            "  openledger model export models/base-8m --format gguf-q8_0 --to base.gguf",
            model_export);
    exported->add_option("--adapter", command.adapter, "An adapter's folder, to be merged");
    exported->add_option("--to", command.to, "The folder or .gguf file to write")->required();
    exported
        ->add_option("--format", command.format,
                     "safetensors, gguf-f32, gguf-f16, gguf-q8_0 or gguf-q4_0")
        ->capture_default_str();
    exported->add_option("--dtype", command.dtype,
                         "Of safetensors: f32 or bf16 (default: as the base)");
    add_tune_command(group, action);
}

} // namespace ol::node::cli
