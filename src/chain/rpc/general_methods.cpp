// What a client asks first: chain id, version, network, sync state.
#include "chain/rpc/methods.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::rpc {

void add_general_methods(MethodTable& table, const Backend& backend) {
    table.add("eth_chainId", 0, 0, [&backend](Call& call) -> RpcStatus {
        call.out.value(backend.chain.config().chain_id);
        return {};
    });
    table.add("eth_syncing", 0, 0, [](Call& call) -> RpcStatus {
        call.out.value(false);
        return {};
    });
    table.add("eth_accounts", 0, 0, [&backend](Call& call) -> RpcStatus {
        call.out.begin_array();
        if (backend.options.development) {
            for (const auto& key : backend.options.unlocked) call.out.value(key.address());
        }
        call.out.end_array();
        return {};
    });
    table.add("eth_coinbase", 0, 0, [&backend](Call& call) -> RpcStatus {
        call.out.value(backend.chain.head().coinbase);
        return {};
    });
    table.add("net_version", 0, 0, [&backend](Call& call) -> RpcStatus {
        call.out.value(std::to_string(backend.chain.config().chain_id));
        return {};
    });
    // No peer-to-peer network: blocks come from the sequencer or the Engine API.
    table.add("net_listening", 0, 0, [](Call& call) -> RpcStatus {
        call.out.value(true);
        return {};
    });
    table.add("net_peerCount", 0, 0, [](Call& call) -> RpcStatus {
        call.out.value(0U);
        return {};
    });
    table.add("web3_clientVersion", 0, 0, [&backend](Call& call) -> RpcStatus {
        call.out.value(backend.options.client_version);
        return {};
    });
    table.add("web3_sha3", 1, 1, [](Call& call) -> RpcStatus {
        const Param param = call.params[0];
        call.out.value(crypto::keccak256(OL_TRY(param.data())));
        return {};
    });
    table.add("rpc_modules", 0, 0, [](Call& call) -> RpcStatus {
        call.out.begin_object();
        for (const char* name : {"debug", "eth", "net", "rpc", "txpool", "web3"}) {
            call.out.member(name, "1.0");
        }
        call.out.end_object();
        return {};
    });
}

} // namespace ol::chain::rpc
