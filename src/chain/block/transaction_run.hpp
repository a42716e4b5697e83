// One transaction over a journal: validity, payment, execution, refunds. What BlockExecutor and
// simulate() share; execution.hpp is the contract.
#pragma once

#include "chain/block/execution.hpp"

namespace ol::chain {

inline constexpr std::size_t most_init_code_bytes = 49'152; // EIP-3860

evm::BlockContext block_context(const ChainConfig& config, const Header& header,
                                const BlockHashes& block_hashes);

// Code that only names another account's (EIP-7702).
bool is_delegation(ByteView code);

// What execution itself used, before anybody pays.
struct Execution {
    evm::CallResult result;
    std::uint64_t gas_used = 0; // after refunds, at least the floor of EIP-7623
    std::uint64_t gas_peak = 0; // before refunds
};

// Warms what the rules have warm, applies authorizations, raises the nonce and runs the message.
// The transaction's gas limit covers `intrinsic`. Within a transaction's frame of the journal.
Execution execute(evm::Evm& evm, Journal& journal, const Transaction& transaction,
                  const Address& sender, const IntrinsicGas& intrinsic);

// The transactions of one block, in their order.
class TransactionRunner {
public:
    // All of them outlive the runner.
    TransactionRunner(const ChainConfig& config, const Rules& rules, const Header& header,
                      Journal& journal, evm::Evm& evm)
        : config_(config)
        , rules_(rules)
        , header_(header)
        , journal_(journal)
        , evm_(evm) {}

    // As BlockExecutor::run.
    std::expected<TransactionOutcome, TransactionFault> run(const Transaction& transaction,
                                                            const std::optional<Address>& sender);
    std::uint64_t gas_used() const { return gas_used_; }
    std::uint64_t blob_gas_used() const { return blob_gas_used_; } // Jovian: the footprint
    std::optional<Error> error() const { return error_ ? error_ : journal_.error(); }

private:
    // What the sender pays besides the value.
    struct Charges {
        U256 gas_price;    // effective
        U256 blob_fee;     // burnt
        U256 l1_fee;       // OP
        U256 operator_fee; // OP; for the whole gas limit
        U256 upfront;      // of all the gas and the fees, at the effective price
        std::uint64_t footprint = 0;
    };

    TransactionFault check_envelope(const Transaction& tx) const;
    TransactionFault check_lists(const Transaction& tx) const;
    TransactionFault check_fees(const Transaction& tx) const;
    TransactionFault check_gas(const Transaction& tx, const IntrinsicGas& intrinsic) const;
    TransactionFault check_sender(const Transaction& tx, const Address& sender);
    TransactionFault price(const Transaction& tx, const Address& sender, Charges& charges);
    TransactionFault price_op(const Transaction& tx, Charges& charges);
    TransactionOutcome carry_out(const Transaction& tx, const Address& sender,
                                 const IntrinsicGas& intrinsic, const Charges& charges);
    void settle(const Transaction& tx, const Address& sender, const Charges& charges,
                TransactionOutcome& outcome);
    std::expected<TransactionOutcome, TransactionFault> run_deposit(const Transaction& tx);
    void fill_outcome(const Transaction& tx, Execution&& execution, TransactionOutcome& outcome);
    std::uint64_t gas_left() const { return header_.gas_limit - gas_used_; }

    const ChainConfig& config_;
    const Rules rules_;
    const Header& header_;
    Journal& journal_;
    evm::Evm& evm_;
    std::uint64_t gas_used_ = 0, blob_gas_used_ = 0;
    // Read once a block, before its first transaction that pays (OP specs; op-geth and revm alike).
    std::optional<L1FeeParameters> l1_fees_;
    std::optional<Error> error_;
};

} // namespace ol::chain
