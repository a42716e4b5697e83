#include <thread>

#include <gtest/gtest.h>

#include "base/rounds_for_tests.hpp"
#include "chain/state/database_for_tests.hpp"
#include "chain/state/random_changes_for_tests.hpp"

namespace ol::chain {
namespace {

using World = std::map<Address, WorldTwin::Held>;

struct Past {
    World accounts;
    Hash32 root;
};

// The database against copies of the whole world after each block.
class Chain {
public:
    Chain(std::uint64_t seed, bool archive)
        : twin_(seed, 150, 70)
        , state_(folder_.path(), options(archive), 1 + static_cast<unsigned>(seed % 2)) {}

    void step() {
        switch (twin_.prng().below(12)) {
        case 0:
            state_.open();
            break;
        case 1:
            drop_a_pending_block();
            break;
        case 2:
            roll_back();
            break;
        case 3:
            prove();
            break;
        default:
            commit();
        }
        if (testing::Test::HasFatalFailure() || past_.empty()) return;
        ASSERT_EQ(state_.database->head_number(), past_.size() - 1);
        ASSERT_EQ(state_.database->root(), past_.back().root);
        read_the_past();
    }

    void verify() {
        const Status done = state_.database->verify(no_progress);
        ASSERT_TRUE(done) << done.error().to_string();
    }

private:
    static StateOptions options(bool archive) {
        StateOptions out;
        out.archive = archive;
        out.history_blocks = 6;
        out.cache_bytes = 1U << 20;
        return out;
    }

    Hash32 add_to_memory(const StateChanges& changes) {
        const auto root = memory_->apply(changes);
        EXPECT_TRUE(root);
        return *root;
    }

    void commit() {
        auto pending = state_.database->begin();
        Hash32 root = past_.empty() ? empty_root_hash : past_.back().root;
        for (std::uint64_t part = 1 + twin_.prng().below(3); part-- > 0;) {
            const StateChanges changes = twin_.next();
            const auto got = pending->apply(changes);
            ASSERT_TRUE(got) << got.error().to_string();
            root = add_to_memory(changes);
            ASSERT_EQ(*got, root);
            if (twin_.prng().below(3) == 0) twin_.compare(*pending, 9);
        }
        ASSERT_EQ(pending->root(), root);
        state_.commit(std::move(pending));
        past_.push_back({twin_.accounts(), root});
    }

    void drop_a_pending_block() {
        const World before = twin_.accounts();
        auto pending = state_.database->begin();
        ASSERT_TRUE(pending->apply(twin_.next()));
        store::WriteBatch batch;
        ASSERT_TRUE(state_.database->stage(*pending, past_.size(), batch));
        twin_.set_accounts(before);
    }

    void roll_back() {
        if (past_.empty()) return;
        const std::uint64_t oldest = state_.database->oldest_number();
        const std::uint64_t number = oldest + twin_.prng().below(past_.size() - oldest);
        store::WriteBatch batch;
        if (oldest > 0) {
            const Status beyond = state_.database->stage_rollback(oldest - 1, batch);
            ASSERT_FALSE(beyond);
            ASSERT_EQ(beyond.error().code, ErrorCode::not_found);
        }
        const Status staged = state_.database->stage_rollback(number, batch);
        ASSERT_TRUE(staged) << staged.error().to_string();
        ASSERT_TRUE(state_.store->write(batch, false));
        state_.database->adopt_rollback();
        past_.resize(number + 1);
        twin_.set_accounts(past_.back().accounts);
        rebuild_memory();
    }

    // The memory state cannot go back: it is made anew from the world.
    void rebuild_memory() {
        memory_ = make_memory_state();
        StateChanges all;
        for (const auto& [address, held] : twin_.accounts()) {
            AccountChange change;
            change.address = address;
            change.account = held.account;
            change.code = held.code;
            for (const auto& [slot, value] : held.storage) change.storage.emplace_back(slot, value);
            all.push_back(std::move(change));
        }
        ASSERT_EQ(add_to_memory(all), past_.back().root);
    }

    std::uint64_t pick_past() {
        const std::uint64_t oldest = state_.database->oldest_number();
        if (!state_.options.archive) {
            EXPECT_LE(past_.size() - 1 - oldest, 7U);
        } else {
            EXPECT_EQ(oldest, 0U);
        }
        return oldest + twin_.prng().below(past_.size() - oldest);
    }

    void read_the_past() {
        const std::uint64_t number = pick_past();
        const auto reader = state_.database->at(number);
        ASSERT_TRUE(reader) << reader.error().to_string();
        WorldTwin then(0, 150, 70);
        then.set_accounts(past_[number].accounts);
        then.compare(**reader, 12);
        ASSERT_FALSE(state_.database->at(past_.size()));
    }

    void prove() {
        if (past_.empty()) return;
        const std::uint64_t number = pick_past();
        const Address address = twin_.address(twin_.prng().below(160));
        const std::vector<U256> slots = {twin_.prng().below(70), twin_.prng().below(70), 1000};
        auto proof = state_.database->prove(address, slots, number);
        ASSERT_TRUE(proof) << proof.error().to_string();
        const Hash32 root = past_[number].root;
        const Status verified = verify_proof(root, address, *proof);
        ASSERT_TRUE(verified) << verified.error().to_string();
        const auto found = past_[number].accounts.find(address);
        const bool is_there = found != past_[number].accounts.end();
        ASSERT_EQ(proof->account.nonce, is_there ? found->second.account.nonce : 0);
        for (const auto& slot : proof->slots) {
            const auto value = is_there ? found->second.storage.find(slot.slot)
                                        : std::map<U256, U256>::const_iterator();
            const bool is_set = is_there && value != found->second.storage.end();
            ASSERT_EQ(slot.value, is_set ? value->second : U256());
        }
        proof->account.nonce += 1;
        EXPECT_EQ(verify_proof(root, address, *proof).error().code, ErrorCode::unverified);
        proof->account.nonce -= 1;
        proof->slots[0].value += U256(1);
        EXPECT_FALSE(verify_proof(root, address, *proof));
    }

    TemporaryFolder folder_;
    WorldTwin twin_;
    OpenState state_;
    std::unique_ptr<StateBackend> memory_ = make_memory_state();
    std::vector<Past> past_;
};

class Modes : public testing::TestWithParam<bool> {};

TEST_P(Modes, EqualTheWorldThroughCommitsRollbacksAndReopenings) {
    for (std::uint64_t seed = 0; seed < test_rounds(2U, 8U); ++seed) {
        Chain chain(seed, GetParam());
        for (int step = 0; step < 45; ++step) {
            chain.step();
            if (HasFatalFailure()) FAIL() << "seed " << seed << ", step " << step;
        }
        chain.verify();
    }
}

INSTANTIATE_TEST_SUITE_P(PrunedAndArchive, Modes, testing::Bool());

AccountChange change_of(const Address& address, const U256& balance) {
    AccountChange out;
    out.address = address;
    out.account.emplace();
    out.account->balance = balance;
    return out;
}

Address address_of(std::uint64_t number) {
    Address out;
    put_be64(out.data.data() + 12, number);
    return out;
}

TEST(StateDatabaseTest, ABlockOnAnotherHeadIsAConflict) {
    const TemporaryFolder folder;
    OpenState state(folder.path());
    auto first = state.database->begin();
    auto second = state.database->begin();
    ASSERT_TRUE(first->apply({change_of(address_of(1), 5)}));
    store::WriteBatch batch;
    EXPECT_EQ(state.database->stage(*first, 3, batch).error().code, ErrorCode::conflict);
    state.commit(std::move(first));
    EXPECT_EQ(state.database->stage(*second, 1, batch).error().code, ErrorCode::conflict);
    EXPECT_EQ(*second->account(address_of(1)), std::nullopt) << "it stays on its own head";
}

TEST(StateDatabaseTest, OtherModesAndFormatsAreRefused) {
    const TemporaryFolder folder;
    {
        OpenState state(folder.path());
        state.commit({{change_of(address_of(1), 5)}});
    }
    auto store = store::KeyValue::open(folder.path(), state_family_names());
    ASSERT_TRUE(store);
    ThreadPool pool(1);
    StateOptions archive;
    archive.archive = true;
    EXPECT_EQ(StateDatabase::open(**store, archive, pool).error().code, ErrorCode::conflict);
    Bytes future(9);
    put_be64(future.data(), 99);
    ASSERT_TRUE((*store)->put(family_state_meta, as_bytes("format"), future, true));
    EXPECT_EQ(StateDatabase::open(**store, {}, pool).error().code, ErrorCode::unsupported);
}

// Transfers keep the sum; each reader of any block sees a whole block, whatever is committed
// meanwhile.
TEST(StateDatabaseTest, ReadersOfAllThreadsSeeWholeBlocks) {
    constexpr std::uint64_t accounts = 64, each = 1000;
    const TemporaryFolder folder;
    OpenState state(folder.path());
    StateChanges genesis;
    for (std::uint64_t i = 0; i < accounts; ++i) genesis.push_back(change_of(address_of(i), each));
    state.commit({genesis});
    std::atomic<bool> stop{false};
    std::atomic<int> reads{0};
    const auto read = [&](std::uint64_t seed) {
        Prng prng(seed);
        while (!stop.load()) {
            const std::uint64_t head = *state.database->head_number();
            const std::uint64_t oldest = state.database->oldest_number();
            const std::uint64_t number =
                head - prng.below(std::min<std::uint64_t>(head - oldest + 1, 3));
            const auto reader = state.database->at(number);
            if (!reader) continue; // rolled back since
            U256 sum, nonces;
            for (std::uint64_t i = 0; i < accounts; ++i) {
                const auto account = (*reader)->account(address_of(i));
                ASSERT_TRUE(account && *account);
                sum += (*account)->balance;
                nonces += U256((*account)->nonce);
            }
            ASSERT_EQ(sum, U256(accounts * each)) << "block " << number;
            const U256 slot = prng.below(4);
            const auto proof = state.database->prove(address_of(1), std::span(&slot, 1), number);
            if (proof) {
                ASSERT_FALSE(proof->account_nodes.empty());
            }
            reads.fetch_add(1);
        }
    };
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < 3; ++i) threads.emplace_back(read, i);
    Prng prng(9);
    for (int block = 0; block < 400 || reads.load() < 50; ++block) {
        auto pending = state.database->begin();
        const Address from = address_of(prng.below(accounts)),
                      to = address_of(prng.below(accounts));
        if (from == to) continue;
        const Account payer = **pending->account(from), payee = **pending->account(to);
        const U256 amount = std::min(payer.balance, U256(prng.below(50)));
        ASSERT_TRUE(
            pending->apply({change_of(std::min(from, to),
                                      from < to ? payer.balance - amount : payee.balance + amount),
                            change_of(std::max(from, to), from < to ? payee.balance + amount
                                                                    : payer.balance - amount)}));
        state.commit(std::move(pending));
        if (block % 50 == 49) {
            store::WriteBatch batch;
            ASSERT_TRUE(state.database->stage_rollback(*state.database->head_number() - 2, batch));
            ASSERT_TRUE(state.store->write(batch, false));
            state.database->adopt_rollback();
        }
    }
    stop.store(true);
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(state.database->verify(no_progress));
}

TEST(StateDatabaseTest, VerifyNamesWhatDiffers) {
    const TemporaryFolder folder;
    OpenState state(folder.path());
    WorldTwin twin(3, 200, 80);
    for (int i = 0; i < 8; ++i) state.commit({twin.next(), twin.next()});
    ASSERT_TRUE(state.database->verify(no_progress));
    Prng prng(1);
    int found = 0;
    for (unsigned family = 0; family < family_history; ++family) {
        std::vector<std::pair<Bytes, Bytes>> rows;
        ASSERT_TRUE(state.store->scan(family, {}, [&](ByteView key, ByteView value) {
            rows.emplace_back(Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end()));
            return true;
        }));
        for (int turn = 0; turn < 15 && !rows.empty(); ++turn) {
            const auto& [key, value] = rows[prng.below(rows.size())];
            Bytes other = value;
            other[prng.below(other.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
            if (prng.below(3) == 0) {
                store::WriteBatch batch;
                batch.erase(family, key);
                ASSERT_TRUE(state.store->write(batch, false));
            } else {
                ASSERT_TRUE(state.store->put(family, key, other, false));
            }
            const Status checked = state.database->verify(no_progress);
            ASSERT_TRUE(state.store->put(family, key, value, false));
            if (family == family_code && checked) continue; // a code of nobody any more
            ASSERT_FALSE(checked) << "family " << family << ", key " << to_hex(key);
            EXPECT_EQ(checked.error().code, ErrorCode::corrupted);
            ++found;
        }
    }
    EXPECT_GT(found, 60);
    const auto stop = [](std::string_view, std::uint64_t, std::uint64_t) { return false; };
    EXPECT_TRUE(state.database->verify(no_progress));
    EXPECT_TRUE(state.database->verify(stop)) << "too small to be asked";
}

TEST(StateDatabaseTest, SnapshotsGoOutAndIn) {
    const TemporaryFolder folder;
    OpenState state(folder.path() / "first");
    WorldTwin twin(5, 300, 90);
    for (int i = 0; i < 10; ++i) state.commit({twin.next(), twin.next()});
    const Path file = folder.path() / "snapshot";
    ASSERT_TRUE(state.database->export_snapshot(file, no_progress));
    const Hash32 root = state.database->root();

    OpenState other(folder.path() / "second");
    EXPECT_FALSE(other.database->import_snapshot(file, 8, root, no_progress));
    EXPECT_FALSE(other.database->import_snapshot(file, 9, Hash32{}, no_progress));
    const Status done = other.database->import_snapshot(file, 9, root, no_progress);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(other.database->head_number(), 9U);
    EXPECT_EQ(other.database->oldest_number(), 9U);
    EXPECT_EQ(other.database->root(), root);
    twin.compare(**other.database->at(9));
    ASSERT_TRUE(other.database->verify(no_progress));
    EXPECT_FALSE(other.database->import_snapshot(file, 9, root, no_progress)) << "not empty";
    const StateChanges changes = twin.next();
    state.commit({changes});
    other.commit({changes});
    EXPECT_EQ(other.database->root(), state.database->root());

    // Every damage is noticed, and leaves nothing behind.
    const Bytes bytes = *read_file(file, 1U << 30);
    Prng prng(2);
    OpenState third(folder.path() / "third");
    for (int turn = 0; turn < 40; ++turn) {
        Bytes damaged = bytes;
        if (turn % 4 == 0) {
            damaged.resize(prng.below(damaged.size()));
        } else {
            damaged[prng.below(damaged.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
        }
        ASSERT_TRUE(write_file_atomic(folder.path() / "damaged", damaged));
        EXPECT_FALSE(
            third.database->import_snapshot(folder.path() / "damaged", 9, root, no_progress));
        EXPECT_EQ(third.database->head_number(), std::nullopt);
    }
    ASSERT_TRUE(third.database->import_snapshot(file, 9, root, no_progress));
    ASSERT_TRUE(third.database->verify(no_progress));
}

TEST(StateDatabaseTest, AnUnfinishedImportIsForgotten) {
    const TemporaryFolder folder;
    OpenState state(folder.path());
    state.commit({{change_of(address_of(1), 5)}});
    ASSERT_TRUE(state.store->put(family_state_meta, as_bytes("importing"), {}, true));
    state.open();
    EXPECT_EQ(state.database->head_number(), std::nullopt);
    EXPECT_EQ(state.database->root(), empty_root_hash);
    state.commit({{change_of(address_of(2), 6)}});
    EXPECT_TRUE(state.database->verify(no_progress));
}

} // namespace
} // namespace ol::chain
