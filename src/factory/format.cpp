#include "factory/format.hpp"

#include <algorithm>

namespace ol::factory {

namespace {

// A blank after the first character of each token. (A token of one character cannot be written
// otherwise; it stays.)
std::string without_tokens(std::string text, const std::vector<std::string>& tokens) {
    for (const auto& token : tokens) {
        const auto first = static_cast<unsigned char>(token.empty() ? 0 : token[0]);
        const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        if (token.size() <= size) continue;
        for (std::size_t at = 0; (at = text.find(token, at)) != std::string::npos; ++at) {
            text.insert(at + size, " ");
        }
    }
    return text;
}

codec::Json cleaned(const codec::Json& json, const std::vector<std::string>& tokens) {
    using codec::Json;
    if (json.is_string()) return Json(without_tokens(*json.as_string(), tokens));
    if (json.is_array()) {
        auto out = Json::array();
        for (const auto& item : json.items()) out.push(cleaned(item, tokens));
        return out;
    }
    if (json.is_object()) {
        auto out = Json::object();
        for (const auto& [key, value] : json.members()) out.set(key, cleaned(value, tokens));
        return out;
    }
    return json;
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
        out += "<|" + role + "|>" + without_tokens(content, special_tokens) + "<|end|>";
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

bool has_chat_tokens(const model::Tokenizer& tokenizer) {
    return std::all_of(special_tokens.begin(), special_tokens.end(),
                       [&](const auto& token) { return tokenizer.special(token).has_value(); });
}

codec::Json without_special_tokens(const codec::Json& messages, const model::Tokenizer& tokenizer) {
    std::vector<std::string> tokens;
    for (const auto& [text, id] : tokenizer.special_tokens()) tokens.push_back(text);
    return cleaned(messages, tokens);
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
