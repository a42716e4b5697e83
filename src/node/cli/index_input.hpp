// Files as records of an index: each row of a file is one record, its owner goes by its folder, its
// file or itself.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "attribution/suffix/index/index.hpp"
#include "text/reader.hpp"

namespace ol::node::cli {

// What a command is asked about: the text, or that of a file (- for standard input).
Result<std::string> asked_text(const std::string& text, const std::string& file);

enum class OwnerBy { folder, file, record };

// The owner that a name stands for: the last 20 bytes of its keccak256.
Address owner_address(std::string_view name);

// The names of owners, in the file owners.txt of an index's folder: a line each, "0x... name".
class OwnerNames {
public:
    // Empty when there is no file.
    static Result<OwnerNames> read(const Path& folder);
    Status write(const Path& folder) const;
    void add(std::string name);
    // The name, or the address in hex.
    std::string name_of(const Address& owner) const;
    // By the name, or by its last parts ("GPL-3" for "/texts/GPL-3") where only one ends so.
    Result<Address> address_of(std::string_view name) const;

private:
    std::map<Address, std::string> names_;
};

// The numbers of records by their symbols, so that copies find their original.
class KnownTexts {
public:
    // Those of an index that are not deleted.
    void add(const attribution::suffix::IndexView& view);
    // The earliest record with these symbols: a known one, or `record` itself.
    std::uint32_t original_of(const Hash32& digest, std::uint32_t record);
    static Hash32 digest_of(std::span<const text::SymbolWord> words);

private:
    std::unordered_map<Hash32, std::uint32_t, FixedBytesHasher> records_;
};

// Reads files one after the other. A file that cannot be read ends it with its error when it was
// named, and is an issue when it was found in a folder.
class IndexInput {
public:
    // Files, and folders with all files in them that a reader knows.
    static Result<IndexInput> open(const std::vector<std::string>& paths, OwnerBy owner_by);

    std::size_t file_count() const { return files_.size(); }
    std::size_t files_read() const { return next_file_; }
    const std::vector<text::ReadIssue>& issues() const { return issues_; } // the first 1,000
    std::uint64_t issue_count() const { return issue_count_; }

    // The next record; `first_record` is the number of the first. Views live until the next call.
    Result<std::optional<attribution::suffix::SourceRecord>>
    next(KnownTexts& known, std::uint32_t first_record, OwnerNames& names, ThreadPool& pool);

private:
    struct Row {
        std::string text, label, owner;
        Hash32 digest; // of its symbols
    };
    Status read_file(ThreadPool& pool);

    OwnerBy owner_by_ = OwnerBy::folder;
    std::vector<Path> files_;
    std::set<Path> named_;
    std::size_t next_file_ = 0;
    std::vector<Row> rows_;
    std::size_t next_row_ = 0;
    std::uint32_t count_ = 0;
    std::vector<text::ReadIssue> issues_;
    std::uint64_t issue_count_ = 0;
};

} // namespace ol::node::cli
