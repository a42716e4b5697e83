// Products of a block of rows and gradients of weights against plain loops, bit for bit.
#include "model/train/panels.hpp"

#include <cmath>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace ol::model::train {
namespace {

std::vector<float> noise(std::size_t count, std::uint64_t seed) {
    Prng prng(seed);
    std::vector<float> out(count);
    for (auto& value : out) value = 2.0F * prng.uniform() - 1.0F;
    return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Panels, TermsFollowEachOtherInOneChain) {
    const std::size_t rows = 20, first_depth = 700, second_depth = 9, columns = 300;
    const auto a = noise(rows * first_depth, 1), b = noise(columns * first_depth, 2);
    const auto a2 = noise(rows * second_depth, 3), b2 = noise(columns * second_depth, 4);
    const auto start = noise(rows * columns, 5);
    Panels first, second;
    first.reshape(first_depth, columns);
    first.set_transposed(0, b.data(), columns);
    second.reshape(second_depth, columns);
    second.set_transposed(0, b2.data(), columns);
    const Term terms[2] = {{a.data(), first_depth, &first}, {a2.data(), second_depth, &second}};
    for (const bool accumulate : {false, true}) {
        auto expected = start;
        for (std::size_t m = 0; m < rows; ++m) {
            for (std::size_t n = 0; n < columns; ++n) {
                float acc = accumulate ? start[m * columns + n] : 0.0F;
                for (std::size_t k = 0; k < first_depth; ++k) {
                    acc = std::fma(a[m * first_depth + k], b[n * first_depth + k], acc);
                }
                for (std::size_t k = 0; k < second_depth; ++k) {
                    acc = std::fma(a2[m * second_depth + k], b2[n * second_depth + k], acc);
                }
                expected[m * columns + n] = acc;
            }
        }
        for (const auto* table : kernels::available()) {
            auto c = start;
            multiply_rows(rows, terms, c.data(), columns, accumulate, *table);
            EXPECT_TRUE(same_bits(c, expected)) << table->name;
        }
    }
}

TEST(Panels, OuterSumsOverTheRowsInTheirOrder) {
    const std::size_t narrow_row = 70;
    for (const std::size_t rows : {1, 5, 321, 700}) {
        for (const std::size_t n : {3, 6, 50}) {
            const std::size_t wide_row = n + 3;
            const auto wide = noise(rows * wide_row, 1), narrow = noise(rows * narrow_row, 2);
            for (const std::size_t m : {1, 8, 16, 24, 48}) {
                const auto start = noise(n * m, 3);
                for (const bool accumulate : {false, true}) {
                    auto expected = start;
                    for (std::size_t i = 0; i < n; ++i) {
                        for (std::size_t j = 0; j < m; ++j) {
                            float acc = accumulate ? start[i * m + j] : 0.0F;
                            for (std::size_t r = 0; r < rows; ++r) {
                                acc = std::fma(wide[r * wide_row + i], narrow[r * narrow_row + j],
                                               acc);
                            }
                            expected[i * m + j] = acc;
                        }
                    }
                    for (const auto* table : kernels::available()) {
                        auto c = start;
                        outer({.rows = rows,
                               .n = n,
                               .m = m,
                               .wide = wide.data(),
                               .wide_row = wide_row,
                               .narrow = narrow.data(),
                               .narrow_row = narrow_row,
                               .c = c.data(),
                               .c_row = m,
                               .accumulate = accumulate},
                              *table);
                        EXPECT_TRUE(same_bits(c, expected))
                            << table->name << " " << rows << " rows, " << n << " x " << m;
                    }
                }
            }
        }
    }
}

} // namespace
} // namespace ol::model::train
