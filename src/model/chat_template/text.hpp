// Python's operations on texts, by code point. All texts are UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ol::model::chat_template {

bool is_space(std::uint32_t code_point); // str.isspace of one character

// Without white space, or without the characters of `chars`, at the ends that are asked for.
std::string_view strip(std::string_view text, bool left, bool right,
                       std::optional<std::string_view> chars = {});
std::string upper(std::string_view text); // one code point to one, but for the sharp s
std::string lower(std::string_view text);
std::string title(std::string_view text); // a capital after everything that is no letter
std::string capitalize(std::string_view text);
std::string repr(std::string_view text); // in quotes, as Python prints texts in lists
std::string repr(double value);          // the shortest text that reads back equal

std::size_t length(std::string_view text); // in code points
std::vector<std::string_view> characters(std::string_view text);
// At white space, or at `separator` (not empty); at most `limit` cuts, from the right if asked.
std::vector<std::string_view> split(std::string_view text,
                                    std::optional<std::string_view> separator,
                                    std::int64_t limit = -1, bool from_right = false);
std::vector<std::string_view> split_lines(std::string_view text);
// At most `limit` replacements; negative: all.
std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    std::int64_t limit = -1);
// As json.dumps writes a text.
std::string json_text(std::string_view text, bool ascii_only);

} // namespace ol::model::chat_template
