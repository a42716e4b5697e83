#include "attribution/blend/shares.hpp"

#include <algorithm>
#include <map>

#include "base/check.hpp"
#include "base/u256.hpp"

namespace ol::attribution::blend {

namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t part_limit = 1ULL << 63;

} // namespace

std::vector<std::uint64_t> largest_remainder(const std::vector<std::uint64_t>& weights,
                                             std::uint64_t total) {
    OL_CHECK(total < part_limit);
    std::vector<std::uint64_t> parts(weights.size(), 0);
    Wide sum = 0;
    for (auto weight : weights) {
        OL_CHECK(weight < part_limit);
        sum += weight;
    }
    if (sum == 0) return parts;

    std::vector<Wide> rest(weights.size());
    std::uint64_t left = total;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const Wide product = static_cast<Wide>(total) * weights[i];
        parts[i] = static_cast<std::uint64_t>(product / sum);
        rest[i] = product % sum;
        left -= parts[i];
    }
    // The remainders sum to left * sum and each is below sum, so fewer than weights.size() units
    // are left: no index gets two.
    std::vector<std::size_t> order(weights.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(left);
    std::partial_sort(order.begin(), end, order.end(), [&](std::size_t a, std::size_t b) {
        return rest[a] != rest[b] ? rest[a] > rest[b] : a < b;
    });
    for (auto it = order.begin(); it != end; ++it) parts[*it] += 1;
    return parts;
}

std::vector<Share> shares_of(const std::vector<suffix::Match>& matches, std::uint64_t tau) {
    struct Credit {
        Address owner;
        std::uint64_t sum = 0;
    };
    std::map<std::uint32_t, Credit> credits;
    for (const auto& match : matches) {
        auto& credit = credits[match.record];
        credit.owner = match.owner;
        credit.sum += match.credit;
    }
    std::vector<Share> out;
    std::vector<std::uint64_t> weights;
    for (const auto& [record, credit] : credits) {
        out.push_back({record, credit.owner, 0});
        weights.push_back(credit.sum);
    }
    if (out.empty()) return out;

    const auto parts = largest_remainder(weights, one);
    for (std::size_t i = 0; i < out.size(); ++i) out[i].share = parts[i];
    // max_element gives the first of equal ones: the lowest record.
    const Share largest = *std::max_element(
        out.begin(), out.end(), [](const Share& a, const Share& b) { return a.share < b.share; });
    std::erase_if(out, [&](const Share& share) { return share.share < tau; });
    // No share reaches tau, or (with tau 0) no match has any credit.
    if (out.empty() || largest.share == 0) return {{largest.record, largest.owner, one}};

    weights.clear();
    for (const auto& share : out) weights.push_back(share.share);
    const auto rescaled = largest_remainder(weights, one);
    for (std::size_t i = 0; i < out.size(); ++i) out[i].share = rescaled[i];
    return out;
}

std::uint64_t explained(const suffix::Trace& trace) {
    if (trace.symbol_count == 0) return 0;
    return trace.covered * one / trace.symbol_count;
}

std::uint64_t next_threshold(std::uint64_t tau, std::uint64_t credited_records,
                             std::uint64_t answers, std::uint64_t target, std::uint64_t min,
                             std::uint64_t max) {
    const U256 goal = U256(target) * U256(answers);
    const U256 credited(credited_records);
    U256 next(tau);
    // A goal of zero (an epoch without receipts) says nothing: tau is only clamped.
    if (!goal.is_zero() && credited > goal) {
        const U256 excess = std::min(credited - goal, goal);
        next += std::max(U256(1), U256(tau) * excess / goal / U256(8));
    } else if (credited < goal) {
        next -= U256(tau) * (goal - credited) / goal / U256(8);
    }
    if (next < U256(min)) return min; // also when min > max, as the contract does
    return std::min(next, U256(max)).low_u64();
}

} // namespace ol::attribution::blend
