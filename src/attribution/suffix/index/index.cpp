#include "attribution/suffix/index/index.hpp"

#include <algorithm>
#include <deque>

#include "attribution/suffix/build/builder.hpp"
#include "attribution/suffix/index/index_impl.hpp"
#include "attribution/suffix/index/tombstones.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr u64 default_memory = 4ULL << 30;
constexpr u32 progress_records = 1024; // between two reports
constexpr u64 most_batch_bytes = 4 << 20;
constexpr std::size_t most_batch_records = 8192;

std::unexpected<Error> stopped(std::string_view work) {
    return fail(ErrorCode::cancelled, "{} was stopped; the index is as before", work);
}

u64 memory_of(const BuildLimits& limits) {
    return limits.memory_bytes == 0 ? default_memory : limits.memory_bytes;
}

// Adds the records of a segment to a builder; the symbols of deleted ones only where `keep_dead`.
class RecordCopy {
public:
    RecordCopy(const Index::Impl::Part& part, bool keep_dead, SegmentBuilder& builder)
        : segment_(*part.segment)
        , dead_(keep_dead ? nullptr : part.dead.get())
        , builder_(builder)
        , words_(segment_.dictionary_size()) {}

    // Of `total` records `done` were copied before.
    Status run(u64 done, u64 total, const ProgressSink& progress) {
        for (u32 r = 0; r < segment_.record_count(); ++r) {
            if (r % progress_records == 0 && !progress("records", done + r, total)) {
                return stopped("rewriting the index");
            }
            OL_TRY(copy(r));
        }
        return {};
    }

private:
    Status copy(u32 record) {
        const TableEntry entry = segment_.table_entry(record);
        const RecordHeader header{entry.leaf_hash, entry.owner, entry.cluster,
                                  segment_.label(record)};
        if (dead_ != nullptr && dead_->contains(record))
            return builder_.add_numbers(header, {}, {});
        numbers_.resize(segment_.start_of(record + 1) - 1 - entry.offset); // without the separator
        segment_.tier().read_text(entry.offset, numbers_);
        word_bytes_.clear();
        for (u32& number : numbers_) {
            Known& known = words_[number - segment_.record_count()];
            if (known.number == absent) {
                const auto word = segment_.word_of(number);
                known.number = builder_.number_of(word);
                known.bytes = static_cast<u32>(text::symbol_text(word).size());
            }
            number = known.number;
            word_bytes_.push_back(known.bytes);
        }
        places_.resize(numbers_.size());
        segment_.read_places(record, word_bytes_, places_);
        return builder_.add_numbers(header, numbers_, places_);
    }

    const Segment& segment_;
    const DeadRanks* dead_;
    SegmentBuilder& builder_;
    struct Known {
        u32 number = absent; // in the builder
        u32 bytes = 0;
    };
    std::vector<Known> words_; // of the segment
    std::vector<u32> numbers_, word_bytes_;
    std::vector<Place> places_;
};

// Cuts the records it is given into segments.
class Appender {
public:
    Appender(IndexChange& change, const BuildLimits& limits, ThreadPool& pool,
             const ProgressSink& progress)
        : change_(change)
        , memory_(memory_of(limits))
        , most_symbols_(limits.segment_symbols == 0
                            ? limits::segment_symbols
                            : std::min<u64>(limits.segment_symbols, limits::segment_symbols))
        , form_(limits.form)
        , pool_(pool)
        , progress_(progress)
        , first_(change.record_count()) {}

    Result<u32> run(const RecordSource& source);

private:
    Status check_cluster(u32 cluster);
    Status take(const SourceRecord& record);
    Status add_batch();
    Status finish_segment();

    IndexChange& change_;
    u64 memory_, most_symbols_;
    Form form_;
    ThreadPool& pool_;
    const ProgressSink& progress_;
    u64 first_;
    std::vector<u32> clusters_; // of the records that were taken
    std::optional<SegmentBuilder> builder_;
    // Taken and not added: copies, since a source's views live until its next call alone.
    std::vector<SourceRecord> batch_;
    std::deque<std::string> batch_texts_;
    u64 batch_bytes_ = 0; // of texts, and a separator each: no fewer than their symbols
};

// Clusters are numbers of the index: an earlier record that is the head of its own cluster.
Status Appender::check_cluster(u32 cluster) {
    const u64 number = first_ + clusters_.size();
    bool head = cluster == number;
    if (cluster < first_) {
        head = change_.table_entry(cluster).cluster == cluster;
    } else if (cluster < number) {
        head = clusters_[cluster - first_] == cluster;
    }
    if (head) return {};
    return fail(ErrorCode::invalid_argument,
                "record {}: cluster {} is not the earliest record of a cluster", number, cluster);
}

Status Appender::take(const SourceRecord& record) {
    if (first_ + clusters_.size() >= 0xffffffff) {
        return fail(ErrorCode::too_large, "an index holds at most 2^32 - 1 records");
    }
    OL_TRY(check_cluster(record.cluster));
    const u64 bytes = record.text.size() + 1;
    const auto full = [&] {
        return (builder_ ? builder_->symbol_count() : 0) + batch_bytes_ + bytes > most_symbols_;
    };
    if (full()) {
        OL_TRY(add_batch());
        if (builder_ && full()) OL_TRY(finish_segment());
    }
    clusters_.push_back(record.cluster);
    SourceRecord& copy = batch_.emplace_back(record);
    copy.text = batch_texts_.emplace_back(record.text);
    copy.label = batch_texts_.emplace_back(record.label);
    batch_bytes_ += bytes;
    if (batch_bytes_ < most_batch_bytes && batch_.size() < most_batch_records) return {};
    OL_TRY(add_batch());
    if (builder_->peak_bytes() > memory_) OL_TRY(finish_segment());
    return {};
}

Status Appender::add_batch() {
    if (batch_.empty()) return {};
    if (!builder_) builder_.emplace(static_cast<u32>(first_ + clusters_.size() - batch_.size()));
    OL_TRY(builder_->add(batch_, pool_));
    batch_.clear();
    batch_texts_.clear();
    batch_bytes_ = 0;
    return {};
}

Status Appender::finish_segment() {
    OL_TRY(change_.append_segment(*builder_, form_, pool_, progress_));
    builder_.reset();
    return {};
}

Result<u32> Appender::run(const RecordSource& source) {
    for (;;) {
        if (clusters_.size() % progress_records == 0 &&
            !progress_("records", clusters_.size(), 0)) {
            return stopped("adding records");
        }
        const auto record = OL_TRY(source());
        if (!record) break;
        OL_TRY(take(*record));
    }
    OL_TRY(add_batch());
    if (builder_) OL_TRY(finish_segment());
    return static_cast<u32>(clusters_.size());
}

} // namespace

Index::Index(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
Index::Index(Index&&) noexcept = default;
Index& Index::operator=(Index&&) noexcept = default;
Index::~Index() = default;

Result<Index> Index::create(const Path& folder) {
    OL_TRY(make_directories(folder));
    const auto lock = OL_TRY(FolderLock::take(folder));
    std::error_code error;
    if (std::filesystem::exists(folder / "manifest.json", error)) {
        return fail(ErrorCode::already_exists, "{}: there is an index already; append to it",
                    folder.string());
    }
    for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = item.path().filename().string();
        if (name != "lock" && name != "checked" && !name.starts_with("manifest.json.tmp")) {
            return fail(ErrorCode::invalid_argument,
                        "{}: holds other files ({}); an index needs a folder of its own",
                        folder.string(), name);
        }
    }
    if (error) {
        return fail(ErrorCode::io, "cannot read folder {}: {}", folder.string(), error.message());
    }
    OL_TRY(write_file_atomic(folder / "manifest.json", Manifest().encode()));
    return open(folder);
}

Result<Index> Index::open(const Path& folder, const IndexOpenOptions& options) {
    auto impl = std::make_unique<Impl>();
    impl->folder = folder;
    impl->recheck = options.recheck;
    OL_TRY(impl->load(options.pool));
    return Index(std::move(impl));
}

const IndexView& Index::view() const { return *impl_->view; }
const Path& Index::folder() const { return impl_->folder; }

std::vector<Index::SegmentInfo> Index::segments() const {
    std::vector<SegmentInfo> out;
    for (const auto& entry : impl_->manifest.segments) {
        out.push_back({.file = entry.file,
                       .form = entry.form,
                       .first_record = entry.first_record,
                       .records = entry.records,
                       .symbols = entry.symbols,
                       .words = entry.words,
                       .dead_records = entry.tombstones ? entry.tombstones->records : 0,
                       .bytes = entry.bytes});
    }
    return out;
}

Result<u32> Index::append(const RecordSource& source, const BuildLimits& limits, ThreadPool& pool,
                          const ProgressSink& progress) {
    auto change = OL_TRY(IndexChange::begin(*impl_, false));
    const u32 added = OL_TRY(Appender(change, limits, pool, progress).run(source));
    if (added > 0) OL_TRY(change.commit());
    return added;
}

Result<u32> Index::remove(std::span<const u32> records) {
    auto change = OL_TRY(IndexChange::begin(*impl_, false));
    std::vector<u32> sorted(records.begin(), records.end());
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    const IndexView& view = *impl_->view;
    if (!sorted.empty() && sorted.back() >= view.record_count()) {
        return fail(ErrorCode::invalid_argument, "index {}: there is no record {}, only {}",
                    impl_->folder.string(), sorted.back(), view.record_count());
    }
    std::erase_if(sorted, [&](u32 record) { return view.is_dead(record); });
    for (std::size_t i = 0; i < sorted.size();) {
        const u32 number = view.segment_of(sorted[i]);
        const SegmentRef& ref = view.segments()[number];
        const Segment& segment = *ref.segment;
        std::vector<u32> ranks;
        if (ref.dead != nullptr) ranks.assign(ref.dead->ranks().begin(), ref.dead->ranks().end());
        for (; i < sorted.size() && sorted[i] - ref.first_record < segment.record_count(); ++i) {
            const u32 record = sorted[i] - ref.first_record;
            for (u32 p = segment.start_of(record); p < segment.start_of(record + 1); ++p) {
                ranks.push_back(segment.inverse_at(p));
            }
        }
        OL_TRY(change.write_tombstones(number, DeadRanks(std::move(ranks))));
    }
    if (!sorted.empty()) OL_TRY(change.commit());
    return static_cast<u32>(sorted.size());
}

Status Index::merge(std::size_t from, std::size_t to, const BuildLimits& limits, ThreadPool& pool,
                    const ProgressSink& progress) {
    auto change = OL_TRY(IndexChange::begin(*impl_, true));
    auto& entries = change.manifest.segments;
    if (from >= to || to > entries.size()) {
        return fail(ErrorCode::invalid_argument, "index {}: no segments [{}, {}) in {}",
                    impl_->folder.string(), from, to, entries.size());
    }
    const auto& only = entries[from].tombstones;
    if (to == from + 1 && (!only || only->ranks == only->records)) return {}; // as it would be
    const auto begin = static_cast<std::ptrdiff_t>(from), end = static_cast<std::ptrdiff_t>(to);
    u64 total = 0;
    Form form = Form::cold;
    for (std::size_t i = from; i < to; ++i) {
        total += entries[i].records;
        if (entries[i].form == Form::hot) form = Form::hot;
    }
    SegmentBuilder builder(entries[from].first_record);
    std::vector<u32> dead; // separators of deleted records: their ranks are the records' numbers
    u64 done = 0;
    for (std::size_t i = from; i < to; ++i) {
        const auto& part = change.parts[i];
        OL_TRY(RecordCopy(part, false, builder).run(done, total, progress));
        for (u32 r = 0; r < entries[i].records && part.dead != nullptr; ++r) {
            if (part.dead->contains(r)) dead.push_back(static_cast<u32>(done + r));
        }
        done += entries[i].records;
        if (builder.peak_bytes() > memory_of(limits)) {
            return fail(ErrorCode::too_large,
                        "merging segments {} to {} needs more than {} bytes of memory; merge fewer "
                        "or allow more",
                        from, to - 1, memory_of(limits));
        }
    }
    entries.erase(entries.begin() + begin + 1, entries.begin() + end);
    change.parts.erase(change.parts.begin() + begin + 1, change.parts.begin() + end);
    OL_TRY(change.replace_segment(from, builder, form, pool, progress));
    OL_TRY(change.write_tombstones(from, DeadRanks(std::move(dead))));
    return change.commit();
}

std::optional<std::pair<std::size_t, std::size_t>> Index::merge_candidate() const {
    const auto& entries = impl_->manifest.segments;
    // A segment most of which is deleted is written anew; separators stay.
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (!entries[i].tombstones) continue;
        const auto& dead = *entries[i].tombstones;
        if (2 * u64{dead.ranks - dead.records} > entries[i].symbols) return {{i, i + 1}};
    }
    const auto size = [&](std::size_t i) { return u64{entries[i].symbols}; };
    for (std::size_t i = entries.size(); i-- > 1;) {
        u64 merged = size(i) + size(i - 1);
        if (size(i - 1) >= 2 * size(i) || merged > limits::segment_symbols) continue;
        std::size_t from = i - 1;
        while (from > 0 && size(from - 1) < 2 * merged &&
               merged + size(from - 1) <= limits::segment_symbols) {
            merged += size(--from);
        }
        return {{from, i + 1}};
    }
    return std::nullopt;
}

Status Index::convert(std::size_t number, Form form, ThreadPool& pool,
                      const ProgressSink& progress) {
    auto change = OL_TRY(IndexChange::begin(*impl_, true));
    if (number >= change.manifest.segments.size()) {
        return fail(ErrorCode::invalid_argument, "index {}: there is no segment {}, only {}",
                    impl_->folder.string(), number, change.manifest.segments.size());
    }
    auto& entry = change.manifest.segments[number];
    if (entry.form == form) return {};
    // Deleted records stay as they are, so that the ranks of the tombstones stay right.
    SegmentBuilder builder(entry.first_record);
    OL_TRY(RecordCopy(change.parts[number], true, builder).run(0, entry.records, progress));
    auto tombstones = entry.tombstones;
    OL_TRY(change.replace_segment(number, builder, form, pool, progress));
    entry.tombstones = std::move(tombstones);
    return change.commit();
}

} // namespace ol::attribution::suffix
