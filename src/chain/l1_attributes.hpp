// The transaction that every OP block begins with: what Layer 2 knows of Layer 1 (OP specs, "L1
// Attributes Deposited Transaction"; Ecotone, Isthmus and Jovian).
#pragma once

#include <cstdint>

#include "chain/types/fork.hpp"
#include "chain/types/transaction.hpp"

namespace ol::chain {

struct L1Attributes {
    std::uint64_t number = 0, timestamp = 0;
    Hash32 hash;
    std::uint64_t sequence_number = 0; // L2 blocks since the epoch began
    U256 base_fee, blob_base_fee = 1;
    std::uint32_t base_fee_scalar = 0, blob_base_fee_scalar = 0;
    Hash32 batcher_hash;
    std::uint32_t operator_fee_scalar = 0;
    std::uint64_t operator_fee_constant = 0;
    std::uint16_t da_footprint_gas_scalar = 0; // Jovian
};

// `rules`: from Ecotone on.
Transaction l1_attributes_deposit(const L1Attributes& attributes, const Rules& rules);

} // namespace ol::chain
