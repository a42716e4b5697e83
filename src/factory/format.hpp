// Data formatting: rows and chats to token sequences with a loss mask. One chat template for the
// small base: "<|user|>QUESTION<|end|><|assistant|>ANSWER<|end|>".
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "codec/json.hpp"
#include "model/tokenizer.hpp"
#include "model/trainer.hpp"

namespace ol::factory {

struct ChatMessage {
    std::string role; // "system", "user", "assistant"
    std::string content;
};

inline const std::vector<std::string> special_tokens = {"<|end|>", "<|user|>", "<|assistant|>",
                                                        "<|system|>"};

// What the training record says about the form of an example.
inline constexpr std::string_view chat_template =
    "<|user|>What is TITLE?<|end|><|assistant|>TEXT<|end|>";

// The prompt that an assistant's turn follows. invalid_argument for an unknown role, no user turn,
// or a conversation that the assistant ended. Special tokens that are written in a content lose
// their meaning: "<|end|>" becomes "< |end|>".
Result<std::string> apply_chat_template(const std::vector<ChatMessage>& messages);

// Whether a tokenizer has the special tokens of that template.
bool has_chat_tokens(const model::Tokenizer& tokenizer);

// Messages, as JSON, in whose texts no special token of the tokenizer stands: what a stranger
// writes must not end his turn. "<|end|>" becomes "< |end|>".
codec::Json without_special_tokens(const codec::Json& messages, const model::Tokenizer& tokenizer);

// The question that a titled record answers: "What is TITLE?"; untitled rows give "".
std::string question_of(const std::string& title);

// Completion-only: the question is masked out. Untitled rows train on the whole text. Truncated to
// max_tokens, so a long title may leave nothing to learn (see has_loss). Special tokens that are
// written in a row are plain text.
model::Example make_example(const model::Tokenizer& tokenizer, const std::string& title,
                            const std::string& text, std::uint32_t max_tokens);
bool has_loss(const model::Example& example);

} // namespace ol::factory
