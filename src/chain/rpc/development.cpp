#include "chain/rpc/development.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "chain/rpc/simulation.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::rpc {

namespace {

constexpr std::uint64_t mined_at_once = 100'000;
constexpr std::size_t snapshots_limit = 1000;

} // namespace

Development::Development(const Backend& methods_backend)
    : backend(methods_backend)
    , sequencer(*methods_backend.sequencer) {
    for (const auto& key : backend.options.unlocked) keys_[key.address()] = &key;
}

RpcStatus Development::mine(std::uint64_t blocks, std::uint64_t interval_s) {
    if (blocks > mined_at_once) {
        return rpc_fail(invalid_params, "{} blocks are too many at once: at most {}", blocks,
                        mined_at_once);
    }
    for (std::uint64_t i = 0; i < blocks; ++i) {
        std::optional<std::uint64_t> time;
        if (interval_s != 0 && i != 0) time = backend.chain.head().timestamp + interval_s;
        OL_TRY(sequencer.mine(time));
    }
    return {};
}

std::uint64_t Development::take_snapshot() {
    const BlockHead head = backend.head();
    const std::lock_guard lock(mutex_);
    if (snapshots_.size() >= snapshots_limit) snapshots_.erase(snapshots_.begin());
    snapshots_.push_back(
        {next_snapshot_, head.header.number, head.hash, backend.chain.overrides()});
    return next_snapshot_++;
}

RpcResult<bool> Development::revert_to(std::uint64_t snapshot) {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(snapshots_, snapshot, &Snapshot::id);
    if (found == snapshots_.end()) return false;
    const Snapshot target = *found;
    snapshots_.erase(found, snapshots_.end());
    if (OL_TRY(backend.chain.canonical_hash(target.number)) != target.hash) return false;
    // What the forgotten blocks held must not come back through the pool.
    const bool automine = sequencer.automine();
    sequencer.set_automine(false);
    const auto rewound = backend.chain.rewind(target.number);
    backend.pool.clear();
    const auto restored = rewound && !target.overrides.empty()
                              ? backend.chain.override_state(target.overrides)
                              : rewound;
    sequencer.set_automine(automine);
    OL_TRY(Status(restored));
    return true;
}

RpcStatus Development::alter(const Address& address,
                             const std::function<void(Account&, AccountChange&)>& change) {
    const BlockHead head = backend.head();
    const auto state = OL_TRY(backend.state_after(head));
    AccountChange altered;
    altered.address = address;
    altered.account = OL_TRY(state->account(address)).value_or(Account());
    change(*altered.account, altered);
    OL_TRY(backend.chain.override_state({altered}));
    return {};
}

// ---- sending

void Development::impersonate(const Address& address, bool on) {
    const std::lock_guard lock(mutex_);
    if (on) {
        impersonated_.insert(address);
    } else {
        impersonated_.erase(address);
    }
}

void Development::impersonate_all(bool on) {
    const std::lock_guard lock(mutex_);
    impersonates_all_ = on;
}

bool Development::is_impersonated(const Address& address) const {
    const std::lock_guard lock(mutex_);
    return impersonates_all_ || impersonated_.contains(address);
}

const crypto::PrivateKey* Development::key_of(const Address& address) const {
    const auto found = keys_.find(address);
    return found == keys_.end() ? nullptr : found->second;
}

RpcResult<Development::Filled> Development::fill(const Param& param) {
    const codec::Json latest("latest"), nothing;
    const Param where("block", latest), none("none", nothing);
    CallArguments arguments = OL_TRY(call_arguments(param));
    const Param from = param["from"];
    if (from.is_absent()) return from.wrong("missing value");
    const BlockHead head = backend.head();
    const U256 base_fee = head.header.base_fee.value_or(U256());
    Filled out;
    out.from = arguments.request.from;
    Transaction& transaction = out.transaction;
    transaction.chain_id = backend.chain.config().chain_id;
    transaction.to = arguments.request.to;
    transaction.value = arguments.request.value;
    transaction.data = arguments.request.data;
    transaction.nonce =
        arguments.nonce ? *arguments.nonce : backend.pool.next_nonce(arguments.request.from);
    if (arguments.gas_price) {
        transaction.type =
            arguments.access_list ? TransactionType::access_list : TransactionType::legacy;
        transaction.max_fee = transaction.max_priority_fee = *arguments.gas_price;
    } else {
        transaction.type = TransactionType::dynamic_fee;
        transaction.max_priority_fee = arguments.max_priority_fee ? *arguments.max_priority_fee
                                                                  : OL_TRY(suggested_tip(backend));
        transaction.max_fee = arguments.max_fee ? *arguments.max_fee
                                                : base_fee * U256(2) + transaction.max_priority_fee;
        if (transaction.max_priority_fee > transaction.max_fee) {
            transaction.max_priority_fee = transaction.max_fee;
        }
    }
    if (arguments.access_list) transaction.access_list = *arguments.access_list;
    if (!arguments.request.authorizations.empty()) {
        transaction.type = TransactionType::set_code;
        transaction.authorizations = arguments.request.authorizations;
    }
    transaction.gas_limit = arguments.request.gas;
    if (!arguments.has_gas) {
        auto simulation = OL_TRY(prepare_simulation(backend, param, where, none, none));
        transaction.gas_limit = OL_TRY(estimate_gas(backend, simulation));
    }
    return out;
}

namespace {

void sign(Transaction& transaction, const crypto::PrivateKey& key) {
    const crypto::Signature signature = key.sign(signing_hash(transaction));
    transaction.y_parity = signature.parity;
    transaction.r = U256::from_be(signature.r.view());
    transaction.s = U256::from_be(signature.s.view());
}

} // namespace

RpcResult<Transaction> Development::signed_transaction(const Param& param) {
    OL_TRY(param.expect_object());
    const Param from = param["from"];
    const crypto::PrivateKey* key = key_of(OL_TRY(from.address()));
    if (key == nullptr) return rpc_fail(server_error, "unknown account");
    Filled filled = OL_TRY(fill(param));
    sign(filled.transaction, *key);
    return std::move(filled.transaction);
}

RpcResult<Hash32> Development::send(const Param& param) {
    OL_TRY(param.expect_object());
    const Param from = param["from"];
    const Address sender = OL_TRY(from.address());
    const crypto::PrivateKey* key = key_of(sender);
    if (key == nullptr && !is_impersonated(sender)) {
        return rpc_fail(server_error, "unknown account");
    }
    Filled filled = OL_TRY(fill(param));
    if (key == nullptr) return send_unsigned(filled);
    sign(filled.transaction, *key);
    return OL_TRY(backend.pool.add(std::move(filled.transaction)));
}

// As a deposit: the one transaction that states its sender without a signature, so that the block
// stays one that anybody can execute again. Its fee is zero and it pays no nonce check.
RpcResult<Hash32> Development::send_unsigned(const Filled& filled) {
    if (!backend.chain.config().is_op()) {
        return rpc_fail(server_error, "impersonated accounts send on OP Stack chains alone");
    }
    Transaction deposit;
    deposit.type = TransactionType::deposit;
    deposit.from = filled.from;
    deposit.to = filled.transaction.to;
    deposit.value = filled.transaction.value;
    deposit.data = filled.transaction.data;
    deposit.gas_limit = filled.transaction.gas_limit;
    const Bytes unique = crypto::random_bytes(32);
    deposit.source_hash = crypto::keccak256(unique);
    const Hash32 out = hash(deposit);
    OL_TRY(sequencer.force(std::move(deposit)));
    return out;
}

RpcResult<Bytes> Development::sign_message(const Address& signer, ByteView message) const {
    const crypto::PrivateKey* key = key_of(signer);
    if (key == nullptr) return rpc_fail(server_error, "unknown account");
    Bytes text;
    append(text, as_bytes(fmt::format("\x19"
                                      "Ethereum Signed Message:\n{}",
                                      message.size())));
    append(text, message);
    return key->sign(crypto::keccak256(text)).to_rsv();
}

} // namespace ol::chain::rpc
