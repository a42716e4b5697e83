// How psi_encode.cpp writes and psi_kernels.inc reads the bits of a block.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ol::attribution::suffix {

// Control byte.
inline constexpr std::uint32_t psi_width_mask = 0x3f; // bits of the lower parts, at most 50
inline constexpr std::uint32_t psi_run_heads = 0x40;  // a bit vector of the heads of runs follows
inline constexpr std::uint32_t psi_each_head = 0x80;  // every rank is one; neither: the first alone
// Upper parts are at most three bits an item with the best width.
inline constexpr std::uint32_t psi_high_words = 6;
// In front of the first block: no block has more marks.
inline constexpr std::size_t psi_room_before = 128;
// Behind the first byte of the last block: control, heads, 127 items of 63 bits, upper parts.
inline constexpr std::size_t psi_room_after = 1 + 16 + 1001 + 64 + 14;

} // namespace ol::attribution::suffix
