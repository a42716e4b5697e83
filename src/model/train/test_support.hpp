// What the tests of training share.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "model/backprop.hpp"
#include "model/kernels/exact_math.hpp"

namespace ol::model {

inline std::vector<Example> some_batch(std::uint64_t seed, std::size_t sequences = 3,
                                       std::size_t longest = 60) {
    Prng prng(seed);
    std::vector<Example> out;
    for (std::size_t i = 0; i < sequences; ++i) {
        Example e;
        const std::size_t length = longest - 17 * (i % 3);
        for (std::size_t j = 0; j < length; ++j) {
            e.tokens.push_back(static_cast<TokenId>(prng.below(50)));
            e.mask.push_back(prng.below(4) != 0);
        }
        out.push_back(std::move(e));
    }
    return out;
}

// (L(w + e d) - L(w - e d)) / 2e against the gradient's product with d, for d the gradient's own
// direction and for a random one.
inline void check_gradient(const std::string& name, std::vector<float>& values,
                           const std::vector<float>& gradient,
                           const std::function<double()>& loss) {
    kernels::Normal normal(99);
    double length = 0;
    for (auto g : gradient) length += static_cast<double>(g) * static_cast<double>(g);
    length = std::sqrt(length);
    ASSERT_GT(length, 1e-3) << name;
    for (const bool random : {false, true}) {
        std::vector<double> direction(values.size());
        double norm = 0, expected = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            direction[i] =
                static_cast<double>(gradient[i]) / length +
                (random ? normal.next() / std::sqrt(static_cast<double>(values.size())) : 0.0);
            norm += direction[i] * direction[i];
        }
        for (std::size_t i = 0; i < values.size(); ++i) {
            direction[i] /= std::sqrt(norm);
            expected += direction[i] * static_cast<double>(gradient[i]);
        }
        const auto original = values;
        const double e = 4e-3;
        const auto at = [&](double step) {
            for (std::size_t i = 0; i < values.size(); ++i) {
                values[i] =
                    static_cast<float>(static_cast<double>(original[i]) + step * direction[i]);
            }
            const double out = loss();
            values = original;
            return out;
        };
        const double measured = (at(e) - at(-e)) / (2 * e);
        EXPECT_NEAR(measured, expected, 3e-3 * std::abs(expected) + 2e-3) << name;
    }
}

} // namespace ol::model
