// A segment file must be refused or opened, whatever its bytes; what opens is audited without harm;
// and what passes the audit answers queries as scanning would. The first byte picks: even, the rest
// is a file; odd, it is the sections of a file that is sealed here, so that checksums do not hide
// them.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>

#include "attribution/suffix/container.hpp"
#include "attribution/suffix/segment.hpp"
#include "attribution/suffix/trace.hpp"

namespace {

using namespace ol;
using namespace ol::attribution::suffix;

void require(bool holds) {
    if (!holds) std::abort();
}

void query(const Segment& segment) {
    std::vector<text::SymbolWord> text, answer;
    for (std::uint32_t p = 0; p < segment.symbol_count(); ++p) {
        text.push_back(segment.word_at(p));
        require(segment.record_at(p) < segment.record_count());
        if (!text::is_separator(text.back())) answer.push_back(text.back());
    }
    std::reverse(answer.begin(), answer.end());
    Cursor cursor{IndexView(segment)};
    const auto statistics = segment.matching_statistics(answer);
    for (std::size_t i = 0; i < answer.size(); ++i) {
        const auto piece = std::span(answer).subspan(i, statistics[i].length);
        require(segment.find(piece) == statistics[i].interval);
        std::uint32_t count = 0;
        for (std::size_t p = 0; p + piece.size() <= text.size(); ++p) {
            count += std::equal(piece.begin(), piece.end(),
                                text.begin() + static_cast<std::ptrdiff_t>(p));
        }
        require(count == statistics[i].interval.count());
        require(cursor.push(answer[i]) <= i + 1);
    }
    require(trace(segment, answer, {.span_min_symbols = 1, .span_min_bits = 0}).has_value());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) return 0;
    Bytes file(data + 1, data + size);
    if (data[0] % 2 == 1) {
        const Counts counts{data[1] % 32U + data[2] % 8U + data[3] % 8U, data[2] % 8U, data[3] % 8U,
                            static_cast<std::uint32_t>(Form::hot)};
        ContainerWriter writer;
        std::size_t at = 4;
        const auto add = [&](SectionId id, std::size_t bytes) {
            Bytes section(bytes, 0);
            const std::size_t used = std::min(bytes, size - at);
            std::copy_n(data + at, used, section.begin());
            at += used;
            writer.add(id, section);
        };
        add(SectionId::starts, 4 * (counts.records + 1));
        add(SectionId::records, 56 * counts.records);
        add(SectionId::labels, 4 * (counts.records + 1) + 3);
        add(SectionId::first, 4 * (counts.words + 1));
        PlaceEncoder places;
        for (std::uint32_t p = 0; p < counts.symbols; ++p) places.end_record();
        writer.add(SectionId::places, places.finish());
        add(SectionId::text, 4 * counts.symbols);
        add(SectionId::suffix_array, 4 * counts.symbols);
        add(SectionId::inverse, 4 * counts.symbols);
        add(SectionId::keys, 8 * ((counts.symbols + 31) / 32));
        add(SectionId::words, 32 * counts.words);
        add(SectionId::word_slots, 8 + 4 * std::bit_ceil(2 * counts.words + 2));
        file = writer.take(counts);
    }
    const auto segment = Segment::parse(std::move(file), "fuzz");
    require(segment.has_value() || segment.error().code == ErrorCode::corrupted);
    if (segment && segment->audit() && segment->symbol_count() <= 64) query(*segment);
    return 0;
}
