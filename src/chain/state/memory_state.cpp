#include <algorithm>
#include <unordered_map>

#include "chain/state/account_rlp.hpp"
#include "chain/state/keyed_table.hpp"
#include "chain/state/trie_changes.hpp"
#include "chain/trie/trie.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

namespace {

struct SlotHasher {
    std::size_t operator()(const U256& slot) const {
        return slot.limb[0] * 0x9e3779b97f4a7c15 ^ slot.limb[1] ^ slot.limb[2] ^ slot.limb[3];
    }
};

class MemoryState final : public StateBackend {
public:
    Result<std::optional<Account>> account(const Address& address) override {
        const auto found = accounts_.find(address);
        if (found == accounts_.end()) return std::nullopt;
        return found->second.account;
    }

    Result<U256> storage(const Address& address, const U256& slot) override {
        const auto found = accounts_.find(address);
        if (found == accounts_.end()) return U256();
        const auto value = found->second.storage.find(slot);
        return value == found->second.storage.end() ? U256() : value->second;
    }

    Result<CodePtr> code(const Hash32& code_hash) override {
        if (code_hash == empty_code_hash) return empty_code();
        const auto found = codes_.find(code_hash);
        if (found != codes_.end()) return found->second;
        return fail(ErrorCode::not_found, "no code with the hash {}", to_hex0x(code_hash.view()));
    }

    Result<Hash32> apply(const StateChanges& changes) override {
        TrieChanges leaves;
        for (const AccountChange& change : changes) {
            const std::optional<Account> after = OL_TRY(apply(change));
            const Hash32 key = crypto::keccak256(change.address.view());
            if (after) {
                leaves.put_account(key, *after);
            } else {
                leaves.erase(key);
            }
        }
        OL_TRY(trie_.update(leaves.sorted()));
        return trie_.root();
    }

    Result<Hash32> storage_root(const Address& address) override {
        const auto found = accounts_.find(address);
        return found == accounts_.end() ? empty_root_hash : found->second.account.storage_root;
    }

private:
    struct Entry {
        Account account;
        std::unordered_map<U256, U256, SlotHasher> storage;
        std::unique_ptr<trie::Trie> trie; // null: empty
    };

    Result<std::optional<Account>> apply(const AccountChange& change) {
        if (change.code != nullptr) codes_[change.code->hash()] = change.code;
        if (!change.account) {
            accounts_.erase(change.address);
            return std::nullopt;
        }
        Entry& entry = accounts_[change.address];
        if (change.storage_cleared) {
            entry.storage.clear();
            entry.trie = nullptr;
        }
        TrieChanges leaves;
        for (const auto& [slot, value] : change.storage) {
            leaves.put_slot(crypto::keccak256(slot.to_be().view()), value);
            if (value.is_zero()) {
                entry.storage.erase(slot);
            } else {
                entry.storage[slot] = value;
            }
        }
        if (entry.trie == nullptr && !leaves.is_empty()) {
            entry.trie = std::make_unique<trie::Trie>();
        }
        if (!leaves.is_empty()) OL_TRY(entry.trie->update(leaves.sorted()));
        entry.account = *change.account;
        entry.account.storage_root = entry.trie == nullptr ? empty_root_hash : entry.trie->root();
        return entry.account;
    }

    std::unordered_map<Address, Entry, SecretHasher> accounts_;
    std::unordered_map<Hash32, CodePtr, SecretHasher> codes_;
    trie::Trie trie_;
};

} // namespace

std::unique_ptr<StateBackend> make_memory_state() { return std::make_unique<MemoryState>(); }

} // namespace ol::chain
