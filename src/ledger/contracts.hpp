// Typed bindings of OpenLedger's contracts over Chain: deployment, calls, transactions, events. The
// interfaces are contracts/src/interfaces/; the bytecode comes from contracts/out (forge).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ledger/rpc.hpp"

namespace ol::ledger {

struct Deployment {
    std::uint64_t chain_id = 0;
    Address parameters, vault, datanets, models, escrow, settlement;
    Address treasury;
    std::uint64_t block_number = 0; // of the first contract: where event following starts
    codec::Json to_json() const;
    static Result<Deployment> from_json(const codec::Json& json);
};

// Deploys and wires all contracts. artifacts: contracts/out (not_found with the remedy when
// absent).
Result<Deployment> deploy_contracts(Chain& chain, const crypto::PrivateKey& deployer,
                                    const Address& treasury, const Path& artifacts);

struct IndexRoots {
    Hash32 text_root, suffix_array_root, inverse_root, slot_root, table_root, owners_root;
    std::uint64_t symbol_count = 0, record_count = 0, owner_count = 0;
    bool operator==(const IndexRoots&) const = default;
};

struct BatchOnLedger {
    std::uint64_t id = 0;
    Hash32 datanet_id;
    Address contributor;
    Hash32 root, data_commitment;
    std::uint64_t count = 0, anchored_at = 0;
    U256 bond;
    bool slashed = false;
};

struct VersionOnLedger {
    Hash32 root, manifest_hash;
    IndexRoots index;
};

struct AdapterOnLedger {
    Address owner;
    std::string name;
    Hash32 adapter_hash, base_hash, datanet_id;
    std::uint64_t version = 0;
    Hash32 training_record_hash;
    U256 price_in, price_out; // wei per 1,000 tokens
};

// Every transaction takes the sender's key. Amounts are wei.
class Contracts {
public:
    Contracts(Chain& chain, Deployment deployment);
    const Deployment& at() const { return at_; }
    Chain& chain() { return chain_; }

    // ProtocolParameters; key names as in docs/formats/money.md.
    Result<U256> parameter(std::string_view key);
    Result<U256> parameter_at(std::string_view key, std::uint64_t version);
    Result<std::uint64_t> parameters_version();
    Status set_parameter(const crypto::PrivateKey& owner, std::string_view key, const U256& value);

    // DatanetRegistry
    Result<Hash32> create_datanet(const crypto::PrivateKey& owner, const std::string& name,
                                  const std::string& licence, const Hash32& rule_set_hash,
                                  const Hash32& metadata_hash);
    Result<std::uint64_t> anchor_batch(const crypto::PrivateKey& contributor, const Hash32& datanet,
                                       const Hash32& root, std::uint64_t count, std::uint64_t bytes,
                                       const Hash32& data_commitment, const U256& bond);
    Result<BatchOnLedger> batch(std::uint64_t id);
    Result<std::uint64_t> batch_count();
    Result<std::uint64_t> publish_version(const crypto::PrivateKey& owner, const Hash32& datanet,
                                          const Hash32& root, const Hash32& manifest_hash,
                                          const IndexRoots& index);
    Result<VersionOnLedger> version(const Hash32& datanet, std::uint64_t version);
    Result<std::uint64_t> version_count(const Hash32& datanet);
    // proof: of a fault of the version's index (docs/formats/index-proofs.md).
    Status challenge_version(const crypto::PrivateKey& challenger, const Hash32& datanet,
                             std::uint64_t version, const Bytes& proof);
    Result<bool> is_refuted(const Hash32& datanet, std::uint64_t version);
    Result<bool> revoked(const Hash32& leaf_hash);
    Status release_bond(const crypto::PrivateKey& anyone, std::uint64_t batch_id);
    // opened: the ABI values of two OpenedRecord tuples (docs/formats/record.md). Returns wei
    // slashed.
    Result<U256> challenge_duplicate(const crypto::PrivateKey& challenger,
                                     const codec::AbiValue& original, const codec::AbiValue& copy);

    // ModelRegistry
    Status register_base(const crypto::PrivateKey& owner, const Hash32& base_hash,
                         const std::string& name); // fine when this owner registered it already
    Result<Hash32> register_adapter(const crypto::PrivateKey& owner,
                                    const AdapterOnLedger& adapter);
    Result<AdapterOnLedger> adapter(const Hash32& adapter_id);
    Result<Address> base_owner(const Hash32& base_hash);

    // InferenceEscrow
    Status deposit(const crypto::PrivateKey& payer, const Address& host, const U256& amount);
    Result<U256> redeem(const crypto::PrivateKey& host, const Address& payer,
                        const U256& cumulative, const U256& up_to,
                        const crypto::Signature& voucher);
    struct Channel {
        U256 deposited, redeemed, refunding;
        std::uint64_t refund_ready_at = 0;
    };
    Result<Channel> channel(const Address& payer, const Address& host);
    TypedDomain escrow_domain() const;
    TypedDomain settlement_domain() const;

    // StakeVault
    Status stake(const crypto::PrivateKey& account, std::string_view role, const U256& amount);
    Result<U256> staked(const Address& account, std::string_view role);
    Result<U256> stake_reward(const Address& account);
    Result<U256> claim_stake_reward(const crypto::PrivateKey& account);

    // AttributionSettlement: values are passed as ABI values so that market owns their meaning.
    Result<std::uint64_t> propose_epoch(const crypto::PrivateKey& settler,
                                        const codec::AbiValue& proposal, const U256& bond);
    // method: "challengeReceipt", "challengeSpan", "challengeLongerMatch", "challengeMatch",
    // "challengeReward", "challengeRewardOrder", "challengeLeafSum", "challengeReplay" or
    // "challengeTalliedReward".
    // Returns wei slashed; conflict with NoFault() when the contract finds nothing wrong.
    Result<U256> challenge(const crypto::PrivateKey& challenger, std::string_view method,
                           const codec::AbiValue::List& arguments);
    // One step of a reward's challenge in pieces, for an epoch that does not fit one transaction:
    // all receipts in order (receipt, index, proof), then "challengeTalliedReward".
    Status tally_receipt(const crypto::PrivateKey& challenger, const Address& account,
                         const codec::AbiValue::List& opened_receipt);
    Status finalise_epoch(const crypto::PrivateKey& anyone);
    Result<U256> claim(const crypto::PrivateKey& anyone, const Address& account,
                       const U256& cumulative, std::uint64_t index, const codec::AbiValue& proof);
    struct PendingEpoch {
        bool exists = false;
        std::uint64_t epoch = 0, challenge_ends_at = 0;
        Address settler;
        U256 bond;
        codec::AbiValue proposal;
    };
    Result<PendingEpoch> pending_epoch();
    Result<std::uint64_t> epoch_count();
    Result<U256> unallocated();
    Result<U256> claimed(const Address& account);
    struct Rewards {
        Hash32 root;
        std::uint64_t count = 0;
        U256 total;
    };
    Result<Rewards> finalised_rewards();

private:
    Chain& chain_;
    Deployment at_;
};

} // namespace ol::ledger
