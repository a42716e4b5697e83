#include "chain/block_store.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/check.hpp"
#include "chain/block_codec.hpp"
#include "codec/rlp.hpp"

namespace ol::chain {
namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::string_view heads_key = "heads";
constexpr std::string_view overrides_key = "overrides";
constexpr std::string_view genesis_key = "genesis";

// The first byte of keys, by family.
enum BlockKind : std::uint8_t { kind_header, kind_body, kind_outcomes, kind_overrides };
enum IndexKind : std::uint8_t { kind_canonical, kind_log_address, kind_meta };

FixedBytes<33> block_key(BlockKind kind, const Hash32& hash) {
    FixedBytes<33> out;
    out[0] = kind;
    std::memcpy(out.begin() + 1, hash.begin(), 32);
    return out;
}

FixedBytes<9> canonical_key(std::uint64_t number) {
    FixedBytes<9> out;
    out[0] = kind_canonical;
    put_be64(out.begin() + 1, number);
    return out;
}

constexpr std::size_t log_key_bytes = 1 + 20 + 8;
FixedBytes<log_key_bytes> log_key(const Address& address, std::uint64_t number) {
    FixedBytes<log_key_bytes> out;
    out[0] = kind_log_address;
    std::memcpy(out.begin() + 1, address.begin(), 20);
    put_be64(out.begin() + 21, number);
    return out;
}

Bytes meta_key(std::string_view name) {
    Bytes out{kind_meta};
    append(out, as_bytes(name));
    return out;
}

// Five bytes of number, three of index: a place needs no more.
constexpr std::uint64_t number_limit = 1ULL << 40;
constexpr std::uint32_t index_limit = 1U << 24;

FixedBytes<8> place_value(std::uint64_t number, std::uint32_t index) {
    OL_CHECK(number < number_limit && index < index_limit);
    FixedBytes<8> out;
    put_be64(out.begin(), number << 24 | index);
    return out;
}

std::unexpected<Error> corrupted(std::string_view what, const Hash32& hash, const Error& error) {
    return fail(ErrorCode::corrupted,
                "block store: {} of {}: {}; restore the folder from a copy, or remove it to begin "
                "anew",
                what, to_hex0x(hash.view()), error.context);
}

std::unexpected<Error> missing(std::string_view what, const Hash32& hash) {
    return corrupted(what, hash, {ErrorCode::corrupted, "it is not there"});
}

template <class T>
Result<T> checked(Result<T> result, std::string_view what, const Hash32& hash) {
    if (!result) return corrupted(what, hash, result.error());
    return result;
}

BlockStore::Canonical canonical_of(ByteView value) {
    BlockStore::Canonical out;
    std::memcpy(out.hash.begin(), value.data(), 32);
    if (value.size() > 32) std::memcpy(out.bloom.emplace().begin(), value.data() + 32, 256);
    return out;
}

bool is_canonical_value(ByteView value) { return value.size() == 32 || value.size() == 288; }

void add_log(BlockLogs& out, const LogView& view) {
    if (out.entries.empty() || out.entries.back().transaction_index != view.transaction_index) {
        out.transaction_hashes.emplace_back();
    }
    BlockLogs::Entry entry;
    entry.address = view.address;
    entry.topic_count = static_cast<std::uint8_t>(view.topics.size() / 32);
    entry.first_topic = static_cast<std::uint32_t>(out.topics.size());
    entry.data_begin = static_cast<std::uint32_t>(out.data.size());
    entry.data_size = static_cast<std::uint32_t>(view.data.size());
    entry.transaction_index = view.transaction_index;
    entry.transaction = static_cast<std::uint32_t>(out.transaction_hashes.size() - 1);
    for (std::size_t i = 0; i < entry.topic_count; ++i) {
        std::memcpy(out.topics.emplace_back().begin(), view.topics.data() + 32 * i, 32);
    }
    append(out.data, view.data);
    out.entries.push_back(entry);
}

// Addresses with logs in a block, each once.
std::set<Address> log_addresses(const StoredBlock& block) {
    std::set<Address> out;
    for (const auto& outcome : block.outcomes) {
        for (const auto& log : outcome.receipt.logs) out.insert(log.address);
    }
    return out;
}

} // namespace

std::vector<std::string> chain_family_names() {
    auto out = state_family_names();
    for (const char* name : {"blocks", "chain_index", "places"}) out.emplace_back(name);
    OL_CHECK(out.size() == block_families);
    return out;
}

std::uint64_t BlockLogs::memory_bytes() const {
    return sizeof *this + entries.capacity() * sizeof(Entry) + topics.capacity() * 32 +
           data.capacity() + transaction_hashes.capacity() * 32;
}

FoundLog BlockLogs::log(std::size_t index) const {
    const Entry& entry = entries[index];
    FoundLog out;
    out.log.address = entry.address;
    const auto first = topics.begin() + entry.first_topic;
    out.log.topics.assign(first, first + entry.topic_count);
    const auto begin = data.begin() + entry.data_begin;
    out.log.data.assign(begin, begin + entry.data_size);
    out.block_hash = hash;
    out.transaction_hash = transaction_hashes[entry.transaction];
    out.block_number = number;
    out.block_timestamp = timestamp;
    out.transaction_index = entry.transaction_index;
    out.log_index = static_cast<std::uint32_t>(index);
    return out;
}

BlockLogs logs_of(const StoredBlock& block) {
    BlockLogs out;
    out.hash = block.hash;
    out.number = block.block.header.number;
    out.timestamp = block.block.header.timestamp;
    Bytes topics;
    for (std::size_t i = 0; i < block.outcomes.size(); ++i) {
        for (const auto& log : block.outcomes[i].receipt.logs) {
            topics.clear();
            for (const auto& topic : log.topics) append(topics, topic.view());
            add_log(out, {static_cast<std::uint32_t>(i), log.address, topics, log.data});
            out.transaction_hashes.back() = block.transaction_hashes[i];
        }
    }
    return out;
}

Result<std::optional<Header>> BlockStore::header(const Hash32& hash) const {
    const auto bytes = OL_TRY(store_.get(family_blocks, block_key(kind_header, hash).view()));
    if (!bytes) return std::nullopt;
    return OL_TRY(checked(decode_header(*bytes), "header", hash));
}

Result<bool> BlockStore::has(const Hash32& hash) const {
    return OL_TRY(store_.get(family_blocks, block_key(kind_header, hash).view())).has_value();
}

Result<StoredBlockPtr> BlockStore::block(const Hash32& hash) const {
    auto header = OL_TRY(this->header(hash));
    if (!header) return StoredBlockPtr();
    const auto body_bytes = OL_TRY(store_.get(family_blocks, block_key(kind_body, hash).view()));
    if (!body_bytes) return missing("body", hash);
    const auto outcome_bytes =
        OL_TRY(store_.get(family_blocks, block_key(kind_outcomes, hash).view()));
    if (!outcome_bytes) return missing("outcomes", hash);
    auto body = OL_TRY(checked(decode_body(*body_bytes), "body", hash));
    auto out = std::make_shared<StoredBlock>();
    out->hash = hash;
    out->block.header = std::move(*header);
    out->block.transactions = std::move(body.transactions);
    out->block.ommers = std::move(body.ommers);
    out->block.withdrawals = std::move(body.withdrawals);
    out->transaction_hashes = std::move(body.transaction_hashes);
    out->senders = std::move(body.senders);
    out->size_bytes = body.block_bytes;
    out->outcomes = OL_TRY(checked(decode_outcomes(*outcome_bytes), "outcomes", hash));
    if (out->outcomes.size() != out->block.transactions.size()) {
        return corrupted("outcomes", hash, {ErrorCode::corrupted, "not one a transaction"});
    }
    if (const auto overrides =
            OL_TRY(store_.get(family_blocks, block_key(kind_overrides, hash).view()))) {
        out->overrides = OL_TRY(checked(decode_changes(*overrides), "overrides", hash));
    }
    return StoredBlockPtr(std::move(out));
}

Result<BlockLogs> BlockStore::logs(const Hash32& hash) const {
    const auto header = OL_TRY(this->header(hash));
    if (!header) {
        return fail(ErrorCode::not_found, "block {} is unknown", to_hex0x(hash.view()));
    }
    BlockLogs out;
    out.hash = hash;
    out.number = header->number;
    out.timestamp = header->timestamp;
    if (header->logs_bloom.is_zero()) return out;
    const auto outcomes = OL_TRY(store_.get(family_blocks, block_key(kind_outcomes, hash).view()));
    const auto body = OL_TRY(store_.get(family_blocks, block_key(kind_body, hash).view()));
    if (!outcomes || !body) return missing(outcomes ? "body" : "outcomes", hash);
    const auto read = for_each_log(*outcomes, [&](const LogView& view) { add_log(out, view); });
    if (!read) return corrupted("outcomes", hash, read.error());
    std::vector<std::uint32_t> indices;
    for (const auto& entry : out.entries) {
        if (indices.empty() || indices.back() != entry.transaction_index) {
            indices.push_back(entry.transaction_index);
        }
    }
    out.transaction_hashes = OL_TRY(checked(hashes_in_body(*body, indices), "body", hash));
    return out;
}

Result<std::optional<BlockStore::Canonical>> BlockStore::canonical(std::uint64_t number) const {
    const auto value = OL_TRY(store_.get(family_chain_index, canonical_key(number).view()));
    if (!value) return std::nullopt;
    if (!is_canonical_value(*value)) {
        return fail(ErrorCode::corrupted, "block store: the canonical block {}: {} bytes", number,
                    value->size());
    }
    return canonical_of(*value);
}

Status
BlockStore::scan_canonical(std::uint64_t from, std::uint64_t to,
                           const std::function<bool(std::uint64_t, const Canonical&)>& each) const {
    Status inner;
    const auto take = [&](ByteView key, ByteView value) {
        if (key.size() != 9 || key[0] != kind_canonical) return false;
        if (!is_canonical_value(value)) {
            inner = fail(ErrorCode::corrupted, "block store: the canonical block {}: {} bytes",
                         get_be64(key.data() + 1), value.size());
            return false;
        }
        const std::uint64_t number = get_be64(key.data() + 1);
        return number <= to && each(number, canonical_of(value));
    };
    OL_TRY(store_.scan(family_chain_index, canonical_key(from).view(), take));
    return inner;
}

Status BlockStore::scan_log_blocks(const Address& address, std::uint64_t from, std::uint64_t to,
                                   const std::function<bool(std::uint64_t)>& each) const {
    const auto first = log_key(address, from);
    const auto take = [&](ByteView key, ByteView) {
        if (key.size() != log_key_bytes ||
            !std::equal(key.begin(), key.begin() + 21, first.begin())) {
            return false;
        }
        const std::uint64_t number = get_be64(key.data() + 21);
        return number <= to && each(number);
    };
    return store_.scan(family_chain_index, first.view(), take);
}

Result<std::optional<BlockStore::Place>> BlockStore::place(const Hash32& transaction) const {
    const auto value = OL_TRY(store_.get(family_places, transaction.view()));
    if (!value) return std::nullopt;
    if (value->size() != 8) {
        return corrupted("place", transaction, {ErrorCode::corrupted, "its size"});
    }
    const std::uint64_t word = get_be64(value->data());
    return Place{word >> 24, static_cast<std::uint32_t>(word & (index_limit - 1))};
}

Result<std::optional<BlockStore::Heads>> BlockStore::heads() const {
    const auto bytes = OL_TRY(store_.get(family_chain_index, meta_key(heads_key)));
    if (!bytes) return std::nullopt;
    if (!bytes->empty() && (*bytes)[0] != format_version) {
        return fail(
            ErrorCode::unsupported,
            "block store: written in format {}, this version reads {}: use the version that "
            "wrote it, or begin with an empty folder",
            (*bytes)[0], format_version);
    }
    if (bytes->size() != 1 + 5 * 32) {
        return fail(ErrorCode::corrupted, "block store: heads: {} bytes", bytes->size());
    }
    Heads out;
    const std::uint8_t* at = bytes->data() + 1;
    for (Hash32* hash : {&out.genesis, &out.latest, &out.safe, &out.finalized, &out.target}) {
        std::memcpy(hash->begin(), at, 32);
        at += 32;
    }
    return out;
}

Result<Hash32> BlockStore::genesis_digest() const {
    const auto bytes = OL_TRY(store_.get(family_chain_index, meta_key(genesis_key)));
    if (!bytes) return Hash32{};
    if (bytes->size() != 32) return fail(ErrorCode::corrupted, "block store: genesis' digest");
    return Hash32::from(*bytes);
}

Result<StateChanges> BlockStore::waiting_overrides() const {
    const auto bytes = OL_TRY(store_.get(family_chain_index, meta_key(overrides_key)));
    if (!bytes) return StateChanges{};
    return checked(decode_changes(*bytes), "waiting overrides", Hash32{});
}

void BlockStore::put_block(const StoredBlock& block, store::WriteBatch& batch) const {
    batch.put(family_blocks, block_key(kind_header, block.hash).view(), encode(block.block.header));
    batch.put(family_blocks, block_key(kind_body, block.hash).view(), encode_body(block));
    batch.put(family_blocks, block_key(kind_outcomes, block.hash).view(),
              encode_outcomes(block.outcomes));
    if (!block.overrides.empty()) {
        batch.put(family_blocks, block_key(kind_overrides, block.hash).view(),
                  encode_changes(block.overrides));
    }
}

void BlockStore::forget_block(const Hash32& hash, store::WriteBatch& batch) const {
    for (const BlockKind kind : {kind_header, kind_body, kind_outcomes, kind_overrides}) {
        batch.erase(family_blocks, block_key(kind, hash).view());
    }
}

void BlockStore::put_canonical(const StoredBlock& block, store::WriteBatch& batch) const {
    const Header& header = block.block.header;
    Bytes value(block.hash.begin(), block.hash.end());
    if (!header.logs_bloom.is_zero()) append(value, header.logs_bloom.view());
    batch.put(family_chain_index, canonical_key(header.number).view(), value);
    // Ascending, which makes the store's work shorter.
    std::vector<std::uint32_t> order(block.transaction_hashes.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::sort(order, {}, [&](std::uint32_t i) { return block.transaction_hashes[i]; });
    for (const std::uint32_t i : order) {
        batch.put(family_places, block.transaction_hashes[i].view(),
                  place_value(header.number, i).view());
    }
    for (const auto& address : log_addresses(block)) {
        batch.put(family_chain_index, log_key(address, header.number).view(), {});
    }
}

void BlockStore::erase_canonical(const StoredBlock& block, store::WriteBatch& batch) const {
    const std::uint64_t number = block.block.header.number;
    batch.erase(family_chain_index, canonical_key(number).view());
    for (const auto& hash : block.transaction_hashes) batch.erase(family_places, hash.view());
    for (const auto& address : log_addresses(block)) {
        batch.erase(family_chain_index, log_key(address, number).view());
    }
}

void BlockStore::put_heads(const Heads& heads, store::WriteBatch& batch) const {
    Bytes value;
    value.push_back(format_version);
    for (const Hash32* hash :
         {&heads.genesis, &heads.latest, &heads.safe, &heads.finalized, &heads.target}) {
        append(value, hash->view());
    }
    batch.put(family_chain_index, meta_key(heads_key), value);
}

void BlockStore::put_genesis_digest(const Hash32& digest, store::WriteBatch& batch) const {
    batch.put(family_chain_index, meta_key(genesis_key), digest.view());
}

void BlockStore::put_waiting_overrides(const StateChanges& changes,
                                       store::WriteBatch& batch) const {
    if (changes.empty()) {
        batch.erase(family_chain_index, meta_key(overrides_key));
    } else {
        batch.put(family_chain_index, meta_key(overrides_key), encode_changes(changes));
    }
}

} // namespace ol::chain
