#include "attribution/suffix/proof/arrays.hpp"

#include "attribution/suffix/tier/dictionary.hpp"
#include "attribution/suffix/tier/tier.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

struct Kept {
    std::vector<text::SymbolWord> words;
    std::vector<u32> text, suffixes, inverse; // of a cold segment
};

void unpack(const Segment& segment, Kept& kept) {
    const u32 count = segment.symbol_count();
    kept.text.resize(count);
    kept.suffixes.resize(count);
    kept.inverse.assign(count, 0);
    segment.tier().read_text(0, kept.text);
    segment.tier().locate({0, count}, kept.suffixes);
    // A cold segment has no inverse of its own.
    for (u32 i = 0; i < count; ++i) {
        if (kept.suffixes[i] < count) kept.inverse[kept.suffixes[i]] = i;
    }
}

} // namespace

SegmentArrays SegmentArrays::of(const Segment& segment) {
    SegmentArrays out;
    auto kept = std::make_shared<Kept>();
    if (segment.form() == Form::cold) {
        unpack(segment, *kept);
        out.text = kept->text;
        out.suffixes = kept->suffixes;
        out.inverse = kept->inverse;
    } else {
        out.text = segment.ranks();
        out.suffixes = segment.suffix_array();
        out.inverse = segment.inverse();
    }
    kept->words.resize(segment.dictionary_size());
    for (u32 d = 0; d < kept->words.size(); ++d) kept->words[d] = segment.dictionary().word(d);
    out.words = kept->words;
    out.records = segment.record_count();
    out.table = [&segment](u32 record) { return segment.table_entry(record); };
    out.find = [&segment](std::span<const text::SymbolWord> phrase) {
        return segment.find(phrase);
    };
    out.keep = std::move(kept);
    return out;
}

text::SymbolWord SegmentArrays::word_at(u32 position) const {
    const u32 rank = text[position];
    if (rank < records) return text::separator_word(rank);
    return rank - records < words.size() ? words[rank - records] : no_word;
}

u32 SegmentArrays::record_at(u32 position) const {
    u32 low = 0, high = records; // record `low` starts at or before the position
    while (high - low > 1) {
        const u32 middle = low + (high - low) / 2;
        (table(middle).offset <= position ? low : high) = middle;
    }
    return low;
}

} // namespace ol::attribution::suffix
