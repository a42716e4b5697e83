#include "chain/rpc/simulation.hpp"

#include <algorithm>

#include "crypto/hash.hpp"

namespace ol::chain::rpc {

OverriddenState::OverriddenState(StateReader& base, const StateOverride& overrides)
    : base_(base) {
    for (const auto& [address, given] : overrides) {
        Entry& entry = entries_[address];
        entry.balance = given.balance;
        entry.nonce = given.nonce;
        if (given.code) {
            entry.code = std::make_shared<const Code>(*given.code);
            codes_[entry.code->hash()] = entry.code;
        }
        entry.replaces_storage = given.replaces_storage;
        for (const auto& [slot, value] : given.storage) entry.storage[slot] = value;
    }
}

Result<std::optional<Account>> OverriddenState::account(const Address& address) {
    auto account = OL_TRY(base_.account(address));
    const auto found = entries_.find(address);
    if (found == entries_.end()) return account;
    const Entry& entry = found->second;
    if (!account) account.emplace();
    if (entry.balance) account->balance = *entry.balance;
    if (entry.nonce) account->nonce = *entry.nonce;
    if (entry.code) account->code_hash = entry.code->hash();
    // Not that of an empty trie: whoever sees that asks for no slot. Nobody reads more into it.
    if (!entry.storage.empty()) account->storage_root = Hash32();
    return account;
}

Result<U256> OverriddenState::storage(const Address& address, const U256& slot) {
    const auto found = entries_.find(address);
    if (found == entries_.end()) return base_.storage(address, slot);
    const auto held = found->second.storage.find(slot);
    if (held != found->second.storage.end()) return held->second;
    if (found->second.replaces_storage) return U256();
    return base_.storage(address, slot);
}

Result<CodePtr> OverriddenState::code(const Hash32& code_hash) {
    const auto found = codes_.find(code_hash);
    if (found != codes_.end()) return found->second;
    return base_.code(code_hash);
}

namespace {

U256 price_of(const CallArguments& arguments, const U256& base_fee) {
    if (arguments.gas_price) return *arguments.gas_price;
    if (!arguments.max_fee && !arguments.max_priority_fee) return {};
    const U256 tip = arguments.max_priority_fee.value_or(U256());
    if (!arguments.max_fee) return base_fee + tip;
    return std::min(*arguments.max_fee, base_fee + tip);
}

} // namespace

RpcResult<Simulation> prepare_simulation(const Backend& backend, const Param& call,
                                         const Param& block, const Param& state_overrides,
                                         const Param& block_overrides) {
    Simulation out;
    out.arguments = OL_TRY(call_arguments(call));
    const auto& chain_id = out.arguments.chain_id;
    if (chain_id && *chain_id != backend.chain.config().chain_id) {
        return rpc_fail(server_error, "chainId does not match node's (have={}, want={})", *chain_id,
                        backend.chain.config().chain_id);
    }
    out.block = OL_TRY(backend.require_block(OL_TRY(block_ref(block))));
    out.base = OL_TRY(backend.state_after(out.block));
    const StateOverride overrides = OL_TRY(state_override(state_overrides));
    if (!overrides.empty()) {
        out.overridden = std::make_unique<OverriddenState>(*out.base, overrides);
    }
    OL_TRY(override_block(block_overrides, out.block.header));
    out.block_hashes = backend.chain.block_hashes(out.block.hash);
    CallRequest& request = out.arguments.request;
    request.gas_price = price_of(out.arguments, out.block.header.base_fee.value_or(U256()));
    const std::uint64_t most = backend.call_gas_limit(out.block.header);
    request.gas = out.arguments.has_gas ? std::min(request.gas, most) : most;
    return out;
}

RpcResult<CallOutcome> run_simulation(const Backend& backend, Simulation& simulation,
                                      const CallRequest& request, evm::Tracer* tracer) {
    return OL_TRY(simulate(backend.chain.config(), simulation.state(), simulation.block.header,
                           request, simulation.block_hashes, tracer));
}

// ---- errors

std::optional<std::string> revert_reason(ByteView output) {
    constexpr std::uint32_t error_selector = 0x08c379a0, panic_selector = 0x4e487b71;
    constexpr std::size_t selector = 4, word = 32;
    if (output.size() < selector + word) return {};
    const auto word_at = [&](std::size_t at) { return U256::from_be(output.subspan(at, word)); };
    if (get_be32(output.data()) == panic_selector && output.size() == selector + word) {
        static constexpr std::pair<std::uint64_t, std::string_view> reasons[] = {
            {0x00, "generic panic"},
            {0x01, "assert(false)"},
            {0x11, "arithmetic underflow or overflow"},
            {0x12, "division or modulo by zero"},
            {0x21, "enum overflow"},
            {0x22, "invalid encoded storage byte array accessed"},
            {0x31, "out-of-bounds array access; popping on an empty array"},
            {0x32, "out-of-bounds access of an array or bytesN"},
            {0x41, "out of memory"},
            {0x51, "uninitialized function"},
        };
        const U256 code = word_at(selector);
        for (const auto& [number, text] : reasons) {
            if (code == U256(number)) return std::string(text);
        }
        return "unknown panic code: " + code.to_quantity();
    }
    if (get_be32(output.data()) != error_selector || output.size() < selector + 2 * word) return {};
    const U256 offset = word_at(selector);
    if (offset != U256(word)) return {};
    const U256 length = word_at(selector + word);
    const std::size_t room = output.size() - selector - 2 * word;
    if (!length.fits_u64() || length.low_u64() > room) return {};
    return std::string(as_text(output.subspan(selector + 2 * word, length.low_u64())));
}

RpcError execution_error(evm::Status status, ByteView output) {
    if (status == evm::Status::insufficient_balance) {
        return {server_error, "insufficient funds for transfer"};
    }
    if (status != evm::Status::revert) {
        return {server_error, std::string(evm::to_string(status))};
    }
    std::string message = "execution reverted";
    if (const auto reason = revert_reason(output)) message += ": " + *reason;
    return {execution_reverted, std::move(message), "\"" + to_hex0x(output) + "\""};
}

// ---- estimates

namespace {

constexpr std::uint64_t transfer_gas = 21'000, call_stipend = 2'300;
constexpr double estimate_precision = 0.015; // geth's

// What the sender can pay for at the stated fee; a limit on the search.
RpcResult<std::uint64_t> affordable(Simulation& simulation, std::uint64_t most) {
    const CallArguments& arguments = simulation.arguments;
    const U256 fee =
        arguments.gas_price ? *arguments.gas_price : arguments.max_fee.value_or(U256());
    if (fee.is_zero()) return most;
    const auto account = OL_TRY(simulation.state().account(arguments.request.from));
    const U256 balance = account ? account->balance : U256();
    if (balance < arguments.request.value) {
        return rpc_fail(server_error, "insufficient funds for transfer");
    }
    const U256 allowance = (balance - arguments.request.value) / fee;
    if (!allowance.fits_u64()) return most;
    return std::min(most, allowance.low_u64());
}

class GasSearch {
public:
    GasSearch(const Backend& backend, Simulation& simulation)
        : backend_(backend)
        , simulation_(simulation)
        , request_(simulation.arguments.request)
        , rules_(backend.chain.config().rules_at(simulation.block.header.number,
                                                 simulation.block.header.timestamp)) {
        Transaction transaction;
        transaction.type = request_.authorizations.empty() ? TransactionType::dynamic_fee
                                                           : TransactionType::set_code;
        transaction.to = request_.to;
        transaction.data = request_.data;
        transaction.access_list = request_.access_list;
        transaction.authorizations = request_.authorizations;
        const IntrinsicGas intrinsic = intrinsic_gas(transaction, rules_);
        least_ = std::max(intrinsic.gas, intrinsic.floor);
    }

    std::uint64_t least() const { return least_; }

    // Nothing when `gas` does not even pay for the transaction's bytes.
    RpcResult<std::optional<CallOutcome>> run(std::uint64_t gas) {
        if (gas < least_) return std::optional<CallOutcome>();
        request_.gas = gas;
        return OL_TRY(run_simulation(backend_, simulation_, request_));
    }
    RpcResult<bool> suffices(std::uint64_t gas) {
        const auto outcome = OL_TRY(run(gas));
        return outcome && outcome->status == evm::Status::success;
    }

private:
    const Backend& backend_;
    Simulation& simulation_;
    CallRequest request_;
    Rules rules_;
    std::uint64_t least_ = 0;
};

RpcResult<bool> is_plain_transfer(Simulation& simulation) {
    const CallRequest& request = simulation.arguments.request;
    if (!request.to || !request.data.empty() || !request.access_list.empty() ||
        !request.authorizations.empty()) {
        return false;
    }
    const auto account = OL_TRY(simulation.state().account(*request.to));
    return !account || account->code_hash == empty_code_hash;
}

} // namespace

RpcResult<std::uint64_t> estimate_gas(const Backend& backend, Simulation& simulation) {
    const CallArguments& arguments = simulation.arguments;
    std::uint64_t high = simulation.block.header.gas_limit;
    if (arguments.has_gas && arguments.request.gas >= transfer_gas) high = arguments.request.gas;
    high = std::min(high, backend.call_gas_limit(simulation.block.header));
    high = OL_TRY(affordable(simulation, high));
    GasSearch search(backend, simulation);
    if (OL_TRY(is_plain_transfer(simulation)) && high >= transfer_gas &&
        OL_TRY(search.suffices(transfer_gas))) {
        return transfer_gas;
    }
    const auto outcome = OL_TRY(search.run(high));
    if (!outcome || outcome->status == evm::Status::out_of_gas) {
        return rpc_fail(server_error, "gas required exceeds allowance ({})", high);
    }
    if (outcome->status != evm::Status::success) {
        return std::unexpected(execution_error(outcome->status, outcome->output));
    }
    std::uint64_t low = std::max(outcome->gas_used, search.least()) - 1;
    // Calls keep a 64th back at each depth (EIP-150): this is enough for most, in one step.
    const std::uint64_t optimistic =
        (std::max(outcome->gas_peak, outcome->gas_used) + call_stipend) * 64 / 63;
    if (optimistic < high) {
        if (OL_TRY(search.suffices(optimistic))) {
            high = optimistic;
        } else {
            low = optimistic;
        }
    }
    while (low + 1 < high) {
        if (static_cast<double>(high - low) / static_cast<double>(high) < estimate_precision) break;
        // Most calls need little more than they use: the search leans to the lower side.
        const std::uint64_t middle = std::min(low + (high - low) / 2, low * 2);
        if (OL_TRY(search.suffices(middle))) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

} // namespace ol::chain::rpc
