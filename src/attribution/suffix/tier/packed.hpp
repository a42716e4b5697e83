// Numbers of one width, one behind the other in a section.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "base/bytes.hpp"

namespace ol::attribution::suffix {

class PackedView {
public:
    PackedView() = default;
    // At least packed_bytes(count, width) bytes.
    PackedView(const std::uint8_t* bytes, std::uint32_t width)
        : bytes_(bytes)
        , width_(width) {}

    std::uint32_t operator[](std::uint64_t index) const {
        const std::uint64_t bit = index * width_;
        std::uint64_t word = 0;
        std::memcpy(&word, bytes_ + bit / 8, sizeof word);
        return static_cast<std::uint32_t>(word >> bit % 8 & ((std::uint64_t{1} << width_) - 1));
    }
    const std::uint8_t* address(std::uint64_t index) const { return bytes_ + index * width_ / 8; }

private:
    const std::uint8_t* bytes_ = nullptr;
    std::uint32_t width_ = 0; // at most 32
};

// Ends with eight bytes that are read, but hold no number.
inline std::uint64_t packed_bytes(std::uint64_t count, std::uint32_t width) {
    return (count * width + 7) / 8 + 8;
}

// Numbers below 2^width.
inline Bytes pack(std::span<const std::uint32_t> numbers, std::uint32_t width) {
    Bytes out(packed_bytes(numbers.size(), width), 0);
    std::uint64_t bit = 0;
    for (const std::uint32_t number : numbers) {
        std::uint64_t word = 0;
        std::memcpy(&word, out.data() + bit / 8, sizeof word);
        word |= std::uint64_t{number} << bit % 8;
        std::memcpy(out.data() + bit / 8, &word, sizeof word);
        bit += width;
    }
    return out;
}

} // namespace ol::attribution::suffix
