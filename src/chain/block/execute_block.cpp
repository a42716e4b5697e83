#include "chain/block/execution.hpp"

namespace ol::chain {
namespace {

constexpr std::size_t most_ommers = 2;
constexpr std::uint64_t oldest_ommer = 6;
constexpr std::size_t osaka_block_bytes = (10U << 20) - (2U << 20); // EIP-7934

template <class... Args>
Status broken(fmt::format_string<Args...> text, Args&&... args) {
    return fail(ErrorCode::unverified, text, std::forward<Args>(args)...);
}

Status compare(std::string_view name, const Hash32& stated, const Hash32& found) {
    if (stated == found) return {};
    return broken("{}: the header says {}, execution gives {}", name, to_hex0x(stated.view()),
                  to_hex0x(found.view()));
}

Status check_ommers(const Block& block, const Rules& rules) {
    if (ommers_hash(block.ommers) != block.header.ommers_hash) {
        return broken("ommers hash: is not that of the body");
    }
    if (rules.fork >= Fork::paris) return {}; // the header's rules leave none
    if (block.ommers.size() > most_ommers) {
        return broken("ommers: {}, at most {}", block.ommers.size(), most_ommers);
    }
    for (const auto& ommer : block.ommers) {
        if (ommer.number >= block.header.number ||
            block.header.number - ommer.number > oldest_ommer) {
            return broken("ommers: one of block {} in block {}", ommer.number, block.header.number);
        }
    }
    return {};
}

Status check_body(const Block& block, const Rules& rules) {
    const Header& header = block.header;
    OL_TRY(compare("transactions root", header.transactions_root,
                   transactions_root(block.transactions)));
    OL_TRY(check_ommers(block, rules));
    if (block.withdrawals.has_value() != (rules.fork >= Fork::shanghai)) {
        return broken("withdrawals: must be there from Shanghai on, and not before");
    }
    if (rules.is_op() && block.withdrawals && !block.withdrawals->empty()) {
        return broken("withdrawals: an OP block has none in its body");
    }
    if (rules.fork >= Fork::osaka && encode(block).size() > osaka_block_bytes) {
        return broken("block: longer than {} bytes", osaka_block_bytes);
    }
    return {};
}

Status check_totals(const Header& header, const BlockExecutor::Totals& totals, const Rules& rules) {
    if (totals.gas_used != header.gas_used) {
        return broken("gas used: the header says {}, execution gives {}", header.gas_used,
                      totals.gas_used);
    }
    if (rules.fork >= Fork::cancun && totals.blob_gas_used != *header.blob_gas_used) {
        return broken("blob gas used: the header says {}, execution gives {}",
                      *header.blob_gas_used, totals.blob_gas_used);
    }
    OL_TRY(compare("receipts root", header.receipts_root, totals.receipts_root));
    if (totals.logs_bloom != header.logs_bloom) return broken("logs bloom: differs");
    if (totals.withdrawals_root) {
        OL_TRY(compare("withdrawals root", *header.withdrawals_root, *totals.withdrawals_root));
    }
    if (totals.requests_hash) {
        OL_TRY(compare("requests hash", *header.requests_hash, *totals.requests_hash));
    }
    return compare("state root", header.state_root, totals.state_root);
}

} // namespace

Result<std::vector<TransactionOutcome>> execute_block(const ChainConfig& config,
                                                      const Header& parent, const Block& block,
                                                      StateBackend& state, BlockHashes block_hashes,
                                                      std::span<const Address> senders) {
    const Rules rules = config.rules_at(block.header.number, block.header.timestamp);
    OL_TRY(validate_header(config, parent, block.header));
    OL_TRY(check_body(block, rules));
    BlockExecutor executor(config, state, block.header, std::move(block_hashes));
    OL_TRY(executor.begin());
    for (std::size_t i = 0; i < block.transactions.size(); ++i) {
        const auto outcome = senders.empty() ? executor.run(block.transactions[i])
                                             : executor.run(block.transactions[i], senders[i]);
        if (outcome) continue;
        if (executor.state_error()) return std::unexpected(*executor.state_error());
        return fail(ErrorCode::unverified, "transaction {}: {}", i, to_string(outcome.error()));
    }
    const auto totals =
        OL_TRY(executor.finish(block.withdrawals ? &*block.withdrawals : nullptr, block.ommers));
    OL_TRY(check_totals(block.header, totals, rules));
    return executor.outcomes();
}

} // namespace ol::chain
