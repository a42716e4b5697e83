#include "chain/rpc/payload_json.hpp"

#include "chain/block/system_contracts.hpp"

namespace ol::chain::rpc {

namespace {

constexpr std::size_t payload_transactions = 100'000, payload_withdrawals = 1024;

RpcResult<std::vector<Withdrawal>> read_withdrawals(const Param& param) {
    OL_TRY(param.expect_array());
    if (param.count() > payload_withdrawals) return param.wrong("too many withdrawals");
    std::vector<Withdrawal> out;
    for (std::size_t i = 0; i < param.count(); ++i) {
        const Param item = param[i];
        OL_TRY(item.expect_object());
        const Param index = item["index"], validator = item["validatorIndex"],
                    address = item["address"], amount = item["amount"];
        Withdrawal each;
        each.index = OL_TRY(index.quantity64());
        each.validator_index = OL_TRY(validator.quantity64());
        each.address = OL_TRY(address.address());
        each.amount_gwei = OL_TRY(amount.quantity64());
        out.push_back(each);
    }
    return out;
}

RpcResult<std::vector<Bytes>> read_encoded(const Param& param) {
    OL_TRY(param.expect_array());
    if (param.count() > payload_transactions) return param.wrong("too many transactions");
    std::vector<Bytes> out;
    for (std::size_t i = 0; i < param.count(); ++i) {
        const Param item = param[i];
        out.push_back(OL_TRY(item.data()));
    }
    return out;
}

RpcResult<Bloom> read_bloom(const Param& param) {
    const Bytes bytes = OL_TRY(param.data());
    auto bloom = Bloom::from(bytes);
    if (!bloom) return param.wrong(bloom.error().context);
    return *bloom;
}

template <class T, class Read>
RpcStatus read_if(const Param& param, std::optional<T>& to, Read read) {
    if (!param.is_absent()) to = OL_TRY(read(param));
    return {};
}

RpcResult<Header> read_header(const Param& payload) {
    Header out;
    const Param parent = payload["parentHash"], recipient = payload["feeRecipient"],
                state = payload["stateRoot"], receipts = payload["receiptsRoot"],
                bloom = payload["logsBloom"], randao = payload["prevRandao"],
                number = payload["blockNumber"], limit = payload["gasLimit"],
                used = payload["gasUsed"], time = payload["timestamp"],
                extra = payload["extraData"], base_fee = payload["baseFeePerGas"],
                blob_gas = payload["blobGasUsed"], excess = payload["excessBlobGas"],
                withdrawals_root = payload["withdrawalsRoot"];
    out.ommers_hash = empty_ommers_hash;
    out.parent_hash = OL_TRY(parent.hash32());
    out.coinbase = OL_TRY(recipient.address());
    out.state_root = OL_TRY(state.hash32());
    out.receipts_root = OL_TRY(receipts.hash32());
    out.logs_bloom = OL_TRY(read_bloom(bloom));
    out.prev_randao = OL_TRY(randao.hash32());
    out.number = OL_TRY(number.quantity64());
    out.gas_limit = OL_TRY(limit.quantity64());
    out.gas_used = OL_TRY(used.quantity64());
    out.timestamp = OL_TRY(time.quantity64());
    out.extra_data = OL_TRY(extra.data());
    out.base_fee = OL_TRY(base_fee.quantity());
    const auto quantity64 = [](const Param& each) { return each.quantity64(); };
    OL_TRY(read_if(blob_gas, out.blob_gas_used, quantity64));
    OL_TRY(read_if(excess, out.excess_blob_gas, quantity64));
    OL_TRY(read_if(withdrawals_root, out.withdrawals_root,
                   [](const Param& each) { return each.hash32(); }));
    return out;
}

} // namespace

RpcResult<std::expected<ReadPayload, PayloadFault>>
read_payload(const Param& payload, const PayloadExtras& extras, const ChainConfig& config) {
    OL_TRY(payload.expect_object());
    const Param hash = payload["blockHash"], transactions = payload["transactions"],
                withdrawals = payload["withdrawals"];
    ReadPayload out;
    Header& header = out.block.header;
    header = OL_TRY(read_header(payload));
    out.claimed_hash = OL_TRY(hash.hash32());
    if (!withdrawals.is_absent()) {
        out.block.withdrawals = OL_TRY(read_withdrawals(withdrawals));
        // Isthmus states the root itself: the message passer's.
        if (!header.withdrawals_root) {
            header.withdrawals_root = withdrawals_root(*out.block.withdrawals);
        }
    }
    header.parent_beacon_block_root = extras.parent_beacon_block_root;
    if (extras.requests) header.requests_hash = hash_of_requests(*extras.requests);
    const auto encoded = OL_TRY(read_encoded(transactions));
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        auto transaction = decode_transaction(encoded[i]);
        if (!transaction) {
            return std::expected<ReadPayload, PayloadFault>(std::unexpected(PayloadFault{
                fmt::format("invalid transaction {}: {}", i, transaction.error().context)}));
        }
        out.block.transactions.push_back(std::move(*transaction));
    }
    header.transactions_root = transactions_root(out.block.transactions);
    const Hash32 computed = chain::hash(header);
    if (computed != out.claimed_hash) {
        return std::expected<ReadPayload, PayloadFault>(std::unexpected(PayloadFault{fmt::format(
            "blockhash mismatch, want {}, got {} (chain id {})", to_hex0x(out.claimed_hash.view()),
            to_hex0x(computed.view()), config.chain_id)}));
    }
    return std::expected<ReadPayload, PayloadFault>(std::move(out));
}

namespace {

void print_transactions(Writer& out, const Block& block) {
    out.key("transactions");
    out.begin_array();
    for (const auto& each : block.transactions) out.value(encode(each));
    out.end_array();
}

void print_withdrawals(Writer& out, const Block& block) {
    if (!block.withdrawals) return;
    out.key("withdrawals");
    out.begin_array();
    for (const auto& each : *block.withdrawals) {
        out.begin_object();
        out.member("index", each.index);
        out.member("validatorIndex", each.validator_index);
        out.member("address", each.address);
        out.member("amount", each.amount_gwei);
        out.end_object();
    }
    out.end_array();
}

} // namespace

void print_payload(Writer& out, const Block& block, const Hash32& hash, bool is_isthmus) {
    const Header& header = block.header;
    out.begin_object();
    out.member("parentHash", header.parent_hash);
    out.member("feeRecipient", header.coinbase);
    out.member("stateRoot", header.state_root);
    out.member("receiptsRoot", header.receipts_root);
    out.member("logsBloom", header.logs_bloom);
    out.member("prevRandao", header.prev_randao);
    out.member("blockNumber", header.number);
    out.member("gasLimit", header.gas_limit);
    out.member("gasUsed", header.gas_used);
    out.member("timestamp", header.timestamp);
    out.member("extraData", header.extra_data);
    out.member("baseFeePerGas", header.base_fee.value_or(U256()));
    out.member("blockHash", hash);
    print_transactions(out, block);
    print_withdrawals(out, block);
    out.member_if("blobGasUsed", header.blob_gas_used);
    out.member_if("excessBlobGas", header.excess_blob_gas);
    if (is_isthmus) out.member_if("withdrawalsRoot", header.withdrawals_root);
    out.end_object();
}

void print_payload_body(Writer& out, const Block& block) {
    out.begin_object();
    print_transactions(out, block);
    if (block.withdrawals) {
        print_withdrawals(out, block);
    } else {
        out.member("withdrawals", nullptr);
    }
    out.end_object();
}

RpcResult<PayloadAttributes> read_attributes(const Param& attributes, const ChainConfig& config) {
    PayloadAttributes out;
    const Param time = attributes["timestamp"], randao = attributes["prevRandao"],
                recipient = attributes["suggestedFeeRecipient"],
                withdrawals = attributes["withdrawals"],
                beacon = attributes["parentBeaconBlockRoot"],
                transactions = attributes["transactions"], no_pool = attributes["noTxPool"],
                gas_limit = attributes["gasLimit"], eip1559 = attributes["eip1559Params"],
                least_fee = attributes["minBaseFee"];
    out.timestamp = OL_TRY(time.quantity64());
    out.prev_randao = OL_TRY(randao.hash32());
    out.fee_recipient = OL_TRY(recipient.address());
    if (!withdrawals.is_absent()) out.withdrawals = OL_TRY(read_withdrawals(withdrawals));
    OL_TRY(read_if(beacon, out.parent_beacon_block_root,
                   [](const Param& each) { return each.hash32(); }));
    if (!transactions.is_absent()) {
        const auto encoded = OL_TRY(read_encoded(transactions));
        for (std::size_t i = 0; i < encoded.size(); ++i) {
            auto transaction = decode_transaction(encoded[i]);
            if (!transaction) {
                return transactions.wrong(
                    fmt::format("transaction {}: {}", i, transaction.error().context));
            }
            out.forced.push_back(std::move(*transaction));
        }
    }
    if (!no_pool.is_absent()) out.no_pool = OL_TRY(no_pool.boolean());
    OL_TRY(read_if(gas_limit, out.gas_limit, [](const Param& each) { return each.quantity64(); }));
    if (config.is_op() && !out.gas_limit) return gas_limit.wrong("missing value");
    if (!eip1559.is_absent()) {
        auto parameters = FixedBytes<8>::from(OL_TRY(eip1559.data()));
        if (!parameters) return eip1559.wrong(parameters.error().context);
        out.eip1559_parameters = *parameters;
    }
    OL_TRY(read_if(least_fee, out.minimum_base_fee,
                   [](const Param& each) { return each.any_number64(); }));
    return out;
}

} // namespace ol::chain::rpc
