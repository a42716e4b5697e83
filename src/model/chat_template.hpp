// ChatTemplate: the Jinja template of a model's folder, which turns a conversation into the text
// that the model was trained on. The subset of Jinja that the templates of chat models use, with
// the results of transformers' apply_chat_template (a sandboxed Jinja environment with trim_blocks
// and lstrip_blocks); docs/formats/chat-template.md says what is read. Anything else is refused
// when the template is read, by name, line and column.
//
// Immutable and thread-safe once made. A template is a stranger's program: its depth, steps and
// output are bounded by limits::template_*.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.hpp"
#include "base/result.hpp"
#include "codec/json.hpp"

namespace ol::model {

struct ChatTemplateOptions {
    bool add_generation_prompt = false;
    // Absent: what the folder's tokenizer_config.json says; without it the variable is undefined.
    std::optional<std::string> bos_token, eos_token;
    codec::Json tools;      // a list of JSON schemas; null: none
    codec::Json variables;  // an object of further variables ("enable_thinking"); null: none
    std::int64_t now_s = 0; // seconds since 1970, for strftime_now; always UTC
};

class ChatTemplate {
public:
    // unsupported for a construct that is not in the subset, invalid_argument for bad syntax,
    // too_large past limits::template_bytes or too deep a nesting.
    static Result<ChatTemplate> parse(std::string_view source);
    // chat_template.jinja, else "chat_template" of tokenizer_config.json (a text, or named ones of
    // which "default" and "tool_use" count), else chat_template.json. not_found when there is none.
    static Result<ChatTemplate> from_folder(const Path& folder);

    // messages: a list of objects with role and content. invalid_argument with the place for what
    // the template itself refuses (raise_exception) and for operations on wrong types.
    Result<std::string> render(const codec::Json& messages,
                               const ChatTemplateOptions& options = {}) const;

    // The template's own text; that of "default" where there are several.
    const std::string& source() const;

    ChatTemplate(ChatTemplate&&) noexcept;
    ChatTemplate& operator=(ChatTemplate&&) noexcept;
    ~ChatTemplate();

private:
    struct Impl;
    explicit ChatTemplate(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace ol::model
