// `openledger chain`: the embedded chain without a node around it.
#pragma once

#include <functional>

#include "node/cli/session.hpp"

namespace CLI {
class App;
}

namespace ol::node::cli {

// Adds the commands; the one that is chosen sets `action`, which cli.cpp runs.
void add_chain_commands(CLI::App& root, std::function<Status(Session&)>& action);

} // namespace ol::node::cli
