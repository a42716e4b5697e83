// What an Index holds, and how its folder is read and changed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attribution/suffix/build/builder.hpp"
#include "attribution/suffix/index/folder_lock.hpp"
#include "attribution/suffix/index/index.hpp"
#include "attribution/suffix/index/manifest.hpp"

namespace ol::attribution::suffix {

struct Index::Impl {
    struct Part {
        std::shared_ptr<const Segment> segment;
        std::shared_ptr<const DeadRanks> dead; // null: nothing is deleted
    };

    Path folder;
    bool recheck = false; // checksums of files that were checked before
    Manifest manifest;
    std::vector<Part> parts; // one an entry of the manifest
    std::optional<IndexView> view;

    static Result<Manifest> read_manifest(const Path& folder);
    // Opens what the manifest on disk names; a writer may replace files meanwhile.
    Status load(ThreadPool* pool = nullptr);
    // The parts of a manifest; those that are open already are taken over.
    Result<std::vector<Part>> open_parts(const Manifest& wanted, ThreadPool* pool) const;
    void take(Manifest changed, std::vector<Part> changed_parts);
    DeadRanks dead_of(std::size_t part) const;
};

// One change of an index: holds the lock, starts from what is on disk, and either commits with one
// swap of the manifest or leaves nothing behind.
class IndexChange {
public:
    // For a change by segment numbers, conflict when another process changed the segments since
    // this index was opened.
    static Result<IndexChange> begin(Index::Impl& index, bool by_segment_number);
    IndexChange(IndexChange&&) noexcept = default;
    ~IndexChange(); // removes the new files unless committed

    Manifest manifest; // to be changed
    std::vector<Index::Impl::Part> parts;

    std::uint32_t record_count() const;
    TableEntry table_entry(std::uint32_t record) const; // by number
    // Writes what the builder holds as a new last segment, or in the place of one (whose tombstones
    // are no longer named then).
    Status append_segment(SegmentBuilder& builder, Form form, ThreadPool& pool,
                          const ProgressSink& progress);
    Status replace_segment(std::size_t number, SegmentBuilder& builder, Form form, ThreadPool& pool,
                           const ProgressSink& progress);
    // Writes the tombstones of entry `number` and names them; none when nothing is dead.
    Status write_tombstones(std::size_t number, DeadRanks dead);
    Status commit();

private:
    IndexChange(Index::Impl& index, FolderLock lock)
        : index_(&index)
        , lock_(std::move(lock)) {}

    Index::Impl* index_;
    FolderLock lock_;
    std::vector<Path> new_files_;
};

} // namespace ol::attribution::suffix
