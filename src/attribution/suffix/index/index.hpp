// Index: a folder of immutable segments with a manifest (docs/formats/index.md), usable alone by
// who wants to trace text against a corpus. Adding writes a new segment, merging replaces several
// by one that holds the same (exactly the bytes of one built at once), deleting writes a tombstone;
// each ends with one atomic swap of the manifest, so a crash leaves the index before or after it.
// One writer at a time (a lock file in the folder); readers keep what they opened.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attribution/suffix/index/view.hpp"
#include "attribution/suffix/segment.hpp"
#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"

namespace ol::attribution::suffix {

// Hands out the next record, or nothing at the end; its views need to live until the next call.
using RecordSource = std::function<Result<std::optional<SourceRecord>>()>;

struct BuildLimits {
    std::uint64_t memory_bytes = 0;    // what a build may take at its peak; 0: 4 GiB
    std::uint64_t segment_symbols = 0; // at most so many symbols a segment; 0: what memory allows
    Form form = Form::hot;             // of segments that are appended
};

// What is added to a segment's file name for the owners' lists that were committed with it
// (proof/commitment.hpp).
inline constexpr std::string_view owners_suffix = ".owners";

struct IndexOpenOptions {
    bool recheck = false;       // compare every checksum whatever was checked before
    ThreadPool* pool = nullptr; // to check with several threads
};

class Index {
public:
    // An empty index in a folder that is new or empty; already_exists when an index is there.
    static Result<Index> create(const Path& folder);
    // not_found when there is none; corrupted with the file's name when a file is damaged.
    // A segment's checksums are compared when it is opened for the first time and whenever its
    // file was touched since (checked_files.hpp); else opening takes no longer for a large index.
    static Result<Index> open(const Path& folder, const IndexOpenOptions& options = {});
    Index(Index&&) noexcept;
    Index& operator=(Index&&) noexcept;
    ~Index();

    // Valid until the index changes or goes.
    const IndexView& view() const;
    const Path& folder() const;
    struct SegmentInfo {
        std::string file; // in the folder
        Form form = Form::hot;
        std::uint32_t first_record = 0, records = 0, symbols = 0, words = 0, dead_records = 0;
        std::uint64_t bytes = 0;
    };
    std::vector<SegmentInfo> segments() const;

    // Adds all records of the source as one or more segments, as many as the memory asks for.
    // Either all are added or none. Returns how many. A source's error ends it and is returned.
    Result<std::uint32_t> append(const RecordSource& source, const BuildLimits& limits,
                                 ThreadPool& pool, const ProgressSink& progress = no_progress);
    // Deletes records by number; deleted ones are left as they are. Returns how many were alive.
    Result<std::uint32_t> remove(std::span<const std::uint32_t> records);
    // Merges segments [from, to) into one; records that are deleted become empty and their symbols
    // are gone. The result's bytes are those of Segment::build over the same records. The whole
    // merge may run while readers read; the swap is at its end.
    Status merge(std::size_t from, std::size_t to, const BuildLimits& limits, ThreadPool& pool,
                 const ProgressSink& progress = no_progress);
    // Which neighbours a background merge would take next, so that each segment is at least twice
    // as large as the next and few are kept; nothing when all is well.
    std::optional<std::pair<std::size_t, std::size_t>> merge_candidate() const;
    // Rewrites a segment in the other form (same answers).
    Status convert(std::size_t segment, Form form, ThreadPool& pool,
                   const ProgressSink& progress = no_progress);

    struct Impl; // index_impl.hpp

private:
    explicit Index(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace ol::attribution::suffix
