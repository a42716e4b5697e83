#include "chain/rpc/development.hpp"

namespace ol::chain::rpc {

namespace {

// A number where clients send {blocks: n} too, or nothing.
RpcResult<std::uint64_t> number_or(const Param& param, std::uint64_t otherwise) {
    return param.is_absent() ? otherwise : param.any_number64();
}

RpcStatus null_result(Call& call) {
    call.out.value(nullptr);
    return {};
}

// evm_mine takes a time, or {timestamp, blocks} (ganache).
RpcStatus evm_mine(Development& development, Call& call) {
    const Param param = call.params[0];
    std::uint64_t blocks = 1;
    std::optional<std::uint64_t> time;
    if (param.is_object()) {
        const Param count = param["blocks"], when = param["timestamp"];
        blocks = OL_TRY(number_or(count, 1));
        if (!when.is_absent()) time = OL_TRY(when.any_number64());
    } else if (!param.is_absent()) {
        time = OL_TRY(param.any_number64());
    }
    if (time) {
        OL_TRY(development.sequencer.mine(time));
        if (blocks > 0) --blocks;
    }
    OL_TRY(development.mine(blocks, 0));
    call.out.value("0x0");
    return {};
}

void add_time_methods(MethodTable& table, Development& development) {
    table.add("evm_mine", 0, 1, [&development](Call& call) { return evm_mine(development, call); });
    table.add("anvil_mine", 0, 2, [&development](Call& call) -> RpcStatus {
        const Param blocks = call.params[0], interval = call.params[1];
        OL_TRY(development.mine(OL_TRY(number_or(blocks, 1)), OL_TRY(number_or(interval, 0))));
        return null_result(call);
    });
    table.add("evm_increaseTime", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param seconds = call.params[0];
        const std::uint64_t by = OL_TRY(seconds.any_number64());
        OL_TRY(development.sequencer.increase_time(by));
        call.out.number(by);
        return {};
    });
    table.add("evm_setNextBlockTimestamp", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param time = call.params[0];
        OL_TRY(development.sequencer.set_next_timestamp(OL_TRY(time.any_number64())));
        return null_result(call);
    });
    table.add("evm_setAutomine", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param on = call.params[0];
        development.sequencer.set_automine(OL_TRY(on.boolean()));
        return null_result(call);
    });
    table.add("anvil_getAutomine", 0, 0, [&development](Call& call) -> RpcStatus {
        call.out.value(development.sequencer.automine());
        return {};
    });
    table.add("evm_setIntervalMining", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param seconds = call.params[0];
        const std::uint64_t every = OL_TRY(seconds.any_number64());
        if (every != 0) development.sequencer.set_automine(false);
        OL_TRY(development.sequencer.set_interval(every));
        return null_result(call);
    });
    table.add("evm_snapshot", 0, 0, [&development](Call& call) -> RpcStatus {
        call.out.value(development.take_snapshot());
        return {};
    });
    table.add("evm_revert", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param id = call.params[0];
        call.out.value(OL_TRY(development.revert_to(OL_TRY(id.any_number64()))));
        return {};
    });
}

void add_account_methods(MethodTable& table, Development& development) {
    table.add("anvil_setBalance", 2, 2, [&development](Call& call) -> RpcStatus {
        const Param who = call.params[0], amount = call.params[1];
        const U256 balance = OL_TRY(amount.any_number());
        OL_TRY(development.alter(OL_TRY(who.address()), [&](Account& account, AccountChange&) {
            account.balance = balance;
        }));
        return null_result(call);
    });
    table.add("anvil_setNonce", 2, 2, [&development](Call& call) -> RpcStatus {
        const Param who = call.params[0], number = call.params[1];
        const std::uint64_t nonce = OL_TRY(number.any_number64());
        OL_TRY(development.alter(OL_TRY(who.address()),
                                 [&](Account& account, AccountChange&) { account.nonce = nonce; }));
        return null_result(call);
    });
    table.add("anvil_setCode", 2, 2, [&development](Call& call) -> RpcStatus {
        const Param who = call.params[0], code = call.params[1];
        const CodePtr held = std::make_shared<const Code>(OL_TRY(code.data()));
        OL_TRY(
            development.alter(OL_TRY(who.address()), [&](Account& account, AccountChange& change) {
                account.code_hash = held->hash();
                if (!held->bytes().empty()) change.code = held;
            }));
        return null_result(call);
    });
    table.add("anvil_setStorageAt", 3, 3, [&development](Call& call) -> RpcStatus {
        const Param who = call.params[0], where = call.params[1], what = call.params[2];
        const U256 slot = OL_TRY(where.slot()), value = OL_TRY(what.slot());
        OL_TRY(development.alter(OL_TRY(who.address()), [&](Account&, AccountChange& change) {
            change.storage.emplace_back(slot, value);
        }));
        call.out.value(true);
        return {};
    });
    table.add("anvil_impersonateAccount", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param who = call.params[0];
        development.impersonate(OL_TRY(who.address()), true);
        return null_result(call);
    });
    table.add("anvil_stopImpersonatingAccount", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param who = call.params[0];
        development.impersonate(OL_TRY(who.address()), false);
        return null_result(call);
    });
    table.add("anvil_autoImpersonateAccount", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param on = call.params[0];
        development.impersonate_all(OL_TRY(on.boolean()));
        return null_result(call);
    });
}

void add_signing_methods(MethodTable& table, Development& development) {
    table.add("eth_sendTransaction", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param transaction = call.params[0];
        call.out.value(OL_TRY(development.send(transaction)));
        return {};
    });
    table.add("eth_signTransaction", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param param = call.params[0];
        const Transaction transaction = OL_TRY(development.signed_transaction(param));
        call.out.value(encode(transaction));
        return {};
    });
    table.add("eth_sign", 2, 2, [&development](Call& call) -> RpcStatus {
        const Param who = call.params[0], message = call.params[1];
        call.out.value(
            OL_TRY(development.sign_message(OL_TRY(who.address()), OL_TRY(message.data()))));
        return {};
    });
    table.add("personal_sign", 2, 3, [&development](Call& call) -> RpcStatus {
        const Param message = call.params[0], who = call.params[1];
        call.out.value(
            OL_TRY(development.sign_message(OL_TRY(who.address()), OL_TRY(message.data()))));
        return {};
    });
    table.add("anvil_dropTransaction", 1, 1, [&development](Call& call) -> RpcStatus {
        const Param which = call.params[0];
        const Hash32 hash = OL_TRY(which.hash32());
        const bool known = development.backend.pool.find(hash) != nullptr;
        development.backend.pool.remove(hash);
        call.out.value(known ? std::optional<Hash32>(hash) : std::nullopt);
        return {};
    });
    table.add("anvil_dropAllTransactions", 0, 0, [&development](Call& call) -> RpcStatus {
        development.backend.pool.clear();
        return null_result(call);
    });
}

} // namespace

void add_development_methods(MethodTable& table, Development& development) {
    add_time_methods(table, development);
    add_account_methods(table, development);
    add_signing_methods(table, development);
    for (const char* name :
         {"mine", "setBalance", "setNonce", "setCode", "setStorageAt", "impersonateAccount",
          "stopImpersonatingAccount", "getAutomine", "dropTransaction"}) {
        table.alias(fmt::format("hardhat_{}", name), fmt::format("anvil_{}", name));
    }
    for (const char* name : {"increaseTime", "setNextBlockTimestamp", "setAutomine",
                             "setIntervalMining", "snapshot", "revert"}) {
        table.alias(fmt::format("anvil_{}", name), fmt::format("evm_{}", name));
    }
    table.alias("evm_setAccountNonce", "anvil_setNonce");
    table.alias("evm_setAccountBalance", "anvil_setBalance");
    table.alias("evm_setAccountCode", "anvil_setCode");
}

} // namespace ol::chain::rpc
