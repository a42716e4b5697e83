#include "base/check.hpp"
#include "chain/block/op_fees.hpp"
#include "chain/block/system_contracts.hpp"
#include "chain/block/transaction_run.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t wei_per_gwei = 1'000'000'000;

// Wei to the miner of a block (Yellow Paper; EIP-649, EIP-1234).
U256 block_reward(Fork fork) {
    const U256 coin(1'000'000'000'000'000'000);
    if (fork >= Fork::constantinople) return coin * U256(2);
    return fork >= Fork::byzantium ? coin * U256(3) : coin * U256(5);
}

} // namespace

struct BlockExecutor::Impl {
    Impl(const ChainConfig& chain_config, StateBackend& backend, const Header& block_header,
         BlockHashes block_hashes)
        : config(chain_config)
        , state(backend)
        , header(block_header)
        , rules(chain_config.rules_at(block_header.number, block_header.timestamp))
        , journal(backend)
        , evm(journal, rules, block_context(chain_config, header, block_hashes))
        , runner(config, rules, header, journal, evm) {}

    const ChainConfig config;
    StateBackend& state;
    const Header header;
    const Rules rules;
    Journal journal;
    evm::Evm evm;
    TransactionRunner runner;
    std::vector<TransactionOutcome> outcomes;
    mutable std::vector<Receipt> receipts; // of the first outcomes; filled up when asked for
    std::optional<Error> error;

    const std::vector<Receipt>& all_receipts() const {
        receipts.reserve(outcomes.size());
        while (receipts.size() < outcomes.size()) {
            receipts.push_back(outcomes[receipts.size()].receipt);
        }
        return receipts;
    }

    // Before Byzantium a receipt holds the state root after its transaction.
    Status finish_transaction(TransactionOutcome& outcome) {
        outcome.receipt.cumulative_gas_used = runner.gas_used();
        if (rules.fork >= Fork::byzantium) return {};
        outcome.receipt.post_state = OL_TRY(state.apply(journal.take_changes()));
        return {};
    }

    void pay_rewards(std::span<const Header> ommers) {
        if (rules.fork >= Fork::paris) return;
        const U256 reward = block_reward(rules.fork);
        U256 miner = reward;
        for (const auto& ommer : ommers) {
            miner += reward / U256(32);
            const std::uint64_t age = header.number - ommer.number;
            journal.add_balance(ommer.coinbase, U256(8 - age) * reward / U256(8));
        }
        journal.add_balance(header.coinbase, miner);
    }

    void pay_withdrawals(const std::vector<Withdrawal>& withdrawals) {
        for (const auto& one : withdrawals) {
            journal.add_balance(one.address, U256(one.amount_gwei) * U256(wei_per_gwei));
        }
    }
};

BlockExecutor::BlockExecutor(const ChainConfig& config, StateBackend& state, const Header& header,
                             BlockHashes block_hashes)
    : impl_(std::make_unique<Impl>(config, state, header, std::move(block_hashes))) {}
BlockExecutor::~BlockExecutor() = default;

void BlockExecutor::set_tracer(evm::Tracer* tracer) { impl_->evm.set_tracer(tracer); }
const Rules& BlockExecutor::rules() const { return impl_->rules; }

Status BlockExecutor::begin() {
    const auto& config = impl_->config;
    const auto& canyon = config.op_activation[static_cast<std::size_t>(OpFork::canyon)];
    if (config.is_op() && canyon && *canyon == impl_->header.timestamp && *canyon != 0) {
        return fail(ErrorCode::unsupported,
                    "block {}: Canyon's first block deploys Create2Deployer by force, whose code "
                    "is not carried here: begin with a state after it",
                    impl_->header.number);
    }
    call_system_contracts_at_start(impl_->evm, impl_->journal, impl_->header);
    if (const auto& error = impl_->journal.error()) return std::unexpected(*error);
    return {};
}

std::expected<TransactionOutcome, TransactionFault>
BlockExecutor::run(const Transaction& transaction, const std::optional<Address>& sender) {
    auto outcome = impl_->runner.run(transaction, sender);
    if (!outcome) {
        if (outcome.error() == TransactionFault::state_unavailable) {
            impl_->error = impl_->runner.error();
        }
        return outcome;
    }
    if (auto done = impl_->finish_transaction(*outcome); !done) {
        impl_->error = std::move(done.error());
        return std::unexpected(TransactionFault::state_unavailable);
    }
    impl_->outcomes.push_back(*outcome);
    return outcome;
}

const std::optional<Error>& BlockExecutor::state_error() const { return impl_->error; }
std::uint64_t BlockExecutor::gas_used() const { return impl_->runner.gas_used(); }
std::uint64_t BlockExecutor::blob_gas_used() const { return impl_->runner.blob_gas_used(); }
std::uint64_t BlockExecutor::gas_left() const {
    return impl_->header.gas_limit - impl_->runner.gas_used();
}
const std::vector<Receipt>& BlockExecutor::receipts() const { return impl_->all_receipts(); }
const std::vector<TransactionOutcome>& BlockExecutor::outcomes() const { return impl_->outcomes; }

Result<BlockExecutor::Totals> BlockExecutor::finish(const std::vector<Withdrawal>* withdrawals,
                                                    std::span<const Header> ommers) {
    Impl& impl = *impl_;
    const Rules& rules = impl.rules;
    Totals out;
    if (rules.fork >= Fork::prague && !rules.is_op()) {
        out.requests = OL_TRY(collect_requests(impl.evm, impl.journal, impl.config.deposit_contract,
                                               impl.all_receipts()));
    }
    impl.journal.begin_transaction();
    if (withdrawals != nullptr) impl.pay_withdrawals(*withdrawals);
    impl.pay_rewards(ommers);
    impl.journal.end_transaction(rules);
    if (const auto& error = impl.journal.error()) return std::unexpected(*error);
    out.state_root = OL_TRY(impl.state.apply(impl.journal.take_changes()));

    const bool without_nonce = rules.op >= OpFork::regolith && rules.op < OpFork::canyon;
    out.receipts_root = receipts_root(impl.all_receipts(), without_nonce);
    for (const auto& receipt : impl.receipts) {
        for (std::size_t i = 0; i < Bloom::size(); ++i) {
            out.logs_bloom[i] |= receipt.logs_bloom[i];
        }
    }
    out.gas_used = impl.runner.gas_used();
    out.blob_gas_used = impl.runner.blob_gas_used();
    if (rules.fork >= Fork::prague) out.requests_hash = hash_of_requests(out.requests);
    if (rules.op >= OpFork::isthmus) {
        out.withdrawals_root = OL_TRY(impl.state.storage_root(message_passer_address));
    } else if (rules.fork >= Fork::shanghai) {
        out.withdrawals_root =
            withdrawals != nullptr ? withdrawals_root(*withdrawals) : empty_root_hash;
    }
    return out;
}

} // namespace ol::chain
