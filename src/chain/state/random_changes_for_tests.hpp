// A world of accounts on plain maps, random changes to it, and the comparison of a state with it:
// what every kind of state is tested against.
#pragma once

#include <map>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "chain/state/state.hpp"
#include "chain/trie/build.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

class WorldTwin {
public:
    struct Held {
        Account account; // storage_root is not kept
        CodePtr code;
        std::map<U256, U256> storage;
    };

    explicit WorldTwin(std::uint64_t seed, std::uint64_t address_count = 40,
                       std::uint64_t slot_count = 30)
        : prng_(seed)
        , address_count_(address_count)
        , slot_count_(slot_count) {}

    const std::map<Address, Held>& accounts() const { return accounts_; }
    // To go back to: a copy of the accounts.
    void set_accounts(std::map<Address, Held> accounts) { accounts_ = std::move(accounts); }
    Prng& prng() { return prng_; }

    Address address(std::uint64_t number) const {
        Address out;
        put_be64(out.data.data() + 12, number);
        return out;
    }

    // Changes of a few accounts, carried out here too.
    StateChanges next() {
        std::map<Address, AccountChange> changes;
        for (std::uint64_t i = prng_.below(prng_.below(3) == 0 ? 30 : 5); i-- > 0;) {
            const Address at = address(prng_.below(address_count_));
            if (!changes.contains(at)) changes[at] = change(at);
        }
        StateChanges out;
        for (auto& [at, change] : changes) out.push_back(std::move(change));
        return out;
    }

    // Every account, and every `stride`-th slot or so of each.
    void compare(StateReader& state, std::uint64_t stride = 1) const {
        for (std::uint64_t i = 0; i <= address_count_; ++i) {
            const Address at = address(i);
            const auto got = state.account(at);
            ASSERT_TRUE(got) << got.error().to_string();
            const auto found = accounts_.find(at);
            ASSERT_EQ(got->has_value(), found != accounts_.end()) << i;
            const std::map<U256, U256> none;
            const auto& storage = found == accounts_.end() ? none : found->second.storage;
            for (std::uint64_t slot = 0; slot < slot_count_; slot += stride + i % 3) {
                const auto value = state.storage(at, slot);
                ASSERT_TRUE(value) << value.error().to_string();
                const auto want = storage.find(slot);
                ASSERT_EQ(*value, want == storage.end() ? U256() : want->second);
            }
            if (found == accounts_.end()) continue;
            ASSERT_EQ((*got)->nonce, found->second.account.nonce);
            ASSERT_EQ((*got)->balance, found->second.account.balance);
            ASSERT_EQ((*got)->code_hash, found->second.account.code_hash);
            ASSERT_EQ((*got)->storage_root == empty_root_hash, storage.empty());
            if (found->second.code == nullptr) continue;
            const auto code = state.code((*got)->code_hash);
            ASSERT_TRUE(code) << code.error().to_string();
            ASSERT_EQ((*code)->bytes(), found->second.code->bytes());
        }
    }

private:
    AccountChange change(const Address& at) {
        AccountChange out;
        out.address = at;
        if (prng_.below(8) == 0) {
            accounts_.erase(at);
            return out;
        }
        Held& held = accounts_[at];
        held.account.nonce += prng_.below(3);
        held.account.balance = U256(prng_.next()) << static_cast<unsigned>(prng_.below(150));
        if (prng_.below(6) == 0) {
            Bytes bytes(1 + prng_.below(40), static_cast<std::uint8_t>(prng_.next()));
            out.code = held.code = std::make_shared<const Code>(std::move(bytes));
            held.account.code_hash = held.code->hash();
        }
        if (prng_.below(10) == 0) {
            out.storage_cleared = true;
            held.storage.clear();
        }
        std::map<U256, U256> slots;
        for (std::uint64_t i = prng_.below(prng_.below(4) == 0 ? 3 * slot_count_ : 4); i-- > 0;) {
            const U256 value = prng_.below(3) == 0
                                   ? U256()
                                   : U256(1 + prng_.next() % 1000) << prng_.below(2) * 200;
            slots[prng_.below(slot_count_)] = value;
        }
        for (const auto& [slot, value] : slots) {
            out.storage.emplace_back(slot, value);
            if (value.is_zero()) {
                held.storage.erase(slot);
            } else {
                held.storage[slot] = value;
            }
        }
        out.account = held.account;
        return out;
    }

    Prng prng_;
    std::uint64_t address_count_, slot_count_;
    std::map<Address, Held> accounts_;
};

} // namespace ol::chain
