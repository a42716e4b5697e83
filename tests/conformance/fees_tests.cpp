// What anvil made of transactions on an OP chain (op_fees.mjs writes it down), carried out again:
// receipts, balances of everyone who is paid, roots.
#include <algorithm>

#include "chain/block/op_fees.hpp"
#include "suite.hpp"

namespace ol::conformance {
namespace {

using namespace ol::chain;

template <class T>
Status compare(std::string_view name, const T& ours, const T& theirs) {
    if (ours == theirs) return {};
    if constexpr (std::is_same_v<T, U256>) {
        return fail(ErrorCode::internal, "{}: {}, anvil says {}", name, ours.to_decimal(),
                    theirs.to_decimal());
    } else if constexpr (std::is_integral_v<T>) {
        return fail(ErrorCode::internal, "{}: {}, anvil says {}", name, ours, theirs);
    } else {
        return fail(ErrorCode::internal, "{}: differs", name);
    }
}

Status compare_receipt(const TransactionOutcome& ours, const Json& theirs) {
    OL_TRY(compare("gas used", ours.gas_used, OL_TRY(number64(theirs["gasUsed"]))));
    OL_TRY(compare<std::uint64_t>("status", ours.receipt.succeeded ? 1 : 0,
                                  OL_TRY(number64(theirs["status"]))));
    OL_TRY(compare("logs", ours.receipt.logs.size(), theirs["logs"].items().size()));
    for (std::size_t i = 0; i < ours.receipt.logs.size(); ++i) {
        const Json& log = theirs["logs"].items()[i];
        OL_TRY(compare("log's data", ours.receipt.logs[i].data, OL_TRY(bytes(log["data"]))));
        OL_TRY(compare("log's topic", ours.receipt.logs[i].topics.at(0),
                       OL_TRY(log["topics"].items().at(0).as_hash32())));
    }
    if (ours.receipt.type != TransactionType::deposit) {
        return compare("price", ours.effective_gas_price,
                       OL_TRY(number(theirs["effectiveGasPrice"])));
    }
    // anvil 1.7 states the nonce after the deposit; the protocol (and kona's blocks) the one
    // before.
    OL_TRY(compare("deposit nonce", ours.receipt.deposit_nonce.value_or(~0ULL) + 1,
                   OL_TRY(number64(theirs["depositNonce"]))));
    return compare("deposit receipt version", ours.receipt.deposit_receipt_version.value_or(0),
                   OL_TRY(number64(theirs["depositReceiptVersion"])));
}

class Replay {
public:
    explicit Replay(const Json& record)
        : record_(record) {}

    Status begin() {
        const auto fork = op_fork_by_name(OL_TRY(record_["hardfork"].as_string()));
        if (!fork) return fail(ErrorCode::invalid_argument, "hardfork");
        config_ = ChainConfig::optimism(*fork, OL_TRY(number64(record_["chainId"])));
        OL_TRY(state_->apply(OL_TRY(accounts(record_["alloc"]))));
        return {};
    }

    Status run(const Json& entry) {
        OL_TRY(set_attributes(entry["slots"]));
        const Header header = OL_TRY(header_from(entry["block"]));
        const Transaction tx = OL_TRY(decode_transaction(OL_TRY(bytes(entry["raw"]))));
        OL_TRY(compare("hash", hash(tx), OL_TRY(entry["receipt"]["transactionHash"].as_hash32())));
        BlockExecutor executor(config_, *state_, header, [](std::uint64_t) { return Hash32{}; });
        OL_TRY(executor.begin());
        const auto outcome = executor.run(tx);
        if (!outcome) {
            return fail(ErrorCode::internal, "refused: {}", to_string(outcome.error()));
        }
        const std::vector<Withdrawal> none;
        const auto totals = OL_TRY(executor.finish(&none));
        OL_TRY(compare_receipt(*outcome, entry["receipt"]));
        for (const auto& [name, balance] : entry["balances"].members()) {
            const auto account = OL_TRY(state_->account(OL_TRY(address_from_hex(name))));
            OL_TRY_IN(
                compare("balance", account ? account->balance : U256(), OL_TRY(number(balance))),
                "{}", name);
        }
        const Address from = OL_TRY(entry["receipt"]["from"].as_address());
        const auto sender = OL_TRY(state_->account(from));
        OL_TRY(compare("nonce", sender ? sender->nonce : 0, OL_TRY(number64(entry["nonce"]))));
        root_ = totals.state_root;
        if (tx.is_deposit()) return {};
        return compare("receipts root", totals.receipts_root, header.receipts_root);
    }

    // anvil's own state roots count slots that were only read; what it holds at the end does not.
    Status end() const {
        const auto theirs = make_memory_state();
        return compare("state root at the end", root_,
                       OL_TRY(theirs->apply(OL_TRY(accounts(record_["final"])))));
    }

private:
    Status set_attributes(const Json& slots) {
        if (slots.items().empty()) return {};
        AccountChange change;
        change.address = l1_block_address;
        change.account = OL_TRY(state_->account(l1_block_address));
        for (const auto& slot : slots.items()) {
            change.storage.emplace_back(OL_TRY(number(slot.items().at(0))),
                                        OL_TRY(number(slot.items().at(1))));
        }
        // A later value of the same slot replaces an earlier one.
        std::ranges::stable_sort(change.storage, {}, [](const auto& entry) { return entry.first; });
        std::vector<std::pair<U256, U256>> last;
        for (const auto& entry : change.storage) {
            if (!last.empty() && last.back().first == entry.first) last.pop_back();
            last.push_back(entry);
        }
        change.storage = std::move(last);
        OL_TRY(state_->apply({change}));
        return {};
    }

    const Json& record_;
    ChainConfig config_;
    std::unique_ptr<StateBackend> state_ = make_memory_state();
    Hash32 root_;
};

void run_file(const Json& record, Results& results) {
    Replay replay(record);
    if (const auto begun = replay.begin(); !begun) {
        return results.fail("alloc", begun.error().context);
    }
    std::size_t index = 0;
    for (const auto& entry : record["blocks"].items()) {
        const auto done = replay.run(entry);
        if (done) {
            results.pass();
        } else {
            results.fail("transaction " + std::to_string(index), done.error().context);
        }
        ++index;
    }
    const auto ended = replay.end();
    if (ended) {
        results.pass();
    } else {
        results.fail("end", ended.error().context);
    }
    for (std::uint64_t i = number64(record["refused"]).value_or(0); i > 0; --i) {
        results.leave_out("transactions that anvil did not take");
    }
}

} // namespace
} // namespace ol::conformance

int main(int count, char** arguments) {
    using namespace ol::conformance;
    return run_suite("fees", parse_options(count, arguments), {"."}, run_file);
}
