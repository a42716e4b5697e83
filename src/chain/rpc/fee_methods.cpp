// Prices: eth_gasPrice, eth_maxPriorityFeePerGas, eth_feeHistory, eth_blobBaseFee.
#include <algorithm>

#include "chain/rpc/methods.hpp"

namespace ol::chain::rpc {

namespace {

constexpr std::uint64_t history_blocks = 1024;
constexpr std::size_t history_percentiles = 100;
constexpr std::uint64_t maximum_tip = 500'000'000'000; // geth's default bound

U256 tip_of(const Transaction& transaction, const U256& base_fee) {
    if (transaction.is_deposit() || transaction.max_fee < base_fee) return {};
    return effective_gas_price(transaction, base_fee) - base_fee;
}

std::uint64_t next_time(const Header& header) { return header.timestamp + 1; }

RpcResult<std::vector<double>> percentiles_of(const Param& param) {
    std::vector<double> out;
    if (param.is_absent()) return out;
    OL_TRY(param.expect_array());
    if (param.count() > history_percentiles) {
        return param.wrong(fmt::format("over the query limit {}", history_percentiles));
    }
    for (std::size_t i = 0; i < param.count(); ++i) {
        const Param item = param[i];
        const auto value = item.json().as_double();
        if (!value || *value < 0 || *value > 100) {
            return item.wrong("invalid reward percentile: expected 0 to 100");
        }
        if (!out.empty() && *value < out.back()) {
            return item.wrong("invalid reward percentile: not in ascending order");
        }
        out.push_back(*value);
    }
    return out;
}

// The tips at the percentiles of the block's gas, transactions ordered by tip.
void print_rewards(Writer& out, const WholeBlock& whole, const std::vector<double>& percentiles) {
    struct Paid {
        U256 tip;
        std::uint64_t gas;
    };
    const Header& header = whole.header();
    std::vector<Paid> paid;
    for (std::size_t i = 0; i < whole.count(); ++i) {
        paid.push_back({tip_of(whole.transaction(i), header.base_fee.value_or(U256())),
                        whole.outcome(i).gas_used});
    }
    std::ranges::stable_sort(paid, {}, &Paid::tip);
    out.begin_array();
    std::size_t at = 0;
    std::uint64_t sum = paid.empty() ? 0 : paid[0].gas;
    for (const double percentile : percentiles) {
        const auto threshold =
            static_cast<std::uint64_t>(static_cast<double>(header.gas_used) * percentile / 100);
        while (sum < threshold && at + 1 < paid.size()) sum += paid[++at].gas;
        out.value(paid.empty() ? U256() : paid[at].tip);
    }
    out.end_array();
}

double ratio(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

RpcStatus fee_history(const Backend& backend, Call& call) {
    const Param how_many = call.params[0], newest = call.params[1], rewards = call.params[2];
    const std::uint64_t asked = OL_TRY(how_many.any_number64());
    const auto percentiles = OL_TRY(percentiles_of(rewards));
    const BlockHead last = OL_TRY(backend.require_block(OL_TRY(block_ref(newest))));
    const std::uint64_t count = std::min({asked, history_blocks, last.header.number + 1});
    const std::uint64_t first = last.header.number + 1 - count;
    const ChainConfig& config = backend.chain.config();
    std::vector<Header> headers;
    for (std::uint64_t number = first; number < first + count; ++number) {
        BlockRef ref;
        ref.tag = BlockRef::Tag::number;
        ref.number = number;
        headers.push_back(OL_TRY(backend.require_block(ref)).header);
    }
    Writer& out = call.out;
    out.begin_object();
    out.member("oldestBlock", first);
    out.key("baseFeePerGas");
    out.begin_array();
    for (const auto& header : headers) out.value(header.base_fee.value_or(U256()));
    if (count > 0) {
        out.value(next_base_fee(config, headers.back(), next_time(headers.back())));
    }
    out.end_array();
    out.key("gasUsedRatio");
    out.begin_array();
    for (const auto& header : headers) out.decimal(ratio(header.gas_used, header.gas_limit));
    out.end_array();
    out.key("baseFeePerBlobGas");
    out.begin_array();
    for (const auto& header : headers) {
        out.value(header.excess_blob_gas ? blob_base_fee(config, header) : U256());
    }
    if (count > 0) {
        // Blocks here carry no blobs: the price stays.
        const Header& next = headers.back();
        out.value(next.excess_blob_gas ? blob_base_fee(config, next) : U256());
    }
    out.end_array();
    out.key("blobGasUsedRatio");
    out.begin_array();
    for (std::size_t i = 0; i < headers.size(); ++i) out.decimal(0);
    out.end_array();
    if (!percentiles.empty()) {
        out.key("reward");
        out.begin_array();
        for (std::uint64_t number = first; number < first + count; ++number) {
            const auto hash = OL_TRY(backend.chain.canonical_hash(number));
            const auto whole = hash ? OL_TRY(backend.whole(*hash)) : WholeBlockPtr();
            if (!whole) return rpc_fail(server_error, "block {} has gone", number);
            print_rewards(out, *whole, percentiles);
        }
        out.end_array();
    }
    out.end_object();
    return {};
}

} // namespace

// op-geth's oracle: the least tip, unless the latest block was full; then a tenth more than the
// median that its transactions paid.
RpcResult<U256> suggested_tip(const Backend& backend) {
    const U256 least = backend.options.minimum_priority_fee;
    const auto block = OL_TRY(backend.whole(backend.chain.head_hash()));
    if (!block) return least;
    const Header& header = block->header();
    std::uint64_t largest = 0;
    for (std::size_t i = 0; i < block->count(); ++i) {
        largest = std::max(largest, block->outcome(i).gas_used);
    }
    if (header.gas_used + largest <= header.gas_limit) return least;
    std::vector<U256> tips;
    for (const auto& transaction : block->block().transactions) {
        if (transaction.is_deposit()) continue;
        tips.push_back(tip_of(transaction, header.base_fee.value_or(U256())));
    }
    if (tips.empty()) return least;
    const auto middle = tips.begin() + static_cast<std::ptrdiff_t>(tips.size() / 2);
    std::nth_element(tips.begin(), middle, tips.end());
    const U256 median = *middle + *middle / U256(10);
    return std::min(std::max(median, least), U256(maximum_tip));
}

void add_fee_methods(MethodTable& table, const Backend& backend) {
    table.add("eth_gasPrice", 0, 0, [&backend](Call& call) -> RpcStatus {
        call.out.value(OL_TRY(suggested_tip(backend)) +
                       backend.chain.head().base_fee.value_or(U256()));
        return {};
    });
    table.add("eth_maxPriorityFeePerGas", 0, 0, [&backend](Call& call) -> RpcStatus {
        call.out.value(OL_TRY(suggested_tip(backend)));
        return {};
    });
    table.add("eth_blobBaseFee", 0, 0, [&backend](Call& call) -> RpcStatus {
        const Header header = backend.chain.head();
        call.out.value(header.excess_blob_gas ? blob_base_fee(backend.chain.config(), header)
                                              : U256());
        return {};
    });
    table.add("eth_feeHistory", 2, 3,
              [&backend](Call& call) { return fee_history(backend, call); });
}

} // namespace ol::chain::rpc
