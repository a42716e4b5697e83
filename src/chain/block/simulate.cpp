#include "chain/block/transaction_run.hpp"

namespace ol::chain {
namespace {

Transaction transaction_of(const CallRequest& request) {
    Transaction out;
    out.type =
        request.authorizations.empty() ? TransactionType::access_list : TransactionType::set_code;
    out.max_fee = out.max_priority_fee = request.gas_price;
    out.gas_limit = request.gas;
    out.to = request.to;
    out.value = request.value;
    out.data = request.data;
    out.access_list = request.access_list;
    out.authorizations = request.authorizations;
    return out;
}

// What stands against the call before it begins, in geth's words.
Status check(const CallRequest& request, const Transaction& tx, const IntrinsicGas& intrinsic,
             const Rules& rules, const Header& header, Journal& journal) {
    if (!request.to && rules.fork >= Fork::shanghai && request.data.size() > most_init_code_bytes) {
        return fail(ErrorCode::invalid_argument,
                    "max initcode size exceeded: code size {} limit {}", request.data.size(),
                    most_init_code_bytes);
    }
    if (request.gas < intrinsic.gas) {
        return fail(ErrorCode::invalid_argument, "intrinsic gas too low: have {}, want {}",
                    request.gas, intrinsic.gas);
    }
    if (request.gas < intrinsic.floor) {
        return fail(ErrorCode::invalid_argument,
                    "insufficient gas for floor data gas cost: have {}, want {}", request.gas,
                    intrinsic.floor);
    }
    if (request.gas > ~0ULL >> 1) {
        return fail(ErrorCode::invalid_argument, "gas: {} is above 2^63 - 1", request.gas);
    }
    if (request.gas_price.is_zero()) return {};
    if (header.base_fee && request.gas_price < *header.base_fee) {
        return fail(ErrorCode::invalid_argument,
                    "max fee per gas less than block base fee: maxFeePerGas: {}, baseFee: {}",
                    request.gas_price.to_decimal(), header.base_fee->to_decimal());
    }
    const auto cost = checked_mul(U256(tx.gas_limit), tx.max_fee);
    const auto sum = cost ? checked_add(*cost, tx.value) : cost;
    const U256 balance = journal.balance(request.from);
    if (!sum || balance < *sum) {
        return fail(ErrorCode::payment,
                    "insufficient funds for gas * price + value: balance {}, tx cost {}",
                    balance.to_decimal(), sum ? sum->to_decimal() : "above 256 bits");
    }
    return {};
}

} // namespace

Result<CallOutcome> simulate(const ChainConfig& config, StateReader& state, const Header& header,
                             const CallRequest& request, const BlockHashes& block_hashes,
                             evm::Tracer* tracer) {
    const Rules rules = config.rules_at(header.number, header.timestamp);
    const Transaction tx = transaction_of(request);
    const IntrinsicGas intrinsic = intrinsic_gas(tx, rules);
    Journal journal(state);
    OL_TRY(check(request, tx, intrinsic, rules, header, journal));

    evm::BlockContext context = block_context(config, header, block_hashes);
    // geth's eth_call: who names no price sees no base fee either.
    if (request.gas_price.is_zero()) context.base_fee = U256();
    evm::Evm evm(journal, rules, std::move(context));
    evm.set_tracer(tracer);
    journal.begin_transaction();
    evm.set_transaction({request.from, request.gas_price, {}});
    if (!request.gas_price.is_zero()) {
        journal.subtract_balance(request.from, U256(request.gas) * request.gas_price);
    }
    Execution execution = execute(evm, journal, tx, request.from, intrinsic);
    if (journal.error()) return std::unexpected(*journal.error());

    CallOutcome out;
    out.status = execution.result.status;
    out.gas_used = execution.gas_used;
    out.gas_peak = execution.gas_peak;
    out.output = std::move(execution.result.output);
    out.logs = journal.logs();
    if (!request.to && execution.result.succeeded()) {
        out.created = execution.result.created;
        // What the constructor returned: clients read through contracts that are never kept so.
        out.output = journal.code(*out.created)->bytes();
    }
    return out;
}

} // namespace ol::chain
