// EIP-2537's encodings of BLS12-381: a field element is 64 bytes, big endian, below the prime; a
// point is its coordinates, or zeros for infinity. For the .cpp files beside it alone, which see
// blst's types.
#pragma once

#include <blst.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/bytes.hpp"

namespace ol::chain::evm::precompiles {

inline constexpr std::size_t fp_bytes = 64;
inline constexpr std::size_t fp_zeros = 16; // in front of the 48 that are used

inline bool all_zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

inline std::optional<blst_fp> read_fp(const std::uint8_t* bytes) {
    static constexpr std::uint8_t prime[48] = {
        0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6,
        0x43, 0x4b, 0xac, 0xd7, 0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf,
        0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24, 0x1e, 0xab, 0xff, 0xfe,
        0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab};
    if (!all_zero({bytes, fp_zeros}) || std::memcmp(bytes + fp_zeros, prime, 48) >= 0) {
        return std::nullopt;
    }
    blst_fp out;
    blst_fp_from_bendian(&out, bytes + fp_zeros);
    return out;
}

inline void write_fp(std::uint8_t* bytes, const blst_fp& value) {
    std::memset(bytes, 0, fp_zeros);
    blst_bendian_from_fp(bytes + fp_zeros, &value);
}

inline std::optional<blst_fp2> read_fp2(const std::uint8_t* bytes) {
    const auto c0 = read_fp(bytes);
    const auto c1 = read_fp(bytes + fp_bytes);
    if (!c0 || !c1) return std::nullopt;
    return blst_fp2{{*c0, *c1}};
}

inline void write_fp2(std::uint8_t* bytes, const blst_fp2& value) {
    write_fp(bytes, value.fp[0]);
    write_fp(bytes + fp_bytes, value.fp[1]);
}

// The two groups under one set of names, for what is the same in both. read() takes points of the
// curve, in the subgroup or not.
struct G1 {
    using Point = blst_p1;
    using Affine = blst_p1_affine;
    static constexpr std::size_t bytes = 2 * fp_bytes;

    static std::optional<Affine> read(const std::uint8_t* in) {
        const auto x = read_fp(in);
        const auto y = read_fp(in + fp_bytes);
        if (!x || !y) return std::nullopt;
        const Affine out{*x, *y};
        if (!blst_p1_affine_is_inf(&out) && !blst_p1_affine_on_curve(&out)) return std::nullopt;
        return out;
    }
    static Bytes write(const Point& point) {
        Affine affine;
        blst_p1_to_affine(&affine, &point);
        Bytes out(bytes);
        write_fp(out.data(), affine.x);
        write_fp(out.data() + fp_bytes, affine.y);
        return out;
    }
    static constexpr auto is_infinity = blst_p1_affine_is_inf;
    static constexpr auto in_subgroup = blst_p1_affine_in_g1;
    static constexpr auto from_affine = blst_p1_from_affine;
    static constexpr auto add_affine = blst_p1_add_or_double_affine;
    static constexpr auto add = blst_p1_add_or_double;
    static constexpr auto multiply = blst_p1_mult;
    static constexpr auto scratch_size = blst_p1s_mult_pippenger_scratch_sizeof;
    static constexpr auto multiply_many = blst_p1s_mult_pippenger;
};

struct G2 {
    using Point = blst_p2;
    using Affine = blst_p2_affine;
    static constexpr std::size_t bytes = 4 * fp_bytes;

    static std::optional<Affine> read(const std::uint8_t* in) {
        const auto x = read_fp2(in);
        const auto y = read_fp2(in + 2 * fp_bytes);
        if (!x || !y) return std::nullopt;
        const Affine out{*x, *y};
        if (!blst_p2_affine_is_inf(&out) && !blst_p2_affine_on_curve(&out)) return std::nullopt;
        return out;
    }
    static Bytes write(const Point& point) {
        Affine affine;
        blst_p2_to_affine(&affine, &point);
        Bytes out(bytes);
        write_fp2(out.data(), affine.x);
        write_fp2(out.data() + 2 * fp_bytes, affine.y);
        return out;
    }
    static constexpr auto is_infinity = blst_p2_affine_is_inf;
    static constexpr auto in_subgroup = blst_p2_affine_in_g2;
    static constexpr auto from_affine = blst_p2_from_affine;
    static constexpr auto add_affine = blst_p2_add_or_double_affine;
    static constexpr auto add = blst_p2_add_or_double;
    static constexpr auto multiply = blst_p2_mult;
    static constexpr auto scratch_size = blst_p2s_mult_pippenger_scratch_sizeof;
    static constexpr auto multiply_many = blst_p2s_mult_pippenger;
};

} // namespace ol::chain::evm::precompiles
