// Epochs: receipts to a sum-tree, payouts to cumulative rewards (docs/formats/money.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attribution/suffix/proof/proof.hpp"
#include "crypto/merkle.hpp"
#include "market/receipt.hpp"

namespace ol::market {

struct RewardLeaf {
    Address account;
    U256 cumulative;
    bool operator==(const RewardLeaf&) const = default;
};

struct Epoch {
    std::uint64_t number = 0;            // 1, 2, ...
    std::vector<SignedReceipt> receipts; // by host, nonce
    std::vector<RewardLeaf> rewards;     // cumulative, by account
    U256 receipts_total, rewards_total;
    std::uint64_t credited_records = 0;

    crypto::SumTree receipts_tree() const;
    crypto::SumTree rewards_tree() const;
    codec::AbiValue proposal() const; // EpochProposal
    // The published file: JSON lines (header, rewards, receipts); dataCommitment is its keccak.
    std::string to_jsonl() const;
    static Result<Epoch> from_jsonl(std::string_view text);
};

// previous: the cumulative rewards of the last finalised epoch. invalid_argument for a repeated
// (host, nonce), too_large beyond limits::epoch_receipts.
Result<Epoch> make_epoch(std::uint64_t number, std::vector<SignedReceipt> receipts,
                         const std::vector<RewardLeaf>& previous);

// Arguments of the contract's challenge calls.
codec::AbiValue sum_proof_value(const std::vector<crypto::SumProofStep>& proof);
Result<codec::AbiValue::List> challenge_receipt_arguments(const Epoch& epoch, std::size_t index);
// The prover is of the version's segment.
Result<codec::AbiValue::List> challenge_span_arguments(const Epoch& epoch, std::size_t index,
                                                       std::size_t match, std::size_t offset,
                                                       const attribution::suffix::Prover& prover);
Result<codec::AbiValue::List> challenge_match_arguments(const Epoch& epoch, std::size_t index,
                                                        std::size_t match,
                                                        const attribution::suffix::Segment& segment,
                                                        const attribution::suffix::Prover& prover);
// `fault` is one that find_fault calls "challengeLongerMatch".
Result<codec::AbiValue::List>
challenge_longer_match_arguments(const Epoch& epoch, std::size_t index, const Fault& fault,
                                 const attribution::suffix::Prover& prover);
// The last two are those of challengeTalliedReward.
Result<codec::AbiValue::List> challenge_reward_arguments(const Epoch& epoch,
                                                         const std::vector<RewardLeaf>& previous,
                                                         const Address& account);
// Of challengeRewardOrder: the leaves `index` and `index + 1` do not ascend.
Result<codec::AbiValue::List> challenge_reward_order_arguments(const Epoch& epoch,
                                                               std::size_t index);
// Of challengeReplay: `other` is a finalised epoch, or `epoch` itself.
Result<codec::AbiValue::List> challenge_replay_arguments(const Epoch& epoch, std::size_t index,
                                                         const Epoch& other,
                                                         std::size_t other_index);

// The first account whose cumulative reward does not follow from the receipts; the host of a
// receipt when the receipts' order or the count of credited records is wrong, which the same
// challenge shows.
std::optional<Address> find_reward_fault(const Epoch& epoch,
                                         const std::vector<RewardLeaf>& previous);
// The first leaf of the rewards whose successor's account is not greater.
std::optional<std::size_t> find_reward_order_fault(const Epoch& epoch);
// A receipt whose (host, nonce) was used before, in this epoch or a finalised one.
struct Replay {
    std::size_t index = 0;
    std::uint64_t other_epoch = 0;
    std::size_t other_index = 0;
};
std::optional<Replay> find_replay(const Epoch& epoch, const std::vector<Epoch>& finalised);

} // namespace ol::market
