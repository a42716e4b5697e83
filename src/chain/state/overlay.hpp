// Changes on top of a view: values and tries in memory until they are staged into a batch. What a
// pending block, a roll-back, an import and a proof of an old block have in common. Keys are hashes
// here. Internal to the state room.
#pragma once

#include <unordered_map>

#include "chain/state/head_view.hpp"
#include "chain/state/history.hpp"

namespace ol::chain {

struct AccountEdit {
    HashedKey key;
    // None: gone with its storage. Its storage_root is computed, unless `keep_root`.
    std::optional<Account> account;
    bool clear_storage = false;
    bool keep_root = false; // the storage root is as given; there are no slots
    std::vector<std::pair<HashedKey, U256>> slots; // each once; zero: removed
};

// What a staged overlay changes in the caches, once its batch is written.
struct CacheUpdate {
    Head head;
    std::vector<std::pair<HashedKey, std::optional<Account>>> accounts;
    std::vector<std::pair<SlotKey, U256>> slots;
    std::vector<std::pair<LinkPlace, SharedBytes>> links, parts;
};
void update_caches(StateCaches& caches, CacheUpdate&& update);

class Overlay {
public:
    explicit Overlay(std::shared_ptr<HeadView> view);

    HeadView& view() const { return *view_; }
    Result<std::optional<Account>> account(const HashedKey& key);
    Result<U256> slot(const SlotKey& key);

    // Each account once. The new state root. On an error the overlay is undefined.
    Result<Hash32> apply(std::span<const AccountEdit> edits);
    Hash32 root() const { return root_; }
    // A change is part of every later apply and stage; codes are too.
    void add_code(const CodePtr& code) { codes_[code->hash()] = code; }
    CodePtr find_code(const Hash32& hash) const;

    // The nodes towards an account or a slot, as of now.
    Result<std::vector<Bytes>> prove_account(const HashedKey& key);
    Result<std::vector<Bytes>> prove_slot(const SlotKey& key);

    // Adds everything that changed to the batch and to `update` (its head is the caller's).
    Status stage(store::WriteBatch& batch, CacheUpdate& update);
    // What the changed accounts and slots held before.
    std::vector<DiffEntry> diff() const;

private:
    struct Slot {
        U256 before, now;
    };
    struct Entry {
        std::optional<Account> before, now;
        std::unordered_map<HashedKey, Slot, SecretHasher> slots;
        std::optional<OpenTrie> storage; // opened at the first change of a slot
        std::vector<HashedKey> changed;  // slots of the apply that goes on
    };

    Result<std::optional<Account>> read_account(const HashedKey& key);
    Result<Entry*> entry(const HashedKey& key);
    Result<Slot*> slot_entry(const HashedKey& owner, Entry& entry, const HashedKey& slot);
    Status set_slot(const HashedKey& owner, Entry& entry, const HashedKey& slot, const U256& value);
    Status clear_storage(const HashedKey& owner, Entry& entry);
    Status edit(const AccountEdit& edit, Entry& entry);
    Status update_storage(const HashedKey& owner, Entry& entry);
    Result<OpenTrie*> storage_trie(const HashedKey& owner, Entry& entry);
    Status open_accounts();
    void stage_entry(const HashedKey& key, Entry& entry, store::WriteBatch& batch,
                     CacheUpdate& update);

    std::shared_ptr<HeadView> view_;
    std::unordered_map<HashedKey, Entry, SecretHasher> entries_;
    std::unordered_map<Hash32, CodePtr, SecretHasher> codes_;
    std::optional<OpenTrie> accounts_;
    Hash32 root_;
};

} // namespace ol::chain
