// gzip members in memory (RFC 1952), through zlib.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol::text {

bool is_gzip(ByteView bytes);

// All members of a gzip file, one after the other. corrupted when it is truncated, a checksum
// differs or other bytes follow; too_large as soon as more than limit_bytes come out, so that a
// decompression bomb costs no more than the limit.
Result<std::string> gunzip(ByteView bytes, std::uint64_t limit_bytes);

} // namespace ol::text
