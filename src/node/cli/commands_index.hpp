// What the commands of `openledger index` are told, and their work.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/cli/session.hpp"

namespace ol::node::cli {

// commands_index.cpp
struct IndexBuildCommand {
    std::string folder;
    std::vector<std::string> paths;
    std::string memory = "4G"; // bytes, with K, M, G or T
    std::string form = "hot";
    std::string owner_by = "folder"; // folder, file or record
};
Status index_build(Session& session, const IndexBuildCommand& command);
Status index_append(Session& session, const IndexBuildCommand& command);
struct IndexChangeCommand {
    std::string folder;
    std::vector<std::string> records; // numbers and ranges, "5-9"
    std::vector<std::string> labels;  // and all records whose label starts so
    std::vector<std::uint64_t> range; // segments [first, last]
    bool all = false;
    std::string form;
    std::string memory = "4G";
};
Status index_remove(Session& session, const IndexChangeCommand& command);
Status index_merge(Session& session, const IndexChangeCommand& command);
Status index_convert(Session& session, const IndexChangeCommand& command);
Status index_stats(Session& session, const std::string& folder);

// commands_index_query.cpp
struct IndexQueryCommand {
    std::string folder, text, file; // the text, or a file that holds it; - for standard input
    std::vector<std::string> clauses;
    std::uint64_t limit = 20, skip = 0;
    std::uint32_t distance = 0;
    bool infinity = false;
    std::uint32_t min_symbols = 0, min_bits = 0, max_gap = 0, max_edits = 0; // 0: the default
};
Status index_count(Session& session, const IndexQueryCommand& command);
Status index_locate(Session& session, const IndexQueryCommand& command);
Status index_next(Session& session, const IndexQueryCommand& command);
Status index_spread(Session& session, const IndexQueryCommand& command);
Status index_search(Session& session, const IndexQueryCommand& command);
Status index_fuzzy(Session& session, const IndexQueryCommand& command);
Status index_trace(Session& session, const IndexQueryCommand& command);

} // namespace ol::node::cli
