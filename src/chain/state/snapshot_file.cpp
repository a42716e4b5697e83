#include "chain/state/snapshot_file.hpp"

#include <fstream>
#include <unordered_set>

#include "chain/state/overlay.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

namespace {

constexpr std::string_view magic = "OLSTATE1";
// A chunk ends behind the entry that brings it to this size; no entry is longer than a code may be.
constexpr std::size_t chunk_bytes = 4U << 20, code_bytes = 16U << 20;
constexpr std::size_t most_chunk_bytes = chunk_bytes + code_bytes + 64;
enum Kind : std::uint8_t { header_kind = 'H', entries_kind = 'A', end_kind = 'E' };
enum Tag : std::uint8_t { account_tag = 1, slot_tag = 2, code_tag = 3 };

struct Counts {
    std::uint64_t accounts = 0, slots = 0, codes = 0;
    bool operator==(const Counts&) const = default;
};

void append_u64(Bytes& out, std::uint64_t value) {
    out.resize(out.size() + 8);
    put_be64(out.data() + out.size() - 8, value);
}

void append_short(Bytes& out, ByteView value) {
    out.push_back(static_cast<std::uint8_t>(value.size()));
    append(out, value);
}

std::uint64_t share_of(const HashedKey& key) {
    return static_cast<std::uint64_t>(key[0]) << 8 | key[1];
}

ByteView unfinished_key() { return as_bytes("importing"); }

class Exporter {
public:
    Exporter(HeadView& view, AtomicFile& file, const ProgressSink& progress)
        : view_(view)
        , file_(file)
        , progress_(progress) {}

    Status run() {
        OL_TRY(file_.write(as_bytes(magic)));
        Bytes header = {header_kind};
        append_u64(header, view_.head()->number);
        append(header, view_.head()->root.view());
        OL_TRY(write_chunk(header));
        HeadView::Borrowed cursor(view_, family_accounts);
        bool more = cursor->seek({});
        for (; more; more = cursor->next()) {
            OL_TRY(add(OL_TRY(HashedKey::from(cursor->key())), cursor->value()));
        }
        OL_TRY(cursor->status());
        if (chunk_.size() > 1) OL_TRY(write_chunk(chunk_));
        Bytes end = {end_kind};
        append_u64(end, counts_.accounts);
        append_u64(end, counts_.slots);
        append_u64(end, counts_.codes);
        append(end, chain_.view());
        OL_TRY(write_chunk(end));
        return file_.commit();
    }

private:
    Status write_chunk(const Bytes& payload) {
        Bytes out(4);
        put_be32(out.data(), static_cast<std::uint32_t>(payload.size()));
        append(out, payload);
        const Hash32 hash = crypto::keccak256(payload);
        append(out, hash.view());
        Bytes link(chain_.begin(), chain_.end());
        append(link, hash.view());
        chain_ = crypto::keccak256(link);
        return file_.write(out);
    }

    Status end_entry() {
        if (chunk_.size() < chunk_bytes) return {};
        OL_TRY(write_chunk(chunk_));
        chunk_ = {entries_kind};
        return {};
    }

    Status add(const HashedKey& key, ByteView record) {
        const Account account = OL_TRY(decode_account_record(record));
        if (account.code_hash != empty_code_hash && codes_.insert(account.code_hash).second) {
            const CodePtr code = OL_TRY(view_.code(account.code_hash));
            chunk_.push_back(code_tag);
            chunk_.resize(chunk_.size() + 4);
            put_be32(chunk_.data() + chunk_.size() - 4,
                     static_cast<std::uint32_t>(code->bytes().size()));
            append(chunk_, code->bytes());
            ++counts_.codes;
            OL_TRY(end_entry());
        }
        chunk_.push_back(account_tag);
        append(chunk_, key.view());
        append_short(chunk_, record);
        ++counts_.accounts;
        OL_TRY(end_entry());
        if (account.storage_root != empty_root_hash) OL_TRY(add_slots(key));
        if (counts_.accounts % 10'000 == 0 &&
            !progress_("accounts written (65536ths)", share_of(key), 1U << 16)) {
            return fail(ErrorCode::cancelled, "the export was stopped");
        }
        return {};
    }

    Status add_slots(const HashedKey& owner) {
        Status written;
        OL_TRY(view_.each_slot(owner, [&](const HashedKey& slot, const U256& value) {
            chunk_.push_back(slot_tag);
            append(chunk_, slot.view());
            append_short(chunk_, encode_slot_record(value));
            ++counts_.slots;
            written = end_entry();
            return written.has_value();
        }));
        return written;
    }

    HeadView& view_;
    AtomicFile& file_;
    const ProgressSink& progress_;
    Bytes chunk_ = {entries_kind};
    Hash32 chain_; // of the chunks so far
    Counts counts_;
    std::unordered_set<Hash32, SecretHasher> codes_;
};

// Chunks of a file, each checked against its hash.
class ChunkReader {
public:
    static Result<ChunkReader> open(const Path& path) {
        ChunkReader out(path);
        char found[magic.size()] = {};
        if (!out.stream_) return fail(ErrorCode::not_found, "{}: cannot be read", path.string());
        out.stream_.read(found, sizeof found);
        if (std::string_view(found, sizeof found) != magic) {
            return fail(ErrorCode::unsupported,
                        "{}: not a snapshot of a state, or of another "
                        "version",
                        path.string());
        }
        return out;
    }

    Result<Bytes> next() {
        before_ = chain_;
        Bytes size(4);
        OL_TRY(read(size));
        if (get_be32(size.data()) > most_chunk_bytes || get_be32(size.data()) == 0) {
            return damaged();
        }
        Bytes payload(get_be32(size.data()));
        OL_TRY(read(payload));
        Bytes hash(32);
        OL_TRY(read(hash));
        if (crypto::keccak256(payload) != *Hash32::from(hash)) return damaged();
        Bytes link(chain_.begin(), chain_.end());
        append(link, hash);
        chain_ = crypto::keccak256(link);
        ++number_;
        return payload;
    }
    Status end() {
        if (stream_.peek() != std::char_traits<char>::eof()) return damaged();
        return {};
    }
    const Hash32& chain_before() const { return before_; } // without the last chunk
    std::unexpected<Error> damaged() const {
        return fail(ErrorCode::corrupted, "{}: chunk {} is damaged: fetch the file again",
                    path_.string(), number_);
    }

private:
    explicit ChunkReader(const Path& path)
        : path_(path)
        , stream_(path, std::ios::binary) {}
    Status read(Bytes& out) {
        stream_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
        if (!stream_) return damaged();
        return {};
    }

    Path path_;
    std::ifstream stream_;
    Hash32 chain_, before_;
    std::uint64_t number_ = 0;
};

class Importer {
public:
    Importer(StateCore& core, ChunkReader& chunks, std::uint64_t number, const Hash32& root,
             const ProgressSink& progress)
        : core_(core)
        , chunks_(chunks)
        , expected_root_(root)
        , progress_(progress) {
        head_.number = head_.oldest = number;
        head_.root = empty_root_hash;
    }

    Result<Head> run() {
        OL_TRY(core_.store.put(family_state_meta, unfinished_key(), {}, true));
        const Bytes header = OL_TRY(chunks_.next());
        if (header.size() != 1 + 8 + 32 || header[0] != header_kind) return chunks_.damaged();
        if (get_be64(header.data() + 1) != head_.number ||
            ByteView(header).subspan(9).size() != 32 ||
            *Hash32::from(ByteView(header).subspan(9)) != expected_root_) {
            return fail(ErrorCode::conflict, "the snapshot is of block {} and root {}",
                        get_be64(header.data() + 1), to_hex0x(ByteView(header).subspan(9)));
        }
        for (;;) {
            const Bytes payload = OL_TRY(chunks_.next());
            if (payload[0] == end_kind) {
                OL_TRY(check_end(payload));
                break;
            }
            if (payload[0] != entries_kind) return chunks_.damaged();
            OL_TRY(take(ByteView(payload).subspan(1)));
            OL_TRY(flush(false));
        }
        return finish();
    }

private:
    Status check_end(const Bytes& payload) {
        if (payload.size() != 1 + 3 * 8 + 32) return chunks_.damaged();
        const Counts told{get_be64(payload.data() + 1), get_be64(payload.data() + 9),
                          get_be64(payload.data() + 17)};
        if (told != counts_ ||
            *Hash32::from(ByteView(payload).subspan(25)) != chunks_.chain_before()) {
            return chunks_.damaged();
        }
        return chunks_.end();
    }

    Status take(ByteView entries) {
        while (!entries.empty()) {
            const std::size_t size =
                OL_TRY(entries[0] == code_tag ? take_code(entries) : take_keyed(entries));
            entries = entries.subspan(size);
        }
        return {};
    }

    Result<std::size_t> take_code(ByteView bytes) {
        if (bytes.size() < 5) return chunks_.damaged();
        const std::size_t size = get_be32(bytes.data() + 1);
        if (size > code_bytes || bytes.size() < 5 + size) return chunks_.damaged();
        const ByteView code = bytes.subspan(5, size);
        const Hash32 hash = crypto::keccak256(code);
        if (!codes_.insert(hash).second) return chunks_.damaged();
        batch_.put(family_code, hash.view(), code);
        ++counts_.codes;
        return 5 + size;
    }

    Result<std::size_t> take_keyed(ByteView bytes) {
        if (bytes.size() < 34 || bytes.size() < 34U + bytes[33]) return chunks_.damaged();
        const HashedKey key = *HashedKey::from(bytes.subspan(1, 32));
        const ByteView value = bytes.subspan(34, bytes[33]);
        if (bytes[0] == account_tag) {
            OL_TRY(take_account(key, value));
        } else if (bytes[0] == slot_tag) {
            OL_TRY(take_slot(key, value));
        } else {
            return chunks_.damaged();
        }
        return 34U + value.size();
    }

    Status take_account(const HashedKey& key, ByteView record) {
        if (counts_.accounts != 0 && !(last_account_ < key)) return chunks_.damaged();
        const Account account = OL_TRY(decode_account_record(record));
        if (account.code_hash != empty_code_hash && !codes_.contains(account.code_hash)) {
            return fail(ErrorCode::corrupted, "account {}: the snapshot has no code for it",
                        to_hex0x(key.view()));
        }
        ++counts_.accounts;
        last_account_ = key;
        last_slot_.reset();
        AccountEdit& edit = edits_.emplace_back();
        edit.key = key;
        edit.account = account;
        return {};
    }

    Status take_slot(const HashedKey& slot, ByteView record) {
        const bool is_in_order = counts_.accounts != 0 && (!last_slot_ || *last_slot_ < slot);
        if (!is_in_order) return chunks_.damaged();
        last_slot_ = slot;
        edits_.back().slots.emplace_back(slot, OL_TRY(decode_slot_record(record)));
        ++counts_.slots;
        return {};
    }

    // Carries out what was read. The last account may go on in the next chunk: it is taken up
    // again, and its root is compared when the next account has begun.
    Status flush(bool is_end) {
        if (edits_.empty()) return {};
        auto view = OL_TRY(HeadView::create(core_));
        Overlay overlay(view);
        head_.root = OL_TRY(overlay.apply(edits_));
        const std::size_t complete = edits_.size() - (is_end ? 0 : 1);
        for (std::size_t i = 0; i < complete; ++i) {
            const auto got = OL_TRY(overlay.account(edits_[i].key));
            if (got->storage_root != edits_[i].account->storage_root) {
                return fail(ErrorCode::corrupted, "account {}: its slots do not give its root",
                            to_hex0x(edits_[i].key.view()));
            }
        }
        CacheUpdate update;
        ++head_.version;
        update.head = head_;
        OL_TRY(overlay.stage(batch_, update));
        batch_.put(family_state_meta, head_key(), encode_head(head_));
        OL_TRY(core_.store.write(batch_, false));
        batch_.clear();
        update_caches(core_.caches, std::move(update));
        AccountEdit last = std::move(edits_.back());
        edits_.clear();
        if (!is_end) {
            last.slots.clear();
            edits_.push_back(std::move(last));
        }
        if (!progress_("accounts read (65536ths)", share_of(last_account_), 1U << 16)) {
            return fail(ErrorCode::cancelled, "the import was stopped");
        }
        return {};
    }

    Result<Head> finish() {
        OL_TRY(flush(true));
        if (head_.root != expected_root_) {
            return fail(ErrorCode::unverified, "the snapshot's state has the root {}, not {}",
                        to_hex0x(head_.root.view()), to_hex0x(expected_root_.view()));
        }
        ++head_.version;
        batch_.put(family_state_meta, head_key(), encode_head(head_));
        batch_.erase(family_state_meta, unfinished_key());
        OL_TRY(core_.store.write(batch_, true));
        CacheUpdate update;
        update.head = head_;
        update_caches(core_.caches, std::move(update));
        return head_;
    }

    StateCore& core_;
    ChunkReader& chunks_;
    Hash32 expected_root_;
    const ProgressSink& progress_;
    Head head_;
    store::WriteBatch batch_;
    std::vector<AccountEdit> edits_;
    HashedKey last_account_;
    std::optional<HashedKey> last_slot_;
    Counts counts_;
    std::unordered_set<Hash32, SecretHasher> codes_;
};

} // namespace

Status export_state(HeadView& view, const Path& file, const ProgressSink& progress) {
    if (!view.head()) return fail(ErrorCode::not_found, "there is no state to export yet");
    auto out = OL_TRY(AtomicFile::create(file));
    return Exporter(view, out, progress).run();
}

Result<Head> import_state(StateCore& core, const Path& file, std::uint64_t number,
                          const Hash32& expected_root, const ProgressSink& progress) {
    auto chunks = OL_TRY(ChunkReader::open(file));
    return Importer(core, chunks, number, expected_root, progress).run();
}

Status clear_unfinished_import(store::KeyValue& store) {
    if (!OL_TRY(store.get(family_state_meta, unfinished_key()))) return {};
    const Bytes end(80, 0xff); // behind every key of the state
    store::WriteBatch batch;
    for (unsigned family = 0; family < family_state_meta; ++family) {
        batch.erase_range(family, {}, end);
    }
    batch.erase(family_state_meta, head_key());
    batch.erase(family_state_meta, unfinished_key());
    return store.write(batch, true);
}

} // namespace ol::chain
