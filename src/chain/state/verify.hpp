// Every root recomputed from the flat values. Internal to the state room.
#pragma once

#include "base/progress.hpp"
#include "chain/state/head_view.hpp"

namespace ol::chain {

// corrupted with the first place that differs: an account, a slot, a link.
Status verify_state(HeadView& view, const ProgressSink& progress);

} // namespace ol::chain
