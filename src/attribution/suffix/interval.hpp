// Intervals of suffix-array ranks.
#pragma once

#include <cstdint>

namespace ol::attribution::suffix {

// A half-open interval of suffix-array ranks.
struct Interval {
    std::uint32_t low = 0, high = 0;
    std::uint32_t count() const { return high - low; }
    bool operator==(const Interval&) const = default;
};

// The longest prefix of a pattern that occurs, and the suffixes that start with it.
struct Longest {
    std::uint32_t length = 0;
    Interval interval;
    bool operator==(const Longest&) const = default;
};

} // namespace ol::attribution::suffix
