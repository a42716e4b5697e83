#include "chain/state/overlay.hpp"

#include <algorithm>

#include "chain/state/trie_changes.hpp"

namespace ol::chain {

namespace {

// The links of one trie on their way into a batch and the caches.
class BatchSink final : public trie::LinkSink {
public:
    BatchSink(const TrieOwner& owner, store::WriteBatch& batch, CacheUpdate& update)
        : owner_(owner)
        , family_(owner ? family_storage_trie : family_account_trie)
        , batch_(batch)
        , update_(update) {}

    void put(const trie::Path& at, ByteView link) override {
        steps_[at.size].push_back({link_key(owner_, at), Bytes(link.begin(), link.end())});
        if (at.size == 0) set(LinkPlace::root(owner_), {link.begin(), link.end()});
    }
    void erase(const trie::Path& at) override {
        steps_[at.size].push_back({link_key(owner_, at), {}});
        if (at.size == 0) set(LinkPlace::root(owner_), {});
    }
    void image(const trie::Path& at, Bytes image) override {
        set(LinkPlace::branch(owner_, at), std::move(image));
    }

    void part(const trie::Path& at, Bytes part) override {
        const LinkPlace place = LinkPlace::branch(owner_, at);
        update_.parts.emplace_back(place, std::make_shared<const Bytes>(std::move(part)));
    }

    // Ascending by key, which makes the store's work shorter.
    void finish() {
        for (const auto& level : steps_) {
            for (const auto& [key, link] : level) {
                if (link.empty()) {
                    batch_.erase(family_, key);
                } else {
                    batch_.put(family_, key, link);
                }
            }
        }
    }

private:
    void set(const LinkPlace& place, Bytes bytes) {
        update_.links.emplace_back(place, std::make_shared<const Bytes>(std::move(bytes)));
    }

    TrieOwner owner_;
    unsigned family_;
    store::WriteBatch& batch_;
    CacheUpdate& update_;
    std::array<std::vector<std::pair<Bytes, Bytes>>, trie::key_nibbles + 1> steps_; // by depth
};

} // namespace

void update_caches(StateCaches& caches, CacheUpdate&& update) {
    const std::uint64_t version = update.head.version;
    caches.begin_changes(version);
    for (auto& [key, account] : update.accounts) {
        caches.accounts.change(key, caches.hash(key), std::move(account), version);
    }
    for (auto& [key, value] : update.slots) {
        caches.slots.change(key, caches.hash(key), value, version);
    }
    for (auto& [place, bytes] : update.links) {
        caches.links.change(place, caches.hash(place), std::move(bytes), version);
    }
    for (auto& [place, bytes] : update.parts) {
        caches.parts.change(place, caches.hash(place), std::move(bytes), version);
    }
    caches.end_changes(version);
}

Overlay::Overlay(std::shared_ptr<HeadView> view)
    : view_(std::move(view))
    , root_(view_->head() ? view_->head()->root : empty_root_hash) {}

// What the caches do not have is read through the trie: the part of it around a changed account is
// needed for the root anyway, and has the account in it.
Result<std::optional<Account>> Overlay::read_account(const HashedKey& key) {
    StateCaches& caches = view_->core().caches;
    const std::uint64_t hash = caches.hash(key);
    if (const auto held = caches.accounts.find(key, hash, view_->version())) return *held;
    OL_TRY(open_accounts());
    const auto leaf = OL_TRY(accounts_->trie->get(key.view()));
    std::optional<Account> out;
    if (leaf) out = OL_TRY_IN(parse_account(*leaf), "account {}", to_hex0x(key.view()));
    caches.accounts.fill(key, hash, out, view_->version()); // it has no entry: nobody changed it
    return out;
}

Result<Overlay::Entry*> Overlay::entry(const HashedKey& key) {
    const auto found = entries_.find(key);
    if (found != entries_.end()) return &found->second;
    Entry entry;
    entry.before = entry.now = OL_TRY(read_account(key));
    return &entries_.emplace(key, std::move(entry)).first->second;
}

Result<std::optional<Account>> Overlay::account(const HashedKey& key) {
    const auto found = entries_.find(key);
    if (found != entries_.end()) return found->second.now;
    return read_account(key);
}

Result<U256> Overlay::slot(const SlotKey& key) {
    const auto found = entries_.find(key.owner);
    if (found == entries_.end()) return view_->slot(key);
    const Entry& entry = found->second;
    const auto slot = entry.slots.find(key.slot);
    if (slot != entry.slots.end()) return slot->second.now;
    // Cleared slots are all among those above.
    if (!entry.now || entry.now->storage_root == empty_root_hash) return U256();
    return view_->slot(key);
}

CodePtr Overlay::find_code(const Hash32& hash) const {
    const auto found = codes_.find(hash);
    return found == codes_.end() ? nullptr : found->second;
}

Result<Overlay::Slot*> Overlay::slot_entry(const HashedKey& owner, Entry& entry,
                                           const HashedKey& slot) {
    const auto found = entry.slots.find(slot);
    if (found != entry.slots.end()) return &found->second;
    Slot held;
    if (entry.before && entry.before->storage_root != empty_root_hash) {
        held.before = held.now = OL_TRY(view_->slot({owner, slot}));
    }
    return &entry.slots.emplace(slot, held).first->second;
}

Status Overlay::set_slot(const HashedKey& owner, Entry& entry, const HashedKey& slot,
                         const U256& value) {
    Slot& held = *OL_TRY(slot_entry(owner, entry, slot));
    if (held.now == value) return {};
    held.now = value;
    entry.changed.push_back(slot);
    return {};
}

Status Overlay::clear_storage(const HashedKey& owner, Entry& entry) {
    for (auto& [slot, held] : entry.slots) {
        if (held.now.is_zero()) continue;
        held.now = {};
        entry.changed.push_back(slot);
    }
    if (!entry.before || entry.before->storage_root == empty_root_hash) return {};
    return view_->each_slot(owner, [&](const HashedKey& slot, const U256& value) {
        const auto [at, is_new] = entry.slots.try_emplace(slot, Slot{value, {}});
        if (is_new) entry.changed.push_back(slot);
        return true;
    });
}

Status Overlay::edit(const AccountEdit& edit, Entry& entry) {
    const Hash32 storage_root = entry.now ? entry.now->storage_root : empty_root_hash;
    if (edit.clear_storage || !edit.account) OL_TRY(clear_storage(edit.key, entry));
    for (const auto& [slot, value] : edit.slots) {
        OL_TRY(set_slot(edit.key, entry, slot, value));
    }
    entry.now = edit.account;
    if (entry.now && !edit.keep_root) entry.now->storage_root = storage_root;
    return {};
}

Result<OpenTrie*> Overlay::storage_trie(const HashedKey& owner, Entry& entry) {
    if (!entry.storage) {
        const Hash32 root = entry.before ? entry.before->storage_root : empty_root_hash;
        if (root == empty_root_hash) {
            entry.storage = OpenTrie{nullptr, std::make_unique<trie::Trie>(), false};
        } else {
            entry.storage = OL_TRY(open_trie(*view_, owner, root));
        }
    }
    return &*entry.storage;
}

Status Overlay::update_storage(const HashedKey& owner, Entry& entry) {
    auto& changed = entry.changed;
    std::sort(changed.begin(), changed.end());
    changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
    TrieChanges leaves;
    for (const HashedKey& slot : changed) leaves.put_slot(slot, entry.slots[slot].now);
    changed.clear();
    OpenTrie& storage = *OL_TRY(storage_trie(owner, entry));
    OL_TRY_IN(storage.trie->update(leaves.sorted(), &view_->core().pool), "storage of account {}",
              to_hex0x(owner.view()));
    return {};
}

Status Overlay::open_accounts() {
    if (!accounts_) accounts_ = OL_TRY(open_trie(*view_, {}, root_));
    return {};
}

Result<Hash32> Overlay::apply(std::span<const AccountEdit> edits) {
    OL_TRY(open_accounts());
    std::vector<std::pair<const AccountEdit*, Entry*>> rows;
    rows.reserve(edits.size());
    trie::Refs refs;
    for (const AccountEdit& change : edits) {
        Entry* const held = OL_TRY(entry(change.key));
        OL_TRY(edit(change, *held));
        rows.emplace_back(&change, held);
        if (held->changed.empty()) continue;
        OL_TRY(update_storage(change.key, *held));
        held->storage->trie->add_to(refs);
    }
    refs.compute();
    TrieChanges leaves;
    for (const auto& [change, held] : rows) {
        if (!held->now) {
            leaves.erase(change->key);
            continue;
        }
        if (held->storage && !change->keep_root) {
            held->now->storage_root = held->storage->trie->root();
        }
        leaves.put_account(change->key, *held->now);
    }
    OL_TRY_IN(accounts_->trie->update(leaves.sorted(), &view_->core().pool), "accounts");
    root_ = accounts_->trie->root();
    return root_;
}

Result<std::vector<Bytes>> Overlay::prove_account(const HashedKey& key) {
    OL_TRY(open_accounts());
    return accounts_->trie->prove(key.view());
}

Result<std::vector<Bytes>> Overlay::prove_slot(const SlotKey& key) {
    Entry& held = *OL_TRY(entry(key.owner));
    if (!held.now) return std::vector<Bytes>{};
    return OL_TRY(storage_trie(key.owner, held))->trie->prove(key.slot.view());
}

void Overlay::stage_entry(const HashedKey& key, Entry& entry, store::WriteBatch& batch,
                          CacheUpdate& update) {
    if (entry.before != entry.now) {
        if (entry.now) {
            std::uint8_t record[most_record_bytes];
            const std::size_t size = put_account_record(record, *entry.now);
            batch.put(family_accounts, key.view(), ByteView(record, size));
        } else {
            batch.erase(family_accounts, key.view());
        }
        update.accounts.emplace_back(key, entry.now);
    }
    for (const auto& [slot, held] : entry.slots) {
        if (held.before == held.now) continue;
        const SlotKey place{key, slot};
        if (held.now.is_zero()) {
            batch.erase(family_storage, slot_record_key(place));
        } else {
            batch.put(family_storage, slot_record_key(place), encode_slot_record(held.now));
        }
        update.slots.emplace_back(place, held.now);
    }
    if (entry.storage) {
        BatchSink sink(key, batch, update);
        trie::lay_down(*entry.storage->trie, entry.storage->had_root_link, sink);
        sink.finish();
    }
}

Status Overlay::stage(store::WriteBatch& batch, CacheUpdate& update) {
    OL_TRY(open_accounts());
    std::vector<std::pair<HashedKey, Entry*>> order;
    order.reserve(entries_.size());
    for (auto& [key, entry] : entries_) order.emplace_back(key, &entry);
    std::sort(order.begin(), order.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [key, entry] : order) stage_entry(key, *entry, batch, update);
    for (const auto& [hash, code] : codes_) batch.put(family_code, hash.view(), code->bytes());
    BatchSink sink({}, batch, update);
    trie::lay_down(*accounts_->trie, accounts_->had_root_link, sink);
    sink.finish();
    return {};
}

std::vector<DiffEntry> Overlay::diff() const {
    std::vector<DiffEntry> out;
    out.reserve(entries_.size());
    std::uint8_t record[most_record_bytes];
    for (const auto& [key, entry] : entries_) {
        if (entry.before != entry.now) {
            const std::size_t size = entry.before ? put_account_record(record, *entry.before) : 0;
            out.emplace_back(DiffKey(key), ByteView(record, size));
        }
        for (const auto& [slot, held] : entry.slots) {
            if (held.before == held.now) continue;
            out.emplace_back(DiffKey(SlotKey{key, slot}), encode_slot_record(held.before));
        }
    }
    return out;
}

} // namespace ol::chain
