#include "node/chat_form.hpp"

namespace ol::node {

using codec::Json;

ChatForm::ChatForm(const Path& folder, const model::Tokenizer& tokenizer)
    : tokenizer_(tokenizer) {
    auto read = model::ChatTemplate::from_folder(folder);
    if (read) {
        template_ = std::move(*read);
    } else if (read.error().code != ErrorCode::not_found) {
        refusal_ =
            Error{ErrorCode::unsupported,
                  fmt::format("{}; write one within docs/formats/chat-template.md as "
                              "{}, which counts before all others, or ask /v1/completions "
                              "with a prompt",
                              read.error().context, (folder / "chat_template.jinja").string())};
    } else if (!factory::has_chat_tokens(tokenizer)) {
        refusal_ =
            Error{ErrorCode::unsupported,
                  fmt::format("{}; ask /v1/completions with a prompt", read.error().context)};
    }
}

Result<std::string> ChatForm::prompt(const std::vector<factory::ChatMessage>& messages,
                                     std::int64_t now_s) const {
    if (refusal_) return std::unexpected(*refusal_);
    if (!template_) return factory::apply_chat_template(messages);
    Json json = Json::array();
    for (const auto& [role, content] : messages) {
        json.push(Json::object({{"role", role}, {"content", content}}));
    }
    model::ChatTemplateOptions options;
    options.add_generation_prompt = true;
    options.now_s = now_s;
    return template_->render(factory::without_special_tokens(json, tokenizer_), options);
}

} // namespace ol::node
