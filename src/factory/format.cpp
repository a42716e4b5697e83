#include "factory/format.hpp"

#include <algorithm>

namespace ol::factory {

namespace {

std::string without_special_tokens(std::string text) {
    for (const auto& token : special_tokens) {
        for (std::size_t at = 0; (at = text.find(token, at)) != std::string::npos; ++at) {
            text.insert(at + 1, " ");
        }
    }
    return text;
}

} // namespace

Result<std::string> apply_chat_template(const std::vector<ChatMessage>& messages) {
    std::string out;
    bool asked = false;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const auto& [role, content] = messages[i];
        if (role != "system" && role != "user" && role != "assistant") {
            return fail(ErrorCode::invalid_argument,
                        "message {}: the role '{}' is none of system, user, assistant", i, role);
        }
        asked = asked || role == "user";
        out += "<|" + role + "|>" + without_special_tokens(content) + "<|end|>";
    }
    if (!asked) {
        return fail(ErrorCode::invalid_argument, "the messages hold no turn of the user");
    }
    if (messages.back().role == "assistant") {
        return fail(ErrorCode::invalid_argument,
                    "the last message is the assistant's; end with the user's question");
    }
    return out + "<|assistant|>";
}

std::string question_of(const std::string& title) {
    return title.empty() ? std::string() : "What is " + title + "?";
}

model::Example make_example(const model::Tokenizer& tokenizer, const std::string& title,
                            const std::string& text, std::uint32_t max_tokens) {
    model::Example out;
    auto add = [&](const std::string& part, bool special, std::uint8_t mask) {
        const auto ids = tokenizer.encode(part, special);
        out.tokens.insert(out.tokens.end(), ids.begin(), ids.end());
        out.mask.resize(out.tokens.size(), mask);
    };
    if (!title.empty()) {
        add("<|user|>", true, 0);
        add(question_of(title), false, 0);
        add("<|end|><|assistant|>", true, 0);
    }
    add(text, false, 1);
    add("<|end|>", true, 1);
    if (out.tokens.size() > max_tokens) {
        out.tokens.resize(max_tokens);
        out.mask.resize(max_tokens);
    }
    return out;
}

bool has_loss(const model::Example& example) {
    return !example.mask.empty() && std::any_of(example.mask.begin() + 1, example.mask.end(),
                                                [](std::uint8_t mask) { return mask != 0; });
}

} // namespace ol::factory
