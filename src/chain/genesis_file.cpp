#include "chain/genesis_file.hpp"

#include "base/limits.hpp"

namespace ol::chain {

using codec::Json;

namespace {

Json account_json(const GenesisAccount& account) {
    Json out = Json::object({{"balance", account.balance.to_quantity()}});
    if (account.nonce != 0) out.set("nonce", U256(account.nonce).to_quantity());
    if (!account.code.empty()) out.set("code", to_hex0x(account.code));
    if (!account.storage.empty()) {
        Json storage = Json::object();
        for (const auto& [slot, value] : account.storage) {
            storage.set(to_hex0x(slot.to_be().view()), Json(value.to_be()));
        }
        out.set("storage", std::move(storage));
    }
    return out;
}

} // namespace

Json genesis_to_json(const Genesis& genesis) {
    const Header& header = genesis.header;
    const auto quantity = [](std::uint64_t value) { return Json(U256(value).to_quantity()); };
    Json out = Json::object({{"config", genesis.config.to_json()},
                             {"number", quantity(header.number)},
                             {"parentHash", header.parent_hash},
                             {"timestamp", quantity(header.timestamp)},
                             {"coinbase", header.coinbase},
                             {"difficulty", header.difficulty.to_quantity()},
                             {"nonce", to_hex0x(header.nonce.view())},
                             {"mixHash", header.prev_randao},
                             {"extraData", to_hex0x(header.extra_data)},
                             {"gasLimit", quantity(header.gas_limit)},
                             {"gasUsed", quantity(header.gas_used)}});
    if (header.base_fee) out.set("baseFeePerGas", header.base_fee->to_quantity());
    if (header.blob_gas_used) out.set("blobGasUsed", quantity(*header.blob_gas_used));
    if (header.excess_blob_gas) out.set("excessBlobGas", quantity(*header.excess_blob_gas));
    if (header.parent_beacon_block_root) {
        out.set("parentBeaconBlockRoot", *header.parent_beacon_block_root);
    }
    // Built beside: Json::set looks for the key first, and a genesis may have many accounts.
    Json::Object accounts;
    for (const auto& account : genesis.accounts) {
        accounts.emplace_back(to_hex0x(account.address.view()), account_json(account));
    }
    out.set("alloc", Json::object_of(std::move(accounts)));
    return out;
}

Path genesis_file(const Path& folder) { return folder / "genesis.json"; }

Result<Genesis> read_genesis(const Path& folder) {
    const Path file = genesis_file(folder);
    auto text = read_text_file(file, limits::json_bytes);
    if (!text && text.error().code == ErrorCode::not_found) {
        return fail(ErrorCode::not_found,
                    "{} holds no chain (`openledger chain run --chain-folder {}` begins one)",
                    folder.string(), folder.string());
    }
    if (!text) return std::unexpected(text.error());
    const Json json = OL_TRY_IN(Json::parse(*text), "{}", file.string());
    return OL_TRY_IN(genesis_from_json(json), "{}", file.string());
}

Result<Genesis> read_or_make_genesis(const Path& folder,
                                     const std::function<Result<Genesis>()>& make) {
    auto kept = read_genesis(folder);
    if (kept || kept.error().code != ErrorCode::not_found) return kept;
    auto made = OL_TRY(make());
    OL_TRY(write_file_atomic(genesis_file(folder), genesis_to_json(made).dump(1) + "\n"));
    return made;
}

} // namespace ol::chain
