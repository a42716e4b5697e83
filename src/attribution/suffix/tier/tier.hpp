// Tier: what every form of a segment answers. The hot tier holds T, SA and ISA as arrays; the cold
// tier holds them compressed. Both give the same answers; queries know only this interface.
//
// Symbols are ranks: the separator of record r is r, word d of the dictionary is records + d.
// Positions and ranks of suffixes must be in range (a programmer's error else). Const calls may run
// on several threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "attribution/suffix/interval.hpp"

namespace ol::attribution::suffix {

// A word that does not occur: larger than every rank, equal to none.
inline constexpr std::uint32_t absent = 0xffffffff;
// What follows the last symbol of T: smaller than every symbol.
inline constexpr std::int64_t end_of_text = -1;

using Pattern = std::span<const std::uint32_t>;

class DeadRanks;

class Tier {
public:
    virtual ~Tier() = default;

    virtual std::uint32_t text_at(std::uint32_t position) const = 0;    // T
    virtual std::uint32_t suffix_at(std::uint32_t rank) const = 0;      // SA
    virtual std::uint32_t inverse_at(std::uint32_t position) const = 0; // ISA
    // T[position, position + out.size()).
    virtual void read_text(std::uint32_t position, std::span<std::uint32_t> out) const = 0;
    // SA[interval.low, interval.high), in this order.
    virtual void locate(Interval interval, std::span<std::uint32_t> positions) const = 0;
    // T[SA[rank] + depth], or end_of_text.
    virtual std::int64_t symbol_after(std::uint32_t rank, std::uint32_t depth) const = 0;

    // All suffixes that start with one symbol; empty for an absent one.
    virtual Interval bucket(std::uint32_t symbol) const = 0;
    // All suffixes that start with the pattern; {0, 0} when none does, every suffix for the empty
    // pattern.
    virtual Interval find(Pattern pattern) const = 0;
    // The suffixes of `interval`, which share a prefix of `depth` symbols, whose next symbol is
    // `symbol`; {0, 0} when there is none.
    virtual Interval narrow(Interval interval, std::uint32_t depth, std::uint32_t symbol) const = 0;
    // The interval of `rest`, given the (not empty) interval of one symbol and then `rest`: the
    // suffix link.
    virtual Interval without_first(Pattern rest, Interval whole) const = 0;
    // For each i the longest prefix of pattern[i..] that occurs in a suffix which is not dead, and
    // its interval (dead ones included; every suffix for length 0). dead may be null.
    virtual void matching_statistics(Pattern pattern, const DeadRanks* dead,
                                     std::span<Longest> out) const = 0;
    // The statistics of those i alone whose match is not within the one before it (i = 0 or
    // i + length(i) > i - 1 + length(i - 1)) and at least `min_length` >= 1 long, ascending: the
    // maximal spans.
    struct Maximal {
        std::uint32_t start = 0;
        Longest longest;
        bool operator==(const Maximal&) const = default;
    };
    virtual std::vector<Maximal> maximal_spans(Pattern pattern, std::uint32_t min_length,
                                               const DeadRanks* dead) const = 0;
    // The longest suffix of the (not empty) pattern that starts a suffix which is not dead, and its
    // interval (every suffix for length 0), given the interval of the pattern without its last
    // symbol: a cursor's step. No separators in the pattern when something is dead.
    virtual Longest longest_suffix(Pattern pattern, Interval before_last,
                                   const DeadRanks* dead) const = 0;
};

} // namespace ol::attribution::suffix
