// What the tests of an index share.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "attribution/suffix/corpus_for_tests.hpp"
#include "attribution/suffix/index/index.hpp"
#include "attribution/suffix/index/manifest.hpp"

namespace ol::attribution::suffix::test {

inline RecordSource source_of(std::vector<SourceRecord> records) {
    return [records = std::move(records),
            next = std::size_t{0}]() mutable -> Result<std::optional<SourceRecord>> {
        if (next == records.size()) return std::nullopt;
        return records[next++];
    };
}

// Gives the records labels; keep what is returned as long as they are used.
inline std::vector<std::string> label(std::vector<SourceRecord>& records) {
    std::vector<std::string> out;
    out.reserve(records.size());
    for (std::size_t r = 0; r < records.size(); ++r) {
        out.push_back(r % 7 == 0 ? "" : fmt::format("folder/file{}.txt#{}", r / 3, r));
        records[r].label = out.back();
    }
    return out;
}

// Names of the files of a folder besides the lock and the manifest.
inline std::set<std::string> files_of(const Path& folder) {
    std::set<std::string> out;
    for (const auto& item : std::filesystem::directory_iterator(folder)) {
        out.insert(item.path().filename().string());
    }
    out.erase("lock");
    out.erase("manifest.json");
    return out;
}

inline Manifest manifest_of(const Path& folder) {
    return must(Manifest::decode(must(read_text_file(folder / "manifest.json", 1 << 20)), "m"));
}

// What the manifest names.
inline std::set<std::string> named_files(const Path& folder) {
    std::set<std::string> out;
    for (const auto& entry : manifest_of(folder).segments) {
        out.insert(entry.file);
        if (entry.tombstones) out.insert(entry.tombstones->file);
    }
    return out;
}

} // namespace ol::attribution::suffix::test
