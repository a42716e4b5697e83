// What the rules of headers and blocks need of the fee markets besides execution.hpp.
#pragma once

#include "chain/block/execution.hpp"

namespace ol::chain {

inline constexpr std::uint64_t gas_per_blob = 1 << 17; // EIP-4844

// The EIP-1559 parameters that an OP block states in its extraData from Holocene on; nothing where
// the rules state none or the form does not hold.
struct OpExtraData {
    std::uint32_t denominator = 0, elasticity = 0;
    std::uint64_t minimum_base_fee = 0; // Jovian
};
std::optional<OpExtraData> read_op_extra_data(const Rules& rules, ByteView extra);

// The gas limit that counts as the parent's at the London fork.
std::uint64_t london_gas_limit(std::uint64_t parent_limit);
std::uint64_t maximum_blobs(const ChainConfig& config, const Rules& rules); // a block

} // namespace ol::chain
