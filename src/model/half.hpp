// 16-bit floats: bf16 (the upper half of an fp32) and f16 (IEEE binary16) to fp32 and back.
// Rounding is to nearest, ties to even.
#pragma once

#include <bit>
#include <cstdint>

namespace ol::model {

inline float bf16_to_f32(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline std::uint16_t f32_to_bf16(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    // A NaN stays one (quiet): rounding could carry it into infinity.
    if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
    return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

inline float f16_to_f32(std::uint16_t half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
    const std::uint32_t exponent = half >> 10 & 0x1fU;
    const std::uint32_t mantissa = half & 0x3ffU;
    if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000U | mantissa << 13);
    if (exponent != 0) {
        return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
    }
    // Subnormal halves are mantissa * 2^-24, which fp32 holds exactly.
    const float magnitude = static_cast<float>(mantissa) * 0x1.0p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

// Beyond the largest half: infinity.
inline std::uint16_t f32_to_f16(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    if (magnitude > 0x7f800000U) return static_cast<std::uint16_t>(sign | 0x7e00U);
    if (magnitude >= 0x477ff000U) return static_cast<std::uint16_t>(sign | 0x7c00U);
    if (magnitude >= 0x38800000U) {
        const std::uint32_t rebased = magnitude - 0x38000000U;
        const std::uint32_t rounded = rebased + 0xfffU + (rebased >> 13 & 1U);
        return static_cast<std::uint16_t>(sign | rounded >> 13);
    }
    // A float addition does the rounding to multiples of 2^-24: one ulp of 0.5 is 2^-24.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000U));
}

} // namespace ol::model
