#include "attribution/suffix/proof/audit.hpp"

#include "attribution/suffix/proof/find_fault.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

template <class... Args>
std::unexpected<Error> broken(fmt::format_string<Args...> text, Args&&... args) {
    return fail(ErrorCode::corrupted, "{}; build the index again",
                fmt::format(text, std::forward<Args>(args)...));
}

Status check_dictionary(const SegmentArrays& arrays) {
    for (std::size_t d = 0; d < arrays.words.size(); ++d) {
        const auto& word = arrays.words[d];
        if (text::is_separator(word) || word[text::symbol_max_bytes] != 0) {
            return broken("word {} of the dictionary is not a symbol of the text", d);
        }
        if (d > 0 && !(arrays.words[d - 1] < word)) {
            return broken("words {} and {} of the dictionary are out of order", d - 1, d);
        }
    }
    return {};
}

// The suffixes are in order, so the words' buckets follow from their counts in the text.
Status check_buckets(const Segment& segment, const SegmentArrays& arrays) {
    std::vector<u32> counts(arrays.words.size());
    for (const u32 rank : arrays.text) {
        if (rank >= arrays.records) ++counts[rank - arrays.records];
    }
    u32 low = arrays.records;
    for (std::size_t d = 0; d < counts.size(); ++d) {
        if (segment.occurrences(arrays.words[d]) != counts[d]) {
            return broken("the count of word {} is wrong", d);
        }
    }
    for (std::size_t d = 0; d < counts.size(); ++d) {
        const Interval found = segment.find({&arrays.words[d], 1});
        if (found.low != low || found.high != low + counts[d]) {
            return broken("the bucket of word {} is wrong", d);
        }
        low += counts[d];
    }
    return {};
}

// Places stand in the records' own bytes: separators have none.
Status check_places(const Segment& segment, const SegmentArrays& arrays) {
    for (u32 p = 0; p < arrays.count(); ++p) {
        if (arrays.text[p] >= arrays.records) continue;
        const auto place = segment.place_at(p);
        if (place.offset != 0 || place.size != 0) {
            return broken("the separator at {} has a place in its record's text", p);
        }
    }
    return {};
}

Status check(const Segment& segment, ThreadPool* pool) {
    const SegmentArrays arrays = SegmentArrays::of(segment);
    if (arrays.records == 0 && arrays.count() > 0) {
        return broken("the records do not cover the text");
    }
    OL_TRY(check_dictionary(arrays));
    if (const auto fault = find_fault(arrays, nullptr, pool)) return broken("{}", fault->text);
    OL_TRY(check_buckets(segment, arrays));
    return check_places(segment, arrays);
}

} // namespace

Status audit(const Segment& segment, std::string_view name, ThreadPool* pool) {
    if (const auto checked = check(segment, pool); !checked) {
        return std::unexpected(checked.error().within(fmt::format("segment {}", name)));
    }
    return {};
}

} // namespace ol::attribution::suffix
