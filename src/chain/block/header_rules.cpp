#include <algorithm>

#include "chain/block/execution.hpp"
#include "chain/block/fee_market.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t most_gas_limit = ~0ULL >> 1; // EIP-106
constexpr std::uint64_t gas_limit_step = 1024;
constexpr std::size_t extra_data_bytes = 32;
constexpr std::uint64_t dao_blocks = 10; // that carry the DAO fork's mark
constexpr std::string_view dao_mark = "dao-hard-fork";

template <class... Args>
Status broken(fmt::format_string<Args...> text, Args&&... args) {
    return fail(ErrorCode::unverified, text, std::forward<Args>(args)...);
}

Status check_presence(const char* name, bool there, bool wanted) {
    if (there == wanted) return {};
    return broken("header: {}: {}", name, wanted ? "is missing" : "must not be there");
}

Status check_members(const Header& header, const Rules& rules) {
    const Fork fork = rules.fork;
    OL_TRY(check_presence("base fee", header.base_fee.has_value(), fork >= Fork::london));
    OL_TRY(check_presence("withdrawals root", header.withdrawals_root.has_value(),
                          fork >= Fork::shanghai));
    const bool cancun = fork >= Fork::cancun;
    OL_TRY(check_presence("blob gas used", header.blob_gas_used.has_value(), cancun));
    OL_TRY(check_presence("excess blob gas", header.excess_blob_gas.has_value(), cancun));
    OL_TRY(
        check_presence("parent beacon root", header.parent_beacon_block_root.has_value(), cancun));
    return check_presence("requests hash", header.requests_hash.has_value(), fork >= Fork::prague);
}

Status check_gas(const Header& parent, const Header& header, const Rules& rules) {
    if (header.gas_used > header.gas_limit) {
        return broken("header: gas used: {} is above the limit {}", header.gas_used,
                      header.gas_limit);
    }
    if (header.gas_limit > most_gas_limit) {
        return broken("header: gas limit: {} is above 2^63 - 1", header.gas_limit);
    }
    if (rules.is_op()) return {}; // the gas limit of an OP chain moves at once
    std::uint64_t before = parent.gas_limit;
    if (rules.fork >= Fork::london && !parent.base_fee) before = london_gas_limit(before);
    const std::uint64_t distance =
        header.gas_limit > before ? header.gas_limit - before : before - header.gas_limit;
    if (distance >= before / gas_limit_step || header.gas_limit < minimum_gas_limit) {
        return broken("header: gas limit: {} is too far from the parent's {}, or below {}",
                      header.gas_limit, before, minimum_gas_limit);
    }
    return {};
}

Status check_extra_data(const ChainConfig& config, const Header& header, const Rules& rules) {
    if (header.extra_data.size() > extra_data_bytes) {
        return broken("header: extra data: {} bytes, at most {}", header.extra_data.size(),
                      extra_data_bytes);
    }
    if (rules.op >= OpFork::holocene && !read_op_extra_data(rules, header.extra_data)) {
        return broken("header: extra data: must be the version, the EIP-1559 denominator and "
                      "elasticity, both above 0{}",
                      rules.op >= OpFork::jovian ? ", and the minimum base fee" : "");
    }
    if (config.dao_fork && header.number >= *config.dao_fork &&
        header.number - *config.dao_fork < dao_blocks &&
        !std::ranges::equal(header.extra_data, as_bytes(dao_mark))) {
        return broken("header: extra data: must be '{}' at the DAO fork", dao_mark);
    }
    return {};
}

Status check_consensus(const ChainConfig& config, const Header& parent, const Header& header,
                       const Rules& rules) {
    if (rules.fork < Fork::paris) {
        const U256 difficulty = next_difficulty(config, parent, header.timestamp);
        if (header.difficulty == difficulty) return {};
        return broken("header: difficulty: is {}, must be {}", header.difficulty.to_decimal(),
                      difficulty.to_decimal());
    }
    if (!header.difficulty.is_zero()) return broken("header: difficulty: must be 0 after Paris");
    if (!header.nonce.is_zero()) return broken("header: nonce: must be 0 after Paris");
    if (header.ommers_hash != empty_ommers_hash) {
        return broken("header: ommers hash: there are no ommers after Paris");
    }
    return {};
}

Status check_blobs(const ChainConfig& config, const Header& parent, const Header& header,
                   const Rules& rules) {
    if (rules.fork < Fork::cancun) return {};
    const std::uint64_t excess = next_excess_blob_gas(config, parent, header.timestamp);
    if (*header.excess_blob_gas != excess) {
        return broken("header: excess blob gas: is {}, must be {}", *header.excess_blob_gas,
                      excess);
    }
    const std::uint64_t used = *header.blob_gas_used;
    if (rules.is_op()) {
        if (rules.op < OpFork::jovian && used != 0) {
            return broken("header: blob gas used: is {}, must be 0 on an OP chain", used);
        }
        if (used > header.gas_limit) {
            return broken("header: blob gas used: the data-availability footprint {} is above the "
                          "gas limit {}",
                          used, header.gas_limit);
        }
        return {};
    }
    const std::uint64_t most = maximum_blobs(config, rules) * gas_per_blob;
    if (used > most || used % gas_per_blob != 0) {
        return broken("header: blob gas used: {} is above {} or no whole number of blobs", used,
                      most);
    }
    return {};
}

} // namespace

Status validate_header(const ChainConfig& config, const Header& parent, const Header& header) {
    const Rules rules = config.rules_at(header.number, header.timestamp);
    if (header.number != parent.number + 1) {
        return broken("header: number: is {}, must be {}", header.number, parent.number + 1);
    }
    if (header.parent_hash != hash(parent)) {
        return broken("header: parent hash: is not that of the block before");
    }
    if (header.timestamp <= parent.timestamp) {
        return broken("header: timestamp: {} is not after the parent's {}", header.timestamp,
                      parent.timestamp);
    }
    OL_TRY(check_members(header, rules));
    OL_TRY(check_extra_data(config, header, rules));
    OL_TRY(check_gas(parent, header, rules));
    OL_TRY(check_consensus(config, parent, header, rules));
    if (rules.fork >= Fork::london) {
        const U256 fee = next_base_fee(config, parent, header.timestamp);
        if (*header.base_fee != fee) {
            return broken("header: base fee: is {}, must be {}", header.base_fee->to_decimal(),
                          fee.to_decimal());
        }
    }
    if (rules.op >= OpFork::isthmus && *header.requests_hash != empty_requests_hash) {
        return broken("header: requests hash: there are no requests on an OP chain");
    }
    return check_blobs(config, parent, header, rules);
}

} // namespace ol::chain
