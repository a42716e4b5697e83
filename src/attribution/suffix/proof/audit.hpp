// The audit of a segment that was not built here.
#pragma once

#include "attribution/suffix/segment.hpp"
#include "base/thread_pool.hpp"

namespace ol::attribution::suffix {

// Whether the segment says what docs/formats/segment.md asks: its dictionary, the record table, the
// separators, R1, R2 and the words' counts. corrupted with the segment's first fault (Prover's
// find_fault proves it where it is one that can be proved). Safe on any file that opens; a segment
// that was not built here is audited before it is queried.
// `name` stands for the file in errors.
Status audit(const Segment& segment, std::string_view name, ThreadPool* pool = nullptr);

} // namespace ol::attribution::suffix
