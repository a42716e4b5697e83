// Development chains: blocks on demand, time travel, snapshots, accounts changed by hand, accounts
// whose keys everybody knows. The methods of anvil and hardhat (evm_, anvil_, hardhat_).
// Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "chain/rpc/backend.hpp"
#include "chain/rpc/methods.hpp"

namespace ol::chain::rpc {

class Development {
public:
    // The backend has a sequencer.
    explicit Development(const Backend& backend);

    const Backend& backend;
    Sequencer& sequencer;

    // `blocks` blocks, `interval_s` apart where it is not zero.
    RpcStatus mine(std::uint64_t blocks, std::uint64_t interval_s);
    std::uint64_t take_snapshot();
    // Back to the snapshot; it and later ones are gone. False where there is none such.
    RpcResult<bool> revert_to(std::uint64_t snapshot);

    // Reads an account at the head, lets `change` alter it and puts it back.
    RpcStatus alter(const Address& address,
                    const std::function<void(Account&, AccountChange&)>& change);

    void impersonate(const Address& address, bool on);
    void impersonate_all(bool on);
    // Signs, or sends without a signature for an impersonated account.
    RpcResult<Hash32> send(const Param& transaction);
    RpcResult<Transaction> signed_transaction(const Param& transaction);
    RpcResult<Bytes> sign_message(const Address& signer, ByteView message) const;

private:
    struct Filled {
        Transaction transaction;
        Address from;
    };
    RpcResult<Filled> fill(const Param& param);
    const crypto::PrivateKey* key_of(const Address& address) const;
    bool is_impersonated(const Address& address) const;
    RpcResult<Hash32> send_unsigned(const Filled& filled);

    struct Snapshot {
        std::uint64_t id = 0, number = 0;
        Hash32 hash;
        StateChanges overrides;
    };
    std::map<Address, const crypto::PrivateKey*> keys_;
    mutable std::mutex mutex_;
    std::set<Address> impersonated_;
    bool impersonates_all_ = false;
    std::vector<Snapshot> snapshots_;
    std::uint64_t next_snapshot_ = 1;
};

void add_development_methods(MethodTable& table, Development& development);

} // namespace ol::chain::rpc
