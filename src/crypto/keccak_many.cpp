// keccak-256 of many inputs: four states at once, one to a lane of AVX2; the scalar twin elsewhere.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.hpp"
#include "crypto/hash.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ol::crypto {
namespace {

void many_scalar(std::span<const ByteView> inputs, std::span<Hash32> out) {
    for (std::size_t i = 0; i < inputs.size(); ++i) out[i] = keccak256(inputs[i]);
}

void rows_scalar(std::uint8_t prefix, const std::uint8_t* rows, std::size_t size,
                 std::span<Hash32> out) {
    std::array<std::uint8_t, keccak_row_bytes + 1> buffer;
    buffer[0] = prefix;
    for (std::size_t i = 0; i < out.size(); ++i) {
        std::memcpy(buffer.data() + 1, rows + i * size, size);
        out[i] = keccak256(ByteView(buffer.data(), size + 1));
    }
}

#if defined(__x86_64__)

#define OL_AVX2 __attribute__((target("avx2")))
#define OL_AVX2_INLINE inline __attribute__((target("avx2"), always_inline))

constexpr std::size_t lanes = 4;
constexpr std::size_t rate_bytes = 136;
constexpr std::size_t rate_words = rate_bytes / 8;

constexpr std::uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

using Quad = __m256i;

// Word `i` of the states 0 to 3.
union State4 {
    std::uint64_t words[25][lanes];
    Quad quads[25];
};

OL_AVX2_INLINE Quad xor4(Quad a, Quad b) { return _mm256_xor_si256(a, b); }

template <int Bits>
OL_AVX2_INLINE Quad rotate(Quad a) {
    if constexpr (Bits == 0) {
        return a;
    } else if constexpr (Bits == 8) {
        return _mm256_shuffle_epi8(a, _mm256_set_epi8(14, 13, 12, 11, 10, 9, 8, 15, 6, 5, 4, 3, 2,
                                                      1, 0, 7, 14, 13, 12, 11, 10, 9, 8, 15, 6, 5,
                                                      4, 3, 2, 1, 0, 7));
    } else if constexpr (Bits == 56) {
        return _mm256_shuffle_epi8(a, _mm256_set_epi8(8, 15, 14, 13, 12, 11, 10, 9, 0, 7, 6, 5, 4,
                                                      3, 2, 1, 8, 15, 14, 13, 12, 11, 10, 9, 0, 7,
                                                      6, 5, 4, 3, 2, 1));
    } else {
        return _mm256_or_si256(_mm256_slli_epi64(a, Bits), _mm256_srli_epi64(a, 64 - Bits));
    }
}

template <int Bits>
OL_AVX2_INLINE Quad moved(Quad a, Quad d) {
    return rotate<Bits>(xor4(a, d));
}

// A word of chi to `out`, and into the parity of its column: the next round starts from those.
template <bool First>
OL_AVX2_INLINE void chi_word(Quad& out, Quad& c, Quad b0, Quad b1, Quad b2) {
    const Quad word = xor4(b0, _mm256_andnot_si256(b1, b2));
    out = word;
    c = First ? word : xor4(c, word);
}

template <bool First>
OL_AVX2_INLINE void chi(Quad* out, Quad* c, Quad b0, Quad b1, Quad b2, Quad b3, Quad b4) {
    chi_word<First>(out[0], c[0], b0, b1, b2);
    chi_word<First>(out[1], c[1], b1, b2, b3);
    chi_word<First>(out[2], c[2], b2, b3, b4);
    chi_word<First>(out[3], c[3], b3, b4, b0);
    chi_word<First>(out[4], c[4], b4, b0, b1);
}

// One round from a to e, as keccak_round in hash.cpp; c holds the parities of the columns of a, and
// then those of e.
OL_AVX2_INLINE void keccak_round(const Quad* a, Quad* e, Quad* c, std::uint64_t constant) {
    const Quad d0 = xor4(c[4], rotate<1>(c[1]));
    const Quad d1 = xor4(c[0], rotate<1>(c[2]));
    const Quad d2 = xor4(c[1], rotate<1>(c[3]));
    const Quad d3 = xor4(c[2], rotate<1>(c[4]));
    const Quad d4 = xor4(c[3], rotate<1>(c[0]));
    chi<true>(e, c, moved<0>(a[0], d0), moved<44>(a[6], d1), moved<43>(a[12], d2),
              moved<21>(a[18], d3), moved<14>(a[24], d4));
    const Quad iota = _mm256_set1_epi64x(static_cast<long long>(constant));
    e[0] = xor4(e[0], iota);
    c[0] = xor4(c[0], iota);
    chi<false>(e + 5, c, moved<28>(a[3], d3), moved<20>(a[9], d4), moved<3>(a[10], d0),
               moved<45>(a[16], d1), moved<61>(a[22], d2));
    chi<false>(e + 10, c, moved<1>(a[1], d1), moved<6>(a[7], d2), moved<25>(a[13], d3),
               moved<8>(a[19], d4), moved<18>(a[20], d0));
    chi<false>(e + 15, c, moved<27>(a[4], d4), moved<36>(a[5], d0), moved<10>(a[11], d1),
               moved<15>(a[17], d2), moved<56>(a[23], d3));
    chi<false>(e + 20, c, moved<62>(a[2], d2), moved<55>(a[8], d3), moved<39>(a[14], d4),
               moved<41>(a[15], d0), moved<2>(a[21], d1));
}

OL_AVX2_INLINE Quad column(const Quad* a, int x) {
    return xor4(xor4(xor4(a[x], a[x + 5]), xor4(a[x + 10], a[x + 15])), a[x + 20]);
}

OL_AVX2 void permute(State4& state) {
    Quad* const a = state.quads;
    Quad e[25];
    Quad c[5];
    for (int x = 0; x < 5; ++x) c[x] = column(a, x);
    for (int round = 0; round < 24; round += 2) {
        keccak_round(a, e, c, round_constants[round]);
        keccak_round(e, a, c, round_constants[round + 1]);
    }
}

std::uint64_t load64(const std::uint8_t* in) {
    std::uint64_t value = 0;
    std::memcpy(&value, in, 8);
    return value;
}

void absorb(State4& state, std::size_t lane, const std::uint8_t* block) {
    for (std::size_t i = 0; i < rate_words; ++i) state.words[i][lane] ^= load64(block + 8 * i);
}

void squeeze(const State4& state, std::size_t lane, Hash32& out) {
    for (std::size_t i = 0; i < 4; ++i) {
        std::memcpy(out.data.data() + 8 * i, &state.words[i][lane], 8);
    }
}

// An input on its way through one lane; a lane that is done takes the next input, so inputs of
// different lengths keep all four busy.
struct Lane {
    std::size_t input = 0;
    ByteView left;
    bool busy = false, last = false;
};

void feed(State4& state, std::size_t lane, Lane& work) {
    if (work.left.size() >= rate_bytes) {
        absorb(state, lane, work.left.data());
        work.left = work.left.subspan(rate_bytes);
        return;
    }
    std::uint8_t block[rate_bytes] = {};
    if (!work.left.empty()) std::memcpy(block, work.left.data(), work.left.size());
    block[work.left.size()] = 0x01;
    block[rate_bytes - 1] |= 0x80;
    absorb(state, lane, block);
    work.last = true;
}

void many_avx2(std::span<const ByteView> inputs, std::span<Hash32> out) {
    State4 state = {};
    std::array<Lane, lanes> work;
    std::size_t next = 0;
    for (;;) {
        std::size_t busy = 0;
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            Lane& at = work[lane];
            if (!at.busy && next < inputs.size()) {
                at = {next, inputs[next], true, false};
                ++next;
                for (auto& word : state.words) word[lane] = 0;
            }
            if (!at.busy) continue;
            ++busy;
            feed(state, lane, at);
        }
        if (busy == 0) return;
        permute(state);
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            if (!work[lane].busy || !work[lane].last) continue;
            squeeze(state, lane, out[work[lane].input]);
            work[lane].busy = false;
        }
    }
}

// Words 0 to 3 at from[0] to from[3], one input to a lane.
OL_AVX2_INLINE void load_words(const std::uint8_t* const* from, std::size_t offset, Quad* out) {
    Quad in[lanes];
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        in[lane] = _mm256_loadu_si256(reinterpret_cast<const Quad*>(from[lane] + offset));
    }
    const Quad even01 = _mm256_unpacklo_epi64(in[0], in[1]); // words 0 and 2 of the lanes 0 and 1
    const Quad odd01 = _mm256_unpackhi_epi64(in[0], in[1]);
    const Quad even23 = _mm256_unpacklo_epi64(in[2], in[3]);
    const Quad odd23 = _mm256_unpackhi_epi64(in[2], in[3]);
    out[0] = _mm256_permute2x128_si256(even01, even23, 0x20);
    out[1] = _mm256_permute2x128_si256(odd01, odd23, 0x20);
    out[2] = _mm256_permute2x128_si256(even01, even23, 0x31);
    out[3] = _mm256_permute2x128_si256(odd01, odd23, 0x31);
}

// Four equally long rows that take two blocks with their prefix.
OL_AVX2 void four_long_rows(std::uint8_t prefix, const std::uint8_t* rows, std::size_t size,
                            Hash32* out) {
    State4 state;
    const std::uint8_t* from[lanes];
    std::uint8_t tails[lanes][rate_bytes] = {};
    const std::uint8_t* tail_of[lanes];
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        from[lane] = rows + lane * size;
        state.words[0][lane] = load64(from[lane]) << 8 | prefix;
        const std::size_t rest = size - (rate_bytes - 1);
        std::memcpy(tails[lane], from[lane] + rate_bytes - 1, rest);
        tails[lane][rest] = 0x01;
        tails[lane][rate_bytes - 1] |= 0x80;
        tail_of[lane] = tails[lane];
    }
    for (std::size_t i = 1; i < rate_words; i += 4) {
        load_words(from, 8 * i - 1, state.quads + i);
    }
    for (std::size_t i = rate_words; i < 25; ++i) state.quads[i] = _mm256_setzero_si256();
    permute(state);
    for (std::size_t i = 0; i + 1 < rate_words; i += 4) {
        Quad words[4];
        load_words(tail_of, 8 * i, words);
        for (std::size_t k = 0; k < 4; ++k) {
            state.quads[i + k] = xor4(state.quads[i + k], words[k]);
        }
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        state.words[rate_words - 1][lane] ^= load64(tails[lane] + rate_bytes - 8);
    }
    permute(state);
    for (std::size_t lane = 0; lane < lanes; ++lane) squeeze(state, lane, out[lane]);
}

// The same for rows that fit one block with their prefix: words straight from the rows.
void four_short_rows(std::uint8_t prefix, const std::uint8_t* rows, std::size_t size, Hash32* out) {
    State4 state;
    const std::size_t whole = (size + 1) / 8; // words of prefix and row that need no padding
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        const std::uint8_t* const row = rows + lane * size;
        std::uint8_t tail[8] = {};
        if (whole == 0) {
            tail[0] = prefix;
            std::memcpy(tail + 1, row, size);
            tail[size + 1] = 0x01;
        } else {
            state.words[0][lane] = load64(row) << 8 | prefix;
            for (std::size_t i = 1; i < whole; ++i) {
                state.words[i][lane] = load64(row + 8 * i - 1);
            }
            const std::size_t rest = size + 1 - 8 * whole;
            std::memcpy(tail, row + size - rest, rest);
            tail[rest] = 0x01;
        }
        state.words[whole][lane] = load64(tail);
        for (std::size_t i = whole + 1; i < 25; ++i) state.words[i][lane] = 0;
        state.words[rate_words - 1][lane] ^= 0x8000000000000000;
    }
    permute(state);
    for (std::size_t lane = 0; lane < lanes; ++lane) squeeze(state, lane, out[lane]);
}

void four_rows(std::uint8_t prefix, const std::uint8_t* rows, std::size_t size, Hash32* out) {
    if (size + 2 <= rate_bytes) {
        four_short_rows(prefix, rows, size, out);
    } else {
        four_long_rows(prefix, rows, size, out);
    }
}

void rows_avx2(std::uint8_t prefix, const std::uint8_t* rows, std::size_t size,
               std::span<Hash32> out) {
    std::size_t i = 0;
    for (; i + lanes <= out.size(); i += lanes) four_rows(prefix, rows + i * size, size, &out[i]);
    if (i == out.size()) return;
    // Up to three left: a call for four costs less than two alone.
    std::array<std::uint8_t, lanes* keccak_row_bytes> padded = {};
    std::array<Hash32, lanes> hashes;
    std::memcpy(padded.data(), rows + i * size, (out.size() - i) * size);
    four_rows(prefix, padded.data(), size, hashes.data());
    std::copy_n(hashes.begin(), out.size() - i, out.begin() + static_cast<std::ptrdiff_t>(i));
}

bool has_avx2() {
    static const bool found = [] {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") != 0;
    }();
    return found;
}

#endif

} // namespace

void keccak256_many(std::span<const ByteView> inputs, std::span<Hash32> out) {
    OL_CHECK(inputs.size() == out.size());
#if defined(__x86_64__)
    if (inputs.size() > 1 && has_avx2()) return many_avx2(inputs, out);
#endif
    many_scalar(inputs, out);
}

void keccak256_rows(std::uint8_t prefix, ByteView rows, std::span<Hash32> out) {
    if (out.empty()) return;
    const std::size_t size = rows.size() / out.size();
    OL_CHECK(size * out.size() == rows.size() && size <= keccak_row_bytes);
#if defined(__x86_64__)
    if (out.size() > 1 && has_avx2()) return rows_avx2(prefix, rows.data(), size, out);
#endif
    rows_scalar(prefix, rows.data(), size, out);
}

} // namespace ol::crypto
