// Blocks, transactions and receipts, and their raw forms.
#include "chain/rpc/methods.hpp"

namespace ol::chain::rpc {

namespace {

// The block that a parameter names, whole; null where there is none.
RpcResult<WholeBlockPtr> named_block(const Backend& backend, const Param& param) {
    const auto found = OL_TRY(backend.find_block(OL_TRY(block_ref(param))));
    if (!found) return WholeBlockPtr();
    return backend.whole(found->hash);
}

RpcResult<WholeBlockPtr> block_by_hash(const Backend& backend, const Param& param) {
    return backend.whole(OL_TRY(param.hash32()));
}

using FindBlock = RpcResult<WholeBlockPtr> (*)(const Backend&, const Param&);

void print_or_null(Writer& out, const WholeBlockPtr& block, bool full) {
    if (block) {
        print_block(out, *block, full);
    } else {
        out.value(nullptr);
    }
}

// A block's methods come in pairs, by number and by hash.
void add_block_pair(MethodTable& table, const Backend& backend, FindBlock find,
                    const std::string& suffix) {
    table.add("eth_getBlockBy" + suffix, 1, 2, [&backend, find](Call& call) -> RpcStatus {
        const Param where = call.params[0], full = call.params[1];
        const bool objects = full.is_absent() ? false : OL_TRY(full.boolean());
        print_or_null(call.out, OL_TRY(find(backend, where)), objects);
        return {};
    });
    table.add("eth_getBlockTransactionCountBy" + suffix, 1, 1,
              [&backend, find](Call& call) -> RpcStatus {
                  const Param where = call.params[0];
                  const auto block = OL_TRY(find(backend, where));
                  if (block) {
                      call.out.value(block->count());
                  } else {
                      call.out.value(nullptr);
                  }
                  return {};
              });
    const std::string of_block = suffix == "Number" ? "BlockNumber" : "BlockHash";
    table.add("eth_getTransactionBy" + of_block + "AndIndex", 2, 2,
              [&backend, find](Call& call) -> RpcStatus {
                  const Param where = call.params[0], at = call.params[1];
                  const std::uint64_t index = OL_TRY(at.quantity64());
                  const auto block = OL_TRY(find(backend, where));
                  if (block && index < block->count()) {
                      print_transaction(call.out, *block, index);
                  } else {
                      call.out.value(nullptr);
                  }
                  return {};
              });
    table.add("eth_getRawTransactionBy" + of_block + "AndIndex", 2, 2,
              [&backend, find](Call& call) -> RpcStatus {
                  const Param where = call.params[0], at = call.params[1];
                  const std::uint64_t index = OL_TRY(at.quantity64());
                  const auto block = OL_TRY(find(backend, where));
                  call.out.value(block && index < block->count() ? encode(block->transaction(index))
                                                                 : Bytes());
                  return {};
              });
    table.add("eth_getUncleCountBy" + of_block, 1, 1, [&backend, find](Call& call) -> RpcStatus {
        const Param where = call.params[0];
        const auto block = OL_TRY(find(backend, where));
        if (block) {
            call.out.value(block->block().ommers.size());
        } else {
            call.out.value(nullptr);
        }
        return {};
    });
    table.add("eth_getUncleBy" + of_block + "AndIndex", 2, 2,
              [&backend, find](Call& call) -> RpcStatus {
                  const Param where = call.params[0], at = call.params[1];
                  const std::uint64_t index = OL_TRY(at.quantity64());
                  const auto block = OL_TRY(find(backend, where));
                  if (!block || index >= block->block().ommers.size()) {
                      call.out.value(nullptr);
                  } else {
                      const Header& ommer = block->block().ommers[index];
                      print_header(call.out, hash(ommer), ommer);
                  }
                  return {};
              });
}

// The transaction within its block; the block is null where the transaction is in none.
struct Placed {
    WholeBlockPtr block;
    std::size_t index = 0;
};
RpcResult<Placed> find_transaction(const Backend& backend, const Hash32& hash) {
    const auto place = OL_TRY(backend.chain.find(hash));
    if (!place) return Placed{};
    Placed out{.block = OL_TRY(backend.whole(place->block_hash)), .index = place->index};
    if (out.block && out.index >= out.block->count()) {
        return rpc_fail(internal_error, "the index names transaction {} of block {}, which has {}",
                        out.index, out.block->header().number, out.block->count());
    }
    return out;
}

RpcStatus print_receipts(const Backend& backend, Call& call) {
    const Param where = call.params[0];
    const auto block = OL_TRY(named_block(backend, where));
    if (!block) {
        call.out.value(nullptr);
        return {};
    }
    const ReceiptPrinter printer(backend.chain.config(), *block);
    call.out.begin_array();
    for (std::size_t i = 0; i < block->count(); ++i) printer.print(call.out, i);
    call.out.end_array();
    return {};
}

void add_transaction_methods(MethodTable& table, const Backend& backend) {
    table.add("eth_getTransactionByHash", 1, 1, [&backend](Call& call) -> RpcStatus {
        const Param param = call.params[0];
        const Hash32 hash = OL_TRY(param.hash32());
        const Placed placed = OL_TRY(find_transaction(backend, hash));
        if (placed.block) {
            print_transaction(call.out, *placed.block, placed.index);
        } else if (const PooledPtr waiting = backend.pool.find(hash)) {
            print_transaction(call.out, waiting->transaction, hash, waiting->sender, nullptr,
                              nullptr);
        } else {
            call.out.value(nullptr);
        }
        return {};
    });
    const auto raw = [&backend](Call& call) -> RpcStatus {
        const Param param = call.params[0];
        const Hash32 hash = OL_TRY(param.hash32());
        const Placed placed = OL_TRY(find_transaction(backend, hash));
        if (placed.block) {
            call.out.value(encode(placed.block->transaction(placed.index)));
        } else if (const PooledPtr waiting = backend.pool.find(hash)) {
            call.out.value(waiting->encoded);
        } else {
            call.out.value(nullptr);
        }
        return {};
    };
    table.add("eth_getRawTransactionByHash", 1, 1, raw);
    table.add("debug_getRawTransaction", 1, 1, raw);
    table.add("eth_getTransactionReceipt", 1, 1, [&backend](Call& call) -> RpcStatus {
        const Param param = call.params[0];
        const Placed placed = OL_TRY(find_transaction(backend, OL_TRY(param.hash32())));
        if (placed.block) {
            ReceiptPrinter(backend.chain.config(), *placed.block).print(call.out, placed.index);
        } else {
            call.out.value(nullptr);
        }
        return {};
    });
    table.add("eth_getBlockReceipts", 1, 1,
              [&backend](Call& call) { return print_receipts(backend, call); });
}

RpcResult<WholeBlockPtr> required_block(const Backend& backend, const Param& param) {
    auto block = OL_TRY(named_block(backend, param));
    if (!block) return rpc_fail(server_error, "block not found");
    return block;
}

} // namespace

void add_chain_methods(MethodTable& table, const Backend& backend) {
    table.add("eth_blockNumber", 0, 0, [&backend](Call& call) -> RpcStatus {
        call.out.value(backend.chain.head().number);
        return {};
    });
    add_block_pair(table, backend, named_block, "Number");
    add_block_pair(table, backend, block_by_hash, "Hash");
    add_transaction_methods(table, backend);
}

void add_raw_methods(MethodTable& table, const Backend& backend) {
    table.add("debug_getRawHeader", 1, 1, [&backend](Call& call) -> RpcStatus {
        const Param where = call.params[0];
        call.out.value(encode(OL_TRY(required_block(backend, where))->header()));
        return {};
    });
    table.add("debug_getRawBlock", 1, 1, [&backend](Call& call) -> RpcStatus {
        const Param where = call.params[0];
        call.out.value(encode(OL_TRY(required_block(backend, where))->block()));
        return {};
    });
    table.add("debug_getRawReceipts", 1, 1, [&backend](Call& call) -> RpcStatus {
        const Param where = call.params[0];
        const auto block = OL_TRY(required_block(backend, where));
        call.out.begin_array();
        for (std::size_t i = 0; i < block->count(); ++i) {
            call.out.value(encode(block->outcome(i).receipt));
        }
        call.out.end_array();
        return {};
    });
}

} // namespace ol::chain::rpc
