// The bytes of a segment file (docs/formats/segment.md).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "attribution/suffix/segment.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol::attribution::suffix {

enum SectionId : std::size_t {
    section_text,         // u32 rank                       x symbols
    section_suffix_array, // u32 position                   x symbols
    section_inverse,      // u32 rank in the suffix array   x symbols
    section_places,       // u32 offset, u32 size           x symbols
    section_starts,       // u32 position                   x records + 1
    section_records,      // leaf hash, owner, u32 cluster  x records
    section_words,        // 32 bytes                       x words
    section_first,        // u32 rank in the suffix array   x words + 1
    section_count
};

struct Counts {
    std::uint32_t symbols = 0, records = 0, words = 0;
};

// Where each section lies follows from the counts alone.
struct Layout {
    struct Section {
        std::uint64_t offset = 0, size = 0;
    };
    explicit Layout(const Counts& counts);
    std::array<Section, section_count> sections;
    std::uint64_t file_size = 0;
};

struct RecordRow {
    Hash32 leaf_hash;
    Address owner;
    std::uint32_t cluster = 0;
};
static_assert(sizeof(RecordRow) == 56 && alignof(RecordRow) == 4);
static_assert(sizeof(Segment::Place) == 8 && sizeof(text::SymbolWord) == 32);

// Where a section lies in a file held in memory.
template <class T>
T* section_at(std::conditional_t<std::is_const_v<T>, const std::uint8_t, std::uint8_t>* file,
              const Layout& layout, SectionId id) {
    return reinterpret_cast<T*>(file + layout.sections[id].offset);
}

struct SegmentView {
    SegmentView() = default;
    SegmentView(const std::uint8_t* file, const Counts& counts_of_file);

    Counts counts;
    const std::uint32_t* text = nullptr;
    const std::uint32_t* suffixes = nullptr;
    const std::uint32_t* inverse = nullptr;
    const Segment::Place* places = nullptr;
    const std::uint32_t* starts = nullptr;
    const RecordRow* records = nullptr;
    const text::SymbolWord* words = nullptr;
    const std::uint32_t* first = nullptr;
};

// Writes header and checksums into a file whose sections are filled in.
void seal(Bytes& file, const Counts& counts);

// Checks magic, sizes, bounds, padding and checksums; not what the sections say.
Result<Counts> check_file(ByteView file, std::string_view name);

} // namespace ol::attribution::suffix
