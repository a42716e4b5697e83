// State changes laid over a state that does not have them yet: what override_state does to the head
// until the next block takes it in.
#pragma once

#include <memory>

#include "chain/state/state.hpp"

namespace ol::chain {

// `later` on top of `earlier`; ascending by address and slot.
StateChanges merge_changes(const StateChanges& earlier, const StateChanges& later);

// Reads `base` as if `changes` were applied to it.
std::unique_ptr<StateReader> overlaid(std::unique_ptr<StateReader> base,
                                      std::shared_ptr<const StateChanges> changes);

} // namespace ol::chain
