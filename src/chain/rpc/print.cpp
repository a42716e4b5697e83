#include "chain/rpc/print.hpp"

#include <algorithm>

#include "chain/evm/evm.hpp"

namespace ol::chain::rpc {

namespace {

// keccak of "setL1BlockValuesEcotone()", "setL1BlockValuesIsthmus()", "setL1BlockValuesJovian()"
// (OP specs, "L1 attributes").
constexpr std::uint32_t ecotone_selector = 0x440a5e20, isthmus_selector = 0x098999be,
                        jovian_selector = 0x3db6be2b;
constexpr std::size_t ecotone_bytes = 164, isthmus_bytes = 176, jovian_bytes = 178;

void print_access_list(Writer& out, const std::vector<AccessListEntry>& list) {
    out.key("accessList");
    out.begin_array();
    for (const auto& entry : list) {
        out.begin_object();
        out.member("address", entry.address);
        out.key("storageKeys");
        out.begin_array();
        for (const auto& slot : entry.slots) out.word(slot);
        out.end_array();
        out.end_object();
    }
    out.end_array();
}

void print_authorizations(Writer& out, const std::vector<Authorization>& list) {
    out.key("authorizationList");
    out.begin_array();
    for (const auto& each : list) {
        out.begin_object();
        out.member("chainId", each.chain_id);
        out.member("address", each.address);
        out.member("nonce", each.nonce);
        out.member("yParity", each.y_parity);
        out.member("r", each.r);
        out.member("s", each.s);
        out.end_object();
    }
    out.end_array();
}

void print_deposit(Writer& out, const Transaction& transaction, const Receipt* receipt) {
    out.member("sourceHash", transaction.source_hash);
    if (transaction.is_system) out.member("isSystemTx", true);
    if (!transaction.mint.is_zero()) out.member("mint", transaction.mint);
    out.member("gasPrice", 0U);
    for (const char* name : {"v", "r", "s"}) out.member(name, 0U);
    out.member("nonce", receipt != nullptr ? receipt->deposit_nonce.value_or(0) : 0);
    if (receipt != nullptr) {
        out.member_if("depositReceiptVersion", receipt->deposit_receipt_version);
    }
}

void print_signature(Writer& out, const Transaction& transaction) {
    if (transaction.type == TransactionType::legacy) {
        const U256 v =
            transaction.chain_id ? U256(*transaction.chain_id) * U256(2) + U256(35) : U256(27);
        out.member("v", v + U256(transaction.y_parity));
    } else {
        out.member("v", transaction.y_parity);
        out.member("yParity", transaction.y_parity);
    }
    out.member("r", transaction.r);
    out.member("s", transaction.s);
}

void print_fees(Writer& out, const Transaction& transaction, const PlacedIn* place) {
    const bool has_base_fee = transaction.type != TransactionType::legacy &&
                              transaction.type != TransactionType::access_list;
    if (!has_base_fee) return out.member("gasPrice", transaction.max_fee);
    out.member("maxFeePerGas", transaction.max_fee);
    out.member("maxPriorityFeePerGas", transaction.max_priority_fee);
    out.member("gasPrice", place != nullptr ? effective_gas_price(transaction, place->base_fee)
                                            : transaction.max_fee);
}

} // namespace

void print_transaction(Writer& out, const Transaction& transaction, const Hash32& hash,
                       const Address& sender, const PlacedIn* place, const Receipt* receipt) {
    out.begin_object();
    if (place != nullptr) {
        out.member("blockHash", place->block_hash);
        out.member("blockNumber", place->number);
        out.member("blockTimestamp", place->timestamp);
        out.member("transactionIndex", place->index);
    } else {
        for (const char* name : {"blockHash", "blockNumber", "transactionIndex"}) {
            out.member(name, nullptr);
        }
    }
    out.member("hash", hash);
    out.member("type", static_cast<std::uint8_t>(transaction.type));
    out.member("from", sender);
    out.member("to", transaction.to);
    out.member("value", transaction.value);
    out.member("gas", transaction.gas_limit);
    out.member("input", transaction.data);
    if (transaction.is_deposit()) {
        print_deposit(out, transaction, receipt);
    } else {
        out.member("nonce", transaction.nonce);
        print_fees(out, transaction, place);
        out.member_if("chainId", transaction.chain_id);
        if (transaction.type != TransactionType::legacy) {
            print_access_list(out, transaction.access_list);
        }
        if (transaction.type == TransactionType::blob) {
            out.member("maxFeePerBlobGas", transaction.max_fee_per_blob_gas);
            out.member("blobVersionedHashes", transaction.blob_hashes);
        }
        if (transaction.type == TransactionType::set_code) {
            print_authorizations(out, transaction.authorizations);
        }
        print_signature(out, transaction);
    }
    out.end_object();
}

namespace {

void print_header_members(Writer& out, const Hash32& hash, const Header& header) {
    out.member("number", header.number);
    out.member("hash", hash);
    out.member("parentHash", header.parent_hash);
    out.member("nonce", header.nonce);
    out.member("mixHash", header.prev_randao);
    out.member("sha3Uncles", header.ommers_hash);
    out.member("logsBloom", header.logs_bloom);
    out.member("stateRoot", header.state_root);
    out.member("miner", header.coinbase);
    out.member("difficulty", header.difficulty);
    out.member("extraData", header.extra_data);
    out.member("gasLimit", header.gas_limit);
    out.member("gasUsed", header.gas_used);
    out.member("timestamp", header.timestamp);
    out.member("transactionsRoot", header.transactions_root);
    out.member("receiptsRoot", header.receipts_root);
    out.member_if("baseFeePerGas", header.base_fee);
    out.member_if("withdrawalsRoot", header.withdrawals_root);
    out.member_if("blobGasUsed", header.blob_gas_used);
    out.member_if("excessBlobGas", header.excess_blob_gas);
    out.member_if("parentBeaconBlockRoot", header.parent_beacon_block_root);
    out.member_if("requestsHash", header.requests_hash);
}

void print_withdrawals(Writer& out, const std::vector<Withdrawal>& withdrawals) {
    out.key("withdrawals");
    out.begin_array();
    for (const auto& each : withdrawals) {
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

void print_header(Writer& out, const Hash32& header_hash, const Header& header) {
    out.begin_object();
    print_header_members(out, header_hash, header);
    out.end_object();
}

WholeBlock::WholeBlock(StoredBlockPtr stored)
    : stored_(std::move(stored)) {
    std::uint32_t logs = 0;
    for (const auto& each : stored_->outcomes) {
        first_logs_.push_back(logs);
        logs += static_cast<std::uint32_t>(each.receipt.logs.size());
    }
}

PlacedIn WholeBlock::place(std::size_t index) const {
    return {.block_hash = hash(),
            .number = header().number,
            .timestamp = header().timestamp,
            .index = static_cast<std::uint32_t>(index),
            .base_fee = header().base_fee.value_or(U256())};
}

FoundLog WholeBlock::log(std::size_t transaction, std::size_t index) const {
    FoundLog out;
    out.log = outcome(transaction).receipt.logs[index];
    out.block_hash = hash();
    out.transaction_hash = transaction_hash(transaction);
    out.block_number = header().number;
    out.block_timestamp = header().timestamp;
    out.transaction_index = static_cast<std::uint32_t>(transaction);
    out.log_index = first_logs_[transaction] + static_cast<std::uint32_t>(index);
    return out;
}

void print_transaction(Writer& out, const WholeBlock& whole, std::size_t index) {
    const PlacedIn place = whole.place(index);
    print_transaction(out, whole.transaction(index), whole.transaction_hash(index),
                      whole.sender(index), &place, &whole.outcome(index).receipt);
}

void print_block(Writer& out, const WholeBlock& whole, bool full) {
    out.begin_object();
    print_header_members(out, whole.hash(), whole.header());
    out.member("size", whole.stored().size_bytes);
    out.key("transactions");
    out.begin_array();
    for (std::size_t i = 0; i < whole.count(); ++i) {
        if (full) {
            print_transaction(out, whole, i);
        } else {
            out.value(whole.transaction_hash(i));
        }
    }
    out.end_array();
    out.key("uncles");
    out.begin_array();
    for (const auto& ommer : whole.block().ommers) out.value(hash(ommer));
    out.end_array();
    if (whole.block().withdrawals) print_withdrawals(out, *whole.block().withdrawals);
    out.end_object();
}

void print_log(Writer& out, const FoundLog& found) {
    out.begin_object();
    out.member("address", found.log.address);
    out.member("topics", found.log.topics);
    out.member("data", found.log.data);
    out.member("blockNumber", found.block_number);
    out.member("transactionHash", found.transaction_hash);
    out.member("transactionIndex", found.transaction_index);
    out.member("blockHash", found.block_hash);
    out.member("blockTimestamp", found.block_timestamp);
    out.member("logIndex", found.log_index);
    out.member("removed", found.removed);
    out.end_object();
}

// ---- receipts

std::optional<L1ReceiptFields> l1_receipt_fields(const Block& block) {
    if (block.transactions.empty() || !block.transactions[0].is_deposit()) return {};
    const Bytes& data = block.transactions[0].data;
    if (data.size() < ecotone_bytes) return {};
    const std::uint32_t selector = get_be32(data.data());
    const auto word = [&](std::size_t at) { return U256::from_be(ByteView(data).subspan(at, 32)); };
    L1ReceiptFields out;
    out.is_jovian = selector == jovian_selector && data.size() >= jovian_bytes;
    out.is_isthmus =
        out.is_jovian || (selector == isthmus_selector && data.size() >= isthmus_bytes);
    out.is_ecotone = out.is_isthmus || selector == ecotone_selector;
    if (!out.is_ecotone) return {};
    out.parameters.base_fee_scalar = get_be32(data.data() + 4);
    out.parameters.blob_base_fee_scalar = get_be32(data.data() + 8);
    out.parameters.l1_base_fee = word(36);
    out.parameters.blob_base_fee = word(68);
    if (out.is_isthmus) {
        out.parameters.operator_fee_scalar = get_be32(data.data() + 164);
        out.parameters.operator_fee_constant = get_be64(data.data() + 168);
    }
    if (out.is_jovian) {
        out.parameters.da_footprint_gas_scalar =
            static_cast<std::uint16_t>(data[176] << 8 | data[177]);
    }
    return out;
}

ReceiptPrinter::ReceiptPrinter(const ChainConfig& config, const WholeBlock& whole)
    : config_(config)
    , whole_(whole)
    , rules_(config.rules_at(whole.header().number, whole.header().timestamp)) {
    if (rules_.is_op()) l1_ = l1_receipt_fields(whole.block());
}

namespace {

// Fjord: the estimated compressed size in bytes (OP specs, "L1 cost: fees"), times 16 as op-geth
// states the L1 gas; before: calldata's gas.
std::uint64_t l1_gas_used(const Rules& rules, ByteView encoded) {
    if (rules.op >= OpFork::fjord) {
        const std::int64_t size = std::max<std::int64_t>(
            100'000'000, static_cast<std::int64_t>(fastlz_length(encoded)) * 836'500 - 42'585'600);
        return static_cast<std::uint64_t>(size) * 16 / 1'000'000;
    }
    std::uint64_t gas = 0;
    for (const std::uint8_t byte : encoded) gas += byte == 0 ? 4 : 16;
    return rules.op >= OpFork::regolith ? gas : gas + 68 * 16;
}

} // namespace

void ReceiptPrinter::print_l1(Writer& out, const Transaction& transaction,
                              const TransactionOutcome& outcome) const {
    const L1FeeParameters& parameters = l1_->parameters;
    out.member("l1GasPrice", parameters.l1_base_fee);
    out.member("l1GasUsed", l1_gas_used(rules_, encode(transaction)));
    out.member("l1Fee", outcome.l1_fee);
    out.member("l1BaseFeeScalar", parameters.base_fee_scalar);
    out.member("l1BlobBaseFee", parameters.blob_base_fee);
    out.member("l1BlobBaseFeeScalar", parameters.blob_base_fee_scalar);
    const bool has_operator_fee =
        parameters.operator_fee_scalar != 0 || parameters.operator_fee_constant != 0;
    if (l1_->is_isthmus && has_operator_fee) {
        out.member("operatorFeeScalar", parameters.operator_fee_scalar);
        out.member("operatorFeeConstant", parameters.operator_fee_constant);
    }
    if (l1_->is_jovian) out.member("daFootprintGasScalar", parameters.da_footprint_gas_scalar);
}

void ReceiptPrinter::print(Writer& out, std::size_t index) const {
    const Transaction& transaction = whole_.transaction(index);
    const TransactionOutcome& outcome = whole_.outcome(index);
    const Receipt& receipt = outcome.receipt;
    const Header& header = whole_.header();
    out.begin_object();
    out.member("blockHash", whole_.hash());
    out.member("blockNumber", header.number);
    out.member("transactionHash", whole_.transaction_hash(index));
    out.member("transactionIndex", static_cast<std::uint64_t>(index));
    out.member("type", static_cast<std::uint8_t>(receipt.type));
    out.member("from", whole_.sender(index));
    out.member("to", transaction.to);
    out.member("contractAddress", outcome.created);
    out.member("gasUsed", outcome.gas_used);
    out.member("cumulativeGasUsed", receipt.cumulative_gas_used);
    out.member("effectiveGasPrice", outcome.effective_gas_price);
    if (receipt.post_state) {
        out.member("root", *receipt.post_state);
    } else {
        out.member("status", receipt.succeeded ? 1U : 0U);
    }
    out.member("logsBloom", receipt.logs_bloom);
    out.key("logs");
    out.begin_array();
    for (std::size_t i = 0; i < receipt.logs.size(); ++i) print_log(out, whole_.log(index, i));
    out.end_array();
    if (transaction.type == TransactionType::blob) {
        out.member("blobGasUsed", static_cast<std::uint64_t>(transaction.blob_hashes.size()) << 17);
        out.member("blobGasPrice", blob_base_fee(config_, header));
    }
    if (transaction.is_deposit()) {
        out.member_if("depositNonce", receipt.deposit_nonce);
        out.member_if("depositReceiptVersion", receipt.deposit_receipt_version);
    } else if (l1_) {
        print_l1(out, transaction, outcome);
    }
    out.end_object();
}

// ---- proofs

void print_proof(Writer& out, const Address& address, const AccountProof& proof,
                 std::span<const std::string> slot_names) {
    out.begin_object();
    out.member("address", address);
    out.member("accountProof", proof.account_nodes);
    out.member("balance", proof.account.balance);
    out.member("codeHash", proof.account.code_hash);
    out.member("nonce", proof.account.nonce);
    out.member("storageHash", proof.account.storage_root);
    out.key("storageProof");
    out.begin_array();
    for (std::size_t i = 0; i < proof.slots.size(); ++i) {
        out.begin_object();
        out.member("key", i < slot_names.size() ? std::string_view(slot_names[i])
                                                : std::string_view("0x0"));
        out.member("value", proof.slots[i].value);
        out.member("proof", proof.slots[i].nodes);
        out.end_object();
    }
    out.end_array();
    out.end_object();
}

} // namespace ol::chain::rpc
