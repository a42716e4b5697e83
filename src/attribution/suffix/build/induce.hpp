// Induced sorting: from the sorted LMS suffixes to the whole suffix array in two scans (Nong,
// Zhang, Chan 2011), with one random access to the text for each suffix.
#pragma once

#include <cstdint>
#include <span>

namespace ol::attribution::suffix {

// What stands in a slot that is not filled yet.
inline constexpr std::uint32_t induce_empty = 0x80000000;

// `out` holds the LMS suffixes in order at the ends of their letters' buckets and induce_empty
// elsewhere; counts[c]: how often letter c occurs. text is not empty and below 2^31 symbols.
void induce_from_lms(std::span<const std::uint32_t> text, std::span<const std::uint32_t> counts,
                     std::span<std::uint32_t> out);

} // namespace ol::attribution::suffix
