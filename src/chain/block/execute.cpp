// A transaction's message: from the warm sets to the gas that it used.
#include <algorithm>

#include "chain/block/transaction_run.hpp"
#include "chain/evm/machine.hpp"
#include "chain/evm/precompiles/precompiles.hpp"

namespace ol::chain {
namespace {

constexpr std::uint8_t delegation_prefix[] = {0xef, 0x01, 0x00}; // EIP-7702
// EIP-7702: an account that is there already costs less than the new one that was paid for.
constexpr std::int64_t existing_authority_refund = 25'000 - 12'500;

// EIP-2929, EIP-2930, EIP-3651.
void warm(Journal& journal, const evm::Evm& evm, const Transaction& tx, const Address& sender) {
    const Rules& rules = evm.rules();
    if (rules.fork < Fork::berlin) return;
    journal.access_account(sender);
    if (tx.to) journal.access_account(*tx.to);
    for (const auto& address : evm::precompile_addresses(rules)) journal.access_account(address);
    if (rules.fork >= Fork::shanghai) journal.access_account(evm.block().coinbase);
    for (const auto& entry : tx.access_list) {
        journal.access_account(entry.address);
        for (const auto& slot : entry.slots) journal.access_slot(entry.address, slot);
    }
}

// One tuple of EIP-7702; one that does not hold is passed over.
void authorize(Journal& journal, const Authorization& authorization, std::uint64_t chain_id) {
    if (!authorization.chain_id.is_zero() && authorization.chain_id != U256(chain_id)) return;
    if (authorization.nonce + 1 == 0) return;
    const auto signer = authority_of(authorization);
    if (!signer) return;
    journal.access_account(*signer);
    const CodePtr code = journal.code(*signer);
    if (!code->bytes().empty() && !is_delegation(code->bytes())) return;
    if (journal.nonce(*signer) != authorization.nonce) return;
    if (journal.exists(*signer)) journal.add_refund(existing_authority_refund);
    Bytes designator;
    if (!authorization.address.is_zero()) {
        append(designator, ByteView(delegation_prefix));
        append(designator, authorization.address.view());
    }
    journal.set_code(*signer, std::move(designator));
    journal.set_nonce(*signer, authorization.nonce + 1);
}

// The code that a call to a delegated account runs is warm from the start.
void warm_delegate(Journal& journal, const Rules& rules, const Address& to) {
    if (rules.fork < Fork::prague) return;
    const CodePtr code = journal.code(to);
    if (const std::uint8_t* delegate = evm::delegate_of(code->bytes())) {
        Address target;
        std::copy_n(delegate, Address::size(), target.begin());
        journal.access_account(target);
    }
}

} // namespace

bool is_delegation(ByteView code) { return evm::delegate_of(code) != nullptr; }

evm::BlockContext block_context(const ChainConfig& config, const Header& header,
                                const BlockHashes& block_hashes) {
    evm::BlockContext out;
    out.number = header.number;
    out.timestamp = header.timestamp;
    out.gas_limit = header.gas_limit;
    out.coinbase = header.coinbase;
    out.difficulty = header.difficulty;
    out.prev_randao = header.prev_randao;
    out.base_fee = header.base_fee.value_or(U256());
    if (header.excess_blob_gas) out.blob_base_fee = blob_base_fee(config, header);
    out.chain_id = config.chain_id;
    out.block_hash = block_hashes;
    return out;
}

Execution execute(evm::Evm& evm, Journal& journal, const Transaction& tx, const Address& sender,
                  const IntrinsicGas& intrinsic) {
    const Rules& rules = evm.rules();
    warm(journal, evm, tx, sender);
    const std::uint64_t nonce = journal.nonce(sender);
    journal.set_nonce(sender, nonce + 1);
    for (const auto& authorization : tx.authorizations) {
        authorize(journal, authorization, evm.block().chain_id);
    }
    if (tx.to) warm_delegate(journal, rules, *tx.to);

    evm::Message message;
    message.kind = tx.to ? evm::CallKind::call : evm::CallKind::create;
    message.gas = static_cast<std::int64_t>(tx.gas_limit - intrinsic.gas);
    message.sender = sender;
    message.recipient = message.code_address = tx.to.value_or(Address{});
    message.value = tx.value;
    message.input = tx.data;

    Execution out;
    out.result = evm.call(message, nonce);
    out.gas_peak = tx.gas_limit - static_cast<std::uint64_t>(out.result.gas_left);
    // EIP-3529: at most a fifth of the gas comes back; before, a half.
    const std::uint64_t most = out.gas_peak / (rules.fork >= Fork::london ? 5 : 2);
    const std::int64_t refund = std::max<std::int64_t>(journal.refund(), 0);
    out.gas_used = out.gas_peak - std::min(most, static_cast<std::uint64_t>(refund));
    out.gas_used = std::max(out.gas_used, intrinsic.floor);
    out.gas_peak = std::max(out.gas_peak, intrinsic.floor);
    return out;
}

} // namespace ol::chain
