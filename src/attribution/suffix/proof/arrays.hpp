// What commitments, proofs and audits read of a segment. They know nothing of its file: tests lie
// to them through this structure.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "attribution/suffix/segment.hpp"

namespace ol::attribution::suffix {

// Any values are allowed everywhere: a segment that was not built here is read too.
struct SegmentArrays {
    std::span<const std::uint32_t> text;     // ranks: record r's separator is r, word d records + d
    std::span<const std::uint32_t> suffixes; // SA; as long as the text
    std::span<const std::uint32_t> inverse;  // ISA; as long as the text
    std::span<const text::SymbolWord> words; // the dictionary
    std::uint32_t records = 0;
    std::function<TableEntry(std::uint32_t)> table; // of records [0, records)
    // All suffixes that start with the phrase; may be empty: then they are searched for.
    std::function<Interval(std::span<const text::SymbolWord>)> find;
    std::shared_ptr<const void> keep; // owns what the spans show and no one else does

    // The segment must outlive it. A cold segment's arrays are unpacked (12 bytes a symbol).
    static SegmentArrays of(const Segment& segment);

    std::uint32_t count() const { return static_cast<std::uint32_t>(text.size()); }
    // The word at a position; a word of 32 bytes 0xff, which is no symbol, for a rank beyond the
    // dictionary.
    text::SymbolWord word_at(std::uint32_t position) const;
    // The last record that starts at or before the position, by the table's offsets (which ascend
    // in a segment without faults); records - 1 or 0 when they do not.
    std::uint32_t record_at(std::uint32_t position) const;
};

// A rank that no dictionary has.
inline constexpr text::SymbolWord no_word = [] {
    text::SymbolWord out;
    for (auto& byte : out.data) byte = 0xff;
    return out;
}();

} // namespace ol::attribution::suffix
