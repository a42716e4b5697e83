#include "chain/genesis.hpp"

#include <algorithm>

#include "codec/json.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "crypto/mnemonic.hpp"

namespace ol::chain {
namespace {

using codec::Json;

constexpr std::uint64_t artifact_bytes = 32ULL << 20;
constexpr std::uint32_t accounts_limit = 1024;
// OP specs, Holocene: what the public networks use.
constexpr std::uint32_t base_fee_denominator = 250;
constexpr std::uint32_t base_fee_elasticity = 6;

struct Predeploy {
    Address address;
    std::string_view contract;
};

constexpr Predeploy predeploys[] = {
    {predeploy::wrapped_open, "WrappedOpen"},
    {predeploy::gas_price_oracle, "GasPriceOracle"},
    {predeploy::sequencer_fee_vault, "FeeVault"},
    {predeploy::l1_block, "L1Block"},
    {predeploy::message_passer, "L2ToL1MessagePasser"},
    {predeploy::base_fee_vault, "FeeVault"},
    {predeploy::l1_fee_vault, "FeeVault"},
    {predeploy::operator_fee_vault, "FeeVault"},
};

// Code whose bytes are fixed by a standard or by what wallets check.
struct FixedCode {
    std::string_view address, code;
};

constexpr FixedCode fixed_codes[] = {
    // EIP-4788: the ring of beacon roots.
    {"000F3df6D732807Ef1319fB7B8bB8522d0Beac02", "3373fffffffffffffffffffffffffffffffffffffffe14604"
                                                 "d57602036146024575f5ffd5b5f35801560495762001f"
                                                 "ff810690815414603c575f5ffd5b62001fff01545f5260205"
                                                 "ff35b5f5ffd5b62001fff42064281555f359062001fff"
                                                 "015500"},
    // EIP-2935: the ring of block hashes.
    {"0000F90827F1C53a10cb7A02335B175320002935",
     "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611ff"
     "f"
     "81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"},
    // The deployer by CREATE2 that forge and viem expect: call data is salt | init code.
    {"4e59b44847b379578588920cA78FbF26c0B4956C", "7ffffffffffffffffffffffffffffffffffffffffffffffff"
                                                 "fffffffffffffffe03601600081602082378035828234"
                                                 "f58015156039578182fd5b8082525050506014600cf3"},
};

constexpr std::string_view multicall_address = "cA11bde05977b3631167028862bE2a173976CA11";

GenesisAccount contract_at(const Address& address, Bytes code) {
    GenesisAccount out;
    out.address = address;
    out.nonce = 1; // EIP-161: what a creation leaves
    out.code = std::move(code);
    return out;
}

Result<Bytes> runtime_code(const Path& artifacts, std::string_view contract) {
    const Path file =
        artifacts / fmt::format("{}.sol", contract) / fmt::format("{}.json", contract);
    const auto text = read_text_file(file, artifact_bytes);
    if (!text) {
        return fail(text.error().code,
                    "the development chain's contract {} is not built ({}): run tools/setup, or "
                    "`npm run build` in contracts/",
                    contract, text.error().context);
    }
    const Json json = OL_TRY_IN(Json::parse(*text), "{}", file.string());
    const Json& code = json["deployedBytecode"];
    if (!code["immutableReferences"].members().empty() ||
        !code["linkReferences"].members().empty()) {
        return fail(ErrorCode::invalid_argument,
                    "{}: its code is not complete without a deployment (immutables or libraries)",
                    file.string());
    }
    Bytes bytes = OL_TRY_IN(code["object"].as_hex_bytes(), "{}", file.string());
    if (bytes.empty()) {
        return fail(ErrorCode::invalid_argument, "{}: no code", file.string());
    }
    return bytes;
}

// The vaults' slots: contracts/src/predeploys/FeeVault.sol.
void set_recipient(GenesisAccount& vault, const Address& recipient) {
    constexpr std::uint64_t recipient_slot = 1, network_slot = 3, layer_two = 1;
    const U256 word = U256::from_be(recipient.view());
    if (!word.is_zero()) vault.storage.emplace_back(U256(recipient_slot), word);
    vault.storage.emplace_back(U256(network_slot), U256(layer_two));
}

Status add_contracts(const DevelopmentOptions& options, const Path& artifacts, Genesis& genesis) {
    for (const auto& entry : predeploys) {
        auto account = contract_at(entry.address, OL_TRY(runtime_code(artifacts, entry.contract)));
        if (entry.contract == "FeeVault") set_recipient(account, options.fee_recipient);
        if (entry.contract == "GasPriceOracle" && options.fork >= OpFork::jovian) {
            account.storage.emplace_back(U256(0), U256(1)); // isJovian
        }
        genesis.accounts.push_back(std::move(account));
    }
    genesis.accounts.push_back(contract_at(OL_TRY(address_from_hex(multicall_address)),
                                           OL_TRY(runtime_code(artifacts, "Multicall3"))));
    for (const auto& entry : fixed_codes) {
        genesis.accounts.push_back(
            contract_at(OL_TRY(address_from_hex(entry.address)), OL_TRY(from_hex(entry.code))));
    }
    return {};
}

Status add_people(const DevelopmentOptions& options, Genesis& genesis) {
    if (options.accounts > accounts_limit) {
        return fail(ErrorCode::too_large, "{} development accounts: at most {}", options.accounts,
                    accounts_limit);
    }
    if (options.accounts == 0) return {};
    for (const auto& key :
         OL_TRY(crypto::keys_of_mnemonic(development_mnemonic, options.accounts))) {
        GenesisAccount account;
        account.address = key.address();
        account.balance = options.balance;
        genesis.accounts.push_back(std::move(account));
    }
    return {};
}

// version | denominator | elasticity, and in Jovian the minimum base fee (OP specs, Holocene and
// Jovian, "Extra data").
Bytes extra_data(const DevelopmentOptions& options) {
    const bool jovian = options.fork >= OpFork::jovian;
    Bytes out(jovian ? 17 : 9, 0);
    out[0] = jovian ? 1 : 0;
    put_be32(out.data() + 1, base_fee_denominator);
    // With elasticity 1 the target is the limit: a base fee of zero never rises.
    put_be32(out.data() + 5, options.free_gas ? 1 : base_fee_elasticity);
    return out;
}

Header header_of(const DevelopmentOptions& options, const Rules& rules) {
    Header out;
    out.ommers_hash = empty_ommers_hash;
    out.state_root = out.transactions_root = out.receipts_root = empty_root_hash;
    out.gas_limit = options.gas_limit;
    out.timestamp = options.timestamp;
    out.extra_data = extra_data(options);
    out.base_fee = options.free_gas ? U256() : options.base_fee;
    if (rules.fork >= Fork::shanghai) out.withdrawals_root = empty_root_hash;
    if (rules.fork >= Fork::cancun) {
        out.blob_gas_used = 0;
        out.excess_blob_gas = 0;
        out.parent_beacon_block_root = Hash32{};
    }
    if (rules.fork >= Fork::prague) out.requests_hash = empty_requests_hash;
    return out;
}

} // namespace

Result<Header> lay_down(const Genesis& genesis, StateBackend& state) {
    StateChanges changes;
    changes.reserve(genesis.accounts.size());
    for (const auto& entry : genesis.accounts) {
        AccountChange change;
        change.address = entry.address;
        Account account;
        account.nonce = entry.nonce;
        account.balance = entry.balance;
        if (!entry.code.empty()) {
            change.code = std::make_shared<const Code>(entry.code);
            account.code_hash = change.code->hash();
        }
        change.account = account;
        change.storage = entry.storage;
        std::ranges::sort(change.storage);
        changes.push_back(std::move(change));
    }
    std::ranges::sort(changes, {}, &AccountChange::address);
    Header header = genesis.header;
    header.state_root = OL_TRY_IN(state.apply(changes), "genesis");
    const Rules rules = genesis.config.rules_at(header.number, header.timestamp);
    if (rules.op >= OpFork::isthmus) {
        header.withdrawals_root =
            OL_TRY_IN(state.storage_root(predeploy::message_passer), "genesis");
    }
    return header;
}

Hash32 digest_of(const Genesis& genesis) {
    crypto::Keccak256 digest;
    digest.update(encode(genesis.header));
    for (const auto& account : genesis.accounts) {
        codec::RlpWriter out;
        out.list([&] {
            out.bytes(account.address).number(account.balance).number(account.nonce);
            out.bytes(account.code);
            for (const auto& [slot, value] : account.storage) out.number(slot).number(value);
        });
        digest.update(out.view());
    }
    return digest.finish();
}

Result<Genesis> development_genesis(const DevelopmentOptions& options, const Path& artifacts) {
    if (options.fork < OpFork::isthmus) {
        return fail(ErrorCode::invalid_argument,
                    "the development chain's predeploys are Isthmus', it cannot begin with {}",
                    to_string(options.fork));
    }
    Genesis out;
    out.config = ChainConfig::optimism(options.fork, options.chain_id);
    if (options.free_gas) out.config.elasticity = 1;
    out.header = header_of(options, out.config.rules_at(0, options.timestamp));
    OL_TRY(add_contracts(options, artifacts, out));
    OL_TRY(add_people(options, out));
    std::ranges::sort(out.accounts, {}, &GenesisAccount::address);
    return out;
}

} // namespace ol::chain
