// Sending signed transactions, and what waits in the pool: eth_sendRawTransaction, txpool_.
#include <algorithm>

#include "chain/rpc/methods.hpp"

namespace ol::chain::rpc {

namespace {

constexpr std::uint64_t sync_wait_ms = 2'000, longest_sync_wait_ms = 10'000; // EIP-7966
constexpr int sync_timeout = 4;                                              // EIP-7966's code

using ByNonce = std::map<std::uint64_t, PooledPtr>;

// EIP-7966: the receipt in the answer, once the transaction is in a block.
RpcStatus send_and_wait(const Backend& backend, Call& call) {
    const Param raw = call.params[0], time = call.params[1];
    std::uint64_t wait_ms = sync_wait_ms;
    if (!time.is_absent()) wait_ms = std::min(OL_TRY(time.any_number64()), longest_sync_wait_ms);
    if (backend.sequencer == nullptr) {
        return rpc_fail(server_error, "this node makes no blocks itself: send with "
                                      "eth_sendRawTransaction and ask for the receipt");
    }
    const Hash32 hash = OL_TRY(send_raw(backend, OL_TRY(raw.data())));
    if (!backend.sequencer->wait_for(hash, static_cast<std::int64_t>(wait_ms))) {
        return std::unexpected(RpcError(
            sync_timeout,
            fmt::format("The transaction was added to the pool but was in no block after {} ms",
                        wait_ms),
            "\"" + to_hex0x(hash.view()) + "\""));
    }
    const auto place = OL_TRY(backend.chain.find(hash));
    const auto block = place ? OL_TRY(backend.whole(place->block_hash)) : WholeBlockPtr();
    if (!block) return rpc_fail(server_error, "the transaction's block has left the chain");
    ReceiptPrinter(backend.chain.config(), *block).print(call.out, place->index);
    return {};
}

void print_pooled(Writer& out, const PooledTransaction& pooled) {
    print_transaction(out, pooled.transaction, pooled.hash, pooled.sender, nullptr, nullptr);
}

void print_summary(Writer& out, const PooledTransaction& pooled) {
    const Transaction& transaction = pooled.transaction;
    const std::string to = transaction.to ? to_hex0x(transaction.to->view()) : "contract creation";
    out.value(fmt::format("{}: {} wei + {} gas × {} wei", to, transaction.value.to_decimal(),
                          transaction.gas_limit, transaction.max_fee.to_decimal()));
}

using Print = void (*)(Writer&, const PooledTransaction&);

void print_by_nonce(Writer& out, const ByNonce& transactions, Print print) {
    out.begin_object();
    for (const auto& [nonce, pooled] : transactions) {
        out.key(std::to_string(nonce));
        print(out, *pooled);
    }
    out.end_object();
}

void print_content(Writer& out, const TransactionPool::Content& content, Print print) {
    out.begin_object();
    for (const bool pending : {true, false}) {
        out.key(pending ? "pending" : "queued");
        out.begin_object();
        for (const auto& [sender, transactions] : pending ? content.pending : content.queued) {
            out.key(to_hex0x(sender.view()));
            print_by_nonce(out, transactions, print);
        }
        out.end_object();
    }
    out.end_object();
}

} // namespace

RpcResult<Hash32> send_raw(const Backend& backend, ByteView encoded) {
    return OL_TRY(backend.pool.add(OL_TRY(decode_transaction(encoded))));
}

void add_pool_methods(MethodTable& table, const Backend& backend) {
    table.add("eth_sendRawTransaction", 1, 1, [&backend](Call& call) -> RpcStatus {
        const Param raw = call.params[0];
        call.out.value(OL_TRY(send_raw(backend, OL_TRY(raw.data()))));
        return {};
    });
    table.add("eth_sendRawTransactionSync", 1, 2,
              [&backend](Call& call) { return send_and_wait(backend, call); });
    table.add("txpool_status", 0, 0, [&backend](Call& call) -> RpcStatus {
        const auto counts = backend.pool.counts();
        call.out.begin_object();
        call.out.member("pending", counts.pending);
        call.out.member("queued", counts.queued);
        call.out.end_object();
        return {};
    });
    table.add("txpool_content", 0, 0, [&backend](Call& call) -> RpcStatus {
        print_content(call.out, backend.pool.content(), print_pooled);
        return {};
    });
    table.add("txpool_inspect", 0, 0, [&backend](Call& call) -> RpcStatus {
        print_content(call.out, backend.pool.content(), print_summary);
        return {};
    });
    table.add("txpool_contentFrom", 1, 1, [&backend](Call& call) -> RpcStatus {
        const Param who = call.params[0];
        const Address sender = OL_TRY(who.address());
        const auto content = backend.pool.content();
        const auto of = [&](const std::map<Address, ByNonce>& all) {
            const auto found = all.find(sender);
            return found == all.end() ? ByNonce() : found->second;
        };
        call.out.begin_object();
        call.out.key("pending");
        print_by_nonce(call.out, of(content.pending), print_pooled);
        call.out.key("queued");
        print_by_nonce(call.out, of(content.queued), print_pooled);
        call.out.end_object();
        return {};
    });
    table.add("eth_pendingTransactions", 0, 0, [&backend](Call& call) -> RpcStatus {
        call.out.begin_array();
        for (const auto& [sender, transactions] : backend.pool.content().pending) {
            for (const auto& [nonce, pooled] : transactions) print_pooled(call.out, *pooled);
        }
        call.out.end_array();
        return {};
    });
}

} // namespace ol::chain::rpc
