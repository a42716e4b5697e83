// ChatForm: how a base is asked. By the chat template of its folder; without one in the shipped
// base's own form, where the tokenizer knows its tokens; else not in chats at all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"
#include "factory/format.hpp"
#include "model/chat_template.hpp"
#include "model/tokenizer.hpp"

namespace ol::node {

class ChatForm {
public:
    // Never fails: a template that cannot be read refuses the chats, not the base. `tokenizer`
    // outlives the form.
    ChatForm(const Path& folder, const model::Tokenizer& tokenizer);

    // Why chats are refused, with the place and the remedy; nothing when they are not.
    const std::optional<Error>& refusal() const { return refusal_; }
    // The prompt of a conversation, without its special tokens where they are written in a message;
    // `now_s` (seconds since 1970) is what a template may print. The refusal; invalid_argument for
    // what the template itself refuses.
    Result<std::string> prompt(const std::vector<factory::ChatMessage>& messages,
                               std::int64_t now_s) const;

private:
    const model::Tokenizer& tokenizer_;
    std::optional<model::ChatTemplate> template_;
    std::optional<Error> refusal_;
};

} // namespace ol::node
