#include "model/dora.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "model/kernels/gemm.hpp"
#include "model/kernels/quant.hpp"

namespace ol::model {

namespace {

constexpr std::size_t block_rows = 64;

// Calls load(first, count, to) for the rows of W in blocks.
using LoadRows = std::function<void(std::size_t, std::size_t, float*)>;

std::vector<float> factors(const LoadRows& load, std::size_t out, std::size_t in, kernels::View a,
                           const LoraPair& pair, ThreadPool& pool, const kernels::Table& table) {
    std::vector<float> made(out);
    const auto width = static_cast<std::ptrdiff_t>(in);
    const std::size_t rank = pair.rank;
    pool.parallel_for(
        (out + block_rows - 1) / block_rows, 1, [&](std::size_t begin, std::size_t end) {
            std::vector<float> rows(block_rows * in), low(block_rows * rank);
            for (std::size_t first = begin * block_rows; first < std::min(out, end * block_rows);
                 first += block_rows) {
                const std::size_t count = std::min(block_rows, out - first);
                load(first, count, rows.data());
                std::copy_n(pair.b.data() + first * rank, count * rank, low.data());
                table.scale(low.data(), pair.scale, count * rank);
                kernels::multiply({.m = count,
                                   .n = in,
                                   .k = rank,
                                   .a = {low.data(), static_cast<std::ptrdiff_t>(rank), 1},
                                   .b = a,
                                   .c = rows.data(),
                                   .c_row = width,
                                   .accumulate = true},
                                  nullptr, table);
                for (std::size_t i = 0; i < count; ++i) {
                    const float* row = rows.data() + i * in;
                    const float length = std::sqrt(table.dot(row, row, in));
                    // A row of zeros stays one, as in training.
                    made[first + i] = length > 0 ? pair.magnitude[first + i] / length : 0.0F;
                }
            }
        });
    return made;
}

} // namespace

std::vector<float> dora_factors(const float* weight, std::size_t out, std::size_t in,
                                const LoraPair& pair, ThreadPool& pool,
                                const kernels::Table& table) {
    const auto load = [&](std::size_t first, std::size_t count, float* to) {
        std::copy_n(weight + first * in, count * in, to);
    };
    return factors(load, out, in, {pair.a.data(), static_cast<std::ptrdiff_t>(in), 1}, pair, pool,
                   table);
}

std::vector<float> dora_factors(const Linear& linear, std::size_t out, std::size_t in,
                                const LoraPair& pair, ThreadPool& pool,
                                const kernels::Table& table) {
    if (linear.quantized == nullptr) {
        return dora_factors(linear.weight.data(), out, in, pair, pool, table);
    }
    const auto load = [&](std::size_t first, std::size_t count, float* to) {
        linear.quantized->dequantize_rows(first, count, to);
    };
    return factors(load, out, in, {pair.a.data(), static_cast<std::ptrdiff_t>(in), 1}, pair, pool,
                   table);
}

std::vector<float> dora_embedding_factors(const std::vector<float>& embedding, std::size_t vocab,
                                          std::size_t hidden, const LoraPair& pair,
                                          ThreadPool& pool, const kernels::Table& table) {
    const auto load = [&](std::size_t first, std::size_t count, float* to) {
        for (std::size_t t = 0; t < vocab; ++t) {
            for (std::size_t i = 0; i < count; ++i) {
                to[i * vocab + t] = embedding[t * hidden + first + i];
            }
        }
    };
    return factors(load, hidden, vocab, {pair.a.data(), static_cast<std::ptrdiff_t>(vocab), 1},
                   pair, pool, table);
}

} // namespace ol::model
