// The development ledger in this process: the embedded chain with gas that costs nothing and
// accounts that nobody else has keys of, so that balances show money alone.
#pragma once

#include <memory>

#include "chain/node.hpp"
#include "node/config.hpp"

namespace ol::node {

// conflict when the data folder was made with anvil and holds no embedded chain.
Result<std::unique_ptr<chain::Node>> start_embedded_chain(const NodeConfig& config);

} // namespace ol::node
