#include "attribution/suffix/index/tombstones.hpp"

#include <algorithm>
#include <cstring>

#include "attribution/suffix/checksum.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

constexpr std::string_view magic = "OLDEAD01";
constexpr std::size_t header_bytes = 24; // magic, records, symbols, ranks, 0
constexpr std::size_t checksum_bytes = 8;

struct Header {
    std::array<char, 8> magic;
    u32 records = 0, symbols = 0, ranks = 0, zero = 0;
};
static_assert(sizeof(Header) == header_bytes);

} // namespace

Bytes encode_tombstones(const DeadRanks& dead, u32 records, u32 symbols) {
    Header header{.magic = {}, .records = records, .symbols = symbols};
    std::ranges::copy(magic, header.magic.begin());
    header.ranks = static_cast<u32>(dead.size());
    const std::size_t rank_bytes = dead.ranks().size_bytes();
    Bytes out(header_bytes + rank_bytes + checksum_bytes);
    std::memcpy(out.data(), &header, header_bytes);
    if (rank_bytes > 0) std::memcpy(out.data() + header_bytes, dead.ranks().data(), rank_bytes);
    const std::uint64_t sum =
        checksum64(ByteView(out).first(header_bytes + rank_bytes), header_bytes);
    std::memcpy(out.data() + header_bytes + rank_bytes, &sum, checksum_bytes);
    return out;
}

Result<DeadRanks> decode_tombstones(ByteView bytes, u32 records, u32 symbols,
                                    std::string_view name) {
    Header header;
    if (bytes.size() < header_bytes + checksum_bytes) {
        return fail(ErrorCode::corrupted, "{}: cut off after {} bytes", name, bytes.size());
    }
    std::memcpy(&header, bytes.data(), header_bytes);
    if (std::string_view(header.magic.data(), 8) != magic || header.zero != 0) {
        return fail(ErrorCode::corrupted, "{}: is not a file of tombstones", name);
    }
    const std::size_t size = header_bytes + std::size_t{header.ranks} * sizeof(u32);
    if (bytes.size() != size + checksum_bytes) {
        return fail(ErrorCode::corrupted, "{}: has {} bytes instead of {}", name, bytes.size(),
                    size + checksum_bytes);
    }
    std::uint64_t sum = 0;
    std::memcpy(&sum, bytes.data() + size, checksum_bytes);
    if (sum != checksum64(bytes.first(size), header_bytes)) {
        return fail(ErrorCode::corrupted, "{}: its checksum does not match", name);
    }
    if (header.records != records || header.symbols != symbols) {
        return fail(ErrorCode::corrupted, "{}: belongs to another segment", name);
    }
    std::vector<u32> ranks(header.ranks);
    if (!ranks.empty()) std::memcpy(ranks.data(), bytes.data() + header_bytes, size - header_bytes);
    const bool ascends = std::ranges::adjacent_find(ranks, std::greater_equal()) == ranks.end();
    if (!ascends || (!ranks.empty() && ranks.back() >= symbols)) {
        return fail(ErrorCode::corrupted, "{}: its ranks are not in order", name);
    }
    return DeadRanks(std::move(ranks));
}

u32 dead_record_count(const DeadRanks& dead, u32 records) { return dead.count_in({0, records}); }

} // namespace ol::attribution::suffix
