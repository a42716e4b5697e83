#include "attribution/suffix/layout.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "attribution/suffix/checksum.hpp"
#include "base/check.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {

namespace {

static_assert(std::endian::native == std::endian::little,
              "segments are mapped as they lie on disk");

constexpr char magic[8] = {'O', 'L', 'S', 'E', 'G', '0', '0', '1'};
constexpr std::uint64_t alignment = 64;

struct Header {
    char magic[8];
    std::uint64_t file_size;
    std::uint32_t symbols, records, words, reserved;
    struct {
        std::uint64_t offset, size, checksum;
    } sections[section_count];
    std::uint64_t padding[3];
    std::uint64_t checksum; // of the bytes before it
};
static_assert(sizeof(Header) == 256);
constexpr std::size_t header_summed = sizeof(Header) - 8;

constexpr std::uint64_t element_bytes[section_count] = {4, 4, 4, 8, 4, 56, 32, 4};

constexpr std::string_view section_names[section_count] = {
    "text", "suffix array", "inverse", "places", "starts", "records", "words", "first"};

} // namespace

Layout::Layout(const Counts& counts) {
    const std::uint64_t symbols = counts.symbols, records = counts.records, words = counts.words;
    const std::uint64_t elements[section_count] = {symbols,     symbols, symbols, symbols,
                                                   records + 1, records, words,   words + 1};
    std::uint64_t at = sizeof(Header);
    for (std::size_t i = 0; i < section_count; ++i) {
        sections[i] = {at, elements[i] * element_bytes[i]};
        file_size = at + sections[i].size;
        at = (file_size + alignment - 1) / alignment * alignment;
    }
}

SegmentView::SegmentView(const std::uint8_t* file, const Counts& counts_of_file)
    : counts(counts_of_file) {
    const Layout layout(counts);
    text = section_at<const std::uint32_t>(file, layout, section_text);
    suffixes = section_at<const std::uint32_t>(file, layout, section_suffix_array);
    inverse = section_at<const std::uint32_t>(file, layout, section_inverse);
    places = section_at<const Segment::Place>(file, layout, section_places);
    starts = section_at<const std::uint32_t>(file, layout, section_starts);
    records = section_at<const RecordRow>(file, layout, section_records);
    words = section_at<const text::SymbolWord>(file, layout, section_words);
    first = section_at<const std::uint32_t>(file, layout, section_first);
}

void seal(Bytes& file, const Counts& counts) {
    const Layout layout(counts);
    OL_CHECK(file.size() == layout.file_size);
    Header header{};
    std::memcpy(header.magic, magic, sizeof magic);
    header.file_size = layout.file_size;
    header.symbols = counts.symbols;
    header.records = counts.records;
    header.words = counts.words;
    for (std::size_t i = 0; i < section_count; ++i) {
        const auto [offset, size] = layout.sections[i];
        header.sections[i] = {offset, size, checksum64({file.data() + offset, size}, i)};
    }
    std::uint8_t raw[sizeof header];
    std::memcpy(raw, &header, sizeof header);
    header.checksum = checksum64({raw, header_summed}, section_count);
    std::memcpy(file.data(), &header, sizeof header);
}

Result<Counts> check_file(ByteView file, std::string_view name) {
    constexpr std::string_view remedy = "delete it and build the index again";
    Header header;
    if (file.size() < sizeof header) {
        return fail(ErrorCode::corrupted, "segment {}: truncated to {} bytes; {}", name,
                    file.size(), remedy);
    }
    std::memcpy(&header, file.data(), sizeof header);
    if (std::memcmp(header.magic, magic, sizeof magic) != 0) {
        return fail(ErrorCode::corrupted, "segment {}: not a segment file of this version; {}",
                    name, remedy);
    }
    if (header.checksum != checksum64(file.first(header_summed), section_count)) {
        return fail(ErrorCode::corrupted, "segment {}: checksum of the header differs; {}", name,
                    remedy);
    }
    if (header.file_size != file.size()) {
        return fail(ErrorCode::corrupted, "segment {}: {} bytes where the header says {}; {}", name,
                    file.size(), header.file_size, remedy);
    }
    const Counts counts{header.symbols, header.records, header.words};
    const Layout layout(counts);
    bool agrees = counts.symbols <= limits::segment_symbols && counts.records <= counts.symbols &&
                  counts.words <= counts.symbols - counts.records && header.reserved == 0 &&
                  layout.file_size == file.size();
    for (auto word : header.padding) agrees &= word == 0;
    for (std::size_t i = 0; i < section_count; ++i) {
        agrees &= header.sections[i].offset == layout.sections[i].offset &&
                  header.sections[i].size == layout.sections[i].size;
    }
    if (!agrees) {
        return fail(ErrorCode::corrupted, "segment {}: the header contradicts itself; {}", name,
                    remedy);
    }
    std::uint64_t end = sizeof header;
    for (std::size_t i = 0; i < section_count; ++i) {
        const auto [offset, size] = layout.sections[i];
        const auto padding = file.subspan(end, offset - end);
        if (std::any_of(padding.begin(), padding.end(), [](std::uint8_t b) { return b != 0; }) ||
            header.sections[i].checksum != checksum64(file.subspan(offset, size), i)) {
            return fail(ErrorCode::corrupted, "segment {}: checksum of section {} differs; {}",
                        name, section_names[i], remedy);
        }
        end = offset + size;
    }
    return counts;
}

} // namespace ol::attribution::suffix
