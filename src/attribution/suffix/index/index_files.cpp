// The folder of an index: reading what its manifest names, and replacing the manifest.
#include <algorithm>

#include "attribution/suffix/index/checked_files.hpp"
#include "attribution/suffix/index/index_impl.hpp"
#include "attribution/suffix/index/tombstones.hpp"
#include "base/limits.hpp"
#include "crypto/hash.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using Part = Index::Impl::Part;

constexpr std::string_view manifest_name = "manifest.json";
constexpr std::uint64_t manifest_bytes = 16 << 20;
constexpr std::size_t head_bytes = 4096;
constexpr std::string_view remedy = "build the index again, or put the file back";

// keccak256 of the start of a file, and how long it is.
struct Head {
    Hash32 hash;
    std::uint64_t bytes = 0;
};
Result<Head> head_of(const Path& path) {
    const auto file = OL_TRY(MappedFile::open(path));
    const ByteView bytes = file.bytes();
    return Head{crypto::keccak256(bytes.first(std::min(bytes.size(), head_bytes))), bytes.size()};
}

std::unexpected<Error> damaged(const Path& path, std::string_view what) {
    return fail(ErrorCode::corrupted, "{}: {}; {}", path.string(), what, remedy);
}

Result<std::shared_ptr<const Segment>> open_segment(const Path& path, const Manifest::Entry& entry,
                                                    const OpenOptions& options) {
    const Head head = OL_TRY(head_of(path));
    if (head.bytes != entry.bytes) {
        return damaged(path,
                       fmt::format("{} bytes where the manifest says {}", head.bytes, entry.bytes));
    }
    if (head.hash != entry.head) return damaged(path, "is not the segment of the manifest");
    auto segment = OL_TRY(Segment::open(path, options));
    if (segment.form() != entry.form || segment.record_count() != entry.records ||
        segment.symbol_count() != entry.symbols || segment.first_record() != entry.first_record ||
        segment.dictionary_size() != entry.words) {
        return damaged(path, "does not hold what the manifest says");
    }
    return std::make_shared<const Segment>(std::move(segment));
}

Result<std::shared_ptr<const DeadRanks>> open_tombstones(const Path& path,
                                                         const Manifest::Entry& entry) {
    const auto file = OL_TRY(MappedFile::open(path));
    auto dead =
        OL_TRY(decode_tombstones(file.bytes(), entry.records, entry.symbols, path.string()));
    const auto& said = *entry.tombstones;
    if (crypto::keccak256(file.bytes()) != said.hash || dead.size() != said.ranks ||
        dead_record_count(dead, entry.records) != said.records) {
        return damaged(path, "does not hold what the manifest says");
    }
    return std::make_shared<const DeadRanks>(std::move(dead));
}

// A file that the manifest names and that is not there is damage, not absence.
Error missing_is_damage(Error error, const Path& path) {
    if (error.code != ErrorCode::not_found) return error;
    return {ErrorCode::corrupted, fmt::format("{}: is missing; {}", path.string(), remedy)};
}

bool is_temporary(std::string_view name) {
    const auto mark = name.find(".tmp");
    return mark != std::string_view::npos &&
           (name.substr(0, mark) == manifest_name || Manifest::is_file_name(name.substr(0, mark)));
}

// What a killed writer left, and what the last change replaced.
void remove_leftovers(const Path& folder, const Manifest& manifest) {
    std::error_code error;
    std::vector<Path> unwanted;
    for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
        std::string name = item.path().filename().string();
        // Owners' lists go with their segment.
        if (name.ends_with(owners_suffix)) name.resize(name.size() - owners_suffix.size());
        const bool ours = Manifest::is_file_name(name) || is_temporary(name);
        if (ours && !manifest.names(name)) unwanted.push_back(item.path());
    }
    for (const Path& path : unwanted) std::filesystem::remove(path, error);
}

} // namespace

Result<Manifest> Index::Impl::read_manifest(const Path& folder) {
    const Path path = folder / manifest_name;
    const auto text = read_text_file(path, manifest_bytes);
    if (!text && text.error().code == ErrorCode::not_found) {
        return fail(ErrorCode::not_found, "{}: there is no index; build one there first",
                    folder.string());
    }
    if (!text) return std::unexpected(text.error());
    return Manifest::decode(*text, path.string());
}

Result<std::vector<Part>> Index::Impl::open_parts(const Manifest& wanted, ThreadPool* pool) const {
    std::vector<Part> out;
    auto checked = CheckedFiles::read(folder);
    for (const auto& entry : wanted.segments) {
        Part part;
        for (std::size_t i = 0; i < manifest.segments.size(); ++i) {
            const auto& known = manifest.segments[i];
            if (known.file != entry.file || known.head != entry.head) continue;
            part.segment = parts[i].segment;
            if (known.tombstones == entry.tombstones) part.dead = parts[i].dead;
        }
        const Path path = folder / entry.file;
        if (part.segment == nullptr) {
            const bool known = !recheck && checked.knows(entry.file);
            auto segment = open_segment(path, entry, {.checksums = !known, .pool = pool});
            if (!segment) return std::unexpected(missing_is_damage(segment.error(), path));
            part.segment = std::move(*segment);
            if (!known) checked.add(entry.file);
        }
        if (entry.tombstones && part.dead == nullptr) {
            const Path dead_path = folder / entry.tombstones->file;
            auto dead = open_tombstones(dead_path, entry);
            if (!dead) return std::unexpected(missing_is_damage(dead.error(), dead_path));
            part.dead = std::move(*dead);
        }
        out.push_back(std::move(part));
    }
    checked.write();
    return out;
}

Status Index::Impl::load(ThreadPool* pool) {
    // A writer that removes what it replaced may be ahead of us: then there is a newer manifest.
    for (;;) {
        auto wanted = OL_TRY(read_manifest(folder));
        auto opened = open_parts(wanted, pool);
        if (opened) {
            take(std::move(wanted), std::move(*opened));
            return {};
        }
        if (OL_TRY(read_manifest(folder)).generation == wanted.generation) {
            return std::unexpected(opened.error());
        }
    }
}

void Index::Impl::take(Manifest changed, std::vector<Part> changed_parts) {
    view.reset();
    manifest = std::move(changed);
    parts = std::move(changed_parts);
    std::vector<SegmentRef> refs;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        refs.push_back(
            {parts[i].segment.get(), manifest.segments[i].first_record, parts[i].dead.get()});
    }
    view.emplace(std::move(refs));
}

Result<IndexChange> IndexChange::begin(Index::Impl& index, bool by_segment_number) {
    IndexChange change(index, OL_TRY(FolderLock::take(index.folder)));
    const auto on_disk = OL_TRY(Index::Impl::read_manifest(index.folder));
    if (on_disk.generation != index.manifest.generation) {
        const auto files = [](const Manifest& m) {
            std::vector<std::string> out;
            for (const auto& entry : m.segments) out.push_back(entry.file);
            return out;
        };
        const bool same_files = files(on_disk) == files(index.manifest);
        OL_TRY(index.load());
        if (by_segment_number && !same_files) {
            return fail(ErrorCode::conflict,
                        "index {}: another process changed its segments; look at them again",
                        index.folder.string());
        }
    }
    remove_leftovers(index.folder, index.manifest);
    change.manifest = index.manifest;
    change.parts = index.parts;
    return change;
}

IndexChange::~IndexChange() {
    std::error_code ignored;
    for (const Path& path : new_files_) std::filesystem::remove(path, ignored);
}

u32 IndexChange::record_count() const {
    return manifest.segments.empty()
               ? 0
               : manifest.segments.back().first_record + manifest.segments.back().records;
}

TableEntry IndexChange::table_entry(u32 record) const {
    std::size_t s = 0;
    while (record - manifest.segments[s].first_record >= manifest.segments[s].records) ++s;
    return parts[s].segment->table_entry(record - manifest.segments[s].first_record);
}

Status IndexChange::append_segment(SegmentBuilder& builder, Form form, ThreadPool& pool,
                                   const ProgressSink& progress) {
    const u32 first_record = record_count();
    auto& entry = manifest.segments.emplace_back();
    entry.first_record = first_record;
    parts.emplace_back();
    return replace_segment(parts.size() - 1, builder, form, pool, progress);
}

Status IndexChange::replace_segment(std::size_t number, SegmentBuilder& builder, Form form,
                                    ThreadPool& pool, const ProgressSink& progress) {
    Manifest::Entry entry;
    entry.file = manifest.take_segment_name();
    const Path path = index_->folder / entry.file;
    new_files_.push_back(path);
    OL_TRY(builder.write(path, form, pool, progress));
    // It was written just now; what it says of itself goes into the manifest.
    const auto segment =
        std::make_shared<const Segment>(OL_TRY(Segment::open(path, {.checksums = false})));
    const Head head = OL_TRY(head_of(path));
    entry.form = segment->form();
    entry.first_record = manifest.segments[number].first_record;
    entry.records = segment->record_count();
    entry.symbols = segment->symbol_count();
    entry.words = segment->dictionary_size();
    entry.bytes = head.bytes;
    entry.head = head.hash;
    manifest.segments[number] = std::move(entry);
    parts[number].segment = segment;
    return {};
}

Status IndexChange::write_tombstones(std::size_t number, DeadRanks dead) {
    auto& entry = manifest.segments[number];
    entry.tombstones.reset();
    parts[number].dead.reset();
    if (dead.empty()) return {};
    const Bytes bytes = encode_tombstones(dead, entry.records, entry.symbols);
    Manifest::Tombstones said;
    said.file = manifest.take_tombstones_name();
    said.records = dead_record_count(dead, entry.records);
    said.ranks = static_cast<u32>(dead.size());
    said.hash = crypto::keccak256(bytes);
    new_files_.push_back(index_->folder / said.file);
    OL_TRY(write_file_atomic(new_files_.back(), ByteView(bytes)));
    entry.tombstones = std::move(said);
    parts[number].dead = std::make_shared<const DeadRanks>(std::move(dead));
    return {};
}

Status IndexChange::commit() {
    if (manifest.segments.size() > limits::index_segments) {
        return fail(ErrorCode::too_large,
                    "index {}: {} segments, the limit is {}; merge some, or give more memory",
                    index_->folder.string(), manifest.segments.size(), limits::index_segments);
    }
    ++manifest.generation;
    OL_TRY(write_file_atomic(index_->folder / manifest_name, manifest.encode()));
    new_files_.clear();
    index_->take(std::move(manifest), std::move(parts));
    remove_leftovers(index_->folder, index_->manifest);
    return {};
}

} // namespace ol::attribution::suffix
