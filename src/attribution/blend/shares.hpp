// Shares: credits to fixed-point shares that sum to exactly 2^32 (design 02 C; the Solidity twin is
// contracts/src/lib/Attribution.sol). Integers only.
#pragma once

#include <cstdint>
#include <vector>

#include "attribution/suffix/trace.hpp"
#include "base/bytes.hpp"

namespace ol::attribution::blend {

inline constexpr std::uint64_t one = 1ULL << 32; // 2^-32 fixed point

struct Share {
    std::uint32_t record = 0; // table index
    Address owner;
    std::uint64_t share = 0; // of `one`
    bool operator==(const Share&) const = default;
};

// parts[i] of total * weights[i] / sum(weights), rounded by largest remainder (ties: the lower
// index); sums to total exactly. All zero when all weights are zero. weights and total below 2^63,
// and total * weight must fit 128 bits.
std::vector<std::uint64_t> largest_remainder(const std::vector<std::uint64_t>& weights,
                                             std::uint64_t total);

// Credits summed per record (ascending record index), to shares of `one`; shares below tau are
// dropped and the rest rescaled; when none reaches tau the largest alone remains (ties: the lowest
// record). Empty when there is no match; when no match has any credit the lowest record gets all.
std::vector<Share> shares_of(const std::vector<suffix::Match>& matches, std::uint64_t tau);

// covered / symbols in 2^-32, rounded down; 0 for an empty answer.
std::uint64_t explained(const suffix::Trace& trace);

// The threshold of the next epoch: moves toward `target` credited records per answer, by at most
// 1/8, as EIP-1559 moves the base fee: up when answers credit more records than the target, down
// when less.
std::uint64_t next_threshold(std::uint64_t tau, std::uint64_t credited_records,
                             std::uint64_t answers, std::uint64_t target, std::uint64_t min,
                             std::uint64_t max);

} // namespace ol::attribution::blend
