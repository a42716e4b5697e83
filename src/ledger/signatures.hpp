// The signatures of the contracts' methods, events and errors that src/ledger uses, in one place: a
// test holds each against the compiled ABIs.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace ol::ledger::signatures {

struct Method {
    std::string_view contract;
    std::string_view signature;
    std::string_view returns = "()";
};

// Tuples of contracts/src/interfaces/Types.sol.
#define OL_TABLE_ENTRY "(uint256,bytes32,address,uint256)"
#define OL_INDEX "(bytes32,bytes32,bytes32,bytes32,bytes32,bytes32,uint64,uint64,uint64)"
#define OL_SUM_PROOF "(bytes32,uint256)[]"
#define OL_RECEIPT                                                                                 \
    "(bytes32,uint64,bytes32,address,address,uint64,uint32,uint32,uint256,uint256,bytes32,"        \
    "bytes32,bytes32,uint32,uint32,uint64,(uint32,uint32,uint32,uint32)[],"                        \
    "(uint32,uint32,uint32,address,uint32)[],(uint32,address,uint64)[],(address,uint256)[])"
#define OL_PROPOSAL "(bytes32,uint64,uint256,bytes32,uint64,uint256,uint64,bytes32)"
#define OL_CLAIM                                                                                   \
    "(address,uint256,bool,uint64," OL_SUM_PROOF ",address,uint256," OL_SUM_PROOF                  \
    ",address,uint256," OL_SUM_PROOF ")"
#define OL_OPENED                                                                                  \
    "(uint256,(bytes32,address,bytes32,bytes32,bytes32,bytes32,uint32,uint32,uint32,bytes32,"      \
    "uint64),bytes32[],bytes32,bytes32,uint64[112])"

// Contract names.
inline constexpr std::string_view parameters = "ProtocolParameters", vault = "StakeVault",
                                  datanets = "DatanetRegistry", models = "ModelRegistry",
                                  escrow = "InferenceEscrow", settlement = "AttributionSettlement";

inline constexpr Method parameter_get{parameters, "get(bytes32)", "(uint256)"};
inline constexpr Method parameter_get_at{parameters, "getAt(bytes32,uint64)", "(uint256)"};
inline constexpr Method parameter_version{parameters, "version()", "(uint64)"};
inline constexpr Method parameter_set{parameters, "set(bytes32,uint256)"};
inline constexpr Method parameter_set_settlement{parameters, "setSettlement(address)"};

inline constexpr Method vault_authorise{vault, "authorise(address)"};
inline constexpr Method vault_stake{vault, "stake(bytes32)"};
inline constexpr Method vault_staked{vault, "staked(address,bytes32)", "(uint256)"};
inline constexpr Method vault_reward_of{vault, "rewardOf(address)", "(uint256)"};
inline constexpr Method vault_claim_reward{vault, "claimReward()", "(uint256)"};

inline constexpr Method datanet_create{datanets, "create(string,string,bytes32,bytes32)",
                                       "(bytes32)"};
inline constexpr Method datanet_anchor{
    datanets, "anchorBatch(bytes32,bytes32,uint64,uint64,bytes32)", "(uint256)"};
inline constexpr Method datanet_batch{
    datanets, "batch(uint256)", "(bytes32,address,bytes32,uint64,bytes32,uint256,uint64,bool)"};
inline constexpr Method datanet_batch_count{datanets, "batchCount()", "(uint256)"};
inline constexpr Method datanet_publish{
    datanets, "publishVersion(bytes32,bytes32,bytes32," OL_INDEX ")", "(uint64)"};
inline constexpr Method datanet_version_of{datanets, "versionOf(bytes32,uint64)",
                                           "(bytes32,bytes32," OL_INDEX ")"};
inline constexpr Method datanet_version_count{datanets, "versionCount(bytes32)", "(uint64)"};
inline constexpr Method datanet_challenge_version{datanets,
                                                  "challengeVersion(bytes32,uint64,bytes)"};
inline constexpr Method datanet_is_refuted{datanets, "isRefuted(bytes32,uint64)", "(bool)"};
inline constexpr Method datanet_revoked{datanets, "revoked(bytes32)", "(bool)"};
inline constexpr Method datanet_release{datanets, "releaseBond(uint256)"};
inline constexpr Method datanet_challenge{datanets,
                                          "challengeDuplicate(" OL_OPENED "," OL_OPENED ")"};

inline constexpr Method model_register_base{models, "registerBase(bytes32,string)"};
inline constexpr Method model_register_adapter{
    models, "registerAdapter(string,bytes32,bytes32,bytes32,uint64,bytes32,uint256,uint256)",
    "(bytes32)"};
inline constexpr Method model_adapter{
    models, "adapter(bytes32)",
    "(address,string,bytes32,bytes32,bytes32,uint64,bytes32,uint256,uint256)"};
inline constexpr Method model_base_owner{models, "baseOwner(bytes32)", "(address)"};

inline constexpr Method escrow_deposit{escrow, "deposit(address)"};
inline constexpr Method escrow_redeem{escrow, "redeem(address,uint256,uint256,bytes)", "(uint256)"};
inline constexpr Method escrow_channel{escrow, "channel(address,address)",
                                       "(uint256,uint256,uint256,uint64)"};
inline constexpr Method escrow_digest{escrow, "voucherDigest(address,address,uint256)",
                                      "(bytes32)"};

inline constexpr Method settlement_set_escrow{settlement, "setEscrow(address)"};
inline constexpr Method settlement_propose{settlement, "propose(" OL_PROPOSAL ")", "(uint64)"};
inline constexpr Method settlement_challenge_receipt{settlement, "challengeReceipt(" OL_RECEIPT
                                                                 ",uint64," OL_SUM_PROOF ")"};
inline constexpr Method settlement_challenge_span{
    settlement, "challengeSpan(" OL_RECEIPT ",uint64," OL_SUM_PROOF
                ",uint256,uint256,bytes32,bytes32[],bytes,bytes32[])"};
inline constexpr Method settlement_challenge_longer{
    settlement, "challengeLongerMatch(" OL_RECEIPT ",uint64," OL_SUM_PROOF ",uint256,bytes)"};
inline constexpr Method settlement_challenge_match{
    settlement, "challengeMatch(" OL_RECEIPT ",uint64," OL_SUM_PROOF ",uint256," OL_TABLE_ENTRY
                ",uint256,bytes32[]," OL_TABLE_ENTRY ",bytes32[]," OL_TABLE_ENTRY ",bytes32[])"};
inline constexpr Method settlement_challenge_reward{settlement, "challengeReward(" OL_RECEIPT
                                                                "[]," OL_CLAIM "," OL_CLAIM ")"};
inline constexpr Method settlement_challenge_order{
    settlement, "challengeRewardOrder(uint64,address,uint256," OL_SUM_PROOF
                ",address,uint256," OL_SUM_PROOF ")"};
inline constexpr Method settlement_challenge_leaf_sum{
    settlement, "challengeLeafSum(" OL_RECEIPT ",uint256,uint64," OL_SUM_PROOF ")"};
inline constexpr Method settlement_challenge_replay{
    settlement, "challengeReplay(" OL_RECEIPT ",uint64," OL_SUM_PROOF ",uint64," OL_RECEIPT
                ",uint64," OL_SUM_PROOF ")"};
inline constexpr Method settlement_tally{settlement, "tallyReceipt(address," OL_RECEIPT
                                                     ",uint64," OL_SUM_PROOF ")"};
inline constexpr Method settlement_challenge_tallied{settlement, "challengeTalliedReward(" OL_CLAIM
                                                                 "," OL_CLAIM ")"};
inline constexpr Method settlement_finalise{settlement, "finalise()"};
inline constexpr Method settlement_claim{
    settlement, "claim(address,uint256,uint64," OL_SUM_PROOF ")", "(uint256)"};
inline constexpr Method settlement_pending{settlement, "pending()",
                                           "(bool,uint64,address,uint256,uint64," OL_PROPOSAL ")"};
inline constexpr Method settlement_epoch_count{settlement, "epochCount()", "(uint64)"};
inline constexpr Method settlement_unallocated{settlement, "unallocated()", "(uint256)"};
inline constexpr Method settlement_claimed{settlement, "claimed(address)", "(uint256)"};
inline constexpr Method settlement_rewards{settlement, "finalisedRewards()",
                                           "(bytes32,uint64,uint256)"};

inline constexpr std::array methods{parameter_get,
                                    parameter_get_at,
                                    parameter_version,
                                    parameter_set,
                                    parameter_set_settlement,
                                    vault_authorise,
                                    vault_stake,
                                    vault_staked,
                                    vault_reward_of,
                                    vault_claim_reward,
                                    datanet_create,
                                    datanet_anchor,
                                    datanet_batch,
                                    datanet_batch_count,
                                    datanet_publish,
                                    datanet_version_of,
                                    datanet_version_count,
                                    datanet_challenge_version,
                                    datanet_is_refuted,
                                    datanet_revoked,
                                    datanet_release,
                                    datanet_challenge,
                                    model_register_base,
                                    model_register_adapter,
                                    model_adapter,
                                    model_base_owner,
                                    escrow_deposit,
                                    escrow_redeem,
                                    escrow_channel,
                                    escrow_digest,
                                    settlement_set_escrow,
                                    settlement_propose,
                                    settlement_challenge_receipt,
                                    settlement_challenge_span,
                                    settlement_challenge_longer,
                                    settlement_challenge_match,
                                    settlement_challenge_reward,
                                    settlement_challenge_order,
                                    settlement_challenge_leaf_sum,
                                    settlement_challenge_replay,
                                    settlement_tally,
                                    settlement_challenge_tallied,
                                    settlement_finalise,
                                    settlement_claim,
                                    settlement_pending,
                                    settlement_epoch_count,
                                    settlement_unallocated,
                                    settlement_claimed,
                                    settlement_rewards};

// Events; `data` are the parameters that are not indexed.
struct Event {
    std::string_view contract;
    std::string_view signature;
    std::string_view data;
};

inline constexpr Event datanet_created{datanets, "DatanetCreated(bytes32,address,string,bytes32)",
                                       "(string,bytes32)"};
inline constexpr Event batch_anchored{
    datanets, "BatchAnchored(bytes32,uint256,address,bytes32,uint64,uint64,bytes32,uint256)",
    "(bytes32,uint64,uint64,bytes32,uint256)"};
inline constexpr Event batch_slashed{datanets, "BatchSlashed(uint256,address,address,uint256)",
                                     "(uint256)"};
inline constexpr Event version_published{
    datanets, "VersionPublished(bytes32,uint64,bytes32,bytes32," OL_INDEX ")",
    "(bytes32,bytes32," OL_INDEX ")"};
inline constexpr Event adapter_registered{
    models,
    "AdapterRegistered(bytes32,address,string,bytes32,bytes32,bytes32,uint64,bytes32,uint256,"
    "uint256)",
    "(string,bytes32,bytes32,bytes32,uint64,bytes32,uint256,uint256)"};
inline constexpr Event redeemed{escrow, "Redeemed(address,address,uint256,uint256)",
                                "(uint256,uint256)"};
inline constexpr Event reward_claimed{vault, "RewardClaimed(address,uint256)", "(uint256)"};
inline constexpr Event epoch_proposed{
    settlement, "EpochProposed(uint64,address," OL_PROPOSAL ",uint256,uint64)",
    "(" OL_PROPOSAL ",uint256,uint64)"};
inline constexpr Event epoch_challenged{
    settlement, "EpochChallenged(uint64,address,string,uint256)", "(string,uint256)"};
inline constexpr Event claimed{settlement, "Claimed(address,uint256,uint256)", "(uint256,uint256)"};

inline constexpr std::array events{
    datanet_created, batch_anchored, batch_slashed,  version_published, adapter_registered,
    redeemed,        reward_claimed, epoch_proposed, epoch_challenged,  claimed};

#undef OL_TABLE_ENTRY
#undef OL_INDEX
#undef OL_SUM_PROOF
#undef OL_RECEIPT
#undef OL_PROPOSAL
#undef OL_CLAIM
#undef OL_OPENED

// The contracts' own errors and those of the libraries that they use.
const std::vector<std::string>& errors();

} // namespace ol::ledger::signatures
