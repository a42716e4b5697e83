// Context: what every service of a node shares - ledger, stores, keys, threads. Opened once, in
// order: lock, database, blobs, chain, contracts.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/thread_pool.hpp"
#include "chain/node.hpp"
#include "ledger/anvil.hpp"
#include "ledger/contracts.hpp"
#include "ledger/wallet.hpp"
#include "market/receipt.hpp"
#include "node/config.hpp"
#include "store/blob_store.hpp"
#include "store/database.hpp"

namespace ol::node {

// Wallets by name, opened with the node's password when first needed.
class KeyRing {
public:
    KeyRing(Path folder, std::string password, std::uint64_t scrypt_n);
    Result<crypto::PrivateKey> key(const std::string& name);
    Result<crypto::PrivateKey> create(const std::string& name);
    // key(), or create() when there is none.
    Result<crypto::PrivateKey> key_or_create(const std::string& name);
    Result<std::vector<ledger::WalletEntry>> list() const { return wallet_.list(); }
    Result<std::string> name_of(const Address& address) const; // not_found for strangers

private:
    ledger::Wallet wallet_;
    std::string password_;
    std::uint64_t scrypt_n_;
    std::mutex mutex_;
    std::map<std::string, crypto::PrivateKey> open_;
};

struct Context {
    NodeConfig config;
    std::unique_ptr<DataDirLock> lock;
    std::unique_ptr<store::Database> db;
    std::unique_ptr<store::BlobStore> blobs;
    std::unique_ptr<KeyRing> keys;
    std::unique_ptr<ThreadPool> pool;
    // The development ledger: one of them, or none with an rpc_url.
    std::unique_ptr<chain::Node> embedded;
    std::unique_ptr<ledger::Anvil> anvil;
    std::unique_ptr<ledger::Chain> chain;
    std::unique_ptr<ledger::Contracts> contracts;

    static Result<std::unique_ptr<Context>> open(NodeConfig config);

    bool development() const { return embedded != nullptr || anvil != nullptr; }
    // Development chains only: gives wei to an account; moves time and mines a block.
    Status fund(const Address& account, const U256& wei);
    Status advance_time(std::uint64_t seconds);

    // ProtocolParameters at a version, cached: a version never changes.
    Result<market::MoneyRules> money_rules(std::uint64_t version);
    Result<market::MoneyRules> current_money_rules();

private:
    std::mutex rules_mutex_;
    std::map<std::uint64_t, market::MoneyRules> rules_;
};

// The node's own wallets.
inline const std::string deployer_wallet = "deployer";
inline const std::string treasury_wallet = "treasury";
inline const std::string base_wallet = "base-owner";
inline const std::string host_wallet = "host";
inline const std::string settler_wallet = "settler";

} // namespace ol::node
