// The audit of a segment reads every section without trusting any other.
#include <algorithm>

#include "attribution/suffix/proof/find_fault.hpp"
#include "attribution/suffix/segment_impl.hpp"
#include "attribution/suffix/tier/hot_tier.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

// What no proof on the ledger is about: how the file helps to search the committed arrays.
class Audit {
public:
    Audit(const Segment& segment, const SegmentArrays& arrays)
        : segment_(segment)
        , arrays_(arrays) {}

    template <class... Args>
    std::unexpected<Error> fault(fmt::format_string<Args...> text, Args&&... args) const {
        return fail(ErrorCode::corrupted, "segment {}: {}; build the index again", segment_.name(),
                    fmt::format(text, std::forward<Args>(args)...));
    }

    Status dictionary() const {
        const auto words = arrays_.words;
        for (u32 d = 0; d < words.size(); ++d) {
            if (text::is_separator(words[d]) || words[d][text::symbol_max_bytes] != 0) {
                return fault("word {} of the dictionary is not a symbol", d);
            }
            if (d > 0 && !(words[d - 1] < words[d])) {
                return fault("words {} and {} of the dictionary are out of order", d - 1, d);
            }
            if (segment_.dictionary().find(words[d]) != d) {
                return fault("word {} is not found by its slot", d);
            }
        }
        return {};
    }

    // The suffixes are in order, so a word's bucket is right when both its ends start with the
    // word.
    Status buckets() const {
        const auto first = segment_.first_ranks();
        const u32 words = segment_.dictionary_size();
        if (first[0] != arrays_.records || first[words] != arrays_.count()) {
            return fault("the buckets of the words do not cover the suffix array");
        }
        for (u32 d = 0; d < words; ++d) {
            if (first[d] >= first[d + 1] || first[d + 1] > arrays_.count() ||
                arrays_.text[arrays_.suffixes[first[d]]] != arrays_.records + d ||
                arrays_.text[arrays_.suffixes[first[d + 1] - 1]] != arrays_.records + d) {
                return fault("the count of word {} is wrong", d);
            }
        }
        return {};
    }

    Status keys(ThreadPool* pool) const {
        const auto* const hot = dynamic_cast<const HotTier*>(&segment_.tier());
        if (hot == nullptr) return {};
        ThreadPool alone(1);
        const auto wanted =
            suffix_keys(arrays_.text, arrays_.suffixes, pool != nullptr ? *pool : alone);
        if (!std::ranges::equal(wanted, hot->keys())) return fault("the keys are wrong");
        return {};
    }

private:
    const Segment& segment_;
    const SegmentArrays& arrays_;
};

} // namespace

Status Segment::audit(ThreadPool* pool) const {
    const SegmentArrays arrays = SegmentArrays::of(*this);
    const Audit audit(*this, arrays);
    OL_TRY(audit.dictionary());
    const u32 records = record_count();
    if (impl_->starts[records] != symbol_count() || (records == 0 && symbol_count() > 0)) {
        return audit.fault("the records do not cover the text");
    }
    if (const auto found = find_fault(arrays, nullptr, pool)) {
        return audit.fault("{}", found->text);
    }
    OL_TRY(audit.buckets());
    return audit.keys(pool);
}

} // namespace ol::attribution::suffix
