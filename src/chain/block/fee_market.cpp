// Base fees of gas (EIP-1559; OP Stack: Holocene, Jovian) and of blobs (EIP-4844, 7691, 7918).
#include "chain/block/fee_market.hpp"

#include <algorithm>

namespace ol::chain {
namespace {

constexpr std::uint64_t london_elasticity = 2;    // of the gas limit at the fork
constexpr std::uint64_t blob_base_cost = 1 << 13; // EIP-7918

struct MarketParameters {
    std::uint64_t elasticity = 0, denominator = 0, minimum = 0;
};

MarketParameters parameters_after(const ChainConfig& config, const Header& parent,
                                  std::uint64_t timestamp) {
    MarketParameters out{config.elasticity, config.base_fee_denominator, 0};
    if (!config.is_op()) return out;
    const OpFork fork = config.rules_at(parent.number + 1, timestamp).op;
    if (fork < OpFork::canyon) out.denominator = config.base_fee_denominator_before_canyon;
    const auto stated =
        read_op_extra_data(config.rules_at(parent.number, parent.timestamp), parent.extra_data);
    if (!stated) return out;
    return {stated->elasticity, stated->denominator, stated->minimum_base_fee};
}

// What the blob schedule of a fork says; the latest at or before it.
BlobSchedule schedule_of(const ChainConfig& config, Fork fork) {
    const auto after = config.blobs.upper_bound(fork);
    return after == config.blobs.begin() ? BlobSchedule{0, 0, 1} : std::prev(after)->second;
}

// EIP-4844: factor * e^(numerator / denominator), by its Taylor series; the largest number when it
// passes 256 bits.
U256 fake_exponential(std::uint64_t factor, std::uint64_t numerator, std::uint64_t denominator) {
    const U256 most = U256() - U256(1);
    const U256 divisor(denominator);
    U256 sum, term = U256(factor) * divisor;
    for (std::uint64_t i = 1; !term.is_zero(); ++i) {
        const auto next_sum = checked_add(sum, term);
        const auto product = checked_mul(term, U256(numerator));
        if (!next_sum || !product) return most;
        sum = *next_sum;
        term = *product / (divisor * U256(i));
    }
    return sum / divisor;
}

U256 blob_price(std::uint64_t excess, const BlobSchedule& schedule) {
    return fake_exponential(1, excess, schedule.base_fee_update_fraction);
}

} // namespace

std::optional<OpExtraData> read_op_extra_data(const Rules& rules, ByteView extra) {
    if (rules.op < OpFork::holocene) return std::nullopt;
    const bool jovian = rules.op >= OpFork::jovian;
    if (extra.size() != (jovian ? 17 : 9) || extra[0] != (jovian ? 1 : 0)) return std::nullopt;
    OpExtraData out;
    out.denominator = get_be32(extra.data() + 1);
    out.elasticity = get_be32(extra.data() + 5);
    if (jovian) out.minimum_base_fee = get_be64(extra.data() + 9);
    if (out.denominator == 0 || out.elasticity == 0) return std::nullopt;
    return out;
}

std::uint64_t london_gas_limit(std::uint64_t parent_limit) {
    return parent_limit * london_elasticity;
}

std::uint64_t maximum_blobs(const ChainConfig& config, const Rules& rules) {
    return schedule_of(config, rules.fork).maximum;
}

U256 next_base_fee(const ChainConfig& config, const Header& parent, std::uint64_t timestamp) {
    if (!parent.base_fee) return U256(initial_base_fee);
    const MarketParameters market = parameters_after(config, parent, timestamp);
    std::uint64_t used = parent.gas_used;
    if (config.rules_at(parent.number, parent.timestamp).op >= OpFork::jovian) {
        used = std::max(used, parent.blob_gas_used.value_or(0));
    }
    const U256& fee = *parent.base_fee;
    const std::uint64_t target = parent.gas_limit / market.elasticity;
    U256 out = fee;
    if (target != 0 && used != target) {
        const U256 distance(used > target ? used - target : target - used);
        const U256 change = fee * distance / U256(target) / U256(market.denominator);
        out = used > target ? fee + std::max(change, U256(1)) : fee - change;
    }
    return std::max(out, U256(market.minimum));
}

std::uint64_t next_excess_blob_gas(const ChainConfig& config, const Header& parent,
                                   std::uint64_t timestamp) {
    if (config.is_op()) return 0;
    const Rules rules = config.rules_at(parent.number + 1, timestamp);
    const BlobSchedule schedule = schedule_of(config, rules.fork);
    const std::uint64_t excess = parent.excess_blob_gas.value_or(0);
    const std::uint64_t used = parent.blob_gas_used.value_or(0);
    const std::uint64_t target = schedule.target * gas_per_blob;
    const auto sum = static_cast<unsigned __int128>(excess) + used;
    if (sum < target) return 0;
    const bool below_reserve = rules.fork >= Fork::osaka && schedule.maximum != 0 &&
                               U256(blob_base_cost) * parent.base_fee.value_or(U256()) >
                                   U256(gas_per_blob) * blob_price(excess, schedule);
    const unsigned __int128 out =
        below_reserve ? excess + static_cast<unsigned __int128>(used) *
                                     (schedule.maximum - schedule.target) / schedule.maximum
                      : sum - target;
    return static_cast<std::uint64_t>(std::min<unsigned __int128>(out, ~0ULL));
}

U256 blob_base_fee(const ChainConfig& config, const Header& header) {
    const Rules rules = config.rules_at(header.number, header.timestamp);
    return blob_price(header.excess_blob_gas.value_or(0), schedule_of(config, rules.fork));
}

} // namespace ol::chain
