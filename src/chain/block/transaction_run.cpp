#include "chain/block/transaction_run.hpp"

#include <algorithm>

#include "chain/block/fee_market.hpp"
#include "chain/block/op_fees.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t osaka_gas_cap = 1 << 24; // EIP-7825
constexpr std::size_t osaka_blobs = 6;           // a transaction; EIP-7594
constexpr std::uint8_t blob_version = 0x01;      // EIP-4844: KZG commitments
constexpr std::uint64_t most_gas = ~0ULL >> 1;   // the EVM counts in 63 bits

// From which fork on a type exists; OP chains have no blob transactions.
bool is_supported(TransactionType type, const Rules& rules) {
    switch (type) {
    case TransactionType::legacy:
        return true;
    case TransactionType::access_list:
        return rules.fork >= Fork::berlin;
    case TransactionType::dynamic_fee:
        return rules.fork >= Fork::london;
    case TransactionType::blob:
        return rules.fork >= Fork::cancun && !rules.is_op();
    case TransactionType::set_code:
        return rules.fork >= Fork::prague;
    case TransactionType::deposit:
        return rules.is_op();
    }
    return false;
}

// a * b + c, or nothing when it passes 256 bits.
std::optional<U256> multiply_add(const U256& a, const U256& b, const U256& c) {
    const auto product = checked_mul(a, b);
    if (!product) return std::nullopt;
    const auto sum = checked_add(*product, c);
    if (!sum) return std::nullopt;
    return *sum;
}

} // namespace

TransactionFault TransactionRunner::check_envelope(const Transaction& tx) const {
    if (!is_supported(tx.type, rules_)) return TransactionFault::type_not_supported;
    if (tx.chain_id) {
        // EIP-155 came with Spurious Dragon: before, such a v is no signature.
        if (rules_.fork < Fork::spurious_dragon) return TransactionFault::bad_signature;
        if (*tx.chain_id != config_.chain_id) return TransactionFault::wrong_chain_id;
    } else if (tx.type != TransactionType::legacy) {
        return TransactionFault::wrong_chain_id;
    }
    if (rules_.fork >= Fork::osaka && tx.gas_limit > osaka_gas_cap) {
        return TransactionFault::gas_limit_above_cap;
    }
    return TransactionFault::none;
}

TransactionFault TransactionRunner::check_lists(const Transaction& tx) const {
    if (tx.type == TransactionType::set_code) {
        if (!tx.to) return TransactionFault::set_code_creation;
        if (tx.authorizations.empty()) return TransactionFault::authorization_list_empty;
    }
    if (tx.type != TransactionType::blob) return TransactionFault::none;
    if (!tx.to) return TransactionFault::blob_creation;
    const std::size_t count = tx.blob_hashes.size();
    const std::uint64_t most = maximum_blobs(config_, rules_) * gas_per_blob;
    if (count == 0 || blob_gas_used_ + count * gas_per_blob > most ||
        (rules_.fork >= Fork::osaka && count > osaka_blobs)) {
        return TransactionFault::blob_count;
    }
    const bool versions = std::ranges::all_of(
        tx.blob_hashes, [](const Hash32& hash) { return hash[0] == blob_version; });
    return versions ? TransactionFault::none : TransactionFault::blob_version;
}

TransactionFault TransactionRunner::check_fees(const Transaction& tx) const {
    if (tx.max_priority_fee > tx.max_fee) return TransactionFault::priority_above_max_fee;
    if (header_.base_fee && tx.max_fee < *header_.base_fee) {
        return TransactionFault::max_fee_below_base_fee;
    }
    if (tx.type == TransactionType::blob && tx.max_fee_per_blob_gas < evm_.block().blob_base_fee) {
        return TransactionFault::blob_fee_too_low;
    }
    return TransactionFault::none;
}

TransactionFault TransactionRunner::check_gas(const Transaction& tx,
                                              const IntrinsicGas& intrinsic) const {
    if (tx.gas_limit > gas_left() || tx.gas_limit > most_gas) {
        return TransactionFault::gas_limit_above_block;
    }
    if (!tx.to && rules_.fork >= Fork::shanghai && tx.data.size() > most_init_code_bytes) {
        return TransactionFault::init_code_too_large;
    }
    if (tx.gas_limit < intrinsic.gas) return TransactionFault::intrinsic_gas;
    if (tx.gas_limit < intrinsic.floor) return TransactionFault::floor_data_gas;
    return TransactionFault::none;
}

TransactionFault TransactionRunner::check_sender(const Transaction& tx, const Address& sender) {
    const std::uint64_t nonce = journal_.nonce(sender);
    if (tx.nonce < nonce) return TransactionFault::nonce_too_low;
    if (tx.nonce > nonce) return TransactionFault::nonce_too_high;
    if (nonce + 1 == 0) return TransactionFault::nonce_maximum; // EIP-2681
    if (journal_.code_hash(sender) == empty_code_hash) return TransactionFault::none;
    // EIP-3607; a delegated account (EIP-7702) still sends.
    if (rules_.fork >= Fork::prague && is_delegation(journal_.code(sender)->bytes())) {
        return TransactionFault::none;
    }
    return TransactionFault::sender_has_code;
}

TransactionFault TransactionRunner::price_op(const Transaction& tx, Charges& charges) {
    if (!l1_fees_) {
        auto read = [&](std::uint64_t slot) -> Result<U256> {
            return journal_.storage(l1_block_address, U256(slot));
        };
        auto parameters = read_l1_fee_parameters(read, rules_);
        if (!parameters) {
            error_ = std::move(parameters.error());
            return TransactionFault::state_unavailable;
        }
        l1_fees_ = *parameters;
    }
    const Bytes encoded = encode(tx);
    charges.l1_fee = l1_fee(*l1_fees_, rules_, encoded);
    charges.operator_fee = operator_fee(*l1_fees_, rules_, tx.gas_limit);
    if (rules_.op >= OpFork::jovian) {
        charges.footprint = da_footprint(*l1_fees_, encoded);
        if (charges.footprint > header_.gas_limit - blob_gas_used_) {
            return TransactionFault::gas_limit_above_block;
        }
    }
    return TransactionFault::none;
}

// The balance must hold for the highest price that the sender agrees to.
TransactionFault TransactionRunner::price(const Transaction& tx, const Address& sender,
                                          Charges& charges) {
    charges.gas_price = effective_gas_price(tx, header_.base_fee.value_or(U256()));
    const U256 blob_gas(tx.blob_hashes.size() * gas_per_blob);
    if (rules_.is_op()) {
        const TransactionFault fault = price_op(tx, charges);
        if (fault != TransactionFault::none) return fault;
    }
    const auto fees = checked_add(charges.l1_fee, charges.operator_fee);
    if (!fees) return TransactionFault::insufficient_funds;
    auto needed = multiply_add(U256(tx.gas_limit), tx.max_fee, *fees);
    if (needed) needed = multiply_add(blob_gas, tx.max_fee_per_blob_gas, *needed);
    if (needed) needed = multiply_add(U256(1), tx.value, *needed);
    if (!needed || journal_.balance(sender) < *needed) return TransactionFault::insufficient_funds;
    charges.blob_fee = blob_gas * evm_.block().blob_base_fee;
    charges.upfront = U256(tx.gas_limit) * charges.gas_price + *fees + charges.blob_fee;
    return TransactionFault::none;
}

std::expected<TransactionOutcome, TransactionFault>
TransactionRunner::run(const Transaction& tx, const std::optional<Address>& known_sender) {
    if (tx.is_deposit()) return run_deposit(tx);
    const IntrinsicGas intrinsic = intrinsic_gas(tx, rules_);
    TransactionFault fault = check_envelope(tx);
    if (fault == TransactionFault::none) fault = check_lists(tx);
    if (fault == TransactionFault::none) fault = check_fees(tx);
    if (fault == TransactionFault::none) fault = check_gas(tx, intrinsic);
    if (fault != TransactionFault::none) return std::unexpected(fault);

    Address sender;
    if (known_sender) {
        sender = *known_sender;
    } else if (const auto found = sender_of(tx, rules_.fork == Fork::frontier)) {
        sender = *found;
    } else {
        return std::unexpected(TransactionFault::bad_signature);
    }

    Charges charges;
    fault = check_sender(tx, sender);
    if (fault == TransactionFault::none) fault = price(tx, sender, charges);
    if (journal_.error()) fault = TransactionFault::state_unavailable;
    if (fault != TransactionFault::none) return std::unexpected(fault);

    TransactionOutcome outcome = carry_out(tx, sender, intrinsic, charges);
    if (journal_.error()) return std::unexpected(TransactionFault::state_unavailable);
    return outcome;
}

TransactionOutcome TransactionRunner::carry_out(const Transaction& tx, const Address& sender,
                                                const IntrinsicGas& intrinsic,
                                                const Charges& charges) {
    journal_.begin_transaction();
    evm_.set_transaction({sender, charges.gas_price, tx.blob_hashes});
    journal_.subtract_balance(sender, charges.upfront);

    TransactionOutcome outcome;
    fill_outcome(tx, execute(evm_, journal_, tx, sender, intrinsic), outcome);
    settle(tx, sender, charges, outcome);
    journal_.end_transaction(rules_);

    gas_used_ += outcome.gas_used;
    blob_gas_used_ += rules_.is_op() ? charges.footprint : tx.blob_hashes.size() * gas_per_blob;
    return outcome;
}

void TransactionRunner::fill_outcome(const Transaction& tx, Execution&& execution,
                                     TransactionOutcome& outcome) {
    outcome.status = execution.result.status;
    outcome.gas_used = execution.gas_used;
    outcome.output = std::move(execution.result.output);
    if (!tx.to && execution.result.succeeded()) outcome.created = execution.result.created;
    outcome.receipt.type = tx.type;
    outcome.receipt.succeeded = execution.result.succeeded();
    outcome.receipt.logs = journal_.logs();
    outcome.receipt.logs_bloom = bloom_of(outcome.receipt.logs);
}

// Gives back what the unused gas was paid for, and pays those who live of the fees.
void TransactionRunner::settle(const Transaction& tx, const Address& sender, const Charges& charges,
                               TransactionOutcome& outcome) {
    const U256 used(outcome.gas_used);
    U256 back = (U256(tx.gas_limit) - used) * charges.gas_price;
    outcome.effective_gas_price = charges.gas_price;
    if (rules_.is_op()) {
        outcome.l1_fee = charges.l1_fee;
        outcome.operator_fee = operator_fee(*l1_fees_, rules_, outcome.gas_used);
        back += charges.operator_fee - outcome.operator_fee;
    }
    journal_.add_balance(sender, back);
    const U256 base_fee = header_.base_fee.value_or(U256()); // burnt on Ethereum
    journal_.add_balance(header_.coinbase, (charges.gas_price - base_fee) * used);
    if (!rules_.is_op()) return;
    journal_.add_balance(base_fee_vault, base_fee * used);
    journal_.add_balance(l1_fee_vault, outcome.l1_fee);
    if (rules_.op >= OpFork::isthmus) {
        journal_.add_balance(operator_fee_vault, outcome.operator_fee);
    }
}

// A deposit (OP specs, "Deposits") was paid for on Layer 1 and is carried out whatever comes: what
// would make another transaction invalid makes it fail, with its mint kept and its nonce raised.
std::expected<TransactionOutcome, TransactionFault>
TransactionRunner::run_deposit(const Transaction& tx) {
    if (!rules_.is_op()) return std::unexpected(TransactionFault::deposit_not_allowed);
    const bool regolith = rules_.op >= OpFork::regolith;
    const bool free_of_gas = tx.is_system && !regolith; // counted nowhere
    if (!free_of_gas && (tx.gas_limit > gas_left() || tx.gas_limit > most_gas)) {
        return std::unexpected(TransactionFault::gas_limit_above_block);
    }
    const IntrinsicGas intrinsic = intrinsic_gas(tx, rules_);
    const std::uint64_t nonce = journal_.nonce(tx.from);

    journal_.begin_transaction();
    evm_.set_transaction({tx.from, U256(), {}});
    journal_.add_balance(tx.from, tx.mint);
    const bool holds =
        !(tx.is_system && regolith) && tx.gas_limit <= most_gas &&
        tx.gas_limit >= std::max(intrinsic.gas, intrinsic.floor) &&
        journal_.balance(tx.from) >= tx.value &&
        (tx.to || rules_.fork < Fork::shanghai || tx.data.size() <= most_init_code_bytes);
    TransactionOutcome outcome;
    if (holds) {
        fill_outcome(tx, execute(evm_, journal_, tx, tx.from, intrinsic), outcome);
        if (!regolith) outcome.gas_used = tx.gas_limit;
    } else {
        journal_.set_nonce(tx.from, nonce + 1);
        outcome.receipt.type = tx.type;
        outcome.status = evm::Status::out_of_gas;
        outcome.gas_used = tx.gas_limit;
    }
    if (free_of_gas) outcome.gas_used = 0;
    if (regolith) outcome.receipt.deposit_nonce = nonce;
    if (rules_.op >= OpFork::canyon) outcome.receipt.deposit_receipt_version = 1;
    journal_.end_transaction(rules_);
    gas_used_ += outcome.gas_used;
    if (journal_.error()) return std::unexpected(TransactionFault::state_unavailable);
    return outcome;
}

} // namespace ol::chain
