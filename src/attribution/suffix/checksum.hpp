// XXH64 (Yann Collet, the specification "XXH64" of the xxHash project): finds damage, proves
// nothing.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace ol::attribution::suffix {

std::uint64_t checksum64(ByteView bytes, std::uint64_t seed);

} // namespace ol::attribution::suffix
