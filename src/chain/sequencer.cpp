#include "chain/sequencer.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.hpp"
#include "chain/genesis.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t time_limit = 1ULL << 40; // seconds; no clock gets there
constexpr std::int64_t idle_ms = 1000;           // how long the thread sleeps at most
constexpr std::int64_t retry_ms = 200;           // after a block that could not be made

// What a name and a number stand for where there is no Layer 1: the same on every run.
Hash32 derived_hash(std::string_view name, ByteView input) {
    Bytes bytes(as_bytes(name).begin(), as_bytes(name).end());
    append(bytes, input);
    return crypto::keccak256(bytes);
}

// The parent's EIP-1559 parameters go on (Holocene: version | denominator | elasticity | Jovian's
// minimum base fee).
void keep_fee_market(const Header& parent, const Rules& rules, PayloadAttributes& out) {
    if (rules.op < OpFork::holocene) return;
    const Bytes& extra = parent.extra_data;
    auto& parameters = out.eip1559_parameters.emplace();
    if (extra.size() >= 9) std::copy_n(extra.begin() + 1, 8, parameters.begin());
    if (rules.op < OpFork::jovian) return;
    out.minimum_base_fee = extra.size() >= 17 ? get_be64(extra.data() + 9) : 0;
}

// What outlives the sequencer, for the listeners that the chain and the pool keep.
struct Signals {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t transactions = 0, heads = 0; // how many came
    bool stop = false;
    bool wakes_for_transactions = true; // a block is made for them at once

    void count_transaction() {
        {
            const std::scoped_lock guard(mutex);
            ++transactions;
            if (!wakes_for_transactions) return;
        }
        changed.notify_all();
    }
    void count_head() {
        {
            const std::scoped_lock guard(mutex);
            ++heads;
        }
        changed.notify_all();
    }
    void wake_for_transactions(bool on) {
        const std::scoped_lock guard(mutex);
        wakes_for_transactions = on;
    }
};

class SequencerImpl final : public Sequencer {
public:
    SequencerImpl(Blockchain& chain, TransactionPool& pool, const SequencerOptions& options)
        : chain_(chain)
        , pool_(pool)
        , options_(options)
        , clock_(options.clock != nullptr ? *options.clock : system_clock_)
        , automine_(options.instant)
        , interval_s_(options.instant ? 0 : options.block_time_s) {
        // A chain whose time was moved forward goes on from there.
        const std::uint64_t latest = chain_.head().timestamp;
        const std::uint64_t wall = wall_s();
        if (options_.development && latest > wall)
            offset_s_ = static_cast<std::int64_t>(latest - wall);
        last_block_ms_ = clock_.unix_ms();
        signals_->wake_for_transactions(automine_);
        pool_.on_added([signals = std::weak_ptr<Signals>(signals_)](const PooledPtr&) {
            if (const auto to = signals.lock()) to->count_transaction();
        });
        chain_.on_head([signals = std::weak_ptr<Signals>(signals_)](const HeadEvent&) {
            if (const auto to = signals.lock()) to->count_head();
        });
        if (options_.own_thread) thread_ = std::thread([this] { run(); });
    }

    ~SequencerImpl() override {
        {
            const std::scoped_lock guard(signals_->mutex);
            signals_->stop = true;
        }
        signals_->changed.notify_all();
        if (thread_.joinable()) thread_.join();
    }

    Result<Hash32> mine(std::optional<std::uint64_t> timestamp) override {
        const std::scoped_lock guard(mutex_);
        if (timestamp && !options_.development) return denied("a block's time");
        return make(timestamp);
    }

    void set_automine(bool on) override {
        {
            const std::scoped_lock guard(mutex_);
            automine_ = on;
            signals_->wake_for_transactions(on);
            refused_.clear();
        }
        wake();
    }

    bool automine() const override {
        const std::scoped_lock guard(mutex_);
        return automine_;
    }

    Status set_interval(std::uint64_t seconds) override {
        if (seconds > time_limit) {
            return fail(ErrorCode::invalid_argument, "an interval of {} s is too long", seconds);
        }
        {
            const std::scoped_lock guard(mutex_);
            interval_s_ = seconds;
            last_block_ms_ = clock_.unix_ms();
        }
        wake();
        return {};
    }

    Status increase_time(std::uint64_t seconds) override {
        const std::scoped_lock guard(mutex_);
        if (!options_.development) return denied("the time");
        if (seconds > time_limit || now_locked() + seconds > time_limit) {
            return fail(ErrorCode::invalid_argument, "{} s are too many", seconds);
        }
        // Blocks on demand run ahead of the clock: the time moves on from the latest of them.
        const std::uint64_t latest = chain_.head().timestamp;
        if (latest > now_locked()) offset_s_ += static_cast<std::int64_t>(latest - now_locked());
        offset_s_ += static_cast<std::int64_t>(seconds);
        return {};
    }

    Status set_next_timestamp(std::uint64_t timestamp) override {
        const std::scoped_lock guard(mutex_);
        if (!options_.development) return denied("the time");
        OL_TRY(check_timestamp(timestamp));
        next_timestamp_ = timestamp;
        return {};
    }

    std::uint64_t now() const override {
        const std::scoped_lock guard(mutex_);
        return now_locked();
    }

    Result<bool> step() override {
        const std::scoped_lock guard(mutex_);
        const bool due = is_due();
        if (!due && !(automine_ && has_work())) return false;
        OL_TRY(make({}));
        return true;
    }

    Status force(Transaction deposit) override {
        {
            const std::scoped_lock guard(mutex_);
            if (!deposit.is_deposit() || !chain_.config().is_op()) {
                return fail(ErrorCode::invalid_argument,
                            "only deposits of the OP Stack can be forced into a block");
            }
            if (deposit.gas_limit > forced_gas()) {
                return fail(ErrorCode::invalid_argument,
                            "exceeds block gas limit: {} is above the {} that a block has for "
                            "forced transactions",
                            deposit.gas_limit, forced_gas());
            }
            if (forced_.size() >= limits::forced_transactions) {
                return fail(ErrorCode::too_large, "{} forced transactions wait already",
                            forced_.size());
            }
            forced_.push_back(std::move(deposit));
        }
        signals_->count_transaction();
        return {};
    }

    bool wait_for(const Hash32& transaction, std::int64_t timeout_ms) override {
        const auto deadline =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
        while (true) {
            std::uint64_t heads = 0;
            {
                const std::scoped_lock guard(signals_->mutex);
                heads = signals_->heads;
            }
            if (const auto place = chain_.find(transaction); place && *place) return true;
            if (pool_.find(transaction) == nullptr) {
                // It may have moved from the pool into a block since.
                const auto place = chain_.find(transaction);
                return place && *place;
            }
            std::unique_lock lock(signals_->mutex);
            const bool moved = signals_->changed.wait_until(
                lock, deadline, [&] { return signals_->stop || signals_->heads != heads; });
            if (!moved || signals_->stop) return false;
        }
    }

private:
    static std::unexpected<Error> denied(std::string_view what) {
        return fail(ErrorCode::permission_denied, "{} can be set on a development chain only",
                    what);
    }

    std::uint64_t wall_s() const {
        return static_cast<std::uint64_t>(std::max<std::int64_t>(clock_.unix_ms(), 0)) / 1000;
    }
    std::uint64_t now_locked() const {
        const std::int64_t now = static_cast<std::int64_t>(wall_s()) + offset_s_;
        return static_cast<std::uint64_t>(std::max<std::int64_t>(now, 0));
    }

    std::uint64_t transactions_seen() const {
        const std::scoped_lock guard(signals_->mutex);
        return signals_->transactions;
    }

    bool stopped() const {
        const std::scoped_lock guard(signals_->mutex);
        return signals_->stop;
    }

    bool is_due() const {
        return interval_s_ != 0 &&
               clock_.unix_ms() - last_block_ms_ >= static_cast<std::int64_t>(interval_s_ * 1000);
    }

    // A block's gas without what its first transaction, the L1 attributes, may take.
    std::uint64_t forced_gas() const {
        constexpr std::uint64_t attributes_gas = 1'000'000;
        const std::uint64_t limit = chain_.head().gas_limit;
        return limit > attributes_gas ? limit - attributes_gas : 0;
    }

    // As many as one block has gas for.
    std::size_t forced_count() const {
        std::uint64_t left = forced_gas();
        std::size_t count = 0;
        while (count < forced_.size() && forced_[count].gas_limit <= left) {
            left -= forced_[count++].gas_limit;
        }
        return count;
    }

    bool has_work() const {
        if (!forced_.empty()) return true;
        const U256 base_fee = coming_base_fee();
        if (refused_.empty()) return pool_.has_executable(base_fee);
        bool found = false;
        for_each_first(base_fee,
                       [&](const PooledTransaction& each) { found |= !is_refused(each.hash); });
        return found;
    }

    U256 coming_base_fee() const {
        const Header head = chain_.head();
        return head.base_fee ? next_base_fee(chain_.config(), head, head.timestamp + 1) : U256();
    }

    // The first of each sender whose transactions can be executed.
    template <class Visit>
    void for_each_first(const U256& base_fee, const Visit& visit) const {
        const auto selection = pool_.select(base_fee);
        while (const PooledPtr pooled = selection->next()) {
            visit(*pooled);
            selection->skip();
        }
    }

    bool is_refused(const Hash32& transaction) const {
        return std::ranges::binary_search(refused_, transaction);
    }

    Status check_timestamp(std::uint64_t timestamp) const {
        const std::uint64_t latest = chain_.head().timestamp;
        if (timestamp > latest && timestamp <= time_limit) return {};
        return fail(ErrorCode::invalid_argument,
                    "timestamp {} is lower than or equal to previous block's timestamp {}, or "
                    "beyond all clocks",
                    timestamp, latest);
    }

    // Asked for, or the clock's, but always behind the parent's.
    Result<std::uint64_t> timestamp_for(const Header& parent,
                                        const std::optional<std::uint64_t>& asked) {
        const auto wanted = asked ? asked : next_timestamp_;
        if (!wanted) {
            const std::uint64_t gap = options_.instant ? 1 : options_.block_time_s;
            return std::max(parent.timestamp + gap, now_locked());
        }
        OL_TRY(check_timestamp(*wanted));
        // The clock goes on from the time that was set.
        offset_s_ = static_cast<std::int64_t>(*wanted) - static_cast<std::int64_t>(wall_s());
        return *wanted;
    }

    PayloadAttributes attributes_after(const Header& parent, std::uint64_t timestamp) const {
        const Rules rules = chain_.config().rules_at(parent.number + 1, timestamp);
        PayloadAttributes out;
        out.timestamp = timestamp;
        out.prev_randao = derived_hash("openledger randao", hash(parent).view());
        out.fee_recipient = options_.fee_recipient;
        if (rules.fork >= Fork::cancun) out.parent_beacon_block_root = Hash32{};
        if (!rules.is_op()) return out;
        if (out.fee_recipient.is_zero()) out.fee_recipient = predeploy::sequencer_fee_vault;
        out.gas_limit = parent.gas_limit;
        keep_fee_market(parent, rules, out);
        if (rules.op < OpFork::ecotone) return out;
        // Each block is an epoch of its own.
        L1Attributes l1 = options_.l1;
        l1.number = parent.number + 1;
        l1.timestamp = timestamp;
        l1.hash = derived_hash("openledger layer one", U256(l1.number).to_be().view());
        l1.sequence_number = 0;
        out.forced.push_back(l1_attributes_deposit(l1, rules));
        return out;
    }

    Result<Hash32> make(const std::optional<std::uint64_t>& asked) {
        const Header parent = chain_.head();
        const std::uint64_t timestamp = OL_TRY(timestamp_for(parent, asked));
        auto attributes = attributes_after(parent, timestamp);
        const auto forced_end = forced_.begin() + static_cast<std::ptrdiff_t>(forced_count());
        attributes.forced.insert(attributes.forced.end(), forced_.begin(), forced_end);
        const std::uint64_t arrivals = pool_.arrivals();
        const auto built = OL_TRY(chain_.produce(attributes, &pool_));
        forced_.erase(forced_.begin(), forced_end);
        next_timestamp_.reset();
        last_block_ms_ = clock_.unix_ms();
        if (built.block.transactions.size() == attributes.forced.size()) note_refused(arrivals);
        return hash(built.block.header);
    }

    // After a block that took nothing: what waited for it, and so came before `arrivals`, is no
    // reason for another one.
    void note_refused(std::uint64_t arrivals) {
        refused_.clear();
        for_each_first(coming_base_fee(), [&](const PooledTransaction& each) {
            if (each.arrival < arrivals) refused_.push_back(each.hash);
        });
        std::ranges::sort(refused_);
    }

    void wake() { signals_->count_head(); }

    void run() {
        std::string last_error;
        while (!stopped()) {
            const std::uint64_t transactions = transactions_seen();
            std::int64_t sleep_ms = idle_ms;
            const auto stepped = step();
            if (!stepped) {
                if (stepped.error().to_string() != last_error) {
                    last_error = stepped.error().to_string();
                    log::error("sequencer", "no block: {}", last_error);
                }
                sleep_ms = retry_ms;
            } else if (*stepped) {
                last_error.clear();
                continue; // more may have come meanwhile
            } else {
                sleep_ms = until_due();
            }
            std::unique_lock lock(signals_->mutex);
            const std::uint64_t heads = signals_->heads;
            signals_->changed.wait_for(lock, std::chrono::milliseconds(sleep_ms), [&] {
                return signals_->stop || signals_->heads != heads ||
                       signals_->transactions != transactions;
            });
        }
    }

    std::int64_t until_due() const {
        const std::scoped_lock guard(mutex_);
        if (interval_s_ == 0) return idle_ms;
        const auto due = last_block_ms_ + static_cast<std::int64_t>(interval_s_ * 1000);
        return std::clamp<std::int64_t>(due - clock_.unix_ms(), 1, idle_ms);
    }

    Blockchain& chain_;
    TransactionPool& pool_;
    const SequencerOptions options_;
    const SystemClock system_clock_;
    const Clock& clock_;
    const std::shared_ptr<Signals> signals_ = std::make_shared<Signals>();

    mutable std::mutex mutex_; // of a block's making, and of what follows
    bool automine_;
    std::uint64_t interval_s_;
    std::int64_t offset_s_ = 0; // of the chain's clock, development
    std::optional<std::uint64_t> next_timestamp_;
    std::int64_t last_block_ms_ = 0;
    std::vector<Transaction> forced_; // that wait for a block, in their order
    // Transactions that a block could not take though it took no other, sorted: they wait for the
    // next block that is made anyway.
    std::vector<Hash32> refused_;

    std::thread thread_;
};

} // namespace

Result<std::unique_ptr<Sequencer>> Sequencer::start(Blockchain& chain, TransactionPool& pool,
                                                    const SequencerOptions& options) {
    if (!options.instant && options.block_time_s == 0) {
        return fail(ErrorCode::invalid_argument,
                    "sequencer: blocks need a transaction or a time to be made at");
    }
    if (options.block_time_s > time_limit) {
        return fail(ErrorCode::invalid_argument, "sequencer: a block time of {} s is too long",
                    options.block_time_s);
    }
    return std::make_unique<SequencerImpl>(chain, pool, options);
}

} // namespace ol::chain
