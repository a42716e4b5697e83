#include "model/chat_template.hpp"

#include "base/limits.hpp"
#include "model/chat_template/evaluator.hpp"

namespace ol::model {

using chat_template::Tree;
using chat_template::Value;
using codec::Json;

struct ChatTemplate::Impl {
    Tree tree;
    std::optional<Tree> with_tools;                    // the template "tool_use"
    std::map<std::string, std::string> special_tokens; // "bos_token": "<s>"
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

const std::string& ChatTemplate::source() const { return impl_->tree.source; }

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
    auto impl = std::make_unique<Impl>();
    impl->tree = OL_TRY_IN(chat_template::parse_tree(source), "chat template");
    return ChatTemplate(std::move(impl));
}

namespace {

constexpr std::string_view config_name = "tokenizer_config.json";

// "<s>" or {"content": "<s>", ...}
std::optional<std::string> token_text(const Json& json) {
    if (json.is_string()) return *json.as_string();
    if (json["content"].is_string()) return *json["content"].as_string();
    return {};
}

} // namespace

Result<ChatTemplate> ChatTemplate::from_folder(const Path& folder) {
    Json config = Json::object();
    if (std::filesystem::exists(folder / config_name)) {
        const auto text = OL_TRY(read_text_file(folder / config_name, limits::json_bytes));
        config = OL_TRY_IN(Json::parse(text), "{}", (folder / config_name).string());
    }
    Path place = folder / "chat_template.jinja";
    std::optional<std::string> source, tool_source;
    if (std::filesystem::exists(place)) {
        source = OL_TRY(read_text_file(place, limits::template_bytes));
    } else if (const auto& given = config["chat_template"]; given.is_string()) {
        place = folder / config_name;
        source = *given.as_string();
    } else if (given.is_array()) {
        place = folder / config_name;
        for (const auto& named : given.items()) {
            const auto name =
                OL_TRY_IN(named["name"].as_string(), "{}: name of a chat_template", place.string());
            auto text = OL_TRY_IN(named["template"].as_string(), "{}: chat_template '{}'",
                                  place.string(), name);
            if (name == "default") source = std::move(text);
            if (name == "tool_use") tool_source = std::move(text);
        }
        if (!source) {
            return fail(ErrorCode::not_found, "{}: no chat_template is called \"default\"",
                        place.string());
        }
    } else if (place = folder / "chat_template.json"; std::filesystem::exists(place)) {
        const auto text = OL_TRY(read_text_file(place, limits::json_bytes));
        const auto json = OL_TRY_IN(Json::parse(text), "{}", place.string());
        source = OL_TRY_IN(json["chat_template"].as_string(), "{}: chat_template", place.string());
    }
    if (!source) {
        return fail(ErrorCode::not_found,
                    "{}: no chat template: neither chat_template.jinja, nor \"chat_template\" in "
                    "{}, nor chat_template.json",
                    folder.string(), config_name);
    }
    auto out = OL_TRY_IN(parse(*source), "{}", place.string());
    if (tool_source) {
        out.impl_->with_tools = OL_TRY_IN(chat_template::parse_tree(*tool_source),
                                          "{}: chat template \"tool_use\"", place.string());
    }
    for (const auto& [key, value] : config.members()) {
        if (!key.ends_with("_token")) continue;
        if (auto text = token_text(value)) out.impl_->special_tokens[key] = std::move(*text);
    }
    return out;
}

Result<std::string> ChatTemplate::render(const Json& messages,
                                         const ChatTemplateOptions& options) const {
    if (!messages.is_array()) {
        return fail(ErrorCode::invalid_argument, "chat template: the messages are no list");
    }
    std::map<std::string, Value, std::less<>> variables;
    for (const auto& [name, text] : impl_->special_tokens) {
        variables.insert_or_assign(name, Value::text(text));
    }
    auto put = [&](std::string_view name, const Json& json) -> Status {
        variables.insert_or_assign(std::string(name),
                                   OL_TRY_IN(Value::from_json(json), "chat template: {}", name));
        return {};
    };
    OL_TRY(put("messages", messages));
    OL_TRY(put("tools", options.tools));
    OL_TRY(put("documents", Json()));
    OL_TRY(put("add_generation_prompt", Json(options.add_generation_prompt)));
    if (options.bos_token) OL_TRY(put("bos_token", Json(*options.bos_token)));
    if (options.eos_token) OL_TRY(put("eos_token", Json(*options.eos_token)));
    for (const auto& [name, value] : options.variables.members()) OL_TRY(put(name, value));
    const bool uses_tools = !options.tools.is_null() && impl_->with_tools;
    return OL_TRY_IN(chat_template::evaluate(uses_tools ? *impl_->with_tools : impl_->tree,
                                             std::move(variables), options.now_s),
                     "chat template");
}

} // namespace ol::model
