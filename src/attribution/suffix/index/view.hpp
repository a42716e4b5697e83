// IndexView: the segments that together are one index, and what is deleted in them. Queries
// (query/, trace.hpp) work over a view; a single segment is a view of one.
//
// Records are numbered through all segments, from 0, in the order in which they were added; a
// number never changes (merging keeps deleted records as empty ones). `cluster` is such a number.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "attribution/suffix/dead_ranks.hpp"
#include "attribution/suffix/segment.hpp"

namespace ol::attribution::suffix {

struct SegmentRef {
    const Segment* segment = nullptr; // must outlive the view
    std::uint32_t first_record = 0;   // number of its record 0
    const DeadRanks* dead = nullptr;  // null: nothing is deleted
};

// A symbol of the index.
struct Position {
    std::uint32_t segment = 0;
    std::uint32_t position = 0; // in its T
    auto operator<=>(const Position&) const = default;
};

class IndexView {
public:
    explicit IndexView(const Segment& segment);
    explicit IndexView(std::vector<SegmentRef> segments);

    std::span<const SegmentRef> segments() const { return segments_; }
    const Segment& segment(std::uint32_t index) const { return *segments_[index].segment; }
    // Of records that are not deleted, separators included.
    std::uint64_t symbol_count() const { return symbols_; }
    std::uint32_t record_count() const { return records_; } // deleted ones included
    bool has_dead() const { return has_dead_; }

    // How often the word occurs outside of deleted records, and its surprise
    // (docs/formats/segment.md) with the view's symbol_count; a word that does not occur counts as
    // once.
    std::uint64_t occurrences(const text::SymbolWord& word) const;
    std::uint32_t surprise(const text::SymbolWord& word) const;
    std::uint32_t record_at(Position at) const;           // the record's number
    TableEntry table_entry(std::uint32_t record) const;   // by number
    std::uint32_t segment_of(std::uint32_t record) const; // index of its segment
    bool is_dead(std::uint32_t record) const;
    // The record that is paid for a cluster: its earliest one that is not deleted.
    std::uint32_t heir_of(std::uint32_t cluster) const;

private:
    void find_heirs();

    std::vector<SegmentRef> segments_;
    std::uint64_t symbols_ = 0;
    std::uint32_t records_ = 0;
    bool has_dead_ = false;
    std::unordered_map<std::uint32_t, std::uint32_t> heirs_; // of clusters whose head is deleted
};

} // namespace ol::attribution::suffix
