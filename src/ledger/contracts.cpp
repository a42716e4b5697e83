#include "ledger/contracts.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "base/file.hpp"
#include "ledger/signatures.hpp"

namespace ol::ledger {

namespace {

namespace sig = signatures;
using codec::AbiValue;
using codec::Json;
using List = AbiValue::List;

// Names as left-aligned words: parameter keys and stake roles.
Result<Hash32> name_word(std::string_view name) {
    if (name.empty() || name.size() > 32) {
        return fail(ErrorCode::invalid_argument, "'{}' is no name of 1 to 32 bytes", name);
    }
    Hash32 out;
    std::copy(name.begin(), name.end(), out.begin());
    return out;
}

AbiValue number(std::uint64_t value) { return AbiValue(value); }

AbiValue text(std::string_view value) { return AbiValue(value); }

constexpr std::string_view unknown_prefix =
    "reverted: Unknown"; // UnknownBatch, UnknownAdapter, ...

Result<List> read(Chain& chain, const Address& at, const sig::Method& method,
                  const List& arguments) {
    const Bytes data = OL_TRY_IN(codec::abi_call(method.signature, arguments), "{}.{}",
                                 method.contract, method.signature);
    auto answer = chain.call({at, data, {}});
    if (!answer) {
        // What the contracts call unknown is simply not there.
        if (answer.error().context.find(unknown_prefix) != std::string::npos) {
            answer.error().code = ErrorCode::not_found;
        }
        return std::unexpected(
            answer.error().within(fmt::format("{}.{}", method.contract, method.signature)));
    }
    const Bytes& result = *answer;
    if (result.empty() && method.returns != "()") {
        return fail(ErrorCode::not_found,
                    "no {} at {} on {}: deploy the contracts or correct the address",
                    method.contract, to_hex0x(at.view()), chain.url());
    }
    return OL_TRY_IN(codec::abi_decode(method.returns, result), "{}.{}", method.contract,
                     method.signature);
}

Result<TransactionReceipt> write(Chain& chain, const crypto::PrivateKey& key, const Address& at,
                                 const sig::Method& method, const List& arguments,
                                 const U256& value = {}) {
    const Bytes data = OL_TRY_IN(codec::abi_call(method.signature, arguments), "{}.{}",
                                 method.contract, method.signature);
    const auto name = method.signature.substr(0, method.signature.find('('));
    chain.label(fmt::format("{}.{}", method.contract, name));
    return chain.send(key, {at, data, value});
}

Result<LogEntry> find_event(const TransactionReceipt& receipt, const Address& contract,
                            const sig::Event& event) {
    const Hash32 topic = codec::abi_topic(event.signature);
    for (const auto& log : receipt.logs) {
        if (log.address == contract && !log.topics.empty() && log.topics[0] == topic) return log;
    }
    return fail(ErrorCode::internal,
                "transaction {} emitted no {}: are these OpenLedger's contracts?",
                to_hex0x(receipt.hash.view()), event.signature);
}

Result<U256> topic_number(const LogEntry& log, std::size_t index) {
    if (index >= log.topics.size()) {
        return fail(ErrorCode::internal, "an event has {} topics instead of more than {}",
                    log.topics.size(), index);
    }
    return U256::from_be(log.topics[index].view());
}

// The values of an event that a transaction emitted.
Result<List> event_data(const TransactionReceipt& receipt, const Address& contract,
                        const sig::Event& event) {
    const LogEntry log = OL_TRY(find_event(receipt, contract, event));
    return OL_TRY_IN(codec::abi_decode(event.data, log.data), "{}", event.signature);
}

IndexRoots index_from(const AbiValue& value) {
    const List& f = value.list();
    return {f[0].word(), f[1].word(), f[2].word(), f[3].word(), f[4].word(),
            f[5].word(), f[6].u64(),  f[7].u64(),  f[8].u64()};
}

List index_value(const IndexRoots& index) {
    return {index.text_root,
            index.suffix_array_root,
            index.inverse_root,
            index.slot_root,
            index.table_root,
            index.owners_root,
            number(index.symbol_count),
            number(index.record_count),
            number(index.owner_count)};
}

constexpr std::uint64_t artifact_bytes = 16ULL << 20;

// The creation code of a contract: compiled bytecode and the encoded constructor arguments.
Result<Bytes> creation_code(const Path& artifacts, std::string_view contract,
                            std::string_view constructor, const List& arguments) {
    const Path file =
        artifacts / (std::string(contract) + ".sol") / (std::string(contract) + ".json");
    auto json_text = read_text_file(file, artifact_bytes);
    if (!json_text && json_text.error().code == ErrorCode::not_found) {
        return fail(ErrorCode::not_found,
                    "{} is missing: compile the contracts with `npm ci && npm run build` in the "
                    "contracts folder",
                    file.string());
    }
    if (!json_text) return std::unexpected(json_text.error());
    const Json artifact = OL_TRY_IN(Json::parse(*json_text), "{}", file.string());
    Bytes code = OL_TRY_IN(artifact["bytecode"]["object"].as_hex_bytes(), "{}: bytecode.object",
                           file.string());
    if (code.empty()) {
        return fail(ErrorCode::corrupted, "{}: no bytecode; compile the contracts again",
                    file.string());
    }
    append(code, OL_TRY_IN(codec::abi_encode(constructor, arguments), "{}", contract));
    return code;
}

struct MemberName {
    std::string_view name;
    Address Deployment::*address;
};

constexpr std::array<MemberName, 7> members{{{"parameters", &Deployment::parameters},
                                             {"vault", &Deployment::vault},
                                             {"datanets", &Deployment::datanets},
                                             {"models", &Deployment::models},
                                             {"escrow", &Deployment::escrow},
                                             {"settlement", &Deployment::settlement},
                                             {"treasury", &Deployment::treasury}}};

} // namespace

Json Deployment::to_json() const {
    Json out = Json::object({{"chainId", chain_id}, {"blockNumber", block_number}});
    for (const auto& member : members) out.set(member.name, this->*member.address);
    return out;
}

Result<Deployment> Deployment::from_json(const Json& json) {
    Deployment out;
    out.chain_id = OL_TRY_IN(OL_TRY_IN(json.require("chainId"), "deployment")->as_uint(),
                             "deployment: chainId");
    out.block_number = OL_TRY_IN(OL_TRY_IN(json.require("blockNumber"), "deployment")->as_uint(),
                                 "deployment: blockNumber");
    for (const auto& member : members) {
        out.*member.address =
            OL_TRY_IN(OL_TRY_IN(json.require(member.name), "deployment")->as_address(),
                      "deployment: {}", member.name);
    }
    return out;
}

Result<Deployment> deploy_contracts(Chain& chain, const crypto::PrivateKey& deployer,
                                    const Address& treasury, const Path& artifacts) {
    OL_TRY(chain.register_errors(sig::errors()));
    Deployment out;
    out.chain_id = OL_TRY(chain.chain_id());
    out.treasury = treasury;
    const auto create = [&](std::string_view contract, std::string_view constructor,
                            const List& arguments, Address& address) -> Status {
        const Bytes code = OL_TRY(creation_code(artifacts, contract, constructor, arguments));
        chain.label(fmt::format("deploy {}", contract));
        const TransactionReceipt receipt = OL_TRY(chain.deploy(deployer, code));
        if (!receipt.created) {
            return fail(ErrorCode::internal, "deploy {}: the receipt names no contract", contract);
        }
        address = *receipt.created;
        if (out.block_number == 0) out.block_number = receipt.block_number;
        return {};
    };
    // contracts/README.md, "Deployment".
    OL_TRY(create(sig::parameters, "(address,address)", {deployer.address(), treasury},
                  out.parameters));
    OL_TRY(create(sig::vault, "(address)", {out.parameters}, out.vault));
    OL_TRY(create(sig::datanets, "(address,address)", {out.parameters, out.vault}, out.datanets));
    OL_TRY(create(sig::models, "(address)", {out.datanets}, out.models));
    OL_TRY(create(sig::settlement, "(address,address,address,address)",
                  {out.parameters, out.vault, out.datanets, out.models}, out.settlement));
    OL_TRY(create(sig::escrow, "(address,address)", {out.parameters, out.settlement}, out.escrow));
    OL_TRY(write(chain, deployer, out.settlement, sig::settlement_set_escrow, {out.escrow}));
    OL_TRY(write(chain, deployer, out.vault, sig::vault_authorise, {out.datanets}));
    OL_TRY(write(chain, deployer, out.vault, sig::vault_authorise, {out.settlement}));
    OL_TRY(write(chain, deployer, out.parameters, sig::parameter_set_settlement, {out.settlement}));
    return out;
}

Contracts::Contracts(Chain& chain, Deployment deployment)
    : chain_(chain)
    , at_(deployment) {
    const auto registered = chain_.register_errors(sig::errors());
    OL_CHECK(registered.has_value()); // the list is ours
}

// ---- ProtocolParameters

Result<U256> Contracts::parameter(std::string_view key) {
    const Hash32 word = OL_TRY(name_word(key));
    return OL_TRY_IN(read(chain_, at_.parameters, sig::parameter_get, {word}), "parameter {}",
                     key)[0]
        .number();
}

Result<U256> Contracts::parameter_at(std::string_view key, std::uint64_t version) {
    const Hash32 word = OL_TRY(name_word(key));
    return OL_TRY_IN(read(chain_, at_.parameters, sig::parameter_get_at, {word, number(version)}),
                     "parameter {} of version {}", key, version)[0]
        .number();
}

Result<std::uint64_t> Contracts::parameters_version() {
    return OL_TRY(read(chain_, at_.parameters, sig::parameter_version, {}))[0].u64();
}

Status Contracts::set_parameter(const crypto::PrivateKey& owner, std::string_view key,
                                const U256& value) {
    const Hash32 word = OL_TRY(name_word(key));
    OL_TRY_IN(write(chain_, owner, at_.parameters, sig::parameter_set, {word, value}), "{}", key);
    return {};
}

// ---- DatanetRegistry

Result<Hash32> Contracts::create_datanet(const crypto::PrivateKey& owner, const std::string& name,
                                         const std::string& licence, const Hash32& rule_set_hash,
                                         const Hash32& metadata_hash) {
    const auto receipt = OL_TRY(write(chain_, owner, at_.datanets, sig::datanet_create,
                                      {text(name), text(licence), rule_set_hash, metadata_hash}));
    const LogEntry log = OL_TRY(find_event(receipt, at_.datanets, sig::datanet_created));
    return OL_TRY(topic_number(log, 1)).to_be();
}

Result<std::uint64_t> Contracts::anchor_batch(const crypto::PrivateKey& contributor,
                                              const Hash32& datanet, const Hash32& root,
                                              std::uint64_t count, std::uint64_t bytes,
                                              const Hash32& data_commitment, const U256& bond) {
    const auto receipt =
        OL_TRY(write(chain_, contributor, at_.datanets, sig::datanet_anchor,
                     {datanet, root, number(count), number(bytes), data_commitment}, bond));
    const LogEntry log = OL_TRY(find_event(receipt, at_.datanets, sig::batch_anchored));
    return OL_TRY(topic_number(log, 2)).low_u64();
}

Result<BatchOnLedger> Contracts::batch(std::uint64_t id) {
    const List f = OL_TRY(read(chain_, at_.datanets, sig::datanet_batch, {number(id)}));
    BatchOnLedger out;
    out.id = id;
    out.datanet_id = f[0].word();
    out.contributor = f[1].address();
    out.root = f[2].word();
    out.count = f[3].u64();
    out.data_commitment = f[4].word();
    out.bond = f[5].number();
    out.anchored_at = f[6].u64();
    out.slashed = f[7].boolean();
    return out;
}

Result<std::uint64_t> Contracts::batch_count() {
    return OL_TRY(read(chain_, at_.datanets, sig::datanet_batch_count, {}))[0].u64();
}

Result<std::uint64_t> Contracts::publish_version(const crypto::PrivateKey& owner,
                                                 const Hash32& datanet, const Hash32& root,
                                                 const Hash32& manifest_hash,
                                                 const IndexRoots& index) {
    const auto receipt = OL_TRY(write(chain_, owner, at_.datanets, sig::datanet_publish,
                                      {datanet, root, manifest_hash, index_value(index)}));
    const LogEntry log = OL_TRY(find_event(receipt, at_.datanets, sig::version_published));
    return OL_TRY(topic_number(log, 2)).low_u64();
}

Result<VersionOnLedger> Contracts::version(const Hash32& datanet, std::uint64_t version) {
    const List f =
        OL_TRY_IN(read(chain_, at_.datanets, sig::datanet_version_of, {datanet, number(version)}),
                  "version {} of datanet {}", version, to_hex0x(datanet.view()));
    return VersionOnLedger{f[0].word(), f[1].word(), index_from(f[2])};
}

Result<std::uint64_t> Contracts::version_count(const Hash32& datanet) {
    return OL_TRY(read(chain_, at_.datanets, sig::datanet_version_count, {datanet}))[0].u64();
}

Status Contracts::challenge_version(const crypto::PrivateKey& challenger, const Hash32& datanet,
                                    std::uint64_t version, const Bytes& proof) {
    OL_TRY(write(chain_, challenger, at_.datanets, sig::datanet_challenge_version,
                 {datanet, number(version), AbiValue(proof)}));
    return {};
}

Result<bool> Contracts::is_refuted(const Hash32& datanet, std::uint64_t version) {
    return OL_TRY(
               read(chain_, at_.datanets, sig::datanet_is_refuted, {datanet, number(version)}))[0]
        .boolean();
}

Result<bool> Contracts::revoked(const Hash32& leaf_hash) {
    return OL_TRY(read(chain_, at_.datanets, sig::datanet_revoked, {leaf_hash}))[0].boolean();
}

Status Contracts::release_bond(const crypto::PrivateKey& anyone, std::uint64_t batch_id) {
    OL_TRY(write(chain_, anyone, at_.datanets, sig::datanet_release, {number(batch_id)}));
    return {};
}

Result<U256> Contracts::challenge_duplicate(const crypto::PrivateKey& challenger,
                                            const AbiValue& original, const AbiValue& copy) {
    const auto receipt =
        OL_TRY(write(chain_, challenger, at_.datanets, sig::datanet_challenge, {original, copy}));
    return OL_TRY(event_data(receipt, at_.datanets, sig::batch_slashed))[0].number();
}

// ---- ModelRegistry

Status Contracts::register_base(const crypto::PrivateKey& owner, const Hash32& base_hash,
                                const std::string& name) {
    const Address holder = OL_TRY(base_owner(base_hash));
    if (holder == owner.address()) return {};
    if (!holder.is_zero()) {
        return fail(ErrorCode::already_exists, "base model {} is registered by {}",
                    to_hex0x(base_hash.view()), to_hex0x(holder.view()));
    }
    OL_TRY(write(chain_, owner, at_.models, sig::model_register_base, {base_hash, text(name)}));
    return {};
}

Result<Hash32> Contracts::register_adapter(const crypto::PrivateKey& owner,
                                           const AdapterOnLedger& adapter) {
    const auto receipt =
        OL_TRY(write(chain_, owner, at_.models, sig::model_register_adapter,
                     {text(adapter.name), adapter.adapter_hash, adapter.base_hash,
                      adapter.datanet_id, number(adapter.version), adapter.training_record_hash,
                      adapter.price_in, adapter.price_out}));
    const LogEntry log = OL_TRY(find_event(receipt, at_.models, sig::adapter_registered));
    return OL_TRY(topic_number(log, 1)).to_be();
}

Result<AdapterOnLedger> Contracts::adapter(const Hash32& adapter_id) {
    const List f = OL_TRY(read(chain_, at_.models, sig::model_adapter, {adapter_id}));
    AdapterOnLedger out;
    out.owner = f[0].address();
    out.name = f[1].text();
    out.adapter_hash = f[2].word();
    out.base_hash = f[3].word();
    out.datanet_id = f[4].word();
    out.version = f[5].u64();
    out.training_record_hash = f[6].word();
    out.price_in = f[7].number();
    out.price_out = f[8].number();
    return out;
}

Result<Address> Contracts::base_owner(const Hash32& base_hash) {
    return OL_TRY(read(chain_, at_.models, sig::model_base_owner, {base_hash}))[0].address();
}

// ---- InferenceEscrow

Status Contracts::deposit(const crypto::PrivateKey& payer, const Address& host,
                          const U256& amount) {
    OL_TRY(write(chain_, payer, at_.escrow, sig::escrow_deposit, {host}, amount));
    return {};
}

Result<U256> Contracts::redeem(const crypto::PrivateKey& host, const Address& payer,
                               const U256& cumulative, const U256& up_to,
                               const crypto::Signature& voucher) {
    const auto receipt = OL_TRY(write(chain_, host, at_.escrow, sig::escrow_redeem,
                                      {payer, cumulative, up_to, voucher.to_rsv()}));
    return OL_TRY(event_data(receipt, at_.escrow, sig::redeemed))[0].number();
}

Result<Contracts::Channel> Contracts::channel(const Address& payer, const Address& host) {
    const List f = OL_TRY(read(chain_, at_.escrow, sig::escrow_channel, {payer, host}));
    return Channel{f[0].number(), f[1].number(), f[2].number(), f[3].u64()};
}

TypedDomain Contracts::escrow_domain() const {
    return {"OpenLedger InferenceEscrow", "1", at_.chain_id, at_.escrow};
}

TypedDomain Contracts::settlement_domain() const {
    return {"OpenLedger AttributionSettlement", "1", at_.chain_id, at_.settlement};
}

// ---- StakeVault

Status Contracts::stake(const crypto::PrivateKey& account, std::string_view role,
                        const U256& amount) {
    const Hash32 word = OL_TRY(name_word(role));
    OL_TRY(write(chain_, account, at_.vault, sig::vault_stake, {word}, amount));
    return {};
}

Result<U256> Contracts::staked(const Address& account, std::string_view role) {
    const Hash32 word = OL_TRY(name_word(role));
    return OL_TRY(read(chain_, at_.vault, sig::vault_staked, {account, word}))[0].number();
}

Result<U256> Contracts::stake_reward(const Address& account) {
    return OL_TRY(read(chain_, at_.vault, sig::vault_reward_of, {account}))[0].number();
}

Result<U256> Contracts::claim_stake_reward(const crypto::PrivateKey& account) {
    const auto receipt = OL_TRY(write(chain_, account, at_.vault, sig::vault_claim_reward, {}));
    return OL_TRY(event_data(receipt, at_.vault, sig::reward_claimed))[0].number();
}

// ---- AttributionSettlement

Result<std::uint64_t> Contracts::propose_epoch(const crypto::PrivateKey& settler,
                                               const AbiValue& proposal, const U256& bond) {
    const auto receipt =
        OL_TRY(write(chain_, settler, at_.settlement, sig::settlement_propose, {proposal}, bond));
    const LogEntry log = OL_TRY(find_event(receipt, at_.settlement, sig::epoch_proposed));
    return OL_TRY(topic_number(log, 1)).low_u64();
}

Result<U256> Contracts::challenge(const crypto::PrivateKey& challenger, std::string_view method,
                                  const List& arguments) {
    for (const sig::Method* known :
         {&sig::settlement_challenge_receipt, &sig::settlement_challenge_span,
          &sig::settlement_challenge_longer, &sig::settlement_challenge_match,
          &sig::settlement_challenge_reward, &sig::settlement_challenge_order,
          &sig::settlement_challenge_leaf_sum, &sig::settlement_challenge_replay,
          &sig::settlement_challenge_tallied}) {
        if (known->signature.substr(0, known->signature.find('(')) != method) continue;
        const auto receipt = OL_TRY(write(chain_, challenger, at_.settlement, *known, arguments));
        return OL_TRY(event_data(receipt, at_.settlement, sig::epoch_challenged))[1].number();
    }
    return fail(ErrorCode::invalid_argument, "'{}' is no challenge of an epoch", method);
}

Status Contracts::tally_receipt(const crypto::PrivateKey& challenger, const Address& account,
                                const AbiValue::List& opened_receipt) {
    List arguments{account};
    arguments.insert(arguments.end(), opened_receipt.begin(), opened_receipt.end());
    OL_TRY(write(chain_, challenger, at_.settlement, sig::settlement_tally, arguments));
    return {};
}

Status Contracts::finalise_epoch(const crypto::PrivateKey& anyone) {
    OL_TRY(write(chain_, anyone, at_.settlement, sig::settlement_finalise, {}));
    return {};
}

Result<U256> Contracts::claim(const crypto::PrivateKey& anyone, const Address& account,
                              const U256& cumulative, std::uint64_t index, const AbiValue& proof) {
    const auto receipt = OL_TRY(write(chain_, anyone, at_.settlement, sig::settlement_claim,
                                      {account, cumulative, number(index), proof}));
    return OL_TRY(event_data(receipt, at_.settlement, sig::claimed))[0].number();
}

Result<Contracts::PendingEpoch> Contracts::pending_epoch() {
    List f = OL_TRY(read(chain_, at_.settlement, sig::settlement_pending, {}));
    PendingEpoch out;
    out.exists = f[0].boolean();
    out.epoch = f[1].u64();
    out.settler = f[2].address();
    out.bond = f[3].number();
    out.challenge_ends_at = f[4].u64();
    out.proposal = std::move(f[5]);
    return out;
}

Result<std::uint64_t> Contracts::epoch_count() {
    return OL_TRY(read(chain_, at_.settlement, sig::settlement_epoch_count, {}))[0].u64();
}

Result<U256> Contracts::unallocated() {
    return OL_TRY(read(chain_, at_.settlement, sig::settlement_unallocated, {}))[0].number();
}

Result<U256> Contracts::claimed(const Address& account) {
    return OL_TRY(read(chain_, at_.settlement, sig::settlement_claimed, {account}))[0].number();
}

Result<Contracts::Rewards> Contracts::finalised_rewards() {
    const List f = OL_TRY(read(chain_, at_.settlement, sig::settlement_rewards, {}));
    return Rewards{f[0].word(), f[1].u64(), f[2].number()};
}

} // namespace ol::ledger
