// What queries ask of a segment's arrays.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "attribution/suffix/segment.hpp"
#include "attribution/suffix/tier/tier.hpp"

namespace ol::attribution::suffix {

class SpanTier {
public:
    explicit SpanTier(const Segment& segment)
        : text_(segment.ranks())
        , suffixes_(segment.suffix_array())
        , inverse_(segment.inverse()) {}

    std::uint32_t text_at(std::uint32_t position) const { return text_[position]; }
    std::uint32_t suffix_at(std::uint32_t rank) const { return suffixes_[rank]; }
    std::uint32_t inverse_at(std::uint32_t position) const { return inverse_[position]; }
    void read_text(std::uint32_t position, std::span<std::uint32_t> out) const {
        std::copy_n(text_.begin() + position, out.size(), out.begin());
    }
    void locate(Interval interval, std::span<std::uint32_t> positions) const {
        std::copy(suffixes_.begin() + interval.low, suffixes_.begin() + interval.high,
                  positions.begin());
    }
    std::int64_t symbol_after(std::uint32_t rank, std::uint32_t depth) const {
        const std::uint64_t at = std::uint64_t{suffixes_[rank]} + depth;
        return at < text_.size() ? std::int64_t{text_[at]} : end_of_text;
    }
    Interval find(Pattern pattern) const {
        Interval out{0, static_cast<std::uint32_t>(suffixes_.size())};
        for (std::uint32_t i = 0; i < pattern.size() && out.count() > 0; ++i) {
            out = narrow(out, i, pattern[i]);
        }
        return out;
    }
    Interval narrow(Interval interval, std::uint32_t depth, std::uint32_t symbol) const {
        const auto before = [&](std::uint32_t rank, std::int64_t value) {
            return symbol_after(rank, depth) < value;
        };
        const auto bound = [&](std::int64_t value) {
            std::uint32_t low = interval.low, high = interval.high;
            while (low < high) {
                const std::uint32_t middle = low + (high - low) / 2;
                if (before(middle, value)) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low;
        };
        const Interval out{bound(symbol), bound(std::int64_t{symbol} + 1)};
        return out.count() == 0 ? Interval{} : out;
    }

private:
    std::span<const std::uint32_t> text_, suffixes_, inverse_;
};

inline SpanTier tier_of(const Segment& segment) { return SpanTier(segment); }

} // namespace ol::attribution::suffix
