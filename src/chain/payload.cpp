#include "chain/payload.hpp"

#include <algorithm>
#include <chrono>

#include "base/limits.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t transfer_gas = 21'000;     // with less nothing more can be carried out
constexpr std::uint64_t gas_limit_step = 1024;     // EIP-1559: a limit moves by less than this part
constexpr std::uint64_t da_intercept = 42'585'600; // Fjord's regression, in millionths
constexpr std::uint64_t da_per_byte = 836'500;
constexpr std::uint64_t da_least = 100'000'000;

template <class... Args>
Status refuse(fmt::format_string<Args...> text, Args&&... args) {
    return fail(ErrorCode::invalid_argument, "payload: {}",
                fmt::format(text, std::forward<Args>(args)...));
}

// Bytes that a transaction adds to a batch (OP specs, Fjord, "estimatedSize").
std::uint64_t estimated_da_bytes(ByteView encoded) {
    const std::uint64_t scaled = da_per_byte * fastlz_length(encoded);
    const std::uint64_t size = scaled < da_intercept ? 0 : scaled - da_intercept;
    return std::max(size, da_least) / 1'000'000;
}

// Towards `wanted`, as far as one block may move it. OP chains move at once.
std::uint64_t next_gas_limit(const Rules& rules, std::uint64_t parent,
                             const std::optional<std::uint64_t>& wanted) {
    if (!wanted) return parent;
    if (rules.is_op()) return *wanted;
    const std::uint64_t most = parent / gas_limit_step - 1;
    return *wanted > parent ? std::min(*wanted, parent + most) : std::max(*wanted, parent - most);
}

// The transaction cannot become valid by waiting: it leaves the pool.
bool is_lost(TransactionFault fault) {
    switch (fault) {
    case TransactionFault::nonce_too_high:
    case TransactionFault::gas_limit_above_block:
    case TransactionFault::max_fee_below_base_fee:
    case TransactionFault::state_unavailable:
        return false;
    default:
        return true;
    }
}

} // namespace

PayloadBuilder::PayloadBuilder(const ChainConfig& config, const Header& parent,
                               const Hash32& parent_hash, const PayloadAttributes& attributes)
    : config_(config)
    , parent_(parent)
    , attributes_(attributes)
    , rules_(config.rules_at(parent.number + 1, attributes.timestamp))
    , block_(std::make_shared<StoredBlock>()) {
    Header& header = block_->block.header;
    header.parent_hash = parent_hash;
    header.ommers_hash = empty_ommers_hash;
    header.coinbase = attributes.fee_recipient;
    header.number = parent.number + 1;
    header.timestamp = attributes.timestamp;
    header.prev_randao = attributes.prev_randao;
}

Status PayloadBuilder::check_fork_members() const {
    if (rules_.fork < Fork::paris) {
        return fail(ErrorCode::unsupported, "payload: blocks are built from Paris on");
    }
    if (rules_.fork >= Fork::cancun && !attributes_.parent_beacon_block_root) {
        return refuse("the parent beacon block root is missing");
    }
    if (rules_.fork < Fork::cancun && attributes_.parent_beacon_block_root) {
        return refuse("there is no parent beacon block root before Cancun");
    }
    if ((rules_.fork < Fork::shanghai || rules_.is_op()) && !attributes_.withdrawals.empty()) {
        return refuse("withdrawals have no place in this block");
    }
    if (!rules_.is_op() && !attributes_.forced.empty()) {
        return refuse("transactions can be forced on OP chains alone");
    }
    if (attributes_.forced.size() > limits::forced_transactions) {
        return refuse("{} forced transactions, at most {}", attributes_.forced.size(),
                      limits::forced_transactions);
    }
    return {};
}

// Holocene: version 0 | denominator | elasticity, the chain's own where both are zero; Jovian:
// version 1 and the minimum base fee behind them.
Result<Bytes> PayloadBuilder::extra_data() const {
    const auto& parameters = attributes_.eip1559_parameters;
    if (rules_.op < OpFork::holocene) {
        if (parameters) OL_TRY(refuse("there are no EIP-1559 parameters before Holocene"));
        return Bytes{};
    }
    if (!parameters) OL_TRY(refuse("the EIP-1559 parameters are missing"));
    const bool jovian = rules_.op >= OpFork::jovian;
    if (jovian != attributes_.minimum_base_fee.has_value()) {
        OL_TRY(refuse("the minimum base fee must be there from Jovian on, and not before"));
    }
    std::uint32_t denominator = get_be32(parameters->begin());
    std::uint32_t elasticity = get_be32(parameters->begin() + 4);
    if ((denominator == 0) != (elasticity == 0)) {
        OL_TRY(refuse("EIP-1559 parameters: denominator {}, elasticity {}: both or neither are 0",
                      denominator, elasticity));
    }
    if (denominator == 0) {
        denominator = static_cast<std::uint32_t>(config_.base_fee_denominator);
        elasticity = static_cast<std::uint32_t>(config_.elasticity);
    }
    Bytes out(jovian ? 17 : 9, 0);
    out[0] = jovian ? 1 : 0;
    put_be32(out.data() + 1, denominator);
    put_be32(out.data() + 5, elasticity);
    if (jovian) put_be64(out.data() + 9, *attributes_.minimum_base_fee);
    return out;
}

Status PayloadBuilder::check() {
    if (attributes_.timestamp <= parent_.timestamp) {
        return refuse("timestamp {} is not after the parent's {}", attributes_.timestamp,
                      parent_.timestamp);
    }
    OL_TRY(check_fork_members());
    Header& header = block_->block.header;
    header.extra_data = OL_TRY(extra_data());
    header.gas_limit = next_gas_limit(rules_, parent_.gas_limit, attributes_.gas_limit);
    header.base_fee = next_base_fee(config_, parent_, attributes_.timestamp);
    if (rules_.fork >= Fork::shanghai) block_->block.withdrawals = attributes_.withdrawals;
    if (rules_.fork >= Fork::cancun) {
        header.blob_gas_used = 0;
        header.excess_blob_gas = next_excess_blob_gas(config_, parent_, attributes_.timestamp);
        header.parent_beacon_block_root = attributes_.parent_beacon_block_root;
    }
    return {};
}

void PayloadBuilder::include(const Transaction& transaction, const Hash32& hash,
                             const Address& sender, const TransactionOutcome& outcome) {
    if (!transaction.is_deposit()) {
        fees_ +=
            (outcome.effective_gas_price - *block_->block.header.base_fee) * U256(outcome.gas_used);
    }
    block_->block.transactions.push_back(transaction);
    block_->transaction_hashes.push_back(hash);
    block_->senders.push_back(sender);
}

// Each of them must stand in the block: one that cannot spoils the payload.
Status PayloadBuilder::force(BlockExecutor& executor) {
    for (std::size_t i = 0; i < attributes_.forced.size(); ++i) {
        const Transaction& transaction = attributes_.forced[i];
        const auto sender = sender_of(transaction);
        if (!sender) return refuse("forced transaction {}: {}", i, sender.error().context);
        const auto outcome = executor.run(transaction, *sender);
        if (executor.state_error()) return std::unexpected(*executor.state_error());
        if (!outcome) return refuse("forced transaction {}: {}", i, to_string(outcome.error()));
        include(transaction, hash(transaction), *sender, *outcome);
    }
    return {};
}

bool PayloadBuilder::fits(const PooledTransaction& pooled, std::uint64_t& da_bytes) const {
    if (!attributes_.transaction_da_bytes && !attributes_.block_da_bytes) return true;
    da_bytes = estimated_da_bytes(pooled.encoded);
    if (attributes_.transaction_da_bytes && da_bytes > *attributes_.transaction_da_bytes) {
        return false;
    }
    return !attributes_.block_da_bytes || da_bytes_ + da_bytes <= *attributes_.block_da_bytes;
}

Status PayloadBuilder::take_from(TransactionPool& pool, BlockExecutor& executor,
                                 std::int64_t deadline_ms) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::milliseconds(deadline_ms);
    const auto selection = pool.select(*block_->block.header.base_fee);
    while (executor.gas_left() >= transfer_gas) {
        if (deadline_ms > 0 && Clock::now() >= deadline) break;
        const PooledPtr pooled = selection->next();
        if (pooled == nullptr) break;
        std::uint64_t da_bytes = 0;
        if (pooled->transaction.gas_limit > executor.gas_left() || !fits(*pooled, da_bytes)) {
            selection->skip();
            continue;
        }
        const auto outcome = executor.run(pooled->transaction, pooled->sender);
        if (executor.state_error()) return std::unexpected(*executor.state_error());
        if (!outcome) {
            selection->skip();
            if (is_lost(outcome.error())) pool.remove(pooled->hash);
            continue;
        }
        da_bytes_ += da_bytes;
        include(pooled->transaction, pooled->hash, pooled->sender, *outcome);
    }
    return {};
}

Status PayloadBuilder::finish(BlockExecutor& executor) {
    Block& block = block_->block;
    auto totals = OL_TRY(executor.finish(block.withdrawals ? &*block.withdrawals : nullptr));
    Header& header = block.header;
    header.state_root = totals.state_root;
    header.receipts_root = totals.receipts_root;
    header.transactions_root = transactions_root(block.transactions);
    header.logs_bloom = totals.logs_bloom;
    header.gas_used = totals.gas_used;
    header.withdrawals_root = totals.withdrawals_root;
    header.requests_hash = totals.requests_hash;
    if (header.blob_gas_used) header.blob_gas_used = totals.blob_gas_used;
    requests_ = std::move(totals.requests);
    block_->outcomes = executor.outcomes();
    for (auto& outcome : block_->outcomes) outcome.output = {};
    block_->hash = hash(header);
    block_->size_bytes = encode(block).size();
    return {};
}

Status PayloadBuilder::fill(StateBackend& state, const BlockHashes& block_hashes,
                            TransactionPool* pool, std::int64_t deadline_ms) {
    BlockExecutor executor(config_, state, block_->block.header, block_hashes);
    OL_TRY(executor.begin());
    OL_TRY(force(executor));
    if (pool != nullptr && !attributes_.no_pool) {
        OL_TRY(take_from(*pool, executor, deadline_ms));
    }
    return finish(executor);
}

std::shared_ptr<StoredBlock> PayloadBuilder::take_block() { return std::move(block_); }

} // namespace ol::chain
