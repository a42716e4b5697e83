// A segment file must be refused or opened, whatever its bytes; what opens is audited without harm;
// and what passes the audit answers queries as scanning would. The first byte picks: even, the rest
// is a file; odd, it is the sections of a file that is sealed here, so that checksums do not hide
// them.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "attribution/suffix/layout.hpp"
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
    Cursor cursor(segment);
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
    require(segment.prove_symbol(segment.symbol_count()).error().code == ErrorCode::not_found);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) return 0;
    Bytes file(data + 1, data + size);
    if (data[0] % 2 == 1) {
        const Counts counts{data[1] % 32U + data[2] % 8U + data[3] % 8U, data[2] % 8U,
                            data[3] % 8U};
        const Layout layout(counts);
        file.assign(layout.file_size, 0);
        std::size_t at = 4;
        for (const auto& section : layout.sections) {
            const std::size_t used = std::min<std::size_t>(section.size, size - at);
            std::copy_n(data + at, used,
                        file.begin() + static_cast<std::ptrdiff_t>(section.offset));
            at += used;
        }
        seal(file, counts);
    }
    const auto segment = Segment::parse(std::move(file), "fuzz");
    require(segment.has_value() || segment.error().code == ErrorCode::corrupted);
    if (segment && segment->audit() && segment->symbol_count() <= 64) query(*segment);
    return 0;
}
