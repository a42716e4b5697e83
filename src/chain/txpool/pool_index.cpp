#include "chain/txpool/pool_index.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace ol::chain {
namespace {

// A replacement pays this much more, of fee and of tip.
Result<U256> bumped(const U256& price) {
    const U256 scaled = OL_TRY(checked_mul(price, U256(100 + limits::pool_price_bump_percent)));
    return scaled / U256(100);
}

bool pays_more(const U256& replacement, const U256& old) {
    if (replacement <= old) return false;
    const auto wanted = bumped(old);
    return wanted.has_value() && replacement >= *wanted;
}

} // namespace

std::uint64_t slots_of(const PooledTransaction& transaction) {
    return 1 + (transaction.encoded.size() - (transaction.encoded.empty() ? 0 : 1)) /
                   limits::pool_slot_bytes;
}

bool PoolIndex::Cheapest::operator()(const PooledPtr& a, const PooledPtr& b) const {
    if (a->transaction.max_fee != b->transaction.max_fee) {
        return a->transaction.max_fee < b->transaction.max_fee;
    }
    if (a->transaction.max_priority_fee != b->transaction.max_priority_fee) {
        return a->transaction.max_priority_fee < b->transaction.max_priority_fee;
    }
    return a->arrival > b->arrival;
}

Status PoolIndex::add(const PooledPtr& transaction, std::uint64_t next) {
    if (by_hash_.contains(transaction->hash)) {
        return fail(ErrorCode::already_exists, "already known");
    }
    const Address address = transaction->sender;
    const std::uint64_t nonce = transaction->transaction.nonce;
    const auto [at, is_new] = senders_.try_emplace(address);
    Sender& sender = at->second;
    if (is_new) sender.next = sender.row_end = next;
    OL_CHECK(nonce >= sender.next);
    if (const auto old = sender.transactions.find(nonce); old != sender.transactions.end()) {
        return replace(sender, old->second, transaction);
    }
    const bool queued = nonce != sender.row_end;
    const std::size_t queued_before = sender.transactions.size() - sender.pending_count;
    if (queued && queued_before >= limits_.queued_of_sender) {
        drop_if_empty(at);
        return fail(ErrorCode::too_large,
                    "txpool is full: {} transactions of this sender wait behind a missing nonce",
                    queued_before);
    }
    if (!queued && is_cheapest_of_full(*transaction)) {
        drop_if_empty(at);
        return fail(ErrorCode::too_large, "txpool is full: transaction underpriced");
    }
    sender.transactions.emplace(nonce, transaction);
    remember(transaction);
    queued_.insert(transaction);
    queued_slots_ += slots_of(*transaction);
    if (!queued) extend_row(address, sender);
    while (const PooledPtr out = victim()) erase(out->hash);
    if (!by_hash_.contains(transaction->hash)) return fail(ErrorCode::too_large, "txpool is full");
    return {};
}

// It would be the first to leave: nobody else has to for its sake.
bool PoolIndex::is_cheapest_of_full(const PooledTransaction& transaction) const {
    if (pending_slots_ + slots_of(transaction) <= limits_.pending_slots || pending_.empty()) {
        return false;
    }
    if (by_pending_count_.rbegin()->first > limits_.fair_pending) return false;
    const Transaction& least = (*pending_.begin())->transaction;
    const Transaction& tx = transaction.transaction;
    return std::pair(tx.max_fee, tx.max_priority_fee) <=
           std::pair(least.max_fee, least.max_priority_fee);
}

// Equal nonce: the row stays as it is.
Status PoolIndex::replace(Sender& sender, const PooledPtr& old, const PooledPtr& transaction) {
    const Transaction& before = old->transaction;
    const Transaction& after = transaction->transaction;
    if (!pays_more(after.max_fee, before.max_fee) ||
        !pays_more(after.max_priority_fee, before.max_priority_fee)) {
        return fail(ErrorCode::invalid_argument, "replacement transaction underpriced");
    }
    const bool pending = after.nonce < sender.row_end;
    ByPrice& prices = pending ? pending_ : queued_;
    std::uint64_t& slots = pending ? pending_slots_ : queued_slots_;
    const std::uint64_t room = pending ? limits_.pending_slots : limits_.queued_slots;
    const std::uint64_t wanted = slots - slots_of(*old) + slots_of(*transaction);
    if (wanted > room && wanted > slots) return fail(ErrorCode::too_large, "txpool is full");
    slots = wanted;
    if (pending) sender.pending_cost = sender.pending_cost - old->cost + transaction->cost;
    prices.erase(old);
    prices.insert(transaction);
    forget(old);
    remember(transaction);
    sender.transactions[after.nonce] = transaction; // frees `old`
    return {};
}

void PoolIndex::erase(const Hash32& hash) {
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end()) return;
    const PooledPtr transaction = found->second;
    const auto at = senders_.find(transaction->sender);
    const std::uint64_t nonce = transaction->transaction.nonce;
    if (nonce < at->second.row_end) cut_row(at->first, at->second, nonce);
    leave(at->first, at->second, transaction);
    trim_queue(at->first, at->second);
    drop_if_empty(at);
}

void PoolIndex::set_next(const Address& address, std::uint64_t next) {
    const auto at = senders_.find(address);
    if (at == senders_.end()) return;
    Sender& sender = at->second;
    if (sender.next == next) return;
    if (next < sender.next) cut_row(address, sender, sender.next); // a re-org took some back
    sender.next = next;
    while (!sender.transactions.empty() && sender.transactions.begin()->first < next) {
        leave(address, sender, PooledPtr(sender.transactions.begin()->second));
    }
    if (sender.pending_count == 0) sender.row_end = next;
    extend_row(address, sender);
    trim_queue(address, sender);
    drop_if_empty(at);
}

void PoolIndex::erase_if(const Address& address,
                         const std::function<bool(const PooledTransaction&)>& drop) {
    const auto at = senders_.find(address);
    if (at == senders_.end()) return;
    std::vector<Hash32> out;
    for (const auto& [nonce, transaction] : at->second.transactions) {
        if (drop(*transaction)) out.push_back(transaction->hash);
    }
    for (const auto& hash : out) erase(hash);
}

void PoolIndex::clear() {
    senders_.clear();
    by_hash_.clear();
    pending_.clear();
    queued_.clear();
    by_pending_count_.clear();
    authorities_.clear();
    pending_slots_ = queued_slots_ = 0;
}

void PoolIndex::set_pending_count(const Address& address, Sender& sender, std::size_t count) {
    if (sender.pending_count != 0) by_pending_count_.erase({sender.pending_count, address});
    sender.pending_count = count;
    if (count != 0) by_pending_count_.insert({count, address});
}

void PoolIndex::make_pending(const Address& address, Sender& sender, const PooledPtr& transaction) {
    queued_.erase(transaction);
    queued_slots_ -= slots_of(*transaction);
    pending_.insert(transaction);
    pending_slots_ += slots_of(*transaction);
    sender.pending_cost += transaction->cost;
    set_pending_count(address, sender, sender.pending_count + 1);
}

void PoolIndex::make_queued(const Address& address, Sender& sender, const PooledPtr& transaction) {
    pending_.erase(transaction);
    pending_slots_ -= slots_of(*transaction);
    queued_.insert(transaction);
    queued_slots_ += slots_of(*transaction);
    sender.pending_cost -= transaction->cost;
    set_pending_count(address, sender, sender.pending_count - 1);
}

// Out of every index, whichever of the two it is in. `transaction` is a copy: the row's goes.
void PoolIndex::leave(const Address& address, Sender& sender, const PooledPtr& transaction) {
    if (pending_.erase(transaction) != 0) {
        pending_slots_ -= slots_of(*transaction);
        sender.pending_cost -= transaction->cost;
        set_pending_count(address, sender, sender.pending_count - 1);
    } else {
        queued_.erase(transaction);
        queued_slots_ -= slots_of(*transaction);
    }
    forget(transaction);
    sender.transactions.erase(transaction->transaction.nonce);
}

void PoolIndex::remember(const PooledPtr& transaction) {
    by_hash_.emplace(transaction->hash, transaction);
    for (const auto& authority : transaction->authorities) ++authorities_[authority];
}

void PoolIndex::forget(const PooledPtr& transaction) {
    by_hash_.erase(transaction->hash);
    for (const auto& authority : transaction->authorities) {
        const auto at = authorities_.find(authority);
        if (--at->second == 0) authorities_.erase(at);
    }
}

void PoolIndex::extend_row(const Address& address, Sender& sender) {
    auto at = sender.transactions.find(sender.row_end);
    while (at != sender.transactions.end() && at->first == sender.row_end) {
        make_pending(address, sender, at->second);
        ++sender.row_end;
        ++at;
    }
}

void PoolIndex::cut_row(const Address& address, Sender& sender, std::uint64_t end) {
    for (auto at = sender.transactions.lower_bound(end);
         at != sender.transactions.end() && at->first < sender.row_end; ++at) {
        make_queued(address, sender, at->second);
    }
    sender.row_end = std::max(end, sender.next);
}

void PoolIndex::trim_queue(const Address& address, Sender& sender) {
    while (sender.transactions.size() - sender.pending_count > limits_.queued_of_sender) {
        leave(address, sender, PooledPtr(sender.transactions.rbegin()->second));
    }
}

void PoolIndex::drop_if_empty(Senders::iterator sender) {
    if (sender->second.transactions.empty()) senders_.erase(sender);
}

PooledPtr PoolIndex::victim() const {
    if (queued_slots_ > limits_.queued_slots) return *queued_.begin();
    if (pending_slots_ <= limits_.pending_slots) return nullptr;
    // Whoever has most loses the end of the row first, as long as that is more than a fair share.
    const auto& [count, address] = *by_pending_count_.rbegin();
    if (count <= limits_.fair_pending) return *pending_.begin();
    const Sender& sender = senders_.at(address);
    return sender.transactions.at(sender.row_end - 1);
}

PooledPtr PoolIndex::find(const Hash32& hash) const {
    const auto found = by_hash_.find(hash);
    return found == by_hash_.end() ? nullptr : found->second;
}

PooledPtr PoolIndex::find(const Address& address, std::uint64_t nonce) const {
    const auto at = senders_.find(address);
    if (at == senders_.end()) return nullptr;
    const auto found = at->second.transactions.find(nonce);
    return found == at->second.transactions.end() ? nullptr : found->second;
}

std::size_t PoolIndex::count_of(const Address& address) const {
    const auto at = senders_.find(address);
    return at == senders_.end() ? 0 : at->second.transactions.size();
}

std::size_t PoolIndex::pending_count_of(const Address& address) const {
    const auto at = senders_.find(address);
    return at == senders_.end() ? 0 : at->second.pending_count;
}

U256 PoolIndex::pending_cost_of(const Address& address) const {
    const auto at = senders_.find(address);
    return at == senders_.end() ? U256() : at->second.pending_cost;
}

std::optional<std::uint64_t> PoolIndex::end_of_row(const Address& address) const {
    const auto at = senders_.find(address);
    if (at == senders_.end()) return std::nullopt;
    return at->second.row_end;
}

bool PoolIndex::is_pending(const Address& address, std::uint64_t nonce) const {
    const auto at = senders_.find(address);
    return at != senders_.end() && nonce >= at->second.next && nonce < at->second.row_end;
}

std::vector<Address> PoolIndex::senders() const {
    std::vector<Address> out;
    out.reserve(senders_.size());
    for (const auto& [address, sender] : senders_) out.push_back(address);
    std::ranges::sort(out);
    return out;
}

std::vector<PooledPtr> PoolIndex::heads() const {
    std::vector<PooledPtr> out;
    out.reserve(by_pending_count_.size());
    for (const auto& [count, address] : by_pending_count_) {
        out.push_back(senders_.at(address).transactions.begin()->second);
    }
    return out;
}

TransactionPool::Content PoolIndex::content() const {
    TransactionPool::Content out;
    for (const auto& [address, sender] : senders_) {
        for (const auto& [nonce, transaction] : sender.transactions) {
            auto& to = nonce < sender.row_end ? out.pending : out.queued;
            to[address].emplace(nonce, transaction);
        }
    }
    return out;
}

} // namespace ol::chain
