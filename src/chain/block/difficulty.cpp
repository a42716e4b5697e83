// Ethash's difficulty (Yellow Paper 4.3.4; EIP-2, EIP-100) and the delays of its bomb.
#include <algorithm>

#include "chain/block/execution.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t least_difficulty = 131'072;
constexpr std::uint64_t bomb_period = 100'000;

// By how many blocks the bomb is put off: EIP-649, 1234, 2384, 3554, 4345, 5133.
std::uint64_t bomb_delay(const ChainConfig& config, Fork fork, std::uint64_t number) {
    const auto active = [&](const std::optional<std::uint64_t>& at) { return at && *at <= number; };
    if (active(config.gray_glacier)) return 11'400'000;
    if (active(config.arrow_glacier)) return 10'700'000;
    if (fork >= Fork::london) return 9'700'000;
    if (active(config.muir_glacier)) return 9'000'000;
    if (fork >= Fork::constantinople) return 5'000'000;
    return fork >= Fork::byzantium ? 3'000'000 : 0;
}

// The factor of parent difficulty / 2048, at least -99.
std::int64_t adjustment(Fork fork, const Header& parent, std::uint64_t elapsed) {
    if (fork < Fork::homestead) return elapsed < 13 ? 1 : -1;
    const bool counts_ommers = fork >= Fork::byzantium && parent.ommers_hash != empty_ommers_hash;
    const std::int64_t base = counts_ommers ? 2 : 1;
    const std::uint64_t step = fork >= Fork::byzantium ? 9 : 10;
    const auto steps = static_cast<std::int64_t>(std::min<std::uint64_t>(elapsed / step, 1000));
    return std::max<std::int64_t>(base - steps, -99);
}

} // namespace

U256 next_difficulty(const ChainConfig& config, const Header& parent, std::uint64_t timestamp) {
    const std::uint64_t number = parent.number + 1;
    const Fork fork = config.rules_at(number, timestamp).fork;
    const std::uint64_t elapsed = timestamp > parent.timestamp ? timestamp - parent.timestamp : 0;
    const std::int64_t factor = adjustment(fork, parent, elapsed);
    const U256 step = parent.difficulty / U256(2048);
    const U256 change = step * U256(static_cast<std::uint64_t>(std::abs(factor)));
    U256 out = factor >= 0 ? parent.difficulty + change : parent.difficulty - change;
    out = std::max(out, U256(least_difficulty));

    const std::uint64_t delay = bomb_delay(config, fork, number);
    const std::uint64_t periods = (number > delay ? number - delay : 0) / bomb_period;
    // A bomb of 2^256 has long stopped the chain.
    if (periods > 1 && periods < 258) out += U256(1) << static_cast<unsigned>(periods - 2);
    return fork < Fork::homestead ? std::max(out, U256(least_difficulty)) : out;
}

} // namespace ol::chain
