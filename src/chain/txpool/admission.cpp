#include "chain/txpool/admission.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t osaka_gas_cap = 1 << 24; // EIP-7825
constexpr std::size_t init_code_bytes = 49'152;  // EIP-3860
constexpr std::uint64_t most_gas = ~0ULL >> 1;   // the EVM counts in 63 bits

template <class... Args>
Status refuse(fmt::format_string<Args...> text, Args&&... args) {
    return fail(ErrorCode::invalid_argument, text, std::forward<Args>(args)...);
}

bool is_poolable(TransactionType type, const Rules& rules) {
    switch (type) {
    case TransactionType::legacy:
        return true;
    case TransactionType::access_list:
        return rules.fork >= Fork::berlin;
    case TransactionType::dynamic_fee:
        return rules.fork >= Fork::london;
    case TransactionType::set_code:
        return rules.fork >= Fork::prague;
    case TransactionType::blob:    // their blobs have no place here
    case TransactionType::deposit: // come from Layer 1 alone
        return false;
    }
    return false;
}

Status check_gas(const Transaction& tx, const NextBlock& next) {
    if (next.rules.fork >= Fork::osaka && tx.gas_limit > osaka_gas_cap) {
        return refuse("transaction gas limit too high (cap: {}, tx: {})", osaka_gas_cap,
                      tx.gas_limit);
    }
    if (tx.gas_limit > next.gas_limit || tx.gas_limit > most_gas) {
        return refuse("exceeds block gas limit: {} is above {}", tx.gas_limit, next.gas_limit);
    }
    const IntrinsicGas intrinsic = intrinsic_gas(tx, next.rules);
    if (tx.gas_limit < intrinsic.gas) {
        return refuse("intrinsic gas too low: gas {}, minimum needed {}", tx.gas_limit,
                      intrinsic.gas);
    }
    if (tx.gas_limit < intrinsic.floor) {
        return refuse("insufficient gas for floor data gas cost: gas {}, minimum needed {}",
                      tx.gas_limit, intrinsic.floor);
    }
    return {};
}

} // namespace

Status check_transaction(const Transaction& tx, std::size_t size_bytes, const NextBlock& next,
                         const PoolLimits& limits) {
    if (!is_poolable(tx.type, next.rules)) {
        return refuse("transaction type not supported: tx type {} not supported by this pool",
                      static_cast<int>(tx.type));
    }
    if (size_bytes > limits.transaction_bytes) {
        return refuse("oversized data: transaction size {}, limit {}", size_bytes,
                      limits.transaction_bytes);
    }
    // Legacy transactions without replay protection are taken: published deployments are such.
    if (tx.chain_id ? *tx.chain_id != next.chain_id : tx.type != TransactionType::legacy) {
        return refuse("invalid sender: invalid chain id for signer: have {} want {}",
                      tx.chain_id.value_or(0), next.chain_id);
    }
    if (!tx.to && next.rules.fork >= Fork::shanghai && tx.data.size() > init_code_bytes) {
        return refuse("max initcode size exceeded: code size {} limit {}", tx.data.size(),
                      init_code_bytes);
    }
    if (tx.max_priority_fee > tx.max_fee) {
        return refuse("max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: "
                      "{}, maxFeePerGas: {}",
                      tx.max_priority_fee.to_decimal(), tx.max_fee.to_decimal());
    }
    if (tx.nonce + 1 == 0) return refuse("nonce has max value: nonce: {}", tx.nonce); // EIP-2681
    OL_TRY(check_gas(tx, next));
    if (tx.type == TransactionType::set_code) {
        if (!tx.to) return refuse("set code transaction of type create");
        if (tx.authorizations.empty()) {
            return refuse("set code tx must have at least one authorization tuple");
        }
    }
    if (tx.max_priority_fee < limits.minimum_tip) {
        return refuse("transaction underpriced: gas tip cap {}, minimum needed {}",
                      tx.max_priority_fee.to_decimal(), limits.minimum_tip.to_decimal());
    }
    return {};
}

} // namespace ol::chain
