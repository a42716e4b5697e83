// Files for fine-tuning a folder's model: conversations, prompts with completions, texts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"
#include "model/chat_template.hpp"
#include "model/config.hpp"
#include "model/tokenizer.hpp"
#include "model/trainer.hpp"

namespace ol::factory {

// How a model's folder writes things down.
class TuningText {
public:
    static Result<TuningText> of_folder(const Path& folder, const model::ModelConfig& config);
    const model::Tokenizer& tokenizer() const { return tokenizer_; }
    // What conversations become: the folder's chat template, the form of the shipped base, or the
    // instructions that Alpaca was trained with.
    const std::string& form() const { return form_; }

    // A conversation, as OpenAI's messages: every answer of the assistant carries loss, as far as
    // the template keeps it. invalid_argument where none does, or where the template refuses.
    Result<model::Example> conversation(const codec::Json& messages) const;
    // A completion carries loss, its prompt none.
    model::Example completion(const std::string& prompt, const std::string& text) const;

private:
    TuningText(model::Tokenizer tokenizer, std::optional<model::ChatTemplate> chat)
        : tokenizer_(std::move(tokenizer))
        , chat_(std::move(chat)) {}
    Result<std::string> render(const codec::Json& messages, bool prompt) const;

    model::Tokenizer tokenizer_;
    std::optional<model::ChatTemplate> chat_;
    std::optional<model::TokenId> end_; // of a text
    bool plain_ = false;                // no chat template: instructions
    std::string form_;
};

struct TuningData {
    std::vector<model::Example> examples;
    std::uint64_t rows = 0;
    std::uint64_t cut = 0;   // examples that were longer than max_tokens
    std::uint64_t empty = 0; // rows that left nothing to learn: not among the examples
    Hash32 hash;             // keccak of the file
};

// .jsonl (an object a line) and .json (a list of objects), each row by its members:
//   messages [{role, content}]       OpenAI        conversations [{from, value}]    ShareGPT
//   instruction, input?, output      Alpaca        question, answer
//   prompt, completion               loss on the completion alone
//   text                             loss on all of it
// Other files that text/reader.hpp reads are texts. A text longer than max_tokens becomes several
// examples, anything else is cut. invalid_argument with the row for what fits none of these.
Result<TuningData> read_tuning_data(const Path& file, const TuningText& how,
                                    std::uint32_t max_tokens);

} // namespace ol::factory
