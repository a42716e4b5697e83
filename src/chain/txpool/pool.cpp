#include "chain/txpool/pool.hpp"

#include <algorithm>
#include <mutex>
#include <queue>
#include <unordered_set>

#include "chain/blockchain.hpp"
#include "chain/txpool/admission.hpp"
#include "chain/txpool/pool_index.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

// What the L1 attributes at the beginning of an OP block take of its gas at most: a transaction
// that asks for the rest of the block as well would wait for ever.
constexpr std::uint64_t attributes_room = 250'000;

// gas * price + value + fees, or nothing when it passes 256 bits: nobody has so much.
std::optional<U256> cost_of(const Transaction& tx, const U256& fees) {
    const auto gas = checked_mul(tx.max_fee, U256(tx.gas_limit));
    if (!gas) return std::nullopt;
    const auto with_value = checked_add(*gas, tx.value);
    if (!with_value) return std::nullopt;
    const auto all = checked_add(*with_value, fees);
    if (!all) return std::nullopt;
    return *all;
}

bool is_delegation(const Code& code) { // EIP-7702: 0xef0100 | address
    const Bytes& bytes = code.bytes();
    return bytes.size() == 23 && bytes[0] == 0xef && bytes[1] == 0x01 && bytes[2] == 0x00;
}

// Who signed the authorizations; those that nobody signed are void and count for nothing.
std::vector<Address> authorities_of(const Transaction& tx) {
    std::vector<Address> out;
    for (const auto& authorization : tx.authorizations) {
        if (const auto authority = authority_of(authorization)) out.push_back(*authority);
    }
    return out;
}

Status refuse(std::string text) {
    return std::unexpected(Error{ErrorCode::invalid_argument, std::move(text)});
}

} // namespace

struct TransactionPool::Impl {
    Impl(Blockchain& blockchain, const PoolLimits& pool_limits)
        : chain(blockchain)
        , limits(pool_limits)
        , index(pool_limits) {}

    Blockchain& chain;
    const PoolLimits limits;

    mutable std::mutex mutex; // guards everything below
    PoolIndex index;
    NextBlock next;
    std::unique_ptr<StateReader> reader; // of the head
    Error no_reader;                     // why it is null
    std::optional<L1FeeParameters> l1_fees;
    std::unordered_set<Address, FixedBytesHasher> delegated; // senders with code when they came
    std::uint64_t arrivals = 0;
    std::vector<std::function<void(const PooledPtr&)>> listeners;

    void read_head();
    Result<Account> account(const Address& address);
    U256 layer_one_fees(const PooledTransaction& pooled) const;
    Status check_sender_code(const Account& account);
    Status check_delegation(const PooledTransaction& pooled, const Account& account) const;
    Status check_state(const PooledTransaction& pooled, const Account& account);
    Result<PooledPtr> insert(PooledTransaction&& pooled);

    void follow(const HeadEvent& event);
    void revalidate(const Address& sender);
    void bring_back(const StoredBlock& block,
                    const std::unordered_set<Hash32, FixedBytesHasher>& mined);
};

// The head's state and what the next block will be like.
void TransactionPool::Impl::read_head() {
    const Header head = chain.head();
    next.chain_id = chain.config().chain_id;
    next.gas_limit = head.gas_limit;
    next.rules = chain.config().rules_at(head.number + 1, head.timestamp + 1);
    if (next.rules.is_op() && next.gas_limit > attributes_room) next.gas_limit -= attributes_room;
    auto state = chain.state_at(head.number);
    reader = state ? std::move(*state) : nullptr;
    if (!state) no_reader = state.error();
    l1_fees.reset();
    if (!reader || !next.rules.is_op()) return;
    if (auto fees = read_l1_fee_parameters(*reader, next.rules)) l1_fees = *fees;
}

Result<Account> TransactionPool::Impl::account(const Address& address) {
    if (!reader) return std::unexpected(no_reader);
    return OL_TRY(reader->account(address)).value_or(Account{});
}

U256 TransactionPool::Impl::layer_one_fees(const PooledTransaction& pooled) const {
    if (!l1_fees) return {};
    return l1_fee(*l1_fees, next.rules, pooled.encoded) +
           operator_fee(*l1_fees, next.rules, pooled.transaction.gas_limit);
}

Status TransactionPool::Impl::check_sender_code(const Account& account) {
    if (account.code_hash == empty_code_hash) return {};
    const CodePtr code = OL_TRY(reader->code(account.code_hash));
    if (next.rules.fork >= Fork::prague && is_delegation(*code)) return {};
    return refuse("sender not an eoa"); // EIP-3607
}

// EIP-7702: whoever is delegated, or soon will be, has one transaction on its way at most, for
// its balance may be spent by others (geth's rule).
Status TransactionPool::Impl::check_delegation(const PooledTransaction& pooled,
                                               const Account& account) const {
    const Address& sender = pooled.sender;
    const std::uint64_t nonce = pooled.transaction.nonce;
    if (account.code_hash != empty_code_hash || index.is_authority(sender)) {
        if (index.pending_count_of(sender) == 0) {
            if (nonce != account.nonce) return refuse("gapped-nonce tx from delegated accounts");
        } else if (!index.is_pending(sender, nonce)) {
            return refuse("in-flight transaction limit reached for delegated accounts");
        }
    }
    for (const auto& authority : pooled.authorities) {
        if (index.count_of(authority) > 1) return refuse("authority already reserved");
    }
    return {};
}

// Nonce, balance for this and for what is pending already, delegation.
Status TransactionPool::Impl::check_state(const PooledTransaction& pooled, const Account& account) {
    const std::uint64_t nonce = pooled.transaction.nonce;
    if (nonce < account.nonce) {
        return refuse(
            fmt::format("nonce too low: next nonce {}, tx nonce {}", account.nonce, nonce));
    }
    OL_TRY(check_sender_code(account));
    if (account.balance < pooled.cost) {
        return refuse(fmt::format(
            "insufficient funds for gas * price + value: balance {}, tx cost {}, overshot {}",
            account.balance.to_decimal(), pooled.cost.to_decimal(),
            (pooled.cost - account.balance).to_decimal()));
    }
    U256 spent = index.pending_cost_of(pooled.sender);
    if (index.is_pending(pooled.sender, nonce)) {
        spent -= index.find(pooled.sender, nonce)->cost;
    }
    const auto all = checked_add(spent, pooled.cost);
    if (!all || account.balance < *all) {
        return refuse(fmt::format(
            "insufficient funds for gas * price + value: balance {}, queued cost {}, tx cost {}",
            account.balance.to_decimal(), spent.to_decimal(), pooled.cost.to_decimal()));
    }
    return check_delegation(pooled, account);
}

// What needs no state is checked.
Result<PooledPtr> TransactionPool::Impl::insert(PooledTransaction&& pooled) {
    if (index.find(pooled.hash) != nullptr) {
        return fail(ErrorCode::already_exists, "already known");
    }
    const Account account = OL_TRY(this->account(pooled.sender));
    const auto cost = cost_of(pooled.transaction, layer_one_fees(pooled));
    if (!cost) {
        return fail(
            ErrorCode::invalid_argument,
            "insufficient funds for gas * price + value: balance {}, tx cost above 256 bits",
            account.balance.to_decimal());
    }
    pooled.cost = *cost;
    index.set_next(pooled.sender, account.nonce);
    OL_TRY(check_state(pooled, account));
    pooled.arrival = arrivals++;
    auto shared = std::make_shared<const PooledTransaction>(std::move(pooled));
    OL_TRY(index.add(shared, account.nonce));
    if (account.code_hash != empty_code_hash) delegated.insert(shared->sender);
    return PooledPtr(std::move(shared));
}

// After the head moved: the sender's nonce, and what it can pay for.
void TransactionPool::Impl::revalidate(const Address& sender) {
    if (!index.has_sender(sender)) return;
    const auto account = this->account(sender);
    if (!account) return; // the next block's execution finds out
    index.set_next(sender, account->nonce);
    index.erase_if(sender, [&](const PooledTransaction& pooled) {
        return pooled.cost > account->balance || pooled.transaction.gas_limit > next.gas_limit;
    });
}

// Transactions of a block that left the chain and that the new one lacks.
void TransactionPool::Impl::bring_back(const StoredBlock& block,
                                       const std::unordered_set<Hash32, FixedBytesHasher>& mined) {
    for (std::size_t i = 0; i < block.block.transactions.size(); ++i) {
        if (mined.contains(block.transaction_hashes[i])) continue;
        PooledTransaction pooled;
        pooled.transaction = block.block.transactions[i];
        pooled.encoded = encode(pooled.transaction);
        if (!check_transaction(pooled.transaction, pooled.encoded.size(), next, limits)) continue;
        pooled.hash = block.transaction_hashes[i];
        pooled.sender = block.senders[i];
        pooled.authorities = authorities_of(pooled.transaction);
        // Whatever does not fit the new state any more is lost, as if it were sent only now.
        (void)insert(std::move(pooled));
    }
}

void TransactionPool::Impl::follow(const HeadEvent& event) {
    const std::scoped_lock guard(mutex);
    const std::uint64_t gas_limit = next.gas_limit;
    read_head();
    // No block: the state was changed by hand. A block that is gone was taken back for good.
    bool everybody = (event.left.empty() && event.joined.empty()) || next.gas_limit < gas_limit;
    std::unordered_set<Hash32, FixedBytesHasher> mined;
    std::unordered_set<Address, FixedBytesHasher> changed(delegated.begin(), delegated.end());
    std::vector<StoredBlockPtr> left;
    const auto look_at = [&](const Hash32& hash) -> StoredBlockPtr {
        const auto block = chain.stored(hash);
        if (!block || *block == nullptr) {
            everybody = true;
            return nullptr;
        }
        changed.insert((*block)->senders.begin(), (*block)->senders.end());
        for (const auto& transaction : (*block)->block.transactions) {
            const auto authorities = authorities_of(transaction);
            changed.insert(authorities.begin(), authorities.end());
        }
        return *block;
    };
    for (const auto& hash : event.joined) {
        const auto block = look_at(hash);
        if (block == nullptr || event.left.empty()) continue;
        mined.insert(block->transaction_hashes.begin(), block->transaction_hashes.end());
    }
    for (const auto& hash : event.left) {
        if (auto block = look_at(hash)) left.push_back(std::move(block));
    }
    if (everybody) {
        for (const auto& sender : index.senders()) revalidate(sender);
    } else {
        for (const auto& sender : changed) revalidate(sender);
    }
    std::erase_if(delegated, [&](const Address& sender) { return !index.has_sender(sender); });
    for (auto block = left.rbegin(); block != left.rend(); ++block) bring_back(**block, mined);
}

TransactionPool::TransactionPool(Blockchain& chain, const PoolLimits& limits)
    : impl_(std::make_shared<Impl>(chain, limits)) {
    {
        const std::scoped_lock guard(impl_->mutex);
        impl_->read_head();
    }
    chain.on_head([weak = std::weak_ptr<Impl>(impl_)](const HeadEvent& event) {
        if (const auto impl = weak.lock()) impl->follow(event);
    });
}

TransactionPool::~TransactionPool() = default;

Result<Hash32> TransactionPool::add(Transaction transaction) {
    NextBlock next;
    PooledTransaction pooled;
    pooled.encoded = encode(transaction);
    pooled.hash = crypto::keccak256(pooled.encoded);
    {
        const std::scoped_lock guard(impl_->mutex);
        if (impl_->index.find(pooled.hash) != nullptr) {
            return fail(ErrorCode::already_exists, "already known");
        }
        next = impl_->next;
    }
    OL_TRY(check_transaction(transaction, pooled.encoded.size(), next, impl_->limits));
    // The elliptic curve's work is done outside of the lock.
    const auto sender = sender_of(transaction);
    if (!sender) {
        return fail(ErrorCode::invalid_argument, "invalid sender: {}", sender.error().context);
    }
    pooled.sender = *sender;
    pooled.authorities = authorities_of(transaction);
    pooled.transaction = std::move(transaction);
    PooledPtr accepted;
    std::vector<std::function<void(const PooledPtr&)>> listeners;
    {
        const std::scoped_lock guard(impl_->mutex);
        accepted = OL_TRY(impl_->insert(std::move(pooled)));
        listeners = impl_->listeners;
    }
    for (const auto& listener : listeners) listener(accepted);
    return accepted->hash;
}

PooledPtr TransactionPool::find(const Hash32& hash) const {
    const std::scoped_lock guard(impl_->mutex);
    return impl_->index.find(hash);
}

std::uint64_t TransactionPool::next_nonce(const Address& sender) const {
    const std::scoped_lock guard(impl_->mutex);
    if (const auto end = impl_->index.end_of_row(sender)) return *end;
    const auto account = impl_->account(sender);
    return account ? account->nonce : 0;
}

TransactionPool::Counts TransactionPool::counts() const {
    const std::scoped_lock guard(impl_->mutex);
    return impl_->index.counts();
}

std::uint64_t TransactionPool::arrivals() const {
    const std::scoped_lock guard(impl_->mutex);
    return impl_->arrivals;
}

TransactionPool::Content TransactionPool::content() const {
    const std::scoped_lock guard(impl_->mutex);
    return impl_->index.content();
}

namespace {

struct Candidate {
    U256 tip;
    PooledPtr transaction;
    // The best is on top: the highest tip, then who came first.
    bool operator<(const Candidate& other) const {
        if (tip != other.tip) return tip < other.tip;
        return transaction->arrival > other.transaction->arrival;
    }
};

// Nothing when it does not pay the base fee: it and what is behind it wait.
std::optional<Candidate> candidate(const PooledPtr& pooled, const U256& base_fee) {
    if (pooled == nullptr || pooled->transaction.max_fee < base_fee) return std::nullopt;
    return Candidate{effective_gas_price(pooled->transaction, base_fee) - base_fee, pooled};
}

} // namespace

// Takes the heads of the rows at once and what is behind them when their turn comes.
class PoolSelection final : public TransactionPool::Selection {
public:
    PoolSelection(std::shared_ptr<TransactionPool::Impl> impl, const U256& base_fee)
        : impl_(std::move(impl))
        , base_fee_(base_fee) {
        const std::scoped_lock guard(impl_->mutex);
        std::vector<Candidate> heads;
        for (const auto& head : impl_->index.heads()) {
            if (auto one = candidate(head, base_fee_)) heads.push_back(std::move(*one));
        }
        heap_ = std::priority_queue<Candidate>({}, std::move(heads));
    }

    PooledPtr next() override {
        if (last_) {
            const std::scoped_lock guard(impl_->mutex);
            const std::uint64_t nonce = last_->transaction.nonce + 1;
            // Not if the row was cut in between.
            if (impl_->index.is_pending(last_->sender, nonce)) {
                auto one = candidate(impl_->index.find(last_->sender, nonce), base_fee_);
                if (one) heap_.push(std::move(*one));
            }
        }
        last_ = nullptr;
        if (heap_.empty()) return nullptr;
        last_ = heap_.top().transaction;
        heap_.pop();
        return last_;
    }

    void skip() override { last_ = nullptr; }

private:
    std::shared_ptr<TransactionPool::Impl> impl_;
    const U256 base_fee_;
    std::priority_queue<Candidate> heap_;
    PooledPtr last_; // given out; its successor's turn comes with the next
};

std::unique_ptr<TransactionPool::Selection> TransactionPool::select(const U256& base_fee) const {
    return std::make_unique<PoolSelection>(impl_, base_fee);
}

bool TransactionPool::has_executable(const U256& base_fee) const {
    const std::scoped_lock guard(impl_->mutex);
    return std::ranges::any_of(impl_->index.heads(), [&](const PooledPtr& head) {
        return head->transaction.max_fee >= base_fee;
    });
}

void TransactionPool::remove(const Hash32& hash) {
    const std::scoped_lock guard(impl_->mutex);
    impl_->index.erase(hash);
}

void TransactionPool::clear() {
    const std::scoped_lock guard(impl_->mutex);
    impl_->index.clear();
    impl_->delegated.clear();
}

void TransactionPool::on_added(std::function<void(const PooledPtr&)> listener) {
    const std::scoped_lock guard(impl_->mutex);
    impl_->listeners.push_back(std::move(listener));
}

} // namespace ol::chain
