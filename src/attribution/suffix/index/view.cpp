#include "attribution/suffix/index/view.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace ol::attribution::suffix {

using u32 = std::uint32_t;

IndexView::IndexView(const Segment& segment)
    : IndexView(std::vector<SegmentRef>{{.segment = &segment}}) {}

IndexView::IndexView(std::vector<SegmentRef> segments)
    : segments_(std::move(segments)) {
    for (const SegmentRef& ref : segments_) {
        OL_CHECK(ref.first_record == records_);
        records_ += ref.segment->record_count();
        symbols_ += ref.segment->symbol_count();
        if (ref.dead == nullptr || ref.dead->empty()) continue;
        symbols_ -= ref.dead->size();
        has_dead_ = true;
    }
    if (has_dead_) find_heirs();
}

// The separator of record r is the suffix of rank r, so the dead ranks below the number of records
// are the deleted records.
void IndexView::find_heirs() {
    constexpr u32 nobody = 0xffffffff;
    for (const SegmentRef& ref : segments_) {
        if (ref.dead == nullptr) continue;
        for (const u32 rank : ref.dead->ranks()) {
            if (rank >= ref.segment->record_count()) break;
            const u32 record = ref.first_record + rank;
            if (ref.segment->table_entry(rank).cluster == record) heirs_[record] = nobody;
        }
    }
    if (heirs_.empty()) return;
    for (const SegmentRef& ref : segments_) {
        for (u32 r = 0; r < ref.segment->record_count(); ++r) {
            const auto at = heirs_.find(ref.segment->table_entry(r).cluster);
            if (at == heirs_.end() || at->second != nobody) continue;
            if (ref.dead == nullptr || !ref.dead->contains(r)) at->second = ref.first_record + r;
        }
    }
    std::erase_if(heirs_, [](const auto& entry) { return entry.second == nobody; });
}

std::uint64_t IndexView::occurrences(const text::SymbolWord& word) const {
    std::uint64_t out = 0;
    for (const SegmentRef& ref : segments_) {
        const std::span<const text::SymbolWord> phrase(&word, 1);
        if (ref.dead == nullptr || ref.dead->empty()) {
            out += ref.segment->occurrences(word);
        } else {
            out += ref.dead->alive_in(ref.segment->find(phrase));
        }
    }
    return out;
}

u32 IndexView::surprise(const text::SymbolWord& word) const {
    return surprise_of(symbols_, std::max<std::uint64_t>(occurrences(word), 1));
}

u32 IndexView::segment_of(u32 record) const {
    OL_CHECK(record < records_);
    const auto after = std::upper_bound(
        segments_.begin(), segments_.end(), record,
        [](u32 number, const SegmentRef& ref) { return number < ref.first_record; });
    return static_cast<u32>(after - segments_.begin() - 1);
}

u32 IndexView::record_at(Position at) const {
    const SegmentRef& ref = segments_[at.segment];
    return ref.first_record + ref.segment->record_at(at.position);
}

TableEntry IndexView::table_entry(u32 record) const {
    const SegmentRef& ref = segments_[segment_of(record)];
    return ref.segment->table_entry(record - ref.first_record);
}

bool IndexView::is_dead(u32 record) const {
    const SegmentRef& ref = segments_[segment_of(record)];
    return ref.dead != nullptr && ref.dead->contains(record - ref.first_record);
}

u32 IndexView::heir_of(u32 cluster) const {
    const auto at = heirs_.find(cluster);
    return at == heirs_.end() ? cluster : at->second;
}

} // namespace ol::attribution::suffix
