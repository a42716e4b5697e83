// The newest state in the store at one moment: flat values and the links of the tries, through
// caches that all views share. Internal to the state room.
#pragma once

#include <list>
#include <mutex>
#include <unordered_map>

#include "chain/state/database.hpp"
#include "chain/state/keyed_table.hpp"
#include "chain/state/records.hpp"
#include "chain/state/versioned_cache.hpp"
#include "chain/trie/stored.hpp"

namespace ol::chain {

// The links of one branch, or the link of a root.
struct LinkPlace {
    HashedKey owner; // zero: the accounts' trie
    trie::Path at;
    bool is_root = false; // of the trie: its own link, not those of its children
    bool operator==(const LinkPlace&) const = default;
    static LinkPlace branch(const TrieOwner& owner, const trie::Path& at) {
        return {owner.value_or(HashedKey{}), at, false};
    }
    static LinkPlace root(const TrieOwner& owner) {
        return {owner.value_or(HashedKey{}), {}, true};
    }
};

using SharedBytes = std::shared_ptr<const Bytes>; // never null in a cache; empty: nothing there

struct StateCaches {
    explicit StateCaches(std::uint64_t bytes);

    VersionedCache<HashedKey, std::optional<Account>> accounts;
    VersionedCache<SlotKey, U256> slots;
    VersionedCache<LinkPlace, SharedBytes> links;
    VersionedCache<LinkPlace, SharedBytes> parts; // trie::decode_part, where a branch would be

    std::uint64_t hash(const HashedKey& key) const { return hasher_(key.view()); }
    std::uint64_t hash(const SlotKey& key) const {
        return hasher_(hasher_(key.owner.view()), U256::from_be(key.slot.view()));
    }
    std::uint64_t hash(const LinkPlace& place) const;

    void begin_changes(std::uint64_t version);
    void end_changes(std::uint64_t version);
    void clear();

private:
    KeyHasher hasher_;
};

// Codes by their hash, the last used ones: what the interpreter found out of a code stays with it.
class CodeCache {
public:
    explicit CodeCache(std::uint64_t bytes)
        : limit_(bytes) {}
    CodePtr find(const Hash32& hash); // null when it is not here
    void put(const CodePtr& code);

private:
    std::mutex mutex_;
    std::uint64_t limit_, bytes_ = 0;
    std::list<CodePtr> order_; // the last used one first
    std::unordered_map<Hash32, std::list<CodePtr>::iterator, SecretHasher> places_;
};

// What all parts of one state database share.
struct StateCore {
    StateCore(store::KeyValue& key_value, const StateOptions& state_options, ThreadPool& threads);

    store::KeyValue& store;
    StateOptions options;
    ThreadPool& pool;
    StateCaches caches;
    CodeCache codes;
};

// Thread-safe.
class HeadView {
public:
    static Result<std::shared_ptr<HeadView>> create(StateCore& core);

    const std::optional<Head>& head() const { return head_; } // none before the first block
    std::uint64_t version() const { return head_ ? head_->version : 0; }
    StateCore& core() const { return core_; }
    const store::KeyValue::SnapshotPtr& snapshot() const { return snapshot_; }

    Result<std::optional<Account>> account(const HashedKey& key);
    Result<U256> slot(const SlotKey& key);
    Result<CodePtr> code(const Hash32& hash);
    // Every slot of an account, ascending.
    Status each_slot(const HashedKey& owner,
                     const std::function<bool(const HashedKey& slot, const U256& value)>& each);

    // Empty: the trie is small or empty.
    Result<SharedBytes> root_link(const TrieOwner& owner);
    Result<SharedBytes> image(const TrieOwner& owner, const trie::Path& at);
    // The few leaves behind a path where a block changed some; null when they are not at hand.
    SharedBytes part(const TrieOwner& owner, const trie::Path& at);
    // The leaves of a trie behind a path, ascending, from the flat values.
    Result<std::vector<trie::Leaf*>> leaves(trie::Arena& arena, const TrieOwner& owner,
                                            const trie::Path& at);

    // A cursor over a family for one use; they are kept and handed out again.
    class Borrowed {
    public:
        Borrowed(HeadView& view, unsigned family);
        ~Borrowed();
        Borrowed(const Borrowed&) = delete;
        Borrowed& operator=(const Borrowed&) = delete;
        store::KeyValue::Cursor* operator->() const { return cursor_.get(); }
        store::KeyValue::Cursor& operator*() const { return *cursor_; }

    private:
        HeadView& view_;
        unsigned family_;
        std::unique_ptr<store::KeyValue::Cursor> cursor_;
    };

private:
    explicit HeadView(StateCore& core)
        : core_(core) {}

    StateCore& core_;
    store::KeyValue::SnapshotPtr snapshot_; // goes after the cursors
    std::optional<Head> head_;
    std::mutex mutex_;
    std::array<std::vector<std::unique_ptr<store::KeyValue::Cursor>>, state_families> cursors_;
};

// The links of the children of the branch at a path, read with a cursor over the trie's family.
Result<Bytes> read_image(store::KeyValue::Cursor& cursor, const TrieOwner& owner,
                         const trie::Path& at);
unsigned trie_family(const TrieOwner& owner);

// A trie's parts out of a view.
class StoredSource final : public trie::Source {
public:
    StoredSource(HeadView& view, const TrieOwner& owner)
        : view_(view)
        , owner_(owner) {}
    Result<trie::Node*> resolve(trie::Arena& arena, const trie::Path& path,
                                const trie::Stub& stub) override;

private:
    HeadView& view_;
    TrieOwner owner_;
};

// A trie as it stands in the store.
struct OpenTrie {
    std::unique_ptr<StoredSource> source;
    std::unique_ptr<trie::Trie> trie;
    bool had_root_link = false;
};
Result<OpenTrie> open_trie(HeadView& view, const TrieOwner& owner, const Hash32& root);

} // namespace ol::chain
