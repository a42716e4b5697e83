#include <algorithm>

#include "chain/types/chain_config.hpp"

namespace ol::chain {
namespace {

using codec::Json;

Result<std::uint64_t> u64_or(const Json& json, const char* name, std::uint64_t otherwise) {
    const Json& value = json[name];
    if (value.is_null()) return otherwise;
    const U256 number = OL_TRY_IN(value.as_u256(), "{}", name);
    if (!number.fits_u64()) {
        return fail(ErrorCode::invalid_argument, "{}: {} is above 64 bits", name,
                    number.to_decimal());
    }
    return number.low_u64();
}

Result<Hash32> hash_or_zero(const Json& json, const char* name) {
    const Json& value = json[name];
    if (value.is_null()) return Hash32{};
    return OL_TRY_IN(value.as_hash32(), "{}", name);
}

// Storage keys and values are words; short forms mean numbers.
Result<U256> word(const std::string& text) {
    if (text.starts_with("0x")) return U256::parse(text);
    return U256::parse("0x" + text);
}

Result<GenesisAccount> read_account(const std::string& name, const Json& json) {
    GenesisAccount out;
    out.address = OL_TRY(address_from_hex(name));
    if (json.contains("balance")) out.balance = OL_TRY(json["balance"].as_u256());
    out.nonce = OL_TRY(u64_or(json, "nonce", 0));
    if (json.contains("code")) out.code = OL_TRY(json["code"].as_hex_bytes());
    for (const auto& [slot, value] : json["storage"].members()) {
        const U256 key = OL_TRY_IN(word(slot), "storage");
        const U256 stored = OL_TRY_IN(word(OL_TRY(value.as_string())), "storage");
        if (!stored.is_zero()) out.storage.emplace_back(key, stored);
    }
    std::ranges::sort(out.storage);
    const auto twice = std::ranges::adjacent_find(
        out.storage, [](const auto& a, const auto& b) { return a.first == b.first; });
    if (twice != out.storage.end()) {
        return fail(ErrorCode::invalid_argument, "storage: slot {} stands there twice",
                    twice->first.to_quantity());
    }
    return out;
}

// Members that the forks at genesis ask for.
Status read_fork_members(const Json& json, const Rules& rules, Header& out) {
    if (rules.fork >= Fork::london) {
        const Json& fee = json["baseFeePerGas"];
        out.base_fee = fee.is_null() ? U256(initial_base_fee) : OL_TRY(fee.as_u256());
    }
    if (rules.fork >= Fork::shanghai) out.withdrawals_root = empty_root_hash;
    if (rules.fork >= Fork::cancun) {
        out.blob_gas_used = OL_TRY(u64_or(json, "blobGasUsed", 0));
        out.excess_blob_gas = OL_TRY(u64_or(json, "excessBlobGas", 0));
        out.parent_beacon_block_root = OL_TRY(hash_or_zero(json, "parentBeaconBlockRoot"));
    }
    if (rules.fork >= Fork::prague) out.requests_hash = empty_requests_hash;
    return {};
}

Result<Header> read_header(const Json& json, const ChainConfig& config) {
    Header out;
    out.parent_hash = OL_TRY(hash_or_zero(json, "parentHash"));
    out.ommers_hash = empty_ommers_hash;
    out.transactions_root = out.receipts_root = out.state_root = empty_root_hash;
    if (json.contains("coinbase")) out.coinbase = OL_TRY(json["coinbase"].as_address());
    if (json.contains("difficulty")) out.difficulty = OL_TRY(json["difficulty"].as_u256());
    out.number = OL_TRY(u64_or(json, "number", 0));
    out.gas_limit = OL_TRY(u64_or(json, "gasLimit", 0));
    out.gas_used = OL_TRY(u64_or(json, "gasUsed", 0));
    out.timestamp = OL_TRY(u64_or(json, "timestamp", 0));
    if (json.contains("extraData")) out.extra_data = OL_TRY(json["extraData"].as_hex_bytes());
    out.prev_randao = OL_TRY(hash_or_zero(json, "mixHash"));
    put_be64(out.nonce.begin(), OL_TRY(u64_or(json, "nonce", 0)));
    if (out.gas_limit < minimum_gas_limit) {
        return fail(ErrorCode::invalid_argument, "gasLimit: {} is below {}", out.gas_limit,
                    minimum_gas_limit);
    }
    OL_TRY(read_fork_members(json, config.rules_at(out.number, out.timestamp), out));
    return out;
}

} // namespace

Result<Genesis> genesis_from_json(const Json& json) {
    Genesis out;
    out.config =
        OL_TRY_IN(ChainConfig::from_json(*OL_TRY_IN(json.require("config"), "genesis")), "genesis");
    out.header = OL_TRY_IN(read_header(json, out.config), "genesis");
    for (const auto& [name, account] : OL_TRY_IN(json.require("alloc"), "genesis")->members()) {
        out.accounts.push_back(OL_TRY_IN(read_account(name, account), "genesis: alloc: {}", name));
    }
    std::ranges::sort(out.accounts, {}, &GenesisAccount::address);
    const auto twice = std::ranges::adjacent_find(
        out.accounts, [](const auto& a, const auto& b) { return a.address == b.address; });
    if (twice != out.accounts.end()) {
        return fail(ErrorCode::invalid_argument, "genesis: alloc: {} stands there twice",
                    to_hex0x(twice->address.view()));
    }
    return out;
}

} // namespace ol::chain
