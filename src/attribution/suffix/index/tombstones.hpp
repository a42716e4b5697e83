// The file of a segment's deleted records (docs/formats/index.md): the ranks in SA of their
// suffixes. The separator of record r has rank r, so the ranks below the number of records are the
// deleted records themselves.
#pragma once

#include <cstdint>
#include <string_view>

#include "attribution/suffix/dead_ranks.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol::attribution::suffix {

// `records` and `symbols` of the segment.
Bytes encode_tombstones(const DeadRanks& dead, std::uint32_t records, std::uint32_t symbols);
// corrupted, with `name`, unless these are ascending ranks of such a segment.
Result<DeadRanks> decode_tombstones(ByteView bytes, std::uint32_t records, std::uint32_t symbols,
                                    std::string_view name);
// How many records of a segment with so many are deleted.
std::uint32_t dead_record_count(const DeadRanks& dead, std::uint32_t records);

} // namespace ol::attribution::suffix
