// Searching one pattern in a cold tier, from right to left.
#pragma once

#include <vector>

#include "attribution/suffix/dead_ranks.hpp"
#include "attribution/suffix/tier/cold_tier.hpp"

namespace ol::attribution::suffix {

// A piece of the pattern *occurs* when a suffix that is not dead starts with it. Deleted records
// are dead as a whole, so that in a pattern without separators every piece of a piece that occurs
// occurs.
class ColdSearch {
public:
    ColdSearch(const ColdTier& tier, Pattern pattern, const DeadRanks* dead);

    // The longest piece that ends before `end` (> start) and starts at or behind `from`.
    struct Reach {
        std::size_t start = 0; // end: the symbol before `end` does not occur
        Interval interval;
    };
    // Tells `visit` of each piece on the way: visit(its start, its interval).
    template <class Visit>
    Reach back(std::size_t from, std::size_t end, Visit&& visit) const {
        Reach out{end, {}};
        Interval interval = buckets_[end - 1];
        while (occurs(interval)) {
            out = {out.start - 1, interval};
            visit(out.start, interval);
            if (out.start == from) break;
            interval = tier_.kernels_->step(tier_.psi_, buckets_[out.start - 1],
                                            pattern_[out.start - 1], interval);
        }
        return out;
    }
    Reach back(std::size_t from, std::size_t end) const {
        return back(from, end, [](std::size_t, Interval) {});
    }

    std::vector<Tier::Maximal> maximal_spans(std::size_t min_length) const;
    void statistics(std::span<Longest> out) const;

private:
    struct Piece {
        std::size_t start = 0, end = 0;
        Interval interval;
    };
    bool occurs(Interval interval) const;
    bool holds_separator() const;
    // To the right as far as it occurs. Returns what the piece that ends one symbol behind reaches.
    Reach extend(Piece& piece) const;
    void extend_together(Piece& piece) const;
    Longest longest_alone(std::size_t start) const;

    const ColdTier& tier_;
    Pattern pattern_;
    const DeadRanks* dead_; // null when there is none
    std::vector<Interval> buckets_;
};

} // namespace ol::attribution::suffix
