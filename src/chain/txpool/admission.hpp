// What a transaction must satisfy to wait in the pool, whoever sent it and whatever the state is.
#pragma once

#include "chain/block/execution.hpp"
#include "chain/txpool/pool.hpp"

namespace ol::chain {

// What the next block will be like.
struct NextBlock {
    Rules rules;
    std::uint64_t chain_id = 0, gas_limit = 0;
};

// invalid_argument in geth's words. `size_bytes`: of the encoded transaction.
Status check_transaction(const Transaction& transaction, std::size_t size_bytes,
                         const NextBlock& next, const PoolLimits& limits);

} // namespace ol::chain
