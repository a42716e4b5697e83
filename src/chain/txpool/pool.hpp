// TransactionPool: signed transactions that wait for a block, ordered by nonce per sender and by
// fee between senders. Limits by name in base/limits.hpp. Thread-safe. Rules: geth's legacy pool
// (10 % replacement), EIP-7702's one pending transaction of a delegated account.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/limits.hpp"
#include "chain/block/execution.hpp"
#include "chain/types/transaction.hpp"

namespace ol::chain {

class Blockchain;

struct PooledTransaction {
    Transaction transaction;
    Hash32 hash;
    Address sender;
    Bytes encoded;             // for the L1 fee, re-broadcast and txpool_content
    std::uint64_t arrival = 0; // order among equals
    U256 cost;                 // the most that the sender pays: gas, value, L1 and operator fee
    std::vector<Address> authorities; // EIP-7702: who signed its valid authorizations
};
using PooledPtr = std::shared_ptr<const PooledTransaction>;

struct PoolLimits {
    std::uint64_t pending_slots = limits::pool_pending_slots;
    std::uint64_t queued_slots = limits::pool_queued_slots;
    std::uint64_t queued_of_sender = limits::pool_queued_of_sender;
    std::uint64_t fair_pending = limits::pool_fair_pending;
    std::uint64_t transaction_bytes = limits::pool_transaction_bytes;
    U256 minimum_tip; // below it: "transaction underpriced"
};

class TransactionPool {
public:
    // Follows the chain's head by itself: includes leave, re-orged ones come back.
    explicit TransactionPool(Blockchain& chain, const PoolLimits& limits = {});
    ~TransactionPool();

    // Checks signature, chain id, type, intrinsic gas, balance for fee, value and L1 fee, nonce.
    // Errors in geth's words: "nonce too low: next nonce 5, tx nonce 3", "already known",
    // "replacement transaction underpriced", "txpool is full", "insufficient funds for gas * price
    // + value: balance 1, tx cost 2", "transaction underpriced".
    Result<Hash32> add(Transaction transaction);

    PooledPtr find(const Hash32& hash) const;
    // Next nonce of a sender with what is pending here.
    std::uint64_t next_nonce(const Address& sender) const;
    struct Counts {
        std::uint64_t pending = 0, queued = 0;
    };
    Counts counts() const;
    // How many were accepted so far: PooledTransaction::arrival of the next one.
    std::uint64_t arrivals() const;
    // Sender -> nonce -> transaction; pending: executable in a row; queued: after a gap.
    struct Content {
        std::map<Address, std::map<std::uint64_t, PooledPtr>> pending, queued;
    };
    Content content() const;

    // The best executable transactions one by one for a block with `base_fee`: highest effective
    // tip first, nonces in order. skip(): the sender's rest is left out (it did not fit or failed).
    class Selection {
    public:
        virtual ~Selection() = default;
        virtual PooledPtr next() = 0;
        virtual void skip() = 0;
    };
    std::unique_ptr<Selection> select(const U256& base_fee) const;
    // Whether select(base_fee) would give anything.
    bool has_executable(const U256& base_fee) const;

    void remove(const Hash32& hash);
    void clear();
    // After each accepted transaction, on the caller's thread.
    void on_added(std::function<void(const PooledPtr&)> listener);

    struct Impl; // the pool's own

private:
    std::shared_ptr<Impl> impl_; // the chain's listener holds it weakly
};

} // namespace ol::chain
