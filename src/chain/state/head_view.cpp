#include "chain/state/head_view.hpp"

#include "chain/state/account_rlp.hpp"
#include "chain/state/trie_changes.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

namespace {

// What an entry of each cache takes, about, and the caches' parts of the whole in eighths.
constexpr std::uint64_t account_bytes = 200, slot_bytes = 128, link_bytes = 720, part_bytes = 1500;
constexpr std::uint64_t account_eighths = 2, slot_eighths = 1, link_eighths = 3, part_eighths = 1,
                        code_eighths = 1;

// Far more than any part of a trie that is not laid down has (trie::small_leaves).
constexpr std::size_t most_leaves = 1024;

const SharedBytes& nothing() {
    static const SharedBytes bytes = std::make_shared<const Bytes>();
    return bytes;
}

} // namespace

unsigned trie_family(const TrieOwner& owner) {
    return owner ? family_storage_trie : family_account_trie;
}

StateCaches::StateCaches(std::uint64_t bytes)
    : accounts(bytes / 8 * account_eighths / account_bytes)
    , slots(bytes / 8 * slot_eighths / slot_bytes)
    , links(bytes / 8 * link_eighths / link_bytes)
    , parts(bytes / 8 * part_eighths / part_bytes) {}

std::uint64_t StateCaches::hash(const LinkPlace& place) const {
    std::uint8_t bytes[32 + 32 + 8] = {};
    std::memcpy(bytes, place.owner.data.data(), 32);
    std::memcpy(bytes + 32, place.at.packed.data(), 32);
    bytes[64] = place.at.size;
    bytes[65] = place.is_root ? 1 : 0;
    return hasher_(ByteView(bytes));
}

void StateCaches::begin_changes(std::uint64_t version) {
    accounts.begin_changes(version);
    slots.begin_changes(version);
    links.begin_changes(version);
    parts.begin_changes(version);
}

void StateCaches::end_changes(std::uint64_t version) {
    accounts.end_changes(version);
    slots.end_changes(version);
    links.end_changes(version);
    parts.end_changes(version);
}

void StateCaches::clear() {
    accounts.clear();
    slots.clear();
    links.clear();
    parts.clear();
}

CodePtr CodeCache::find(const Hash32& hash) {
    const std::scoped_lock lock(mutex_);
    const auto found = places_.find(hash);
    if (found == places_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return *found->second;
}

void CodeCache::put(const CodePtr& code) {
    const std::scoped_lock lock(mutex_);
    if (places_.contains(code->hash())) return;
    order_.push_front(code);
    places_[code->hash()] = order_.begin();
    // The analysis of a code takes about as much again.
    const auto cost = [](const CodePtr& held) { return 2 * held->bytes().size() + 256; };
    bytes_ += cost(code);
    while (bytes_ > limit_ && order_.size() > 1) {
        bytes_ -= cost(order_.back());
        places_.erase(order_.back()->hash());
        order_.pop_back();
    }
}

StateCore::StateCore(store::KeyValue& key_value, const StateOptions& state_options,
                     ThreadPool& threads)
    : store(key_value)
    , options(state_options)
    , pool(threads)
    , caches(state_options.cache_bytes)
    , codes(state_options.cache_bytes / 8 * code_eighths) {}

HeadView::Borrowed::Borrowed(HeadView& view, unsigned family)
    : view_(view)
    , family_(family) {
    {
        const std::scoped_lock lock(view.mutex_);
        auto& kept = view.cursors_[family];
        if (!kept.empty()) {
            cursor_ = std::move(kept.back());
            kept.pop_back();
        }
    }
    if (cursor_ == nullptr) cursor_ = view.core_.store.cursor(family, view.snapshot_);
}

HeadView::Borrowed::~Borrowed() {
    const std::scoped_lock lock(view_.mutex_);
    view_.cursors_[family_].push_back(std::move(cursor_));
}

Result<std::shared_ptr<HeadView>> HeadView::create(StateCore& core) {
    std::shared_ptr<HeadView> out(new HeadView(core));
    out->snapshot_ = core.store.snapshot();
    const auto head = OL_TRY(core.store.get(family_state_meta, head_key(), out->snapshot_));
    if (head) out->head_ = OL_TRY(decode_head(*head));
    return out;
}

Result<std::optional<Account>> HeadView::account(const HashedKey& key) {
    const std::uint64_t hash = core_.caches.hash(key);
    if (const auto held = core_.caches.accounts.find(key, hash, version())) return *held;
    const auto record = OL_TRY(core_.store.get(family_accounts, key.view(), snapshot_));
    std::optional<Account> out;
    if (record) {
        out = OL_TRY_IN(decode_account_record(*record), "account {}", to_hex0x(key.view()));
    }
    core_.caches.accounts.fill(key, hash, out, version());
    return out;
}

Result<U256> HeadView::slot(const SlotKey& key) {
    const std::uint64_t hash = core_.caches.hash(key);
    if (const auto held = core_.caches.slots.find(key, hash, version())) return *held;
    const auto record = OL_TRY(core_.store.get(family_storage, slot_record_key(key), snapshot_));
    U256 out;
    if (record) {
        out = OL_TRY_IN(decode_slot_record(*record), "account {}, slot {}",
                        to_hex0x(key.owner.view()), to_hex0x(key.slot.view()));
    }
    core_.caches.slots.fill(key, hash, out, version());
    return out;
}

Result<CodePtr> HeadView::code(const Hash32& hash) {
    if (hash == empty_code_hash) return empty_code();
    if (CodePtr held = core_.codes.find(hash)) return held;
    auto bytes = OL_TRY(core_.store.get(family_code, hash.view(), snapshot_));
    if (!bytes) {
        return fail(ErrorCode::not_found, "no code with the hash {}", to_hex0x(hash.view()));
    }
    auto code = std::make_shared<const Code>(std::move(*bytes), hash);
    core_.codes.put(code);
    return code;
}

Status
HeadView::each_slot(const HashedKey& owner,
                    const std::function<bool(const HashedKey& slot, const U256& value)>& each) {
    const Borrowed cursor(*this, family_storage);
    bool more = cursor->seek(owner.view());
    for (; more; more = cursor->next()) {
        const ByteView key = cursor->key();
        if (std::memcmp(key.data(), owner.data.data(), 32) != 0) break;
        const U256 value = OL_TRY_IN(decode_slot_record(cursor->value()), "account {}, a slot",
                                     to_hex0x(owner.view()));
        if (!each(OL_TRY(HashedKey::from(key.subspan(32))), value)) break;
    }
    if (!more) OL_TRY(cursor->status());
    return {};
}

Result<SharedBytes> HeadView::root_link(const TrieOwner& owner) {
    const LinkPlace place = LinkPlace::root(owner);
    const std::uint64_t hash = core_.caches.hash(place);
    if (auto held = core_.caches.links.find(place, hash, version())) return *held;
    auto link = OL_TRY(core_.store.get(trie_family(owner), link_key(owner, {}), snapshot_));
    SharedBytes out = link ? std::make_shared<const Bytes>(std::move(*link)) : nothing();
    core_.caches.links.fill(place, hash, out, version());
    return out;
}

Result<Bytes> read_image(store::KeyValue::Cursor& cursor, const TrieOwner& owner,
                         const trie::Path& at) {
    Bytes image;
    const Bytes first = link_key(owner, at.with(0)), last = link_key(owner, at.with(15));
    bool more = cursor.seek(first);
    for (; more; more = cursor.next()) {
        const ByteView key = cursor.key();
        if (std::lexicographical_compare(last.begin(), last.end(), key.begin(), key.end())) break;
        if (key.size() != first.size()) return fail(ErrorCode::corrupted, "the key of a link");
        const std::uint8_t byte = key.back();
        trie::append_to_image(image, at.size % 2 == 0 ? byte >> 4 : byte & 15, cursor.value());
    }
    if (!more) OL_TRY(cursor.status());
    return image;
}

Result<SharedBytes> HeadView::image(const TrieOwner& owner, const trie::Path& at) {
    const LinkPlace place = LinkPlace::branch(owner, at);
    const std::uint64_t hash = core_.caches.hash(place);
    if (auto held = core_.caches.links.find(place, hash, version())) return *held;
    const Borrowed cursor(*this, trie_family(owner));
    auto out = std::make_shared<const Bytes>(OL_TRY(read_image(*cursor, owner, at)));
    core_.caches.links.fill(place, hash, out, version());
    return out;
}

SharedBytes HeadView::part(const TrieOwner& owner, const trie::Path& at) {
    const LinkPlace place = LinkPlace::branch(owner, at);
    return core_.caches.parts.find(place, core_.caches.hash(place), version()).value_or(nullptr);
}

Result<std::vector<trie::Leaf*>> HeadView::leaves(trie::Arena& arena, const TrieOwner& owner,
                                                  const trie::Path& at) {
    std::vector<trie::Leaf*> out;
    const std::size_t skipped = owner ? 32 : 0;
    const Borrowed cursor(*this, owner ? family_storage : family_accounts);
    bool more = cursor->seek(leaf_key(owner, at));
    std::uint8_t rlp[std::max(account_rlp_bytes, slot_rlp_bytes)];
    for (; more; more = cursor->next()) {
        ByteView key = cursor->key();
        if (owner && std::memcmp(key.data(), owner->data.data(), 32) != 0) break;
        if (key.size() != skipped + 32) return fail(ErrorCode::corrupted, "a key's size");
        key = key.subspan(skipped);
        if (trie::first_difference(key.data(), at.packed.data(), 0, at.size) != at.size) break;
        if (out.size() == most_leaves) {
            return fail(ErrorCode::corrupted, "too many values behind the path {} of {} nibbles",
                        to_hex(at.view()), at.size);
        }
        std::size_t size = 0;
        if (owner) {
            size = put_slot(rlp, OL_TRY(decode_slot_record(cursor->value())));
        } else {
            size = put_account(rlp, OL_TRY(decode_account_record(cursor->value())));
        }
        out.push_back(arena.leaf(key, at.size, ByteView(rlp, size)));
    }
    if (!more) OL_TRY(cursor->status());
    return out;
}

Result<trie::Node*> StoredSource::resolve(trie::Arena& arena, const trie::Path& path,
                                          const trie::Stub& stub) {
    if (stub.kind == trie::StubKind::branch) {
        const SharedBytes image = OL_TRY(view_.image(owner_, path));
        return OL_TRY_IN(trie::decode_branch(arena, path, *image, stub.ref),
                         "path {} of {} nibbles", to_hex(path.view()), path.size);
    }
    if (const SharedBytes part = view_.part(owner_, path)) {
        return trie::decode_part(arena, path, *part, stub.ref);
    }
    const auto leaves = OL_TRY(view_.leaves(arena, owner_, path));
    trie::Node* const node = trie::build(arena, leaves, path.size);
    if (node == nullptr) {
        return fail(ErrorCode::corrupted,
                    "the state has nothing at the path {} of {} nibbles, where its trie says that "
                    "there is something",
                    to_hex(path.view()), path.size);
    }
    trie::mark_untouched(node);
    node->ref = stub.ref;
    return node;
}

Result<OpenTrie> open_trie(HeadView& view, const TrieOwner& owner, const Hash32& root) {
    OpenTrie out;
    out.source = std::make_unique<StoredSource>(view, owner);
    const SharedBytes link = OL_TRY(view.root_link(owner));
    out.had_root_link = !link->empty();
    out.trie = std::make_unique<trie::Trie>(out.source.get(), root, trie::StubKind::small);
    if (out.had_root_link) {
        *out.trie = OL_TRY(trie::open_stored(*out.source, *link));
    }
    return out;
}

} // namespace ol::chain
