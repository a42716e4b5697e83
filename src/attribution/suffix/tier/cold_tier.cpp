#include "attribution/suffix/tier/cold_tier.hpp"

#include <algorithm>

#include "attribution/suffix/tier/cold_search.hpp"
#include "attribution/suffix/tier/front_coded.hpp"
#include "base/check.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using i64 = std::int64_t;

PsiShape shape_of(const Counts& counts, u32 sample_step) {
    return {counts.symbols, counts.records, counts.words, sample_step};
}

} // namespace

Status write_cold_sections(ContainerWriter& writer, const ColdSource& source, ThreadPool& pool) {
    OL_CHECK(source.words.size() == source.counts.words);
    const Bytes words = OL_TRY(front_code(source.words));
    const PsiSections psi = encode_psi(shape_of(source.counts, source.sample_step),
                                       source.suffix_array, source.inverse, source.first, pool);
    writer.add(SectionId::psi_blocks, psi.blocks, &pool);
    writer.add(SectionId::psi_bits, psi.bits, &pool);
    writer.add(SectionId::samples, psi.samples, &pool);
    writer.add(SectionId::inverse_samples, psi.inverse_samples, &pool);
    writer.add(SectionId::front_coded_words, words, &pool);
    return {};
}

Result<std::unique_ptr<ColdTier>> ColdTier::open(const Container& container) {
    const auto section = [&](SectionId id) { return container.section(id); };
    return OL_TRY_IN(
        open(container.counts(), {section(SectionId::first), section(SectionId::psi_blocks),
                                  section(SectionId::psi_bits), section(SectionId::samples),
                                  section(SectionId::inverse_samples)}),
        "{}", container.name());
}

Result<std::unique_ptr<ColdTier>> ColdTier::open(const Counts& counts, const Sections& sections,
                                                 const PsiKernels& kernels) {
    std::unique_ptr<ColdTier> out(new ColdTier);
    out->counts_ = counts;
    out->kernels_ = &kernels;
    const PsiShape shape = shape_of(counts, OL_TRY(sample_step_of(sections.psi_blocks)));
    out->psi_ = OL_TRY(open_psi(shape, sections.psi_blocks, sections.psi_bits, sections.samples));
    if (sections.inverse_samples.size() != packed_bytes(shape.samples(), shape.rank_bits()) ||
        sections.first.size() != (std::size_t{counts.words} + 1) * sizeof(u32)) {
        return fail(ErrorCode::corrupted, "cold sections: sizes do not fit {} symbols, {} words",
                    counts.symbols, counts.words);
    }
    out->inverse_samples_ = PackedView(sections.inverse_samples.data(), shape.rank_bits());
    out->first_ = {reinterpret_cast<const u32*>(sections.first.data()),
                   std::size_t{counts.words} + 1};
    const auto not_ascending = std::adjacent_find(out->first_.begin(), out->first_.end(),
                                                  [](u32 a, u32 b) { return a >= b; });
    if (out->first_.front() != counts.records || out->first_.back() != counts.symbols ||
        not_ascending != out->first_.end()) {
        return fail(ErrorCode::corrupted, "cold sections: first ranks of words do not ascend");
    }
    return out;
}

u32 ColdTier::inverse_at(u32 position) const {
    OL_CHECK(position < counts_.symbols);
    const u32 step = psi_.shape.sample_step;
    const u32 sampled = std::min(inverse_samples_[position / step], counts_.symbols - 1);
    const u32 rank = kernels_->advance(psi_, sampled, position % step);
    return std::min(rank, counts_.symbols - 1); // psi_end only when the samples lie
}

u32 ColdTier::text_at(u32 position) const {
    return kernels_->entry(psi_, inverse_at(position)).symbol;
}

u32 ColdTier::suffix_at(u32 rank) const {
    u32 position = 0;
    locate({rank, rank + 1}, {&position, 1});
    return position;
}

void ColdTier::read_text(u32 position, std::span<u32> out) const {
    OL_CHECK(position <= counts_.symbols && out.size() <= counts_.symbols - position);
    if (!out.empty()) kernels_->read(psi_, inverse_at(position), out);
}

void ColdTier::locate(Interval interval, std::span<u32> positions) const {
    OL_CHECK(interval.low <= interval.high && interval.high <= counts_.symbols);
    OL_CHECK(positions.size() == interval.count());
    kernels_->locate(psi_, interval.low, positions);
}

u32 ColdTier::later(u32 rank, u32 depth) const {
    if (depth <= psi_.shape.sample_step) return kernels_->advance(psi_, rank, depth);
    // By its position: half a step to the next sample and half a step from one.
    const u32 position = suffix_at(rank);
    return depth < counts_.symbols - position ? inverse_at(position + depth) : psi_end;
}

i64 ColdTier::symbol_of(u32 rank) const {
    return rank == psi_end ? end_of_text : i64{kernels_->entry(psi_, rank).symbol};
}

i64 ColdTier::symbol_after(u32 rank, u32 depth) const {
    OL_CHECK(rank < counts_.symbols);
    return symbol_of(later(rank, depth));
}

Interval ColdTier::bucket(u32 symbol) const {
    if (symbol < counts_.records) return {symbol, symbol + 1};
    const u32 word = symbol - counts_.records;
    return word < counts_.words ? Interval{first_[word], first_[word + 1]} : Interval{};
}

Interval ColdTier::find(Pattern pattern) const {
    if (pattern.empty()) return everything();
    const auto found = ColdSearch(*this, pattern, nullptr).back(0, pattern.size());
    return found.start == 0 ? found.interval : Interval{};
}

bool ColdTier::starts_with(u32 rank, Pattern pattern) const {
    return kernels_->match(psi_, rank, pattern) == pattern.size();
}

u32 ColdTier::first_not_less(Interval interval, u32 depth, i64 symbol) const {
    u32 low = interval.low, high = interval.high;
    while (low < high) {
        const u32 middle = low + (high - low) / 2;
        if (symbol_of(later(middle, depth)) < symbol) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

Interval ColdTier::narrow(Interval interval, u32 depth, u32 symbol) const {
    constexpr u32 few = 8;
    OL_CHECK(interval.low <= interval.high && interval.high <= counts_.symbols);
    const Interval all = bucket(symbol);
    if (interval.count() == 0 || all.count() == 0) return {};
    if (depth == 0) {
        const Interval both{std::max(interval.low, all.low), std::min(interval.high, all.high)};
        return both.low < both.high ? both : Interval{};
    }
    const i64 least = symbol_of(later(interval.low, depth));
    const i64 most = interval.count() == 1 ? least : symbol_of(later(interval.high - 1, depth));
    if (least > symbol || most < symbol) return {};
    if (least == symbol && most == symbol) return interval;
    Interval out;
    if (interval.count() <= few) {
        out.low = first_not_less(interval, depth, symbol);
        out.high = first_not_less({out.low, interval.high}, depth, i64{symbol} + 1);
    } else { // searching the prefix and the symbol anew takes fewer steps
        std::vector<u32> longer(std::size_t{depth} + 1);
        kernels_->read(psi_, interval.low, std::span(longer).first(depth));
        longer.back() = symbol;
        const Interval found = find(longer);
        out = {std::max(found.low, interval.low), std::min(found.high, interval.high)};
    }
    return out.low < out.high ? out : Interval{};
}

Interval ColdTier::without_first(Pattern rest, Interval whole) const {
    constexpr std::size_t short_enough = 4; // to search anew
    OL_CHECK(whole.low < whole.high && whole.high <= counts_.symbols);
    if (rest.size() <= short_enough) return find(rest);
    const u32 low = kernels_->entry(psi_, whole.low).next;
    const u32 high = kernels_->entry(psi_, whole.high - 1).next;
    // All between start with `rest`; mostly their neighbours do not.
    const bool alone = low <= high && (low == 0 || !starts_with(low - 1, rest)) &&
                       (high + 1 == counts_.symbols || !starts_with(high + 1, rest));
    return alone ? Interval{low, high + 1} : find(rest);
}

} // namespace ol::attribution::suffix
