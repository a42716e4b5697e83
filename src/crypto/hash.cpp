#include "crypto/hash.hpp"

#include <bit>
#include <climits>
#include <cstring>

#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/check.hpp"

namespace ol::crypto {
namespace {

constexpr std::size_t rate_bytes = 136; // 1600 - 2 * 256 bits
constexpr std::size_t rate_lanes = rate_bytes / 8;

constexpr std::uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

// The permutation is the hot spot of trees, so it is compiled for speed in every build type.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif

#define OL_ALWAYS_INLINE inline __attribute__((always_inline))

// One plane of chi, from five lanes that theta, rho and pi have already moved.
OL_ALWAYS_INLINE void chi(std::uint64_t* out, std::uint64_t b0, std::uint64_t b1, std::uint64_t b2,
                          std::uint64_t b3, std::uint64_t b4) {
    out[0] = b0 ^ (~b1 & b2);
    out[1] = b1 ^ (~b2 & b3);
    out[2] = b2 ^ (~b3 & b4);
    out[3] = b3 ^ (~b4 & b0);
    out[4] = b4 ^ (~b0 & b1);
}

// One round from a to e (FIPS 202, section 3.2): lane (x, y) lies at x + 5 y. Reading one array and
// writing another lets the compiler keep most lanes in registers.
OL_ALWAYS_INLINE void keccak_round(const std::uint64_t* a, std::uint64_t* e, std::uint64_t rc) {
    const std::uint64_t c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20];
    const std::uint64_t c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21];
    const std::uint64_t c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];
    const std::uint64_t c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23];
    const std::uint64_t c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];
    const std::uint64_t d0 = c4 ^ std::rotl(c1, 1);
    const std::uint64_t d1 = c0 ^ std::rotl(c2, 1);
    const std::uint64_t d2 = c1 ^ std::rotl(c3, 1);
    const std::uint64_t d3 = c2 ^ std::rotl(c4, 1);
    const std::uint64_t d4 = c3 ^ std::rotl(c0, 1);

    chi(e, a[0] ^ d0, std::rotl(a[6] ^ d1, 44), std::rotl(a[12] ^ d2, 43),
        std::rotl(a[18] ^ d3, 21), std::rotl(a[24] ^ d4, 14));
    e[0] ^= rc;
    chi(e + 5, std::rotl(a[3] ^ d3, 28), std::rotl(a[9] ^ d4, 20), std::rotl(a[10] ^ d0, 3),
        std::rotl(a[16] ^ d1, 45), std::rotl(a[22] ^ d2, 61));
    chi(e + 10, std::rotl(a[1] ^ d1, 1), std::rotl(a[7] ^ d2, 6), std::rotl(a[13] ^ d3, 25),
        std::rotl(a[19] ^ d4, 8), std::rotl(a[20] ^ d0, 18));
    chi(e + 15, std::rotl(a[4] ^ d4, 27), std::rotl(a[5] ^ d0, 36), std::rotl(a[11] ^ d1, 10),
        std::rotl(a[17] ^ d2, 15), std::rotl(a[23] ^ d3, 56));
    chi(e + 20, std::rotl(a[2] ^ d2, 62), std::rotl(a[8] ^ d3, 55), std::rotl(a[14] ^ d4, 39),
        std::rotl(a[15] ^ d0, 41), std::rotl(a[21] ^ d1, 2));
}

OL_ALWAYS_INLINE void permute_rounds(std::uint64_t* state) {
    std::uint64_t a[25];
    std::uint64_t e[25];
    std::memcpy(a, state, sizeof a);
    for (int round = 0; round < 24; round += 2) {
        keccak_round(a, e, round_constants[round]);
        keccak_round(e, a, round_constants[round + 1]);
    }
    std::memcpy(state, a, sizeof a);
}

void permute_portable(std::uint64_t* state) { permute_rounds(state); }

#if defined(__x86_64__)
// The same rounds with andn and rorx, which chi and rho are made of.
__attribute__((target("bmi,bmi2"))) void permute_bmi2(std::uint64_t* state) {
    permute_rounds(state);
}
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

using Permutation = void (*)(std::uint64_t*);

Permutation choose_permutation() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) return permute_bmi2;
#endif
    return permute_portable;
}

void permute(std::uint64_t* state) {
    static const Permutation chosen = choose_permutation();
    chosen(state);
}

std::uint64_t load_le64(const std::uint8_t* in) {
    std::uint64_t value = 0;
    std::memcpy(&value, in, 8);
    if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
    return value;
}

void absorb_block(std::uint64_t* state, const std::uint8_t* block) {
    for (std::size_t i = 0; i < rate_lanes; ++i) state[i] ^= load_le64(block + 8 * i);
    permute(state);
}

// The last, padded block and the first 32 bytes of the state. `block` holds `used` bytes of data.
Hash32 pad_and_squeeze(std::uint64_t* state, std::uint8_t* block, std::size_t used) {
    std::memset(block + used, 0, rate_bytes - used);
    block[used] ^= 0x01;
    block[rate_bytes - 1] ^= 0x80;
    absorb_block(state, block);
    Hash32 out;
    for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t j = 0; j < 8; ++j) {
            out[8 * i + j] = static_cast<std::uint8_t>(state[i] >> (8 * j));
        }
    }
    return out;
}

} // namespace

Hash32 keccak256(ByteView bytes) {
    std::uint64_t state[25] = {};
    while (bytes.size() >= rate_bytes) {
        absorb_block(state, bytes.data());
        bytes = bytes.subspan(rate_bytes);
    }
    std::uint8_t block[rate_bytes];
    if (!bytes.empty()) std::memcpy(block, bytes.data(), bytes.size());
    return pad_and_squeeze(state, block, bytes.size());
}

void Keccak256::update(ByteView bytes) {
    while (!bytes.empty()) {
        if (used_ == 0 && bytes.size() >= rate_bytes) {
            absorb_block(state_.data(), bytes.data());
            bytes = bytes.subspan(rate_bytes);
            continue;
        }
        const std::size_t taken = std::min(rate_bytes - used_, bytes.size());
        std::memcpy(block_.data() + used_, bytes.data(), taken);
        used_ += taken;
        bytes = bytes.subspan(taken);
        if (used_ == rate_bytes) {
            absorb_block(state_.data(), block_.data());
            used_ = 0;
        }
    }
}

Hash32 Keccak256::finish() {
    OL_CHECK(!finished_);
    finished_ = true;
    return pad_and_squeeze(state_.data(), block_.data(), used_);
}

Hash32 sha256(ByteView bytes) {
    Hash32 out;
    SHA256(bytes.data(), bytes.size(), out.data.data());
    return out;
}

Hash32 hmac_sha256(ByteView key, ByteView message) {
    static constexpr std::size_t block = 64;
    Bytes inner(block, 0x36), outer(block, 0x5c);
    const Hash32 hashed = key.size() > block ? sha256(key) : Hash32();
    const ByteView used = key.size() > block ? hashed.view() : key;
    for (std::size_t i = 0; i < used.size(); ++i) {
        inner[i] ^= used[i];
        outer[i] ^= used[i];
    }
    append(inner, message);
    append(outer, sha256(inner).view());
    return sha256(outer);
}

bool equal_secrets(ByteView a, ByteView b) {
    if (a.size() != b.size()) return false;
    std::uint8_t difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
    return difference == 0;
}

Bytes random_bytes(std::size_t size) {
    OL_CHECK(size <= INT_MAX);
    Bytes out(size);
    OL_CHECK(RAND_priv_bytes(out.data(), static_cast<int>(size)) == 1);
    return out;
}

} // namespace ol::crypto
