// The audit of a segment reads every section without trusting any other.
#include "attribution/suffix/segment_impl.hpp"
#include "attribution/suffix/tier/hot_tier.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

struct SegmentView {
    Counts counts;
    std::span<const u32> text, suffixes, inverse, starts, first;
    std::span<const RecordRow> records;
    std::span<const text::SymbolWord> words;
};

class Audit {
public:
    Audit(const SegmentView& view, const Dictionary& lookup, std::string_view name)
        : view_(view)
        , lookup_(lookup)
        , symbols_(view.counts.symbols)
        , records_(view.counts.records)
        , words_(view.counts.words)
        , name_(name) {}

    Status run() const {
        OL_TRY(dictionary());
        OL_TRY(table());
        OL_TRY(text());
        OL_TRY(inverse());
        OL_TRY(order());
        return first_ranks();
    }

private:
    template <class... Args>
    std::unexpected<Error> fault(fmt::format_string<Args...> text, Args&&... args) const {
        return fail(ErrorCode::corrupted, "segment {}: {}; build the index again", name_,
                    fmt::format(text, std::forward<Args>(args)...));
    }

    Status dictionary() const {
        for (u32 d = 0; d < words_; ++d) {
            const auto& word = view_.words[d];
            if (text::is_separator(word) || word[text::symbol_max_bytes] != 0) {
                return fault("word {} of the dictionary is not a symbol", d);
            }
            if (d > 0 && !(view_.words[d - 1] < word)) {
                return fault("words {} and {} of the dictionary are out of order", d - 1, d);
            }
            if (lookup_.find(word) != d) return fault("word {} is not found by its slot", d);
        }
        return {};
    }

    Status table() const {
        const auto starts = view_.starts;
        if (starts[0] != 0 || starts[records_] != symbols_) {
            return fault("the records do not cover the text");
        }
        for (u32 r = 0; r < records_; ++r) {
            if (starts[r] >= starts[r + 1]) return fault("record {} has no place in the text", r);
            const u32 head = view_.records[r].cluster;
            if (head > r) return fault("record {} is of the later cluster {}", r, head);
            if (view_.records[head].cluster != head) {
                return fault("record {} is of cluster {}, which is not its own head", r, head);
            }
        }
        return {};
    }

    Status text() const {
        for (u32 r = 0; r < records_; ++r) {
            const u32 last = view_.starts[r + 1] - 1;
            for (u32 p = view_.starts[r]; p < last; ++p) {
                if (view_.text[p] < records_ || view_.text[p] - records_ >= words_) {
                    return fault("position {} in record {} holds no word", p, r);
                }
            }
            if (view_.text[last] != r) {
                return fault("record {} does not end with its separator at position {}", r, last);
            }
        }
        return {};
    }

    // R1
    Status inverse() const {
        for (u32 i = 0; i < symbols_; ++i) {
            const u32 position = view_.suffixes[i];
            if (position >= symbols_ || view_.inverse[position] != i) {
                return fault("rank {}: the inverse does not lead back to it (R1)", i);
            }
        }
        return {};
    }

    // R2; after R1 every entry is in range.
    Status order() const {
        for (u32 i = 1; i < symbols_; ++i) {
            const u32 a = view_.suffixes[i - 1], b = view_.suffixes[i];
            bool less = view_.text[a] < view_.text[b];
            if (view_.text[a] == view_.text[b]) {
                less = a + 1 == symbols_ ||
                       (b + 1 < symbols_ && view_.inverse[a + 1] < view_.inverse[b + 1]);
            }
            if (!less) return fault("ranks {} and {} are out of order (R2)", i - 1, i);
        }
        return {};
    }

    // The suffixes are in order, so a word's bucket is right when both its ends start with the
    // word.
    Status first_ranks() const {
        const auto first = view_.first;
        if (first[0] != records_ || first[words_] != symbols_) {
            return fault("the buckets of the words do not cover the suffix array");
        }
        for (u32 d = 0; d < words_; ++d) {
            if (first[d] >= first[d + 1] || first[d + 1] > symbols_ ||
                view_.text[view_.suffixes[first[d]]] != records_ + d ||
                view_.text[view_.suffixes[first[d + 1] - 1]] != records_ + d) {
                return fault("the count of word {} is wrong", d);
            }
        }
        return {};
    }

    const SegmentView& view_;
    const Dictionary& lookup_;
    u32 symbols_, records_, words_;
    std::string_view name_;
};

} // namespace

Status Segment::audit() const {
    const SegmentView view{
        impl_->counts,
        ranks(),
        suffix_array(),
        inverse(),
        impl_->starts,
        impl_->first,
        impl_->records,
        *impl_->container.array<text::SymbolWord>(SectionId::words, impl_->counts.words)};
    return Audit(view, dictionary(), name()).run();
}

} // namespace ol::attribution::suffix
