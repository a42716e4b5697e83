// What a Segment holds: the mapped file, its search structures.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attribution/suffix/layout.hpp"
#include "attribution/suffix/search.hpp"
#include "attribution/suffix/segment.hpp"
#include "base/file.hpp"

namespace ol::attribution::suffix {

struct Segment::Impl {
    static Result<Segment> make(MappedFile file, Bytes memory, std::string name);

    // absent when the word does not occur.
    std::uint32_t rank_of(const text::SymbolWord& word) const;
    std::vector<std::uint32_t> ranks_of(std::span<const text::SymbolWord> words) const;
    text::SymbolWord word_of(std::uint32_t rank) const;
    TableEntry table_entry(std::uint32_t record) const;

    MappedFile file; // or
    Bytes memory;
    std::string name;
    SegmentView view;
    Search search;
    // The first 8 bytes, big endian, of every 16th word: the top of the dictionary's binary search
    // in few cache lines.
    std::vector<std::uint64_t> keys;
};

} // namespace ol::attribution::suffix
