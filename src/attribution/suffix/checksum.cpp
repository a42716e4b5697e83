#include "attribution/suffix/checksum.hpp"

#include <bit>
#include <cstring>

namespace ol::attribution::suffix {

namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint64_t prime1 = 0x9e3779b185ebca87;
constexpr std::uint64_t prime2 = 0xc2b2ae3d27d4eb4f;
constexpr std::uint64_t prime3 = 0x165667b19e3779f9;
constexpr std::uint64_t prime4 = 0x85ebca77c2b2ae63;
constexpr std::uint64_t prime5 = 0x27d4eb2f165667c5;

std::uint64_t load64(const std::uint8_t* in) {
    std::uint64_t value;
    std::memcpy(&value, in, sizeof value);
    return value;
}
std::uint32_t load32(const std::uint8_t* in) {
    std::uint32_t value;
    std::memcpy(&value, in, sizeof value);
    return value;
}
std::uint64_t round(std::uint64_t lane, std::uint64_t input) {
    return std::rotl(lane + input * prime2, 31) * prime1;
}
std::uint64_t merge(std::uint64_t hash, std::uint64_t lane) {
    return (hash ^ round(0, lane)) * prime1 + prime4;
}

} // namespace

std::uint64_t checksum64(ByteView bytes, std::uint64_t seed) {
    const std::uint8_t* in = bytes.data();
    const std::uint8_t* const end = in + bytes.size();
    std::uint64_t hash = seed + prime5;
    if (bytes.size() >= 32) {
        std::uint64_t a = seed + prime1 + prime2, b = seed + prime2, c = seed, d = seed - prime1;
        for (; end - in >= 32; in += 32) {
            a = round(a, load64(in));
            b = round(b, load64(in + 8));
            c = round(c, load64(in + 16));
            d = round(d, load64(in + 24));
        }
        hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
        for (auto lane : {a, b, c, d}) hash = merge(hash, lane);
    }
    hash += bytes.size();
    for (; end - in >= 8; in += 8) {
        hash = std::rotl(hash ^ round(0, load64(in)), 27) * prime1 + prime4;
    }
    if (end - in >= 4) {
        hash = std::rotl(hash ^ load32(in) * prime1, 23) * prime2 + prime3;
        in += 4;
    }
    for (; in != end; ++in) hash = std::rotl(hash ^ *in * prime5, 11) * prime1;
    hash = (hash ^ hash >> 33) * prime2;
    hash = (hash ^ hash >> 29) * prime3;
    return hash ^ hash >> 32;
}

} // namespace ol::attribution::suffix
