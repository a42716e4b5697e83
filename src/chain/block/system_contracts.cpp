#include "chain/block/system_contracts.hpp"

#include <algorithm>
#include <array>

#include "chain/types/literal.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

constexpr std::int64_t system_call_gas = 30'000'000;

constexpr Address system_address = literal("fffffffffffffffffffffffffffffffffffffffe");
constexpr Address beacon_roots = literal("000f3df6d732807ef1319fb7b8bb8522d0beac02");
constexpr Address history_storage = literal("0000f90827f1c53a10cb7a02335b175320002935");
constexpr Address withdrawal_queue = literal("00000961ef480eb55e80d19ad83579a64c007002");
constexpr Address consolidation_queue = literal("0000bbddc7ce488642fb579f8b00f3a590007251");

enum RequestType : std::uint8_t { deposits = 0, withdrawals = 1, consolidations = 2 };

// Outside of any transaction: no gas is paid, no nonce raised.
evm::CallResult system_call(evm::Evm& evm, Journal& journal, const Address& to, ByteView input) {
    journal.begin_transaction();
    evm.set_transaction({system_address, U256(), {}});
    evm::Message message;
    message.gas = system_call_gas;
    message.sender = system_address;
    message.recipient = message.code_address = to;
    message.input = input;
    journal.access_account(to);
    evm::CallResult out = evm.call(message);
    journal.end_transaction(evm.rules());
    return out;
}

// keccak("DepositEvent(bytes,bytes,bytes,bytes,bytes)")
const Hash32 deposit_event = crypto::keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)");

struct DepositField {
    std::uint64_t offset, size; // of the length word; of the bytes behind it
};
// Public key, withdrawal credentials, amount, signature, index (EIP-6110).
constexpr std::array<DepositField, 5> deposit_fields = {
    {{160, 48}, {256, 32}, {320, 8}, {384, 96}, {512, 8}}};
constexpr std::size_t deposit_data_bytes = 576;

// The bytes of a deposit's log without what the ABI puts around them.
Status append_deposit(Bytes& out, ByteView data) {
    const auto word = [&](std::size_t at) { return U256::from_be(data.subspan(at, 32)); };
    bool holds = data.size() == deposit_data_bytes;
    for (std::size_t i = 0; holds && i < deposit_fields.size(); ++i) {
        const auto& field = deposit_fields[i];
        holds = word(32 * i) == U256(field.offset) && word(field.offset) == U256(field.size);
    }
    if (!holds) {
        return fail(ErrorCode::unverified, "requests: a deposit's log does not have its form");
    }
    for (const auto& field : deposit_fields) {
        append(out, data.subspan(field.offset + 32, field.size));
    }
    return {};
}

Result<Bytes> deposits_of(const Address& contract, std::span<const Receipt> receipts) {
    Bytes out{RequestType::deposits};
    for (const auto& receipt : receipts) {
        for (const auto& log : receipt.logs) {
            if (log.address != contract || log.topics.empty() || log.topics[0] != deposit_event) {
                continue;
            }
            OL_TRY(append_deposit(out, log.data));
        }
    }
    return out;
}

Result<Bytes> queue_of(evm::Evm& evm, Journal& journal, const Address& contract, RequestType type,
                       std::string_view name) {
    if (journal.code_hash(contract) == empty_code_hash) {
        return fail(ErrorCode::unverified, "requests: the contract of {} is not there", name);
    }
    const evm::CallResult result = system_call(evm, journal, contract, {});
    if (!result.succeeded()) {
        return fail(ErrorCode::unverified, "requests: the contract of {} failed: {}", name,
                    evm::to_string(result.status));
    }
    Bytes out{type};
    append(out, result.output);
    return out;
}

} // namespace

void call_system_contracts_at_start(evm::Evm& evm, Journal& journal, const Header& header) {
    const Rules& rules = evm.rules();
    if (rules.fork >= Fork::cancun && header.parent_beacon_block_root) {
        system_call(evm, journal, beacon_roots, header.parent_beacon_block_root->view());
    }
    if (rules.fork >= Fork::prague) {
        system_call(evm, journal, history_storage, header.parent_hash.view());
    }
}

Result<std::vector<Bytes>> collect_requests(evm::Evm& evm, Journal& journal,
                                            const Address& deposit_contract,
                                            std::span<const Receipt> receipts) {
    std::vector<Bytes> out;
    out.push_back(OL_TRY(deposits_of(deposit_contract, receipts)));
    out.push_back(OL_TRY(queue_of(evm, journal, withdrawal_queue, RequestType::withdrawals,
                                  "withdrawal requests (EIP-7002)")));
    out.push_back(OL_TRY(queue_of(evm, journal, consolidation_queue, RequestType::consolidations,
                                  "consolidation requests (EIP-7251)")));
    std::erase_if(out, [](const Bytes& request) { return request.size() == 1; });
    return out;
}

Hash32 hash_of_requests(std::span<const Bytes> requests) {
    Bytes hashes;
    for (const auto& request : requests) append(hashes, crypto::sha256(request).view());
    return crypto::sha256(hashes);
}

} // namespace ol::chain
