#include "model/sampler.hpp"

#include <cmath>
#include <map>

#include <gtest/gtest.h>

namespace ol::model {
namespace {

std::map<TokenId, int> draw(const SamplingConfig& config, const std::vector<float>& logits,
                            int count) {
    Sampler sampler(config);
    std::map<TokenId, int> out;
    for (int i = 0; i < count; ++i) ++out[sampler.sample(logits, {})];
    return out;
}

TEST(Sampler, ZeroTemperatureTakesTheFirstOfTheMostLikely) {
    Sampler sampler({});
    EXPECT_EQ(sampler.sample(std::vector<float>{0.5F, 2.0F, 2.0F, -1.0F}, {}), 1U);
    EXPECT_EQ(sampler.sample(std::vector<float>{3.0F}, {}), 0U);
}

TEST(Sampler, TheSameSeedGivesTheSameTokens) {
    const std::vector<float> logits = {0.1F, 0.2F, 0.3F, 0.1F, 0.0F};
    Sampler a({.temperature = 1, .seed = 5}), b({.temperature = 1, .seed = 5}),
        c({.temperature = 1, .seed = 6});
    bool differs = false;
    for (int i = 0; i < 100; ++i) {
        const auto x = a.sample(logits, {}), y = b.sample(logits, {}), z = c.sample(logits, {});
        EXPECT_EQ(x, y);
        differs = differs || x != z;
    }
    EXPECT_TRUE(differs);
}

TEST(Sampler, FrequenciesFollowTheSoftmaxAtItsTemperature) {
    const std::vector<float> logits = {std::log(0.7F), std::log(0.2F), std::log(0.1F)};
    auto seen = draw({.temperature = 1, .seed = 1}, logits, 20000);
    EXPECT_NEAR(seen[0] / 20000.0, 0.7, 0.015);
    EXPECT_NEAR(seen[2] / 20000.0, 0.1, 0.01);
    seen = draw({.temperature = 0.5F, .seed = 1}, logits, 20000); // squares: 0.49 : 0.04 : 0.01
    EXPECT_NEAR(seen[0] / 20000.0, 0.49 / 0.54, 0.01);
}

TEST(Sampler, TopKAndTopPCutTheTail) {
    const std::vector<float> logits = {std::log(0.1F), std::log(0.5F), std::log(0.3F),
                                       std::log(0.1F)};
    auto seen = draw({.temperature = 1, .top_k = 2, .seed = 1}, logits, 5000);
    EXPECT_EQ(seen.size(), 2U);
    EXPECT_NEAR(seen[1] / 5000.0, 0.625, 0.03);
    EXPECT_EQ(draw({.temperature = 1, .top_k = 1, .seed = 1}, logits, 500).size(), 1U);
    seen = draw({.temperature = 1, .top_p = 0.75F, .seed = 1}, logits, 5000);
    EXPECT_EQ(seen.size(), 2U);
    EXPECT_TRUE(seen.contains(1) && seen.contains(2));
    // Even an empty nucleus keeps the most likely token.
    EXPECT_EQ(draw({.temperature = 1, .top_p = 0.0F, .seed = 1}, logits, 100).size(), 1U);
}

TEST(Sampler, ThePenaltyLowersRecentTokensOfEitherSignOnce) {
    Sampler sampler({.repetition_penalty = 2.0F});
    const std::vector<TokenId> recent = {0, 0, 9};
    EXPECT_EQ(sampler.sample(std::vector<float>{3.0F, 2.0F, 1.0F}, recent), 1U);
    EXPECT_EQ(sampler.sample(std::vector<float>{-1.0F, -1.5F}, recent), 1U);
    // 3 / 2 once stays above 1.
    EXPECT_EQ(sampler.sample(std::vector<float>{3.0F, 1.0F}, recent), 0U);
}

} // namespace
} // namespace ol::model
