// Readers: files to documents. By deterministic rules, never by a language model.
//
// .txt .md .html .htm .jsonl, .gz of these, dictd pairs (NAME.index + NAME.dict or .dict.dz; the
// pair is one source, named by its .index), and files without extension (README, GPL-3, LGPL-2.1),
// which are text if their bytes are.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"

namespace ol::text {

// One row: what becomes one record.
struct Document {
    std::string title;      // headword, <title>/heading, "title"/"question" member; may be empty
    std::string text;       // UTF-8, normalised (utf8.hpp), at most limits::record_bytes
    std::string file;       // path as given to the reader
    std::uint64_t line = 0; // 1-based place in the file: line, entry number or paragraph number
};

// Something in a file that could not be used; the rest of the file was.
struct ReadIssue {
    std::string file;
    std::uint64_t line = 0;
    std::string reason; // "not UTF-8 at byte 17", "line is not a JSON object: ..."
};

struct ReadResult {
    std::vector<Document> documents; // in the order of the file
    std::vector<ReadIssue> issues;
};

// Whether a reader knows this name.
bool can_read(const Path& path);

// All documents of one file. Errors: unsupported (extension), not_found, permission_denied,
// too_large, corrupted (gzip, dictd index), always with the path.
//   .txt: paragraphs (blank-line separated) gathered to rows of about 600 to 1200 characters.
//   .md: a row per section (heading = title), long sections split like .txt.
//   .html: text of the body without script, style, nav; a row per heading section, split like .txt.
//   .jsonl: one object per line: text | content | body, or question+answer, prompt+completion,
//           instruction(+input)+output; title | question | instruction gives the title.
//   dictd: a row per entry, headword = title; 00-database-* entries are skipped. Not part of the
//   text:
//          the lines that repeat the headword, <field> tags, {} around references, and paragraphs
//          that only date the entry or name its source.
// Hard-wrapped prose is unwrapped everywhere (rows.hpp). Bytes that are not UTF-8 cost their
// paragraph, line or entry alone. gzip input may unpack to at most limits::file_bytes.
Result<ReadResult> read_documents(const Path& path);

} // namespace ol::text
