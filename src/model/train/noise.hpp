// Random numbers of training as a function of where they are used, so that neither threads nor
// batches nor a resumed run change them.
#pragma once

#include "base/prng.hpp"
#include "model/backprop.hpp"

namespace ol::model::train {

// A stream of 24-bit numbers for one row: number c is the top of mix64(key + (c + 1) * golden).
inline std::uint64_t row_key(const TrainNoise& noise, std::uint64_t use, std::uint64_t document,
                             std::uint64_t position) {
    std::uint64_t key = mix64(noise.seed + 0x9e3779b97f4a7c15 * (use + 1));
    for (const auto part : {noise.step, noise.first_document + document, position}) {
        key = mix64(key + 0x9e3779b97f4a7c15 * (part + 1));
    }
    return key;
}
inline std::uint32_t number(std::uint64_t key, std::uint64_t channel) {
    return static_cast<std::uint32_t>(mix64(key + 0x9e3779b97f4a7c15 * (channel + 1)) >> 40);
}

// Zeroes each value with probability p and multiplies the others by 1 / (1 - p).
class Dropout {
public:
    explicit Dropout(const TrainNoise& noise)
        : noise_(noise)
        , limit_(static_cast<std::uint32_t>(static_cast<double>(noise.dropout) * 0x1.0p24))
        , factor_(1.0F / (1.0F - noise.dropout)) {}
    // `place` tells the uses of one row apart.
    void apply(float* row, std::size_t width, std::uint64_t document, std::uint64_t position,
               std::uint64_t place) const {
        const std::uint64_t key = row_key(noise_, place + 1, document, position);
        for (std::size_t c = 0; c < width; ++c) {
            row[c] = number(key, c) < limit_ ? 0.0F : row[c] * factor_;
        }
    }

private:
    const TrainNoise& noise_;
    std::uint32_t limit_;
    float factor_;
};

// row += uniform noise in [-size, size).
inline void add_noise(const TrainNoise& noise, float* row, std::size_t width, float size,
                      std::uint64_t document, std::uint64_t position) {
    const std::uint64_t key = row_key(noise, 0, document, position);
    for (std::size_t c = 0; c < width; ++c) {
        const float unit = static_cast<float>(number(key, c)) * 0x1.0p-24F;
        row[c] += (2.0F * unit - 1.0F) * size;
    }
}

} // namespace ol::model::train
