// The offset and limit of listings.
#pragma once

#include <cstdint>
#include <limits>

#include "api/router.hpp"
#include "api/schema.hpp"

namespace ol::api {

inline constexpr std::uint64_t page_default = 50;
inline constexpr std::uint64_t page_most = 1000;

struct Page {
    std::uint64_t offset = 0, limit = page_default;
};

inline Result<Page> page_of(const Call& call) {
    Page out;
    out.offset = OL_TRY(call.number_query("offset", 0, std::numeric_limits<std::int64_t>::max()));
    out.limit = OL_TRY(call.number_query("limit", page_default, page_most));
    return out;
}

inline std::vector<Parameter> paging_parameters() {
    return {{"offset", "query", "how many to skip",
             schema::with_bounds(schema::integer(), 0, std::numeric_limits<std::int64_t>::max())},
            {"limit", "query", "how many to list; 50 unless told",
             schema::with_bounds(schema::integer(), 0, page_most)}};
}

} // namespace ol::api
