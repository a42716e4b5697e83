// JSON lines: one object per line, by the member names that public data sets use.
#include <algorithm>

#include "base/limits.hpp"
#include "codec/json.hpp"
#include "text/formats.hpp"
#include "text/rows.hpp"
#include "text/utf8.hpp"

namespace ol::text {

namespace {

using codec::Json;

struct Row {
    std::string title;
    std::string text;
};

// The member as text, "" when it is absent or null.
Result<std::string> member(const Json& object, std::string_view name) {
    const Json& value = object[name];
    if (value.is_null()) return std::string();
    if (!value.is_string()) {
        return fail(ErrorCode::invalid_argument, "member '{}' is not a string", name);
    }
    return value.as_string();
}

Result<Row> row_of(const Json& object) {
    Row row{OL_TRY(member(object, "title")), {}};
    const std::string question = OL_TRY(member(object, "question"));
    const std::string instruction = OL_TRY(member(object, "instruction"));
    if (row.title.empty()) row.title = question.empty() ? instruction : question;
    for (const char* const name : {"text", "content", "body"}) {
        row.text = OL_TRY(member(object, name));
        if (!row.text.empty()) return row;
    }
    // In pairs the question is the title, so that a model learns the answer; a question that is too
    // long for a title stays in the text.
    const auto pair = [&](const std::string& asked, const std::string& answer) {
        const std::string title = tidy_title(asked);
        row.text = title.size() + 1 < title_max_bytes && row.title == asked
                       ? answer
                       : asked + "\n\n" + answer;
        return row;
    };
    const std::string answer = OL_TRY(member(object, "answer"));
    if (!question.empty() && !answer.empty()) return pair(question, answer);
    const std::string prompt = OL_TRY(member(object, "prompt"));
    const std::string completion = OL_TRY(member(object, "completion"));
    if (!prompt.empty() && !completion.empty()) {
        row.text = prompt + "\n\n" + completion;
        return row;
    }
    const std::string output = OL_TRY(member(object, "output"));
    if (!instruction.empty() && !output.empty()) {
        const std::string input = OL_TRY(member(object, "input"));
        return pair(instruction, input.empty() ? output : input + "\n\n" + output);
    }
    return fail(ErrorCode::invalid_argument,
                "no text: expected text, content or body, question and answer, prompt and "
                "completion, or instruction and output");
}

} // namespace

ReadResult read_jsonl(std::string_view bytes, const std::string& file) {
    RowSink sink(file);
    std::uint64_t number = 0;
    if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
    while (!bytes.empty()) {
        const std::size_t end = std::min(bytes.find('\n'), bytes.size());
        const std::string_view line = trim(bytes.substr(0, end));
        bytes.remove_prefix(std::min(end + 1, bytes.size()));
        ++number;
        if (line.empty()) continue;
        if (line.size() > 4 * limits::record_bytes) {
            sink.issue(number, fmt::format("line of {} bytes, a row has at most {}", line.size(),
                                           limits::record_bytes));
            continue;
        }
        if (const auto bad = find_invalid_utf8(line)) {
            sink.issue(number, fmt::format("not UTF-8 at byte {} of the line", *bad));
            continue;
        }
        const Result<Json> object = Json::parse(line);
        if (!object || !object->is_object()) {
            sink.issue(number, fmt::format("line is not a JSON object{}{}", object ? "" : ": ",
                                           object ? "" : object.error().context));
            continue;
        }
        const Result<Row> row = row_of(*object);
        if (!row) {
            sink.issue(number, row.error().context);
        } else if (row->text.size() > limits::record_bytes) {
            sink.issue(number, fmt::format("text of {} bytes, a row has at most {}",
                                           row->text.size(), limits::record_bytes));
        } else {
            sink.add(row->title, row->text, number);
        }
    }
    return sink.finish();
}

} // namespace ol::text
