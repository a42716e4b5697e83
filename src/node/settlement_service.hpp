// SettlementService: vouchers redeemed, epochs posted with a bond, finalised, claimed. The ledger
// says what happened; the rows here let a killed settler go on where it was.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "market/epoch.hpp"
#include "node/inference_service.hpp"

namespace ol::node {

struct Claim {
    Address account;
    U256 amount;
};

class SettlementService {
public:
    // Brings the rows in line with the ledger: proposals that went out, were finalised or slashed.
    static Result<std::unique_ptr<SettlementService>> open(Context& context,
                                                           InferenceService& inference);

    // Redeems what is owed, makes the epoch of all unsettled receipts and posts it. conflict when
    // an epoch is pending or there is nothing to settle.
    Result<market::Epoch> settle(const std::string& wallet = settler_wallet);
    // Posts a given epoch: what settle() does, and what a dishonest settler does with a forged one.
    Status propose(const market::Epoch& epoch, const std::string& wallet);
    // After the challenge window.
    Result<std::uint64_t> finalise();
    // Pays the account what it has earned in finalised epochs; zero when nothing is due.
    Result<U256> claim(const Address& account);
    Result<std::vector<Claim>> claim_all();
    // Rows against the ledger, after a restart or a slashed proposal.
    Status reconcile();

    Result<std::optional<market::Epoch>> epoch(std::uint64_t number) const;
    // Rewards of the last finalised epoch; empty before the first.
    Result<std::vector<market::RewardLeaf>> finalised_rewards() const;
    Result<market::Epoch> next_epoch() const; // of all unsettled receipts, not posted
    Status redeem_owed();

    Result<codec::Json> epochs_json() const;
    Result<codec::Json> epoch_json(std::uint64_t number) const;
    Result<codec::Json> account_json(const Address& account) const;

private:
    SettlementService(Context& context, InferenceService& inference)
        : context_(context)
        , inference_(inference) {}
    Status propose_locked(const market::Epoch& epoch, const std::string& wallet);

    Context& context_;
    InferenceService& inference_;
    std::mutex mutex_;
};

} // namespace ol::node
