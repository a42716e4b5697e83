// The whole state as one file (docs/formats/state-snapshot.md). Internal to the state room.
#pragma once

#include "base/progress.hpp"
#include "chain/state/head_view.hpp"

namespace ol::chain {

// The view's head; not_found when there is none.
Status export_state(HeadView& view, const Path& file, const ProgressSink& progress);
// Into an empty store. On an error the store is left unfinished: clear_unfinished_import.
Result<Head> import_state(StateCore& core, const Path& file, std::uint64_t number,
                          const Hash32& expected_root, const ProgressSink& progress);
// Empties the families when an import did not come to its end; nothing otherwise.
Status clear_unfinished_import(store::KeyValue& store);

} // namespace ol::chain
