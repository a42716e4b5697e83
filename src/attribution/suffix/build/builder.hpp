// SegmentBuilder: takes records one by one, then writes their segment.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "attribution/suffix/segment.hpp"
#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/thread_pool.hpp"

namespace ol::attribution::suffix {

// What is told of a record besides its text.
struct RecordHeader {
    Hash32 leaf_hash;
    Address owner;
    std::uint32_t cluster = 0; // number in the whole index
    std::string_view label;
};

class SegmentBuilder {
public:
    // first_record: the number of the segment's first record in the whole index.
    explicit SegmentBuilder(std::uint32_t first_record = 0);
    SegmentBuilder(SegmentBuilder&&) noexcept;
    SegmentBuilder& operator=(SegmentBuilder&&) noexcept;
    ~SegmentBuilder();

    // Symbolised by the pool's threads. Errors name the record by its number and leave the builder
    // as it was before that record: invalid_argument when a text is not UTF-8 or the cluster is
    // later than the record or (within this segment) not its own head; too_large beyond
    // limits::segment_symbols.
    Status add(std::span<const SourceRecord> records, ThreadPool& pool);
    // A record whose symbols are known already (no separators among them), words by their number in
    // this builder (number_of).
    Status add_numbers(const RecordHeader& header, std::span<const std::uint32_t> numbers,
                       std::span<const Place> places);
    std::uint32_t number_of(const text::SymbolWord& word);

    std::uint32_t record_count() const;
    std::uint64_t symbol_count() const; // separators included
    // What write() will take at its peak, in bytes, what is held already included.
    std::uint64_t peak_bytes() const;

    // Writes the file at `path` atomically. The builder is empty after it. The same bytes for the
    // same records, whatever the thread count and the way they were added.
    Status write(const Path& path, Form form, ThreadPool& pool,
                 const ProgressSink& progress = no_progress);

private:
    struct Draft;
    std::unique_ptr<Draft> draft_;
};

} // namespace ol::attribution::suffix
