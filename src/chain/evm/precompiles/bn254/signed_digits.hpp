// Non-adjacent forms of integers: digits that are zero or odd, at most 2^(width-1) - 1 in size, of
// which any `width` in a row hold one that is not zero.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ol::chain::evm::bn254 {

// Least significant digit first; `number` is below 2^(Size-1).
template <std::size_t Size, std::size_t LimbCount>
struct SignedDigits {
    std::array<std::int8_t, Size> digit{};
    int size = 0; // up to the last that is not zero

    constexpr SignedDigits(std::array<std::uint64_t, LimbCount> number, int width) {
        for (int at = 0;; ++at) {
            bool zero = true;
            for (auto limb : number) zero = zero && limb == 0;
            if (zero) break;
            if ((number[0] & 1) != 0) {
                const int window = static_cast<int>(number[0] & ((1U << width) - 1));
                const int value = window >= 1 << (width - 1) ? window - (1 << width) : window;
                digit[at] = static_cast<std::int8_t>(value);
                size = at + 1;
                subtract(number, value);
            }
            for (std::size_t i = 0; i < LimbCount; ++i) {
                const std::uint64_t above = i + 1 < LimbCount ? number[i + 1] : 0;
                number[i] = number[i] >> 1 | above << 63;
            }
        }
    }

private:
    static constexpr void subtract(std::array<std::uint64_t, LimbCount>& number, int value) {
        if (value > 0) {
            number[0] -= static_cast<std::uint64_t>(value); // its low bits are `value`
            return;
        }
        std::uint64_t carry = static_cast<std::uint64_t>(-value);
        for (std::size_t i = 0; i < LimbCount && carry != 0; ++i) {
            number[i] += carry;
            carry = number[i] < carry ? 1 : 0;
        }
    }
};

} // namespace ol::chain::evm::bn254
