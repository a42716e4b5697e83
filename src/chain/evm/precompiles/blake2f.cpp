// BLAKE2b's compression function F with a number of rounds given by the caller (EIP-152, RFC 7693).
#include <bit>

#include "chain/evm/precompiles/contracts.hpp"

namespace ol::chain::evm::precompiles {

namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

constexpr std::uint64_t initial[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                      0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                      0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

// Which message words a round takes, in order; after ten rounds from the start again.
constexpr std::uint8_t schedule[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                           {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                           {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                           {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                           {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                           {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                           {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                           {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                           {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                           {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

inline void mix(std::uint64_t& a, std::uint64_t& b, std::uint64_t& c, std::uint64_t& d,
                std::uint64_t x, std::uint64_t y) {
    a += b + x;
    d = std::rotr(d ^ a, 32);
    c += d;
    b = std::rotr(b ^ c, 24);
    a += b + y;
    d = std::rotr(d ^ a, 16);
    c += d;
    b = std::rotr(b ^ c, 63);
}

// One round, with its schedule known to the compiler.
template <int Round>
inline void round(std::uint64_t (&v)[16], const std::uint64_t (&m)[16]) {
    constexpr auto& s = schedule[Round];
    mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
    mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
    mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
    mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
    mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
    mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
    mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
    mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
}

template <int... Round>
inline void ten_rounds(std::uint64_t (&v)[16], const std::uint64_t (&m)[16],
                       std::integer_sequence<int, Round...>) {
    (round<Round>(v, m), ...);
}

// The rounds that are left after all tens.
template <int... Round>
inline void last_rounds(std::uint64_t (&v)[16], const std::uint64_t (&m)[16], std::uint32_t count,
                        std::integer_sequence<int, Round...>) {
    ((Round < static_cast<int>(count) ? round<Round>(v, m) : void()), ...);
}

} // namespace

// rounds (4 bytes, big endian) | h (8 words) | m (16) | t (2), little endian | final (1 byte)
Output blake2f(ByteView input) {
    if (input.size() != 213 || input[212] > 1) return std::nullopt;
    std::uint64_t h[8], m[16], t[2];
    std::memcpy(h, input.data() + 4, sizeof h);
    std::memcpy(m, input.data() + 68, sizeof m);
    std::memcpy(t, input.data() + 196, sizeof t);

    std::uint64_t v[16];
    for (int i = 0; i < 8; ++i) {
        v[i] = h[i];
        v[i + 8] = initial[i];
    }
    v[12] ^= t[0];
    v[13] ^= t[1];
    if (input[212] == 1) v[14] = ~v[14];

    std::uint32_t rounds = get_be32(input.data());
    constexpr auto all = std::make_integer_sequence<int, 10>();
    for (; rounds >= 10; rounds -= 10) ten_rounds(v, m, all);
    last_rounds(v, m, rounds, all);

    for (int i = 0; i < 8; ++i) h[i] ^= v[i] ^ v[i + 8];
    Bytes out(sizeof h);
    std::memcpy(out.data(), h, sizeof h);
    return out;
}

} // namespace ol::chain::evm::precompiles
