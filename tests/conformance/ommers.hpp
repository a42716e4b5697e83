// The rules of ommers (Yellow Paper, 11.1): proof-of-work chains alone have them, so they stand
// beside the suites, not in the chain.
#pragma once

#include <vector>

#include "chain/block/execution.hpp"

namespace ol::conformance {

// `ancestors`: the parent, its parent and so on, at least seven where there are so many.
Status check_ommers(const chain::ChainConfig& config, const chain::Block& block,
                    const std::vector<const chain::Block*>& ancestors);

} // namespace ol::conformance
