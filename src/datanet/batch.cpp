// Batches as JSON lines (docs/formats/record.md). Only what cannot be derived is trusted:
// everything else is derived again and each line must be the very bytes that to_jsonl would write.
#include <algorithm>

#include "base/limits.hpp"
#include "crypto/merkle.hpp"
#include "datanet/record.hpp"
#include "text/rows.hpp"
#include "text/utf8.hpp"

namespace ol::datanet {

namespace {

using codec::Json;

constexpr std::string_view format_name = "openledger-batch-1";

std::string header_line(const Batch& batch, const Hash32& root) {
    return Json::object({{"format", format_name},
                         {"datanet", batch.datanet_id},
                         {"contributor", batch.contributor},
                         {"rule_set", batch.rule_set_hash},
                         {"salt", batch.batch_salt},
                         {"records", batch.records.size()},
                         {"root", root}})
        .dump();
}

std::string record_line(const Record& record, const Hash32& leaf) {
    return Json::object({{"id", record.id},
                         {"title", record.title},
                         {"text", record.text},
                         {"source", record.source},
                         {"licence", record.licence},
                         {"words", record.word_count},
                         {"shingles", record.shingle_count},
                         {"leaf", leaf}})
        .dump();
}

struct Header {
    Batch batch;
    std::uint64_t records = 0;
    Hash32 root;
};

Result<Header> parse_header(std::string_view line) {
    const Json json = OL_TRY(Json::parse(line));
    if (OL_TRY(OL_TRY(json.require("format"))->as_string()) != format_name) {
        return fail(ErrorCode::unsupported, "not an {} file", format_name);
    }
    Header header;
    header.batch.datanet_id = OL_TRY(OL_TRY(json.require("datanet"))->as_hash32());
    header.batch.contributor = OL_TRY(OL_TRY(json.require("contributor"))->as_address());
    header.batch.rule_set_hash = OL_TRY(OL_TRY(json.require("rule_set"))->as_hash32());
    header.batch.batch_salt = OL_TRY(OL_TRY(json.require("salt"))->as_hash32());
    header.records = OL_TRY(OL_TRY(json.require("records"))->as_uint());
    header.root = OL_TRY(OL_TRY(json.require("root"))->as_hash32());
    return header;
}

Result<Record> parse_record(std::string_view line, const Batch& batch) {
    if (line.size() > 8 * limits::record_bytes) {
        return fail(ErrorCode::too_large, "record line of {} bytes", line.size());
    }
    const Json json = OL_TRY(Json::parse(line));
    std::string title = OL_TRY(OL_TRY(json.require("title"))->as_string());
    std::string text = OL_TRY(OL_TRY(json.require("text"))->as_string());
    if (title.size() + 1 + text.size() > limits::record_bytes) {
        return fail(ErrorCode::too_large, "record of {} bytes, the limit is {}",
                    title.size() + 1 + text.size(), limits::record_bytes);
    }
    if (title != text::tidy_title(title) || OL_TRY(text::normalize_text(text)) != text) {
        return fail(ErrorCode::corrupted, "title or text is not normalised");
    }
    return make_record(batch.datanet_id, batch.contributor, std::move(title), std::move(text),
                       OL_TRY(OL_TRY(json.require("source"))->as_string()),
                       OL_TRY(OL_TRY(json.require("licence"))->as_string()), batch.batch_salt);
}

// Every failure of a published file is corruption to its reader; the place goes in front.
template <class T>
Result<T> corrupted_at(std::uint64_t line, Result<T> result) {
    if (result) return result;
    Error error = result.error().within(fmt::format("line {}", line));
    error.code = ErrorCode::corrupted;
    return std::unexpected(std::move(error));
}

// The difference between the line and what its fields derive to, for people.
std::string difference(std::string_view line, const std::string& derived) {
    const Result<Json> given = Json::parse(line);
    const Result<Json> wanted = Json::parse(derived);
    if (!given || !wanted) return "not a JSON object";
    for (const auto& [name, value] : wanted->members()) {
        if ((*given)[name] != value) {
            return fmt::format("member '{}' is not what the record's text derives to", name);
        }
    }
    return "not in canonical form (members, their order or white space differ)";
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

} // namespace

std::vector<Hash32> Batch::leaf_hashes() const {
    std::vector<Hash32> leaves;
    leaves.reserve(records.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
        leaves.push_back(leaf_of(records[i], rule_set_hash, i).hash());
    }
    return leaves;
}

Hash32 Batch::root() const { return crypto::MerkleTree(leaf_hashes()).root(); }

std::string Batch::to_jsonl() const {
    const std::vector<Hash32> leaves = leaf_hashes();
    std::string out = header_line(*this, crypto::MerkleTree(leaves).root());
    out.push_back('\n');
    for (std::size_t i = 0; i < records.size(); ++i) {
        out.append(record_line(records[i], leaves[i])).push_back('\n');
    }
    return out;
}

Result<Batch> Batch::from_jsonl(std::string_view text) {
    if (text.empty() || text.back() != '\n') {
        return fail(ErrorCode::corrupted, "batch file is cut off: its last line has no end");
    }
    const std::string_view first = take_line(text);
    Header header = OL_TRY(corrupted_at(1, parse_header(first)));
    Batch& batch = header.batch;
    if (header.records > limits::batch_records) {
        return fail(ErrorCode::corrupted, "line 1: {} records, a batch has at most {}",
                    header.records, limits::batch_records);
    }
    crypto::MerkleAccumulator tree;
    std::uint64_t number = 1;
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        ++number;
        if (batch.records.size() == header.records) {
            return fail(ErrorCode::corrupted, "line {}: more records than the {} of the header",
                        number, header.records);
        }
        Record record = OL_TRY(corrupted_at(number, parse_record(line, batch)));
        const Hash32 leaf = leaf_of(record, batch.rule_set_hash, batch.records.size()).hash();
        const std::string derived = record_line(record, leaf);
        if (derived != line) {
            return fail(ErrorCode::corrupted, "line {}: {}", number, difference(line, derived));
        }
        tree.push(leaf);
        batch.records.push_back(std::move(record));
    }
    if (batch.records.size() != header.records) {
        return fail(ErrorCode::corrupted, "batch file ends after {} of {} records",
                    batch.records.size(), header.records);
    }
    const std::string derived = header_line(batch, tree.root());
    if (derived != first) {
        return fail(ErrorCode::corrupted, "line 1: {}", difference(first, derived));
    }
    return std::move(batch);
}

} // namespace ol::datanet
