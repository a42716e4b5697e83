// dictd databases (dictfmt(1)): NAME.index holds "headword TAB offset TAB size" with both numbers
// in base 64, most significant digit first; NAME.dict holds the entries.
#include <algorithm>
#include <map>
#include <optional>

#include "base/limits.hpp"
#include "text/formats.hpp"
#include "text/rows.hpp"
#include "text/utf8.hpp"

namespace ol::text {

namespace {

constexpr std::size_t headword_max_bytes = 1024;

std::optional<std::uint64_t> base64_number(std::string_view digits) {
    static constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (digits.empty() || digits.size() > 10) return std::nullopt;
    std::uint64_t value = 0;
    for (const char digit : digits) {
        const std::size_t at = alphabet.find(digit);
        if (at == std::string_view::npos) return std::nullopt;
        value = value << 6 | at;
    }
    return value;
}

struct Entry {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::uint64_t line = 0; // of its first headword
    std::vector<std::string_view> headwords;
};

// What dictfmt compares headwords by: letters and digits, without case. Headwords of punctuation
// alone compare as they are.
std::string headword_key(std::string_view headword) {
    const std::string folded = fold_case(headword);
    std::string key;
    for (const char c : folded) {
        const auto byte = static_cast<unsigned char>(c);
        const bool word = byte >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (word) key.push_back(c);
    }
    return key.empty() ? folded : key;
}

Result<std::vector<Entry>> parse_index(std::string_view index, std::size_t dict_size,
                                       RowSink& sink) {
    std::vector<Entry> entries;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> known;
    std::uint64_t number = 0;
    while (!index.empty()) {
        const std::size_t end = std::min(index.find('\n'), index.size());
        const std::string_view line = index.substr(0, end);
        index.remove_prefix(std::min(end + 1, index.size()));
        ++number;
        if (line.empty()) continue;
        const std::size_t tab = line.find('\t');
        const std::size_t tab2 = tab == std::string_view::npos ? tab : line.find('\t', tab + 1);
        if (tab2 == std::string_view::npos) {
            return fail(ErrorCode::corrupted,
                        "line {}: not 'headword TAB offset TAB size'; this is no dictd index",
                        number);
        }
        // A fourth column repeats the headword in its original form.
        const std::size_t tab3 = std::min(line.find('\t', tab2 + 1), line.size());
        const auto offset = base64_number(line.substr(tab + 1, tab2 - tab - 1));
        const auto size = base64_number(line.substr(tab2 + 1, tab3 - tab2 - 1));
        if (!offset || !size) {
            return fail(ErrorCode::corrupted, "line {}: offset or size is not a base-64 number",
                        number);
        }
        if (*offset > dict_size || *size > dict_size - *offset) {
            return fail(
                ErrorCode::corrupted,
                "line {}: entry at {}+{} lies outside the dictionary of {} bytes (index and "
                ".dict do not belong together)",
                number, *offset, *size, dict_size);
        }
        const std::string_view headword = line.substr(0, tab);
        if (headword.starts_with("00-database") || headword.starts_with("00database")) continue;
        if (find_invalid_utf8(headword) || headword.size() > headword_max_bytes) {
            sink.issue(number, headword.size() > headword_max_bytes
                                   ? fmt::format("headword of {} bytes, the limit is {}",
                                                 headword.size(), headword_max_bytes)
                                   : "headword is not UTF-8");
            continue;
        }
        const auto [place, fresh] = known.try_emplace({*offset, *size}, entries.size());
        if (fresh) entries.push_back({*offset, *size, number, {}});
        entries[place->second].headwords.push_back(headword);
    }
    return entries;
}

// "{cross reference}" loses its braces; braces around code (nested, over 80 bytes, with ; or a
// line break) stay.
std::string without_references(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '{') {
            const std::size_t end = text.find_first_of("{};\n", i + 1);
            if (end != std::string_view::npos && text[end] == '}' && end > i + 1 && end - i <= 80) {
                out.append(text.substr(i + 1, end - i - 1));
                i = end;
                continue;
            }
        }
        out.push_back(text[i]);
    }
    return out;
}

// "<programming, humour> " at the start of a definition, or after its number, names its fields and
// not its meaning.
std::string without_category(std::string_view text) {
    text = trim(text);
    std::size_t begin = 0;
    while (begin < text.size() && text[begin] >= '0' && text[begin] <= '9') ++begin;
    if (begin > 0) begin = text.substr(begin).starts_with(". <") ? begin + 2 : text.size();
    if (begin >= text.size() || text[begin] != '<') return std::string(text);
    const std::size_t end = text.find('>', begin);
    if (end == std::string_view::npos || end - begin > 60 || end + 1 >= text.size() ||
        (text[end + 1] != ' ' && text[end + 1] != '\n')) {
        return std::string(text);
    }
    for (const char c : text.substr(begin + 1, end - begin - 1)) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == ' ' || c == ',' || c == '-' || c == '/' ||
                           c == '.' || c == '\n';
        if (!plain) return std::string(text);
    }
    return std::string(text.substr(0, begin)).append(trim(text.substr(end + 1)));
}

// A paragraph that is only the date of the entry, "(1998-04-28)", or its source, "[Jargon File]".
bool is_note(std::string_view text) {
    if (text.size() > 2 && text.front() == '[' && text.size() <= 62) {
        if (text.back() == '.') text.remove_suffix(1);
        return text.find_first_of("[]", 1) == text.size() - 1;
    }
    if (text.size() != 12 || text.front() != '(' || text.back() != ')') return false;
    for (std::size_t i = 1; i < 11; ++i) {
        const bool dash = i == 5 || i == 8;
        if (dash ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
    }
    return true;
}

std::string spaces_for_nbsp(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i).starts_with("\xc2\xa0")) {
            out.push_back(' ');
            ++i;
        } else {
            out.push_back(text[i]);
        }
    }
    return out;
}

void read_entry(const Entry& entry, std::string_view dict, RowSink& sink) {
    const std::string_view raw = dict.substr(entry.offset, entry.size);
    if (const auto bad = find_invalid_utf8(raw)) {
        sink.issue(entry.line,
                   fmt::format("entry '{}' is not UTF-8 at byte {} of the dictionary",
                               tidy_title(entry.headwords.front()), entry.offset + *bad));
        return;
    }
    std::vector<std::string> keys;
    for (const std::string_view headword : entry.headwords) keys.push_back(headword_key(headword));

    // The lines that repeat the headwords, unindented, on top of the entry. The first of them has
    // the headword as people write it.
    const std::string spaced = spaces_for_nbsp(raw);
    std::string_view body = spaced;
    std::string title;
    while (!body.empty() && !is_blank(body.front()) && body.front() != '\n') {
        const std::size_t end = std::min(body.find('\n'), body.size());
        const std::string_view line = body.substr(0, end);
        if (line.size() > headword_max_bytes) break;
        if (std::find(keys.begin(), keys.end(), headword_key(line)) == keys.end()) break;
        if (title.empty()) title = tidy_title(line);
        body.remove_prefix(std::min(end + 1, body.size()));
    }
    if (title.empty()) title = tidy_title(entry.headwords.front());

    std::string text;
    while (!body.empty()) {
        std::size_t end = body.find("\n\n");
        std::string_view paragraph = body.substr(0, end);
        body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
        while (!paragraph.empty() && paragraph.front() == '\n') paragraph.remove_prefix(1);
        if (trim(paragraph).empty()) continue;
        const std::string clean = without_references(without_category(unwrap(paragraph)));
        if (is_note(trim(clean))) continue;
        if (!text.empty()) text.append("\n\n");
        text.append(clean);
    }
    sink.add(title, text, entry.line);
}

} // namespace

Result<ReadResult> read_dictd(std::string_view index, std::string_view dict,
                              const std::string& file) {
    RowSink sink(file);
    for (const Entry& entry : OL_TRY(parse_index(index, dict.size(), sink))) {
        read_entry(entry, dict, sink);
    }
    return sink.finish();
}

} // namespace ol::text
