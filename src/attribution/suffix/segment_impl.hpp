// What a Segment holds: the mapped file and what answers from it.
#pragma once

#include <memory>
#include <string>

#include "attribution/suffix/container.hpp"
#include "attribution/suffix/segment.hpp"

namespace ol::attribution::suffix {

// As it lies in the file.
struct RecordRow {
    Hash32 leaf_hash;
    Address owner;
    std::uint32_t cluster = 0;
};
static_assert(sizeof(RecordRow) == 56 && alignof(RecordRow) == 4);
static_assert(sizeof(text::SymbolWord) == 32);

struct Segment::Impl {
    static Result<Segment> make(Container container);

    Container container;
    Counts counts;
    std::unique_ptr<Tier> tier;
    std::unique_ptr<Dictionary> dictionary;
    PlaceView places;
    std::span<const std::uint32_t> starts, first, label_starts;
    std::span<const RecordRow> records;
    ByteView labels;
};

} // namespace ol::attribution::suffix
