// A state whose tries are found node by node by their hashes: what a witness holds is enough to
// carry out a block, and every node proves itself.
#include <unordered_map>

#include "chain/state/account_rlp.hpp"
#include "chain/state/keyed_table.hpp"
#include "chain/state/trie_changes.hpp"
#include "chain/trie/decode.hpp"
#include "chain/trie/trie.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

namespace {

class WitnessNodes final : public trie::Source {
public:
    explicit WitnessNodes(NodeSource& source)
        : source_(source) {}

    Result<trie::Node*> resolve(trie::Arena& arena, const trie::Path& path,
                                const trie::Stub& stub) override {
        const Hash32 hash = stub.ref.hash();
        const Bytes rlp = OL_TRY(source_.node(hash));
        if (crypto::keccak256(rlp) != hash) {
            return fail(ErrorCode::corrupted, "the witness's node {} has another hash",
                        to_hex0x(hash.view()));
        }
        return trie::decode_node(arena, path, rlp, stub.ref);
    }

private:
    NodeSource& source_;
};

class WitnessState final : public StateBackend {
public:
    WitnessState(NodeSource& source, const Hash32& state_root)
        : source_(source)
        , nodes_(source)
        , trie_(trie::Trie::by_hash(nodes_, state_root)) {}

    Result<std::optional<Account>> account(const Address& address) override {
        return OL_TRY(entry(address))->account;
    }

    Result<U256> storage(const Address& address, const U256& slot) override {
        Entry& held = *OL_TRY(entry(address));
        if (!held.account) return U256();
        const Hash32 key = crypto::keccak256(slot.to_be().view());
        const auto value = OL_TRY(storage_trie(held).get(key.view()));
        if (!value) return U256();
        return parse_slot(*value);
    }

    Result<CodePtr> code(const Hash32& code_hash) override {
        if (code_hash == empty_code_hash) return empty_code();
        const auto found = codes_.find(code_hash);
        if (found != codes_.end()) return found->second;
        Bytes bytes = OL_TRY(source_.code(code_hash));
        if (crypto::keccak256(bytes) != code_hash) {
            return fail(ErrorCode::corrupted, "the witness's code {} has another hash",
                        to_hex0x(code_hash.view()));
        }
        return codes_[code_hash] = std::make_shared<const Code>(std::move(bytes), code_hash);
    }

    Result<Hash32> apply(const StateChanges& changes) override {
        TrieChanges leaves;
        for (const AccountChange& change : changes) {
            if (change.code != nullptr) codes_[change.code->hash()] = change.code;
            Entry& held = *OL_TRY(entry(change.address));
            const Hash32 key = crypto::keccak256(change.address.view());
            if (!change.account) {
                held = {};
                leaves.erase(key);
                continue;
            }
            OL_TRY(apply(held, change));
            leaves.put_account(key, *held.account);
        }
        OL_TRY(trie_.update(leaves.sorted()));
        return trie_.root();
    }

    Result<Hash32> storage_root(const Address& address) override {
        const Entry& held = *OL_TRY(entry(address));
        return held.account ? held.account->storage_root : empty_root_hash;
    }

private:
    struct Entry {
        std::optional<Account> account;
        std::unique_ptr<trie::Trie> storage; // null until asked for
    };

    Result<Entry*> entry(const Address& address) {
        const auto found = accounts_.find(address);
        if (found != accounts_.end()) return &found->second;
        const auto leaf = OL_TRY(trie_.get(crypto::keccak256(address.view()).view()));
        Entry held;
        if (leaf) held.account = OL_TRY(parse_account(*leaf));
        return &accounts_.emplace(address, std::move(held)).first->second;
    }

    trie::Trie& storage_trie(Entry& held) {
        if (held.storage == nullptr) {
            held.storage = std::make_unique<trie::Trie>(
                trie::Trie::by_hash(nodes_, held.account->storage_root));
        }
        return *held.storage;
    }

    Status apply(Entry& held, const AccountChange& change) {
        Account after = *change.account;
        if (change.storage_cleared || !held.account) {
            held.storage = std::make_unique<trie::Trie>();
            after.storage_root = empty_root_hash;
        } else {
            after.storage_root = held.account->storage_root;
        }
        held.account = after;
        if (change.storage.empty()) return {};
        TrieChanges leaves;
        for (const auto& [slot, value] : change.storage) {
            leaves.put_slot(crypto::keccak256(slot.to_be().view()), value);
        }
        trie::Trie& storage = storage_trie(held);
        OL_TRY(storage.update(leaves.sorted()));
        held.account->storage_root = storage.root();
        return {};
    }

    NodeSource& source_;
    WitnessNodes nodes_;
    trie::Trie trie_;
    std::unordered_map<Address, Entry, SecretHasher> accounts_;
    std::unordered_map<Hash32, CodePtr, SecretHasher> codes_;
};

} // namespace

std::unique_ptr<StateBackend> make_witness_state(NodeSource& source, const Hash32& state_root) {
    return std::make_unique<WitnessState>(source, state_root);
}

} // namespace ol::chain
