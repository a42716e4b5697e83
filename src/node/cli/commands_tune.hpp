// `openledger model tune`: fine-tunes a model's folder, without a node or a ledger.
#pragma once

#include <functional>

#include "node/cli/session.hpp"

namespace CLI {
class App;
}

namespace ol::node::cli {

// Adds the command to the group `model`; when it is chosen it sets `action`.
void add_tune_command(CLI::App& group, std::function<Status(Session&)>& action);

} // namespace ol::node::cli
