// PoolIndex: the pool's transactions in their order - a row of nonces a sender, pending up to the
// first gap, queued behind it - with replacement and the limits on how many there are. Knows
// neither the chain nor threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/limits.hpp"
#include "chain/txpool/pool.hpp"

namespace ol::chain {

class PoolIndex {
public:
    explicit PoolIndex(const PoolLimits& limits)
        : limits_(limits) {}

    // `next`: the sender's nonce in the state, taken when nothing of the sender is here.
    // already_exists, invalid_argument (underpriced replacement) or too_large (no place): then it
    // is not here. The nonce is not below the sender's.
    Status add(const PooledPtr& transaction, std::uint64_t next);
    void erase(const Hash32& hash);
    // The state's nonce of a sender with transactions here: what is below it leaves.
    void set_next(const Address& sender, std::uint64_t next);
    void erase_if(const Address& sender, const std::function<bool(const PooledTransaction&)>& drop);
    void clear();

    PooledPtr find(const Hash32& hash) const;
    PooledPtr find(const Address& sender, std::uint64_t nonce) const;
    bool has_sender(const Address& sender) const { return senders_.contains(sender); }
    std::size_t count_of(const Address& sender) const;
    std::size_t pending_count_of(const Address& sender) const;
    U256 pending_cost_of(const Address& sender) const;
    // The nonce behind the pending row; none: nothing of the sender is here.
    std::optional<std::uint64_t> end_of_row(const Address& sender) const;
    bool is_pending(const Address& sender, std::uint64_t nonce) const;
    // Whether a transaction here delegates this account (EIP-7702).
    bool is_authority(const Address& address) const { return authorities_.contains(address); }
    std::vector<Address> senders() const; // ascending
    std::vector<PooledPtr> heads() const; // the first pending transaction of each sender
    TransactionPool::Counts counts() const { return {pending_.size(), queued_.size()}; }
    TransactionPool::Content content() const;

private:
    struct Sender {
        std::map<std::uint64_t, PooledPtr> transactions;
        std::uint64_t next = 0, row_end = 0; // pending: nonces in [next, row_end)
        std::size_t pending_count = 0;
        U256 pending_cost;
    };
    using Senders = std::unordered_map<Address, Sender, FixedBytesHasher>;

    // Cheapest first: by what a transaction can pay at most, then its tip; the latest first.
    struct Cheapest {
        bool operator()(const PooledPtr& a, const PooledPtr& b) const;
    };
    using ByPrice = std::set<PooledPtr, Cheapest>;

    Status replace(Sender& sender, const PooledPtr& old, const PooledPtr& transaction);
    void make_pending(const Address& address, Sender& sender, const PooledPtr& transaction);
    void make_queued(const Address& address, Sender& sender, const PooledPtr& transaction);
    void leave(const Address& address, Sender& sender, const PooledPtr& transaction);
    void set_pending_count(const Address& address, Sender& sender, std::size_t count);
    void extend_row(const Address& address, Sender& sender);
    void cut_row(const Address& address, Sender& sender, std::uint64_t end);
    void trim_queue(const Address& address, Sender& sender);
    void drop_if_empty(Senders::iterator sender);
    void remember(const PooledPtr& transaction); // by hash, and whom it delegates
    void forget(const PooledPtr& transaction);
    bool is_cheapest_of_full(const PooledTransaction& transaction) const;
    PooledPtr victim() const; // null: within the limits

    const PoolLimits limits_;
    Senders senders_;
    std::unordered_map<Hash32, PooledPtr, FixedBytesHasher> by_hash_;
    ByPrice pending_, queued_;
    std::set<std::pair<std::size_t, Address>> by_pending_count_;
    std::unordered_map<Address, std::size_t, FixedBytesHasher> authorities_; // how often
    std::uint64_t pending_slots_ = 0, queued_slots_ = 0;
};

// The 32 KiB slots that a transaction takes.
std::uint64_t slots_of(const PooledTransaction& transaction);

} // namespace ol::chain
