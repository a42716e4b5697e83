// The readers of each file type, on bytes in memory. None of them fails as a whole on a bad row:
// what cannot be used becomes a ReadIssue. `file` is only copied into the documents and issues.
#pragma once

#include <string>
#include <string_view>

#include "text/reader.hpp"

namespace ol::text {

ReadResult read_plain(std::string_view bytes, const std::string& file);
ReadResult read_markdown(std::string_view bytes, const std::string& file);
ReadResult read_html(std::string_view bytes, const std::string& file);
ReadResult read_jsonl(std::string_view bytes, const std::string& file);
// The index must be sound: corrupted, with its line, for a malformed line or an entry that lies
// outside the dictionary.
Result<ReadResult> read_dictd(std::string_view index, std::string_view dict,
                              const std::string& file);

} // namespace ol::text
