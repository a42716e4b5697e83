// The quantised products against a scalar twin that knows nothing of panels, and the block formats
// against bytes that ggml wrote.
#include "model/kernels/quant.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "model/half.hpp"

namespace ol::model::kernels {
namespace {

// Values of very different sizes from block to block, some blocks of zeros.
std::vector<float> noise(std::size_t count, std::uint64_t seed) {
    Prng prng(seed);
    std::vector<float> out(count);
    float size = 1.0F;
    for (std::size_t i = 0; i < count; ++i) {
        if (i % quant_block == 0) {
            size = std::ldexp(1.0F, static_cast<int>(prng.below(12)) - 8);
            if (prng.below(16) == 0) size = 0.0F;
        }
        out[i] = (2.0F * prng.uniform() - 1.0F) * size;
    }
    return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// The rule of quant.hpp, from GGUF's blocks, one element after the other.
std::vector<float> twin(QuantType type, const Bytes& gguf, std::size_t out, std::size_t in,
                        const std::vector<float>& x, std::size_t rows,
                        const std::vector<float>& y) {
    const std::size_t each = type == QuantType::q8_0 ? 34 : 18;
    std::vector<float> result = y;
    for (std::size_t m = 0; m < rows; ++m) {
        for (std::size_t n = 0; n < out; ++n) {
            float acc = y[m * out + n];
            for (std::size_t b = 0; b < in / 32; ++b) {
                const float* values = x.data() + m * in + b * 32;
                const std::uint8_t* block = gguf.data() + (n * (in / 32) + b) * each;
                float most = 0;
                for (int i = 0; i < 32; ++i) most = std::max(most, std::fabs(values[i]));
                std::uint16_t half;
                std::memcpy(&half, block, 2);
                long sum = 0;
                for (int i = 0; i < 32; ++i) {
                    const long q = most < 0x1.0p-100F ? 0 : std::lrint(values[i] * (127.0F / most));
                    const int w = type == QuantType::q8_0
                                      ? static_cast<std::int8_t>(block[2 + i])
                                      : (i < 16 ? block[2 + i] & 15 : block[2 + i - 16] >> 4) - 8;
                    sum += q * w;
                }
                const float scale = most < 0x1.0p-100F ? 0.0F : most / 127.0F;
                acc = std::fma(static_cast<float>(sum), f16_to_f32(half) * scale, acc);
            }
            result[m * out + n] = acc;
        }
    }
    return result;
}

void check(QuantType type, const QuantMatrix& w, std::size_t rows, std::uint64_t seed,
           ThreadPool& pool) {
    const std::size_t out = w.out(), in = w.in();
    const auto x = noise(rows * in, seed);
    const auto expected =
        twin(type, w.gguf_rows(), out, in, x, rows, std::vector<float>(rows * out));
    const auto before = noise(rows * out, seed + 1);
    const auto added = twin(type, w.gguf_rows(), out, in, x, rows, before);
    const auto row = static_cast<std::ptrdiff_t>(in), y_row = static_cast<std::ptrdiff_t>(out);
    for (const Table* table : available()) {
        for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
            std::vector<float> y(rows * out, 7.0F);
            w.apply(x.data(), row, rows, y.data(), y_row, threads, false, *table);
            EXPECT_TRUE(same_bits(y, expected))
                << to_string(type) << " " << table->name << " " << rows << "x" << out << "x" << in;
            y = before;
            w.apply(x.data(), row, rows, y.data(), y_row, threads, true, *table);
            EXPECT_TRUE(same_bits(y, added)) << table->name << " accumulated";
        }
    }
}

TEST(Quant, ProductsAreTheTwinsForEveryShapeThreadCountAndInstance) {
    ThreadPool three(3);
    Prng prng(3);
    std::vector<std::size_t> row_counts = {1, 2, 3, 4, 5, 8, 16, 63, 64, 65, 130};
    for (const auto type : {QuantType::q8_0, QuantType::q4_0}) {
        for (std::size_t i = 0; i < 22; ++i) {
            const std::size_t out = 1 + prng.below(70), in = 32 * (1 + prng.below(9));
            const std::size_t rows = row_counts[i % row_counts.size()];
            const auto rows_of_w = noise(out * in, 100 + i);
            const auto w = QuantMatrix::quantize(type, rows_of_w.data(), out, in);
            ASSERT_TRUE(w.has_value()) << w.error().to_string();
            check(type, *w, rows, 200 + 2 * i, three);
        }
        // Large enough that the work is shared.
        const auto large = noise(std::size_t{1000} * 1024, 5);
        const auto w = QuantMatrix::quantize(type, large.data(), 1000, 1024);
        ASSERT_TRUE(w.has_value());
        check(type, *w, 2, 300, three);
        check(type, *w, 1, 302, three);
    }
}

// One row goes through four parts of the matrix at once: no part, parts of one panel and of two,
// with and without panels that are left over.
TEST(Quant, OneRowIsTheTwinsForEveryPartOfTheMatrix) {
    ThreadPool three(3);
    for (const auto type : {QuantType::q8_0, QuantType::q4_0}) {
        for (const std::size_t out : {16, 63, 64, 65, 80, 112, 127, 128, 143, 192}) {
            const auto rows = noise(out * 96, out);
            const auto w = QuantMatrix::quantize(type, rows.data(), out, 96);
            ASSERT_TRUE(w.has_value()) << w.error().to_string();
            check(type, *w, 1, 400 + out, three);
        }
    }
}

TEST(Quant, EveryByteOfAWeightAndTheLargestSumsAreExact) {
    ThreadPool two(2);
    for (const auto type : {QuantType::q8_0, QuantType::q4_0}) {
        const std::size_t each = type == QuantType::q8_0 ? 34 : 18, out = 72, blocks = 4;
        for (int fill = -1; fill < 256; ++fill) {
            Bytes gguf(out * blocks * each);
            Prng prng(static_cast<std::uint64_t>(fill + 2));
            for (std::size_t i = 0; i < gguf.size(); ++i) {
                gguf[i] = static_cast<std::uint8_t>(fill < 0 ? prng.below(256) : fill);
            }
            for (std::size_t i = 0; i < gguf.size();
                 i += each) { // 1, -2, the smallest, the largest
                const std::uint16_t scales[] = {0x3c00, 0xc000, 0x0001, 0x7bff};
                std::memcpy(gguf.data() + i, &scales[i / each % 4], 2);
            }
            auto w = QuantMatrix::from_gguf(type, gguf, out, blocks * 32);
            ASSERT_TRUE(w.has_value()) << w.error().to_string();
            EXPECT_EQ(w->gguf_rows(), gguf);
            if (fill % 17 != 0 && fill != 128) continue;
            for (const std::size_t rows : {1, 3}) check(type, *w, rows, 9, two);
            for (const float sign : {1.0F, -1.0F}) { // every x at the end of its range
                const std::vector<float> x(5 * blocks * 32, 3.5F * sign);
                const auto expected =
                    twin(type, gguf, out, blocks * 32, x, 5, std::vector<float>(5 * out));
                const std::vector<float> first(expected.begin(), expected.begin() + out);
                for (const Table* table : available()) {
                    std::vector<float> y(5 * out), one(out);
                    w->apply(x.data(), blocks * 32, 5, y.data(), out, nullptr, false, *table);
                    EXPECT_TRUE(same_bits(y, expected)) << table->name << " " << fill;
                    w->apply(x.data(), blocks * 32, 1, one.data(), out, nullptr, false, *table);
                    EXPECT_TRUE(same_bits(one, first)) << table->name << " " << fill;
                }
            }
        }
    }
}

TEST(Quant, ExtremeRowsHaveOneMeaning) {
    const auto values = noise(16 * 64, 1);
    const auto w = QuantMatrix::quantize(QuantType::q8_0, values.data(), 16, 64);
    ASSERT_TRUE(w.has_value());
    const float largest = std::numeric_limits<float>::max();
    const float smallest = std::numeric_limits<float>::denorm_min();
    const float infinity = std::numeric_limits<float>::infinity();
    for (const float value : {0.0F, -0.0F, smallest, 0x1.0p-126F, 0x1.0p-101F, 0x1.0p-100F, largest,
                              infinity, -infinity, std::nanf("")}) {
        std::vector<float> x(64, 0.25F);
        x[3] = value;
        const std::vector<float> all(64, value); // a block below the limit, and one at it
        for (const auto& row : {x, all}) {
            std::vector<std::vector<float>> results;
            for (const Table* table : available()) {
                std::vector<float> y(16);
                w->apply(row.data(), 64, 1, y.data(), 16, nullptr, false, *table);
                results.push_back(y);
                for (const float result : y) {
                    EXPECT_EQ(std::isnan(result), !std::isfinite(value)) << value;
                }
            }
            if (!std::isfinite(value)) continue;
            for (const auto& result : results) EXPECT_TRUE(same_bits(result, results[0])) << value;
        }
    }
}

TEST(Quant, SharedRowsGiveTheSameAndTheirBuffersAreReused) {
    const auto values = noise(48 * 96, 1), x = noise(7 * 96, 2);
    const auto w8 = QuantMatrix::quantize(QuantType::q8_0, values.data(), 48, 96);
    const auto w4 = QuantMatrix::quantize(QuantType::q4_0, values.data(), 20, 96);
    ASSERT_TRUE(w8.has_value() && w4.has_value());
    QuantRows rows;
    for (const std::size_t count : {7, 2, 5}) {
        rows.quantize(x.data(), 96, count, 96, nullptr);
        for (const auto* w : {&*w8, &*w4}) {
            std::vector<float> y(count * w->out()), shared = y;
            w->apply(x.data(), 96, count, y.data(), static_cast<std::ptrdiff_t>(w->out()), nullptr);
            w->apply(rows, shared.data(), static_cast<std::ptrdiff_t>(w->out()), nullptr);
            EXPECT_TRUE(same_bits(y, shared)) << count;
        }
    }
}

TEST(Quant, BlocksAreGgufs) {
    std::vector<float> x(64);
    for (int i = 0; i < 64; ++i) {
        const auto value = static_cast<float>((i * 37 + 11) % 101 - 50) / 16.0F;
        x[static_cast<std::size_t>(i)] = i < 32 ? value : value * -0.0137F;
    }
    // By gguf.quants.quantize of the Python package gguf 0.19.
    const std::pair<QuantType, const char*> expected[] = {
        {QuantType::q8_0, "4d269dfb59b61472d02e8be947a50361be1c7ad73593f14fac0a68c62481df3d9af8860d"
                          "aa4cee9033d57719bb5e00a245e7892bcd7012b456f89a3ddf8124c6680aac4f"},
        {QuantType::q4_0,
         "4036f258be1379df359bf147ac0268ce248a7b1d53fd9731db852fca640ea842fc9630db"},
    };
    for (const auto& [type, hex] : expected) {
        const auto w = QuantMatrix::quantize(type, x.data(), 1, 64);
        ASSERT_TRUE(w.has_value());
        EXPECT_EQ(to_hex(w->gguf_rows()), hex) << to_string(type);
    }
}

TEST(Quant, RowsComeBackWithinHalfAStep) {
    const auto values = noise(20 * 64, 4);
    for (const auto type : {QuantType::q8_0, QuantType::q4_0}) {
        const auto w = QuantMatrix::quantize(type, values.data(), 20, 64);
        ASSERT_TRUE(w.has_value());
        std::vector<float> back(13 * 64);
        w->dequantize_rows(5, 13, back.data());
        for (std::size_t b = 0; b < back.size() / 32; ++b) {
            const float* exact = values.data() + 5 * 64 + b * 32;
            float most = 0;
            for (int i = 0; i < 32; ++i) most = std::max(most, std::fabs(exact[i]));
            // Half a step and the rounding of the scale to f16. The end of the 4-bit range that the
            // scale's sign leaves out is a whole step away.
            const float step =
                type == QuantType::q8_0 ? most / 127.0F * 0.57F : most / 8.0F * 1.01F;
            for (int i = 0; i < 32; ++i) {
                EXPECT_NEAR(back[b * 32 + static_cast<std::size_t>(i)], exact[i], step);
            }
        }
    }
}

TEST(Quant, WhatCannotBeQuantisedIsRefusedByItsPlace) {
    std::vector<float> values(2 * 64, 1.0F);
    EXPECT_FALSE(QuantMatrix::quantize(QuantType::q8_0, values.data(), 2, 48).has_value());
    values[64 + 40] = std::numeric_limits<float>::infinity();
    auto refused = QuantMatrix::quantize(QuantType::q4_0, values.data(), 2, 64);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().context.find("row 1, values 32 to 63"), std::string::npos);
    values[64 + 40] = 127.0F * 65520.0F; // the scale would round to infinity
    EXPECT_FALSE(QuantMatrix::quantize(QuantType::q8_0, values.data(), 2, 64).has_value());
    values[64 + 40] = 127.0F * 65000.0F;
    EXPECT_TRUE(QuantMatrix::quantize(QuantType::q8_0, values.data(), 2, 64).has_value());

    const Bytes zeros(2 * 2 * 34);
    EXPECT_TRUE(QuantMatrix::from_gguf(QuantType::q8_0, zeros, 2, 64).has_value());
    const auto short_by_one = ByteView(zeros).first(zeros.size() - 1);
    EXPECT_FALSE(QuantMatrix::from_gguf(QuantType::q8_0, short_by_one, 2, 64).has_value());
    EXPECT_FALSE(QuantMatrix::from_gguf(QuantType::q4_0, zeros, 2, 64).has_value());
    EXPECT_FALSE(
        QuantMatrix::from_gguf(QuantType::q8_0, zeros, std::size_t{1} << 60, 64).has_value());
    Bytes infinite = zeros;
    infinite[34 + 1] = 0x7c;
    auto scale = QuantMatrix::from_gguf(QuantType::q8_0, infinite, 2, 64);
    ASSERT_FALSE(scale.has_value());
    EXPECT_NE(scale.error().context.find("row 0, block 1"), std::string::npos);
}

} // namespace
} // namespace ol::model::kernels
