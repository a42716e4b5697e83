// What block execution needs of the OP Stack's fees besides execution.hpp.
#pragma once

#include <functional>

#include "chain/block/execution.hpp"

namespace ol::chain {

// Predeploys: L1Block, where the fees go, L2ToL1MessagePasser.
extern const Address l1_block_address, base_fee_vault, l1_fee_vault, operator_fee_vault,
    message_passer_address;

// The parameters through any way to read a slot of L1Block: within a block they lie in the journal.
Result<L1FeeParameters>
read_l1_fee_parameters(const std::function<Result<U256>(std::uint64_t slot)>& read,
                       const Rules& rules);

// What a transaction takes of the block's data-availability limit (Jovian).
std::uint64_t da_footprint(const L1FeeParameters& parameters, ByteView encoded);

} // namespace ol::chain
