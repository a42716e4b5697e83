#include "attribution/suffix/tier/cold_search.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace ol::attribution::suffix {

using u32 = std::uint32_t;

ColdSearch::ColdSearch(const ColdTier& tier, Pattern pattern, const DeadRanks* dead)
    : tier_(tier)
    , pattern_(pattern)
    , dead_(dead != nullptr && !dead->empty() ? dead : nullptr) {
    buckets_.reserve(pattern.size());
    for (const u32 symbol : pattern) buckets_.push_back(tier.bucket(symbol));
}

bool ColdSearch::occurs(Interval interval) const {
    if (dead_ == nullptr || interval.count() > dead_->size()) return interval.count() > 0;
    return dead_->alive_in(interval) > 0;
}

bool ColdSearch::holds_separator() const {
    return std::any_of(pattern_.begin(), pattern_.end(),
                       [&](u32 symbol) { return symbol < tier_.counts_.records; });
}

// While the first and the last of the suffixes go on alike, so do all between.
void ColdSearch::extend_together(Piece& piece) const {
    const u32 depth = static_cast<u32>(piece.end - piece.start);
    const auto& kernels = *tier_.kernels_;
    u32 low = tier_.later(piece.interval.low, depth);
    if (piece.interval.count() == 1) {
        piece.end += kernels.match(tier_.psi_, low, pattern_.subspan(piece.end));
        return;
    }
    u32 high = tier_.later(piece.interval.high - 1, depth);
    for (std::size_t ahead = 4; piece.end < pattern_.size(); ahead *= 2) {
        const auto next = pattern_.subspan(piece.end, std::min(ahead, pattern_.size() - piece.end));
        const u32 of_low = kernels.match(tier_.psi_, low, next);
        const u32 of_both = kernels.match(tier_.psi_, high, next.first(of_low));
        piece.end += of_both;
        if (of_both < next.size()) break;
    }
}

// Tries longer and longer pieces, then halves what is left between one that occurs and one that
// does not.
ColdSearch::Reach ColdSearch::extend(Piece& piece) const {
    constexpr std::size_t few = 64;     // suffixes: soon there is one, which needs no search
    constexpr std::size_t lengthy = 16; // symbols: what is long and frequent goes on alike
    Reach beyond{pattern_.size(), {}};
    std::size_t fails = pattern_.size() + 1; // ends a piece that does not occur, reaching `beyond`
    for (std::size_t ahead = 1; piece.end + 1 < fails;) {
        if (piece.interval.count() <= few || piece.end - piece.start >= lengthy) {
            extend_together(piece);
            if (piece.end + 1 >= fails) break;
        }
        const bool alone = piece.interval.count() == 1; // and does not go on
        ahead = alone ? 1 : std::min(ahead, std::max<std::size_t>(1, (fails - piece.end) / 2));
        const Reach reach = back(piece.start + (alone ? 1 : 0), piece.end + ahead);
        if (reach.start == piece.start) {
            piece.end += ahead;
            piece.interval = reach.interval;
            ahead *= 2;
        } else {
            fails = piece.end + ahead;
            beyond = reach;
        }
    }
    return beyond;
}

// Starts before `from` are done with. A window of the least length at `from` is searched from its
// end: where that fails, no start up to there has a piece of the least length, for it would hold
// the window's rest. When the whole window occurs, it is the start of a maximal span, since no
// earlier start reaches its end.
std::vector<Tier::Maximal> ColdSearch::maximal_spans(std::size_t min_length) const {
    OL_CHECK(min_length >= 1);
    std::vector<Tier::Maximal> out;
    if (dead_ != nullptr && holds_separator()) {
        std::size_t reached = 0;
        for (std::size_t i = 0; i < pattern_.size(); ++i) {
            const Longest longest = longest_alone(i);
            if (longest.length >= min_length && (i == 0 || i + longest.length > reached)) {
                out.push_back({static_cast<u32>(i), longest});
            }
            reached = i + longest.length;
        }
        return out;
    }
    std::size_t from = 0;
    Reach reach{0, {}};
    std::size_t end = 0; // of reach, when that starts at `from`
    while (pattern_.size() - from >= min_length) {
        if (end < from + min_length) {
            end = from + min_length;
            reach = back(from, end);
        }
        if (reach.start != from) { // what is left of the window is short of the least length
            from = reach.start;
            continue;
        }
        Piece piece{from, end, reach.interval};
        reach = extend(piece);
        out.push_back(
            {static_cast<u32>(from), {static_cast<u32>(piece.end - from), piece.interval}});
        if (piece.end == pattern_.size()) break;
        from = reach.start;
        end = piece.end + 1;
    }
    return out;
}

void ColdSearch::statistics(std::span<Longest> out) const {
    OL_CHECK(out.size() == pattern_.size());
    if (dead_ != nullptr && holds_separator()) {
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = longest_alone(i);
        return;
    }
    std::fill(out.begin(), out.end(), Longest{0, tier_.everything()});
    for (const auto& [start, longest] : maximal_spans(1)) { // a later one overwrites its part
        const std::size_t end = start + longest.length;
        back(start, end, [&](std::size_t at, Interval interval) {
            out[at] = {static_cast<u32>(end - at), interval};
        });
    }
}

// Without what every piece of a piece would say: a piece that crosses a separator may start in a
// record that lives and end in one that does not.
Longest ColdSearch::longest_alone(std::size_t start) const {
    const ColdSearch all(tier_, pattern_.subspan(start), nullptr);
    Longest out{0, tier_.everything()};
    std::size_t fails = all.pattern_.size() + 1;
    while (fails - out.length > 1) {
        const std::size_t length = out.length + (fails - out.length) / 2;
        const Reach reach = all.back(0, length);
        if (reach.start == 0 && occurs(reach.interval)) {
            out = {static_cast<u32>(length), reach.interval};
        } else {
            fails = length;
        }
    }
    return out;
}

void ColdTier::matching_statistics(Pattern pattern, const DeadRanks* dead,
                                   std::span<Longest> out) const {
    ColdSearch(*this, pattern, dead).statistics(out);
}

std::vector<Tier::Maximal> ColdTier::maximal_spans(Pattern pattern, u32 min_length,
                                                   const DeadRanks* dead) const {
    return ColdSearch(*this, pattern, dead).maximal_spans(min_length);
}

Longest ColdTier::longest_suffix(Pattern pattern, Interval before_last,
                                 const DeadRanks* dead) const {
    // Most often the whole pattern occurs; else it is searched from its end.
    const Interval whole =
        narrow(before_last, static_cast<u32>(pattern.size() - 1), pattern.back());
    if (whole.count() > 0 && (dead == nullptr || dead->alive_in(whole) > 0)) {
        return {static_cast<u32>(pattern.size()), whole};
    }
    if (pattern.empty()) return {0, everything()};
    const auto reach = ColdSearch(*this, pattern, dead).back(0, pattern.size());
    const u32 length = static_cast<u32>(pattern.size() - reach.start);
    return {length, length == 0 ? everything() : reach.interval};
}

} // namespace ol::attribution::suffix
