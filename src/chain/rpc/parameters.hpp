// Parameters of a call, read with the place in every error: "eth_call: params[0].to: expected 20
// bytes, got 19".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chain/block/execution.hpp"
#include "chain/rpc/error.hpp"
#include "codec/json.hpp"

namespace ol::chain::rpc {

// One value within the parameters, with its place. Valid while the request is.
class Param {
public:
    Param(std::string_view method, const codec::Json& json)
        : json_(&json)
        , method_(method) {}

    const codec::Json& json() const { return *json_; }
    bool is_absent() const { return json_->is_null(); }
    bool is_string() const { return json_->is_string(); }
    bool is_object() const { return json_->is_object(); }
    bool is_array() const { return json_->is_array(); }
    std::size_t count() const { return json_->items().size(); }
    // Items and members; absent where there is none. `this` must outlive them.
    Param operator[](std::size_t index) const;
    Param operator[](std::string_view key) const;

    // Hex with 0x; quantities without leading zeros (as geth), data with an even number of digits.
    RpcResult<Address> address() const;
    RpcResult<Hash32> hash32() const;
    RpcResult<Bytes> data() const;
    RpcResult<U256> quantity() const;
    RpcResult<std::uint64_t> quantity64() const;
    // Also plain numbers and decimal strings: what development clients send.
    RpcResult<U256> any_number() const;
    RpcResult<std::uint64_t> any_number64() const;
    RpcResult<bool> boolean() const;
    RpcResult<std::string> string() const;
    // A storage slot: a quantity or at most 32 bytes, leading zeros or not.
    RpcResult<U256> slot() const;
    // The object's members checked to be no array, number, ...
    RpcStatus expect_object() const;
    RpcStatus expect_array() const;

    std::unexpected<RpcError> wrong(std::string_view what) const; // -32602 with the place
    std::string place() const;                                    // "eth_call: params[0].to"

private:
    Param(const Param& parent, std::string_view key, const codec::Json& json)
        : json_(&json)
        , method_(parent.method_)
        , parent_(&parent)
        , key_(key) {}
    Param(const Param& parent, std::size_t index, const codec::Json& json)
        : json_(&json)
        , method_(parent.method_)
        , parent_(&parent)
        , index_(index) {}
    RpcResult<std::string_view> hex_digits() const;

    const codec::Json* json_;
    std::string_view method_;
    const Param* parent_ = nullptr;
    std::string_view key_;
    std::size_t index_ = 0;
};

// Which block is meant: a tag, a number or a hash (EIP-1898).
struct BlockRef {
    enum class Tag { latest, pending, earliest, safe, finalized, number, hash };
    Tag tag = Tag::latest;
    std::uint64_t number = 0;
    Hash32 hash;
    bool require_canonical = false;
};
RpcResult<BlockRef> block_ref(const Param& param); // absent: latest

// The transaction object of eth_call and its kin.
struct CallArguments {
    CallRequest request;
    bool has_gas = false, has_fee = false;
    std::optional<std::uint64_t> nonce, chain_id;
    std::optional<U256> gas_price, max_fee, max_priority_fee;
    std::optional<std::vector<AccessListEntry>> access_list;
};
RpcResult<CallArguments> call_arguments(const Param& param);
RpcResult<std::vector<AccessListEntry>> access_list(const Param& param);

// State overrides (geth): per address balance, nonce, code, state or stateDiff.
struct AccountOverride {
    std::optional<U256> balance;
    std::optional<std::uint64_t> nonce;
    std::optional<Bytes> code;
    bool replaces_storage = false;
    std::vector<std::pair<U256, U256>> storage;
};
using StateOverride = std::vector<std::pair<Address, AccountOverride>>;
RpcResult<StateOverride> state_override(const Param& param);
// Block overrides (geth): number, time, gasLimit, feeRecipient, prevRandao, baseFeePerGas,
// difficulty; applied to a header's copy.
RpcStatus override_block(const Param& param, Header& header);

} // namespace ol::chain::rpc
