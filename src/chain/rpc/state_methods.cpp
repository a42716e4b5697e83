// What accounts hold: balances, codes, slots, nonces and their proofs.
#include "chain/rpc/methods.hpp"

namespace ol::chain::rpc {

namespace {

constexpr std::size_t proof_slots = 1024;

RpcResult<Account> account_of(StateReader& state, const Address& address) {
    return OL_TRY(state.account(address)).value_or(Account());
}

RpcStatus get_code(const Backend& backend, Call& call) {
    const Param who = call.params[0], where = call.params[1];
    const Address address = OL_TRY(who.address());
    const auto at = OL_TRY(backend.at(where));
    const Account account = OL_TRY(account_of(*at.state, address));
    if (account.code_hash == empty_code_hash) {
        call.out.value(ByteView());
    } else {
        call.out.value(OL_TRY(at.state->code(account.code_hash))->bytes());
    }
    return {};
}

// With the pool's where "pending" is asked for: what a wallet signs next.
RpcStatus get_nonce(const Backend& backend, Call& call) {
    const Param who = call.params[0], where = call.params[1];
    const Address address = OL_TRY(who.address());
    if (OL_TRY(block_ref(where)).tag == BlockRef::Tag::pending) {
        call.out.value(backend.pool.next_nonce(address));
        return {};
    }
    const auto at = OL_TRY(backend.at(where));
    call.out.value(OL_TRY(account_of(*at.state, address)).nonce);
    return {};
}

RpcStatus get_proof(const Backend& backend, Call& call) {
    const Param who = call.params[0], keys = call.params[1], where = call.params[2];
    const Address address = OL_TRY(who.address());
    OL_TRY(keys.expect_array());
    if (keys.count() > proof_slots) {
        return keys.wrong(
            fmt::format("too many storage keys: {}, at most {}", keys.count(), proof_slots));
    }
    std::vector<U256> slots;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < keys.count(); ++i) {
        const Param key = keys[i];
        slots.push_back(OL_TRY(key.slot()));
        // As it was asked for: a quantity stays one, 32 bytes stay 32 bytes.
        names.push_back(key.json().text().size() == 66 ? to_hex0x(slots.back().to_be().view())
                                                       : slots.back().to_quantity());
    }
    const BlockHead block = OL_TRY(backend.require_block(OL_TRY(block_ref(where))));
    const auto proof = OL_TRY(backend.chain.state().prove(address, slots, block.header.number));
    print_proof(call.out, address, proof, names);
    return {};
}

} // namespace

void add_state_methods(MethodTable& table, const Backend& backend) {
    table.add("eth_getBalance", 1, 2, [&backend](Call& call) -> RpcStatus {
        const Param who = call.params[0], where = call.params[1];
        const Address address = OL_TRY(who.address());
        const auto at = OL_TRY(backend.at(where));
        call.out.value(OL_TRY(account_of(*at.state, address)).balance);
        return {};
    });
    table.add("eth_getCode", 1, 2, [&backend](Call& call) { return get_code(backend, call); });
    table.add("eth_getStorageAt", 2, 3, [&backend](Call& call) -> RpcStatus {
        const Param who = call.params[0], key = call.params[1], where = call.params[2];
        const Address address = OL_TRY(who.address());
        const U256 slot = OL_TRY(key.slot());
        const auto at = OL_TRY(backend.at(where));
        call.out.word(OL_TRY(at.state->storage(address, slot)));
        return {};
    });
    table.add("eth_getTransactionCount", 1, 2,
              [&backend](Call& call) { return get_nonce(backend, call); });
    table.add("eth_getProof", 2, 3, [&backend](Call& call) { return get_proof(backend, call); });
}

} // namespace ol::chain::rpc
