#include "chain/overrides.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace ol::chain {
namespace {

Address account(std::uint64_t number) {
    Address out;
    out.data[19] = static_cast<std::uint8_t>(number);
    return out;
}

StateChanges random_changes(Prng& random) {
    std::map<Address, AccountChange> out;
    for (auto left = 1 + random.below(4); left > 0; --left) {
        AccountChange change;
        change.address = account(random.below(5));
        if (random.below(5) != 0) {
            change.account.emplace();
            change.account->nonce = random.below(9);
            if (random.below(3) == 0) {
                change.code = std::make_shared<const Code>(
                    Bytes(1, static_cast<std::uint8_t>(random.below(9))));
                change.account->code_hash = change.code->hash();
            }
            change.storage_cleared = random.below(5) == 0;
            std::map<U256, U256> slots;
            for (auto slot = random.below(4); slot > 0; --slot)
                slots[U256(random.below(4))] = U256(random.below(3));
            change.storage.assign(slots.begin(), slots.end());
        }
        out[change.address] = change;
    }
    StateChanges list;
    for (auto& [address, change] : out) list.push_back(change);
    return list;
}

// A reader of changes laid over a state reads what the state reads once they are applied to it; and
// merged changes do what they do one after the other.
TEST(overrides, reads_as_if_the_changes_were_applied) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        Prng random(seed);
        auto applied = make_memory_state();
        auto base = make_memory_state();
        for (int i = 0; i < 3; ++i) {
            const auto changes = random_changes(random);
            ASSERT_TRUE(applied->apply(changes));
            ASSERT_TRUE(base->apply(changes));
        }
        StateChanges merged;
        for (int i = 0; i < 3; ++i) {
            const auto changes = random_changes(random);
            ASSERT_TRUE(applied->apply(changes));
            merged = merge_changes(merged, changes);
        }
        const auto reader = overlaid(std::move(base), std::make_shared<const StateChanges>(merged));
        for (std::uint64_t who = 0; who < 6; ++who) {
            auto expected = applied->account(account(who)).value();
            auto found = reader->account(account(who)).value();
            ASSERT_EQ(found.has_value(), expected.has_value()) << seed;
            if (!found) continue;
            EXPECT_EQ(found->nonce, expected->nonce);
            EXPECT_EQ(found->code_hash, expected->code_hash);
            const auto code = reader->code(found->code_hash);
            ASSERT_TRUE(code);
            EXPECT_EQ((*code)->hash(), found->code_hash);
            for (std::uint64_t slot = 0; slot < 5; ++slot) {
                EXPECT_EQ(reader->storage(account(who), U256(slot)).value(),
                          applied->storage(account(who), U256(slot)).value())
                    << seed << " account " << who << " slot " << slot;
            }
        }
    }
}

TEST(overrides, nothing_laid_over_is_the_state_itself) {
    auto base = make_memory_state();
    const auto* before = base.get();
    EXPECT_EQ(overlaid(std::move(base), nullptr).get(), before);
}

} // namespace
} // namespace ol::chain
