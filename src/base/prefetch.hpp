// Asks for memory ahead of its use.
#pragma once

namespace ol {

// g++ takes a function that only prefetches for one without effects and drops the calls of it; the
// empty volatile statement keeps them.
inline void prefetch(const void* address) {
    __builtin_prefetch(address);
    asm volatile("");
}

} // namespace ol
