#include "factory/tuning_data.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "crypto/hash.hpp"
#include "factory/format.hpp"
#include "text/reader.hpp"

namespace ol::factory {

namespace {

using codec::Json;
using model::TokenId;

// The day that a template is told: the same data must give the same bytes on any other day.
constexpr std::int64_t told_day_s = 1'721'952'000; // 26 July 2024, the default of Llama's templates

constexpr std::string_view instruction_form =
    "Below is an instruction that describes a task. Write a response that appropriately completes "
    "the request.\n\n### Instruction:\n";
constexpr std::string_view response_form = "\n\n### Response:\n";

std::size_t common(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
    const std::size_t count = std::min(a.size(), b.size());
    return static_cast<std::size_t>(
        std::mismatch(a.begin(), a.begin() + std::ptrdiff_t(count), b.begin()).first - a.begin());
}

Json message(std::string_view role, std::string content) {
    return Json::object({{"role", Json(role)}, {"content", Json(std::move(content))}});
}

Result<std::string> member(const Json& row, std::string_view key) {
    if (row[key].is_null()) return std::string();
    return OL_TRY_IN(row[key].as_string(), "{}", key);
}

Result<Json> share_gpt(const Json& turns) {
    auto out = Json::array();
    for (const auto& turn : turns.items()) {
        const auto from = OL_TRY_IN(turn["from"].as_string(), "conversations: from");
        const bool user = from == "human" || from == "user";
        if (!user && from != "gpt" && from != "assistant" && from != "system") {
            return fail(ErrorCode::invalid_argument,
                        "conversations: '{}' is none of system, human, gpt", from);
        }
        out.push(message(user               ? "user"
                         : from == "system" ? "system"
                                            : "assistant",
                         OL_TRY_IN(turn["value"].as_string(), "conversations: value")));
    }
    return out;
}

class Reader {
public:
    Reader(const TuningText& how, std::uint32_t max_tokens)
        : how_(how)
        , max_tokens_(max_tokens) {}

    Status row(const Json& row) {
        ++out_.rows;
        if (!row.is_object()) return fail(ErrorCode::invalid_argument, "no JSON object");
        if (row["messages"].is_array()) return conversation(row["messages"]);
        if (row["conversations"].is_array()) {
            return conversation(OL_TRY(share_gpt(row["conversations"])));
        }
        auto asked = OL_TRY(member(row, "instruction"));
        auto answer = OL_TRY(member(row, "output"));
        if (const auto input = OL_TRY(member(row, "input")); !input.empty()) {
            asked += "\n\n" + input;
        }
        if (asked.empty() || answer.empty()) {
            asked = OL_TRY(member(row, "question"));
            answer = OL_TRY(member(row, "answer"));
        }
        if (!asked.empty() && !answer.empty()) {
            return conversation(Json::array(
                {message("user", std::move(asked)), message("assistant", std::move(answer))}));
        }
        const auto prompt = OL_TRY(member(row, "prompt"));
        const auto completion = OL_TRY(member(row, "completion"));
        if (!prompt.empty() && !completion.empty()) {
            cut(how_.completion(prompt, completion));
            return {};
        }
        const auto text = OL_TRY(member(row, "text"));
        if (text.empty()) {
            return fail(ErrorCode::invalid_argument,
                        "nothing to learn from: expected messages, conversations, instruction and "
                        "output, question and answer, prompt and completion, or text");
        }
        whole(text);
        return {};
    }

    // In pieces of max_tokens.
    void whole(const std::string& text) {
        const auto all = how_.completion("", text);
        for (std::size_t at = 0; at < all.tokens.size(); at += max_tokens_) {
            const auto first = static_cast<std::ptrdiff_t>(at);
            const auto last = static_cast<std::ptrdiff_t>(
                std::min<std::size_t>(all.tokens.size(), at + max_tokens_));
            model::Example piece;
            piece.tokens.assign(all.tokens.begin() + first, all.tokens.begin() + last);
            piece.mask.assign(all.mask.begin() + first, all.mask.begin() + last);
            if (has_loss(piece)) out_.examples.push_back(std::move(piece));
        }
    }

    TuningData finish() { return std::move(out_); }
    void count_row() { ++out_.rows; }

private:
    Status conversation(const Json& messages) {
        cut(OL_TRY(how_.conversation(messages)));
        return {};
    }

    void cut(model::Example example) {
        if (example.tokens.size() > max_tokens_) {
            ++out_.cut;
            example.tokens.resize(max_tokens_);
            example.mask.resize(max_tokens_);
        }
        if (has_loss(example)) {
            out_.examples.push_back(std::move(example));
        } else {
            ++out_.empty;
        }
    }

    const TuningText& how_;
    std::uint32_t max_tokens_;
    TuningData out_;
};

Status read_lines(std::string_view text, const Path& file, Reader& reader) {
    for (std::uint64_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        const auto row = OL_TRY_IN(Json::parse(line), "{}:{}", file.string(), number);
        OL_TRY_IN(reader.row(row), "{}:{}", file.string(), number);
    }
    return {};
}

} // namespace

Result<TuningText> TuningText::of_folder(const Path& folder, const model::ModelConfig& config) {
    auto tokenizer = OL_TRY(model::Tokenizer::from_file(folder));
    if (tokenizer.vocab_size() > config.vocab_size) {
        return fail(ErrorCode::invalid_argument,
                    "{}: the tokenizer has {} ids, the model {}: they do not belong together",
                    folder.string(), tokenizer.vocab_size(), config.vocab_size);
    }
    std::optional<model::ChatTemplate> chat;
    auto read = model::ChatTemplate::from_folder(folder);
    if (!read && read.error().code != ErrorCode::not_found) return std::unexpected(read.error());
    if (read) chat = std::move(*read);
    TuningText out(std::move(tokenizer), std::move(chat));
    out.end_ = out.tokenizer_.eos();
    if (!out.end_ && config.eos_token >= 0) out.end_ = static_cast<TokenId>(config.eos_token);
    const bool own = has_chat_tokens(out.tokenizer_);
    if (!out.end_ && own) out.end_ = OL_TRY(out.tokenizer_.special("<|end|>"));
    out.plain_ = !out.chat_ && !own;
    out.form_ = out.chat_    ? "chat template"
                : out.plain_ ? "instruction and response"
                             : "<|user|>...<|end|><|assistant|>...<|end|>";
    return out;
}

Result<std::string> TuningText::render(const Json& messages, bool prompt) const {
    if (chat_) {
        model::ChatTemplateOptions options;
        options.add_generation_prompt = prompt;
        options.now_s = told_day_s;
        return chat_->render(messages, options);
    }
    std::vector<ChatMessage> turns;
    for (const auto& turn : messages.items()) {
        turns.push_back({OL_TRY(turn["role"].as_string()), OL_TRY(turn["content"].as_string())});
    }
    if (!plain_) {
        if (prompt) return apply_chat_template(turns);
        auto last = std::move(turns.back().content);
        turns.pop_back();
        return OL_TRY(apply_chat_template(turns)) + last + "<|end|>";
    }
    // One question and its answer: more has no form without a chat template.
    const bool system = !turns.empty() && turns.front().role == "system";
    const std::size_t asked = system ? 1 : 0;
    if (turns.size() != asked + (prompt ? 1 : 2) || turns[asked].role != "user") {
        return fail(ErrorCode::unsupported,
                    "the model's folder has no chat template, so a conversation is one question "
                    "and its answer; add chat_template.jinja for longer ones");
    }
    auto out = std::string(instruction_form) + (system ? turns[0].content + "\n\n" : "") +
               turns[asked].content + std::string(response_form);
    return prompt ? out : out + turns.back().content;
}

Result<model::Example> TuningText::conversation(const Json& given) const {
    auto turns = without_special_tokens(given, tokenizer_).items();
    const auto is_answer = [](const Json& turn) { return turn["role"] == Json("assistant"); };
    while (!turns.empty() && !is_answer(turns.back())) turns.pop_back();
    if (turns.empty()) {
        return fail(ErrorCode::invalid_argument, "messages: no answer of the assistant");
    }
    // A template's text has its special tokens written in it.
    const model::EncodeOptions encoding{!plain_, plain_};
    const auto upto = [&](std::size_t count, bool prompt) -> Result<std::string> {
        return render(Json::array({turns.begin(), turns.begin() + std::ptrdiff_t(count)}), prompt);
    };
    const auto text = OL_TRY(upto(turns.size(), false));
    model::Example out;
    out.tokens = tokenizer_.encode(text, encoding);
    if (plain_ && end_ && (out.tokens.empty() || out.tokens.back() != *end_)) {
        out.tokens.push_back(*end_);
    }
    out.mask.resize(out.tokens.size());
    for (std::size_t i = 0; i < turns.size(); ++i) {
        if (!is_answer(turns[i])) continue;
        const auto prompt = OL_TRY(upto(i, true));
        const bool last = i + 1 == turns.size();
        const auto answered = last ? text : OL_TRY(upto(i + 1, false));
        // Some templates show earlier answers otherwise than the last (without their thoughts).
        if (!last && (!text.starts_with(answered) || !answered.starts_with(prompt))) continue;
        const auto begin = common(tokenizer_.encode(prompt, encoding), out.tokens);
        const auto end =
            last ? out.tokens.size() : common(tokenizer_.encode(answered, encoding), out.tokens);
        std::fill(out.mask.begin() + std::ptrdiff_t(begin), out.mask.begin() + std::ptrdiff_t(end),
                  std::uint8_t{1});
    }
    return out;
}

model::Example TuningText::completion(const std::string& prompt, const std::string& text) const {
    const model::EncodeOptions encoding{false, true};
    model::Example out;
    out.tokens = tokenizer_.encode(prompt + text, encoding);
    if (end_ && (out.tokens.empty() || out.tokens.back() != *end_)) out.tokens.push_back(*end_);
    const auto begin = prompt.empty() ? 0 : common(tokenizer_.encode(prompt, encoding), out.tokens);
    out.mask.assign(out.tokens.size(), 1);
    std::fill_n(out.mask.begin(), begin, std::uint8_t{0});
    return out;
}

Result<TuningData> read_tuning_data(const Path& file, const TuningText& how,
                                    std::uint32_t max_tokens) {
    Reader reader(how, max_tokens);
    const auto bytes = OL_TRY(read_text_file(file, limits::file_bytes));
    const auto extension = file.extension().string();
    if (extension == ".jsonl" || extension == ".ndjson") {
        OL_TRY(read_lines(bytes, file, reader));
    } else if (extension == ".json") {
        const auto rows = OL_TRY_IN(Json::parse(bytes), "{}", file.string());
        if (!rows.is_array()) {
            return fail(ErrorCode::invalid_argument, "{}: no list of rows", file.string());
        }
        for (std::size_t i = 0; i < rows.items().size(); ++i) {
            OL_TRY_IN(reader.row(rows.items()[i]), "{}: row {}", file.string(), i);
        }
    } else {
        for (const auto& document : OL_TRY(text::read_documents(file)).documents) {
            reader.count_row();
            reader.whole(document.text);
        }
    }
    auto out = reader.finish();
    out.hash = crypto::keccak256(bytes);
    if (out.examples.empty()) {
        return fail(ErrorCode::invalid_argument,
                    "{}: none of {} rows leaves anything to learn within {} tokens", file.string(),
                    out.rows, max_tokens);
    }
    return out;
}

} // namespace ol::factory
