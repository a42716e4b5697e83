#include <algorithm>
#include <unordered_map>

#include "chain/state/account_rlp.hpp"
#include "chain/state/state.hpp"
#include "chain/trie/build.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

namespace {

struct SlotHasher {
    std::size_t operator()(const U256& slot) const {
        return slot.limb[0] * 0x9e3779b97f4a7c15 ^ slot.limb[1] ^ slot.limb[2] ^ slot.limb[3];
    }
};

// Leaves of a trie while its root is computed.
class Leaves {
public:
    void add(const Hash32& key, ByteView value) {
        rows_.push_back({key, bytes_.size(), value.size()});
        append(bytes_, value);
    }

    Hash32 root() {
        std::sort(rows_.begin(), rows_.end(),
                  [](const Row& a, const Row& b) { return a.key < b.key; });
        std::vector<trie::LeafView> leaves;
        for (const Row& row : rows_) {
            leaves.push_back({row.key.view(), ByteView(bytes_).subspan(row.begin, row.size)});
        }
        return trie::root_of_sorted(leaves);
    }

private:
    struct Row {
        Hash32 key;
        std::size_t begin, size;
    };
    std::vector<Row> rows_;
    Bytes bytes_;
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
        return value == found->second.storage.end() ? U256() : value->second.value;
    }

    Result<CodePtr> code(const Hash32& code_hash) override {
        const auto found = codes_.find(code_hash);
        if (found != codes_.end()) return found->second;
        if (code_hash == empty_code_hash) return std::make_shared<const Code>(Bytes{}, code_hash);
        return fail(ErrorCode::not_found, "no code with the hash {}", to_hex0x(code_hash.view()));
    }

    Result<Hash32> apply(const StateChanges& changes) override {
        for (const AccountChange& change : changes) apply(change);
        Leaves leaves;
        std::uint8_t value[account_rlp_bytes];
        for (const auto& [address, entry] : accounts_) {
            leaves.add(entry.key, ByteView(value, put_account(value, entry.account)));
        }
        return leaves.root();
    }

    Result<Hash32> storage_root(const Address& address) override {
        const auto found = accounts_.find(address);
        return found == accounts_.end() ? empty_root_hash : found->second.account.storage_root;
    }

private:
    struct Slot {
        Hash32 key;
        U256 value;
    };
    struct Entry {
        Hash32 key;
        Account account;
        std::unordered_map<U256, Slot, SlotHasher> storage;
    };

    void apply(const AccountChange& change) {
        if (change.code != nullptr) codes_[change.code->hash()] = change.code;
        if (!change.account) {
            accounts_.erase(change.address);
            return;
        }
        const auto [at, is_new] = accounts_.try_emplace(change.address);
        Entry& entry = at->second;
        if (is_new) entry.key = crypto::keccak256(change.address.view());
        const Hash32 storage_root = entry.account.storage_root;
        entry.account = *change.account;
        entry.account.storage_root = storage_root;
        if (!change.storage_cleared && change.storage.empty()) return;
        if (change.storage_cleared) entry.storage.clear();
        for (const auto& [slot, value] : change.storage) {
            if (value.is_zero()) {
                entry.storage.erase(slot);
            } else {
                entry.storage[slot] = {crypto::keccak256(slot.to_be().view()), value};
            }
        }
        Leaves leaves;
        std::uint8_t value[slot_rlp_bytes];
        for (const auto& [slot, held] : entry.storage) {
            leaves.add(held.key, ByteView(value, put_slot(value, held.value)));
        }
        entry.account.storage_root = leaves.root();
    }

    std::unordered_map<Address, Entry, FixedBytesHasher> accounts_;
    std::unordered_map<Hash32, CodePtr, FixedBytesHasher> codes_;
};

} // namespace

std::unique_ptr<StateBackend> make_memory_state() { return std::make_unique<MemoryState>(); }

} // namespace ol::chain
