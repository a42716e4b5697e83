#include "chain/state/history.hpp"

#include <algorithm>

#include "chain/state/database.hpp"

namespace ol::chain {

namespace {

// Entries of one record behind the header; a diff of no more has them in the header itself.
constexpr std::size_t chunk_entries = 64;
constexpr std::size_t count_bytes = 4, fingerprint_bytes = 4;
constexpr std::size_t archive_headers = 256; // that a reader keeps
constexpr std::uint8_t account_tag = 'a', slot_tag = 's';

std::unexpected<Error> malformed(std::uint64_t number) {
    return fail(ErrorCode::corrupted, "the reverse diff of block {} is malformed", number);
}

Bytes header_key(std::uint64_t number) {
    Bytes out(8);
    put_be64(out.data(), number);
    return out;
}

Bytes chunk_key(std::uint64_t number, std::size_t chunk) {
    Bytes out(12);
    put_be64(out.data(), number);
    put_be32(out.data() + 8, static_cast<std::uint32_t>(chunk));
    return out;
}

Bytes index_key(const DiffKey& key, std::uint64_t number) {
    Bytes out;
    out.reserve(1 + 64 + 8);
    out.push_back(key.is_account() ? account_tag : slot_tag);
    append(out, key.view());
    out.resize(out.size() + 8);
    put_be64(out.data() + out.size() - 8, number);
    return out;
}

void append_entry(Bytes& out, const DiffEntry& entry) {
    out.push_back(static_cast<std::uint8_t>(entry.key.view().size()));
    append(out, entry.key.view());
    out.push_back(entry.size);
    append(out, entry.before());
}

// A header: the count, the fingerprints ascending, and the entries where they are few.
struct HeaderView {
    std::size_t count = 0;
    ByteView fingerprints, entries;

    static Result<HeaderView> of(ByteView bytes, std::uint64_t number) {
        if (bytes.size() < count_bytes) return malformed(number);
        HeaderView out;
        out.count = get_be32(bytes.data());
        bytes = bytes.subspan(count_bytes);
        if (bytes.size() / fingerprint_bytes < out.count) return malformed(number);
        out.fingerprints = bytes.first(out.count * fingerprint_bytes);
        out.entries = bytes.subspan(out.fingerprints.size());
        return out;
    }
    bool is_chunked() const { return count > chunk_entries; }
    std::size_t chunks() const { return (count + chunk_entries - 1) / chunk_entries; }
    std::uint32_t fingerprint(std::size_t i) const {
        return get_be32(fingerprints.data() + i * fingerprint_bytes);
    }
    // The first entry whose fingerprint is not less.
    std::size_t lower_bound(std::uint32_t wanted) const {
        std::size_t begin = 0, end = count;
        while (begin < end) {
            const std::size_t middle = begin + (end - begin) / 2;
            if (fingerprint(middle) < wanted) {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        return begin;
    }
};

Result<std::vector<DiffEntry>> parse_entries(ByteView bytes, std::uint64_t number) {
    std::vector<DiffEntry> out;
    while (!bytes.empty()) {
        const std::size_t key_size = bytes[0];
        if (bytes.size() < 2 + key_size) return malformed(number);
        const std::size_t value_size = bytes[1 + key_size];
        if (bytes.size() < 2 + key_size + value_size) return malformed(number);
        const ByteView value = bytes.subspan(2 + key_size, value_size);
        const auto key = DiffKey::from(bytes.subspan(1, key_size));
        if (!key || value_size > most_record_bytes) return malformed(number);
        out.emplace_back(*key, value);
        bytes = bytes.subspan(2 + key_size + value_size);
    }
    return out;
}

Result<std::vector<DiffEntry>> read_chunk(const store::KeyValue& store,
                                          const store::KeyValue::SnapshotPtr& at,
                                          std::uint64_t number, const HeaderView& header,
                                          std::size_t chunk) {
    if (!header.is_chunked()) return parse_entries(header.entries, number);
    const auto bytes = OL_TRY(store.get(family_history, chunk_key(number, chunk), at));
    if (!bytes) return malformed(number);
    return parse_entries(*bytes, number);
}

} // namespace

Result<DiffKey> DiffKey::from(ByteView bytes) {
    if (bytes.size() == 32) return DiffKey(*HashedKey::from(bytes));
    if (bytes.size() != 64) return fail(ErrorCode::corrupted, "neither an account nor a slot");
    return DiffKey(SlotKey{*HashedKey::from(bytes.first(32)), *HashedKey::from(bytes.subspan(32))});
}

HashedKey DiffKey::account() const { return *HashedKey::from(view().first(32)); }

SlotKey DiffKey::slot() const { return {account(), *HashedKey::from(view().subspan(32))}; }

std::uint32_t DiffKey::fingerprint() const {
    std::uint32_t out = get_be32(bytes_.data());
    if (!is_account()) out ^= get_be32(bytes_.data() + 32);
    return out;
}

void write_diff(store::WriteBatch& batch, std::uint64_t number, std::span<const DiffEntry> entries,
                bool archive) {
    std::vector<std::pair<std::uint32_t, const DiffEntry*>> order;
    order.reserve(entries.size());
    for (const DiffEntry& entry : entries) order.emplace_back(entry.key.fingerprint(), &entry);
    std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first < b.first : a.second->key < b.second->key;
    });
    Bytes header(count_bytes + order.size() * fingerprint_bytes);
    put_be32(header.data(), static_cast<std::uint32_t>(order.size()));
    for (std::size_t i = 0; i < order.size(); ++i) {
        put_be32(header.data() + count_bytes + i * fingerprint_bytes, order[i].first);
    }
    if (entries.size() <= chunk_entries) {
        for (const auto& [fingerprint, entry] : order) append_entry(header, *entry);
    } else {
        for (std::size_t first = 0; first < order.size(); first += chunk_entries) {
            Bytes chunk;
            const std::size_t end = std::min(first + chunk_entries, order.size());
            for (std::size_t i = first; i < end; ++i) append_entry(chunk, *order[i].second);
            batch.put(family_history, chunk_key(number, first / chunk_entries), chunk);
        }
    }
    batch.put(family_history, header_key(number), header);
    if (!archive) return;
    for (const DiffEntry& entry : entries) {
        batch.put(family_history_index, index_key(entry.key, number), {});
    }
}

Status erase_diff(store::WriteBatch& batch, const store::KeyValue& store,
                  const store::KeyValue::SnapshotPtr& at, std::uint64_t number, bool archive) {
    if (archive) {
        for (const DiffEntry& entry : OL_TRY(read_diff(store, at, number))) {
            batch.erase(family_history_index, index_key(entry.key, number));
        }
    }
    const auto bytes = OL_TRY(store.get(family_history, header_key(number), at));
    if (!bytes) return {};
    const HeaderView header = OL_TRY(HeaderView::of(*bytes, number));
    for (std::size_t i = 0; header.is_chunked() && i < header.chunks(); ++i) {
        batch.erase(family_history, chunk_key(number, i));
    }
    batch.erase(family_history, header_key(number));
    return {};
}

Result<std::vector<DiffEntry>> read_diff(const store::KeyValue& store,
                                         const store::KeyValue::SnapshotPtr& at,
                                         std::uint64_t number) {
    const auto bytes = OL_TRY(store.get(family_history, header_key(number), at));
    if (!bytes) return fail(ErrorCode::not_found, "block {} left no reverse diff", number);
    const HeaderView header = OL_TRY(HeaderView::of(*bytes, number));
    if (!header.is_chunked()) return parse_entries(header.entries, number);
    std::vector<DiffEntry> out;
    for (std::size_t i = 0; i < header.chunks(); ++i) {
        for (DiffEntry& entry : OL_TRY(read_chunk(store, at, number, header, i))) {
            out.push_back(std::move(entry));
        }
    }
    if (out.size() != header.count) return malformed(number);
    return out;
}

HistoryReader::HistoryReader(const store::KeyValue& store, store::KeyValue::SnapshotPtr at,
                             std::uint64_t number, std::uint64_t newest, bool archive)
    : store_(store)
    , at_(std::move(at))
    , number_(number)
    , newest_(newest)
    , archive_(archive) {}

Result<std::optional<Bytes>> HistoryReader::find(const DiffKey& key) {
    if (archive_) return find_by_index(key);
    for (std::uint64_t number = number_ + 1; number <= newest_; ++number) {
        if (auto found = OL_TRY(find_in(number, key))) return found;
    }
    return std::nullopt;
}

Result<std::optional<Bytes>> HistoryReader::find_in(std::uint64_t number, const DiffKey& key) {
    auto at = headers_.find(number);
    if (at == headers_.end()) {
        // By the index a reader comes to any number of blocks.
        if (archive_ && headers_.size() == archive_headers) headers_.clear();
        auto bytes = OL_TRY(store_.get(family_history, header_key(number), at_));
        if (!bytes) {
            return fail(ErrorCode::corrupted, "the reverse diff of block {} is gone", number);
        }
        at = headers_.emplace(number, std::move(*bytes)).first;
    }
    const HeaderView header = OL_TRY(HeaderView::of(at->second, number));
    const std::uint32_t wanted = key.fingerprint();
    for (std::size_t i = header.lower_bound(wanted);
         i < header.count && header.fingerprint(i) == wanted; ++i) {
        const auto chunk = OL_TRY(read_chunk(store_, at_, number, header, i / chunk_entries));
        if (i % chunk_entries >= chunk.size()) return malformed(number);
        const DiffEntry& entry = chunk[i % chunk_entries];
        if (entry.key == key) return Bytes(entry.before().begin(), entry.before().end());
    }
    return std::nullopt;
}

Result<std::optional<Bytes>> HistoryReader::find_by_index(const DiffKey& key) {
    if (index_ == nullptr) index_ = store_.cursor(family_history_index, at_);
    const Bytes first = index_key(key, number_ + 1);
    if (!index_->seek(first)) {
        OL_TRY(index_->status());
        return std::nullopt;
    }
    const ByteView found = index_->key();
    const bool is_same = found.size() == first.size() &&
                         std::memcmp(found.data(), first.data(), first.size() - 8) == 0;
    if (!is_same) return std::nullopt;
    const std::uint64_t number = get_be64(found.data() + found.size() - 8);
    auto before = OL_TRY(find_in(number, key));
    if (!before) {
        return fail(ErrorCode::corrupted, "the index of the history leads to block {} in vain",
                    number);
    }
    return before;
}

} // namespace ol::chain
