// `openledger index`: a folder of suffix indexes on one's own files, without a node or a ledger.
#pragma once

#include <functional>

#include "node/cli/session.hpp"

namespace CLI {
class App;
}

namespace ol::node::cli {

// Adds the commands; the one that is chosen sets `action`, which cli.cpp runs.
void add_index_commands(CLI::App& root, std::function<Status(Session&)>& action);

} // namespace ol::node::cli
