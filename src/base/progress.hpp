// Progress of work that may take longer than two seconds. Domain code reports; the command line
// draws a bar on a terminal, a line now and then on a pipe, and the API sends events.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace ol {

// done and total in the unit that `what` names; total 0 when unknown. Returning false asks the
// work to stop at its next safe point with ErrorCode::cancelled.
using ProgressSink =
    std::function<bool(std::string_view what, std::uint64_t done, std::uint64_t total)>;

inline bool no_progress(std::string_view, std::uint64_t, std::uint64_t) { return true; }

} // namespace ol
