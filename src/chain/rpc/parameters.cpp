#include "chain/rpc/parameters.hpp"

#include <algorithm>

namespace ol::chain::rpc {

using codec::Json;

namespace {

const Json absent;

// Limits of one call object: more than any block can hold.
constexpr std::size_t access_list_entries = 10'000, overrides_limit = 1'000,
                      overridden_slots = 100'000;

} // namespace

Param Param::operator[](std::size_t index) const {
    const auto& items = json_->items();
    return {*this, index, index < items.size() ? items[index] : absent};
}

Param Param::operator[](std::string_view key) const { return {*this, key, (*json_)[key]}; }

std::string Param::place() const {
    if (parent_ == nullptr) return fmt::format("{}: params", method_);
    if (!key_.empty()) return fmt::format("{}.{}", parent_->place(), key_);
    return fmt::format("{}[{}]", parent_->place(), index_);
}

std::unexpected<RpcError> Param::wrong(std::string_view what) const {
    return rpc_fail(invalid_params, "{}: {}", place(), what);
}

RpcResult<std::string_view> Param::hex_digits() const {
    if (is_absent()) return wrong("missing value");
    if (!is_string()) return wrong("expected a hex string");
    // The string lives in the request's tree.
    const std::string_view text = json_->text();
    if (!text.starts_with("0x") && !text.starts_with("0X")) {
        return wrong("hex string without 0x prefix");
    }
    const std::string_view digits = text.substr(2);
    const bool all_hex = std::ranges::all_of(digits, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
    if (!all_hex) return wrong("invalid hex string");
    return digits;
}

RpcResult<Bytes> Param::data() const {
    const auto digits = OL_TRY(hex_digits());
    if (digits.size() % 2 != 0) return wrong("hex string of odd length");
    return OL_TRY(from_hex(digits));
}

RpcResult<Address> Param::address() const {
    const Bytes bytes = OL_TRY(data());
    if (bytes.size() != 20) return wrong(fmt::format("expected 20 bytes, got {}", bytes.size()));
    return OL_TRY(Address::from(bytes));
}

RpcResult<Hash32> Param::hash32() const {
    const Bytes bytes = OL_TRY(data());
    if (bytes.size() != 32) return wrong(fmt::format("expected 32 bytes, got {}", bytes.size()));
    return OL_TRY(Hash32::from(bytes));
}

RpcResult<U256> Param::quantity() const {
    const auto digits = OL_TRY(hex_digits());
    if (digits.empty()) return wrong("hex string \"0x\" is no number");
    if (digits.size() > 1 && digits[0] == '0') {
        return wrong("hex number with leading zero digits");
    }
    if (digits.size() > 64) return wrong("hex number larger than 256 bits");
    return OL_TRY(U256::parse(json_->text()));
}

RpcResult<std::uint64_t> Param::quantity64() const {
    const U256 value = OL_TRY(quantity());
    if (!value.fits_u64()) return wrong("hex number larger than 64 bits");
    return value.low_u64();
}

RpcResult<U256> Param::any_number() const {
    if (is_absent()) return wrong("missing value");
    auto value = json_->as_u256();
    if (!value) return wrong(value.error().context);
    return *value;
}

RpcResult<std::uint64_t> Param::any_number64() const {
    const U256 value = OL_TRY(any_number());
    if (!value.fits_u64()) return wrong("number larger than 64 bits");
    return value.low_u64();
}

RpcResult<bool> Param::boolean() const {
    auto value = json_->as_bool();
    if (!value) return wrong(value.error().context);
    return *value;
}

RpcResult<std::string> Param::string() const {
    auto value = json_->as_string();
    if (!value) return wrong(value.error().context);
    return std::move(*value);
}

RpcResult<U256> Param::slot() const {
    const auto digits = OL_TRY(hex_digits());
    if (digits.empty() || digits.size() > 64) {
        return wrong(
            fmt::format("expected a storage slot of 1 to 64 hex digits, got {}", digits.size()));
    }
    return OL_TRY(U256::parse(json_->text()));
}

RpcStatus Param::expect_object() const {
    if (is_absent()) return wrong("missing value");
    if (!is_object()) return wrong("expected an object");
    return {};
}

RpcStatus Param::expect_array() const {
    if (is_absent()) return wrong("missing value");
    if (!is_array()) return wrong("expected an array");
    return {};
}

RpcResult<BlockRef> block_ref(const Param& param) {
    using Tag = BlockRef::Tag;
    BlockRef out;
    if (param.is_absent()) return out;
    if (param.is_object()) {
        const Param hash = param["blockHash"], number = param["blockNumber"];
        if (!hash.is_absent()) {
            if (!number.is_absent()) {
                return param.wrong("cannot specify both blockHash and blockNumber, choose one");
            }
            out.tag = Tag::hash;
            out.hash = OL_TRY(hash.hash32());
            const Param canonical = param["requireCanonical"];
            if (!canonical.is_absent()) out.require_canonical = OL_TRY(canonical.boolean());
            return out;
        }
        return block_ref(number);
    }
    static constexpr std::pair<std::string_view, Tag> tags[] = {
        {"latest", Tag::latest}, {"pending", Tag::pending},     {"earliest", Tag::earliest},
        {"safe", Tag::safe},     {"finalized", Tag::finalized}, {"", Tag::latest},
    };
    if (!param.is_string()) return param.wrong("expected a block tag, number or hash");
    for (const auto& [name, tag] : tags) {
        if (param.json().text() == name) {
            out.tag = tag;
            return out;
        }
    }
    if (param.json().text().size() == 66) {
        out.tag = Tag::hash;
        out.hash = OL_TRY(param.hash32());
        return out;
    }
    out.tag = Tag::number;
    out.number = OL_TRY(param.quantity64());
    return out;
}

RpcResult<std::vector<AccessListEntry>> access_list(const Param& param) {
    OL_TRY(param.expect_array());
    std::vector<AccessListEntry> out;
    std::size_t entries = 0;
    for (std::size_t i = 0; i < param.count(); ++i) {
        const Param item = param[i];
        OL_TRY(item.expect_object());
        AccessListEntry entry;
        const Param address = item["address"], slots = item["storageKeys"];
        entry.address = OL_TRY(address.address());
        entries += 1 + slots.count();
        if (entries > access_list_entries) return param.wrong("too many entries");
        for (std::size_t k = 0; k < slots.count(); ++k) {
            const Param slot = slots[k];
            entry.slots.push_back(OL_TRY(slot.slot()));
        }
        out.push_back(std::move(entry));
    }
    return out;
}

namespace {

RpcResult<std::vector<Authorization>> authorization_list(const Param& param) {
    OL_TRY(param.expect_array());
    if (param.count() > access_list_entries) return param.wrong("too many entries");
    std::vector<Authorization> out;
    for (std::size_t i = 0; i < param.count(); ++i) {
        const Param item = param[i];
        OL_TRY(item.expect_object());
        Authorization each;
        const Param chain = item["chainId"], address = item["address"], nonce = item["nonce"],
                    parity = item["yParity"], r = item["r"], s = item["s"];
        each.chain_id = OL_TRY(chain.quantity());
        each.address = OL_TRY(address.address());
        each.nonce = OL_TRY(nonce.quantity64());
        const std::uint64_t bit = OL_TRY(parity.quantity64());
        if (bit > 1) return parity.wrong("expected 0 or 1");
        each.y_parity = static_cast<std::uint8_t>(bit);
        each.r = OL_TRY(r.quantity());
        each.s = OL_TRY(s.quantity());
        out.push_back(each);
    }
    return out;
}

template <class T>
RpcStatus read_fee(const Param& param, std::optional<T>& to) {
    if (!param.is_absent()) to = OL_TRY(param.quantity());
    return {};
}

} // namespace

RpcResult<CallArguments> call_arguments(const Param& param) {
    OL_TRY(param.expect_object());
    CallArguments out;
    CallRequest& call = out.request;
    const Param from = param["from"], to = param["to"], gas = param["gas"], value = param["value"],
                input = param["input"], data = param["data"], nonce = param["nonce"],
                chain_id = param["chainId"], list = param["accessList"],
                authorizations = param["authorizationList"];
    if (!from.is_absent()) call.from = OL_TRY(from.address());
    if (!to.is_absent()) call.to = OL_TRY(to.address());
    if (!gas.is_absent()) {
        call.gas = OL_TRY(gas.quantity64());
        out.has_gas = true;
    }
    if (!value.is_absent()) call.value = OL_TRY(value.quantity());
    if (!input.is_absent()) call.data = OL_TRY(input.data());
    if (!data.is_absent()) {
        Bytes bytes = OL_TRY(data.data());
        if (!input.is_absent() && bytes != call.data) {
            return data.wrong("both \"data\" and \"input\" are set and not equal");
        }
        call.data = std::move(bytes);
    }
    if (!nonce.is_absent()) out.nonce = OL_TRY(nonce.quantity64());
    if (!chain_id.is_absent()) out.chain_id = OL_TRY(chain_id.quantity64());
    if (!list.is_absent()) {
        out.access_list = OL_TRY(access_list(list));
        call.access_list = *out.access_list;
    }
    if (!authorizations.is_absent()) {
        call.authorizations = OL_TRY(authorization_list(authorizations));
    }
    const Param price = param["gasPrice"], fee = param["maxFeePerGas"],
                tip = param["maxPriorityFeePerGas"];
    OL_TRY(read_fee(price, out.gas_price));
    OL_TRY(read_fee(fee, out.max_fee));
    OL_TRY(read_fee(tip, out.max_priority_fee));
    if (out.gas_price && (out.max_fee || out.max_priority_fee)) {
        return price.wrong("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    }
    if (out.max_fee && out.max_priority_fee && *out.max_fee < *out.max_priority_fee) {
        return fee.wrong(fmt::format("maxFeePerGas ({}) < maxPriorityFeePerGas ({})",
                                     out.max_fee->to_decimal(),
                                     out.max_priority_fee->to_decimal()));
    }
    out.has_fee = out.gas_price || out.max_fee || out.max_priority_fee;
    return out;
}

RpcResult<StateOverride> state_override(const Param& param) {
    StateOverride out;
    if (param.is_absent()) return out;
    OL_TRY(param.expect_object());
    if (param.json().members().size() > overrides_limit) return param.wrong("too many accounts");
    std::size_t slots = 0;
    for (const auto& [name, unused] : param.json().members()) {
        const Param account = param[name];
        const auto address = address_from_hex(name);
        if (!address || !name.starts_with("0x")) return account.wrong("the key is no address");
        OL_TRY(account.expect_object());
        AccountOverride each;
        const Param balance = account["balance"], nonce = account["nonce"], code = account["code"],
                    state = account["state"], diff = account["stateDiff"];
        if (!balance.is_absent()) each.balance = OL_TRY(balance.quantity());
        if (!nonce.is_absent()) each.nonce = OL_TRY(nonce.quantity64());
        if (!code.is_absent()) each.code = OL_TRY(code.data());
        if (!state.is_absent() && !diff.is_absent()) {
            return account.wrong("has both 'state' and 'stateDiff'");
        }
        each.replaces_storage = !state.is_absent();
        const Param& storage = each.replaces_storage ? state : diff;
        if (!storage.is_absent()) OL_TRY(storage.expect_object());
        slots += storage.json().members().size();
        if (slots > overridden_slots) return storage.wrong("too many slots");
        for (const auto& [slot, value] : storage.json().members()) {
            const Param entry = storage[slot];
            const auto key = U256::parse(slot);
            if (!key || !slot.starts_with("0x")) return entry.wrong("the key is no slot");
            each.storage.emplace_back(*key, OL_TRY(entry.slot()));
        }
        out.emplace_back(*address, std::move(each));
    }
    return out;
}

RpcStatus override_block(const Param& param, Header& header) {
    if (param.is_absent()) return {};
    OL_TRY(param.expect_object());
    const Param number = param["number"], time = param["time"], gas_limit = param["gasLimit"],
                recipient = param["feeRecipient"], coinbase = param["coinbase"],
                randao = param["prevRandao"], random = param["random"],
                base_fee = param["baseFeePerGas"], base_fee_short = param["baseFee"],
                difficulty = param["difficulty"], blob = param["blobBaseFee"];
    if (!number.is_absent()) header.number = OL_TRY(number.quantity64());
    if (!time.is_absent()) header.timestamp = OL_TRY(time.quantity64());
    if (!gas_limit.is_absent()) header.gas_limit = OL_TRY(gas_limit.quantity64());
    if (!recipient.is_absent()) header.coinbase = OL_TRY(recipient.address());
    if (!coinbase.is_absent()) header.coinbase = OL_TRY(coinbase.address());
    if (!randao.is_absent()) header.prev_randao = OL_TRY(randao.hash32());
    if (!random.is_absent()) header.prev_randao = OL_TRY(random.hash32());
    if (!base_fee.is_absent()) header.base_fee = OL_TRY(base_fee.quantity());
    if (!base_fee_short.is_absent()) header.base_fee = OL_TRY(base_fee_short.quantity());
    if (!difficulty.is_absent()) header.difficulty = OL_TRY(difficulty.quantity());
    if (!blob.is_absent()) {
        return blob.wrong("overriding the blob base fee is not supported; it follows from "
                          "the block's excess blob gas");
    }
    return {};
}

} // namespace ol::chain::rpc
