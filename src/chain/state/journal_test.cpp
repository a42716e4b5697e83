#include "chain/state/journal.hpp"

#include <map>
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

Address address_of(std::uint64_t number) {
    Address out;
    out.data[0] = static_cast<std::uint8_t>(number >> 8);
    out.data[19] = static_cast<std::uint8_t>(number);
    return out;
}

// The same rules on plain maps; a checkpoint is a copy of everything.
struct NaiveJournal {
    struct Held {
        std::uint64_t nonce = 0;
        U256 balance;
        Bytes code;
        std::map<U256, U256> storage;
    };
    struct World {
        std::map<Address, Held> accounts;
        std::set<Address> warm, touched, created, destructed;
        std::set<std::pair<Address, U256>> warm_slots;
        std::map<std::pair<Address, U256>, U256> transients;
        // Of contracts begun in this transaction: their slots had no value before it.
        std::set<Address> cleared;
        std::vector<Log> logs;
        std::int64_t refund = 0;
    };
    World world;
    std::map<Address, Held> at_start;
    std::vector<World> checkpoints;

    Held& open(const Address& address) {
        world.touched.insert(address);
        return world.accounts[address];
    }
    const Held* find(const Address& address) const {
        const auto at = world.accounts.find(address);
        return at == world.accounts.end() ? nullptr : &at->second;
    }
    static U256 slot_in(const std::map<Address, Held>& accounts, const Address& address,
                        const U256& slot) {
        const auto at = accounts.find(address);
        if (at == accounts.end()) return {};
        const auto value = at->second.storage.find(slot);
        return value == at->second.storage.end() ? U256() : value->second;
    }
    U256 storage(const Address& address, const U256& slot) const {
        return slot_in(world.accounts, address, slot);
    }
    U256 original(const Address& address, const U256& slot) const {
        return world.cleared.contains(address) ? U256() : slot_in(at_start, address, slot);
    }
    void set_storage(const Address& address, const U256& slot, const U256& value) {
        Held& held = open(address);
        if (value.is_zero()) {
            held.storage.erase(slot);
        } else {
            held.storage[slot] = value;
        }
    }
    void begin_contract(const Address& address) {
        Held& held = open(address);
        world.cleared.insert(address);
        held.storage.clear();
        world.created.insert(address);
    }
    void begin() {
        World fresh;
        fresh.accounts = std::move(world.accounts);
        world = std::move(fresh);
        at_start = world.accounts;
        checkpoints.clear();
    }
    static bool is_empty(const Held& held) {
        return held.nonce == 0 && held.balance.is_zero() && held.code.empty();
    }
    void end(const Rules& rules) {
        for (const Address& address : world.destructed) world.accounts.erase(address);
        if (rules.fork < Fork::spurious_dragon) return;
        for (const Address& address : world.touched) {
            const auto at = world.accounts.find(address);
            if (at != world.accounts.end() && is_empty(at->second)) world.accounts.erase(at);
        }
    }
};

constexpr std::uint64_t address_count = 7, slot_count = 5;

class Twins {
public:
    explicit Twins(std::uint64_t seed)
        : prng_(seed)
        , backend_(make_memory_state())
        , journal_(std::make_unique<Journal>(*backend_)) {}

    void block(const Rules& rules, bool fresh_journal) {
        for (std::uint64_t i = prng_.below(4); i-- > 0;) transaction(rules);
        const StateChanges changes = journal_->take_changes();
        for (std::size_t i = 1; i < changes.size(); ++i) {
            ASSERT_LT(changes[i - 1].address, changes[i].address);
        }
        ASSERT_TRUE(backend_->apply(changes));
        ASSERT_FALSE(journal_->error());
        compare_backend();
        if (fresh_journal) journal_ = std::make_unique<Journal>(*backend_);
        ASSERT_TRUE(journal_->take_changes().empty());
    }

private:
    Address pick_address() { return address_of(prng_.below(address_count)); }
    U256 pick_slot() { return prng_.below(slot_count); }

    void transaction(const Rules& rules) {
        journal_->begin_transaction();
        naive_.begin();
        marks_.clear();
        for (std::uint64_t i = prng_.below(60); i-- > 0;) step();
        compare();
        journal_->end_transaction(rules);
        naive_.end(rules);
        compare_accounts();
    }

    void step() {
        const Address address = pick_address();
        const U256 slot = pick_slot(), value = prng_.below(3);
        switch (prng_.below(16)) {
        case 0:
            journal_->touch(address);
            naive_.open(address);
            break;
        case 1:
            journal_->set_nonce(address, value.low_u64());
            naive_.open(address).nonce = value.low_u64();
            break;
        case 2:
            journal_->set_balance(address, value);
            naive_.open(address).balance = value;
            break;
        case 3:
            journal_->add_balance(address, value);
            naive_.open(address).balance += value;
            break;
        case 4:
            subtract(address, value);
            break;
        case 5: {
            const Bytes code(prng_.below(3), static_cast<std::uint8_t>(prng_.below(4)));
            journal_->set_code(address, code);
            naive_.open(address).code = code;
            break;
        }
        case 6:
            journal_->begin_contract(address);
            naive_.begin_contract(address);
            break;
        case 7:
            ASSERT_EQ(journal_->self_destruct(address),
                      naive_.world.destructed.insert(address).second);
            break;
        case 8:
        case 9:
            access(address, slot);
            break;
        case 10:
        case 11:
            journal_->set_storage(address, slot, value);
            naive_.set_storage(address, slot, value);
            break;
        case 12:
            journal_->set_transient(address, slot, value);
            naive_.world.transients[{address, slot}] = value;
            break;
        case 13:
            ASSERT_EQ(journal_->access_account(address), naive_.world.warm.insert(address).second);
            break;
        case 14: {
            const std::int64_t gas = static_cast<std::int64_t>(prng_.below(9)) - 4;
            journal_->add_refund(gas);
            naive_.world.refund += gas;
            journal_->add_log({address, {}, Bytes(1, 7)});
            naive_.world.logs.push_back({address, {}, Bytes(1, 7)});
            break;
        }
        default:
            checkpoint_or_revert();
        }
    }

    void subtract(const Address& address, const U256& value) {
        const auto* held = naive_.find(address);
        const bool is_enough = (held == nullptr ? U256() : held->balance) >= value;
        ASSERT_EQ(journal_->subtract_balance(address, value), is_enough);
        if (is_enough) naive_.open(address).balance -= value;
    }

    void access(const Address& address, const U256& slot) {
        const auto got = journal_->access_slot(address, slot);
        ASSERT_EQ(got.current, naive_.storage(address, slot));
        ASSERT_EQ(got.original, naive_.original(address, slot));
        ASSERT_EQ(got.was_cold, naive_.world.warm_slots.insert({address, slot}).second);
    }

    void checkpoint_or_revert() {
        if (prng_.below(2) == 0) {
            marks_.push_back(journal_->checkpoint());
            naive_.checkpoints.push_back(naive_.world);
        } else if (!marks_.empty()) {
            const std::size_t back = prng_.below(marks_.size());
            journal_->revert(marks_[back]);
            naive_.world = naive_.checkpoints[back];
            marks_.resize(back);
            naive_.checkpoints.resize(back);
            compare();
        }
    }

    void compare_accounts() {
        for (std::uint64_t i = 0; i < address_count; ++i) {
            const Address address = address_of(i);
            const auto* held = naive_.find(address);
            ASSERT_EQ(journal_->exists(address), held != nullptr);
            const NaiveJournal::Held none;
            const auto& want = held == nullptr ? none : *held;
            ASSERT_EQ(journal_->nonce(address), want.nonce);
            ASSERT_EQ(journal_->balance(address), want.balance);
            ASSERT_EQ(journal_->code_hash(address), crypto::keccak256(want.code));
            ASSERT_EQ(journal_->code(address)->bytes(), want.code);
            ASSERT_EQ(journal_->is_empty(address), NaiveJournal::is_empty(want));
            if (!want.storage.empty()) {
                ASSERT_TRUE(journal_->has_storage(address));
            }
            for (std::uint64_t slot = 0; slot < slot_count; ++slot) {
                ASSERT_EQ(journal_->storage(address, slot), naive_.storage(address, slot));
            }
        }
    }

    void compare() {
        compare_accounts();
        for (std::uint64_t i = 0; i < address_count; ++i) {
            const Address address = address_of(i);
            ASSERT_EQ(journal_->is_warm(address), naive_.world.warm.contains(address));
            ASSERT_EQ(journal_->created_in_transaction(address),
                      naive_.world.created.contains(address));
            ASSERT_EQ(journal_->is_self_destructed(address),
                      naive_.world.destructed.contains(address));
            for (std::uint64_t slot = 0; slot < slot_count; ++slot) {
                const auto at = naive_.world.transients.find({address, slot});
                ASSERT_EQ(journal_->transient(address, slot),
                          at == naive_.world.transients.end() ? U256() : at->second);
            }
        }
        ASSERT_EQ(journal_->logs(), naive_.world.logs);
        ASSERT_EQ(journal_->refund(), naive_.world.refund);
    }

    void compare_backend() {
        for (std::uint64_t i = 0; i < address_count; ++i) {
            const Address address = address_of(i);
            const auto* held = naive_.find(address);
            const auto account = backend_->account(address);
            ASSERT_TRUE(account);
            ASSERT_EQ(account->has_value(), held != nullptr);
            if (held == nullptr) continue;
            ASSERT_EQ((*account)->nonce, held->nonce);
            ASSERT_EQ((*account)->balance, held->balance);
            ASSERT_EQ((*account)->code_hash, crypto::keccak256(held->code));
            ASSERT_EQ((*account)->storage_root == empty_root_hash, held->storage.empty());
            const auto code = backend_->code((*account)->code_hash);
            ASSERT_TRUE(code);
            ASSERT_EQ((*code)->bytes(), held->code);
            for (std::uint64_t slot = 0; slot < slot_count; ++slot) {
                ASSERT_EQ(*backend_->storage(address, slot), naive_.storage(address, slot));
            }
        }
    }

    Prng prng_;
    std::unique_ptr<StateBackend> backend_;
    std::unique_ptr<Journal> journal_;
    NaiveJournal naive_;
    std::vector<Journal::Checkpoint> marks_;
};

TEST(JournalTest, EqualsPlainMapsOnRandomOperations) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        Twins twins(seed);
        const Rules rules{seed % 3 == 0 ? Fork::homestead : Fork::prague, OpFork::none};
        for (int block = 0; block < 25; ++block) {
            twins.block(rules, (seed + static_cast<std::uint64_t>(block)) % 4 == 0);
            if (HasFatalFailure()) FAIL() << "seed " << seed << ", block " << block;
        }
    }
}

class CountingReader final : public StateReader {
public:
    Result<std::optional<Account>> account(const Address&) override {
        ++accounts;
        if (fails) return fail(ErrorCode::io, "the disk is gone");
        Account out;
        out.balance = 5;
        out.storage_root = {};
        return out;
    }
    Result<U256> storage(const Address&, const U256& slot) override {
        ++slots;
        if (fails) return fail(ErrorCode::corrupted, "bad block");
        return slot + U256(1);
    }
    Result<CodePtr> code(const Hash32& hash) override {
        return fail(ErrorCode::not_found, "no code {}", to_hex(hash.view()));
    }
    int accounts = 0, slots = 0;
    bool fails = false;
};

TEST(JournalTest, AsksTheReaderOnce) {
    CountingReader reader;
    Journal journal(reader);
    journal.begin_transaction();
    EXPECT_TRUE(journal.access_account(address_of(1)));
    EXPECT_EQ(reader.accounts, 0) << "warmth alone reads nothing";
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(journal.balance(address_of(1)), U256(5));
        EXPECT_EQ(journal.access_slot(address_of(1), 7).current, U256(8));
    }
    journal.set_storage(address_of(1), 7, 0);
    journal.end_transaction({});
    EXPECT_EQ(journal.take_changes().size(), 1U);
    journal.begin_transaction();
    EXPECT_EQ(journal.storage(address_of(1), 7), U256());
    EXPECT_EQ(reader.accounts, 1);
    EXPECT_EQ(reader.slots, 1);
}

TEST(JournalTest, ContractsBegunAnewDoNotReadTheOldStorage) {
    CountingReader reader;
    Journal journal(reader);
    journal.begin_transaction();
    EXPECT_TRUE(journal.has_storage(address_of(1)));
    const auto mark = journal.checkpoint();
    journal.begin_contract(address_of(1));
    EXPECT_FALSE(journal.has_storage(address_of(1)));
    EXPECT_EQ(journal.storage(address_of(1), 3), U256());
    EXPECT_EQ(reader.slots, 0);
    journal.revert(mark);
    EXPECT_EQ(journal.storage(address_of(1), 3), U256(4));
    journal.begin_contract(address_of(1));
    journal.set_storage(address_of(1), 9, 1);
    journal.end_transaction({});
    const auto changes = journal.take_changes();
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_TRUE(changes[0].storage_cleared);
    EXPECT_EQ(changes[0].storage, (std::vector<std::pair<U256, U256>>{{9, 1}}));
}

TEST(JournalTest, KeepsTheFirstError) {
    CountingReader reader;
    reader.fails = true;
    Journal journal(reader);
    journal.begin_transaction();
    EXPECT_FALSE(journal.exists(address_of(1)));
    EXPECT_EQ(journal.storage(address_of(1), 2), U256());
    ASSERT_TRUE(journal.error());
    EXPECT_EQ(journal.error()->code, ErrorCode::io);
}

TEST(JournalTest, TheTouchOfRipemdSurvivesARevert) {
    const auto backend = make_memory_state();
    Account empty;
    AccountChange change;
    change.address = address_of(3);
    change.account = empty;
    AccountChange other = change;
    other.address = address_of(4);
    ASSERT_TRUE(backend->apply({change, other}));
    Journal journal(*backend);
    journal.begin_transaction();
    const auto mark = journal.checkpoint();
    journal.touch(address_of(3));
    journal.touch(address_of(4));
    journal.revert(mark);
    journal.end_transaction({});
    EXPECT_FALSE(journal.exists(address_of(3)));
    EXPECT_TRUE(journal.exists(address_of(4)));
}

TEST(JournalTest, TransactionsDoNotPayForWhatIsCached) {
    // Many transients once, then transactions without any: the table forgets by what it holds.
    const auto backend = make_memory_state();
    Journal journal(*backend);
    for (std::uint64_t round = 0; round < 3; ++round) {
        journal.begin_transaction();
        for (std::uint64_t i = 0; i < 20'000; ++i) {
            EXPECT_EQ(journal.transient(address_of(i % 300), i), U256());
            journal.set_transient(address_of(i % 300), i, i + round);
        }
        for (std::uint64_t i = 0; i < 20'000; ++i) {
            ASSERT_EQ(journal.transient(address_of(i % 300), i), U256(i + round));
        }
    }
    for (int i = 0; i < 200'000; ++i) journal.begin_transaction();
    EXPECT_EQ(journal.transient(address_of(1), 1), U256());
}

TEST(CodeTest, TheFirstAnalysisStays) {
    struct Noted final : Code::Analysis {
        explicit Noted(int& counter)
            : count(counter) {}
        ~Noted() override { ++count; }
        int& count;
    };
    int dropped = 0;
    {
        const Code code(Bytes{0x60, 0x00});
        EXPECT_EQ(code.hash(), crypto::keccak256(Bytes{0x60, 0x00}));
        EXPECT_EQ(code.analysis(), nullptr);
        const auto* first = code.set_analysis(std::make_unique<Noted>(dropped));
        EXPECT_EQ(code.set_analysis(std::make_unique<Noted>(dropped)), first);
        EXPECT_EQ(code.analysis(), first);
        EXPECT_EQ(dropped, 1);
    }
    EXPECT_EQ(dropped, 2);
}

TEST(MemoryStateTest, RootsOfTheYellowPaper) {
    const auto state = make_memory_state();
    EXPECT_EQ(*state->apply({}), empty_root_hash);
    EXPECT_EQ(*state->storage_root(address_of(1)), empty_root_hash);
}

} // namespace
} // namespace ol::chain
