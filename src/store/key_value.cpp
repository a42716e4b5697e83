#include "store/key_value.hpp"

#include <algorithm>
#include <system_error>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include "base/check.hpp"

namespace ol::store {

namespace {

// RocksDB counts every comparison of keys for each thread, which nobody reads here.
void count_nothing() {
    thread_local const bool done = [] {
        rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
        return true;
    }();
    (void)done;
}

constexpr int filter_bits = 10; // a key: one in a hundred reads of absent keys looks at a block
constexpr std::size_t block_bytes = 4096;
constexpr std::size_t arena_block_bytes = 128U
                                          << 10; // of tables in memory: small stores stay small
constexpr std::uint64_t file_bytes = 32ULL << 20;
constexpr std::uint64_t first_level_bytes = 128ULL << 20;
constexpr int open_files = 512;
constexpr std::size_t log_file_bytes = 1U << 20;

rocksdb::Slice slice(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
ByteView view(const rocksdb::Slice& bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}
Bytes bytes_of(const rocksdb::Slice& bytes) {
    const ByteView all = view(bytes);
    return {all.begin(), all.end()};
}

ErrorCode code_of(const rocksdb::Status& status) {
    switch (status.code()) {
    case rocksdb::Status::kNotFound:
        return ErrorCode::not_found;
    case rocksdb::Status::kCorruption:
        return ErrorCode::corrupted;
    case rocksdb::Status::kNotSupported:
        return ErrorCode::unsupported;
    case rocksdb::Status::kInvalidArgument:
        return ErrorCode::invalid_argument;
    case rocksdb::Status::kIOError:
        if (status.IsPathNotFound()) return ErrorCode::corrupted; // a file of the store is gone
        return ErrorCode::io;
    case rocksdb::Status::kBusy:
    case rocksdb::Status::kTimedOut:
    case rocksdb::Status::kTryAgain:
        return ErrorCode::unavailable;
    case rocksdb::Status::kAborted:
    case rocksdb::Status::kShutdownInProgress:
        return ErrorCode::cancelled;
    default:
        return ErrorCode::internal;
    }
}

std::string_view remedy_of(ErrorCode code) {
    switch (code) {
    case ErrorCode::corrupted:
        return " (restore it from a backup or a snapshot, or move the folder away to start anew)";
    case ErrorCode::unavailable:
        return " (another process is using it; stop that one first)";
    case ErrorCode::io:
        return " (is there free space, and may this user write there?)";
    default:
        return "";
    }
}

// RocksDB's words, with the file in them: a table that is gone it names as LevelDB would, and a
// damaged log not at all.
std::string text_of(const rocksdb::Status& status, const Path& folder) {
    std::string out = status.ToString();
    for (std::size_t at; (at = out.find(".ldb")) != std::string::npos;) out.replace(at, 4, ".sst");
    if (!status.IsCorruption()) return out;
    for (const char* name : {".sst", "MANIFEST", "CURRENT", ".log"}) {
        if (out.find(name) != std::string::npos) return out;
    }
    std::vector<std::string> logs;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        if (at->path().extension() == ".log") logs.push_back(at->path().filename().string());
    }
    std::sort(logs.begin(), logs.end());
    out += ", in the log of what was written last:";
    for (const auto& log : logs) out += " " + log;
    return out;
}

std::unexpected<Error> failed(const rocksdb::Status& status, ErrorCode code, const Path& folder) {
    return fail(code, "database {}: {}{}", folder.string(), text_of(status, folder),
                remedy_of(code));
}

// The store's files without CURRENT, which names the manifest that knows them: opening would begin
// a new store over them. A store is created with CURRENT before any table or log, and after the
// first manifest alone.
bool has_lost_current(const Path& folder) {
    std::error_code error;
    if (std::filesystem::exists(folder / "CURRENT", error)) return false;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        const Path file = at->path().filename();
        if (file.extension() == ".sst" || file.extension() == ".log") return true;
    }
    return false;
}

rocksdb::DBOptions database_options(const KeyValueOptions& options) {
    rocksdb::DBOptions out;
    out.create_if_missing = !options.read_only;
    out.create_missing_column_families = !options.read_only;
    out.max_background_jobs = 2;
    // A torn end is what a crash leaves; anything else would lose blocks without a word.
    out.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    out.track_and_verify_wals_in_manifest = true;
    out.avoid_flush_during_recovery = true;
    out.db_write_buffer_size = 2 * options.write_buffer_bytes;
    out.max_total_wal_size = 4 * options.write_buffer_bytes;
    out.max_open_files = open_files;
    out.skip_stats_update_on_db_open = true;
    out.stats_dump_period_sec = 0;
    out.stats_persist_period_sec = 0;
    out.keep_log_file_num = 2;
    out.max_log_file_size = log_file_bytes;
    out.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
    out.bytes_per_sync = 1U << 20;
    return out;
}

rocksdb::ColumnFamilyOptions family_options(const KeyValueOptions& options, bool is_compressed,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = cache;
    table.block_size = block_bytes;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(filter_bits));
    table.cache_index_and_filter_blocks = true;
    table.cache_index_and_filter_blocks_with_high_priority = true;
    // Held once they are there, so that a read does not look each of them up again.
    table.metadata_cache_options.unpartitioned_pinning = rocksdb::PinningTier::kAll;
    table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
    table.format_version = 5;
    rocksdb::ColumnFamilyOptions out;
    out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    out.compression = is_compressed ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
    out.write_buffer_size = options.write_buffer_bytes;
    out.arena_block_size = arena_block_bytes;
    out.memtable_prefix_bloom_size_ratio = 0.01; // ten bits a key or so
    out.memtable_whole_key_filtering = true;
    out.target_file_size_base = file_bytes;
    out.max_bytes_for_level_base = first_level_bytes;
    out.level_compaction_dynamic_level_bytes = true;
    return out;
}

class HeldSnapshot final : public KeyValue::Snapshot {
public:
    explicit HeldSnapshot(rocksdb::DB& db)
        : db_(db)
        , snapshot_(db.GetSnapshot()) {}
    ~HeldSnapshot() override { db_.ReleaseSnapshot(snapshot_); }
    HeldSnapshot(const HeldSnapshot&) = delete;
    HeldSnapshot& operator=(const HeldSnapshot&) = delete;
    const rocksdb::Snapshot* get() const { return snapshot_; }

private:
    rocksdb::DB& db_;
    const rocksdb::Snapshot* snapshot_;
};

rocksdb::ReadOptions read_options(const KeyValue::SnapshotPtr& at) {
    rocksdb::ReadOptions out;
    if (at != nullptr) out.snapshot = static_cast<const HeldSnapshot&>(*at).get();
    return out;
}

class HeldCursor final : public KeyValue::Cursor {
public:
    HeldCursor(std::unique_ptr<rocksdb::Iterator> iterator, const Path& folder)
        : iterator_(std::move(iterator))
        , folder_(folder) {}
    bool seek(ByteView from) override {
        iterator_->Seek(slice(from));
        return iterator_->Valid();
    }
    bool seek_back(ByteView from) override {
        iterator_->SeekForPrev(slice(from));
        return iterator_->Valid();
    }
    bool next() override {
        iterator_->Next();
        return iterator_->Valid();
    }
    bool previous() override {
        iterator_->Prev();
        return iterator_->Valid();
    }
    ByteView key() const override { return view(iterator_->key()); }
    ByteView value() const override { return view(iterator_->value()); }
    Status status() const override {
        const rocksdb::Status status = iterator_->status();
        if (!status.ok()) return failed(status, code_of(status), folder_);
        return {};
    }

private:
    std::unique_ptr<rocksdb::Iterator> iterator_;
    const Path& folder_;
};

} // namespace

void WriteBatch::put(unsigned family, ByteView key, ByteView value) {
    add(Step::put, family, key, value);
}
void WriteBatch::erase(unsigned family, ByteView key) { add(Step::erase, family, key, {}); }
void WriteBatch::erase_range(unsigned family, ByteView first, ByteView end) {
    add(Step::erase_range, family, first, end);
}

namespace {
constexpr std::size_t step_header_bytes = 2 + 4 + 4;
} // namespace

void WriteBatch::add(Step step, unsigned family, ByteView first, ByteView second) {
    OL_CHECK(family <= UINT8_MAX && first.size() <= UINT32_MAX && second.size() <= UINT32_MAX);
    const std::size_t begin = bytes_.size();
    bytes_.resize(begin + step_header_bytes + first.size() + second.size());
    std::uint8_t* const out = bytes_.data() + begin;
    out[0] = static_cast<std::uint8_t>(step);
    out[1] = static_cast<std::uint8_t>(family);
    put_be32(out + 2, static_cast<std::uint32_t>(first.size()));
    put_be32(out + 6, static_cast<std::uint32_t>(second.size()));
    std::copy(first.begin(), first.end(), out + step_header_bytes);
    std::copy(second.begin(), second.end(), out + step_header_bytes + first.size());
}

struct KeyValue::Impl {
    Path folder;
    std::unique_ptr<rocksdb::DB> db;
    std::vector<rocksdb::ColumnFamilyHandle*> families; // the default one last

    ~Impl() {
        for (auto* family : families) (void)db->DestroyColumnFamilyHandle(family);
        if (db != nullptr) (void)db->Close();
    }

    rocksdb::ColumnFamilyHandle* family(unsigned number) const {
        OL_CHECK(number + 1 < families.size());
        return families[number];
    }

    std::unexpected<Error> failed(const rocksdb::Status& status) const {
        return store::failed(status, code_of(status), folder);
    }

    Status open(std::span<const std::string> names, const KeyValueOptions& options) {
        const auto cache = rocksdb::NewLRUCache(options.cache_bytes, 2, false, 0.5);
        std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
        for (unsigned i = 0; i < names.size(); ++i) {
            const auto& list = options.compressed;
            const bool is_compressed = std::find(list.begin(), list.end(), i) != list.end();
            descriptors.emplace_back(names[i], family_options(options, is_compressed, cache));
        }
        descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName,
                                 family_options(options, false, cache));
        rocksdb::DB* opened = nullptr;
        const auto how = database_options(options);
        std::error_code error;
        const bool is_new = !std::filesystem::exists(folder / "CURRENT", error);
        rocksdb::Status status;
        if (options.read_only) {
            status =
                rocksdb::DB::OpenForReadOnly(how, folder.string(), descriptors, &families, &opened);
        } else if (!is_new) {
            status = rocksdb::DB::Open(how, folder.string(), descriptors, &families, &opened);
        } else {
            // All families at once: opening would write its options anew for each of them.
            const std::vector<rocksdb::ColumnFamilyDescriptor> first = {descriptors.back()};
            descriptors.pop_back();
            std::vector<rocksdb::ColumnFamilyHandle*> kept;
            status = rocksdb::DB::Open(how, folder.string(), first, &kept, &opened);
            if (status.ok()) status = opened->CreateColumnFamilies(descriptors, &families);
            families.insert(families.end(), kept.begin(), kept.end());
        }
        db.reset(opened);
        if (status.ok()) return {};
        for (auto* family : families) (void)db->DestroyColumnFamilyHandle(family);
        families.clear();
        ErrorCode code = code_of(status);
        const std::string text = status.ToString();
        if (code == ErrorCode::io && text.find("lock") != std::string::npos) {
            code = ErrorCode::unavailable;
        }
        if (code == ErrorCode::invalid_argument) {
            // Another program's families, or a store that was never finished.
            code = std::filesystem::exists(folder / "CURRENT") ? ErrorCode::unsupported
                                                               : ErrorCode::not_found;
        }
        return store::failed(status, code, folder);
    }

    void append(rocksdb::WriteBatch& out, ByteView steps) const {
        while (!steps.empty()) {
            const auto step = static_cast<WriteBatch::Step>(steps[0]);
            rocksdb::ColumnFamilyHandle* const to = family(steps[1]);
            const std::size_t first_size = get_be32(steps.data() + 2);
            const std::size_t second_size = get_be32(steps.data() + 6);
            const ByteView first = steps.subspan(step_header_bytes, first_size);
            const ByteView second = steps.subspan(step_header_bytes + first_size, second_size);
            steps = steps.subspan(step_header_bytes + first_size + second_size);
            // A batch takes any step that fits in memory.
            rocksdb::Status status;
            switch (step) {
            case WriteBatch::Step::put:
                status = out.Put(to, slice(first), slice(second));
                break;
            case WriteBatch::Step::erase:
                status = out.Delete(to, slice(first));
                break;
            case WriteBatch::Step::erase_range:
                status = out.DeleteRange(to, slice(first), slice(second));
                break;
            }
            OL_CHECK(status.ok());
        }
    }
};

KeyValue::KeyValue()
    : impl_(std::make_unique<Impl>()) {}
KeyValue::~KeyValue() = default;

Result<std::unique_ptr<KeyValue>> KeyValue::open(const Path& folder,
                                                 std::span<const std::string> families,
                                                 const KeyValueOptions& options) {
    if (!options.read_only) OL_TRY(make_directories(folder));
    std::unique_ptr<KeyValue> out(new KeyValue());
    out->impl_->folder = folder;
    if (has_lost_current(folder)) {
        return failed(rocksdb::Status::Corruption("the file CURRENT is gone"), ErrorCode::corrupted,
                      folder);
    }
    OL_TRY(out->impl_->open(families, options));
    return out;
}

KeyValue::SnapshotPtr KeyValue::snapshot() const {
    return std::make_shared<const HeldSnapshot>(*impl_->db);
}

std::unique_ptr<KeyValue::Cursor> KeyValue::cursor(unsigned family, const SnapshotPtr& at) const {
    count_nothing();
    auto* const iterator = impl_->db->NewIterator(read_options(at), impl_->family(family));
    return std::make_unique<HeldCursor>(std::unique_ptr<rocksdb::Iterator>(iterator),
                                        impl_->folder);
}

Result<std::optional<Bytes>> KeyValue::get(unsigned family, ByteView key,
                                           const SnapshotPtr& at) const {
    count_nothing();
    rocksdb::PinnableSlice value;
    const rocksdb::Status status =
        impl_->db->Get(read_options(at), impl_->family(family), slice(key), &value);
    if (status.ok()) return bytes_of(value);
    if (status.IsNotFound()) return std::nullopt;
    return impl_->failed(status);
}

Status KeyValue::get_many(unsigned family, std::span<const ByteView> keys,
                          std::span<std::optional<Bytes>> values, const SnapshotPtr& at) const {
    OL_CHECK(keys.size() == values.size());
    std::vector<rocksdb::Slice> slices;
    slices.reserve(keys.size());
    for (const ByteView key : keys) slices.push_back(slice(key));
    std::vector<rocksdb::PinnableSlice> found(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    impl_->db->MultiGet(read_options(at), impl_->family(family), keys.size(), slices.data(),
                        found.data(), statuses.data());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        values[i].reset();
        if (statuses[i].ok()) {
            values[i] = bytes_of(found[i]);
        } else if (!statuses[i].IsNotFound()) {
            return impl_->failed(statuses[i]);
        }
    }
    return {};
}

Status KeyValue::scan(unsigned family, ByteView from,
                      const std::function<bool(ByteView, ByteView)>& each) const {
    const auto at = cursor(family);
    for (bool more = at->seek(from); more && each(at->key(), at->value());) more = at->next();
    return at->status();
}

Status KeyValue::scan_back(unsigned family, ByteView from,
                           const std::function<bool(ByteView, ByteView)>& each) const {
    const auto at = cursor(family);
    for (bool more = at->seek_back(from); more && each(at->key(), at->value());) {
        more = at->previous();
    }
    return at->status();
}

Status KeyValue::write(const WriteBatch& batch, bool durable) {
    count_nothing();
    rocksdb::WriteBatch steps(batch.size_bytes() + 64);
    impl_->append(steps, batch.bytes_);
    rocksdb::WriteOptions options;
    options.sync = durable;
    const rocksdb::Status status = impl_->db->Write(options, &steps);
    if (!status.ok()) return impl_->failed(status);
    return {};
}

Status KeyValue::put(unsigned family, ByteView key, ByteView value, bool durable) {
    WriteBatch batch;
    batch.put(family, key, value);
    return write(batch, durable);
}

Status KeyValue::checkpoint(const Path& folder) const {
    rocksdb::Checkpoint* made = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(impl_->db.get(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (status.ok()) status = checkpoint->CreateCheckpoint(folder.string());
    if (!status.ok()) return impl_->failed(status);
    return {};
}

Status KeyValue::compact() {
    for (auto* family : impl_->families) {
        const rocksdb::Status status = impl_->db->CompactRange({}, family, nullptr, nullptr);
        if (!status.ok()) return impl_->failed(status);
    }
    return {};
}

Status KeyValue::check_integrity() const {
    const rocksdb::Status status = impl_->db->VerifyChecksum();
    if (!status.ok()) return impl_->failed(status);
    return {};
}

std::uint64_t KeyValue::disk_bytes() const {
    std::uint64_t total = 0;
    std::error_code error;
    for (std::filesystem::directory_iterator at(impl_->folder, error), end; !error && at != end;
         at.increment(error)) {
        std::error_code gone; // files come and go beside us
        const std::uint64_t size = at->file_size(gone);
        if (!gone) total += size;
    }
    return total;
}

} // namespace ol::store
