// Data formatting: rows and chats to token sequences with a loss mask. One chat template for the small
// base: "<|user|>QUESTION<|end|><|assistant|>ANSWER<|end|>".
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/tokenizer.hpp"
#include "model/trainer.hpp"

namespace ol::factory {

struct ChatMessage {
    std::string role; // "system", "user", "assistant"
    std::string content;
};

inline const std::vector<std::string> special_tokens = {"<|end|>", "<|user|>", "<|assistant|>", "<|system|>"};

// The prompt that an assistant's turn follows. invalid_argument for an unknown role or no user turn.
Result<std::string> apply_chat_template(const std::vector<ChatMessage>& messages);

// The question that a titled record answers: "What is TITLE?"; untitled rows give "".
std::string question_of(const std::string& title);

// Completion-only: the question is masked out. Untitled rows train on the whole text. Truncated to
// max_tokens.
model::Example make_example(const model::Tokenizer& tokenizer, const std::string& title,
                            const std::string& text, std::uint32_t max_tokens);

} // namespace ol::factory
