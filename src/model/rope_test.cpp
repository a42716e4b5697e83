#include "model/rope.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace ol::model {
namespace {

ModelConfig wide() {
    ModelConfig c;
    c.head_size = 128;
    c.rope_theta = 500000.0F;
    return c;
}

// Llama 3.1's: transformers 4.57, _compute_llama3_parameters, in double.
TEST(Rope, Llama3LeavesHighFrequenciesAndDividesLowOnes) {
    auto c = wide();
    const auto plain = rope_frequencies(c, false);
    c.rope_scaling = {RopeScaling::Kind::llama3, 8.0F, 1.0F, 4.0F, 8192};
    const auto scaled = rope_frequencies(c, false);
    int kept = 0, divided = 0, between = 0;
    for (std::size_t i = 0; i < 64; ++i) {
        const double f = 1.0 / std::pow(500000.0, static_cast<double>(i) / 64.0);
        EXPECT_NEAR(plain[i] / f, 1.0, 1e-6);
        const double wavelength = 2 * M_PI / f;
        double want = f;
        if (wavelength > 8192) {
            want = f / 8;
            ++divided;
        } else if (wavelength >= 2048) {
            const double smooth = (8192 / wavelength - 1) / 3;
            want = (1 - smooth) * f / 8 + smooth * f;
            ++between;
        } else {
            ++kept;
            EXPECT_EQ(scaled[i], plain[i]);
        }
        EXPECT_NEAR(scaled[i] / want, 1.0, 1e-5) << i;
    }
    EXPECT_GT(kept, 20);
    EXPECT_GT(divided, 20);
    EXPECT_GT(between, 3);
}

TEST(Rope, LinearDividesAllAndWindowedLayersHaveTheirOwn) {
    auto c = wide();
    const auto plain = rope_frequencies(c, false);
    c.rope_scaling = {RopeScaling::Kind::linear, 4.0F};
    const auto scaled = rope_frequencies(c, false);
    for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(scaled[i], plain[i] / 4.0F);
    EXPECT_FALSE(has_local_rope(c));
    EXPECT_EQ(rope_frequencies(c, true), scaled);
    c.local_rope_theta = 10000.0F;
    EXPECT_NEAR(rope_frequencies(c, true)[32], 0.01, 1e-8);
    c.learned_positions = true;
    EXPECT_TRUE(rope_frequencies(c, false).empty());
}

} // namespace
} // namespace ol::model
