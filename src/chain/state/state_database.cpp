#include "chain/state/state_database.hpp"

#include "base/check.hpp"
#include "chain/state/pending_state.hpp"
#include "chain/state/snapshot_file.hpp"
#include "chain/state/verify.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

namespace {

constexpr std::uint64_t format_version = 1;
// Diffs that one commit takes away at most, so that a shorter history costs no block much.
constexpr std::uint64_t pruned_at_once = 16;
// Keys whose old values a proof of an old block, or execution on it, puts on top of the head.
constexpr std::size_t proof_changes = 1U << 20;

ByteView format_key() { return as_bytes("format"); }

Bytes encode_format(bool archive) {
    Bytes out(9);
    put_be64(out.data(), format_version);
    out[8] = archive ? 1 : 0;
    return out;
}

Status check_format(ByteView bytes, bool archive) {
    if (bytes.size() != 9) return fail(ErrorCode::corrupted, "the state's format is malformed");
    const std::uint64_t version = get_be64(bytes.data());
    if (version != format_version) {
        return fail(ErrorCode::unsupported,
                    "the state on the disk has format {}, this program reads format {}: export a "
                    "snapshot with the program that wrote it, and import that",
                    version, format_version);
    }
    if ((bytes[8] != 0) != archive) {
        return fail(ErrorCode::conflict,
                    "the state on the disk is {}, but {} was asked for: start it as it is, or "
                    "import a snapshot into an empty folder",
                    bytes[8] != 0 ? "an archive" : "pruned", archive ? "an archive" : "pruned");
    }
    return {};
}

} // namespace

std::vector<std::string> state_family_names() {
    return {"state_accounts",     "state_storage", "state_code",          "state_account_trie",
            "state_storage_trie", "state_history", "state_history_index", "state_meta"};
}

Result<std::unique_ptr<StateDatabase>>
StateDatabase::open(store::KeyValue& store, const StateOptions& options, ThreadPool& pool) {
    auto out = std::make_unique<StoredStateDatabase>(store, options, pool);
    OL_TRY(out->load());
    return out;
}

StoredStateDatabase::StoredStateDatabase(store::KeyValue& store, const StateOptions& options,
                                         ThreadPool& pool)
    : core_(store, options, pool) {}

Status StoredStateDatabase::load() {
    const auto format = OL_TRY(core_.store.get(family_state_meta, format_key()));
    if (format) {
        OL_TRY(check_format(*format, core_.options.archive));
    } else {
        OL_TRY(core_.store.put(family_state_meta, format_key(),
                               encode_format(core_.options.archive), true));
    }
    OL_TRY(clear_unfinished_import(core_.store));
    auto view = OL_TRY(HeadView::create(core_));
    set_head(view->head());
    CacheUpdate nothing;
    nothing.head.version = view->version();
    update_caches(core_.caches, std::move(nothing));
    return {};
}

void StoredStateDatabase::set_head(const std::optional<Head>& head) {
    const std::scoped_lock lock(mutex_);
    head_ = head;
}

std::optional<Head> StoredStateDatabase::head() const {
    const std::scoped_lock lock(mutex_);
    return head_;
}

std::optional<std::uint64_t> StoredStateDatabase::head_number() const {
    const auto now = head();
    return now ? std::optional(now->number) : std::nullopt;
}

Hash32 StoredStateDatabase::root() const {
    const auto now = head();
    return now ? now->root : empty_root_hash;
}

std::uint64_t StoredStateDatabase::oldest_number() const {
    const auto now = head();
    return now ? now->oldest : 0;
}

std::unique_ptr<StateDatabase::Pending> StoredStateDatabase::begin() {
    return std::make_unique<PendingState>(HeadView::create(core_));
}

// The head after the pending block, and the diffs that are too old then.
Result<Head> StoredStateDatabase::next_head(HeadView& view, std::uint64_t number,
                                            const Hash32& root, store::WriteBatch& batch) {
    Head out;
    out.number = number;
    out.root = root;
    out.version = view.version() + 1;
    if (!view.head()) {
        out.oldest = number;
        return out;
    }
    out.oldest = view.head()->oldest;
    if (core_.options.archive) return out;
    const std::uint64_t kept = core_.options.history_blocks;
    for (std::uint64_t i = 0; i < pruned_at_once && out.oldest + kept < number; ++i) {
        OL_TRY(erase_diff(batch, core_.store, view.snapshot(), ++out.oldest, false));
    }
    return out;
}

Status StoredStateDatabase::stage(Pending& pending, std::uint64_t number,
                                  store::WriteBatch& batch) {
    auto& state = static_cast<PendingState&>(pending);
    Overlay& overlay = *OL_TRY(state.overlay());
    HeadView& view = overlay.view();
    const auto now = head();
    if (view.head() != now || state.is_aside) {
        return fail(ErrorCode::conflict, "the pending block was begun on another head");
    }
    if (number != (now ? now->number + 1 : 0)) {
        return fail(ErrorCode::conflict, "block {} does not follow the head", number);
    }
    CacheUpdate update;
    update.head = OL_TRY(next_head(view, number, state.root(), batch));
    OL_TRY(overlay.stage(batch, update));
    // Nothing is older than the first block, so nobody goes back behind it.
    if (now) write_diff(batch, number, overlay.diff(), core_.options.archive);
    batch.put(family_state_meta, head_key(), encode_head(update.head));
    state.staged = std::move(update);
    return {};
}

void StoredStateDatabase::finish(CacheUpdate&& update) {
    const Head head = update.head;
    update_caches(core_.caches, std::move(update));
    set_head(head);
}

void StoredStateDatabase::adopt(std::unique_ptr<Pending> pending) {
    auto& state = static_cast<PendingState&>(*pending);
    OL_CHECK(state.staged.has_value());
    finish(std::move(*state.staged));
}

// The changes that lead from the view's head back to `number`, by account and ascending.
Result<std::vector<AccountEdit>>
StoredStateDatabase::changes_back(HeadView& view, std::uint64_t number, std::size_t limit) {
    std::map<DiffKey, Bytes> before; // the oldest wins
    for (std::uint64_t block = view.head()->number; block > number; --block) {
        for (const DiffEntry& entry : OL_TRY(read_diff(core_.store, view.snapshot(), block))) {
            before.insert_or_assign(entry.key, Bytes(entry.before().begin(), entry.before().end()));
        }
        if (before.size() > limit) {
            return fail(ErrorCode::too_large, "more than {} values changed since block {}", limit,
                        number);
        }
    }
    std::vector<AccountEdit> out;
    for (const auto& [key, record] : before) {
        const HashedKey account = key.account();
        if (out.empty() || out.back().key != account) {
            // Slots come behind their account, which changed with them.
            AccountEdit& edit = out.emplace_back();
            edit.key = account;
            edit.account = OL_TRY(view.account(account));
        }
        AccountEdit& edit = out.back();
        if (key.is_account()) {
            edit.account.reset();
            if (!record.empty()) edit.account = OL_TRY(decode_account_record(record));
        } else {
            const U256 value = record.empty() ? U256() : OL_TRY(decode_slot_record(record));
            edit.slots.emplace_back(key.slot().slot, value);
        }
    }
    return out;
}

Status StoredStateDatabase::stage_rollback(std::uint64_t number, store::WriteBatch& batch) {
    auto view = OL_TRY(HeadView::create(core_));
    if (!view->head() || view->head() != head()) {
        return fail(ErrorCode::conflict, "there is no settled head to roll back");
    }
    const Head now = *view->head();
    if (number > now.number || number < now.oldest) {
        return fail(ErrorCode::not_found,
                    "block {} is out of reach: the history goes from {} to {}", number, now.oldest,
                    now.number);
    }
    const auto edits = OL_TRY(changes_back(*view, number, SIZE_MAX));
    Overlay overlay(view);
    OL_TRY(overlay.apply(edits));
    for (const AccountEdit& edit : edits) {
        const auto got = OL_TRY(overlay.account(edit.key));
        if (got != edit.account) {
            return fail(ErrorCode::corrupted, "the reverse diffs do not lead account {} back",
                        to_hex0x(edit.key.view()));
        }
    }
    CacheUpdate update;
    update.head = {number, overlay.root(), now.version + 1, now.oldest};
    OL_TRY(overlay.stage(batch, update));
    for (std::uint64_t block = now.number; block > number; --block) {
        OL_TRY(erase_diff(batch, core_.store, view->snapshot(), block, core_.options.archive));
    }
    batch.put(family_state_meta, head_key(), encode_head(update.head));
    rollback_ = std::move(update);
    return {};
}

void StoredStateDatabase::adopt_rollback() {
    OL_CHECK(rollback_.has_value());
    finish(std::move(*rollback_));
    rollback_.reset();
}

Result<std::shared_ptr<HeadView>> StoredStateDatabase::view_of(std::uint64_t number) {
    auto view = OL_TRY(HeadView::create(core_));
    if (!view->head() || number > view->head()->number) {
        return fail(ErrorCode::not_found, "there is no state of block {} yet", number);
    }
    if (number < view->head()->oldest) {
        return fail(ErrorCode::not_found,
                    "the state of block {} is not kept: this node goes back to block {}; a node in "
                    "archive mode keeps all",
                    number, view->head()->oldest);
    }
    return view;
}

Result<std::unique_ptr<StateReader>> StoredStateDatabase::at(std::uint64_t number) {
    return std::make_unique<PastState>(OL_TRY(view_of(number)), number);
}

Result<std::unique_ptr<StateDatabase::Pending>>
StoredStateDatabase::begin_at(std::uint64_t number) {
    auto view = OL_TRY(view_of(number));
    auto out = std::make_unique<PendingState>(view);
    out->is_aside = number != view->head()->number;
    if (out->is_aside) {
        OL_TRY(OL_TRY(out->overlay())->apply(OL_TRY(changes_back(*view, number, proof_changes))));
    }
    return out;
}

Result<AccountProof> StoredStateDatabase::prove(const Address& address, std::span<const U256> slots,
                                                std::uint64_t number) {
    auto view = OL_TRY(view_of(number));
    const HashedKey key = crypto::keccak256(address.view());
    Overlay overlay(view);
    if (number != view->head()->number) {
        auto edits =
            OL_TRY_IN(changes_back(*view, number, proof_changes),
                      "a proof of block {}, {} blocks back", number, view->head()->number - number);
        // Other accounts' storage is in the proof by its root alone.
        for (AccountEdit& edit : edits) {
            if (edit.key == key) continue;
            edit.keep_root = true;
            edit.slots.clear();
        }
        OL_TRY(overlay.apply(edits));
    }
    AccountProof out;
    out.account = OL_TRY(overlay.account(key)).value_or(Account());
    out.account_nodes = OL_TRY(overlay.prove_account(key));
    for (const U256& slot : slots) {
        const SlotKey place{key, crypto::keccak256(slot.to_be().view())};
        out.slots.push_back({slot, OL_TRY(overlay.slot(place)), OL_TRY(overlay.prove_slot(place))});
    }
    return out;
}

Status StoredStateDatabase::export_snapshot(const Path& file, const ProgressSink& progress) {
    return export_state(*OL_TRY(HeadView::create(core_)), file, progress);
}

Status StoredStateDatabase::import_snapshot(const Path& file, std::uint64_t number,
                                            const Hash32& expected_root,
                                            const ProgressSink& progress) {
    if (head()) {
        return fail(ErrorCode::conflict, "a snapshot goes into an empty folder, this one is not");
    }
    auto head = import_state(core_, file, number, expected_root, progress);
    if (!head) {
        OL_TRY(clear_unfinished_import(core_.store));
        core_.caches.clear();
        return std::unexpected(std::move(head.error()));
    }
    set_head(*head);
    return {};
}

Status StoredStateDatabase::verify(const ProgressSink& progress) {
    // The files first, those of the caller's families among them: a damaged one is named.
    OL_TRY(core_.store.check_integrity());
    return verify_state(*OL_TRY(HeadView::create(core_)), progress);
}

} // namespace ol::chain
