#include "node/settlement_service.hpp"

#include "base/log.hpp"
#include "crypto/hash.hpp"

namespace ol::node {

using codec::Json;

Result<std::unique_ptr<SettlementService>> SettlementService::open(Context& context,
                                                                   InferenceService& inference) {
    std::unique_ptr<SettlementService> service(new SettlementService(context, inference));
    const auto settler = OL_TRY(context.keys->key_or_create(settler_wallet));
    if (context.development() && OL_TRY(context.chain->balance(settler.address())).is_zero()) {
        OL_TRY(context.fund(settler.address(), OL_TRY(parse_open("1"))));
    }
    OL_TRY(service->reconcile());
    return service;
}

Status SettlementService::reconcile() {
    const std::scoped_lock guard(mutex_);
    const auto finalised = OL_TRY(context_.contracts->epoch_count());
    const auto pending = OL_TRY(context_.contracts->pending_epoch());
    OL_TRY(context_.db->run("UPDATE epochs SET state = 'finalised' WHERE number <= ?", finalised));
    if (pending.exists) {
        // The pending proposal names its file; a row of another file under this number is stale.
        const auto commitment = pending.proposal.list().back().word();
        OL_TRY(context_.db->run(
            "UPDATE epochs SET state = 'proposed' WHERE number = ? AND data_commitment = ?",
            pending.epoch, commitment));
        OL_TRY(context_.db->run(
            "UPDATE receipts SET epoch = NULL WHERE epoch IN (SELECT number FROM epochs WHERE "
            "number = ? AND data_commitment != ?)",
            pending.epoch, commitment));
        OL_TRY(context_.db->run("DELETE FROM epochs WHERE number = ? AND data_commitment != ?",
                                pending.epoch, commitment));
        return {};
    }
    // Nothing is pending: what is not final was never posted, or was slashed. Its receipts are
    // free.
    store::Transaction transaction(*context_.db);
    OL_TRY(context_.db->run("UPDATE receipts SET epoch = NULL WHERE epoch > ?", finalised));
    OL_TRY(context_.db->run("DELETE FROM epochs WHERE number > ?", finalised));
    return transaction.commit();
}

Result<std::optional<market::Epoch>> SettlementService::epoch(std::uint64_t number) const {
    std::optional<Hash32> commitment;
    OL_TRY(context_.db->query(
        "SELECT data_commitment FROM epochs WHERE number = ?",
        [&](const store::Row& row) {
            commitment = row.hash32(0);
            return false;
        },
        number));
    if (!commitment) return std::nullopt;
    const auto bytes = OL_TRY(context_.blobs->get(*commitment));
    return OL_TRY_IN(market::Epoch::from_jsonl(as_text(bytes)), "epoch {}", number);
}

Result<std::vector<market::RewardLeaf>> SettlementService::finalised_rewards() const {
    const auto count = OL_TRY(context_.contracts->epoch_count());
    if (count == 0) return std::vector<market::RewardLeaf>{};
    auto last = OL_TRY(epoch(count));
    if (!last) {
        return fail(ErrorCode::not_found, "the file of epoch {} is not here", count);
    }
    const auto on_ledger = OL_TRY(context_.contracts->finalised_rewards());
    if (last->rewards_tree().root() != on_ledger.root) {
        return fail(ErrorCode::unverified, "the rewards of epoch {} are not those of the ledger",
                    count);
    }
    return last->rewards;
}

Status SettlementService::redeem_owed() {
    struct Due {
        Address payer;
        U256 owed, cumulative;
        Bytes signature;
    };
    std::vector<Due> due;
    const auto host = inference_.host();
    OL_TRY(context_.db->query(
        "SELECT payer, owed, voucher_cumulative, voucher_signature FROM channels WHERE host = ? "
        "ORDER BY payer",
        [&](const store::Row& row) {
            due.push_back({row.address(0), row.u256(1), row.u256(2), row.bytes(3)});
            return true;
        },
        host));
    const auto key = OL_TRY(context_.keys->key(host_wallet));
    OL_TRY(context_.fund(host, OL_TRY(parse_open("1"))));
    for (const auto& d : due) {
        if (OL_TRY(context_.contracts->channel(d.payer, host)).redeemed >= d.owed) continue;
        context_.chain->label("redeem voucher");
        OL_TRY(context_.contracts->redeem(key, d.payer, d.cumulative, d.owed,
                                          OL_TRY(crypto::Signature::from_rsv(d.signature))));
    }
    return {};
}

Result<market::Epoch> SettlementService::next_epoch() const {
    auto receipts = OL_TRY(inference_.unsettled());
    if (receipts.empty()) {
        return fail(ErrorCode::conflict, "there is no receipt to settle");
    }
    const auto limit = OL_TRY(context_.contracts->parameter("MAX_EPOCH_RECEIPTS")).low_u64();
    if (receipts.size() > limit) receipts.resize(limit);
    return market::make_epoch(OL_TRY(context_.contracts->epoch_count()) + 1, std::move(receipts),
                              OL_TRY(finalised_rewards()));
}

Status SettlementService::propose(const market::Epoch& epoch, const std::string& wallet) {
    const std::scoped_lock guard(mutex_);
    return propose_locked(epoch, wallet);
}

Status SettlementService::propose_locked(const market::Epoch& epoch, const std::string& wallet) {
    const auto pending = OL_TRY(context_.contracts->pending_epoch());
    if (pending.exists) {
        return fail(ErrorCode::conflict,
                    "epoch {} is pending until {}; finalise or challenge it first", pending.epoch,
                    pending.challenge_ends_at);
    }
    const auto key = OL_TRY(context_.keys->key(wallet));
    const auto bond = OL_TRY(context_.contracts->parameter("SETTLER_BOND"));
    const auto commitment = OL_TRY(context_.blobs->put(epoch.to_jsonl()));
    {
        store::Transaction transaction(*context_.db);
        OL_TRY(context_.db->run("INSERT OR REPLACE INTO epochs VALUES(?, 'prepared', ?)",
                                epoch.number, commitment));
        for (const auto& receipt : epoch.receipts) {
            OL_TRY(context_.db->run("UPDATE receipts SET epoch = ? WHERE host = ? AND nonce = ?",
                                    epoch.number, receipt.receipt.host, receipt.receipt.nonce));
        }
        OL_TRY(transaction.commit());
    }
    context_.chain->label(fmt::format("propose epoch {}", epoch.number));
    OL_TRY(context_.contracts->propose_epoch(key, epoch.proposal(), bond));
    return context_.db->run("UPDATE epochs SET state = 'proposed' WHERE number = ?", epoch.number);
}

Result<market::Epoch> SettlementService::settle(const std::string& wallet) {
    OL_TRY(reconcile());
    const std::scoped_lock guard(mutex_);
    const auto settler = OL_TRY(context_.keys->key_or_create(wallet));
    const auto bond = OL_TRY(context_.contracts->parameter("SETTLER_BOND"));
    if (OL_TRY(context_.chain->balance(settler.address())) < bond + bond) {
        OL_TRY(context_.fund(settler.address(), bond + bond));
    }
    auto epoch = OL_TRY(next_epoch());
    OL_TRY(redeem_owed());
    OL_TRY(propose_locked(epoch, wallet));
    return epoch;
}

Result<std::uint64_t> SettlementService::finalise() {
    const std::scoped_lock guard(mutex_);
    const auto pending = OL_TRY(context_.contracts->pending_epoch());
    if (!pending.exists) return fail(ErrorCode::conflict, "no epoch is pending");
    const auto now = OL_TRY(context_.chain->block_timestamp());
    if (now < pending.challenge_ends_at) {
        return fail(ErrorCode::conflict,
                    "epoch {} can be challenged for {} more seconds; finalise it then",
                    pending.epoch, pending.challenge_ends_at - now);
    }
    context_.chain->label(fmt::format("finalise epoch {}", pending.epoch));
    OL_TRY(context_.contracts->finalise_epoch(OL_TRY(context_.keys->key(settler_wallet))));
    OL_TRY(
        context_.db->run("UPDATE epochs SET state = 'finalised' WHERE number = ?", pending.epoch));
    return pending.epoch;
}

Result<U256> SettlementService::claim(const Address& account) {
    const std::scoped_lock guard(mutex_);
    const auto count = OL_TRY(context_.contracts->epoch_count());
    const auto rewards = OL_TRY(finalised_rewards());
    for (std::size_t i = 0; i < rewards.size(); ++i) {
        if (rewards[i].account != account) continue;
        if (OL_TRY(context_.contracts->claimed(account)) >= rewards[i].cumulative) return U256();
        const auto epoch_file = OL_TRY(epoch(count));
        const auto proof = OL_TRY(epoch_file->rewards_tree().prove(i));
        context_.chain->label("claim");
        return context_.contracts->claim(OL_TRY(context_.keys->key(settler_wallet)), account,
                                         rewards[i].cumulative, i, market::sum_proof_value(proof));
    }
    return U256();
}

Result<std::vector<Claim>> SettlementService::claim_all() {
    std::vector<Claim> out;
    for (const auto& leaf : OL_TRY(finalised_rewards())) {
        const auto amount = OL_TRY(claim(leaf.account));
        if (!amount.is_zero()) out.push_back({leaf.account, amount});
    }
    return out;
}

Result<Json> SettlementService::epoch_json(std::uint64_t number) const {
    const auto found = OL_TRY(epoch(number));
    if (!found) return fail(ErrorCode::not_found, "there is no epoch {}", number);
    std::string state;
    OL_TRY(context_.db->query(
        "SELECT state FROM epochs WHERE number = ?",
        [&](const store::Row& row) {
            state = row.text(0);
            return false;
        },
        number));
    Json receipts = Json::array();
    for (const auto& receipt : found->receipts) {
        receipts.push(Json::object({{"hash", receipt.receipt.hash()},
                                    {"fee_wei", receipt.receipt.fee},
                                    {"prompt", receipt.prompt}}));
    }
    Json rewards = Json::array();
    for (const auto& leaf : found->rewards) {
        rewards.push(
            Json::object({{"account", leaf.account}, {"cumulative_wei", leaf.cumulative}}));
    }
    return Json::object({{"epoch", number},
                         {"state", state},
                         {"receipts_root", found->receipts_tree().root()},
                         {"receipts_total_wei", found->receipts_total},
                         {"rewards_root", found->rewards_tree().root()},
                         {"rewards_total_wei", found->rewards_total},
                         {"credited_records", found->credited_records},
                         {"receipts", std::move(receipts)},
                         {"rewards", std::move(rewards)}});
}

Result<Json> SettlementService::epochs_json() const {
    Json rows = Json::array();
    OL_TRY(context_.db->query(
        "SELECT number, state FROM epochs ORDER BY number", [&](const store::Row& row) {
            rows.push(Json::object({{"epoch", row.integer(0)}, {"state", row.text(1)}}));
            return true;
        }));
    const auto pending = OL_TRY(context_.contracts->pending_epoch());
    Json out = Json::object(
        {{"epochs", std::move(rows)}, {"finalised", OL_TRY(context_.contracts->epoch_count())}});
    out.set("pending", pending.exists
                           ? Json::object({{"epoch", pending.epoch},
                                           {"settler", pending.settler},
                                           {"bond_wei", pending.bond},
                                           {"challenge_ends_at", pending.challenge_ends_at}})
                           : Json());
    return out;
}

Result<Json> SettlementService::account_json(const Address& account) const {
    U256 earned;
    for (const auto& leaf : OL_TRY(finalised_rewards())) {
        if (leaf.account == account) earned = leaf.cumulative;
    }
    std::int64_t records = 0;
    OL_TRY(context_.db->query(
        "SELECT count(*) FROM records WHERE owner = ? AND revoked = 0",
        [&](const store::Row& row) {
            records = row.integer(0);
            return false;
        },
        account));
    const auto claimed = OL_TRY(context_.contracts->claimed(account));
    const auto channel = OL_TRY(context_.contracts->channel(account, inference_.host()));
    Json out = Json::object({{"address", crypto::checksum_address(account)},
                             {"balance_wei", OL_TRY(context_.chain->balance(account))},
                             {"earned_wei", earned},
                             {"claimed_wei", claimed},
                             {"deposited_wei", channel.deposited},
                             {"redeemed_wei", channel.redeemed},
                             {"records", records}});
    const auto name = context_.keys->name_of(account);
    out.set("wallet", name ? Json(*name) : Json());
    return out;
}

} // namespace ol::node
