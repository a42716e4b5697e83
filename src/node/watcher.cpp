#include "node/watcher.hpp"

#include "base/log.hpp"

namespace ol::node {

Result<WatchReport> Watcher::check_pending(const std::string& wallet) {
    const auto pending = OL_TRY(context_.contracts->pending_epoch());
    if (!pending.exists) return fail(ErrorCode::conflict, "no epoch is pending; nothing to check");
    // Only what anybody can read: the ledger's proposal, the file that it commits to, the versions.
    const auto commitment = pending.proposal.list().back().word();
    const auto bytes =
        OL_TRY_IN(context_.blobs->get(commitment), "file of epoch {}", pending.epoch);
    const auto epoch =
        OL_TRY_IN(market::Epoch::from_jsonl(as_text(bytes)), "epoch {}", pending.epoch);
    const auto previous = OL_TRY(settlement_.finalised_rewards());
    const auto key = OL_TRY(context_.keys->key(wallet));

    WatchReport report;
    report.epoch = pending.epoch;
    const auto challenge = [&](std::string_view method, codec::AbiValue::List arguments) -> Status {
        context_.chain->label(std::string(method));
        report.challenge = method;
        report.slashed = OL_TRY(context_.contracts->challenge(key, method, arguments));
        log::info("watcher", "epoch {} challenged by {}: {}", report.epoch, method, report.fault);
        return settlement_.reconcile();
    };
    const auto& roots = pending.proposal.list();
    if (roots[0].word() != epoch.receipts_tree().root() ||
        roots[3].word() != epoch.rewards_tree().root()) {
        report.fault = "the published file does not have the posted roots";
        return report;
    }
    const auto segment_of = [&](std::size_t i) -> Result<std::shared_ptr<const OpenVersion>> {
        const auto& r = epoch.receipts[i].receipt;
        return inference_.version(r.datanet_id, r.version);
    };
    for (std::size_t i = 0; i < epoch.receipts.size(); ++i) {
        const auto fault = OL_TRY(inference_.find_fault(epoch.receipts[i]));
        ++report.receipts_checked;
        if (!fault) continue;
        report.fault = fmt::format("receipt {}: {}", i, fault->reason);
        if (fault->kind == "challengeReceipt") {
            OL_TRY(challenge(fault->kind, OL_TRY(market::challenge_receipt_arguments(epoch, i))));
        } else if (fault->kind == "challengeSpan") {
            const auto version = OL_TRY(segment_of(i));
            OL_TRY(challenge(fault->kind,
                             OL_TRY(market::challenge_span_arguments(
                                 epoch, i, fault->match, fault->offset, *version->prover))));
        } else if (fault->kind == "challengeMatch") {
            const auto version = OL_TRY(segment_of(i));
            OL_TRY(challenge(fault->kind,
                             OL_TRY(market::challenge_match_arguments(
                                 epoch, i, fault->match, version->segment, *version->prover))));
        } else if (fault->kind == "challengeLongerMatch") {
            const auto version = OL_TRY(segment_of(i));
            OL_TRY(challenge(fault->kind, OL_TRY(market::challenge_longer_match_arguments(
                                              epoch, i, *fault, *version->prover))));
        }
        return report;
    }
    std::vector<market::Epoch> finalised;
    for (std::uint64_t number = 1; number < pending.epoch; ++number) {
        if (auto past = OL_TRY(settlement_.epoch(number))) finalised.push_back(std::move(*past));
    }
    if (const auto replay = market::find_replay(epoch, finalised)) {
        report.fault = fmt::format("receipt {} was settled before, in epoch {}", replay->index,
                                   replay->other_epoch);
        const auto& other =
            replay->other_epoch == epoch.number ? epoch : finalised.at(replay->other_epoch - 1);
        OL_TRY(challenge("challengeReplay",
                         OL_TRY(market::challenge_replay_arguments(epoch, replay->index, other,
                                                                   replay->other_index))));
        return report;
    }
    if (const auto leaf = market::find_reward_order_fault(epoch)) {
        report.fault = fmt::format("reward {} is out of order", *leaf);
        OL_TRY(challenge("challengeRewardOrder",
                         OL_TRY(market::challenge_reward_order_arguments(epoch, *leaf))));
        return report;
    }
    if (const auto account = market::find_reward_fault(epoch, previous)) {
        report.fault = "the reward of " + crypto::checksum_address(*account) +
                       " does not follow from the receipts";
        OL_TRY(challenge("challengeReward",
                         OL_TRY(market::challenge_reward_arguments(epoch, previous, *account))));
        return report;
    }
    report.agreed = true;
    return report;
}

} // namespace ol::node
