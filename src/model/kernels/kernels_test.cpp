// The instances against each other and against plain loops, bit for bit.
#include "model/kernels/kernels.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "model/half.hpp"
#include "model/kernels/attention.hpp"
#include "model/kernels/exact_math.hpp"
#include "model/kernels/gemm.hpp"

namespace ol::model::kernels {
namespace {

std::vector<float> noise(std::size_t count, std::uint64_t seed, float size = 1.0F) {
    Prng prng(seed);
    std::vector<float> out(count);
    for (auto& value : out) value = (2.0F * prng.uniform() - 1.0F) * size;
    return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// The rule itself: one chain per element.
std::vector<float> chain(const Product& p, const std::vector<float>& start) {
    std::vector<float> out = start;
    for (std::size_t m = 0; m < p.m; ++m) {
        for (std::size_t n = 0; n < p.n; ++n) {
            float acc = p.accumulate ? out[m * p.c_row + n] : 0.0F;
            for (std::size_t k = 0; k < p.k; ++k) {
                const auto i = static_cast<std::ptrdiff_t>(m), j = static_cast<std::ptrdiff_t>(n),
                           l = static_cast<std::ptrdiff_t>(k);
                acc = std::fma(p.a.at(i, l).data[0], p.b.at(l, j).data[0], acc);
            }
            out[m * p.c_row + n] = acc;
        }
    }
    return out;
}

TEST(Kernels, TileIsOneChainPerElementInBothInstances) {
    for (int rows = 1; rows <= tile_rows; ++rows) {
        for (int columns : {1, 7, 8, 9, 15, 16, 17, 31, 33, 48, 50, 64, 80, 100, 128, 150}) {
            for (const bool accumulate : {false, true}) {
                const std::size_t depth = 37;
                const std::size_t panels = static_cast<std::size_t>(columns + panel - 1) / panel;
                const auto a = noise(static_cast<std::size_t>(rows) * depth, 1);
                const auto b = noise(panels * depth * panel, 2);
                const auto start = noise(static_cast<std::size_t>(rows) * 160, 3);
                auto expected = start;
                for (int m = 0; m < rows; ++m) {
                    for (int n = 0; n < columns; ++n) {
                        const std::size_t at = static_cast<std::size_t>(m * 160 + n);
                        float acc = accumulate ? start[at] : 0.0F;
                        for (std::size_t k = 0; k < depth; ++k) {
                            const auto j = static_cast<std::size_t>(n);
                            acc =
                                std::fma(a[static_cast<std::size_t>(m) * depth + k],
                                         b[j / panel * depth * panel + k * panel + j % panel], acc);
                        }
                        expected[at] = acc;
                    }
                }
                for (const Table* table : available()) {
                    auto c = start;
                    Tile tile;
                    tile.rows = rows;
                    tile.columns = columns;
                    tile.depth = depth;
                    tile.a = a.data();
                    tile.a_row = static_cast<std::ptrdiff_t>(depth);
                    tile.b = b.data();
                    tile.b_panel = static_cast<std::ptrdiff_t>(depth * panel);
                    tile.c = c.data();
                    tile.c_row = 160;
                    tile.accumulate = accumulate;
                    table->tile(tile);
                    EXPECT_TRUE(same_bits(c, expected))
                        << table->name << " rows " << rows << " columns " << columns;
                }
            }
        }
    }
}

// Six rows and whole panels have code of their own for each way in which factors may lie.
TEST(Kernels, WholeTilesAreOneChainPerElementHoweverTheirFactorsLie) {
    constexpr std::size_t most = 23, columns = 32;
    const auto a = noise(7000, 1), b = noise(7000, 2), start = noise(tile_rows * 40, 3);
    struct Lie {
        std::ptrdiff_t a_row, a_step, b_panel, b_step;
    };
    for (const auto& lie :
         {Lie{most, 1, most * panel, panel}, Lie{64, 1, panel, 48},
          Lie{1, tile_rows, most * panel, panel}, Lie{1, 250, most * panel, panel},
          Lie{1, 64, panel, 48}, Lie{3, 50, panel, 40}, Lie{1, 1, panel, 32}}) {
        for (std::size_t depth = 0; depth <= most; ++depth) {
            for (const bool accumulate : {false, true}) {
                auto expected = start;
                for (std::size_t m = 0; m < tile_rows; ++m) {
                    for (std::size_t n = 0; n < columns; ++n) {
                        float acc = accumulate ? start[m * 40 + n] : 0.0F;
                        for (std::size_t k = 0; k < depth; ++k) {
                            const auto i = static_cast<std::ptrdiff_t>(k);
                            const auto row = static_cast<std::ptrdiff_t>(m);
                            const auto of = static_cast<std::ptrdiff_t>(n / panel);
                            acc = std::fma(a.data()[row * lie.a_row + i * lie.a_step],
                                           b.data()[of * lie.b_panel + i * lie.b_step +
                                                    static_cast<std::ptrdiff_t>(n % panel)],
                                           acc);
                        }
                        expected[m * 40 + n] = acc;
                    }
                }
                for (const Table* table : available()) {
                    auto c = start;
                    table->tile({.rows = tile_rows,
                                 .columns = columns,
                                 .depth = depth,
                                 .a = a.data(),
                                 .a_row = lie.a_row,
                                 .a_step = lie.a_step,
                                 .b = b.data(),
                                 .b_panel = lie.b_panel,
                                 .b_step = lie.b_step,
                                 .c = c.data(),
                                 .c_row = 40,
                                 .accumulate = accumulate});
                    EXPECT_TRUE(same_bits(c, expected))
                        << table->name << " a " << lie.a_row << ", " << lie.a_step << " b "
                        << lie.b_panel << ", " << lie.b_step << " depth " << depth;
                }
            }
        }
    }
}

struct Shape {
    std::size_t m, n, k;
};

TEST(Kernels, ProductsHaveTheSameBitsForEveryLayoutThreadCountAndInstance) {
    ThreadPool two(2), three(3);
    for (const auto& s : {Shape{1, 16, 8}, Shape{2, 5, 300}, Shape{7, 40, 33}, Shape{49, 17, 257},
                          Shape{100, 64, 20}, Shape{60, 260, 70}, Shape{150, 33, 600},
                          Shape{301, 150, 40}, Shape{13, 144, 530}, Shape{50, 1100, 270}}) {
        const auto a = noise(s.m * s.k, 4), b = noise(s.n * s.k, 5);
        const auto start = noise(s.m * s.n, 6);
        const auto k = static_cast<std::ptrdiff_t>(s.k), n = static_cast<std::ptrdiff_t>(s.n),
                   m = static_cast<std::ptrdiff_t>(s.m);
        // Row-major times transposed (forward), row-major times row-major (gradient of the input),
        // transposed times row-major (gradient of the weight).
        const std::pair<View, View> forms[] = {
            {{a.data(), k, 1}, {b.data(), 1, k}},
            {{a.data(), k, 1}, {b.data(), n, 1}},
            {{a.data(), 1, m}, {b.data(), n, 1}},
        };
        for (const auto& [va, vb] : forms) {
            for (const bool accumulate : {false, true}) {
                Product p{.m = s.m,
                          .n = s.n,
                          .k = s.k,
                          .a = va,
                          .b = vb,
                          .c_row = n,
                          .accumulate = accumulate};
                const auto expected = chain(p, start);
                for (ThreadPool* pool : {static_cast<ThreadPool*>(nullptr), &two, &three}) {
                    auto c = start;
                    p.c = c.data();
                    multiply(p, pool);
                    EXPECT_TRUE(same_bits(c, expected)) << s.m << "x" << s.n << "x" << s.k;
                }
                for (const Table* table : available()) {
                    auto c = start;
                    p.c = c.data();
                    multiply(p, nullptr, *table);
                    EXPECT_TRUE(same_bits(c, expected)) << table->name;
                }
            }
        }
    }
}

TEST(Kernels, EmptyReductionGivesZerosOrKeeps) {
    std::vector<float> c = {1, 2, 3, 4};
    Product p{
        .m = 2, .n = 2, .k = 0, .a = {}, .b = {}, .c = c.data(), .c_row = 2, .accumulate = true};
    multiply(p, nullptr);
    EXPECT_EQ(c, (std::vector<float>{1, 2, 3, 4}));
    p.accumulate = false;
    multiply(p, nullptr);
    EXPECT_EQ(c, std::vector<float>(4));
}

TEST(Kernels, PackedWeightsGiveTheBitsOfMultiplyForEveryRowCount) {
    ThreadPool two(2);
    const std::size_t out = 200, in = 70;
    const auto w = noise(out * in, 7);
    PackedMatrix packed(out, in);
    packed.set_rows(0, w.data(), 90);
    packed.set_rows(90, w.data() + 90 * in, out - 90);
    std::vector<float> back(60 * in);
    packed.get_rows(80, back.data(), 60);
    EXPECT_TRUE(same_bits(back, {w.begin() + 80 * in, w.begin() + 140 * in}));
    for (std::size_t rows : {1, 2, 3, 4, 5, 6, 7, 13, 50, 160}) {
        const auto x = noise(rows * in, rows);
        std::vector<float> expected(rows * out), y(rows * out);
        multiply({.m = rows,
                  .n = out,
                  .k = in,
                  .a = {x.data(), in, 1},
                  .b = {w.data(), 1, in},
                  .c = expected.data(),
                  .c_row = out},
                 nullptr);
        auto again = expected;
        packed.apply(x.data(), in, rows, y.data(), out, &two);
        EXPECT_TRUE(same_bits(y, expected)) << rows;
        packed.apply(x.data(), in, rows, y.data(), out, nullptr, true);
        multiply({.m = rows,
                  .n = out,
                  .k = in,
                  .a = {x.data(), in, 1},
                  .b = {w.data(), 1, in},
                  .c = again.data(),
                  .c_row = out,
                  .accumulate = true},
                 nullptr);
        EXPECT_TRUE(same_bits(y, again)) << rows;
        for (const Table* table : available()) {
            packed.apply(x.data(), in, rows, y.data(), out, nullptr, false, *table);
            EXPECT_TRUE(same_bits(y, expected)) << table->name << " " << rows;
        }
    }
}

TEST(Kernels, Bf16WeightsGiveTheBitsOfTheRoundedOnes) {
    ThreadPool two(2);
    for (const auto& s : {Shape{0, 200, 70}, Shape{0, 33, 600}, Shape{0, 16, 1}, Shape{0, 9, 0}}) {
        const auto w = noise(s.n * s.k, 7);
        auto rounded = w;
        for (auto& value : rounded) value = bf16_to_f32(f32_to_bf16(value));
        PackedMatrix packed(s.n, s.k, Storage::bf16);
        packed.set_rows(0, w.data(), s.n);
        std::vector<float> back(s.n * s.k);
        packed.get_rows(0, back.data(), s.n);
        EXPECT_TRUE(same_bits(back, rounded));
        const auto in = static_cast<std::ptrdiff_t>(s.k), out = static_cast<std::ptrdiff_t>(s.n);
        for (const std::size_t rows : {1, 2, 3, 4, 6, 7, 20, 150}) {
            for (const bool accumulate : {false, true}) {
                const auto x = noise(rows * s.k, rows), start = noise(rows * s.n, 3);
                const Product p{.m = rows,
                                .n = s.n,
                                .k = s.k,
                                .a = {x.data(), in, 1},
                                .b = {rounded.data(), 1, in},
                                .c = nullptr,
                                .c_row = out,
                                .accumulate = accumulate};
                const auto expected = chain(p, start);
                for (const Table* table : available()) {
                    auto y = start;
                    packed.apply(x.data(), in, rows, y.data(), out, &two, accumulate, *table);
                    EXPECT_TRUE(same_bits(y, expected))
                        << table->name << " " << rows << "x" << s.n << "x" << s.k;
                }
            }
        }
    }
}

TEST(Kernels, RowKernelsAgreeBitForBit) {
    const Table &p = portable(), &v = best();
    for (std::size_t n = 1; n <= 41; ++n) {
        const auto a = noise(n, n, 4.0F), b = noise(n, n + 100), c = noise(n, n + 200, 3.0F);
        const auto both = [&](const auto& call) {
            std::vector<float> left = c, right = c, left2 = a, right2 = a;
            call(p, left, left2);
            call(v, right, right2);
            EXPECT_TRUE(same_bits(left, right)) << n;
            EXPECT_TRUE(same_bits(left2, right2)) << n;
        };
        const auto scalar = [&](float x, float y) {
            EXPECT_EQ(std::memcmp(&x, &y, sizeof x), 0) << n << ": " << x << " " << y;
        };
        scalar(p.dot(a.data(), b.data(), n), v.dot(a.data(), b.data(), n));
        scalar(p.max_scaled(a.data(), -0.3F, n), v.max_scaled(a.data(), -0.3F, n));
        both([&](const Table& t, auto& x, auto&) { t.add(x.data(), a.data(), n); });
        both([&](const Table& t, auto& x, auto&) { t.scale(x.data(), 0.37F, n); });
        both([&](const Table& t, auto& x, auto& y) {
            y[0] = t.rms_norm(a.data(), b.data(), x.data(), n, 1e-5F);
        });
        both([&](const Table& t, auto& x, auto&) {
            t.rms_backward(a.data(), c.data(), b.data(), 0.7F, x.data(), n);
        });
        both([&](const Table& t, auto& x, auto&) {
            t.rms_weight(a.data(), b.data(), 1.3F, x.data(), n);
        });
        both([&](const Table& t, auto& x, auto&) { t.multiply(x.data(), a.data(), n); });
        both([&](const Table& t, auto& x, auto& y) {
            y[0] = t.layer_norm(a.data(), b.data(), c.data(), x.data(), n, 1e-5F, &y[n / 2]);
            std::vector<float> again(n);
            t.layer_apply(a.data(), b.data(), c.data(), y[n / 2], n == 1 ? x[0] : y[0],
                          again.data(), n);
            EXPECT_TRUE(n == 1 || same_bits(again, x)) << n;
        });
        both([&](const Table& t, auto& x, auto&) { t.gelu(a.data(), x.data(), n); });
        both([&](const Table& t, auto& x, auto&) { t.geglu(a.data(), b.data(), x.data(), n); });
        both([&](const Table& t, auto& x, auto&) { t.softcap(x.data(), 3.0F, 2.5F, n); });
        both([&](const Table& t, auto& x, auto&) { t.swiglu(a.data(), b.data(), x.data(), n); });
        both([&](const Table& t, auto& x, auto& y) {
            std::vector<float> product(n);
            t.swiglu_backward(x.data(), y.data(), b.data(), product.data(), n);
            x.insert(x.end(), product.begin(), product.end());
        });
        both([&](const Table& t, auto& x, auto& y) { y[0] = t.exp_sum(x.data(), 1.7F, 2.0F, n); });
        both([&](const Table& t, auto& x, auto&) {
            t.softmax_backward(x.data(), a.data(), 0.2F, 0.5F, n);
        });
        if (n % 2 == 0) {
            both([&](const Table& t, auto& x, auto&) {
                t.rope(x.data(), a.data(), b.data(), n / 2, -1.0F);
            });
        }
        both([&](const Table& t, auto& x, auto& y) {
            std::vector<float> second(n, 0.25F);
            t.adam(x.data(), b.data(), y.data(), second.data(), n,
                   {1e-2F, 0.9F, 0.95F, 1e-8F, 0.1F, 1.5F, 2.5F, 0.8F});
            x.insert(x.end(), second.begin(), second.end());
        });
    }
}

TEST(Kernels, RowKernelsComputeWhatTheySay) {
    const std::size_t n = 24;
    const auto x = noise(n, 1, 3.0F), w = noise(n, 2);
    std::vector<float> y(n);
    const float r = best().rms_norm(x.data(), w.data(), y.data(), n, 1e-5F);
    double mean = 0;
    for (auto value : x) mean += static_cast<double>(value) * static_cast<double>(value) / n;
    EXPECT_NEAR(r, 1.0 / std::sqrt(mean + 1e-5), 1e-6);
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(y[i], x[i] * r * w[i], 1e-6);

    best().swiglu(x.data(), w.data(), y.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
        EXPECT_NEAR(y[i], x[i] / (1 + std::exp(-x[i])) * w[i], 1e-6);
    }
}

TEST(Kernels, LayerNormAndGeluComputeWhatTheySay) {
    const std::size_t n = 29;
    const auto x = noise(n, 1, 3.0F), w = noise(n, 2), b = noise(n, 3);
    std::vector<float> y(n);
    float got_mean = 0;
    const float r = best().layer_norm(x.data(), w.data(), b.data(), y.data(), n, 1e-5F, &got_mean);
    double mean = 0, variance = 0;
    for (const double value : x) mean += value / n;
    for (const double value : x) variance += (value - mean) * (value - mean) / n;
    EXPECT_NEAR(got_mean, mean, 1e-6);
    EXPECT_NEAR(r, 1.0 / std::sqrt(variance + 1e-5), 1e-6);
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(y[i], (x[i] - mean) * r * w[i] + b[i], 2e-6);
    const auto gelu = [](double v) {
        return v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
    };
    best().gelu(x.data(), y.data(), n);
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(y[i], gelu(x[i]), 1e-6);
    best().geglu(x.data(), w.data(), y.data(), n);
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(y[i], gelu(x[i]) * w[i], 1e-6);
}

TEST(Kernels, SoftCapIsAccurateNearZeroAndFarFromIt) {
    std::vector<float> x;
    for (float value = 1e-6F; value < 60.0F; value *= 1.01F) {
        x.push_back(value);
        x.push_back(-value);
    }
    x.push_back(1e30F);
    x.push_back(-std::numeric_limits<float>::infinity());
    x.push_back(0.0F);
    auto y = x;
    best().softcap(y.data(), 1.0F, 2.0F, y.size());
    auto twin = x;
    portable().softcap(twin.data(), 1.0F, 2.0F, twin.size());
    EXPECT_TRUE(same_bits(y, twin));
    for (std::size_t i = 0; i + 1 < x.size(); ++i) {
        const double exact = 2.0 * std::tanh(static_cast<double>(x[i]) / 2.0);
        EXPECT_NEAR(static_cast<double>(y[i]) / exact, 1.0, 4e-7) << x[i];
    }
    EXPECT_EQ(y.back(), 0.0F);
}

TEST(Kernels, ExponentialIsAccurateAndVanishesFarBelow) {
    std::vector<float> x;
    for (float value = -87.0F; value < 0.0F; value += 0.0137F) x.push_back(value);
    auto y = x;
    best().exp_sum(y.data(), 1.0F, 0.0F, y.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double exact = std::exp(static_cast<double>(x[i]));
        EXPECT_NEAR(static_cast<double>(y[i]) / exact, 1.0, 3e-7) << x[i];
    }
    std::vector<float> far = {-87.5F, -1000.0F, -std::numeric_limits<float>::infinity(), 0.0F};
    EXPECT_EQ(best().exp_sum(far.data(), 1.0F, 0.0F, far.size()), 1.0F);
    EXPECT_EQ(far, (std::vector<float>{0, 0, 0, 1}));
}

TEST(ExactMath, AgreesWithLibm) {
    Prng prng(11);
    for (int i = 0; i < 20000; ++i) {
        const double u = static_cast<double>(prng.uniform());
        const double x = (u - 0.5) * 2000;
        EXPECT_NEAR(exact_sin(x), std::sin(x), 1e-14);
        EXPECT_NEAR(exact_cos(x), std::cos(x), 1e-14);
        const double e = (u - 0.5) * 1000;
        EXPECT_NEAR(exact_exp(e) / std::exp(e), 1.0, 1e-14);
        const double l = std::exp((u - 0.5) * 200);
        EXPECT_NEAR(exact_log(l), std::log(l), 1e-14 * std::max(1.0, std::abs(std::log(l))));
    }
    EXPECT_EQ(exact_log(1.0), 0.0);
    EXPECT_EQ(exact_cos(0.0), 1.0);
    EXPECT_NEAR(exact_power(0.95, 1000), std::pow(0.95, 1000), 1e-30);
}

TEST(ExactMath, NormalNumbersHaveTheirMoments) {
    Normal normal(42);
    double sum = 0, square = 0, fourth = 0;
    const int count = 200000;
    for (int i = 0; i < count; ++i) {
        const double x = normal.next();
        sum += x;
        square += x * x;
        fourth += x * x * x * x;
    }
    EXPECT_NEAR(sum / count, 0.0, 0.01);
    EXPECT_NEAR(square / count, 1.0, 0.02);
    EXPECT_NEAR(fourth / count, 3.0, 0.1);
}

struct AttentionForm {
    std::size_t window;
    float scale, softcap;
};

class AttentionForms : public testing::TestWithParam<AttentionForm> {};

TEST_P(AttentionForms, AgreesWithDoubleArithmeticAndSeesItsWindowOnly) {
    const auto form = GetParam();
    const std::size_t size = 12, length = 55;
    const auto q = noise(length * size, 1, 2.0F);
    const auto k = noise(length * size, 2, 2.0F), v = noise(length * size, 3);
    const auto lowest = [&](std::size_t p) {
        return form.window == 0 || p + 1 <= form.window ? 0 : p + 1 - form.window;
    };
    const auto run = [&](std::size_t first, std::size_t rows, bool poison, bool same = false) {
        const std::size_t seen = same ? first + 1 : first + rows;
        std::vector<float> keys((length + panel) / panel * panel * size), values(length * panel);
        for (std::size_t p = 0; p < length; ++p) {
            for (std::size_t d = 0; d < size; ++d) {
                const bool unseen = poison && (p >= seen || p < lowest(first));
                keys[p / panel * panel * size + d * panel + p % panel] =
                    unseen ? 1e30F : k[p * size + d];
                values[p * panel + d] = unseen ? 1e30F : v[p * size + d];
            }
        }
        std::vector<float> out(rows * size), twin = out, top(rows), inverse(rows);
        AttentionRows a;
        a.head_size = size;
        a.rows = rows;
        a.first = first;
        a.same_position = same;
        a.window = form.window;
        a.scale = form.scale;
        a.softcap = form.softcap;
        a.q = q.data() + first * size;
        a.q_row = same ? 0 : size;
        a.cache = {keys.data(), panel * size, values.data(), panel};
        a.out = out.data();
        a.out_row = size;
        a.top = top.data();
        a.inverse = inverse.data();
        attend(a);
        a.out = twin.data();
        attend(a, portable());
        EXPECT_TRUE(same_bits(out, twin));
        if (form.softcap > 0) {
            for (const float t : top) EXPECT_LE(std::abs(t), form.softcap);
        }
        return out;
    };
    const double scale = form.scale == 0 ? 1 / std::sqrt(12.0) : form.scale;
    const auto whole = run(0, length, false);
    for (std::size_t i = 0; i < length; ++i) {
        std::vector<double> p(i + 1);
        double total = 0;
        for (std::size_t j = lowest(i); j <= i; ++j) {
            double s = 0;
            for (std::size_t d = 0; d < size; ++d) {
                s += static_cast<double>(q[i * size + d]) * static_cast<double>(k[j * size + d]);
            }
            s *= scale;
            if (form.softcap > 0) s = form.softcap * std::tanh(s / form.softcap);
            total += p[j] = std::exp(s);
        }
        for (std::size_t d = 0; d < size; ++d) {
            double sum = 0;
            for (std::size_t j = lowest(i); j <= i; ++j) sum += p[j] / total * v[j * size + d];
            EXPECT_NEAR(whole[i * size + d], sum, 4e-6);
        }
    }
    // Any split of the rows, and whatever lies outside, gives the same bits; so do the heads of a
    // group at one position.
    for (const std::size_t step : {1, 5, 8}) {
        for (std::size_t first = 0; first < length; first += step) {
            const std::size_t rows = std::min(step, length - first);
            const auto part = run(first, rows, true);
            EXPECT_EQ(
                std::memcmp(part.data(), whole.data() + first * size, rows * size * sizeof(float)),
                0)
                << first;
            const auto heads = run(first, 3, true, true);
            EXPECT_EQ(std::memcmp(heads.data() + 2 * size, whole.data() + first * size,
                                  size * sizeof(float)),
                      0)
                << first;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Attention, AttentionForms,
                         testing::Values(AttentionForm{0, 0, 0}, AttentionForm{0, 0.2F, 3.0F},
                                         AttentionForm{1, 0, 0}, AttentionForm{3, 0.4F, 0},
                                         AttentionForm{7, 0, 2.0F}, AttentionForm{20, 0, 0},
                                         AttentionForm{33, 0.3F, 5.0F}, AttentionForm{55, 0, 0},
                                         AttentionForm{100, 0, 0}));

} // namespace
} // namespace ol::model::kernels
