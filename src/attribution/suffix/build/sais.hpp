// Suffix arrays by induced sorting, into memory of the caller.
#pragma once

#include <cstdint>
#include <span>

namespace ol::attribution::suffix {

// Fills out (as long as text) with the suffix array of text over [0, alphabet). Linear time; beside
// `out` it takes a bit a symbol and two words a letter. text must not overlap out.
void suffix_array_into(std::span<const std::uint32_t> text, std::uint32_t alphabet,
                       std::span<std::uint32_t> out);

} // namespace ol::attribution::suffix
