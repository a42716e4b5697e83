// The suffix array of a large integer text, fast: the LMS suffixes are sorted by their symbols, a
// few packed into one key, and by the order of later LMS suffixes where that is not enough; all
// other suffixes are induced from them (build/sais.hpp). When a text repeats itself so much that
// sorting would cost more than a bounded number of passes, SA-IS takes over: linear in the worst
// case, exact and the same bytes always.
#pragma once

#include <cstdint>
#include <span>

#include "base/progress.hpp"
#include "base/thread_pool.hpp"

namespace ol::attribution::suffix {

// Fills out (as long as text, at most 2^31 symbols) with the suffix array of text over
// [0, alphabet); the end of text is smaller than every symbol. Beside `out` it takes at most 6
// bytes a symbol, 4 in natural text, and three words a letter. text must not overlap out. False
// when the progress sink asked to stop; out is then worth nothing.
bool sort_suffixes(std::span<const std::uint32_t> text, std::uint32_t alphabet,
                   std::span<std::uint32_t> out, ThreadPool& pool,
                   const ProgressSink& progress = no_progress);

} // namespace ol::attribution::suffix
