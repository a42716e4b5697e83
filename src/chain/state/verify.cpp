// The links of the tries are walked in the order of their paths, the flat values are read in the
// order of their keys: both passes meet, so each value is read once and none can hide.
#include "chain/state/verify.hpp"

#include "base/check.hpp"
#include "chain/state/account_rlp.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

namespace {

constexpr std::uint64_t accounts_between_reports = 10'000;

// A flat family, read once from its beginning.
class FlatValues {
public:
    FlatValues(HeadView& view, unsigned family)
        : cursor_(view.core().store.cursor(family, view.snapshot())) {
        more_ = cursor_->seek({});
    }
    bool is_done() const { return !more_; }
    ByteView key() const { return cursor_->key(); }
    ByteView value() const { return cursor_->value(); }
    void next() { more_ = cursor_->next(); }
    Status status() const { return cursor_->status(); }

private:
    std::unique_ptr<store::KeyValue::Cursor> cursor_;
    bool more_ = false;
};

class Verifier {
public:
    Verifier(HeadView& view, const ProgressSink& progress)
        : view_(view)
        , progress_(progress)
        , accounts_(view, family_accounts)
        , storage_(view, family_storage) {}

    Status run() {
        const Hash32 root = OL_TRY(check_trie({}));
        if (!accounts_.is_done()) {
            return fail(ErrorCode::corrupted, "account {} is not in the accounts' trie",
                        to_hex0x(accounts_.key()));
        }
        OL_TRY(accounts_.status());
        OL_TRY(no_slots_before({}));
        const Hash32 wanted = view_.head() ? view_.head()->root : empty_root_hash;
        if (root != wanted) {
            return fail(ErrorCode::corrupted, "the accounts' root is {}, the head says {}",
                        to_hex0x(root.view()), to_hex0x(wanted.view()));
        }
        OL_TRY(count_links(family_account_trie));
        return count_links(family_storage_trie);
    }

private:
    // The root of a whole trie. The flat values stand at its first one.
    Result<Hash32> check_trie(const TrieOwner& owner) {
        const auto link = OL_TRY(
            view_.core().store.get(trie_family(owner), link_key(owner, {}), view_.snapshot()));
        trie::Arena arena;
        trie::Child root = arena.stub({}, trie::StubKind::small);
        trie::Trie trie;
        if (link) {
            ++links_[trie_family(owner)];
            StoredSource unused(view_, owner);
            trie = OL_TRY(trie::open_stored(unused, *link));
            root = trie.root_child();
        }
        trie::Node* const node = OL_TRY(check(arena, owner, {}, root));
        compute(node);
        if (link && node->ref != root.ref()) {
            return fail(ErrorCode::corrupted, "{}: the values do not give the root's hash",
                        place(owner, {}));
        }
        return trie::root_hash(node);
    }

    static void compute(trie::Node* node) {
        trie::Refs refs;
        refs.add(node);
        refs.compute();
    }

    // The node behind a link, made anew from what is below it; its ref is computed. The arena holds
    // it until the caller has looked at the ref.
    Result<trie::Node*> check(trie::Arena& arena, const TrieOwner& owner, const trie::Path& at,
                              const trie::Child& link) {
        trie::Node* out = nullptr;
        if (link.node != nullptr) {
            const auto& extension = static_cast<const trie::Extension&>(*link.node);
            const trie::Path end(extension.path.data(), extension.end);
            auto* const copy =
                arena.extension(extension.path.data(), extension.begin, extension.end);
            copy->child.set(OL_TRY(check(arena, owner, end, extension.child)));
            out = copy;
        } else if (link.stub->kind == trie::StubKind::small) {
            out = OL_TRY(from_leaves(arena, owner, at));
        } else {
            out = OL_TRY(from_links(arena, owner, at, link.stub->ref));
        }
        compute(out);
        return out;
    }

    Result<trie::Node*> from_links(trie::Arena& arena, const TrieOwner& owner, const trie::Path& at,
                                   const trie::NodeRef& ref) {
        const HeadView::Borrowed cursor(view_, trie_family(owner));
        const Bytes image = OL_TRY(read_image(*cursor, owner, at));
        trie::Arena below;
        trie::Branch* const links =
            OL_TRY_IN(trie::decode_branch(below, at, image, ref), "{}", place(owner, at));
        trie::Branch* const out = arena.branch(at.size);
        for (std::uint8_t i = 0; i < trie::branch_children; ++i) {
            const trie::Child& link = links->children[i];
            if (link.is_none()) continue;
            ++links_[trie_family(owner)];
            trie::Arena scratch;
            trie::Node* const node = OL_TRY(check(scratch, owner, at.with(i), link));
            if (node == nullptr || node->ref != link.ref()) {
                return fail(ErrorCode::corrupted, "{}: the values there do not give this hash",
                            place(owner, at.with(i)));
            }
            out->children[i] = arena.stub(node->ref, trie::StubKind::hashed);
        }
        return out;
    }

    std::string place(const TrieOwner& owner, const trie::Path& at) const {
        const std::string path = to_hex(at.view()).substr(0, at.size);
        if (owner) {
            return fmt::format("account {}, slots from {}", to_hex0x(owner->view()), path);
        }
        return fmt::format("accounts from {}", path);
    }

    Result<trie::Node*> from_leaves(trie::Arena& arena, const TrieOwner& owner,
                                    const trie::Path& at) {
        FlatValues& values = owner ? storage_ : accounts_;
        const std::size_t skipped = owner ? 32 : 0;
        std::vector<trie::Leaf*> leaves;
        std::uint8_t rlp[account_rlp_bytes];
        for (; !values.is_done(); values.next()) {
            if (values.key().size() != skipped + 32) {
                return fail(ErrorCode::corrupted, "{}: a key of {} bytes", place(owner, at),
                            values.key().size());
            }
            if (owner && std::memcmp(values.key().data(), owner->data.data(), 32) != 0) break;
            const Hash32 key = *Hash32::from(values.key().subspan(skipped));
            if (trie::first_difference(key.data.data(), at.packed.data(), 0, at.size) != at.size) {
                break;
            }
            const std::size_t size =
                OL_TRY(owner ? put_checked_slot(rlp, key) : put_checked_account(rlp, key));
            leaves.push_back(arena.leaf(key.view(), at.size, ByteView(rlp, size)));
        }
        OL_TRY(values.status());
        return trie::build(arena, leaves, at.size);
    }

    Result<std::size_t> put_checked_slot(std::uint8_t* rlp, const Hash32& slot) {
        const U256 value =
            OL_TRY_IN(decode_slot_record(storage_.value()), "slot {}", to_hex0x(slot.view()));
        return put_slot(rlp, value);
    }

    Result<std::size_t> put_checked_account(std::uint8_t* rlp, const Hash32& key) {
        const Account account =
            OL_TRY_IN(decode_account_record(accounts_.value()), "account {}", to_hex0x(key.view()));
        OL_TRY(no_slots_before(key));
        // Slots of an account without storage are found as those of nobody.
        Hash32 root = empty_root_hash;
        if (account.storage_root != root) {
            root = OL_TRY_IN(check_trie(key), "storage of account {}", to_hex0x(key.view()));
        }
        if (root != account.storage_root) {
            return fail(ErrorCode::corrupted, "account {}: its slots have the root {}, not {}",
                        to_hex0x(key.view()), to_hex0x(root.view()),
                        to_hex0x(account.storage_root.view()));
        }
        if (account.code_hash != empty_code_hash) OL_TRY(check_code(key, account.code_hash));
        if (++seen_ % accounts_between_reports == 0) {
            const std::uint64_t share = static_cast<std::uint64_t>(key[0]) << 8 | key[1];
            if (!progress_("accounts checked (65536ths)", share, 1U << 16)) {
                return fail(ErrorCode::cancelled, "the check of the state was stopped");
            }
        }
        return put_account(rlp, account);
    }

    Status check_code(const Hash32& key, const Hash32& hash) {
        const auto code =
            OL_TRY(view_.core().store.get(family_code, hash.view(), view_.snapshot()));
        if (!code || crypto::keccak256(*code) != hash) {
            return fail(ErrorCode::corrupted, "account {}: its code {} is {}", to_hex0x(key.view()),
                        to_hex0x(hash.view()), code ? "damaged" : "not there");
        }
        return {};
    }

    // Slots of accounts that are not there; `key`: the next account, none: no more come.
    Status no_slots_before(const std::optional<Hash32>& key) {
        OL_TRY(storage_.status());
        if (storage_.is_done()) return {};
        const ByteView owner =
            storage_.key().first(std::min<std::size_t>(32, storage_.key().size()));
        const bool is_orphan =
            !key || owner.size() < 32 || std::memcmp(owner.data(), key->data.data(), 32) < 0;
        if (!is_orphan) return {};
        return fail(ErrorCode::corrupted, "a slot of account {}, which has no storage",
                    to_hex0x(owner));
    }

    Status count_links(unsigned family) {
        std::uint64_t count = 0;
        FlatValues links(view_, family);
        for (; !links.is_done(); links.next()) ++count;
        OL_TRY(links.status());
        if (count != links_[family]) {
            return fail(ErrorCode::corrupted, "{} links of tries lead to nothing",
                        count - links_[family]);
        }
        return {};
    }

    HeadView& view_;
    const ProgressSink& progress_;
    FlatValues accounts_, storage_;
    std::array<std::uint64_t, state_families> links_{}; // met on the way
    std::uint64_t seen_ = 0;
};

} // namespace

Status verify_state(HeadView& view, const ProgressSink& progress) {
    return Verifier(view, progress).run();
}

} // namespace ol::chain
